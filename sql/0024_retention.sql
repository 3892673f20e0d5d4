-- The end of retention: months of events, recordings, numbers; what is held back, and what was done, by whom.

CREATE TABLE pbx112.legal_hold (
    hold_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    account text NOT NULL DEFAULT session_user,
    os_user text NOT NULL,
    call_id text,
    number text,
    since timestamptz,
    until timestamptz,
    reason text NOT NULL CHECK (reason <> ''),
    CHECK (num_nonnulls(call_id, number, since) > 0 AND (since IS NULL) = (until IS NULL) AND since < until)
);
CREATE TABLE pbx112.legal_hold_lifted (
    hold_id bigint PRIMARY KEY REFERENCES pbx112.legal_hold,
    lifted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    account text NOT NULL DEFAULT session_user,
    os_user text NOT NULL,
    reason text NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE pbx112.legal_hold IS
    'What must be kept beyond its retention: a call, a number, a span of time, or a number within a span / Yang harus disimpan melebihi masa simpan: panggilan, nomor, rentang waktu, atau nomor dalam rentang waktu';
COMMENT ON COLUMN pbx112.legal_hold.hold_id IS 'Its number / Nomornya';
COMMENT ON COLUMN pbx112.legal_hold.placed_at IS 'When it was placed, UTC / Waktu ditetapkan, UTC';
COMMENT ON COLUMN pbx112.legal_hold.account IS 'Database account that placed it / Akun basis data yang menetapkan';
COMMENT ON COLUMN pbx112.legal_hold.os_user IS 'User of the machine, as the program says / Pengguna mesin menurut program';
COMMENT ON COLUMN pbx112.legal_hold.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.legal_hold.number IS 'The number, in E.164 or as the trunk sent it / Nomor, E.164 atau sebagaimana dikirim trunk';
COMMENT ON COLUMN pbx112.legal_hold.since IS 'Calls that arrived from here on, UTC / Panggilan yang masuk sejak, UTC';
COMMENT ON COLUMN pbx112.legal_hold.until IS 'and before, UTC / dan sebelum, UTC';
COMMENT ON COLUMN pbx112.legal_hold.reason IS 'Why, e.g. the letter''s number / Alasan, mis. nomor surat';
COMMENT ON TABLE pbx112.legal_hold_lifted IS 'Holds that hold no more / Penahanan yang sudah dicabut';
COMMENT ON COLUMN pbx112.legal_hold_lifted.hold_id IS 'The hold / Penahanan';
COMMENT ON COLUMN pbx112.legal_hold_lifted.lifted_at IS 'When, UTC / Waktu dicabut, UTC';
COMMENT ON COLUMN pbx112.legal_hold_lifted.account IS 'Database account that lifted it / Akun basis data yang mencabut';
COMMENT ON COLUMN pbx112.legal_hold_lifted.os_user IS 'User of the machine, as the program says / Pengguna mesin menurut program';
COMMENT ON COLUMN pbx112.legal_hold_lifted.reason IS 'Why / Alasan';

CREATE VIEW pbx112.holds AS
SELECT h.hold_id, h.placed_at, h.account, h.os_user, h.call_id, pbx112.mask(h.number) AS number, h.since, h.until, h.reason
FROM pbx112.legal_hold h
WHERE NOT EXISTS (SELECT FROM pbx112.legal_hold_lifted l WHERE l.hold_id = h.hold_id);
COMMENT ON VIEW pbx112.holds IS 'Holds in force, numbers masked / Penahanan yang berlaku, nomor disamarkan';

CREATE TABLE pbx112.retention_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    account text NOT NULL DEFAULT session_user,
    os_user text NOT NULL,
    node text NOT NULL,
    plan text NOT NULL,
    personal_months integer NOT NULL CHECK (personal_months >= 1),
    recording_days integer NOT NULL CHECK (recording_days >= 1),
    access_months integer NOT NULL CHECK (access_months >= 1)
);
COMMENT ON TABLE pbx112.retention_run IS
    'One carrying out of the retention, with the settings then in force / Satu pelaksanaan retensi, dengan pengaturan yang berlaku saat itu';
