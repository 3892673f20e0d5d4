"""The field's words in English and Indonesian, as people are shown them: one table for each vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pbx112.plan.types import CALL_TAKERS, SUPERVISORS

Language = Literal["en", "id"]

Table = Mapping[str, tuple[str, str]]
"""A word of the records, and what it is called in English and in Indonesian."""

OUTCOMES: Table = {
    "answered": ("answered", "terjawab"),
    "abandoned_ringing": ("hung up while lines rang", "menutup saat telepon berdering"),
    "abandoned_menu": ("hung up in the menu", "menutup saat menu"),
    "abandoned_waiting": ("hung up while waiting for a turn", "menutup saat menunggu giliran"),
    "unanswered": ("nobody could be reached", "tidak ada yang menjawab"),
    "fallback_answered": ("answered, by the dialplan alone", "terjawab, oleh dialplan saja"),
    "fallback_unanswered": ("nobody answered, by the dialplan alone", "tidak terjawab, oleh dialplan saja"),
    "system_failure": ("cut by a failure of the exchange", "terputus karena gangguan sentral"),
}
RESULTS: Table = {
    "accepted": ("accepted", "diterima"),
    "answered_not_accepted": ("picked up, not accepted", "diangkat, tidak diterima"),
    "declined": ("declined", "ditolak"),
    "busy": ("busy", "sibuk"),
    "no_answer": ("no answer", "tidak diangkat"),
    "unavailable": ("unavailable", "tidak terhubung"),
    "misconfigured": ("misconfigured", "salah pengaturan"),
    "answered_elsewhere": ("answered elsewhere", "diterima saluran lain"),
    "caller_gone": ("caller gone", "penelepon menutup"),
    "withdrawn": ("withdrawn", "ditarik"),
    "failed": ("failed", "gagal"),
}
DISPOSITIONS: Table = {
    "normal": ("normal", "normal"),
    "ghost": ("ghost (nobody speaks)", "ghost (tanpa suara)"),
    "prank": ("prank", "iseng"),
    "informasi": ("information", "informasi"),
    "uji_coba": ("test", "uji coba"),
    "salah_wilayah": ("another area", "salah wilayah"),
}
PARTIES: Table = {
    "caller": ("caller", "penelepon"),
    "staff": ("staff", "petugas"),
    "system": ("system", "sistem"),
}
OWNERS: Table = {
    CALL_TAKERS: ("call takers", "penerima panggilan"),
    SUPERVISORS: ("supervisors", "pengawas"),
}
LINES: Table = {
    "ready": ("alive", "hidup"),
    "busy": ("busy", "sibuk"),
    "unreachable": ("unreachable", "terputus"),
    "unregistered": ("not registered with the operator", "tidak terdaftar di operator"),
    "unknown": ("not known", "tidak diketahui"),
}
WHY: Table = {
    "first": ("first", "pertama"),
    "menu_default": ("nothing was chosen in the menu", "tidak ada pilihan di menu"),
    "then": ("the one before did not answer", "yang sebelumnya tidak menjawab"),
    "default": ("default agency", "tujuan terakhir"),
    "again": ("second round", "putaran kedua"),
    "lost": ("the talk broke", "percakapan terputus"),
    "returned": (
        "given back: a call taker hung up alone, or nobody took it over",
        "dikembalikan: penerima panggilan menutup telepon sendirian, atau tidak ada yang mengambil alih",
    ),
    "transferred": ("by the phone's transfer key", "lewat tombol alih telepon"),
    "turn": ("its turn, after a wait", "gilirannya, setelah menunggu"),
    "asked": ("asked", "diminta"),
    "incident": ("incident", "kejadian"),
    "menu": ("chosen", "dipilih"),
}
WAITS: Table = {
    "overload": ("as many calls are served as may be", "panggilan yang dilayani sudah mencapai batas"),
    "takers": ("all call takers talk", "semua penerima panggilan sedang melayani"),
}
ADMITTED: Table = {
    "room": ("it is its turn", "sudah gilirannya"),
    "longest": ("it has waited long enough", "sudah cukup lama menunggu"),
    "joined": ("somebody who had been called in has come", "pihak yang dipanggil sudah datang"),
}
DETAILS: Table = {
    "trunk_full": ("trunk full", "jalur keluar penuh"),
    "trunk_hour_full": ("the trunk's hour is full", "jatah satu jam jalur keluar habis"),
    "lost": ("lost", "terputus"),
    "max_talk": ("time limit", "batas waktu bicara"),
    "dropped": ("let go", "dilepas"),
    "transferred": ("transferred the call", "mengalihkan panggilan"),
    "ended_the_call": ("ended the call", "mengakhiri panggilan"),
    "no_end_recorded": ("no end recorded", "akhirnya tidak tercatat"),
}
CALL_BACKS: Table = {
    "answer": ("picked up", "diangkat"),
    "busy": ("busy", "sibuk"),
    "noanswer": ("no answer", "tidak diangkat"),
    "cancel": ("given up", "dibatalkan"),
    "chanunavail": ("unavailable", "tidak terhubung"),
    "congestion": ("network congested", "jaringan penuh"),
    "unknown": ("its end was not seen", "akhirnya tidak diketahui"),
}
PROMPTS: Table = {
    "greeting": ("greeting", "sapaan"),
    "waiting": ("request to wait", "permintaan menunggu"),
    "menu": ("menu", "menu"),
    "announcement": ("announcement", "pengumuman"),
    "held": ("request to hold on", "permintaan tetap di saluran"),
    "question": ("question whether it is an emergency", "pertanyaan keadaan darurat"),
    "next": ("that somebody else is tried", "pemberitahuan mencoba petugas lain"),
}
TESTS: Table = {
    "verified": ("verified", "terverifikasi"),
    "no_sound": ("key pressed, no sound from the line", "tombol ditekan, suara tidak terdengar"),
    "answered_not_accepted": ("picked up, 1 not pressed", "diangkat, tidak menekan 1"),
    "declined": ("declined", "ditolak"),
    "busy": ("busy", "sibuk"),
    "no_answer": ("no answer", "tidak diangkat"),
    "unavailable": ("unavailable", "tidak terhubung"),
    "misconfigured": ("misconfigured", "salah pengaturan"),
    "interrupted": ("broken off", "dihentikan"),
    "not_tried": ("not called", "tidak dihubungi"),
    "failed": ("failed", "gagal"),
}
TEST_DETAILS: Table = {
    "call": ("a real call needed the line", "saluran diperlukan panggilan darurat"),
    "in_use": ("the line was in use", "saluran sedang dipakai"),
    "trunk_full": ("trunk full", "jalur keluar penuh"),
    "trunk_hour_full": ("the trunk's hour is full", "jatah satu jam jalur keluar habis"),
    "asterisk_away": ("Asterisk was away", "Asterisk tidak terhubung"),
    "not_in_plan": ("no longer in the plan", "tidak ada lagi dalam rencana"),
    "daemon_restarted": ("the daemon restarted", "daemon dimulai ulang"),
    "stopped": ("stopped", "dihentikan petugas"),
    "unreachable": ("not reachable", "tidak terjangkau"),
}
REFUSALS: Table = {
    "unknown": ("no such code", "kode tidak dikenal"),
    "here": ("already here or being called", "sudah terhubung atau sedang dihubungi"),
    "nobody": ("nobody whom it could concern", "tidak ada yang dapat dituju"),
    "full": ("no more parties", "terlalu banyak pihak"),
}
HELPS: Table = {
    "unreached": ("nobody could be reached", "tidak ada yang terhubung"),
    "dropped": ("let go", "dilepas"),
}
STATES: Table = {
    "ready": ("is ready", "siap"),
    "paused": ("pauses", "jeda"),
    "logged_out": ("logs out", "keluar"),
}


def word(table: Table, key: str, language: Language = "en") -> str:
    """What `key` is called; a word that the table has not (of a later version) stands for itself."""
    english, indonesian = table.get(key, (key, key))
    return english if language == "en" else indonesian
