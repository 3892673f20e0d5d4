-- The chain covers event.raw. Views read event.body, which is the same for queries: this view names where it is not.
CREATE FUNCTION pbx112.body_of(raw bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN convert_from(raw, 'UTF8')::jsonb;
EXCEPTION
    WHEN data_exception THEN RETURN NULL; -- no JSON, or what jsonb cannot hold
END
$$;
COMMENT ON FUNCTION pbx112.body_of(bytea) IS
    'What an event''s exact bytes say; NULL where jsonb cannot hold it / Isi bita persis suatu kejadian; NULL bila tidak dapat ditampung jsonb';

CREATE VIEW pbx112.false_body AS
SELECT
    e.journal_id,
    e.seq,
    e.at,
    CASE WHEN e.body = '{"unreadable": true}' THEN 'not shown' ELSE 'says something else' END AS why
FROM pbx112.event e
WHERE CASE
    -- U+0000 and half surrogate pairs are U+FFFD in body: there is nothing to compare with
    WHEN position('\x5c75'::bytea IN e.raw) > 0 THEN coalesce(pbx112.body_of(e.raw) <> e.body, false)
    ELSE e.body <> coalesce(pbx112.body_of(e.raw), '{"unreadable": true}')
END;
COMMENT ON VIEW pbx112.false_body IS
    'Events whose body is not what their exact bytes say: changed afterwards, or (not shown) refused by Postgres when they came; empty when all is sound / Kejadian yang body-nya berbeda dari bita persisnya: diubah kemudian, atau (not shown) ditolak Postgres saat masuk; kosong bila semuanya utuh';
COMMENT ON COLUMN pbx112.false_body.journal_id IS 'The journal / Jurnal';
COMMENT ON COLUMN pbx112.false_body.seq IS 'Number of the event in it / Nomor kejadian di dalamnya';
COMMENT ON COLUMN pbx112.false_body.at IS 'When it happened, UTC / Waktu kejadian, UTC';
COMMENT ON COLUMN pbx112.false_body.why IS 'What is wrong / Apa yang salah';

DO $$
DECLARE
    reader text;
BEGIN
    FOREACH reader IN ARRAY ARRAY['pbx112_auditor', 'pbx112_writer'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = reader) THEN
            EXECUTE format('GRANT SELECT ON pbx112.false_body TO %I', reader);
        END IF;
    END LOOP;
END
$$;
