-- The files of a recording are on the machine that made it. With several machines of one database each must know which are its own:
-- the first to look took those of the others for deleted, and nobody deleted them.
DROP FUNCTION pbx112.recordings_due(integer);
CREATE FUNCTION pbx112.recordings_due(recording_days integer)
RETURNS TABLE (call_id text, name text, arrived_at timestamptz, node text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.call_id, r.name, r.arrived_at, c.node FROM pbx112.recording r
    LEFT JOIN pbx112.call c ON c.call_id = r.call_id AND c.arrived_at = r.arrived_at
    WHERE r.ended_at < now() - make_interval(days => greatest(recording_days, 1))
        AND NOT EXISTS (SELECT FROM pbx112.recording_deleted d
                        WHERE d.call_id = r.call_id AND d.name = r.name AND d.arrived_at = r.arrived_at)
        AND NOT (EXISTS (SELECT FROM pbx112.holds) AND pbx112.is_held(r.call_id, c.caller, c.caller_raw, r.arrived_at))
$$;
COMMENT ON FUNCTION pbx112.recordings_due(integer) IS
    'Recordings older than that, not held, whose files were not deleted yet, each with the machine that handled its call (NULL: not known) / Rekaman yang lebih tua dari itu, tidak ditahan, yang berkasnya belum dihapus, dengan mesin yang menangani panggilannya (NULL: tidak diketahui)';

DO $$
BEGIN
    REVOKE ALL ON FUNCTION pbx112.recordings_due(integer) FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_keeper') THEN
        GRANT EXECUTE ON FUNCTION pbx112.recordings_due(integer) TO pbx112_keeper;
    END IF;
END
$$;
