-- What each figure, outcome, result and mark means, where a query and the report can find it. Each decides every call.
CREATE TABLE pbx112.kpi_definition (
    key text PRIMARY KEY,
    position integer NOT NULL,
    unit text NOT NULL,
    en text NOT NULL,
    id text NOT NULL,
    formula text NOT NULL
);
COMMENT ON TABLE pbx112.kpi_definition IS
    'What each figure means, one row for each column of kpi_month, each outcome, result, stage and mark / Arti setiap angka, satu baris untuk setiap kolom kpi_month, setiap hasil, upaya, tahap dan catatan';
COMMENT ON COLUMN pbx112.kpi_definition.key IS 'Column of kpi_month; or outcome:…, result:…, class:…, disposition:…, stage:…, help:… / Kolom kpi_month; atau outcome:…, result:…, class:…, disposition:…, stage:…, help:…';
COMMENT ON COLUMN pbx112.kpi_definition.position IS 'Order in a list / Urutan dalam daftar';
COMMENT ON COLUMN pbx112.kpi_definition.unit IS 'calls, attempts, numbers, seconds, percent, or empty / panggilan, upaya, nomor, detik, persen, atau kosong';
COMMENT ON COLUMN pbx112.kpi_definition.en IS 'The definition in English / Definisi dalam bahasa Inggris';
COMMENT ON COLUMN pbx112.kpi_definition.id IS 'The definition in Indonesian / Definisi dalam bahasa Indonesia';
COMMENT ON COLUMN pbx112.kpi_definition.formula IS 'How it follows from others; empty where it is counted / Rumus dari angka lain; kosong bila dihitung langsung';

