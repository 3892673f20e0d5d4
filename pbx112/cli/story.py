"""A call told to people, in English or Indonesian: each event as a sentence."""

from __future__ import annotations

import re

import msgspec

from pbx112.cdr.values import moment
from pbx112.log import mask
from pbx112.model import events as ev
from pbx112.words import (
    ADMITTED,
    CALL_BACKS,
    DETAILS,
    DISPOSITIONS,
    HELPS,
    LINES,
    OUTCOMES,
    OWNERS,
    PARTIES,
    PROMPTS,
    REFUSALS,
    RESULTS,
    STATES,
    TEST_DETAILS,
    TESTS,
    WAITS,
    WHY,
    Language,
    word,
)

_NAMES = re.compile(r'"[^"]*"?')
_NUMBERS = re.compile(r"\+?[0-9]{4,}")


def caller_of(raw: str, number: str | None, *, unmask: bool, language: Language = "en") -> str:
    """The caller's number as it may be shown: the last three digits alone, unless asked for whole."""
    shown = number or raw
    if not shown:
        return "withheld" if language == "en" else "tanpa nomor"
    return shown if unmask else _masked(shown, language)


def _masked(shown: str, language: Language) -> str:
    """What is no number (`anonymous`, which Postgres gives as `…ous`) says only that there is none."""
    if any(sign.isdecimal() for sign in shown) or len(shown) < len("…ous"):
        return mask(shown)
    return "withheld" if language == "en" else "tanpa nomor"


def masked(event: ev.CallerDescribed) -> ev.CallerDescribed:
    """What the trunk said, as it may be shown unless asked for whole: numbers by their last three digits, no names, of
    the place and the radio cell only that they are known."""
    return ev.CallerDescribed(
        identity=_names_and_numbers_masked(event.identity),
        access_network="…" if event.access_network else "",
        diversion=_names_and_numbers_masked(event.diversion),
        history=_names_and_numbers_masked(event.history),
        geolocation="…" if event.geolocation else "",
        place="…" if event.place else "",
    )


def masked_target(event: ev.CallTransferred) -> ev.CallTransferred:
    """What was dialled and is nobody of the plan may be anybody's number."""
    return msgspec.structs.replace(event, to=mask(event.to))


def _names_and_numbers_masked(header: str) -> str:
    return _NUMBERS.sub(lambda found: mask(found[0]), _NAMES.sub('"…"', header))


def description(
    event: ev.CallerDescribed, *, unmask: bool, language: Language = "en"
) -> list[tuple[str, str]]:
    """What the trunk said of the caller, by what it is called; what it did not say is left out."""
    said = event if unmask else masked(event)
    where = ""
    if said.latitude is not None and said.longitude is not None:
        within = "" if said.radius is None else f" ± {said.radius:g} m"
        where = f"{said.latitude:.6f}, {said.longitude:.6f}{within}"
    texts = {
        ("identity", "identitas"): said.identity,
        ("cell", "sel radio"): said.access_network,
        ("diverted", "dialihkan"): said.diversion,
        ("history", "riwayat"): said.history,
        ("location", "lokasi"): where or said.place or said.geolocation,
    }
    return [(label[language == "id"], text) for label, text in texts.items() if text]


def owner_name(owner: str, language: Language = "en") -> str:
    """`call_takers` and `supervisors` in words; an agency by its key."""
    return word(OWNERS, owner, language)


def target_name(target: ev.Target, language: Language = "en") -> str:
    """A line by its owner, number and name."""
    name = f" {target.name}" if target.name != target.number else ""
    return f"{owner_name(target.owner, language)} {target.number}{name}"


def sentence(event: ev.Event, *, unmask: bool, language: Language = "en") -> str:
    """What happened, in one line."""
    english, indonesian = _sentences(event, unmask, language)
    return english if language == "en" else indonesian


