-- How long records are kept is stated by the daemon from agencies.yaml, with its hash. No run of the retention may keep less: who has
-- the keeper's account alone can delete nothing early.
CREATE TABLE pbx112.retention_policy (
    stated_at timestamptz NOT NULL DEFAULT clock_timestamp() PRIMARY KEY,
    personal_months integer NOT NULL CHECK (personal_months >= 1),
    recording_days integer NOT NULL CHECK (recording_days >= 1),
    access_months integer NOT NULL CHECK (access_months >= 1),
    plan text NOT NULL,
    account text NOT NULL DEFAULT session_user
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.retention_policy
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.retention_policy
    FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change();
COMMENT ON TABLE pbx112.retention_policy IS
    'How long records are kept, as the daemon stated it from agencies.yaml; the newest row counts / Lama penyimpanan catatan, sebagaimana dinyatakan daemon dari agencies.yaml; baris terbaru yang berlaku';
COMMENT ON COLUMN pbx112.retention_policy.stated_at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.retention_policy.personal_months IS 'Whole months for which events and numbers are kept / Bulan penuh penyimpanan kejadian dan nomor';
COMMENT ON COLUMN pbx112.retention_policy.recording_days IS 'Days for which recordings are kept / Hari penyimpanan rekaman';
COMMENT ON COLUMN pbx112.retention_policy.access_months IS 'Whole months for which the access log is kept / Bulan penuh penyimpanan access_log';
COMMENT ON COLUMN pbx112.retention_policy.plan IS 'Hash of that agencies.yaml / Hash agencies.yaml tersebut';
COMMENT ON COLUMN pbx112.retention_policy.account IS 'Database account that stated it / Akun basis data yang menyatakan';

CREATE FUNCTION pbx112.state_retention(plan_hash text, personal integer, recording integer, access integer) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH last AS (
        SELECT p.personal_months, p.recording_days, p.access_months FROM pbx112.retention_policy p
        ORDER BY p.stated_at DESC LIMIT 1
    ), added AS (
        INSERT INTO pbx112.retention_policy (personal_months, recording_days, access_months, plan)
        SELECT personal, recording, access, plan_hash
        WHERE NOT EXISTS (SELECT FROM last WHERE (personal_months, recording_days, access_months) = (personal, recording, access))
        RETURNING true
    ) SELECT EXISTS (SELECT FROM added)
$$;
COMMENT ON FUNCTION pbx112.state_retention(text, integer, integer, integer) IS
    'The daemon states how long its plan keeps records; adds what is new / Daemon menyatakan lama penyimpanan menurut rencananya; menambah yang baru';

CREATE OR REPLACE FUNCTION pbx112.begin_retention(
    os_user text, node text, plan text, personal_months integer, recording_days integer, access_months integer
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    stated pbx112.retention_policy;
    run bigint;
BEGIN
    SELECT * INTO stated FROM pbx112.retention_policy p ORDER BY p.stated_at DESC LIMIT 1;
    IF stated IS NULL THEN
        RAISE EXCEPTION 'the daemon has not stated yet how long records are kept: start it once, with its PBX112_DSN'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF personal_months < stated.personal_months OR recording_days < stated.recording_days OR access_months < stated.access_months THEN
        RAISE EXCEPTION 'records are kept for % months, recordings for % days, the access log for % months, as the daemon stated on %; '
            'reload the daemon where agencies.yaml says less now', stated.personal_months, stated.recording_days,
            stated.access_months, stated.stated_at USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO pbx112.retention_run (account, os_user, node, plan, personal_months, recording_days, access_months)
    VALUES (session_user, os_user, node, plan, personal_months, recording_days, access_months) RETURNING run_id INTO run;
    RETURN run;
END
$$;

DO $$
BEGIN
    REVOKE ALL ON FUNCTION pbx112.state_retention(text, integer, integer, integer) FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        GRANT SELECT, INSERT ON pbx112.retention_policy TO pbx112_writer;
        GRANT EXECUTE ON FUNCTION pbx112.state_retention(text, integer, integer, integer) TO pbx112_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.retention_policy TO pbx112_auditor;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_keeper') THEN
        GRANT SELECT ON pbx112.retention_policy TO pbx112_keeper;
    END IF;
END
$$;