INSERT INTO pbx112.kpi_definition (key, position, unit, en, id, formula)
SELECT key, row_number() OVER (), unit, en, id, formula
FROM (VALUES
('presented', 'calls', 'Calls that arrived in the month: every call that the exchange let in, whatever became of it.', 'Panggilan yang masuk dalam bulan itu: setiap panggilan yang diterima sentral, apa pun hasilnya.', 'answered + abandoned + unanswered + failed'),
('answered', 'calls', 'A human accepted the call, with the daemon or with the fallback dialplan alone.', 'Seorang manusia menerima panggilan, melalui daemon atau dialplan cadangan saja.', 'within_20 + after_20'),
('abandoned', 'calls', 'The caller hung up before any human accepted, while lines were rung, in the menu, or waiting for its turn.', 'Pemanggil menutup telepon sebelum ada manusia yang menerima: saat berdering, di menu, atau saat menunggu giliran.', 'abandoned_ringing + abandoned_menu + abandoned_waiting'),
('unanswered', 'calls', 'Every possibility was tried and no human accepted.', 'Semua kemungkinan dicoba dan tidak ada manusia yang menerima.', ''),
('failed', 'calls', 'The call was cut by a failure of the exchange, or the caller left while nobody served.', 'Panggilan terputus karena kegagalan sentral, atau pemanggil pergi saat tidak ada layanan.', ''),
('abandoned_ringing', 'calls', 'Abandoned while lines were being rung.', 'Ditinggalkan saat saluran sedang dipanggil.', ''),
('abandoned_menu', 'calls', 'Abandoned while the menu of incidents was offered.', 'Ditinggalkan saat menu kejadian ditawarkan.', ''),
('abandoned_waiting', 'calls', 'Abandoned while waiting for its turn.', 'Ditinggalkan saat menunggu giliran.', ''),
('abandoned_pct', 'percent', 'Abandoned calls as a share of calls presented (COCOM).', 'Bagian panggilan ditinggalkan dari panggilan masuk (COCOM).', '100 * abandoned / presented'),
('abandoned_mean', 'seconds', 'Mean time from arrival until the caller hung up, of abandoned calls.', 'Rata-rata waktu dari masuk sampai pemanggil menutup, untuk panggilan ditinggalkan.', ''),
('abandoned_p50', 'seconds', 'Half of the abandoned calls were given up within this time.', 'Separuh panggilan ditinggalkan berakhir dalam waktu ini.', ''),
('abandoned_p90', 'seconds', 'Nine of ten abandoned calls were given up within this time.', 'Sembilan dari sepuluh panggilan ditinggalkan berakhir dalam waktu ini.', ''),
('abandoned_within_10', 'calls', 'Abandoned within 10 s of arrival.', 'Ditinggalkan dalam 10 detik sejak masuk.', ''),
('within_10', 'calls', 'Answered calls that a human accepted within 10 s of arrival.', 'Panggilan terjawab yang diterima manusia dalam 10 detik sejak masuk.', ''),
('within_15', 'calls', 'The same within 15 s.', 'Sama, dalam 15 detik.', ''),
('within_20', 'calls', 'The same within 20 s.', 'Sama, dalam 20 detik.', ''),
('after_20', 'calls', 'Answered calls that a human accepted later than 20 s after arrival.', 'Panggilan terjawab yang diterima manusia lebih dari 20 detik setelah masuk.', 'answered - within_20'),
('within_10_pct', 'percent', 'Accepted within 10 s, of all calls presented, also those that nobody answered (as NENA-STA-020.1 counts).', 'Diterima dalam 10 detik, dari semua panggilan masuk, termasuk yang tidak terjawab (cara hitung NENA-STA-020.1).', '100 * within_10 / presented'),
('within_15_pct', 'percent', 'The same within 15 s.', 'Sama, dalam 15 detik.', '100 * within_15 / presented'),
('within_20_pct', 'percent', 'The same within 20 s.', 'Sama, dalam 20 detik.', '100 * within_20 / presented'),
('within_10_of_answered_pct', 'percent', 'Accepted within 10 s, of the answered calls alone (as COCOM counts).', 'Diterima dalam 10 detik, dari panggilan terjawab saja (cara hitung COCOM).', '100 * within_10 / answered'),
('within_15_of_answered_pct', 'percent', 'The same within 15 s.', 'Sama, dalam 15 detik.', '100 * within_15 / answered'),
('within_20_of_answered_pct', 'percent', 'The same within 20 s.', 'Sama, dalam 20 detik.', '100 * within_20 / answered'),
('answer_mean', 'seconds', 'Mean time from arrival until the first human accepted, of answered calls.', 'Rata-rata waktu dari masuk sampai manusia pertama menerima, untuk panggilan terjawab.', ''),
('answer_p50', 'seconds', 'Half of the answered calls were accepted within this time: the shortest observed time of which that is true.', 'Separuh panggilan terjawab diterima dalam waktu ini: waktu teramati terpendek yang memenuhinya.', ''),
('answer_p90', 'seconds', 'Nine of ten answered calls were accepted within this time.', 'Sembilan dari sepuluh panggilan terjawab diterima dalam waktu ini.', ''),
('answer_p95', 'seconds', '95 of 100 answered calls were accepted within this time.', '95 dari 100 panggilan terjawab diterima dalam waktu ini.', ''),
('answer_longest_tenth', 'seconds', 'Mean answer time of the tenth of the answered calls that waited longest (rounded up to whole calls; COCOM).', 'Rata-rata waktu jawab dari sepersepuluh panggilan terjawab yang paling lama menunggu (dibulatkan ke atas; COCOM).', ''),
('answer_longest', 'seconds', 'The longest answer time.', 'Waktu jawab terlama.', ''),
('talk_mean', 'seconds', 'Mean time in which the caller was joined to at least one human, of answered calls.', 'Rata-rata waktu pemanggil tersambung dengan sedikitnya satu manusia, untuk panggilan terjawab.', ''),
('waited', 'calls', 'Calls that waited for their turn, because as many were being served as the plan allows.', 'Panggilan yang menunggu giliran, karena jumlah yang dilayani sudah mencapai batas rencana.', ''),
('wait_mean', 'seconds', 'Mean wait of those calls.', 'Rata-rata lama menunggu panggilan tersebut.', ''),
('escalated', 'calls', 'Calls that were passed on to somebody else at least once, because those before did not take them.', 'Panggilan yang dialihkan ke pihak lain sedikitnya sekali, karena pihak sebelumnya tidak menerima.', ''),
('escalations', 'calls', 'How often calls were passed on, all together.', 'Jumlah seluruh pengalihan.', ''),
('offers', 'attempts', 'Attempts to bring a line onto a call.', 'Upaya menyambungkan saluran ke panggilan.', 'offers_accepted + offers_unanswered + offers_stopped'),
('offers_accepted', 'attempts', 'A human on that line accepted.', 'Manusia di saluran itu menerima.', ''),
('offers_unanswered', 'attempts', 'The line did not take it: no answer, declined, busy, voicemail, unreachable, wrong number, failure.', 'Saluran tidak menerima: tidak dijawab, ditolak, sibuk, kotak suara, tak terjangkau, nomor salah, gagal.', ''),
('offers_stopped', 'attempts', 'We or the caller stopped it: answered elsewhere, caller gone, withdrawn.', 'Dihentikan oleh sistem atau pemanggil: dijawab di tempat lain, pemanggil pergi, ditarik.', ''),
('marked_normal', 'calls', 'Staff last said of the call: an emergency or a request that was handled.', 'Catatan terakhir petugas: keadaan darurat atau permintaan yang ditangani.', ''),
('marked_ghost', 'calls', 'Staff last said: nobody speaks.', 'Catatan terakhir petugas: tidak ada yang berbicara.', ''),
('marked_prank', 'calls', 'Staff last said: a prank.', 'Catatan terakhir petugas: iseng.', ''),
('marked_informasi', 'calls', 'Staff last said: a question, no emergency.', 'Catatan terakhir petugas: pertanyaan, bukan darurat.', ''),
('marked_uji_coba', 'calls', 'Staff last said: a test.', 'Catatan terakhir petugas: uji coba.', ''),
('marked_salah_wilayah', 'calls', 'Staff last said: meant for another area.', 'Catatan terakhir petugas: untuk wilayah lain.', ''),
('marked_other', 'calls', 'Staff last said another word than these six.', 'Catatan terakhir petugas: kata lain dari keenam itu.', ''),
('unmarked', 'calls', 'Nobody said what the call was.', 'Tidak ada catatan petugas.', 'presented - all marked_*'),
('nuisance', 'calls', 'Ghost and prank calls.', 'Panggilan ghost dan prank.', 'marked_ghost + marked_prank'),
('nuisance_pct', 'percent', 'Nuisance as a share of calls presented; unmarked calls count as none.', 'Bagian gangguan dari panggilan masuk; yang tidak dicatat dianggap bukan gangguan.', '100 * nuisance / presented'),
('nuisance_of_marked_pct', 'percent', 'Nuisance as a share of the calls that were marked.', 'Bagian gangguan dari panggilan yang dicatat.', '100 * nuisance / (presented - unmarked)'),
('without_number', 'calls', 'Calls without a number in E.164: withheld, or of a phone without a SIM.', 'Panggilan tanpa nomor E.164: disembunyikan, atau telepon tanpa SIM.', ''),
('first_calls', 'calls', 'The first call of each number in the month: as many as there are different numbers.', 'Panggilan pertama setiap nomor dalam bulan itu: sebanyak nomor yang berbeda.', 'presented - without_number - repeat_calls'),
('repeat_calls', 'calls', 'Further calls of numbers that had called already in the month.', 'Panggilan berikutnya dari nomor yang sudah memanggil dalam bulan itu.', ''),
('repeat_callers', 'numbers', 'Numbers with more than one call in the month.', 'Nomor dengan lebih dari satu panggilan dalam bulan itu.', ''),
('not_served', 'calls', 'Calls that no human accepted.', 'Panggilan yang tidak diterima manusia.', 'abandoned + unanswered + failed'),
('not_served_callable', 'calls', 'Of these, the calls whose number may be called back.', 'Dari itu, panggilan yang nomornya boleh dihubungi kembali.', ''),
('called_back', 'calls', 'Calls not served whose caller staff called back at least once.', 'Panggilan tak terlayani yang pemanggilnya dihubungi kembali sedikitnya sekali.', ''),
('called_back_reached', 'calls', 'Of these, the calls whose caller (or a voicemail) picked up.', 'Dari itu, panggilan yang pemanggilnya (atau kotak suara) mengangkat.', ''),
('by_daemon', 'calls', 'Calls that the daemon took when they arrived.', 'Panggilan yang diambil daemon saat masuk.', 'presented - by_fallback'),
('by_fallback', 'calls', 'Calls that arrived while the daemon was away: the dialplan alone had them.', 'Panggilan yang masuk saat daemon tidak ada: hanya dialplan yang menangani.', ''),
('resumed', 'calls', 'Calls that a restarted daemon took up again.', 'Panggilan yang dilanjutkan oleh daemon setelah dimulai ulang.', ''),
('to_record', 'calls', 'Answered calls of which the plan asked for a recording.', 'Panggilan terjawab yang menurut rencana harus direkam.', 'recorded + recordings_missing'),
('recorded', 'calls', 'Of these, those with at least one complete recording.', 'Dari itu, yang memiliki sedikitnya satu rekaman lengkap.', ''),
('recordings_missing', 'calls', 'Of these, those without any complete recording.', 'Dari itu, yang tidak memiliki rekaman lengkap.', ''),
('handed_to_neighbour', 'calls', 'Calls that a neighbouring kabupaten''s 112 accepted.', 'Panggilan yang diterima 112 kabupaten tetangga.', ''),

('class:answered', '', 'A human accepted the call.', 'Seorang manusia menerima panggilan.', 'answered, fallback_answered'),
('class:abandoned', '', 'The caller hung up before any human accepted.', 'Pemanggil menutup telepon sebelum ada manusia yang menerima.', 'abandoned_ringing, abandoned_menu, abandoned_waiting'),
('class:unanswered', '', 'Every possibility was tried and no human accepted.', 'Semua kemungkinan dicoba dan tidak ada manusia yang menerima.', 'unanswered, fallback_unanswered'),
('class:failed', '', 'Cut by a failure of the exchange, or nobody served.', 'Terputus karena kegagalan sentral, atau tidak ada layanan.', 'system_failure'),

('outcome:answered', '', 'A human accepted the call while the daemon had it; who ended it and when does not matter.', 'Seorang manusia menerima panggilan saat ditangani daemon; siapa yang mengakhiri dan kapan tidak menjadi soal.', ''),
('outcome:abandoned_ringing', '', 'The caller hung up while lines were being rung, before any human accepted.', 'Pemanggil menutup saat saluran dipanggil, sebelum ada manusia yang menerima.', ''),
('outcome:abandoned_menu', '', 'The caller hung up while the menu of incidents was offered, before any human accepted.', 'Pemanggil menutup saat menu kejadian ditawarkan, sebelum ada manusia yang menerima.', ''),
('outcome:abandoned_waiting', '', 'The caller hung up while waiting for its turn.', 'Pemanggil menutup saat menunggu giliran.', ''),
('outcome:unanswered', '', 'Every possibility was tried, no human accepted, and the caller was told so (or hung up during that announcement).', 'Semua kemungkinan dicoba, tidak ada manusia yang menerima, dan pemanggil diberi tahu (atau menutup selama pengumuman itu).', ''),
('outcome:fallback_answered', '', 'A human accepted the call while the dialplan alone had it, the daemon being away.', 'Seorang manusia menerima panggilan saat hanya dialplan yang menangani, daemon tidak ada.', ''),
('outcome:fallback_unanswered', '', 'The dialplan alone had the call, tried every possibility, and no human accepted.', 'Hanya dialplan yang menangani, semua kemungkinan dicoba, dan tidak ada manusia yang menerima.', ''),
('outcome:system_failure', '', 'The call was cut by a failure of the exchange itself, or the caller left while no daemon served, before any line was rung.', 'Panggilan terputus karena kegagalan sentral, atau pemanggil pergi saat tidak ada daemon, sebelum saluran dipanggil.', ''),

('result:accepted', '', 'A human on this line accepted and was joined to the caller.', 'Manusia di saluran ini menerima dan tersambung dengan pemanggil.', ''),
('result:answered_not_accepted', '', 'Something picked up but nobody pressed 1 in time: a voicemail, an announcement, or a human who did not press.', 'Ada yang mengangkat tetapi tidak menekan 1 pada waktunya: kotak suara, pengumuman, atau manusia yang tidak menekan.', ''),
('result:declined', '', 'The line refused the call.', 'Saluran menolak panggilan.', ''),
('result:busy', '', 'The line was busy.', 'Saluran sibuk.', ''),
('result:no_answer', '', 'The line rang for its whole time and nothing picked up.', 'Saluran berdering sepanjang waktunya dan tidak ada yang mengangkat.', ''),
('result:unavailable', '', 'The line or its trunk could not be reached.', 'Saluran atau trunk-nya tidak terjangkau.', ''),
('result:misconfigured', '', 'The number does not exist or is wrong as dialled.', 'Nomor tidak ada atau salah.', ''),
('result:answered_elsewhere', '', 'Another line accepted first, and this one was stopped.', 'Saluran lain lebih dulu menerima, dan yang ini dihentikan.', ''),
('result:caller_gone', '', 'The caller hung up before this line was accepted.', 'Pemanggil menutup sebelum saluran ini diterima.', ''),
('result:withdrawn', '', 'The exchange stopped the attempt for another reason.', 'Sentral menghentikan upaya karena sebab lain.', ''),
('result:failed', '', 'The attempt ended otherwise; cause, SIP code and detail say what is known.', 'Upaya berakhir dengan cara lain; lihat cause, sip dan detail.', ''),

('stage:accepted', '', 'One of theirs accepted.', 'Salah satu dari mereka menerima.', ''),
('stage:passed_on', '', 'Nobody of them took it, and it went on to others or to the menu.', 'Tidak ada yang menerima, dan dialihkan ke pihak lain atau menu.', ''),
('stage:unreached', '', 'They were the last, nobody took it, and the caller was told so.', 'Mereka yang terakhir, tidak ada yang menerima, dan pemanggil diberi tahu.', ''),
('stage:caller_gone', '', 'The caller left before anybody took it.', 'Pemanggil pergi sebelum ada yang menerima.', ''),
('stage:ended', '', 'It ended otherwise.', 'Berakhir karena hal lain.', ''),
('help:accepted', '', 'One of theirs came.', 'Salah satu dari mereka bergabung.', ''),
('help:passed_on', '', 'Nobody of them came, and the agency''s then was tried.', 'Tidak ada yang bergabung, dan OPD pengganti dicoba.', ''),
('help:unreached', '', 'Every line failed.', 'Semua saluran gagal.', ''),
('help:dropped', '', 'Staff stopped calling them.', 'Petugas menghentikan panggilan bantuan.', ''),
('help:call_ended', '', 'The call ended before anybody came.', 'Panggilan berakhir sebelum ada yang bergabung.', ''),

('disposition:normal', '', 'An emergency or a request that was handled.', 'Keadaan darurat atau permintaan yang ditangani.', ''),
('disposition:ghost', '', 'Nobody speaks.', 'Tidak ada yang berbicara.', ''),
('disposition:prank', '', 'A prank.', 'Iseng.', ''),
('disposition:informasi', '', 'A question, no emergency.', 'Pertanyaan, bukan darurat.', ''),
('disposition:uji_coba', '', 'A test.', 'Uji coba.', ''),
('disposition:salah_wilayah', '', 'Meant for another area.', 'Untuk wilayah lain.', '')
) AS given (key, unit, en, id, formula);

