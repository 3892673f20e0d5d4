-- call, leg and recording by months, as event; what staff did, which was only in events, in tables of its own.
-- The month is that of the call's arrival (UTC), in all of them: a call and what belongs to it leave together.

DROP VIEW pbx112.abandoned;
DROP VIEW pbx112.help;
DROP VIEW pbx112.mark;
DROP INDEX pbx112.event_desk;
DROP INDEX pbx112.event_call_back;

ALTER TABLE pbx112.leg RENAME TO old_leg;
ALTER TABLE pbx112.recording RENAME TO old_recording;
ALTER TABLE pbx112.call RENAME TO old_call;
ALTER TABLE pbx112.old_leg RENAME CONSTRAINT leg_pkey TO old_leg_pkey;
ALTER TABLE pbx112.old_recording RENAME CONSTRAINT recording_pkey TO old_recording_pkey;
ALTER TABLE pbx112.old_call RENAME CONSTRAINT call_pkey TO old_call_pkey;
ALTER INDEX pbx112.call_arrived RENAME TO old_call_arrived;
ALTER INDEX pbx112.leg_line RENAME TO old_leg_line;

CREATE TABLE pbx112.call (
    LIKE pbx112.old_call INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING COMMENTS,
    record boolean NOT NULL DEFAULT false,
    offers_accepted integer NOT NULL DEFAULT 0 CHECK (offers_accepted >= 0),
    offers_unanswered integer NOT NULL DEFAULT 0 CHECK (offers_unanswered >= 0),
    PRIMARY KEY (call_id, arrived_at)
) PARTITION BY RANGE (arrived_at);
CREATE INDEX call_arrived ON pbx112.call (arrived_at);
CREATE INDEX call_caller ON pbx112.call (caller, arrived_at) WHERE caller IS NOT NULL;
CREATE INDEX call_caller_raw ON pbx112.call (caller_raw, arrived_at);
COMMENT ON TABLE pbx112.call IS
    'One row for each ended call of a citizen to 112, by months of arrival / Satu baris untuk setiap panggilan warga ke 112 yang sudah berakhir, per bulan masuk';
COMMENT ON COLUMN pbx112.call.record IS 'The plan asked for a recording of the talk / Rencana meminta percakapan direkam';
COMMENT ON COLUMN pbx112.call.offers_accepted IS 'Attempts that a human accepted / Upaya yang diterima manusia';
COMMENT ON COLUMN pbx112.call.offers_unanswered IS
    'Attempts that the line did not take: no_answer, declined, busy, answered_not_accepted, unavailable, misconfigured, failed; the rest of legs was stopped by us or by the caller / Upaya yang tidak diterima saluran; sisanya dihentikan oleh sistem atau pemanggil';
COMMENT ON COLUMN pbx112.call.incident IS
    'Incident last named, by the caller in the menu or by staff, before the end / Kejadian yang terakhir disebut, oleh pemanggil di menu atau petugas, sebelum berakhir';

CREATE TABLE pbx112.leg (
    LIKE pbx112.old_leg INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING COMMENTS,
    arrived_at timestamptz NOT NULL,
    help integer NOT NULL DEFAULT 0,
    PRIMARY KEY (call_id, leg, arrived_at)
) PARTITION BY RANGE (arrived_at);
CREATE INDEX leg_line ON pbx112.leg (owner, line, offered_at);
CREATE INDEX leg_arrived ON pbx112.leg USING brin (arrived_at);
COMMENT ON TABLE pbx112.leg IS
    'One row for each attempt to bring a line onto a call / Satu baris untuk setiap upaya menyambungkan saluran ke panggilan';
COMMENT ON COLUMN pbx112.leg.arrived_at IS 'When the call entered, UTC; as in call / Waktu panggilan masuk, UTC; seperti pada call';
COMMENT ON COLUMN pbx112.leg.help IS 'Number of the help it rang for; 0: for the caller / Nomor bantuan yang dipanggil; 0: untuk pemanggil';

CREATE TABLE pbx112.recording (
    LIKE pbx112.old_recording INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING COMMENTS,
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (call_id, name, arrived_at)
) PARTITION BY RANGE (arrived_at);
CREATE INDEX recording_arrived ON pbx112.recording USING brin (arrived_at);
COMMENT ON TABLE pbx112.recording IS
    'Recordings of talks, and failures to record / Rekaman percakapan, dan kegagalan merekam';
