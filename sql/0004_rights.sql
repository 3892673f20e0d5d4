-- The writer adds records and moves the shipment on; it can change or delete no record. The auditor reads.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        GRANT USAGE ON SCHEMA pbx112 TO pbx112_writer;
        GRANT SELECT, INSERT ON pbx112.call, pbx112.leg, pbx112.event, pbx112.recording TO pbx112_writer;
        GRANT SELECT, INSERT ON pbx112.shipment TO pbx112_writer;
        GRANT UPDATE (last_seq, head, shipped_at) ON pbx112.shipment TO pbx112_writer;
        GRANT SELECT ON pbx112.migration TO pbx112_writer;
        GRANT EXECUTE ON FUNCTION pbx112.ensure_partitions(integer) TO pbx112_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT USAGE ON SCHEMA pbx112 TO pbx112_auditor;
        GRANT SELECT ON pbx112.call, pbx112.leg, pbx112.event, pbx112.recording, pbx112.shipment, pbx112.migration
            TO pbx112_auditor;
    END IF;
END
$$;
