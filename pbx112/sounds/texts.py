"""What is said, in the service's language. A prompt's key is its file's name: `menu` is `pbx112/menu.wav`."""

from __future__ import annotations

from pbx112.plan.types import Plan

_DIGITS = {
    "id": ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan"),
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
_FIXED = {
    "id": {
        "greeting": "{service}. Mohon tunggu, Anda sedang dihubungkan dengan petugas.",
        "menu": "{service}. Pilih jenis kejadian, atau tunggu untuk dihubungkan dengan petugas.",
        "accept": "Ini panggilan darurat {number} dari warga. Tekan satu untuk menerima.",
        "all_failed": (
            "Mohon maaf, belum ada petugas yang dapat menjawab. "
            "Tutup telepon ini lalu hubungi {number} sekali lagi. Utamakan keselamatan Anda."
        ),
        "waiting": "Semua petugas sedang melayani. Mohon tunggu, jangan tutup telepon.",
        "please_stay": "Mohon jangan tutup telepon. Kami masih menghubungi petugas.",
        "question": "Jika ini keadaan darurat, tekan satu sekarang. Jika tidak, mohon tunggu.",
        "next": "Petugas tidak menjawab. Kami menghubungi petugas lain.",
        "held": "Mohon tetap di saluran. Bantuan sedang dihubungi.",
        "press_5": "Jika Anda tidak dapat berbicara, tekan lima.",
        "briefing": "Panggilan darurat {number}, Anda disambungkan.",
        "word_calling": "Menghubungi",
        "word_next": "Tidak menjawab. Sekarang mencoba",
        "word_unreached": "Tidak dapat dihubungi:",
        "word_dropped": "Dilepas:",
        "word_together": "Penelepon terhubung kembali.",
        "word_held_long": "Penelepon sudah lama menunggu dan kini terhubung kembali.",
        "word_marked": "Tercatat.",
        "word_caller_pressed": "Penelepon menekan lima.",
        "word_caller_silent": "Penelepon tidak menekan apa pun.",
        "word_silence": "Tidak ada suara. Penelepon diminta menekan lima.",
        "word_unknown": "Kode tidak dikenal.",
        "word_here": "Sudah terhubung atau sedang dihubungi.",
        "word_nobody": "Tidak ada yang dapat dituju.",
        "word_full": "Terlalu banyak pihak.",
        "desk_away": "Layanan kode telepon sedang tidak tersedia. Silakan coba lagi nanti.",
        "desk_unknown": "Kode ini tidak dikenal.",
        "desk_not_yours": "Kode ini tidak untuk telepon ini.",
        "desk_in": "Anda masuk sebagai penerima panggilan.",
        "desk_out": "Anda keluar.",
        "desk_paused": "Anda jeda. Jeda berakhir sendiri.",
        "desk_alone": "Penerima panggilan lain tidak ada. Telepon ini tetap berdering.",
        "desk_no_call": "Belum ada panggilan dari telepon ini.",
        "desk_mark": (
            "Jenis panggilan terakhir: satu normal, dua tanpa suara, tiga iseng, empat informasi, "
            "lima uji coba, enam salah wilayah."
        ),
        "desk_incident": "Tekan kode kejadian, lalu pagar. Atau tutup telepon.",
        "desk_none_abandoned": "Tidak ada panggilan terputus.",
        "desk_abandoned": "Panggilan terputus:",
        "desk_number": "Nomor:",
        "desk_call_back": "Tekan satu untuk menghubungi, dua untuk berikutnya.",
        "desk_end_of_list": "Akhir daftar.",
        "desk_not_allowed": "Nomor ini tidak dapat dihubungi.",
        "desk_trunk_full": "Semua saluran keluar sedang dipakai.",
        "desk_not_reached": "Tidak terhubung.",
        "desk_waiting": "Penelepon yang menunggu:",
        "desk_many": "lebih dari sembilan",
        "desk_nuisances": "Nomor yang ditandai iseng:",
        "desk_lift": "Tekan satu untuk mencabut tanda, dua untuk berikutnya.",
        "desk_lifted": "Tanda dicabut.",
        "desk_no_talk": "Tidak ada penerima panggilan yang sedang berbicara.",
        "desk_talk": "Pembicaraan di telepon",
        "desk_listen": "Tekan satu untuk mendengar, dua untuk mendengar dan berbisik, tiga untuk berikutnya.",
        "desk_no_pin": "PIN belum diatur. Hubungi administrator.",
        "desk_pin": "Masukkan PIN, lalu pagar.",
        "desk_wrong_pin": "PIN salah.",
        "desk_locked": "Terlalu banyak PIN salah. Coba lagi nanti.",
        "desk_standby": "Ponsel siaga malam ini, empat angka terakhir:",
        "desk_standby_plan": "Ponsel siaga malam ini menurut rencana.",
        "desk_choice": "Tekan",
        "desk_for_mobile": "untuk ponsel dengan akhiran",
        "desk_for_plan": "Tekan nol untuk kembali ke rencana.",
        "desk_until": "Berlaku sampai pukul delapan pagi.",
        "test_ask": "Ini uji coba saluran {number}, bukan keadaan darurat. Tekan satu sekarang.",
        "test_speak": "Terima kasih. Sekarang sebutkan nama Anda.",
        "test_done": "Suara Anda terdengar. Uji coba selesai. Terima kasih.",
        "test_unheard": "Suara Anda tidak terdengar. Periksa telepon ini.",
        "owner_call_takers": "rekan penerima panggilan",
        "owner_supervisors": "pengawas",
    },
    "en": {
        "greeting": "{service}. Please wait, you are being connected.",
        "menu": "{service}. Choose the kind of emergency, or wait to be connected.",
        "accept": "This is an emergency call to {number}. Press one to take it.",
        "all_failed": (
            "We are sorry, nobody can answer at the moment. "
            "Please hang up and call {number} once more. Bring yourself to safety first."
        ),
        "waiting": "All our staff are busy with other calls. Please wait, do not hang up.",
        "please_stay": "Please do not hang up. We are still trying to reach somebody.",
        "question": "If this is an emergency, press one now. Otherwise please wait.",
        "next": "There is no answer. We are calling somebody else.",
        "held": "Please stay on the line. Help is being called.",
        "press_5": "If you cannot speak, press five.",
        "briefing": "Emergency call to {number}, you are being connected.",
        "word_calling": "Calling",
        "word_next": "No answer. Now trying",
        "word_unreached": "Cannot be reached:",
        "word_dropped": "Let go:",
        "word_together": "The caller is back.",
        "word_held_long": "The caller has waited long and is back.",
        "word_marked": "Noted.",
        "word_caller_pressed": "The caller pressed five.",
        "word_caller_silent": "The caller pressed nothing.",
        "word_silence": "Nothing is heard. The caller is asked to press five.",
        "word_unknown": "There is no such code.",
        "word_here": "Already here, or being called.",
        "word_nobody": "There is nobody to do that with.",
        "word_full": "There are too many parties.",
        "desk_away": "The telephone codes are not available now. Please try again later.",
        "desk_unknown": "There is no such code.",
        "desk_not_yours": "This code is not for this telephone.",
        "desk_in": "You are logged in as call taker.",
        "desk_out": "You are logged out.",
        "desk_paused": "You are paused. The pause ends by itself.",
        "desk_alone": "No other call taker is there. This telephone goes on ringing.",
        "desk_no_call": "This telephone has had no call yet.",
        "desk_mark": (
            "The last call was: one normal, two nobody spoke, three prank, four information, "
            "five a test, six another area's."
        ),
        "desk_incident": "Press the incident's code, then hash. Or hang up.",
        "desk_none_abandoned": "There are no abandoned calls.",
        "desk_abandoned": "Abandoned calls:",
        "desk_number": "Number:",
        "desk_call_back": "Press one to call, two for the next.",
        "desk_end_of_list": "End of the list.",
        "desk_not_allowed": "This number cannot be called.",
        "desk_trunk_full": "All outgoing lines are in use.",
        "desk_not_reached": "Not connected.",
        "desk_waiting": "Callers who wait:",
        "desk_many": "more than nine",
        "desk_nuisances": "Numbers marked for pranks:",
        "desk_lift": "Press one to lift the mark, two for the next.",
        "desk_lifted": "The mark is lifted.",
        "desk_no_talk": "No call taker is talking.",
        "desk_talk": "The talk on telephone",
        "desk_listen": "Press one to listen, two to listen and whisper, three for the next.",
        "desk_no_pin": "No PIN is set. Ask the administrator.",
        "desk_pin": "Enter the PIN, then hash.",
        "desk_wrong_pin": "Wrong PIN.",
        "desk_locked": "Too many wrong PINs. Try again later.",
        "desk_standby": "Tonight's standby mobile, last four digits:",
        "desk_standby_plan": "Tonight's standby mobile is the plan's.",
        "desk_choice": "Press",
        "desk_for_mobile": "for the mobile ending in",
        "desk_for_plan": "Press zero to go back to the plan.",
        "desk_until": "Valid until eight in the morning.",
        "test_ask": "This is a test of the {number} line, not an emergency. Press one now.",
        "test_speak": "Thank you. Now say your name.",
        "test_done": "You are heard. The test is over. Thank you.",
        "test_unheard": "You are not heard. Look at this telephone.",
        "owner_call_takers": "another call taker",
        "owner_supervisors": "the supervisor",
    },
}
_CHOICE = {"id": "Untuk {incident}, tekan {digit}.", "en": "For {incident}, press {digit}."}


def texts(plan: Plan) -> dict[str, str]:
    """Every prompt of the plan by its key: the fixed ones, `owner_<agency>` and `incident_<incident>` with their names,
    and `menu_<incident>` for each incident with a key in the caller's menu.

    A language that we have no texts in is spoken as Indonesian.
    """
    language = plan.service.language if plan.service.language in _FIXED else "id"
    digits = _DIGITS[language]
    number = " ".join(
        digits[int(digit)] for digit in plan.service.number if digit.isascii() and digit.isdigit()
    )
    said = {
        key: text.format(service=plan.service.name.replace(plan.service.number, number), number=number)
        for key, text in _FIXED[language].items()
    }
    said |= {f"digit_{digit}": word for digit, word in enumerate(digits)}
    for agency in plan.agencies.values():
        said[f"owner_{agency.key}"] = agency.name
    for incident in plan.incidents.values():
        said[f"incident_{incident.key}"] = incident.name
        if incident.menu is not None:
            choice = _CHOICE[language].format(
                incident=incident.name.lower(), digit=digits[int(incident.menu)]
            )
            said[f"menu_{incident.key}"] = choice
    return said
