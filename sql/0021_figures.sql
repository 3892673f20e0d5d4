-- The records in the words of the field: calls, agencies' answers, load, and the figures (KPI) by which 112 is judged.
-- Months, days and hours are the office's (its time zone), not UTC's. What each figure means stands in kpi_definition.

CREATE TABLE pbx112.office (
    stated_at timestamptz NOT NULL DEFAULT clock_timestamp() PRIMARY KEY,
    timezone text NOT NULL,
    plan text NOT NULL,
    account text NOT NULL DEFAULT session_user
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.office
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
COMMENT ON TABLE pbx112.office IS
    'The office''s time zone, as the daemon stated it from agencies.yaml; the newest row counts / Zona waktu kantor, sebagaimana dinyatakan daemon dari agencies.yaml; baris terbaru yang berlaku';
COMMENT ON COLUMN pbx112.office.stated_at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.office.timezone IS 'IANA name, e.g. Asia/Jakarta / Nama IANA, mis. Asia/Jakarta';
COMMENT ON COLUMN pbx112.office.plan IS 'Hash of that agencies.yaml / Hash agencies.yaml tersebut';
COMMENT ON COLUMN pbx112.office.account IS 'Database account that stated it / Akun basis data yang menyatakan';

CREATE TABLE pbx112.agency (
    key text NOT NULL,
    stated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    name text NOT NULL,
    kind text NOT NULL,
    plan text NOT NULL,
    PRIMARY KEY (key, stated_at)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.agency
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
COMMENT ON TABLE pbx112.agency IS
    'Whom a call can turn to, as the daemon stated it from agencies.yaml; the newest row of each counts / Pihak yang dapat dituju panggilan, sebagaimana dinyatakan daemon dari agencies.yaml; baris terbaru yang berlaku';
COMMENT ON COLUMN pbx112.agency.key IS 'Its key, as owner in leg, stage and help / Kuncinya, seperti owner pada leg, stage dan help';
COMMENT ON COLUMN pbx112.agency.stated_at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.agency.name IS 'What people call it / Namanya';
COMMENT ON COLUMN pbx112.agency.kind IS 'agency, neighbour (a neighbouring kabupaten''s 112), call_takers, supervisors / agency (OPD), neighbour (112 kabupaten tetangga), call_takers, supervisors';
COMMENT ON COLUMN pbx112.agency.plan IS 'Hash of that agencies.yaml / Hash agencies.yaml tersebut';

CREATE VIEW pbx112.agencies AS
SELECT DISTINCT ON (key) key, name, kind FROM pbx112.agency ORDER BY key, stated_at DESC;
COMMENT ON VIEW pbx112.agencies IS 'Whom a call can turn to, as last stated / Pihak yang dapat dituju panggilan, menurut pernyataan terakhir';
COMMENT ON COLUMN pbx112.agencies.key IS 'Its key / Kuncinya';
COMMENT ON COLUMN pbx112.agencies.name IS 'What people call it / Namanya';
COMMENT ON COLUMN pbx112.agencies.kind IS 'agency, neighbour, call_takers, supervisors / agency (OPD), neighbour (tetangga), call_takers, supervisors';

CREATE FUNCTION pbx112.office_zone() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT timezone FROM pbx112.office ORDER BY stated_at DESC LIMIT 1), 'Asia/Jakarta')
$$;
COMMENT ON FUNCTION pbx112.office_zone() IS
    'Time zone in which months, days and hours are counted / Zona waktu untuk menghitung bulan, hari dan jam';

CREATE FUNCTION pbx112.begins(day date) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT day::timestamp AT TIME ZONE pbx112.office_zone()
$$;
COMMENT ON FUNCTION pbx112.begins(date) IS
    'The moment at which this day begins in the office: arrived_at >= begins(''2026-11-01'') AND arrived_at < begins(''2026-12-01'') reads one month alone / Saat hari itu dimulai di kantor';