def _sentences(event: ev.Event, unmask: bool, language: Language) -> tuple[str, str]:
    """The line in English and in Indonesian; the words that both hold are in `language`."""
    match event:
        case ev.CallArrived():
            caller = caller_of(event.caller_raw, event.caller, unmask=unmask, language=language)
            by = (f" by {event.source}", f" lewat {event.source}") if event.source else ("", "")
            back = (
                ("", "") if event.callable else ("; cannot be called back", "; tidak dapat dihubungi kembali")
            )
            alone = ("", "")
            if event.via == "fallback":
                alone = ("; the dialplan handles it alone", "; ditangani dialplan saja")
            pranks = ("", "")
            if event.nuisance:
                pranks = (
                    f"; {event.nuisance} pranks of late",
                    f"; {event.nuisance} kali iseng belakangan ini",
                )
            late = ("", "")
            if event.late:
                late = (
                    f"; had been there for {event.late:.1f} s",
                    f"; sudah {event.late:.1f} detik menunggu".replace(".", ","),
                )
            return (
                f"call from {caller} to {event.dialled}{by[0]}{back[0]}{late[0]}{pranks[0]}{alone[0]}",
                f"panggilan dari {caller} ke {event.dialled}{by[1]}{back[1]}{late[1]}{pranks[1]}{alone[1]}",
            )
        case ev.CallerDescribed():
            said = "; ".join(
                f"{label} {value}" for label, value in description(event, unmask=unmask, language=language)
            )
            return f"the trunk says: {said}", f"keterangan operator: {said}"
        case ev.EmergencyAsked():
            return (
                "is asked to press 1 in an emergency: pranks came from this number",
                "diminta menekan 1 bila darurat: nomor ini tercatat iseng",
            )
        case ev.EmergencyAnswered():
            if event.digit:
                return "the caller pressed 1: an emergency", "warga menekan 1: keadaan darurat"
            return (
                "the caller pressed nothing: behind the others",
                "warga tidak menekan apa pun: di belakang yang lain",
            )
        case ev.CallQueued():
            why = word(WAITS, event.reason, language)
            return (
                f"has to wait: {why}; goes on after {event.longest:g} s in any case",
                f"harus menunggu: {why}; diteruskan setelah {event.longest:g} detik bagaimanapun",
            )
        case ev.WaitAnnounced():
            return f"is told to wait, time {event.time}", f"diminta menunggu, kali ke-{event.time}"
        case ev.CallAdmitted():
            admitted = word(ADMITTED, event.why, language)
            return f"goes on: {admitted}", f"diteruskan: {admitted}"
        case ev.CallerAnswered():
            return "the caller is answered", "panggilan warga diangkat"
        case ev.StageEntered():
            lines = sum(len(wave) for wave in event.waves)
            owner = owner_name(event.owner, language)
            return (
                f"turns to {owner} ({_why(event.why, language)}): {lines} line{'' if lines == 1 else 's'} to try",
                f"beralih ke {owner} ({_why(event.why, language)}): {lines} saluran akan dicoba",
            )
        case ev.LegOffered():
            leg = _leg(event.leg, language)
            if event.brought:
                whose, who = _leg(event.brought, language), target_name(event.target, language)
                return f"{leg} {who} is brought in by {whose}", f"{leg} {who} disambungkan oleh {whose}"
            if not event.placed:
                return (
                    f"{leg} cannot be placed: a limit of the trunk is reached",
                    f"{leg} tidak dapat dilakukan: batas jalur keluar tercapai",
                )
            target, longest = target_name(event.target, language), event.target.ring_for
            return (
                f"{leg} rings {target} for up to {longest:g} s",
                f"{leg} menghubungi {target}, paling lama {longest:g} detik",
            )
        case ev.LegRinging():
            return f"{_leg(event.leg)} the phone rings", f"{_leg(event.leg, 'id')} telepon berdering"
        case ev.LegAnswered():
            return f"{_leg(event.leg)} something picked up", f"{_leg(event.leg, 'id')} diangkat"
        case ev.LegAccepted():
            return (
                f"{_leg(event.leg)} a human accepted, caller joined",
                f"{_leg(event.leg, 'id')} diterima seorang petugas, tersambung dengan warga",
            )
        case ev.LegEnded():
            result = event.result if language == "en" else word(RESULTS, event.result, language)
            codes = (
                [f"{'cause' if language == 'en' else 'sebab'} {event.cause}"]
                if event.cause is not None
                else []
            )
            codes += [f"SIP {event.sip}"] if event.sip is not None else []
            codes += [word(DETAILS, event.detail, language)] if event.detail else []
            end = result + (f" ({', '.join(codes)})" if codes else "")
            return f"{_leg(event.leg)} over: {end}", f"{_leg(event.leg, 'id')} selesai: {end}"
        case ev.HelpSought():
            leg, owner, why = (
                _leg(event.by, language),
                owner_name(event.owner, language),
                _why(event.why, language),
            )
            consult = (", first without the caller", ", semula tanpa warga") if event.consult else ("", "")
            return (
                f"help {event.help}: {leg} calls {owner} in ({why}){consult[0]}",
                f"bantuan {event.help}: {leg} memanggil {owner} ({why}){consult[1]}",
            )
        case ev.HelpEnded():
            result = word(HELPS, event.result, language)
            return f"help {event.help}: {result}", f"bantuan {event.help}: {result}"
        case ev.CallerHeld():
            return (
                f"{_leg(event.by)} the caller hears music meanwhile",
                f"{_leg(event.by, 'id')} sementara itu warga mendengar musik",
            )
        case ev.CallerBack():
            by = ("", "")
            if event.by:
                by = (f", by leg {event.by}", f", oleh upaya {event.by}")
            if event.by and event.why:
                by = (by[0] + ", held for as long as may be", by[1] + ", batas waktu tunggu tercapai")
            return f"the caller is back in the talk{by[0]}", f"warga kembali dalam percakapan{by[1]}"
        case ev.CallTransferred():
            return _transfer(event if unmask or event.owner else masked_target(event))
        case ev.CallMarked():
            disposition = word(DISPOSITIONS, event.disposition, language)
            marks = " · ".join(part for part in (disposition, event.name or event.incident) if part)
            return f"{event.by} marks the call: {marks}", f"{event.by} mencatat panggilan: {marks}"
        case ev.CallBackPlaced():
            number = caller_of(event.number, event.number, unmask=unmask, language=language)
            return (
                f"{event.by} calls back {number} over {event.trunk}",
                f"{event.by} menghubungi kembali {number} lewat {event.trunk}",
            )
        case ev.ListenStarted():
            how = (
                ("listens and whispers", "mendengar dan berbisik")
                if event.whisper
                else ("listens", "mendengar")
            )
            return f"{event.by} {how[0]} on {event.line}", f"{event.by} {how[1]} di {event.line}"
        case ev.ListenEnded():
            unseen = ("", "") if event.seen else (", at the latest now", ", paling lambat sekarang")
            return f"{event.by} listens no more{unseen[0]}", f"{event.by} berhenti mendengar{unseen[1]}"
        case ev.CallBackEnded():
            result = word(CALL_BACKS, event.result, language)
            return (
                f"{event.by} has called back: {result}, {event.seconds:g} s",
                f"{event.by} selesai menghubungi kembali: {result}, {event.seconds:g} detik",
            )
        case ev.KeyAsked():
            if not event.by:
                return (
                    "nothing is heard; the caller is asked to press 5",
                    "tidak terdengar suara; warga diminta menekan 5",
                )
            return (
                f"{_leg(event.by)} has the caller asked to press 5",
                f"{_leg(event.by, 'id')} meminta warga menekan 5",
            )
        case ev.CallerSpoke():
            return "the caller is heard", "suara warga terdengar"
        case ev.KeyGiven():
            if not event.digit:
                return "the caller pressed nothing", "warga tidak menekan apa pun"
            return f"the caller pressed {event.digit}", f"warga menekan {event.digit}"
        case ev.CommandRefused():
            why = word(REFUSALS, event.why, language)
            return (
                f"{_leg(event.by)} pressed {event.keys}, in vain: {why}",
                f"{_leg(event.by, 'id')} menekan {event.keys}, tanpa hasil: {why}",
            )
        case ev.MenuOffered():
            keys = ", ".join(f"{digit} {owner}" for digit, owner in event.keys.items())
            return (
                f"the menu is spoken, time {event.attempt}: {keys}",
                f"menu diperdengarkan, kali ke-{event.attempt}: {keys}",
            )
        case ev.PromptHeard():
            prompt = word(PROMPTS, event.prompt, language)
            if event.played:
                return f"{prompt} spoken", f"{prompt} selesai diperdengarkan"
            return f"{prompt} could not be played", f"{prompt} tidak dapat diperdengarkan"
        case ev.MenuChosen():
            if not event.digit:
                return "no key: the default", "tidak ada tombol: tujuan bawaan"
            chosen = event.name or event.incident
            return f"the caller pressed {event.digit}: {chosen}", f"warga menekan {event.digit}: {chosen}"
        case ev.RecordingStarted():
            return f"recording as {event.name}", f"direkam sebagai {event.name}"
        case ev.RecordingFinished():
            if event.seconds is None:
                return f"recording {event.name} complete", f"rekaman {event.name} selesai"
            return (
                f"recording {event.name} complete, {event.seconds:g} s",
                f"rekaman {event.name} selesai, {event.seconds:g} detik",
            )
        case ev.RecordingFailed():
            return (
                f"recording {event.name} failed: {event.reason}",
                f"rekaman {event.name} gagal: {event.reason}",
            )
        case ev.AnnouncementStarted():
            return (
                "every possibility has been tried; the caller is told so",
                "semua kemungkinan sudah dicoba; warga diberi tahu",
            )
        case ev.CallerLeft():
            cause = ("", "")
            if event.cause is not None:
                cause = (f" (cause {event.cause})", f" (sebab {event.cause})")
            return f"the caller is gone{cause[0]}", f"warga menutup telepon atau terputus{cause[1]}"
        case ev.CallResumed():
            return (
                "taken up again by a restarted or reconnected daemon",
                "dilanjutkan oleh daemon yang dimulai ulang atau tersambung kembali",
            )
        case ev.HandedToFallback():
            return (
                f"handed to the fallback dialplan: {event.reason}",
                f"diserahkan ke dialplan cadangan: {event.reason}",
            )
        case ev.CallEnded():
            return (
                f"ended by {word(PARTIES, event.by)}: {event.outcome}",
                f"diakhiri {word(PARTIES, event.by, 'id')}: {word(OUTCOMES, event.outcome, 'id')}",
            )
        case ev.DaemonStarted():
            return (
                f"daemon {event.version} started on {event.node}",
                f"daemon {event.version} dimulai di {event.node}",
            )
        case ev.DaemonStopped():
            return f"daemon stopped: {event.reason}", f"daemon berhenti: {event.reason}"
        case ev.PlanLoaded():
            return f"plan {event.plan} decides from here on", f"rencana {event.plan} berlaku mulai di sini"
        case ev.JournalGap():
            return (
                f"{event.lost} events could not be kept: {event.reason}",
                f"{event.lost} kejadian tidak dapat disimpan: {event.reason}",
            )
        case ev.LineStateChanged():
            until = _until(event.until_us, language)
            return (
                f"{event.by} {word(STATES, event.state)}{until}",
                f"{event.by} {word(STATES, event.state, 'id')}{until}",
            )
        case ev.StandbyChosen():
            until = _until(event.until_us, language)
            if not event.number:
                return (
                    f"{event.by}: {event.agency} takes the plan's order of mobiles again",
                    f"{event.by}: {event.agency} kembali ke urutan ponsel dalam rencana",
                )
            return (
                f"{event.by}: {event.agency} has {mask(event.number)} tried first{until}",
                f"{event.by}: {event.agency} mendahulukan {mask(event.number)}{until}",
            )
        case ev.PinRefused():
            return f"{event.by}: wrong PIN for {event.agency}", f"{event.by}: PIN salah untuk {event.agency}"
        case ev.NuisanceLifted():
            number = caller_of(event.number, event.number, unmask=unmask, language=language)
            return (
                f"{event.by}: the pranks of {number} count no more",
                f"{event.by}: tanda iseng {number} dicabut",
            )
        case ev.DeskStated():
            lines, standby = len(event.lines), len(event.standby)
            return (
                f"said again: state of {lines} lines, standby of {standby} agencies",
                f"dinyatakan ulang: keadaan {lines} saluran, siaga {standby} instansi",
            )
        case ev.VerificationStarted():
            return (
                f"verification {event.run} of {event.lines} lines begins"
                + (", by the schedule" if event.by == "schedule" else ""),
                f"verifikasi {event.run} atas {event.lines} saluran dimulai"
                + (", sesuai jadwal" if event.by == "schedule" else ""),
            )
        case ev.LineTestPlaced():
            line = f"{event.owner} {mask_mobile(event.number)}"
            return (
                f"test call to {line}, try {event.attempt}",
                f"uji coba ke {line}, percobaan {event.attempt}",
            )
        case ev.LineTestEnded():
            line = f"{event.owner} {mask_mobile(event.number)}"
            reasons = [
                f" ({word(TEST_DETAILS, event.detail, each)})" if event.detail else ""
                for each in ("en", "id")
            ]
            return (
                f"test of {line}: {word(TESTS, event.result)}{reasons[0]}",
                f"uji coba {line}: {word(TESTS, event.result, 'id')}{reasons[1]}",
            )
        case ev.VerificationEnded():
            return (
                f"verification {event.run} {'is over' if event.complete else 'was broken off'}",
                f"verifikasi {event.run} {'selesai' if event.complete else 'dihentikan'}",
            )
        case ev.LinesSeen(whole=True):
            dead = sum(line.state not in ("ready", "busy") for line in event.lines)
            return (
                f"said again: {len(event.lines)} lines, {dead} of them not alive",
                f"dinyatakan ulang: {len(event.lines)} saluran, {dead} di antaranya tidak hidup",
            )
        case ev.LinesSeen():
            found: list[tuple[str, str]] = [
                (f"{each.owner} {mask_mobile(each.number)}", each.state) for each in event.lines
            ]
            found += [(f"trunk {each.trunk}", each.state) for each in event.trunks]
            return (
                "; ".join(f"{what} is {word(LINES, state)}" for what, state in found)
                or "no line has changed",
                "; ".join(f"{what} {word(LINES, state, 'id')}" for what, state in found)
                or "tidak ada saluran yang berubah",
            )