COMMENT ON COLUMN pbx112.recording.arrived_at IS 'When the call entered, UTC; as in call / Waktu panggilan masuk, UTC; seperti pada call';

CREATE TABLE pbx112.mark (
    journal_id uuid NOT NULL,
    call_id text NOT NULL,
    seq bigint NOT NULL,
    arrived_at timestamptz NOT NULL,
    marked_at timestamptz NOT NULL,
    line text NOT NULL,
    disposition text,
    incident text,
    after_end boolean NOT NULL,
    PRIMARY KEY (call_id, journal_id, seq, arrived_at)
) PARTITION BY RANGE (arrived_at);
CREATE INDEX mark_arrived ON pbx112.mark USING brin (arrived_at);
COMMENT ON TABLE pbx112.mark IS
    'What staff said of a call, one row for each time; the last one counts, none is overwritten / Catatan petugas tentang panggilan, satu baris setiap kali; yang terakhir berlaku, tidak ada yang ditimpa';
COMMENT ON COLUMN pbx112.mark.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.mark.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.mark.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.mark.arrived_at IS 'When the call entered, UTC / Waktu panggilan masuk, UTC';
COMMENT ON COLUMN pbx112.mark.marked_at IS 'When it was said, UTC / Waktu dicatat, UTC';
COMMENT ON COLUMN pbx112.mark.line IS 'The line of who said so / Saluran petugas yang mencatat';
COMMENT ON COLUMN pbx112.mark.disposition IS 'normal, ghost, prank, informasi, uji_coba, salah_wilayah; NULL: not said / NULL: tidak disebut';
COMMENT ON COLUMN pbx112.mark.incident IS 'The incident''s key; NULL: not said / Kunci kejadian; NULL: tidak disebut';
COMMENT ON COLUMN pbx112.mark.after_end IS 'Said after the call had ended / Dicatat setelah panggilan berakhir';

CREATE TABLE pbx112.stage (
    journal_id uuid NOT NULL,
    call_id text NOT NULL,
    seq bigint NOT NULL,
    arrived_at timestamptz NOT NULL,
    stage integer NOT NULL CHECK (stage > 0),
    owner text NOT NULL,
    why text NOT NULL,
    round integer NOT NULL,
    entered_at timestamptz NOT NULL,
    leg integer,
    line text,
    accepted_at timestamptz,
    seconds_to_accept numeric(12, 3) CHECK (seconds_to_accept >= 0),
    result text NOT NULL CHECK (result IN ('accepted', 'passed_on', 'unreached', 'caller_gone', 'ended')),
    PRIMARY KEY (call_id, stage, arrived_at)
) PARTITION BY RANGE (arrived_at);
CREATE INDEX stage_arrived ON pbx112.stage USING brin (arrived_at);
COMMENT ON TABLE pbx112.stage IS
    'Whom the call turned to for the caller, one row for each time: the first, and each escalation / Pihak yang dituju panggilan untuk pemanggil, satu baris setiap kali: yang pertama, dan setiap eskalasi';
COMMENT ON COLUMN pbx112.stage.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.stage.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.stage.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.stage.arrived_at IS 'When the call entered, UTC / Waktu panggilan masuk, UTC';
COMMENT ON COLUMN pbx112.stage.stage IS 'Number within the call, from 1 / Nomor dalam panggilan, mulai 1';
COMMENT ON COLUMN pbx112.stage.owner IS 'Agency, or call_takers / Instansi, atau call_takers';
COMMENT ON COLUMN pbx112.stage.why IS 'first, menu:<incident>, menu_default, then, default, again, lost, returned; defined in docs/records.md / lihat docs/records.md';
COMMENT ON COLUMN pbx112.stage.round IS 'Round of trying everybody / Putaran upaya';
COMMENT ON COLUMN pbx112.stage.entered_at IS 'When it turned to them, UTC / Waktu mulai dituju, UTC';
COMMENT ON COLUMN pbx112.stage.leg IS 'The first attempt that they accepted; NULL: none / Upaya pertama yang diterima; NULL: tidak ada';
COMMENT ON COLUMN pbx112.stage.line IS 'Its line / Salurannya';
COMMENT ON COLUMN pbx112.stage.accepted_at IS 'When, UTC / Waktu diterima, UTC';
COMMENT ON COLUMN pbx112.stage.seconds_to_accept IS 'From entered_at until then / Detik sejak entered_at';
COMMENT ON COLUMN pbx112.stage.result IS
    'accepted; passed_on: nobody took it and it went on; unreached: the last, and the caller was told so; caller_gone before anybody took it; ended otherwise / accepted; passed_on: dialihkan; unreached: yang terakhir dan pemanggil diberi tahu; caller_gone: pemanggil pergi lebih dulu; ended: berakhir karena hal lain';