COMMENT ON COLUMN pbx112.retention_run.run_id IS 'Its number / Nomornya';
COMMENT ON COLUMN pbx112.retention_run.began_at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.retention_run.account IS 'Database account that ran it / Akun basis data yang menjalankan';
COMMENT ON COLUMN pbx112.retention_run.os_user IS 'User of the machine, as the program says / Pengguna mesin menurut program';
COMMENT ON COLUMN pbx112.retention_run.node IS 'Machine / Mesin';
COMMENT ON COLUMN pbx112.retention_run.plan IS 'Hash of the agencies.yaml that has the settings / Hash agencies.yaml yang memuat pengaturan';
COMMENT ON COLUMN pbx112.retention_run.personal_months IS 'Whole months for which events and numbers are kept / Bulan penuh penyimpanan kejadian dan nomor';
COMMENT ON COLUMN pbx112.retention_run.recording_days IS 'Days for which recordings are kept / Hari penyimpanan rekaman';
COMMENT ON COLUMN pbx112.retention_run.access_months IS 'Whole months for which the access log is kept / Bulan penuh penyimpanan access_log';

CREATE TABLE pbx112.retention_step (
    run_id bigint NOT NULL REFERENCES pbx112.retention_run,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL,
    month date,
    many bigint NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (run_id, at)
);
COMMENT ON TABLE pbx112.retention_step IS 'What a run did / Apa yang dilakukan';
COMMENT ON COLUMN pbx112.retention_step.run_id IS 'The run / Pelaksanaannya';
COMMENT ON COLUMN pbx112.retention_step.at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.retention_step.what IS 'events, numbers, recordings, access_log; held where a hold kept them / events, numbers, recordings, access_log; held bila ditahan';
COMMENT ON COLUMN pbx112.retention_step.month IS 'Of which month (events, access_log: UTC; numbers: the office''s) / Bulan yang mana (events, access_log: UTC; numbers: kantor)';
COMMENT ON COLUMN pbx112.retention_step.many IS 'How many rows or files / Jumlah baris atau berkas';
COMMENT ON COLUMN pbx112.retention_step.detail IS 'What else is to be said / Keterangan';

CREATE TABLE pbx112.recording_deleted (
    call_id text NOT NULL,
    name text NOT NULL,
    arrived_at timestamptz NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    files integer NOT NULL CHECK (files >= 0),
    bytes bigint NOT NULL CHECK (bytes >= 0),
    run_id bigint NOT NULL REFERENCES pbx112.retention_run,
    PRIMARY KEY (call_id, name, arrived_at)
);
COMMENT ON TABLE pbx112.recording_deleted IS
    'Recordings whose files were deleted at the end of their retention / Rekaman yang berkasnya dihapus di akhir masa simpan';
COMMENT ON COLUMN pbx112.recording_deleted.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.recording_deleted.name IS 'As in recording / Seperti pada recording';
COMMENT ON COLUMN pbx112.recording_deleted.arrived_at IS 'When the call entered, UTC / Waktu panggilan masuk, UTC';
COMMENT ON COLUMN pbx112.recording_deleted.deleted_at IS 'When, UTC / Waktu dihapus, UTC';
COMMENT ON COLUMN pbx112.recording_deleted.files IS 'Files that were deleted; 0: there was none any more / Berkas yang dihapus; 0: sudah tidak ada';
COMMENT ON COLUMN pbx112.recording_deleted.bytes IS 'Their size / Ukurannya';
COMMENT ON COLUMN pbx112.recording_deleted.run_id IS 'The run / Pelaksanaan retensi';

DO $$
DECLARE
    item text;
