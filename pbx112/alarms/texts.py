"""What people read, in English and Indonesian. No number of a citizen is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

from pbx112.words import OWNERS, Language

from .conditions import Kind
from .heart import Known, Word

MOST = 15
"""Alarms that one message names; of further ones, how many."""
SHORT = 300
"""Characters of a message for a gateway of SMS: two of them, as a rule."""


@dataclass(frozen=True, slots=True)
class Message:
    """`short` is for an SMS: one line, without `title`. `kind` is Apprise's word for how bad it is."""

    title: str
    body: str
    short: str
    kind: Literal["failure", "warning", "success", "info"]


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose alarms these are, in which language, and in which time zone its people live."""

    service: str
    node: str
    language: Language = "id"
    zone: tzinfo = UTC


HEADLINES: Mapping[Kind, tuple[str, str]] = {
    "agency": ("{name}: no line is alive", "{name}: tidak ada saluran yang hidup"),
    "trunk": ("trunk {name} is down", "trunk {name} mati"),
    "nobody": ("no call taker is logged in", "tidak ada penerima panggilan yang siap"),
    "caller": ("a caller has waited {many} s for a human", "penelepon sudah menunggu {many} detik"),
    "slow": (
        "only {many} % of the past hour's calls were answered within 15 s (yardstick: 90 %)",
        "hanya {many} % panggilan satu jam terakhir dijawab dalam 15 detik (tolok ukur: 90 %)",
    ),
    "unserved": (
        "calls of the past 10 minutes that reached nobody: {many}",
        "panggilan 10 menit terakhir yang tidak dijawab siapa pun: {many}",
    ),
    "silent": (
        "{name} has accepted none of its calls within the past hour ({many} attempts)",
        "{name} tidak menerima satu pun panggilan dalam satu jam terakhir ({many} percobaan)",
    ),
    "fallback": (
        "calls of the past 10 minutes by the fallback dialplan: {many}",
        "panggilan 10 menit terakhir lewat dialplan cadangan: {many}",
    ),
    "pranks": (
        "prank or ghost calls of the past 10 minutes: {many}",
        "panggilan prank atau ghost 10 menit terakhir: {many}",
    ),
    "daemon": (
        "pbx112 does not serve: the fallback dialplan rings",
        "pbx112 tidak melayani: dialplan cadangan yang bekerja",
    ),
    "asterisk": ("Asterisk is away", "Asterisk tidak terhubung"),
    "journal": ("the journal is in trouble", "jurnal bermasalah"),
    "database": ("records do not reach Postgres", "catatan tidak sampai ke Postgres"),
    "disk": ("little room is left in {name}", "ruang disk di {name} hampir habis"),
    "stuck": (
        "{name} does not answer: what is told of it is old",
        "{name} tidak menjawab: keterangan tentangnya sudah usang",
    ),
}  # fmt: skip

REMEDIES: Mapping[Kind, tuple[str, str]] = {
    "agency": (
        "are its telephones on, plugged in, registered? `pbx112 status`",
        "apakah teleponnya menyala, tersambung, terdaftar? `pbx112 status`",
    ),
    "trunk": (
        "no mobile can be rung over it; see the gateway, `asterisk -rx 'pjsip show registrations'`",
        "ponsel tidak dapat dihubungi lewat trunk ini; periksa gateway, `asterisk -rx 'pjsip show registrations'`",
    ),
    "nobody": (
        "all are paused or logged out, and are rung all the same; log in: *1120",
        "semua jeda atau keluar, tetapi tetap dideringkan; masuk: *1120",
    ),
    "caller": ("`pbx112 status` says who is rung", "`pbx112 status` menunjukkan siapa yang dideringkan"),
    "slow": ("more call takers are needed, or lines are down", "perlu lebih banyak petugas, atau ada saluran mati"),
    "unserved": ("call them back: *1124; `pbx112 cdr`", "telepon kembali: *1124; `pbx112 cdr`"),
    "silent": (
        "talk to the agency; `pbx112 verify` tests its lines",
        "hubungi OPD itu; `pbx112 verify` menguji salurannya",
    ),
    "fallback": (
        "was the daemon away? `systemctl status pbx112`",
        "apakah daemon sempat mati? `systemctl status pbx112`",
    ),
    "pranks": (
        "numbers with marks go behind the others; consider one call taker more",
        "nomor yang ditandai antre di belakang; pertimbangkan tambahan petugas",
    ),
    "daemon": (
        "systemctl status pbx112; journalctl -u pbx112 -n 50",
        "systemctl status pbx112; journalctl -u pbx112 -n 50",
    ),
    "asterisk": ("systemctl status asterisk", "systemctl status asterisk"),
    "journal": ("calls go on; `pbx112 status`", "panggilan tetap berjalan; `pbx112 status`"),
    "database": (
        "they wait in the journal; systemctl status postgresql",
        "catatan menunggu di jurnal; systemctl status postgresql",
    ),
    "disk": ("make room there", "kosongkan ruang di sana"),
    "stuck": (
        "a dying disk, or a network share that is away? `dmesg`; `findmnt -T` with that folder",
        "disk rusak, atau berbagi jaringan terputus? `dmesg`; `findmnt -T` dengan folder itu",
    ),
}  # fmt: skip

_WHY: Mapping[str, tuple[str, str]] = {
    "absent": ("no process", "tidak ada proses"),
    "hangs": ("it hangs", "macet"),
    "unreachable": ("unreachable", "terputus"),
    "unregistered": ("not registered with the operator", "tidak terdaftar di operator"),
}
_WORDS: Mapping[str, tuple[str, str]] = {
    "begins": ("ALARM", "ALARM"),
    "still": ("STILL", "MASIH"),
    "over": ("OVER", "SELESAI"),
    "since": ("since", "sejak"),
    "more": ("and {many} more: `pbx112 status`", "dan {many} lagi: `pbx112 status`"),
    "many": ("{many} alarms", "{many} alarm"),
    "test": ("test message", "pesan uji"),
    "tested": (
        "Alarms of pbx112 arrive here. Nothing is amiss; nothing needs to be done.",
        "Alarm pbx112 akan masuk ke sini. Tidak ada gangguan; tidak perlu tindakan.",
    ),
}
_WORST: tuple[tuple[str, Literal["failure", "warning", "success"]], ...] = (
    ("begins", "failure"),
    ("still", "warning"),
    ("over", "success"),
)


def message(words: Sequence[Word], voice: Voice, now_us: int) -> Message:
    """All of `words` in one message, what begins first. There is one at least."""
    ranks = [what for what, _ in _WORST]
    ranked = sorted(words, key=lambda word: ranks.index(word.what))
    lines = [_line(word, voice, now_us) for word in ranked[:MOST]]
    if len(ranked) > MOST:
        lines.append(_say("more", voice).format(many=len(ranked) - MOST))
    heads = [f"{_say(word.what, voice)}: {headline(word.about, voice.language)}" for word in ranked]
    title = heads[0] if len(heads) == 1 else _say("many", voice).format(many=len(heads))
    return Message(
        title=f"{voice.service} ({voice.node}): {title}",
        body="\n\n".join(lines),
        short=_cut(f"{voice.service} ({voice.node}): " + "; ".join(heads)),
        kind=dict(_WORST)[ranked[0].what],
    )


def test_message(voice: Voice) -> Message:
    """What `--test` sends."""
    head = f"{voice.service} ({voice.node}): {_say('test', voice)}"
    told = _say("tested", voice)
    return Message(head, told, _cut(f"{head}. {told}"), "info")


def headline(known: Known, language: Language) -> str:
    """An alarm in one line."""
    at = _at(language)
    name = OWNERS[known.name][at] if known.name in OWNERS else known.name
    return HEADLINES[known.kind][at].format(name=name, many=f"{known.many:.0f}")


def _line(word: Word, voice: Voice, now_us: int) -> str:
    begun = _moment(word.since_us, voice, now_us)
    head = f"{_say(word.what, voice)}: {headline(word.about, voice.language)}"
    if word.until_us is not None:
        return f"{head} ({begun} - {_moment(word.until_us, voice, now_us)})"
    why = word.about.why
    told = _WHY[why][_at(voice.language)] if why in _WHY else why
    told = f" ({told[:300]})" if told else ""
    remedy = REMEDIES[word.about.kind][_at(voice.language)]
    return f"{head}, {_say('since', voice)} {begun}{told}\n-> {remedy}"


def _moment(utc_us: int, voice: Voice, now_us: int) -> str:
    then, now = (datetime.fromtimestamp(us / 1e6, UTC).astimezone(voice.zone) for us in (utc_us, now_us))
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%d/%m %H:%M}"


def _say(word: str, voice: Voice) -> str:
    return _WORDS[word][_at(voice.language)]


def _at(language: Language) -> int:
    return 0 if language == "en" else 1


def _cut(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 3] + "..."
