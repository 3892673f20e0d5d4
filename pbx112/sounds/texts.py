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
    },
}
_CHOICE = {"id": "Untuk {incident}, tekan {digit}.", "en": "For {incident}, press {digit}."}


def texts(plan: Plan) -> dict[str, str]:
    """Every prompt of the plan by its key: the fixed ones, and `menu_<incident>` for each incident with a key.

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
    for incident in plan.incidents.values():
        if incident.menu is not None:
            choice = _CHOICE[language].format(
                incident=incident.name.lower(), digit=digits[int(incident.menu)]
            )
            said[f"menu_{incident.key}"] = choice
    return said
