-- Who may see citizens' numbers, and who looked. Auditors read everything but numbers; pbx112_unmasked is granted besides.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['pbx112_unmasked', 'pbx112_keeper'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
                RAISE NOTICE 'role % created', wanted;
            EXCEPTION
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'role % is missing and % may not create it; a superuser can: CREATE ROLE % NOLOGIN',
                        wanted, current_user, wanted;
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this server was migrated at the same moment
            END;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_unmasked')
        AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        BEGIN
            GRANT pbx112_auditor TO pbx112_unmasked;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'grant it as superuser: GRANT pbx112_auditor TO pbx112_unmasked';
            WHEN unique_violation OR internal_error THEN
                NULL; -- granted at the same moment in another database of this server
        END;
    END IF;
END
$$;

CREATE TABLE pbx112.access_log (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    account text NOT NULL,
    os_user text NOT NULL,
    client text NOT NULL,
    program text NOT NULL,
    what text NOT NULL,
    call_id text,
    why text NOT NULL,
    unmasked boolean NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX access_log_at ON pbx112.access_log (at);
CREATE INDEX access_log_call ON pbx112.access_log (call_id) WHERE call_id IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.access_log
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.access_log
    FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change();
CREATE TABLE pbx112.access_log_other PARTITION OF pbx112.access_log DEFAULT;
COMMENT ON TABLE pbx112.access_log_other IS
    'Rows of access_log of months for which no partition was made in time / Baris access_log dari bulan yang partisinya belum sempat dibuat';
COMMENT ON TABLE pbx112.access_log IS
    'Who read which records, when and why (UU PDP 27/2022 Ps. 31); written before they are shown / Siapa membaca catatan apa, kapan dan untuk apa (UU PDP 27/2022 Ps. 31); ditulis sebelum ditampilkan';
COMMENT ON COLUMN pbx112.access_log.at IS 'When, UTC, by the server''s clock / Waktu menurut server, UTC';
COMMENT ON COLUMN pbx112.access_log.account IS 'Database account that was logged in / Akun basis data yang masuk';
COMMENT ON COLUMN pbx112.access_log.os_user IS 'User of the machine, as the program says; empty for SQL / Pengguna mesin menurut program; kosong untuk SQL';
COMMENT ON COLUMN pbx112.access_log.client IS 'Address it came from, or local / Alamat asal, atau local';
COMMENT ON COLUMN pbx112.access_log.program IS 'Command, e.g. cdr, report, subject; sql for a function called by hand / Perintah, mis. cdr, report, subject; sql untuk fungsi yang dipanggil langsung';
COMMENT ON COLUMN pbx112.access_log.what IS 'What was asked for, numbers masked / Yang diminta, nomor disamarkan';
COMMENT ON COLUMN pbx112.access_log.call_id IS 'The call, where it was one / Panggilannya, bila satu';
COMMENT ON COLUMN pbx112.access_log.why IS 'The reason given / Alasan yang disebut';
COMMENT ON COLUMN pbx112.access_log.unmasked IS 'Whether whole numbers were shown / Apakah nomor utuh ditampilkan';

-- The only way in: account, moment and address are the server's word.
CREATE FUNCTION pbx112.note_access(
    os_user text, program text, what text, call_id text DEFAULT NULL, why text DEFAULT '', unmasked boolean DEFAULT false
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pbx112.access_log (account, os_user, client, program, what, call_id, why, unmasked)
    VALUES (session_user, left(os_user, 100), coalesce(host(inet_client_addr()), 'local'), left(program, 50), left(what, 500),
        left(call_id, 200), left(why, 500), unmasked)
$$;
COMMENT ON FUNCTION pbx112.note_access(text, text, text, text, text, boolean) IS
    'Writes down who reads what / Mencatat siapa membaca apa';

CREATE FUNCTION pbx112.calls_of(number text, why text) RETURNS TABLE (call_id text, arrived_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF coalesce(trim(calls_of.why), '') = '' THEN
        RAISE EXCEPTION 'say why: it is written down' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pbx112.note_access('', 'sql', 'calls of ' || pbx112.mask(calls_of.number), NULL, calls_of.why, false);
    RETURN QUERY SELECT c.call_id, c.arrived_at FROM pbx112.call c
        WHERE c.caller = calls_of.number OR c.caller_raw = calls_of.number ORDER BY c.arrived_at;
END
$$;
COMMENT ON FUNCTION pbx112.calls_of(text, text) IS
    'The calls of a whole number, for whoever has the number and a reason; writes that down / Panggilan dari nomor utuh, bagi yang memiliki nomor dan alasan; dicatat';

DO $$
DECLARE
    item text;
BEGIN
    PERFORM pbx112.ensure_partitions();
    REVOKE ALL ON FUNCTION pbx112.note_access(text, text, text, text, text, boolean) FROM PUBLIC;
    REVOKE ALL ON FUNCTION pbx112.calls_of(text, text) FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        REVOKE SELECT ON pbx112.call, pbx112.event, pbx112.caller_description FROM pbx112_auditor;
        GRANT SELECT ON pbx112.access_log TO pbx112_auditor;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_unmasked') THEN
        GRANT USAGE ON SCHEMA pbx112 TO pbx112_unmasked;
        GRANT SELECT ON pbx112.call, pbx112.event, pbx112.caller_description, pbx112.calls_unmasked TO pbx112_unmasked;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        GRANT SELECT ON pbx112.calls_unmasked TO pbx112_writer;
    END IF;
    FOREACH item IN ARRAY ARRAY['pbx112_writer', 'pbx112_auditor', 'pbx112_unmasked'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = item) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION pbx112.note_access(text, text, text, text, text, boolean),
                pbx112.calls_of(text, text) TO %I', item);
        END IF;
    END LOOP;
END
$$;
