"""The report's own words, in English and Indonesian."""

from __future__ import annotations

from dataclasses import dataclass

from pbx112.words import Language

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Monthly report", "Laporan bulanan"),
    "so_far": ("The month is not over: figures up to now.", "Bulan belum berakhir: angka sampai saat ini."),
    "made_at": ("Made", "Dibuat"),
    "by": ("by", "oleh"),
    "times": ("Times", "Waktu"),
    "masked": (
        "Callers' numbers are masked to their last three digits.",
        "Nomor pemanggil disamarkan, hanya tiga angka terakhir.",
    ),
    # Tiles
    "calls_presented": ("Calls presented", "Panggilan masuk"),
    "presented": ("Presented", "Masuk"),
    "answered": ("Answered", "Terjawab"),
    "not_answered": ("Not answered", "Tidak terjawab"),
    "within_10": ("Within 10 s", "Dalam 10 detik"),
    "mean_answer": ("Answer time", "Waktu jawab"),
    "abandoned": ("Abandoned", "Ditinggalkan"),
    "nuisance": ("Ghost and prank", "Ghost dan iseng"),
    "of_presented": ("of calls presented", "dari panggilan masuk"),
    "month_before": ("before: {value}", "sebelumnya: {value}"),
    "no_month_before": ("no month before", "tidak ada bulan sebelumnya"),
    "calls": ("Calls", "Panggilan"),
    "of_n_marked": ("of {marked} marked", "{marked} dicatat"),
    "after_mean": ("after {mean}, mean", "setelah {mean}"),
    "p90_is": ("mean; P90 {p90}", "rata-rata; P90 {p90}"),
    # Yardsticks
    "yardsticks": ("Against the yardsticks", "Dibanding tolok ukur"),
    "measure": ("Measure", "Ukuran"),
    "this_month": ("Month", "Bulan ini"),
    "yardstick": ("Yardstick", "Tolok ukur"),
    "met": ("met", "tercapai"),
    "missed": ("missed", "belum"),
    "source": ("Source", "Sumber"),
    "answered_within": ("Answered ≤ {seconds} s, of presented", "Terjawab ≤ {seconds} s, dari yang masuk"),
    "answered_within_eu": ("Answered ≤ 10 s, of answered", "Terjawab ≤ 10 s, dari terjawab"),
    "mean_then_escalate": ("Mean answer time", "Rata-rata waktu jawab"),
    "then_escalate": ("≤ 10 s", "≤ 10 s"),
    "longest_tenth": ("Mean of the longest 10 %", "Rata-rata 10 % terlama"),
    "abandoned_of_presented": ("Abandoned, of presented", "Ditinggalkan, dari yang masuk"),
    "false_of_presented": ("Ghost and prank, of presented", "Ghost dan iseng, dari yang masuk"),
    "yardsticks_note": (
        "NFPA 1225 (2022); NENA-STA-020.1-2020; Polri's target for 110, January 2026 (then escalate); COCOM KPIs for "
        "112 in the EU, without targets. None is prescribed for 112 in Indonesia.",
        "NFPA 1225 (2022); NENA-STA-020.1-2020; target Polri untuk 110, Januari 2026 (lalu eskalasi); KPI COCOM untuk "
        "112 di Uni Eropa, tanpa target. Untuk 112 di Indonesia belum ada yang diwajibkan.",
    ),
    # Charts
    "distribution": ("Answer times of answered calls", "Waktu jawab panggilan yang terjawab"),
    "seconds_until_human": (
        "seconds until a human accepted; dark: within 10 s",
        "detik sampai diterima petugas; gelap: ≤ 10 detik",
    ),
    "load": (
        "Load: calls in an hour, on average, by weekday",
        "Beban: rata-rata panggilan per jam menurut hari",
    ),
    "hour_of_day": ("hour of the day, office time", "jam, waktu setempat"),
    "agencies": ("Agencies side by side", "OPD berdampingan"),
    "agencies_note": (
        "Each time that a call turned to an owner, for the caller or called in by staff.",
        "Setiap kali panggilan beralih kepada suatu pihak, untuk penelepon atau dipanggil petugas.",
    ),
    "agencies_more": (
        "{more} more in the table of agencies.",
        "{more} lainnya dalam tabel OPD.",
    ),
    "accepted": ("Accepted", "Diterima"),
    "not_accepted": ("not accepted", "tidak diterima"),
    "times_asked": ("Times asked", "Berapa kali diminta"),
    "seconds_to_accept": ("Time until it accepted", "Waktu sampai diterima"),
    "nobody_came": ("never accepted", "tidak pernah menerima"),
    "waits": ("The ten longest waits", "Sepuluh penantian terlama"),
    "when": ("When", "Waktu"),
    "waited": ("Waited", "Menunggu"),
    "story": ("What happened", "Yang terjadi"),
    "per_day": ("Calls by day", "Panggilan per hari"),
    "nothing_yet": ("No calls in this month.", "Tidak ada panggilan pada bulan ini."),
    # Tables
    "kpis": ("All figures, and what each means", "Semua angka, dan arti masing-masing"),
    "figure": ("Figure", "Angka"),
    "value": ("Month", "Bulan ini"),
    "before": ("Before", "Sebelumnya"),
    "definition": ("Definition", "Definisi"),
    "outcomes": ("How calls ended", "Hasil akhir panggilan"),
    "outcome": ("Outcome", "Hasil"),
    "results": ("What became of each attempt", "Hasil setiap upaya"),
    "result": ("Result", "Hasil"),
    "attempts": ("Attempts", "Upaya"),
    "dispositions": ("What the calls were, as staff marked them", "Jenis panggilan menurut catatan petugas"),
    "disposition": ("Marked as", "Dicatat sebagai"),
    "not_marked": ("not marked", "tidak dicatat"),
    "share": ("Share", "Bagian"),
    "total": ("Total", "Jumlah"),
    "agency": ("Agency", "OPD"),
    "agencies_table": ("Agencies", "OPD"),
    "p50": ("P50", "P50"),
    "p90": ("P90", "P90"),
    "p95": ("P95", "P95"),
    "asked": ("Asked", "Diminta"),
    "mean": ("Mean", "Rata-rata"),
    "longest": ("Longest", "Terlama"),
    "line": ("Line", "Saluran"),
    "lines": ("Lines", "Saluran"),
    "offers": ("Rung", "Dihubungi"),
    "unanswered": ("Not accepted", "Tidak diterima"),
    "stopped": ("Stopped", "Dihentikan"),
    "accept_mean": ("Accepted after", "Diterima setelah"),
    "day": ("Day", "Hari"),
    "failed": ("Failure", "Gangguan"),
    "nobody": ("Nobody", "Tak terjawab"),
    "repeat_callers": ("Callers who called more than once", "Penelepon berulang"),
    "caller": ("Caller", "Penelepon"),
    "how_often": ("Calls", "Panggilan"),
    "of_these_nuisance": ("ghost or prank", "ghost atau iseng"),
    "repeat_note": (
        "The {shown} most frequent of {all}.",
        "{shown} yang paling sering dari {all}.",
    ),
    # The second count
    "second_count": ("A second count, by Asterisk itself", "Hitungan kedua, oleh Asterisk sendiri"),
    "second_count_text": (
        "Asterisk writes its own record of each call, apart from this system. Every day the two are held against each "
        "other, call by call.",
        "Asterisk menulis catatannya sendiri tentang setiap panggilan, terpisah dari sistem ini. Setiap hari keduanya "
        "dicocokkan, panggilan demi panggilan.",
    ),
    "by_asterisk": ("Asterisk counted", "Menurut Asterisk"),
    "by_records": ("The records hold", "Dalam catatan"),
    "agreed": ("Agree", "Sama"),
    "explained": ("Explained", "Dapat dijelaskan"),
    "differences": ("Differ", "Berbeda"),
    "reconciled_days": (
        "{days} days of this month were reconciled.",
        "{days} hari pada bulan ini telah dicocokkan.",
    ),
    "unreadable_lines": (
        "{lines} lines of Asterisk's file could not be read.",
        "{lines} baris berkas Asterisk tidak dapat dibaca.",
    ),
    "not_reconciled": ("Not reconciled: {days}.", "Belum dicocokkan: {days}."),
    "more_differences": ("… and {more} more.", "… dan {more} lainnya."),
    "call": ("Call", "Panggilan"),
    "difference": ("Difference", "Perbedaan"),
    "by_asterisk_at": ("Asterisk", "Asterisk"),
    "by_records_at": ("Records", "Catatan"),
    "class_not_recorded": ("not in the records", "tidak ada dalam catatan"),
    "class_not_in_asterisk": ("not in Asterisk", "tidak ada pada Asterisk"),
    "class_recorded_twice": ("recorded more than once", "tercatat lebih dari sekali"),
    "class_answered_differs": ("answered by one, not by the other", "terjawab menurut satu pihak saja"),
    "class_arrival_differs": ("came at another time", "waktu masuk berbeda"),
    "class_end_differs": ("ended at another time", "waktu akhir berbeda"),
    "class_under_way": ("staff still talked", "petugas masih berbicara"),
    "class_staff_talked_on": (
        "staff talked on after the caller",
        "petugas terus berbicara setelah penelepon pergi",
    ),
    "class_ended_unseen": ("ended while the daemon was away", "berakhir saat daemon tidak ada"),
    "class_answered_as_it_ended": ("accepted as the caller left", "diterima saat penelepon pergi"),
    "class_asterisk_cut": ("cut by the end of Asterisk itself", "terputus karena Asterisk berhenti"),
    # Integrity
    "integrity": ("Integrity", "Keutuhan catatan"),
    "integrity_text": (
        "Every event stands in a chain of hashes: whoever changes, removes or adds an entry changes every hash after "
        "it. Keep this page on paper. Months later `pbx112 audit verify` must find all whole, and "
        "SELECT * FROM pbx112.chain_heads('{begins}', '{ends}') must show these hashes.",
        "Setiap kejadian tercatat dalam rantai hash: siapa pun yang mengubah, menghapus atau menambah satu entri "
        "mengubah semua hash sesudahnya. Simpan halaman ini di atas kertas. Berbulan-bulan kemudian "
        "`pbx112 audit verify` harus menyatakan semua utuh, dan "
        "SELECT * FROM pbx112.chain_heads('{begins}', '{ends}') "
        "harus menunjukkan hash yang sama.",
    ),
    "head": ("End of the chain in this month", "Ujung rantai pada bulan ini"),
    "journal": ("Journal", "Jurnal"),
    "entry": ("Entry", "Entri"),
    "no_heads": ("No event of this month is in the database.", "Tidak ada kejadian bulan ini di basis data."),
    "anchor": ("Anchor", "Jangkar"),
    "anchor_text": (
        "Anchor {number}, signed {at}: the heads of all journals, kept outside of the database. The QR is the anchor "
        "itself; the digits are its short code. `pbx112 audit verify --anchors FILE` holds the records against it.",
        "Jangkar {number}, ditandatangani {at}: ujung semua jurnal, disimpan di luar basis data. QR ini adalah "
        "jangkarnya sendiri; angkanya kode pendeknya. `pbx112 audit verify --anchors BERKAS` membandingkan catatan "
        "dengannya.",
    ),
    "no_anchor": (
        "No anchor made before the end of this month is on this machine; see `pbx112 audit anchor`.",
        "Tidak ada jangkar yang dibuat sebelum akhir bulan ini pada mesin ini; lihat `pbx112 audit anchor`.",
    ),
    # What it cannot know
    "unknown": ("What this system cannot know", "Yang tidak dapat diketahui sistem ini"),
}

