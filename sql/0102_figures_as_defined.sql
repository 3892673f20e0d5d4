-- Figures that said something else than their definitions, and words that said something else than the figures.

-- A call that the exchange cut is `failed`, also where a human had accepted it: no call is counted twice.
UPDATE pbx112.kpi_definition d SET en = words.en, id = words.id
FROM (VALUES
('answered', 'A human accepted the call, with the daemon or with the fallback dialplan alone, and the exchange did not cut it.', 'Seorang manusia menerima panggilan, melalui daemon atau dialplan cadangan saja, dan sentral tidak memutusnya.'),
('failed', 'The call was cut by a failure of the exchange, also where a human had accepted it, or the caller left while nobody served.', 'Panggilan terputus karena kegagalan sentral, juga bila manusia sudah menerima, atau pemanggil pergi saat tidak ada layanan.'),
('not_served', 'Calls that no human accepted, or that the exchange cut.', 'Panggilan yang tidak diterima manusia, atau diputus sentral.'),
('class:answered', 'A human accepted the call, and the exchange did not cut it.', 'Seorang manusia menerima panggilan, dan sentral tidak memutusnya.'),
('class:failed', 'Cut by a failure of the exchange, also where a human had accepted, or nobody served.', 'Terputus karena kegagalan sentral, juga bila manusia sudah menerima, atau tidak ada layanan.'),
('outcome:answered', 'A human accepted the call while the daemon had it, and the exchange did not cut it; who else ended it and when does not matter.', 'Seorang manusia menerima panggilan saat ditangani daemon, dan sentral tidak memutusnya; siapa selain itu yang mengakhiri dan kapan tidak menjadi soal.'),
('outcome:fallback_answered', 'A human accepted the call while the dialplan alone had it, the daemon being away, and the exchange did not cut it.', 'Seorang manusia menerima panggilan saat hanya dialplan yang menangani, daemon tidak ada, dan sentral tidak memutusnya.'),
('outcome:system_failure', 'The call was cut by a failure of the exchange itself, also where a human had accepted it, or the caller left while no daemon served, before any line was rung.', 'Panggilan terputus karena kegagalan sentral, juga bila manusia sudah menerima, atau pemanggil pergi saat tidak ada daemon, sebelum saluran dipanggil.')
) AS words (key, en, id)
WHERE d.key = words.key;

-- The columns' comments say what the definitions say (some were left behind by changes of these; load_hour's unanswered was attempts').
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT c.relname, a.attname, d.en || ' / ' || d.id AS words
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pbx112.kpi_definition d ON d.key = a.attname
        WHERE c.relnamespace = 'pbx112'::regnamespace AND c.relkind = 'v'
            AND (c.relname IN ('kpi_month', 'kpi_day', 'kpi_hour') OR (c.relname = 'load_hour' AND d.unit = 'calls'))
    LOOP
        EXECUTE format('COMMENT ON COLUMN pbx112.%I.%I IS %L', item.relname, item.attname, item.words);
    END LOOP;
    COMMENT ON VIEW pbx112.abandoned IS
        'Callers whom nobody served, or whose call the exchange cut, one row for each call, and whether they were called back / Penelepon yang tidak terlayani, atau panggilannya diputus sentral, satu baris per panggilan, dan apakah dihubungi kembali';
END
$$;

-- A neighbour also has the call where a phone's own transfer brought it in: then nobody was rung for it, and no stage or help tells it.
DO $$
DECLARE
    was text := pg_catalog.pg_get_functiondef('pbx112.kpi(timestamptz, timestamptz)'::regprocedure);
    becomes text := pg_catalog.replace(was, $old$FROM (
            SELECT s.call_id, s.owner FROM pbx112.stage s
            WHERE s.arrived_at >= begins AND s.arrived_at < ends AND s.result = 'accepted'
            UNION ALL
            SELECT h.call_id, h.owner FROM pbx112.help h
            WHERE h.arrived_at >= begins AND h.arrived_at < ends AND h.result = 'accepted'
        ) came$old$, $new$FROM (
            SELECT l.call_id, l.owner FROM pbx112.leg l
            WHERE l.arrived_at >= begins AND l.arrived_at < ends AND l.accepted_at IS NOT NULL
        ) came$new$);
BEGIN
    IF becomes = was THEN
        RAISE EXCEPTION 'pbx112.kpi is another one than this change knows';
    END IF;
    EXECUTE becomes;
END
$$;

-- As call has it: who had waited for a daemon came before the daemon heard of it.
CREATE OR REPLACE VIEW pbx112.nuisance AS
SELECT
    e.journal_id,
    e.call_id,
    e.at - trunc(least(greatest(coalesce((pbx112.body(e.raw, e.body) ->> 'late')::double precision, 0), 0), 600) * 1000000)
        * interval '1 microsecond' AS arrived_at,
    (pbx112.body(e.raw, e.body) ->> 'nuisance')::integer AS marks,
    answer.digit IS NOT NULL AS asked,
    nullif(answer.digit, '') AS digit
FROM pbx112.event e
LEFT JOIN LATERAL (
    SELECT pbx112.body(a.raw, a.body) ->> 'digit' AS digit
    FROM pbx112.event a
    WHERE a.journal_id = e.journal_id AND a.call_id = e.call_id AND a.kind = 'EmergencyAnswered'
    ORDER BY a.seq
    LIMIT 1
) answer ON true
WHERE e.kind = 'CallArrived' AND pbx112.body(e.raw, e.body) ? 'nuisance';