CREATE FUNCTION pbx112.state_office(zone text, plan_hash text, owners jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed boolean := false;
BEGIN
    PERFORM now() AT TIME ZONE zone; -- raises where there is no such zone
    IF (SELECT o.timezone FROM pbx112.office o ORDER BY o.stated_at DESC LIMIT 1) IS DISTINCT FROM zone THEN
        INSERT INTO pbx112.office (timezone, plan) VALUES (zone, plan_hash);
        changed := true;
    END IF;
    INSERT INTO pbx112.agency (key, name, kind, plan)
    SELECT given.key, given.name, given.kind, plan_hash
    FROM jsonb_to_recordset(owners) AS given (key text, name text, kind text)
    WHERE NOT EXISTS (
        SELECT FROM (SELECT a.name, a.kind FROM pbx112.agency a WHERE a.key = given.key ORDER BY a.stated_at DESC LIMIT 1) last
        WHERE last.name = given.name AND last.kind = given.kind);
    RETURN changed OR FOUND;
END
$$;
COMMENT ON FUNCTION pbx112.state_office(text, text, jsonb) IS
    'The daemon states time zone and agencies of its plan; adds what is new / Daemon menyatakan zona waktu dan OPD menurut rencananya; menambah yang baru';

CREATE FUNCTION pbx112.mask(number text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN number = '' OR number LIKE 'p:%' THEN number
        WHEN length(number) > 3 THEN '…' || right(number, 3)
        WHEN number IS NOT NULL THEN '…'
    END
$$;
COMMENT ON FUNCTION pbx112.mask(text) IS
    'A citizen''s number as it may be shown: its last three digits; a pseudonym whole / Nomor warga sebagaimana boleh ditampilkan: tiga digit terakhir; pseudonim utuh';

-- Without a search_path of its own, so that Postgres puts it into the query instead of calling it for each row.
CREATE FUNCTION pbx112.class_of(outcome text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN outcome IN ('answered', 'fallback_answered') THEN 'answered'
        WHEN outcome IN ('abandoned_ringing', 'abandoned_menu', 'abandoned_waiting') THEN 'abandoned'
        WHEN outcome IN ('unanswered', 'fallback_unanswered') THEN 'unanswered'
        ELSE 'failed'
    END
$$;
COMMENT ON FUNCTION pbx112.class_of(text) IS
    'Of each outcome one of four: answered, abandoned, unanswered, failed / Setiap hasil menjadi salah satu dari empat: answered, abandoned, unanswered, failed';

-- Calls

CREATE VIEW pbx112.calls_unmasked AS
SELECT
    c.*,
    date_trunc('month', c.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::date AS month,
    (c.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::date AS day,
    extract(hour FROM c.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::integer AS hour,
    CASE
        WHEN c.outcome IN ('answered', 'fallback_answered') THEN 'answered'
        WHEN c.outcome IN ('abandoned_ringing', 'abandoned_menu', 'abandoned_waiting') THEN 'abandoned'
        WHEN c.outcome IN ('unanswered', 'fallback_unanswered') THEN 'unanswered'
        ELSE 'failed'
    END AS class,
    (SELECT m.disposition FROM pbx112.mark m
     WHERE m.call_id = c.call_id AND m.arrived_at = c.arrived_at AND m.disposition IS NOT NULL
     ORDER BY m.marked_at DESC, m.seq DESC LIMIT 1) AS disposition,
    (SELECT m.incident FROM pbx112.mark m
     WHERE m.call_id = c.call_id AND m.arrived_at = c.arrived_at AND m.incident IS NOT NULL
     ORDER BY m.marked_at DESC, m.seq DESC LIMIT 1) AS marked_incident,
    (SELECT count(*) FROM pbx112.call_back b WHERE b.call_id = c.call_id AND b.arrived_at = c.arrived_at) AS called_back,
    EXISTS (SELECT FROM pbx112.recording r
            WHERE r.call_id = c.call_id AND r.arrived_at = c.arrived_at AND r.result = 'finished') AS recorded
FROM pbx112.call c;
COMMENT ON VIEW pbx112.calls_unmasked IS
    'Calls with whole numbers and what became of them; for pbx112_unmasked alone / Panggilan dengan nomor utuh dan kelanjutannya; hanya untuk pbx112_unmasked';

CREATE VIEW pbx112.calls AS
SELECT
    call_id, journal_id, node, via,
    pbx112.mask(caller_raw) AS caller_raw,
    pbx112.mask(caller) AS caller,
    callable, dialled, source, arrived_at, answered_at, accepted_at, ended_at, outcome, ended_by, ring_seconds, wait_seconds,
    talk_seconds, answered_by_owner, answered_by_line, incident, escalations, legs, plan, resumed, first_seq, last_seq, record,
    offers_accepted, offers_unanswered, month, day, hour, class, disposition, marked_incident, called_back, recorded,
    record AND class = 'answered' AND NOT recorded AS recording_missing
FROM pbx112.calls_unmasked;
COMMENT ON VIEW pbx112.calls IS
    'Calls, citizens'' numbers masked, and what became of them / Panggilan, nomor warga disamarkan, dan kelanjutannya';

CREATE VIEW pbx112.legs AS
SELECT
    l.*,
    date_trunc('month', l.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::date AS month,
    (l.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::date AS day,
    extract(hour FROM l.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::integer AS hour,
    coalesce(a.name, l.owner) AS agency_name,
    coalesce(a.kind, 'agency') AS agency_kind
FROM pbx112.leg l
LEFT JOIN pbx112.agencies a ON a.key = l.owner;
COMMENT ON VIEW pbx112.legs IS
    'Attempts to reach a line, with the agency''s name / Upaya menghubungi saluran, dengan nama OPD';

-- A body is shown whole where its kind is known to hold no citizen's number; a kind of tomorrow is hidden until it is listed.
CREATE VIEW pbx112.events AS
SELECT
    e.journal_id, e.seq, e.call_id, e.at, e.mono_ns, e.plan, e.kind, e.node,
    CASE
        WHEN e.kind = 'CallArrived' THEN e.body || jsonb_build_object(
            'caller', pbx112.mask(e.body ->> 'caller'), 'caller_raw', pbx112.mask(e.body ->> 'caller_raw'))
        WHEN e.kind = 'CallBackPlaced' THEN e.body || jsonb_build_object('number', pbx112.mask(e.body ->> 'number'))
        WHEN e.kind IN (
            'CallQueued', 'WaitAnnounced', 'CallAdmitted', 'CallerAnswered', 'StageEntered', 'LegOffered', 'LegRinging',
            'LegAnswered', 'LegAccepted', 'LegEnded', 'HelpSought', 'HelpEnded', 'CallerHeld', 'CallerBack', 'CallMarked',
            'CallerSpoke', 'KeyAsked', 'KeyGiven', 'CommandRefused', 'MenuOffered', 'PromptHeard', 'MenuChosen',
            'RecordingStarted', 'RecordingFinished', 'RecordingFailed', 'AnnouncementStarted', 'CallerLeft', 'CallResumed',
            'HandedToFallback', 'CallEnded', 'CallBackEnded', 'DaemonStarted', 'DaemonStopped', 'PlanLoaded', 'JournalGap',
            'LineStateChanged', 'StandbyChosen', 'PinRefused', 'DeskStated') THEN e.body
        ELSE jsonb_build_object('kind', e.kind, 'masked', true)
    END AS body
FROM pbx112.event e;
COMMENT ON VIEW pbx112.events IS
    'Every fact, citizens'' numbers and places masked, without the bytes that the hash covers / Setiap fakta, nomor dan lokasi warga disamarkan, tanpa bita yang dicakup hash';

CREATE OR REPLACE VIEW pbx112.abandoned AS
SELECT
    c.call_id,
    c.arrived_at,
    c.ended_at,
    c.outcome,
    pbx112.mask(c.caller) AS caller,
    c.callable,
    back.times AS called_back,
    back.first_at AS called_back_at,
    coalesce(back.reached, false) AS reached,
    date_trunc('month', c.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::date AS month
FROM pbx112.call c
LEFT JOIN LATERAL (
    SELECT count(*) AS times, min(coalesce(b.placed_at, b.ended_at)) AS first_at, bool_or(b.result = 'answer') AS reached
    FROM pbx112.call_back b
    WHERE b.call_id = c.call_id AND b.arrived_at = c.arrived_at
) back ON true
WHERE c.outcome NOT IN ('answered', 'fallback_answered');
COMMENT ON COLUMN pbx112.abandoned.caller IS 'The caller''s number, masked; NULL: withheld or no number / Nomor penelepon, disamarkan; NULL: disembunyikan atau bukan nomor';
COMMENT ON COLUMN pbx112.abandoned.month IS 'Month in the office / Bulan di kantor';

CREATE VIEW pbx112.agency_answers AS
SELECT
    asked.call_id, asked.arrived_at,
    date_trunc('month', asked.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::date AS month,
    (asked.arrived_at AT TIME ZONE (SELECT pbx112.office_zone()))::date AS day,
    extract(hour FROM asked.asked_at AT TIME ZONE (SELECT pbx112.office_zone()))::integer AS hour,
    asked.owner, coalesce(a.name, asked.owner) AS name, coalesce(a.kind, 'agency') AS kind,
    asked.asked_as, asked.why, asked.asked_at, asked.accepted_at, asked.seconds_to_accept, asked.line, asked.result
FROM (
    SELECT call_id, arrived_at, owner, 'stage' AS asked_as, why, entered_at AS asked_at, accepted_at, seconds_to_accept, line,
        result
    FROM pbx112.stage
    UNION ALL
    SELECT call_id, arrived_at, owner, 'help', why, sought_at, accepted_at, seconds_to_accept, line, result FROM pbx112.help
) asked
LEFT JOIN pbx112.agencies a ON a.key = asked.owner;
COMMENT ON VIEW pbx112.agency_answers IS
    'Each time that a call turned to an agency (or the call takers), for the caller or as help, and how soon they accepted / Setiap kali panggilan dialihkan ke OPD (atau penerima panggilan), untuk pemanggil atau sebagai bantuan, dan secepat apa diterima';

-- Months of the office

CREATE VIEW pbx112.months AS
SELECT
    s.m::date AS month,
    s.m AT TIME ZONE s.zone AS begins,
    (s.m + interval '1 month') AT TIME ZONE s.zone AS ends
FROM (
    SELECT span.zone,
        generate_series(date_trunc('month', span.first AT TIME ZONE span.zone), span.last AT TIME ZONE span.zone,
            interval '1 month') AS m
    FROM (
        SELECT pbx112.office_zone() AS zone, min(c.arrived_at) AS first, max(c.arrived_at) AS last FROM pbx112.call c
    ) span
) s;
COMMENT ON VIEW pbx112.months IS
    'Months of the office from the first call to the last / Bulan di kantor dari panggilan pertama sampai terakhir';

-- All figures of a span of time. With its owner's rights: who may see figures need not see numbers.
CREATE FUNCTION pbx112.kpi(begins timestamptz, ends timestamptz) RETURNS TABLE (
    presented bigint, answered bigint, abandoned bigint, unanswered bigint, failed bigint,
    abandoned_ringing bigint, abandoned_menu bigint, abandoned_waiting bigint, abandoned_pct numeric,
    abandoned_mean numeric, abandoned_p50 numeric, abandoned_p90 numeric, abandoned_within_10 bigint,
    within_10 bigint, within_15 bigint, within_20 bigint, after_20 bigint,
    within_10_pct numeric, within_15_pct numeric, within_20_pct numeric,
    within_10_of_answered_pct numeric, within_15_of_answered_pct numeric, within_20_of_answered_pct numeric,
    answer_mean numeric, answer_p50 numeric, answer_p90 numeric, answer_p95 numeric, answer_longest_tenth numeric,
    answer_longest numeric, talk_mean numeric, waited bigint, wait_mean numeric,
    escalated bigint, escalations bigint,
    offers bigint, offers_accepted bigint, offers_unanswered bigint, offers_stopped bigint,
    marked_normal bigint, marked_ghost bigint, marked_prank bigint, marked_informasi bigint, marked_uji_coba bigint,
    marked_salah_wilayah bigint, marked_other bigint, unmarked bigint,
    nuisance bigint, nuisance_pct numeric, nuisance_of_marked_pct numeric,
    without_number bigint, first_calls bigint, repeat_calls bigint, repeat_callers bigint,
    not_served bigint, not_served_callable bigint, called_back bigint, called_back_reached bigint,
    by_daemon bigint, by_fallback bigint, resumed bigint,
    to_record bigint, recorded bigint, recordings_missing bigint, handed_to_neighbour bigint
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH told AS MATERIALIZED (
        SELECT c.call_id, c.outcome, c.via, c.callable, c.caller, c.ring_seconds AS ring, c.wait_seconds AS wait,
            c.talk_seconds AS talk, c.escalations AS esc, c.legs, c.offers_accepted AS taken, c.offers_unanswered AS missed,
            c.record, c.resumed AS again, pbx112.class_of(c.outcome) AS class
        FROM pbx112.call c WHERE c.arrived_at >= begins AND c.arrived_at < ends
    ), marked AS (
        SELECT DISTINCT ON (m.call_id) m.call_id, m.disposition
        FROM pbx112.mark m WHERE m.arrived_at >= begins AND m.arrived_at < ends AND m.disposition IS NOT NULL
        ORDER BY m.call_id, m.marked_at DESC, m.seq DESC
    ), taped AS (
        SELECT DISTINCT r.call_id
        FROM pbx112.recording r WHERE r.arrived_at >= begins AND r.arrived_at < ends AND r.result = 'finished'
    ), backs AS (
        SELECT b.call_id, bool_or(b.result = 'answer') AS reached
        FROM pbx112.call_back b WHERE b.arrived_at >= begins AND b.arrived_at < ends GROUP BY b.call_id
    ), sums AS (
        SELECT
            count(*) AS n,
            count(*) FILTER (WHERE class = 'answered') AS answered,
            count(*) FILTER (WHERE class = 'abandoned') AS abandoned,
            count(*) FILTER (WHERE class = 'unanswered') AS unanswered,
            count(*) FILTER (WHERE class = 'failed') AS failed,
            count(*) FILTER (WHERE outcome = 'abandoned_ringing') AS a_ringing,
            count(*) FILTER (WHERE outcome = 'abandoned_menu') AS a_menu,
            count(*) FILTER (WHERE outcome = 'abandoned_waiting') AS a_waiting,
            avg(ring) FILTER (WHERE class = 'abandoned') AS a_mean,
            count(*) FILTER (WHERE class = 'abandoned' AND ring <= 10) AS a_10,
            count(*) FILTER (WHERE class = 'answered' AND ring <= 10) AS w10,
            count(*) FILTER (WHERE class = 'answered' AND ring <= 15) AS w15,
            count(*) FILTER (WHERE class = 'answered' AND ring <= 20) AS w20,
            avg(ring) FILTER (WHERE class = 'answered') AS mean,
            max(ring) FILTER (WHERE class = 'answered') AS longest,
            avg(talk) FILTER (WHERE class = 'answered') AS talk,
            count(*) FILTER (WHERE wait > 0) AS waited,
            avg(wait) FILTER (WHERE wait > 0) AS wait,
            count(*) FILTER (WHERE esc > 0) AS escalated,
            coalesce(sum(esc), 0) AS esc,
            coalesce(sum(legs), 0) AS offers,
            coalesce(sum(taken), 0) AS taken,
            coalesce(sum(missed), 0) AS missed,
            count(*) FILTER (WHERE caller IS NULL) AS nameless,
            count(*) FILTER (WHERE class <> 'answered' AND callable) AS may_call,
            count(*) FILTER (WHERE via = 'daemon') AS daemon,
            count(*) FILTER (WHERE again > 0) AS again,
            count(*) FILTER (WHERE record AND class = 'answered') AS to_record
        FROM told
    ), joined AS (
        SELECT
            count(*) FILTER (WHERE m.disposition = 'normal') AS normal,
            count(*) FILTER (WHERE m.disposition = 'ghost') AS ghost,
            count(*) FILTER (WHERE m.disposition = 'prank') AS prank,
            count(*) FILTER (WHERE m.disposition = 'informasi') AS informasi,
            count(*) FILTER (WHERE m.disposition = 'uji_coba') AS uji_coba,
            count(*) FILTER (WHERE m.disposition = 'salah_wilayah') AS salah,
            count(*) FILTER (WHERE m.disposition NOT IN
                ('normal', 'ghost', 'prank', 'informasi', 'uji_coba', 'salah_wilayah')) AS other,
            count(*) FILTER (WHERE m.disposition IS NULL) AS none,
            count(*) FILTER (WHERE t.record AND t.class = 'answered' AND r.call_id IS NOT NULL) AS recorded,
            count(*) FILTER (WHERE t.class <> 'answered' AND b.call_id IS NOT NULL) AS called,
            count(*) FILTER (WHERE t.class <> 'answered' AND b.reached) AS reached
        FROM told t LEFT JOIN marked m USING (call_id) LEFT JOIN taped r USING (call_id) LEFT JOIN backs b USING (call_id)
    ), spread AS (
        SELECT percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY ring) AS p FROM told WHERE class = 'answered'
    ), given_up AS (
        SELECT percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY ring) AS p FROM told WHERE class = 'abandoned'
    ), tenth AS (
        SELECT avg(ring) AS mean FROM (
            SELECT ring FROM told WHERE class = 'answered' ORDER BY ring DESC
            LIMIT (SELECT ceil(answered / 10.0)::bigint FROM sums)) slowest
    ), again AS (
        SELECT count(*) AS numbers, coalesce(sum(calls - 1), 0)::bigint AS calls, count(*) FILTER (WHERE calls > 1) AS callers
        FROM (SELECT count(*) AS calls FROM told WHERE caller IS NOT NULL GROUP BY caller) per
    ), neighbours AS (
        SELECT count(DISTINCT call_id) AS calls FROM (
            SELECT s.call_id, s.owner FROM pbx112.stage s
            WHERE s.arrived_at >= begins AND s.arrived_at < ends AND s.result = 'accepted'
            UNION ALL
            SELECT h.call_id, h.owner FROM pbx112.help h
            WHERE h.arrived_at >= begins AND h.arrived_at < ends AND h.result = 'accepted'
        ) came WHERE came.owner IN (SELECT a.key FROM pbx112.agencies a WHERE a.kind = 'neighbour')
    )
    SELECT
        s.n, s.answered, s.abandoned, s.unanswered, s.failed,
        s.a_ringing, s.a_menu, s.a_waiting, round(100.0 * s.abandoned / nullif(s.n, 0), 2),
        round(s.a_mean, 3), g.p[1], g.p[2], s.a_10,
        s.w10, s.w15, s.w20, s.answered - s.w20,
        round(100.0 * s.w10 / nullif(s.n, 0), 2), round(100.0 * s.w15 / nullif(s.n, 0), 2),
        round(100.0 * s.w20 / nullif(s.n, 0), 2),
        round(100.0 * s.w10 / nullif(s.answered, 0), 2), round(100.0 * s.w15 / nullif(s.answered, 0), 2),
        round(100.0 * s.w20 / nullif(s.answered, 0), 2),
        round(s.mean, 3), p.p[1], p.p[2], p.p[3], round(t.mean, 3), s.longest, round(s.talk, 3), s.waited, round(s.wait, 3),
        s.escalated, s.esc::bigint,
        s.offers::bigint, s.taken::bigint, s.missed::bigint, (s.offers - s.taken - s.missed)::bigint,
        j.normal, j.ghost, j.prank, j.informasi, j.uji_coba, j.salah, j.other, j.none,
        j.ghost + j.prank, round(100.0 * (j.ghost + j.prank) / nullif(s.n, 0), 2),
        round(100.0 * (j.ghost + j.prank) / nullif(s.n - j.none, 0), 2),
        s.nameless, a.numbers, a.calls, a.callers,
        s.n - s.answered, s.may_call, j.called, j.reached,
        s.daemon, s.n - s.daemon, s.again,
        s.to_record, j.recorded, s.to_record - j.recorded, n.calls
    FROM sums s, joined j, spread p, given_up g, tenth t, again a, neighbours n;
END
$$;
COMMENT ON FUNCTION pbx112.kpi(timestamptz, timestamptz) IS
    'All figures of the calls that arrived from the first moment on and before the second; kpi_definition explains each / Semua angka untuk panggilan yang masuk sejak saat pertama dan sebelum saat kedua; dijelaskan di kpi_definition';

CREATE VIEW pbx112.kpi_month AS
SELECT m.month, k.* FROM pbx112.months m CROSS JOIN LATERAL pbx112.kpi(m.begins, m.ends) k;
COMMENT ON VIEW pbx112.kpi_month IS
    'All figures month by month; kpi_definition explains each column / Semua angka per bulan; setiap kolom dijelaskan di kpi_definition';

-- Load. Each view looks at one month after the other, so that a month that is asked for is the only one read.

CREATE VIEW pbx112.load_hour AS
SELECT m.month, h.day, h.hour, h.presented, h.answered, h.abandoned, h.unanswered, h.failed
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT
        (c.arrived_at AT TIME ZONE z.zone)::date AS day,
        extract(hour FROM c.arrived_at AT TIME ZONE z.zone)::integer AS hour,
        count(*) AS presented,
        count(*) FILTER (WHERE pbx112.class_of(c.outcome) = 'answered') AS answered,
        count(*) FILTER (WHERE pbx112.class_of(c.outcome) = 'abandoned') AS abandoned,
        count(*) FILTER (WHERE pbx112.class_of(c.outcome) = 'unanswered') AS unanswered,
        count(*) FILTER (WHERE pbx112.class_of(c.outcome) = 'failed') AS failed
    FROM pbx112.call c CROSS JOIN (SELECT pbx112.office_zone() AS zone OFFSET 0) z
    WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends
    GROUP BY 1, 2
) h;
COMMENT ON VIEW pbx112.load_hour IS
    'Calls in each hour of each day of the office / Panggilan dalam setiap jam setiap hari di kantor';

CREATE VIEW pbx112.kpi_day AS
SELECT m.month, d.day, d.presented, d.answered, d.abandoned, d.unanswered, d.failed, d.within_10, d.within_15, d.within_20,
    d.answer_mean, d.answer_p90, d.answer_p95
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT
        (c.arrived_at AT TIME ZONE z.zone)::date AS day,
        count(*) AS presented,
        count(*) FILTER (WHERE k.class = 'answered') AS answered,
        count(*) FILTER (WHERE k.class = 'abandoned') AS abandoned,
        count(*) FILTER (WHERE k.class = 'unanswered') AS unanswered,
        count(*) FILTER (WHERE k.class = 'failed') AS failed,
        count(*) FILTER (WHERE k.class = 'answered' AND c.ring_seconds <= 10) AS within_10,
        count(*) FILTER (WHERE k.class = 'answered' AND c.ring_seconds <= 15) AS within_15,
        count(*) FILTER (WHERE k.class = 'answered' AND c.ring_seconds <= 20) AS within_20,
        round(avg(c.ring_seconds) FILTER (WHERE k.class = 'answered'), 3) AS answer_mean,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY c.ring_seconds) FILTER (WHERE k.class = 'answered') AS answer_p90,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY c.ring_seconds) FILTER (WHERE k.class = 'answered') AS answer_p95
    FROM pbx112.call c CROSS JOIN (SELECT pbx112.office_zone() AS zone OFFSET 0) z
    CROSS JOIN LATERAL (SELECT pbx112.class_of(c.outcome) AS class) k
    WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends
    GROUP BY 1
) d;
COMMENT ON VIEW pbx112.kpi_day IS
    'The figures of load and answering, day by day; defined as in kpi_month / Angka beban dan jawaban per hari; definisi seperti kpi_month';

CREATE VIEW pbx112.kpi_hour AS
SELECT m.month, d.hour, d.presented, d.answered, d.abandoned, d.unanswered, d.failed, d.within_10, d.within_15, d.within_20,
    d.answer_mean, d.answer_p90, d.answer_p95
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT
        extract(hour FROM c.arrived_at AT TIME ZONE z.zone)::integer AS hour,
        count(*) AS presented,
        count(*) FILTER (WHERE k.class = 'answered') AS answered,
        count(*) FILTER (WHERE k.class = 'abandoned') AS abandoned,
        count(*) FILTER (WHERE k.class = 'unanswered') AS unanswered,
        count(*) FILTER (WHERE k.class = 'failed') AS failed,
        count(*) FILTER (WHERE k.class = 'answered' AND c.ring_seconds <= 10) AS within_10,
        count(*) FILTER (WHERE k.class = 'answered' AND c.ring_seconds <= 15) AS within_15,
        count(*) FILTER (WHERE k.class = 'answered' AND c.ring_seconds <= 20) AS within_20,
        round(avg(c.ring_seconds) FILTER (WHERE k.class = 'answered'), 3) AS answer_mean,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY c.ring_seconds) FILTER (WHERE k.class = 'answered') AS answer_p90,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY c.ring_seconds) FILTER (WHERE k.class = 'answered') AS answer_p95
    FROM pbx112.call c CROSS JOIN (SELECT pbx112.office_zone() AS zone OFFSET 0) z
    CROSS JOIN LATERAL (SELECT pbx112.class_of(c.outcome) AS class) k
    WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends
    GROUP BY 1
) d;
COMMENT ON VIEW pbx112.kpi_hour IS
    'The figures of load and answering by hour of day, month by month; defined as in kpi_month / Angka beban dan jawaban menurut jam, per bulan; definisi seperti kpi_month';

CREATE VIEW pbx112.outcome_month AS
SELECT m.month, o.outcome, o.calls FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT c.outcome, count(*) AS calls FROM pbx112.call c
    WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends GROUP BY c.outcome
) o;
COMMENT ON VIEW pbx112.outcome_month IS 'Calls by outcome, month by month / Panggilan menurut hasil, per bulan';

CREATE VIEW pbx112.disposition_month AS
SELECT m.month, d.disposition, d.calls FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT marked.disposition, count(*) AS calls
    FROM pbx112.call c LEFT JOIN (
        SELECT DISTINCT ON (k.call_id) k.call_id, k.disposition FROM pbx112.mark k
        WHERE k.arrived_at >= m.begins AND k.arrived_at < m.ends AND k.disposition IS NOT NULL
        ORDER BY k.call_id, k.marked_at DESC, k.seq DESC
    ) marked USING (call_id)
    WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends GROUP BY marked.disposition
) d;
COMMENT ON VIEW pbx112.disposition_month IS
    'Calls by what staff last said that they were, month by month; NULL: not said / Panggilan menurut catatan terakhir petugas, per bulan; NULL: tidak dicatat';

CREATE VIEW pbx112.answer_time_month AS
SELECT m.month, d.upto_seconds, d.calls FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT bin.upto_seconds, count(*) AS calls
    FROM pbx112.call c CROSS JOIN LATERAL (
        SELECT min(b) AS upto_seconds
        FROM unnest(ARRAY[5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 90, 120, 180, 300]) b WHERE c.ring_seconds <= b
    ) bin
    WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends AND c.outcome IN ('answered', 'fallback_answered')
    GROUP BY bin.upto_seconds
) d;
COMMENT ON VIEW pbx112.answer_time_month IS
    'Answered calls by time to answer, month by month: each call in the first bin that holds it; NULL: longer than all / Panggilan terjawab menurut waktu jawab, per bulan: setiap panggilan di kelas pertama yang memuatnya; NULL: lebih lama dari semuanya';