BEGIN
    FOREACH item IN ARRAY ARRAY['legal_hold', 'legal_hold_lifted', 'retention_run', 'retention_step', 'recording_deleted'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.%I
            FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change()', item);
        EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.%I
            FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change()', item);
    END LOOP;
END
$$;

-- Whether a call is held. Where a hold names several things, all of them must fit.
CREATE FUNCTION pbx112.is_held(id text, caller text, caller_raw text, arrived_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pbx112.legal_hold h
        WHERE (h.call_id IS NULL OR h.call_id = is_held.id)
            AND (h.number IS NULL OR h.number IN (is_held.caller, is_held.caller_raw))
            AND (h.since IS NULL OR (is_held.arrived_at >= h.since AND is_held.arrived_at < h.until))
            AND NOT EXISTS (SELECT FROM pbx112.legal_hold_lifted l WHERE l.hold_id = h.hold_id))
$$;
COMMENT ON FUNCTION pbx112.is_held(text, text, text, timestamptz) IS
    'Whether a hold in force keeps this call / Apakah panggilan ini ditahan';

CREATE FUNCTION pbx112.held_calls(since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pbx112.holds) THEN (
        SELECT count(*) FROM pbx112.call c
        WHERE c.arrived_at >= held_calls.since - interval '1 day' AND c.arrived_at < held_calls.until
            AND c.ended_at >= held_calls.since
            AND pbx112.is_held(c.call_id, c.caller, c.caller_raw, c.arrived_at)) ELSE 0 END
$$;
COMMENT ON FUNCTION pbx112.held_calls(timestamptz, timestamptz) IS
    'How many calls that were going on in this time are held / Berapa panggilan dalam waktu ini yang ditahan';

-- Months (UTC) of a table whose end lies at least so many whole months back, each with its rows in a partition of its own or not.
CREATE FUNCTION pbx112.months_due(parent text, months integer) RETURNS TABLE (month date, held bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    before date := (date_trunc('month', now()) - make_interval(months => greatest(months_due.months, 1)))::date;
BEGIN
    IF months_due.parent NOT IN ('event', 'access_log') THEN
        RAISE EXCEPTION 'months of % do not leave', months_due.parent;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT m.month, CASE WHEN %2$L = ''event'' THEN
            pbx112.held_calls(m.month::timestamptz, m.month::timestamptz + interval ''1 month'') ELSE 0 END
         FROM (
            SELECT to_date(right(c.relname, 7), ''YYYY_MM'') AS month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = %1$L::regclass AND c.relname ~ ''_[0-9]{4}_[0-9]{2}$''
            UNION
            SELECT DISTINCT date_trunc(''month'', o.at)::date FROM pbx112.%3$I o
         ) m WHERE m.month < $1 ORDER BY m.month',
        'pbx112.' || months_due.parent, months_due.parent, months_due.parent || '_other') USING before;
END
$$;
COMMENT ON FUNCTION pbx112.months_due(text, integer) IS
    'Months of event or access_log that are due to leave, and how many held calls keep each / Bulan event atau access_log yang sudah waktunya dihapus, dan jumlah panggilan yang menahannya';

CREATE FUNCTION pbx112.begin_retention(
    os_user text, node text, plan text, personal_months integer, recording_days integer, access_months integer
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pbx112.retention_run (account, os_user, node, plan, personal_months, recording_days, access_months)
    VALUES (session_user, os_user, node, plan, personal_months, recording_days, access_months) RETURNING run_id
$$;
COMMENT ON FUNCTION pbx112.begin_retention(text, text, text, integer, integer, integer) IS
    'Writes down that a run begins, and its settings / Mencatat awal pelaksanaan dan pengaturannya';

CREATE FUNCTION pbx112.note_step(run bigint, what text, month date, many bigint, detail text DEFAULT '') RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pbx112.retention_step (run_id, what, month, many, detail) VALUES (run, what, month, many, left(detail, 500))
$$;
COMMENT ON FUNCTION pbx112.note_step(bigint, text, date, bigint, text) IS 'Writes down what was done / Mencatat yang dilakukan';

-- Drops a month of events. First what remains of the chain is looked over: a month that was tampered with is evidence and stays.
CREATE FUNCTION pbx112.drop_events(run bigint, month date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    keep integer;
    first_day timestamptz := date_trunc('month', drop_events.month::timestamptz);
    last_day timestamptz := first_day + interval '1 month';
    partition_name text := 'event_' || to_char(first_day, 'YYYY_MM');
    many bigint;
    broken text;
BEGIN
    SELECT r.personal_months INTO STRICT keep FROM pbx112.retention_run r WHERE r.run_id = run;
    PERFORM FROM pbx112.months_due('event', keep) d WHERE d.month = first_day::date AND d.held = 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'events of % are not due, or held', to_char(first_day, 'YYYY-MM');
    END IF;
    LOCK TABLE pbx112.event IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE leaving ON COMMIT DROP AS
        SELECT e.journal_id, e.seq, e.hash, pbx112.event_hash(lag(e.hash) OVER chain, e) AS expected,
            e.seq - row_number() OVER chain AS island, lag(e.seq) OVER chain AS previous
        FROM pbx112.event e WHERE e.at >= first_day AND e.at < last_day
        WINDOW chain AS (PARTITION BY e.journal_id ORDER BY e.seq);
    SELECT count(*) INTO many FROM leaving;
    CREATE TEMPORARY TABLE ranges ON COMMIT DROP AS
        SELECT l.journal_id, min(l.seq) AS first_seq, max(l.seq) AS last_seq,
            (array_agg(l.hash ORDER BY l.seq))[1] AS first_hash, (array_agg(l.hash ORDER BY l.seq DESC))[1] AS hash_after
        FROM leaving l GROUP BY l.journal_id, l.island;
    SELECT string_agg(l.journal_id || ' ' || l.seq, ', ') INTO broken FROM (
        SELECT l.journal_id, l.seq FROM leaving l
        WHERE l.previous = l.seq - 1 AND l.hash <> l.expected ORDER BY l.seq LIMIT 5) l;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'events of % do not fit their chain of hashes (journal and number: %): they stay, as evidence',
            to_char(first_day, 'YYYY-MM'), broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO pbx112.dropped_range (journal_id, first_seq, last_seq, hash_before, hash_after, run_id)
    SELECT r.journal_id, r.first_seq, r.last_seq, coalesce(
            (SELECT e.hash FROM pbx112.event e WHERE e.journal_id = r.journal_id AND e.seq = r.first_seq - 1),
            (SELECT d.hash_after FROM pbx112.dropped_range d WHERE d.journal_id = r.journal_id AND d.last_seq = r.first_seq - 1),
            (SELECT s.base_hash FROM pbx112.shipment s WHERE s.journal_id = r.journal_id AND s.base_seq = r.first_seq - 1),
            decode(repeat('00', 32), 'hex')),
        r.hash_after, run
    FROM ranges r;
    IF to_regclass('pbx112.' || partition_name) IS NOT NULL THEN
        EXECUTE format('DROP TABLE pbx112.%I', partition_name);
    END IF;
    IF EXISTS (SELECT FROM pbx112.event_other o WHERE o.at >= first_day AND o.at < last_day) THEN
        ALTER TABLE pbx112.event_other DISABLE TRIGGER append_only;
        DELETE FROM pbx112.event_other o WHERE o.at >= first_day AND o.at < last_day;
        ALTER TABLE pbx112.event_other ENABLE TRIGGER append_only;
    END IF;
    DROP TABLE leaving, ranges;
    PERFORM pbx112.note_step(run, 'events', first_day::date, many);
    RETURN many;
END
$$;
COMMENT ON FUNCTION pbx112.drop_events(bigint, date) IS
    'Drops a month of events that is due and not held, and keeps the hashes at both ends / Menghapus satu bulan kejadian yang sudah waktunya dan tidak ditahan, dan menyimpan hash di kedua ujungnya';

CREATE FUNCTION pbx112.drop_access_log(run bigint, month date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    keep integer;
    first_day timestamptz := date_trunc('month', drop_access_log.month::timestamptz);
    last_day timestamptz := first_day + interval '1 month';
    partition_name text := 'access_log_' || to_char(first_day, 'YYYY_MM');
    many bigint;
BEGIN
    SELECT r.access_months INTO STRICT keep FROM pbx112.retention_run r WHERE r.run_id = run;
    PERFORM FROM pbx112.months_due('access_log', keep) d WHERE d.month = first_day::date;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the access log of % is not due', to_char(first_day, 'YYYY-MM');
    END IF;
    SELECT count(*) INTO many FROM pbx112.access_log a WHERE a.at >= first_day AND a.at < last_day;
    IF to_regclass('pbx112.' || partition_name) IS NOT NULL THEN
        EXECUTE format('DROP TABLE pbx112.%I', partition_name);
    END IF;
    IF EXISTS (SELECT FROM pbx112.access_log_other o WHERE o.at >= first_day AND o.at < last_day) THEN
        ALTER TABLE pbx112.access_log_other DISABLE TRIGGER append_only;
        DELETE FROM pbx112.access_log_other o WHERE o.at >= first_day AND o.at < last_day;
        ALTER TABLE pbx112.access_log_other ENABLE TRIGGER append_only;
    END IF;
    PERFORM pbx112.note_step(run, 'access_log', first_day::date, many);
    RETURN many;
END
$$;
COMMENT ON FUNCTION pbx112.drop_access_log(bigint, date) IS
    'Drops a month of the access log that is due / Menghapus satu bulan access_log yang sudah waktunya';

-- Months of the office of which no event is left: their numbers go too. (A month whose events are held keeps its numbers.)
CREATE FUNCTION pbx112.numbers_due(personal_months integer) RETURNS TABLE (month date, calls bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT m.month, told.calls
    FROM pbx112.months m CROSS JOIN LATERAL (
        SELECT count(*) AS calls FROM pbx112.call c
        WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends AND c.caller_raw <> '' AND c.caller_raw NOT LIKE 'p:%'
    ) told
    WHERE m.ends < date_trunc('month', now()) - make_interval(months => greatest(personal_months, 1)) + interval '1 day'
        AND told.calls > 0
        AND NOT EXISTS (SELECT FROM pbx112.event e WHERE e.at >= m.begins AND e.at < m.ends)
        AND pbx112.held_calls(m.begins, m.ends) = 0
    ORDER BY m.month
$$;
COMMENT ON FUNCTION pbx112.numbers_due(integer) IS
    'Months of the office whose numbers are due for a pseudonym / Bulan di kantor yang nomornya sudah waktunya disamarkan';

CREATE FUNCTION pbx112.numbers_of(run bigint, month date) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT n.number
    FROM pbx112.retention_run r
    JOIN pbx112.numbers_due(r.personal_months) d ON d.month = numbers_of.month
    JOIN pbx112.months m ON m.month = d.month
    JOIN pbx112.call c ON c.arrived_at >= m.begins AND c.arrived_at < m.ends
    CROSS JOIN LATERAL (VALUES (c.caller), (c.caller_raw)) n (number)
    WHERE r.run_id = run AND n.number <> '' AND n.number NOT LIKE 'p:%'
$$;
COMMENT ON FUNCTION pbx112.numbers_of(bigint, date) IS
    'The numbers of a month that is due, so that a pseudonym can be made of each outside of the database / Nomor dalam bulan yang sudah waktunya, agar pseudonimnya dibuat di luar basis data';

CREATE FUNCTION pbx112.pseudonymise(run bigint, month date, pseudonyms jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keep integer;
    since timestamptz;
    until timestamptz;
    many bigint;
BEGIN
    SELECT r.personal_months INTO STRICT keep FROM pbx112.retention_run r WHERE r.run_id = run;
    SELECT m.begins, m.ends INTO since, until FROM pbx112.months m JOIN pbx112.numbers_due(keep) d USING (month)
    WHERE m.month = pseudonymise.month;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'numbers of % are not due, or held', pseudonymise.month;
    END IF;
    IF EXISTS (SELECT FROM jsonb_each_text(pseudonyms) p WHERE p.value !~ '^p:[0-9a-f]{20}$') THEN
        RAISE EXCEPTION 'a pseudonym is p: and 20 hexadecimal digits' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE pbx112.call c SET
        caller = CASE WHEN c.caller LIKE 'p:%' THEN c.caller ELSE pseudonyms ->> c.caller END,
        caller_raw = CASE WHEN c.caller_raw = '' OR c.caller_raw LIKE 'p:%' THEN c.caller_raw
            ELSE pseudonyms ->> c.caller_raw END
    WHERE c.arrived_at >= since AND c.arrived_at < until
        AND (c.caller IS NOT NULL OR c.caller_raw <> '') AND c.caller_raw NOT LIKE 'p:%';
    GET DIAGNOSTICS many = ROW_COUNT;
    IF EXISTS (SELECT FROM pbx112.call c WHERE c.arrived_at >= since AND c.arrived_at < until
               AND c.caller_raw NOT LIKE 'p:%' AND c.caller_raw <> '') THEN
        RAISE EXCEPTION 'a number of % has no pseudonym', pseudonymise.month USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pbx112.note_step(run, 'numbers', pseudonymise.month, many);
    RETURN many;
END
$$;
COMMENT ON FUNCTION pbx112.pseudonymise(bigint, date, jsonb) IS
    'Puts a pseudonym in the place of each number of a month that is due / Mengganti setiap nomor dalam bulan yang sudah waktunya dengan pseudonim';

CREATE FUNCTION pbx112.recordings_due(recording_days integer) RETURNS TABLE (call_id text, name text, arrived_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.call_id, r.name, r.arrived_at FROM pbx112.recording r
    LEFT JOIN pbx112.call c ON c.call_id = r.call_id AND c.arrived_at = r.arrived_at
    WHERE r.ended_at < now() - make_interval(days => greatest(recording_days, 1))
        AND NOT EXISTS (SELECT FROM pbx112.recording_deleted d
                        WHERE d.call_id = r.call_id AND d.name = r.name AND d.arrived_at = r.arrived_at)
        AND NOT (EXISTS (SELECT FROM pbx112.holds) AND pbx112.is_held(r.call_id, c.caller, c.caller_raw, r.arrived_at))
$$;
COMMENT ON FUNCTION pbx112.recordings_due(integer) IS
    'Recordings older than that, not held, whose files were not deleted yet / Rekaman yang lebih tua dari itu, tidak ditahan, yang berkasnya belum dihapus';

CREATE FUNCTION pbx112.note_deleted(run bigint, deleted jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    many bigint;
BEGIN
    INSERT INTO pbx112.recording_deleted (call_id, name, arrived_at, files, bytes, run_id)
    SELECT g.call_id, g.name, g.arrived_at, g.files, g.bytes, run
    FROM jsonb_to_recordset(deleted) g (call_id text, name text, arrived_at timestamptz, files integer, bytes bigint)
    JOIN pbx112.recording r USING (call_id, name, arrived_at)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS many = ROW_COUNT;
    RETURN many;
END
$$;
COMMENT ON FUNCTION pbx112.note_deleted(bigint, jsonb) IS
    'Writes down which recordings'' files were deleted / Mencatat rekaman yang berkasnya dihapus';

-- The chain of hashes across what left: the first event after a range follows on the hash of its last.
CREATE OR REPLACE VIEW pbx112.broken_link AS
SELECT
    links.journal_id,
    links.seq,
    CASE WHEN links.seq <> links.previous_seq + 1 THEN 'missing before it' ELSE 'does not fit its hash' END AS why
FROM (
    SELECT told.journal_id, told.seq, told.hash,
        pbx112.event_hash(coalesce(d.hash_after, told.previous_hash), told.entry) AS expected,
        coalesce(d.last_seq, told.previous_seq) AS previous_seq
    FROM (
        SELECT e.journal_id, e.seq, e.hash, e AS entry,
            lag(e.hash, 1, s.base_hash) OVER chain AS previous_hash,
            lag(e.seq, 1, s.base_seq) OVER chain AS previous_seq
        FROM pbx112.event e
        JOIN pbx112.shipment s ON s.journal_id = e.journal_id
        WINDOW chain AS (PARTITION BY e.journal_id ORDER BY e.seq)
    ) told
    LEFT JOIN pbx112.dropped_range d ON d.journal_id = told.journal_id AND d.last_seq = told.seq - 1
) links
WHERE links.hash <> links.expected OR links.seq <> links.previous_seq + 1
UNION ALL
SELECT s.journal_id, s.last_seq, 'missing at the end'
FROM pbx112.shipment s
WHERE s.last_seq > s.base_seq
    AND NOT EXISTS (SELECT FROM pbx112.event e WHERE e.journal_id = s.journal_id AND e.seq = s.last_seq AND e.hash = s.head)
    AND NOT EXISTS (SELECT FROM pbx112.dropped_range d
                    WHERE d.journal_id = s.journal_id AND d.last_seq = s.last_seq AND d.hash_after = s.head)
UNION ALL
SELECT d.journal_id, d.first_seq, 'does not follow on what was before it'
FROM pbx112.dropped_range d JOIN pbx112.shipment s ON s.journal_id = d.journal_id
WHERE d.hash_before IS DISTINCT FROM coalesce(
    (SELECT e.hash FROM pbx112.event e WHERE e.journal_id = d.journal_id AND e.seq = d.first_seq - 1),
    (SELECT p.hash_after FROM pbx112.dropped_range p WHERE p.journal_id = d.journal_id AND p.last_seq = d.first_seq - 1),
    CASE WHEN s.base_seq = d.first_seq - 1 THEN s.base_hash END);

DO $$
DECLARE
    item text;
BEGIN
    COMMENT ON COLUMN pbx112.holds.hold_id IS 'Its number / Nomornya';
    FOREACH item IN ARRAY ARRAY['placed_at', 'account', 'os_user', 'call_id', 'number', 'since', 'until', 'reason'] LOOP
        EXECUTE format('COMMENT ON COLUMN pbx112.holds.%I IS %L', item, (
            SELECT col_description(attrelid, attnum) FROM pg_catalog.pg_attribute
            WHERE attrelid = 'pbx112.legal_hold'::regclass AND attname = item));
    END LOOP;
    FOR item IN SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'pbx112'::regnamespace AND p.proname IN ('is_held', 'held_calls', 'months_due', 'begin_retention',
            'note_step', 'drop_events', 'drop_access_log', 'numbers_due', 'numbers_of', 'pseudonymise', 'recordings_due', 'note_deleted')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', item);
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_keeper') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pbx112_keeper', item);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_keeper') THEN
        GRANT USAGE ON SCHEMA pbx112 TO pbx112_keeper;
        GRANT SELECT ON pbx112.holds, pbx112.retention_run, pbx112.retention_step, pbx112.recording_deleted, pbx112.dropped_range
            TO pbx112_keeper;
        GRANT SELECT, INSERT ON pbx112.legal_hold, pbx112.legal_hold_lifted TO pbx112_keeper;
        GRANT EXECUTE ON FUNCTION pbx112.note_access(text, text, text, text, text, boolean) TO pbx112_keeper;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.holds, pbx112.legal_hold_lifted, pbx112.retention_run, pbx112.retention_step,
            pbx112.recording_deleted TO pbx112_auditor;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_unmasked') THEN
        GRANT SELECT ON pbx112.legal_hold TO pbx112_unmasked;
        GRANT EXECUTE ON FUNCTION pbx112.is_held(text, text, text, timestamptz) TO pbx112_unmasked;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        GRANT SELECT ON pbx112.holds, pbx112.legal_hold, pbx112.recording_deleted, pbx112.retention_run TO pbx112_writer;
        GRANT EXECUTE ON FUNCTION pbx112.is_held(text, text, text, timestamptz) TO pbx112_writer;
    END IF;
END
$$;
