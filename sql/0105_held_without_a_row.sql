-- A hold keeps a call that has no row, too: one whose end was never told (a journal lost) stands in event alone.
CREATE OR REPLACE FUNCTION pbx112.held_calls(since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pbx112.holds) THEN (
        SELECT count(*) FROM pbx112.call c
        WHERE c.arrived_at >= held_calls.since - interval '1 day' AND c.arrived_at < held_calls.until
            AND c.ended_at >= held_calls.since
            AND pbx112.is_held(c.call_id, c.caller, c.caller_raw, c.arrived_at)
    ) + (
        SELECT count(DISTINCT e.call_id) FROM pbx112.event e
        WHERE e.at >= held_calls.since AND e.at < held_calls.until AND e.call_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM pbx112.call c WHERE c.call_id = e.call_id)
            AND pbx112.is_held(e.call_id,
                CASE WHEN e.kind = 'CallArrived' THEN pbx112.body(e.raw, e.body) ->> 'caller' END,
                CASE WHEN e.kind = 'CallArrived' THEN pbx112.body(e.raw, e.body) ->> 'caller_raw' END, e.at)
    ) ELSE 0 END
$$;