CREATE VIEW pbx112.longest_wait AS
SELECT m.month, w.rank, w.call_id, w.arrived_at, w.ring_seconds, w.outcome, w.answered_by_owner
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT row_number() OVER (ORDER BY c.ring_seconds DESC, c.arrived_at, c.call_id) AS rank, c.call_id, c.arrived_at,
        c.ring_seconds, c.outcome, c.answered_by_owner
    FROM pbx112.call c WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends
    ORDER BY c.ring_seconds DESC, c.arrived_at, c.call_id LIMIT 10
) w;
COMMENT ON VIEW pbx112.longest_wait IS
    'The ten callers of each month who waited longest, answered or not / Sepuluh pemanggil yang menunggu paling lama setiap bulan, terjawab atau tidak';

CREATE VIEW pbx112.repeat_caller AS
SELECT m.month, pbx112.mask(r.caller) AS caller, r.calls, r.nuisance, r.first_at, r.last_at
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT c.caller, count(*) AS calls, count(*) FILTER (WHERE marked.disposition IN ('ghost', 'prank')) AS nuisance,
        min(c.arrived_at) AS first_at, max(c.arrived_at) AS last_at
    FROM pbx112.call c LEFT JOIN (
        SELECT DISTINCT ON (k.call_id) k.call_id, k.disposition FROM pbx112.mark k
        WHERE k.arrived_at >= m.begins AND k.arrived_at < m.ends AND k.disposition IS NOT NULL
        ORDER BY k.call_id, k.marked_at DESC, k.seq DESC
    ) marked USING (call_id)
    WHERE c.arrived_at >= m.begins AND c.arrived_at < m.ends AND c.caller IS NOT NULL
    GROUP BY c.caller HAVING count(*) > 1
) r;
COMMENT ON VIEW pbx112.repeat_caller IS
    'Numbers with more than one call in a month, one row for each number, masked / Nomor dengan lebih dari satu panggilan dalam sebulan, satu baris per nomor, disamarkan';

