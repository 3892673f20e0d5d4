-- What nobody may change: also a month taken by itself. And whose word a row is: account and moment are the server's.

-- A trigger against TRUNCATE is not handed on from a table to its months: each gets its own, also those made from now on.
DO $$
DECLARE
    item record;
    was text := pg_catalog.pg_get_functiondef('pbx112.make_partitions(date, date)'::regprocedure);
    becomes text := pg_catalog.replace(was, $old$                made := made + 1;$old$, $new$                IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = format('pbx112.%I', parent)::regclass
                           AND t.tgname = 'append_only_whole') THEN
                    EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change()', partition_name);
                END IF;
                made := made + 1;$new$);
BEGIN
    IF becomes = was THEN
        RAISE EXCEPTION 'pbx112.make_partitions is another one than this change knows';
    END IF;
    EXECUTE becomes;
    FOR item IN
        SELECT c.oid::regclass AS name FROM pg_catalog.pg_class c
        WHERE c.oid IN ('pbx112.office'::regclass, 'pbx112.agency'::regclass)
            OR c.oid IN (SELECT i.inhrelid FROM pg_catalog.pg_inherits i
                         WHERE i.inhparent IN ('pbx112.event'::regclass, 'pbx112.access_log'::regclass))
    LOOP
        EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %s
            FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change()', item.name);
    END LOOP;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_keeper') THEN
        REVOKE INSERT ON pbx112.legal_hold, pbx112.legal_hold_lifted FROM pbx112_keeper;
        GRANT INSERT (os_user, call_id, number, since, until, reason) ON pbx112.legal_hold TO pbx112_keeper;
        GRANT INSERT (hold_id, os_user, reason) ON pbx112.legal_hold_lifted TO pbx112_keeper;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        REVOKE INSERT ON pbx112.office, pbx112.agency, pbx112.retention_policy FROM pbx112_writer;
        GRANT INSERT (timezone, plan) ON pbx112.office TO pbx112_writer;
        GRANT INSERT (key, name, kind, plan) ON pbx112.agency TO pbx112_writer;
        GRANT INSERT (personal_months, recording_days, access_months, plan) ON pbx112.retention_policy TO pbx112_writer;
    END IF;
END
$$;