def mask_mobile(number: str) -> str:
    """An officer's mobile by its last three digits; an extension as it is."""
    return mask(number) if number.startswith("+") else number


def _transfer(event: ev.CallTransferred) -> tuple[str, str]:
    leg, leg_id = _leg(event.by), _leg(event.by, "id")
    if not event.owner:
        return (
            f"{leg} the phone's transfer to {event.to} is refused: nobody of the plan",
            f"{leg_id} pengalihan ke {event.to} ditolak: tidak ada dalam rencana",
        )
    how = (
        ("after speaking with it", "setelah berbicara dulu")
        if event.attended
        else ("unannounced", "langsung")
    )
    return (
        f"{leg} transfers the call to {owner_name(event.owner)} ({event.to}), {how[0]}",
        f"{leg_id} mengalihkan panggilan ke {owner_name(event.owner, 'id')} ({event.to}), {how[1]}",
    )


def _why(why: str, language: Language) -> str:
    """What led here; `menu:kebakaran` and `incident:banjir` name an incident."""
    kind, colon, incident = why.partition(":")
    return word(WHY, kind, language) + (f": {incident}" if colon else "")


def _until(until_us: int | None, language: Language) -> str:
    if until_us is None:
        return ""
    try:
        when = f"{moment(until_us):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # no such day: a damaged journal
        when = str(until_us)
    return f" {'until' if language == 'en' else 'sampai'} {when}"


def _leg(number: int, language: Language = "en") -> str:
    return f"{'leg' if language == 'en' else 'upaya'} {number}:"