-- Agencies and lines

CREATE VIEW pbx112.agency_month AS
SELECT m.month, d.owner, coalesce(a.name, d.owner) AS name, coalesce(a.kind, 'agency') AS kind,
    d.asked, d.accepted, d.not_accepted, d.seconds_mean, d.seconds_p50, d.seconds_p90, d.seconds_p95, d.seconds_longest
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT x.owner, count(*) AS asked, count(x.s) AS accepted, count(*) - count(x.s) AS not_accepted,
        round(avg(x.s), 3) AS seconds_mean,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY x.s) AS seconds_p50,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY x.s) AS seconds_p90,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY x.s) AS seconds_p95,
        max(x.s) AS seconds_longest
    FROM (
        SELECT s.owner, s.seconds_to_accept AS s FROM pbx112.stage s WHERE s.arrived_at >= m.begins AND s.arrived_at < m.ends
        UNION ALL
        SELECT h.owner, h.seconds_to_accept FROM pbx112.help h WHERE h.arrived_at >= m.begins AND h.arrived_at < m.ends
    ) x GROUP BY x.owner
) d LEFT JOIN pbx112.agencies a ON a.key = d.owner;
COMMENT ON VIEW pbx112.agency_month IS
    'Agencies side by side, month by month: how often a call turned to them, how often and how soon they accepted / Perbandingan OPD per bulan: berapa kali dituju, berapa kali dan secepat apa menerima';