-- Every column of every view has its meaning as a comment: that of the definition, of the table it comes from, or its own.
DO $$
DECLARE
    item record;
    own jsonb := '{
        "month": "Month in the office: its first day / Bulan di kantor: hari pertamanya",
        "day": "Day in the office / Hari di kantor",
        "hour": "Hour of day in the office, 0 to 23 / Jam di kantor, 0 sampai 23",
        "begins": "When it begins, UTC / Waktu mulai, UTC",
        "ends": "When it ends: the next one''s begin, UTC / Waktu berakhir: awal bulan berikutnya, UTC",
        "class": "answered, abandoned, unanswered or failed, exactly one / tepat satu dari answered, abandoned, unanswered, failed",
        "disposition": "What staff last said that it was; NULL: not said / Catatan terakhir petugas; NULL: tidak dicatat",
        "marked_incident": "Incident that staff last named; NULL: none / Kejadian yang terakhir dicatat petugas; NULL: tidak ada",
        "called_back": "How often the caller was called back / Berapa kali pemanggil dihubungi kembali",
        "recorded": "Whether a complete recording was made / Apakah ada rekaman lengkap",
        "recording_missing": "Answered, to be recorded, and no complete recording / Terjawab, harus direkam, tetapi tanpa rekaman lengkap",
        "agency_name": "The agency''s name / Nama OPD",
        "agency_kind": "agency, neighbour, call_takers, supervisors / agency (OPD), neighbour (tetangga), call_takers, supervisors",
        "name": "What people call it / Namanya",
        "kind": "agency, neighbour, call_takers, supervisors; of a line: extension or mobile / agency, neighbour, call_takers, supervisors; untuk saluran: extension atau mobile",
        "asked_as": "stage: for the caller; help: called in by staff / stage: untuk pemanggil; help: dipanggil petugas",
        "asked_at": "When the call turned to them, UTC / Waktu dituju, UTC",
        "accepted_at": "When they accepted, UTC / Waktu diterima, UTC",
        "seconds_to_accept": "Seconds from then until they accepted / Detik sejak dituju sampai diterima",
        "result": "What became of it, exactly one word; see kpi_definition / Hasil, tepat satu kata; lihat kpi_definition",
        "why": "Why it turned to them; defined in docs/records.md / Sebab dituju; lihat docs/records.md",
        "line": "The line / Saluran",
        "owner": "Agency, or call_takers / Instansi, atau call_takers",
        "outcome": "How calls ended / Hasil panggilan",
        "calls": "How many calls / Jumlah panggilan",
        "nuisance": "Of these ghost and prank / Dari itu ghost dan prank",
        "caller": "The number, masked / Nomor, disamarkan",
        "caller_raw": "The number as the trunk sent it, masked / Nomor sebagaimana dikirim trunk, disamarkan",
        "first_at": "The first of these calls, UTC / Panggilan pertama, UTC",
        "last_at": "The last, UTC / Panggilan terakhir, UTC",
        "upto_seconds": "Upper bound of the bin in seconds; NULL: longer than all / Batas atas kelas dalam detik; NULL: lebih lama dari semuanya",
        "rank": "1: the longest / 1: yang terlama",
        "ring_seconds": "From arrival until a human accepted, or until the end / Detik dari masuk sampai diterima manusia, atau sampai berakhir",
        "answered_by_owner": "Who accepted first / Pihak yang pertama menerima",
        "asked": "How often a call turned to them: accepted + not_accepted / Berapa kali dituju: accepted + not_accepted",
        "accepted": "How often they accepted / Berapa kali diterima",
        "not_accepted": "How often they did not / Berapa kali tidak diterima",
        "seconds_mean": "Mean seconds until they accepted / Rata-rata detik sampai diterima",
        "seconds_p50": "Half were accepted within this time / Separuh diterima dalam waktu ini",
        "seconds_p90": "Nine of ten were accepted within this time / Sembilan dari sepuluh diterima dalam waktu ini",
        "seconds_p95": "95 of 100 were accepted within this time / 95 dari 100 diterima dalam waktu ini",
        "seconds_longest": "The longest / Yang terlama",
        "offers": "Attempts / Upaya",
        "unanswered": "Attempts that the line did not take / Upaya yang tidak diterima saluran",
        "stopped": "Attempts that we or the caller stopped / Upaya yang dihentikan sistem atau pemanggil",
        "accept_mean": "Mean seconds from the offer until accepted / Rata-rata detik dari ditawarkan sampai diterima",
        "accept_p90": "Nine of ten were accepted within this time / Sembilan dari sepuluh diterima dalam waktu ini",
        "body": "Details; numbers masked, places and unknown kinds hidden / Rincian; nomor disamarkan, lokasi dan jenis tak dikenal disembunyikan",
        "arrived_at": "When the call entered, UTC / Waktu panggilan masuk, UTC",
        "call_id": "The call / Panggilan"
    }';
    sources text[];
