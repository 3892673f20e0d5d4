-- Dropping a month, for large ones: little memory, and shipping is held up for the drop alone. The first event of each stretch
-- is looked over as well.
CREATE OR REPLACE FUNCTION pbx112.drop_events(run bigint, month date) RETURNS bigint
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
    -- The chain is looked over before anybody is held up: nobody writes to a month that is due, but for a clock set back.
    CREATE TEMPORARY TABLE leaving ON COMMIT DROP AS
        SELECT e.journal_id, e.seq, e.hash, pbx112.event_hash(lag(e.hash) OVER chain, e) AS expected,
            e.seq - row_number() OVER chain AS island, lag(e.seq) OVER chain AS previous
        FROM pbx112.event e WHERE e.at >= first_day AND e.at < last_day
        WINDOW chain AS (PARTITION BY e.journal_id ORDER BY e.seq);
    SELECT count(*) INTO many FROM leaving;
    LOCK TABLE pbx112.event IN SHARE ROW EXCLUSIVE MODE;
    IF many <> (SELECT count(*) FROM pbx112.event e WHERE e.at >= first_day AND e.at < last_day) THEN
        RAISE EXCEPTION 'events of % came in just now; the next run takes them', to_char(first_day, 'YYYY-MM');
    END IF;
    CREATE TEMPORARY TABLE ranges ON COMMIT DROP AS
        SELECT r.journal_id, r.first_seq, r.last_seq, l.hash AS hash_after, coalesce(
            (SELECT e.hash FROM pbx112.event e WHERE e.journal_id = r.journal_id AND e.seq = r.first_seq - 1),
            (SELECT d.hash_after FROM pbx112.dropped_range d WHERE d.journal_id = r.journal_id AND d.last_seq = r.first_seq - 1),
            (SELECT s.base_hash FROM pbx112.shipment s WHERE s.journal_id = r.journal_id AND s.base_seq = r.first_seq - 1)
            ) AS hash_before
        FROM (
            SELECT i.journal_id, min(i.seq) AS first_seq, max(i.seq) AS last_seq FROM leaving i GROUP BY i.journal_id, i.island
        ) r JOIN leaving l ON l.journal_id = r.journal_id AND l.seq = r.last_seq;
    SELECT string_agg(l.journal_id || ' ' || l.seq, ', ') INTO broken FROM (
        SELECT l.journal_id, l.seq FROM leaving l WHERE l.previous = l.seq - 1 AND l.hash <> l.expected
        UNION ALL
        SELECT r.journal_id, r.first_seq
        FROM ranges r JOIN pbx112.event e ON e.journal_id = r.journal_id AND e.seq = r.first_seq
        WHERE r.hash_before IS NOT NULL AND e.hash <> pbx112.event_hash(r.hash_before, e)
        LIMIT 5) l;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'events of % do not fit their chain of hashes (journal and number: %): they stay, as evidence',
            to_char(first_day, 'YYYY-MM'), broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO pbx112.dropped_range (journal_id, first_seq, last_seq, hash_before, hash_after, run_id)
    SELECT r.journal_id, r.first_seq, r.last_seq, coalesce(r.hash_before, decode(repeat('00', 32), 'hex')), r.hash_after, run
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