CREATE TABLE pbx112.help (
    journal_id uuid NOT NULL,
    call_id text NOT NULL,
    seq bigint NOT NULL,
    arrived_at timestamptz NOT NULL,
    help integer NOT NULL,
    owner text NOT NULL,
    why text NOT NULL,
    by_leg integer NOT NULL,
    by_line text,
    consult boolean NOT NULL,
    sought_at timestamptz NOT NULL,
    leg integer,
    line text,
    accepted_at timestamptz,
    seconds_to_accept numeric(12, 3) CHECK (seconds_to_accept >= 0),
    talk_seconds numeric(12, 3) CHECK (talk_seconds >= 0),
    result text NOT NULL CHECK (result IN ('accepted', 'passed_on', 'unreached', 'dropped', 'call_ended')),
    PRIMARY KEY (call_id, journal_id, seq, arrived_at)
) PARTITION BY RANGE (arrived_at);
CREATE INDEX help_arrived ON pbx112.help USING brin (arrived_at);
COMMENT ON TABLE pbx112.help IS
    'Whom staff called into a call, one row for each owner that was tried, once the call has ended / Pihak yang dipanggil petugas ke dalam panggilan, satu baris per pihak yang dicoba, setelah panggilan berakhir';
COMMENT ON COLUMN pbx112.help.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.help.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.help.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.help.arrived_at IS 'When the call entered, UTC / Waktu panggilan masuk, UTC';
COMMENT ON COLUMN pbx112.help.help IS 'Number within the call; one that went on to the next agency has several rows / Nomor dalam panggilan; yang beralih ke OPD pengganti memiliki beberapa baris';
COMMENT ON COLUMN pbx112.help.owner IS 'Agency, call_takers or supervisors / OPD, call_takers atau supervisors';
COMMENT ON COLUMN pbx112.help.why IS 'asked, incident:<key>, or then: the one before did not answer / asked, incident:<kunci>, atau then: yang sebelumnya tidak menjawab';
COMMENT ON COLUMN pbx112.help.by_leg IS 'The leg of who called / Upaya (leg) pihak yang memanggil';
COMMENT ON COLUMN pbx112.help.by_line IS 'Its line / Salurannya';
COMMENT ON COLUMN pbx112.help.consult IS 'Whether the caller was to be out of it at first / Apakah semula tanpa pemanggil';
COMMENT ON COLUMN pbx112.help.sought_at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.help.leg IS 'The leg that came; NULL: nobody / Leg yang bergabung; NULL: tidak ada';
COMMENT ON COLUMN pbx112.help.line IS 'Its line / Salurannya';
COMMENT ON COLUMN pbx112.help.accepted_at IS 'When it came, UTC / Waktu bergabung, UTC';
COMMENT ON COLUMN pbx112.help.seconds_to_accept IS 'From the request until then / Detik sejak permintaan';
COMMENT ON COLUMN pbx112.help.talk_seconds IS 'Seconds that it stayed / Detik lamanya bergabung';
COMMENT ON COLUMN pbx112.help.result IS
    'accepted; passed_on to the agency''s then; unreached: every line failed; dropped by staff; call_ended before anybody came / accepted; passed_on ke OPD pengganti; unreached: semua saluran gagal; dropped oleh petugas; call_ended sebelum ada yang bergabung';

CREATE TABLE pbx112.caller_hold (
    journal_id uuid NOT NULL,
    call_id text NOT NULL,
    seq bigint NOT NULL,
    arrived_at timestamptz NOT NULL,
    by_leg integer NOT NULL,
    held_at timestamptz NOT NULL,
    seconds numeric(12, 3) NOT NULL CHECK (seconds >= 0),
    PRIMARY KEY (call_id, journal_id, seq, arrived_at)
) PARTITION BY RANGE (arrived_at);
COMMENT ON TABLE pbx112.caller_hold IS
    'Times in which the caller heard music while staff spoke with others, once the call has ended / Waktu pemanggil mendengar musik selama petugas berbicara dengan pihak lain, setelah panggilan berakhir';