CREATE VIEW pbx112.agency_hour AS
SELECT m.month, d.owner, coalesce(a.name, d.owner) AS name, coalesce(a.kind, 'agency') AS kind, d.hour,
    d.asked, d.accepted, d.not_accepted, d.seconds_mean, d.seconds_p50, d.seconds_p90, d.seconds_p95, d.seconds_longest
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT x.owner, extract(hour FROM x.at AT TIME ZONE z.zone)::integer AS hour,
        count(*) AS asked, count(x.s) AS accepted, count(*) - count(x.s) AS not_accepted,
        round(avg(x.s), 3) AS seconds_mean,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY x.s) AS seconds_p50,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY x.s) AS seconds_p90,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY x.s) AS seconds_p95,
        max(x.s) AS seconds_longest
    FROM (
        SELECT s.owner, s.entered_at AS at, s.seconds_to_accept AS s
        FROM pbx112.stage s WHERE s.arrived_at >= m.begins AND s.arrived_at < m.ends
        UNION ALL
        SELECT h.owner, h.sought_at, h.seconds_to_accept
        FROM pbx112.help h WHERE h.arrived_at >= m.begins AND h.arrived_at < m.ends
    ) x CROSS JOIN (SELECT pbx112.office_zone() AS zone OFFSET 0) z
    GROUP BY x.owner, 2
) d LEFT JOIN pbx112.agencies a ON a.key = d.owner;
COMMENT ON VIEW pbx112.agency_hour IS
    'The same by the hour of day in which they were asked / Sama, menurut jam saat dituju';

