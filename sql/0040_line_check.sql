-- Which lines were alive, as the line watch said (LinesSeen), and the share of a month in which each agency had a live line.
CREATE INDEX event_line_watch ON pbx112.event (at, journal_id, seq) WHERE kind IN ('LinesSeen', 'DaemonStarted', 'DaemonStopped');

-- With its owner's rights: of event an auditor reads these kinds alone, which hold nothing of any citizen.
CREATE VIEW pbx112.line_watch AS
SELECT e.node, e.journal_id, e.seq, e.at, e.kind, e.body
FROM pbx112.event e
WHERE e.kind IN ('LinesSeen', 'DaemonStarted', 'DaemonStopped');
COMMENT ON VIEW pbx112.line_watch IS
    'What the line watch wrote, and when the daemon began and ended / Catatan pemantau saluran, serta mulai dan berhentinya daemon';
COMMENT ON COLUMN pbx112.line_watch.node IS 'Machine that watched / Mesin pemantau';
COMMENT ON COLUMN pbx112.line_watch.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.line_watch.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.line_watch.at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.line_watch.kind IS 'LinesSeen, DaemonStarted, DaemonStopped / LinesSeen, DaemonStarted, DaemonStopped';
COMMENT ON COLUMN pbx112.line_watch.body IS 'What was seen: lines and trunks with their states; docs/records.md / Yang terlihat: saluran dan trunk dengan keadaannya';

-- A state holds until the line is spoken of again, the daemon ends or begins, or for 70 minutes: all is said anew every
-- hour, so whatever is older was not watched.
CREATE FUNCTION pbx112.line_checks(since timestamptz, until timestamptz)
RETURNS TABLE (node text, owner text, line text, state text, begins_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH heard AS MATERIALIZED (
        SELECT e.node, e.journal_id, e.seq, e.at, e.kind, e.body
        FROM pbx112.line_watch e
        WHERE e.at >= line_checks.since - interval '70 minutes' AND e.at < line_checks.until
    ), breaks AS (
        SELECT h.journal_id, h.seq,
            min(h.at) FILTER (WHERE h.kind <> 'LinesSeen') OVER (
                PARTITION BY h.journal_id ORDER BY h.seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS broken_at
        FROM heard h
    ), said AS (
        SELECT h.node, h.journal_id, h.seq, h.at, l.owner, l.number AS line, l.state
        FROM heard h, jsonb_to_recordset(coalesce(h.body -> 'lines', '[]')) AS l(owner text, number text, state text)
        WHERE h.kind = 'LinesSeen'
        UNION ALL
        SELECT h.node, h.journal_id, h.seq, h.at, NULL, t.trunk, t.state
        FROM heard h, jsonb_to_recordset(coalesce(h.body -> 'trunks', '[]')) AS t(trunk text, state text)
        WHERE h.kind = 'LinesSeen'
    ), spans AS (
        SELECT s.node, s.owner, s.line, s.state, s.at AS begins_at,
            least(
                lead(s.at) OVER (PARTITION BY s.journal_id, s.owner, s.line ORDER BY s.seq),
                b.broken_at,
                s.at + interval '70 minutes',
                now()
            ) AS ends_at
        FROM said s JOIN breaks b ON b.journal_id = s.journal_id AND b.seq = s.seq
    )
    SELECT p.node, p.owner, p.line, p.state, greatest(p.begins_at, line_checks.since), least(p.ends_at, line_checks.until)
    FROM spans p
    WHERE p.ends_at > p.begins_at AND p.ends_at > line_checks.since AND p.begins_at < line_checks.until
$$;
COMMENT ON FUNCTION pbx112.line_checks(timestamptz, timestamptz) IS
    'What the line watch said of each line and trunk (owner NULL) between two moments, one row for each stretch / Keadaan setiap saluran dan trunk (owner NULL) menurut pemantau, satu baris per rentang waktu';

CREATE VIEW pbx112.line_check AS
SELECT node, owner, line, state, begins_at, ends_at FROM pbx112.line_checks('-infinity', 'infinity');
COMMENT ON VIEW pbx112.line_check IS
    'The whole history of lines and trunks, one row for each stretch of one state; for a part of it use line_checks(since, until) / Seluruh riwayat saluran dan trunk, satu baris per rentang keadaan; untuk sebagian gunakan line_checks(since, until)';
COMMENT ON COLUMN pbx112.line_check.node IS 'Machine that watched / Mesin pemantau';
COMMENT ON COLUMN pbx112.line_check.owner IS 'Agency, call_takers or supervisors; NULL: a trunk / OPD, call_takers atau supervisors; NULL: trunk';
COMMENT ON COLUMN pbx112.line_check.line IS 'The line''s number, or the trunk''s key / Nomor saluran, atau kunci trunk';
COMMENT ON COLUMN pbx112.line_check.state IS 'ready, busy, unreachable, unregistered (a trunk), unknown; docs/records.md / ready (hidup), busy (sibuk), unreachable (terputus), unregistered (trunk tidak terdaftar), unknown (tidak diketahui)';
COMMENT ON COLUMN pbx112.line_check.begins_at IS 'From when, UTC / Sejak, UTC';
COMMENT ON COLUMN pbx112.line_check.ends_at IS 'Until when, UTC / Sampai, UTC';

CREATE FUNCTION pbx112.line_share(since timestamptz, until timestamptz)
RETURNS TABLE (owner text, lines bigint, seconds numeric, watched numeric, live numeric, live_pct numeric, watched_pct numeric)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH stretches AS (
        SELECT c.owner, count(DISTINCT c.line) AS lines,
            range_agg(tstzrange(c.begins_at, c.ends_at)) FILTER (WHERE c.state <> 'unknown') AS watched,
            range_agg(tstzrange(c.begins_at, c.ends_at)) FILTER (WHERE c.state IN ('ready', 'busy')) AS live
        FROM pbx112.line_checks(line_share.since, line_share.until) c
        WHERE c.owner IS NOT NULL
        GROUP BY c.owner
    ), sums AS (
        SELECT s.owner, s.lines,
            extract(epoch FROM least(line_share.until, now()) - line_share.since) AS seconds,
            (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0) FROM unnest(s.watched) r) AS watched,
            (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0) FROM unnest(s.live) r) AS live
        FROM stretches s
    )
    SELECT t.owner, t.lines, round(t.seconds, 1), round(t.watched, 1), round(t.live, 1),
        round(100 * t.live / nullif(t.watched, 0), 3), round(100 * t.watched / nullif(t.seconds, 0), 3)
    FROM sums t