COMMENT ON COLUMN pbx112.caller_hold.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.caller_hold.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.caller_hold.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.caller_hold.arrived_at IS 'When the call entered, UTC / Waktu panggilan masuk, UTC';
COMMENT ON COLUMN pbx112.caller_hold.by_leg IS 'The leg of who put the caller there / Upaya (leg) petugas yang menahan pemanggil';
COMMENT ON COLUMN pbx112.caller_hold.held_at IS 'When it began, UTC / Waktu mulai, UTC';
COMMENT ON COLUMN pbx112.caller_hold.seconds IS 'How long, until the caller was back or gone / Lamanya, sampai pemanggil kembali atau pergi';

CREATE TABLE pbx112.call_back (
    journal_id uuid NOT NULL,
    call_id text NOT NULL,
    seq bigint NOT NULL,
    arrived_at timestamptz NOT NULL,
    line text NOT NULL,
    trunk text,
    placed_at timestamptz,
    ended_at timestamptz NOT NULL,
    result text NOT NULL,
    talk_seconds numeric(12, 3) NOT NULL CHECK (talk_seconds >= 0),
    PRIMARY KEY (call_id, journal_id, seq, arrived_at)
) PARTITION BY RANGE (arrived_at);
COMMENT ON TABLE pbx112.call_back IS
    'Calls back to the caller of an ended call, once over / Panggilan balik kepada pemanggil dari panggilan yang sudah berakhir, setelah selesai';
COMMENT ON COLUMN pbx112.call_back.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.call_back.call_id IS 'The call whose caller was called back / Panggilan yang pemanggilnya dihubungi kembali';
COMMENT ON COLUMN pbx112.call_back.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.call_back.arrived_at IS 'When that call entered, UTC / Waktu panggilan itu masuk, UTC';
COMMENT ON COLUMN pbx112.call_back.line IS 'The line of who called back / Saluran petugas yang menghubungi';
COMMENT ON COLUMN pbx112.call_back.trunk IS 'Trunk it went out by; NULL: not known / Trunk keluar; NULL: tidak diketahui';
COMMENT ON COLUMN pbx112.call_back.placed_at IS 'When it was placed, UTC; NULL: not known / Waktu dihubungi, UTC; NULL: tidak diketahui';
COMMENT ON COLUMN pbx112.call_back.ended_at IS 'When it was over, UTC / Waktu selesai, UTC';
COMMENT ON COLUMN pbx112.call_back.result IS
    'answer, busy, noanswer, cancel, chanunavail, congestion, or unknown; answer may be a voicemail / answer dapat berupa kotak suara';
COMMENT ON COLUMN pbx112.call_back.talk_seconds IS 'Seconds of talk / Detik percakapan';

DO $$
DECLARE
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['call', 'leg', 'recording', 'mark', 'stage', 'help', 'caller_hold', 'call_back'] LOOP
        EXECUTE format('CREATE TABLE pbx112.%I PARTITION OF pbx112.%I DEFAULT', parent || '_other', parent);
        EXECUTE format('COMMENT ON TABLE pbx112.%I IS %L', parent || '_other', format(
            'Rows of %s of months for which no partition was made in time / Baris %s dari bulan yang partisinya belum sempat dibuat',
            parent, parent));
    END LOOP;
END
$$;

