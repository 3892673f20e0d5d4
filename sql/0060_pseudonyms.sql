-- A trunk may send anything as a caller's number, also what begins like a pseudonym: only what is one whole counts as one.
CREATE FUNCTION pbx112.is_pseudonym(number text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT number ~ '^p:[0-9a-f]{20}$'
$$;
COMMENT ON FUNCTION pbx112.is_pseudonym(text) IS
    'Whether this stands in the place of a number whose retention has ended / Apakah ini pengganti nomor yang masa simpannya sudah berakhir';

CREATE OR REPLACE FUNCTION pbx112.mask(number text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN number = '' OR number ~ '^p:[0-9a-f]{20}$' THEN number
        WHEN length(number) > 3 THEN '…' || right(number, 3)
        WHEN number IS NOT NULL THEN '…'
    END
$$;

CREATE OR REPLACE FUNCTION pbx112.numbers_due(personal_months integer) RETURNS TABLE (month date, calls bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT m.month, told.calls
    FROM pbx112.months m CROSS JOIN LATERAL (
        SELECT count(*) AS calls FROM pbx112.call c
        WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends AND c.caller_raw <> '' AND NOT pbx112.is_pseudonym(c.caller_raw)
    ) told
    WHERE m.ends < date_trunc('month', now()) - make_interval(months => greatest(personal_months, 1)) + interval '1 day'
        AND told.calls > 0
        AND NOT EXISTS (SELECT FROM pbx112.event e WHERE e.at >= m.begins AND e.at < m.ends)
        AND pbx112.held_calls(m.begins, m.ends) = 0
    ORDER BY m.month
$$;

CREATE OR REPLACE FUNCTION pbx112.numbers_of(run bigint, month date) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT n.number
    FROM pbx112.retention_run r
    JOIN pbx112.numbers_due(r.personal_months) d ON d.month = numbers_of.month
    JOIN pbx112.months m ON m.month = d.month
    JOIN pbx112.call c ON c.arrived_at >= m.begins AND c.arrived_at < m.ends
    CROSS JOIN LATERAL (VALUES (c.caller), (c.caller_raw)) n (number)
    WHERE r.run_id = run AND n.number <> '' AND NOT pbx112.is_pseudonym(n.number)
$$;

CREATE OR REPLACE FUNCTION pbx112.pseudonymise(run bigint, month date, pseudonyms jsonb) RETURNS bigint
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
    IF EXISTS (SELECT FROM jsonb_each_text(pseudonyms) p WHERE NOT pbx112.is_pseudonym(p.value)) THEN
        RAISE EXCEPTION 'a pseudonym is p: and 20 hexadecimal digits' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE pbx112.call c SET
        caller = CASE WHEN pbx112.is_pseudonym(c.caller) THEN c.caller ELSE pseudonyms ->> c.caller END,
        caller_raw = CASE WHEN c.caller_raw = '' OR pbx112.is_pseudonym(c.caller_raw) THEN c.caller_raw
            ELSE pseudonyms ->> c.caller_raw END
    WHERE c.arrived_at >= since AND c.arrived_at < until
        AND (c.caller IS NOT NULL OR c.caller_raw <> '') AND NOT pbx112.is_pseudonym(c.caller_raw);
    GET DIAGNOSTICS many = ROW_COUNT;
    IF EXISTS (SELECT FROM pbx112.call c WHERE c.arrived_at >= since AND c.arrived_at < until
               AND NOT pbx112.is_pseudonym(c.caller_raw) AND c.caller_raw <> '') THEN
        RAISE EXCEPTION 'a number of % has no pseudonym', pseudonymise.month USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pbx112.note_step(run, 'numbers', pseudonymise.month, many);
    RETURN many;
END
$$;

-- A call goes on to somebody else for other reasons, too.
UPDATE pbx112.kpi_definition SET
    en = 'Calls that were passed on to somebody else at least once: those before did not take them, their talk broke, or they handed them on.',
    id = 'Panggilan yang dialihkan ke pihak lain sedikitnya sekali: pihak sebelumnya tidak menerima, percakapannya terputus, atau diserahkan.'
WHERE key = 'escalated';
UPDATE pbx112.kpi_definition SET
    en = 'How often calls were passed on, all together; waiting for a call taker is no passing on.',
    id = 'Jumlah seluruh pengalihan; menunggu penerima panggilan bukan pengalihan.'
WHERE key = 'escalations';
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT key, en || ' / ' || id AS words FROM pbx112.kpi_definition WHERE key IN ('escalated', 'escalations') LOOP
        EXECUTE format('COMMENT ON COLUMN pbx112.kpi_month.%I IS %L', item.key, item.words);
    END LOOP;
END
$$;