$$;
COMMENT ON FUNCTION pbx112.line_share(timestamptz, timestamptz) IS
    'For each agency: seconds of the period, of them watched, of these with a live line at least, and the shares / Untuk setiap OPD: detik dalam periode, yang terpantau, yang memiliki sedikitnya satu saluran hidup, dan persentasenya';

CREATE VIEW pbx112.agency_line_month AS
SELECT m.month, s.owner, s.lines, s.seconds, s.watched, s.live, s.live_pct, s.watched_pct
FROM (
    SELECT generate_series(
        date_trunc('month', min(e.at) AT TIME ZONE pbx112.office_zone()),
        date_trunc('month', max(e.at) AT TIME ZONE pbx112.office_zone()),
        interval '1 month')::date AS month
    FROM pbx112.line_watch e
    WHERE e.kind = 'LinesSeen'
) m, LATERAL pbx112.line_share(pbx112.begins(m.month), pbx112.begins((m.month + interval '1 month')::date)) s;
COMMENT ON VIEW pbx112.agency_line_month IS
    'Share of each month (the office''s) in which each agency had at least one live line, 24 x 7 / Bagian setiap bulan saat OPD memiliki sedikitnya satu saluran hidup, 24 x 7';
COMMENT ON COLUMN pbx112.agency_line_month.month IS 'First day of the month / Hari pertama bulan itu';
COMMENT ON COLUMN pbx112.agency_line_month.owner IS 'Agency, call_takers or supervisors / OPD, call_takers atau supervisors';
COMMENT ON COLUMN pbx112.agency_line_month.lines IS 'Lines that it had / Jumlah salurannya';
COMMENT ON COLUMN pbx112.agency_line_month.seconds IS 'Seconds of the month so far / Detik dalam bulan itu sejauh ini';
COMMENT ON COLUMN pbx112.agency_line_month.watched IS 'Seconds in which the state of one line at least was known / Detik saat keadaan sedikitnya satu saluran diketahui';
COMMENT ON COLUMN pbx112.agency_line_month.live IS 'Seconds in which one line at least was ready or busy / Detik saat sedikitnya satu saluran hidup atau sibuk';
COMMENT ON COLUMN pbx112.agency_line_month.live_pct IS 'live as a share of watched / live dibanding watched';
COMMENT ON COLUMN pbx112.agency_line_month.watched_pct IS 'watched as a share of seconds: what was not watched proves nothing / watched dibanding seconds: yang tidak terpantau tidak membuktikan apa pun';

DO $$
DECLARE
    item text;
BEGIN
    FOREACH item IN ARRAY ARRAY['pbx112_writer', 'pbx112_auditor'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = item) THEN
            EXECUTE format('GRANT SELECT ON pbx112.line_watch, pbx112.line_check, pbx112.agency_line_month TO %I', item);
            EXECUTE format('GRANT EXECUTE ON FUNCTION pbx112.line_checks(timestamptz, timestamptz), pbx112.line_share(timestamptz, timestamptz) TO %I', item);
        END IF;
    END LOOP;
    REVOKE EXECUTE ON FUNCTION pbx112.line_checks(timestamptz, timestamptz) FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION pbx112.line_share(timestamptz, timestamptz) FROM PUBLIC;
END
$$;
