CREATE TABLE pbx112.event_other PARTITION OF pbx112.event DEFAULT;
COMMENT ON TABLE pbx112.event_other IS
    'Events of months for which no partition was made in time / Kejadian dari bulan yang partisinya belum sempat dibuat';

-- Runs with its owner's rights, so that the writer needs no right to create anything. Months are UTC.
CREATE FUNCTION pbx112.ensure_partitions(months_ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first_day timestamptz;
    partition_name text;
    made integer := 0;
BEGIN
    FOR ahead IN 0..least(greatest(months_ahead, 0), 24) LOOP
        first_day := date_trunc('month', now()) + make_interval(months => ahead);
        partition_name := 'event_' || to_char(first_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass('pbx112.' || partition_name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtext('pbx112.ensure_partitions'));
        CONTINUE WHEN to_regclass('pbx112.' || partition_name) IS NOT NULL;
        BEGIN
            -- made alone and attached then: this does not stop anybody who is writing to other months
            EXECUTE format('CREATE TABLE pbx112.%I (LIKE pbx112.event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
            EXECUTE format('ALTER TABLE pbx112.event ATTACH PARTITION pbx112.%I FOR VALUES FROM (%L) TO (%L)',
                partition_name, first_day, first_day + interval '1 month');
            EXECUTE format('COMMENT ON TABLE pbx112.%I IS %L', partition_name,
                format('Events of %s (UTC) / Kejadian bulan %s (UTC)',
                    to_char(first_day, 'YYYY-MM'), to_char(first_day, 'YYYY-MM')));
            made := made + 1;
        EXCEPTION
            WHEN check_violation THEN
                RAISE NOTICE 'month % stays in pbx112.event_other, which holds some of its events already', partition_name;
        END;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION pbx112.ensure_partitions(integer) IS
    'Makes the monthly partitions of event from this month on; returns how many were missing / Membuat partisi bulanan event mulai bulan ini; mengembalikan jumlah yang dibuat';
REVOKE ALL ON FUNCTION pbx112.ensure_partitions(integer) FROM PUBLIC;

SELECT pbx112.ensure_partitions();