CREATE VIEW pbx112.line_month AS
SELECT m.month, d.owner, coalesce(a.name, d.owner) AS name, d.line, d.kind,
    d.offers, d.accepted, d.unanswered, d.stopped, d.accept_mean, d.accept_p90
FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT l.owner, l.line, l.kind, count(*) AS offers,
        count(*) FILTER (WHERE l.result = 'accepted') AS accepted,
        count(*) FILTER (WHERE l.result NOT IN ('accepted', 'answered_elsewhere', 'caller_gone', 'withdrawn')) AS unanswered,
        count(*) FILTER (WHERE l.result IN ('answered_elsewhere', 'caller_gone', 'withdrawn')) AS stopped,
        round((avg(extract(epoch FROM l.accepted_at - l.offered_at)))::numeric, 3) AS accept_mean,
        round((percentile_disc(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM l.accepted_at - l.offered_at)))::numeric, 3)
            AS accept_p90
    FROM pbx112.leg l WHERE l.arrived_at >= m.begins AND l.arrived_at < m.ends
    GROUP BY l.owner, l.line, l.kind
) d LEFT JOIN pbx112.agencies a ON a.key = d.owner;
COMMENT ON VIEW pbx112.line_month IS
    'Lines side by side, month by month: offers = accepted + unanswered + stopped; seconds from offer to acceptance / Perbandingan saluran per bulan: offers = accepted + unanswered + stopped; detik dari ditawarkan sampai diterima';

CREATE VIEW pbx112.leg_result_month AS
SELECT m.month, d.owner, d.result, d.offers FROM pbx112.months m CROSS JOIN LATERAL (
    SELECT l.owner, l.result, count(*) AS offers FROM pbx112.leg l
    WHERE l.arrived_at >= m.begins AND l.arrived_at < m.ends GROUP BY l.owner, l.result
) d;
COMMENT ON VIEW pbx112.leg_result_month IS
    'Attempts by agency and result, month by month / Upaya menurut OPD dan hasil, per bulan';