-- Every table of the schema that is partitioned by a range of time gets its months here. Runs with its owner's rights, so
-- that the writer needs no right to create anything. Months are UTC.
CREATE FUNCTION pbx112.make_partitions(first_month date, last_month date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parent text;
    first_day timestamptz;
    partition_name text;
    made integer := 0;
BEGIN
    IF last_month > first_month + interval '50 years' THEN
        RAISE EXCEPTION 'from % to % are too many months', first_month, last_month;
    END IF;
    FOR first_day IN
        SELECT generate_series(date_trunc('month', first_month::timestamptz), last_month::timestamptz, interval '1 month')
    LOOP
        FOR parent IN
            SELECT c.relname FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
            WHERE c.relnamespace = 'pbx112'::regnamespace AND p.partstrat = 'r' ORDER BY c.relname
        LOOP
            partition_name := parent || to_char(first_day, '_YYYY_MM');
            CONTINUE WHEN to_regclass('pbx112.' || quote_ident(partition_name)) IS NOT NULL;
            PERFORM pg_advisory_xact_lock(hashtext('pbx112.ensure_partitions'));
            CONTINUE WHEN to_regclass('pbx112.' || quote_ident(partition_name)) IS NOT NULL;
            BEGIN
                -- made alone and attached then: this does not stop anybody who is writing to other months
                EXECUTE format('CREATE TABLE pbx112.%I (LIKE pbx112.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                    partition_name, parent);
                EXECUTE format('ALTER TABLE pbx112.%I ATTACH PARTITION pbx112.%I FOR VALUES FROM (%L) TO (%L)',
                    parent, partition_name, first_day, first_day + interval '1 month');
                EXECUTE format('COMMENT ON TABLE pbx112.%I IS %L', partition_name,
                    format('%s of %s (UTC) / %s bulan %s (UTC)',
                        parent, to_char(first_day, 'YYYY-MM'), parent, to_char(first_day, 'YYYY-MM')));
                made := made + 1;
            EXCEPTION
                WHEN check_violation THEN
                    RAISE NOTICE 'month % stays in pbx112.%_other, which holds some of its rows already',
                        partition_name, parent;
            END;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION pbx112.make_partitions(date, date) IS
    'Makes the monthly partitions of all tables that have months, from the first month to the last; returns how many were missing / Membuat partisi bulanan semua tabel yang per bulan, dari bulan pertama sampai terakhir; mengembalikan jumlah yang dibuat';
REVOKE ALL ON FUNCTION pbx112.make_partitions(date, date) FROM PUBLIC;

DROP FUNCTION pbx112.ensure_partitions(integer);
CREATE FUNCTION pbx112.ensure_partitions(months_ahead integer DEFAULT 3) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT pbx112.make_partitions(now()::date,
        (date_trunc('month', now()) + make_interval(months => least(greatest(months_ahead, 0), 24)))::date)
$$;
COMMENT ON FUNCTION pbx112.ensure_partitions(integer) IS
    'Makes the monthly partitions from this month on; returns how many were missing / Membuat partisi bulanan mulai bulan ini; mengembalikan jumlah yang dibuat';

REVOKE ALL ON FUNCTION pbx112.ensure_partitions(integer) FROM PUBLIC;

-- What stands already moves into its months.
DO $$
DECLARE
    oldest date;
    newest date;
    columns text;
BEGIN
    SELECT min(arrived_at AT TIME ZONE 'UTC')::date, max(arrived_at AT TIME ZONE 'UTC')::date INTO oldest, newest
    FROM pbx112.old_call;
    IF oldest IS NOT NULL THEN
        PERFORM pbx112.make_partitions(oldest, newest);
    END IF;
    PERFORM pbx112.ensure_partitions();
    SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_catalog.pg_attribute
    WHERE attrelid = 'pbx112.old_call'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('INSERT INTO pbx112.call (%1$s) SELECT %1$s FROM pbx112.old_call', columns);
    SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_catalog.pg_attribute
    WHERE attrelid = 'pbx112.old_leg'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('INSERT INTO pbx112.leg (%1$s, arrived_at)
        SELECT %2$s, c.arrived_at FROM pbx112.old_leg l JOIN pbx112.old_call c USING (call_id)',
        columns, 'l.' || replace(columns, ', ', ', l.'));
    SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_catalog.pg_attribute
    WHERE attrelid = 'pbx112.old_recording'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('INSERT INTO pbx112.recording (%1$s, arrived_at)
        SELECT %2$s, coalesce(c.arrived_at, r.started_at, r.ended_at)
        FROM pbx112.old_recording r LEFT JOIN pbx112.old_call c USING (call_id)',
        columns, 'r.' || replace(columns, ', ', ', r.'));
    IF oldest IS NOT NULL THEN
        RAISE NOTICE 'what staff did in the calls until now stands in event alone: run `pbx112 rebuild` once';
    END IF;
END
$$;
DROP TABLE pbx112.old_leg, pbx112.old_recording, pbx112.old_call;

CREATE TABLE pbx112.dropped_range (
    journal_id uuid NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    hash_before bytea NOT NULL CHECK (octet_length(hash_before) = 32),
    hash_after bytea NOT NULL CHECK (octet_length(hash_after) = 32),
    run_id bigint NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (journal_id, first_seq)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.dropped_range
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.dropped_range
    FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change();
COMMENT ON TABLE pbx112.dropped_range IS
    'Events that left with their month at the end of retention, so that the chain of hashes can be followed across / Kejadian yang dihapus bersama bulannya di akhir masa simpan, agar rantai hash tetap dapat diikuti';
COMMENT ON COLUMN pbx112.dropped_range.journal_id IS 'The journal / Jurnal';
COMMENT ON COLUMN pbx112.dropped_range.first_seq IS 'First number that left / Nomor pertama yang dihapus';
COMMENT ON COLUMN pbx112.dropped_range.last_seq IS 'Last number that left / Nomor terakhir yang dihapus';
COMMENT ON COLUMN pbx112.dropped_range.hash_before IS 'Hash of the entry before the first / Hash entri sebelum yang pertama';
COMMENT ON COLUMN pbx112.dropped_range.hash_after IS 'Hash of the last that left / Hash entri terakhir yang dihapus';
COMMENT ON COLUMN pbx112.dropped_range.run_id IS 'The run of retention / Pelaksanaan retensi';
COMMENT ON COLUMN pbx112.dropped_range.dropped_at IS 'When, UTC / Waktu, UTC';

-- As before; now from tables.
CREATE VIEW pbx112.abandoned AS
SELECT
    c.call_id,
    c.arrived_at,
    c.ended_at,
    c.outcome,
    c.caller,
    c.callable,
    back.times AS called_back,
    back.first_at AS called_back_at,
    coalesce(back.reached, false) AS reached
FROM pbx112.call c
LEFT JOIN LATERAL (
    SELECT count(*) AS times, min(coalesce(b.placed_at, b.ended_at)) AS first_at, bool_or(b.result = 'answer') AS reached
    FROM pbx112.call_back b
    WHERE b.call_id = c.call_id AND b.arrived_at = c.arrived_at
) back ON true
WHERE c.outcome NOT IN ('answered', 'fallback_answered');
COMMENT ON VIEW pbx112.abandoned IS
    'Callers whom nobody served, one row for each call, and whether they were called back / Penelepon yang tidak terlayani, satu baris per panggilan, dan apakah dihubungi kembali';
COMMENT ON COLUMN pbx112.abandoned.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.abandoned.arrived_at IS 'When it came, UTC / Waktu masuk, UTC';
COMMENT ON COLUMN pbx112.abandoned.ended_at IS 'When it ended, UTC / Waktu berakhir, UTC';
COMMENT ON COLUMN pbx112.abandoned.outcome IS 'How it ended, as in call / Hasil, seperti pada call';
COMMENT ON COLUMN pbx112.abandoned.caller IS 'The caller''s number in E.164; NULL: withheld or no number / Nomor penelepon; NULL: disembunyikan atau bukan nomor';
COMMENT ON COLUMN pbx112.abandoned.callable IS 'Whether that number may be called back / Apakah boleh dihubungi kembali';
COMMENT ON COLUMN pbx112.abandoned.called_back IS 'How often staff called back / Berapa kali dihubungi kembali';
COMMENT ON COLUMN pbx112.abandoned.called_back_at IS 'When first, UTC; NULL: never / Pertama kali, UTC; NULL: belum pernah';
COMMENT ON COLUMN pbx112.abandoned.reached IS 'Whether somebody (or a voicemail) picked up / Apakah ada yang mengangkat (atau kotak suara)';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        GRANT SELECT, INSERT ON pbx112.call, pbx112.leg, pbx112.recording, pbx112.mark, pbx112.stage, pbx112.help,
            pbx112.caller_hold, pbx112.call_back TO pbx112_writer;
        GRANT SELECT ON pbx112.dropped_range TO pbx112_writer;
        GRANT EXECUTE ON FUNCTION pbx112.ensure_partitions(integer) TO pbx112_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.call, pbx112.leg, pbx112.recording, pbx112.mark, pbx112.stage, pbx112.help,
            pbx112.caller_hold, pbx112.call_back, pbx112.abandoned, pbx112.dropped_range TO pbx112_auditor;
    END IF;
END
$$;