BEGIN
    FOR item IN
        SELECT c.oid, c.relname, a.attname, a.attnum FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'pbx112'::regnamespace AND c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL
    LOOP
        sources := CASE
            WHEN item.relname IN ('calls', 'calls_unmasked') THEN ARRAY['call']
            WHEN item.relname = 'legs' THEN ARRAY['leg']
            WHEN item.relname = 'events' THEN ARRAY['event']
            ELSE ARRAY[]::text[]
        END;
        EXECUTE format('COMMENT ON COLUMN pbx112.%I.%I IS %L', item.relname, item.attname, coalesce(
            CASE WHEN item.relname LIKE 'kpi\_%' THEN
                (SELECT d.en || ' / ' || d.id FROM pbx112.kpi_definition d WHERE d.key = item.attname) END,
            CASE WHEN item.relname NOT IN ('calls_unmasked', 'legs') OR item.attname NOT IN ('caller', 'caller_raw', 'kind',
                    'result', 'arrived_at', 'call_id', 'line', 'owner', 'accepted_at', 'ring_seconds', 'answered_by_owner', 'outcome')
                THEN CASE WHEN item.relname <> 'events' OR item.attname NOT IN ('kind', 'call_id') THEN own ->> item.attname END END,
            (SELECT col_description(t.oid, f.attnum) FROM pg_catalog.pg_class t
             JOIN pg_catalog.pg_attribute f ON f.attrelid = t.oid AND f.attname = item.attname
             WHERE t.relnamespace = 'pbx112'::regnamespace AND t.relname = ANY(sources)),
            (SELECT d.en || ' / ' || d.id FROM pbx112.kpi_definition d WHERE d.key = item.attname)));
    END LOOP;