UNKNOWN: tuple[tuple[str, str], ...] = (
    (
        "Calls that never reached this exchange: a full or broken trunk, a failure of the mobile network, a call that "
        "the network delivered to another centre. Ask the operators for their count of calls to 112.",
        "Panggilan yang tidak pernah sampai ke sentral ini: jalur penuh atau rusak, gangguan jaringan seluler, atau "
        "panggilan yang diantar jaringan ke pusat lain. Mintalah hitungan panggilan ke 112 kepada operator.",
    ),
    (
        "Calls while Asterisk itself, or its machine, was down.",
        "Panggilan selama Asterisk atau mesinnya mati.",
    ),
    (
        "Who called: the number and the place are the network's word, and were not checked.",
        "Siapa yang menelepon: nomor dan lokasi adalah keterangan jaringan, tidak diperiksa.",
    ),
    (
        "Who picked up: the record names the line and that somebody accepted, not which person.",
        "Siapa yang mengangkat: catatan menyebut saluran dan bahwa seseorang menerima, bukan orangnya.",
    ),
    (
        "Whether help came: what happened after the talk is in the agencies' own records.",
        "Apakah bantuan datang: yang terjadi setelah percakapan ada dalam catatan OPD sendiri.",
    ),
    (
        "What a call was, unless staff marked it; a mark is the word of whoever gave it.",
        "Jenis panggilan, kecuali petugas mencatatnya; catatan itu adalah keterangan petugas.",
    ),
    (
        "The right time, where the machine's clock was wrong; durations do not depend on it.",
        "Waktu yang benar bila jam mesin salah; lamanya tidak bergantung pada jam itu.",
    ),
)


@dataclass(frozen=True, slots=True)
class Texts:
    """The words in one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text called `key`, its places filled. Raises :class:`KeyError` where there is none."""
        return TEXTS[key][self.language == "id"].format(**values)

    @property
    def unknown(self) -> list[str]:
        """What the system cannot know, a sentence or two each."""
        return [pair[self.language == "id"] for pair in UNKNOWN]