END
$$;

DO $$
DECLARE
    item text;
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        GRANT SELECT, INSERT ON pbx112.office, pbx112.agency TO pbx112_writer;
        GRANT EXECUTE ON FUNCTION pbx112.state_office(text, text, jsonb) TO pbx112_writer;
    END IF;
    -- figures show no number: whoever may read the records at all may read them
    FOREACH item IN ARRAY ARRAY['pbx112_writer', 'pbx112_auditor'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = item) THEN
            EXECUTE format('GRANT SELECT ON pbx112.office, pbx112.agency, pbx112.agencies, pbx112.calls, pbx112.legs, pbx112.events,
                pbx112.abandoned, pbx112.agency_answers, pbx112.months, pbx112.kpi_month, pbx112.kpi_day, pbx112.kpi_hour,
                pbx112.load_hour, pbx112.outcome_month, pbx112.disposition_month, pbx112.answer_time_month, pbx112.longest_wait,
                pbx112.repeat_caller, pbx112.agency_month, pbx112.agency_hour, pbx112.line_month, pbx112.leg_result_month,
                pbx112.kpi_definition TO %I', item);
            EXECUTE format('GRANT EXECUTE ON FUNCTION pbx112.kpi(timestamptz, timestamptz) TO %I', item);
        END IF;
    END LOOP;
    REVOKE EXECUTE ON FUNCTION pbx112.kpi(timestamptz, timestamptz) FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION pbx112.state_office(text, text, jsonb) FROM PUBLIC;
END
$$;
