-- An event's details stood in every row twice: as the exact bytes (raw) and as jsonb (body). Now body is filled only where jsonb
-- cannot hold the bytes as they are; everywhere else a query reads it out of raw. Rows from before keep both: they mean the same.

-- Written so that Postgres puts it into the query in place of a call (no SET, no strictness).
CREATE FUNCTION pbx112.body(raw bytea, body jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN body IS NULL THEN pg_catalog.convert_from(raw, 'UTF8')::pg_catalog.jsonb ELSE body END
$$;
COMMENT ON FUNCTION pbx112.body(bytea, jsonb) IS
    'An event''s details, for queries / Rincian suatu kejadian, untuk kueri';

ALTER TABLE pbx112.event ALTER COLUMN body DROP NOT NULL;
-- What cannot be read is refused when it comes (and comes again with a body that says so), not when somebody asks.
ALTER TABLE pbx112.event ADD CONSTRAINT event_body_readable CHECK (pbx112.body(raw, body) IS NOT NULL);

COMMENT ON COLUMN pbx112.event.body IS
    'Details where jsonb cannot hold raw as it is (U+FFFD replaces what it cannot), else NULL; queries use events or events_unmasked / Rincian bila jsonb tidak dapat menampung raw apa adanya (yang tak tertampung diganti U+FFFD), selain itu NULL; untuk kueri pakai events atau events_unmasked';

-- Every view that read the column reads through the function now, and is otherwise what it was.
DO $$
DECLARE
    reader record;
    definition text;
    alias text;
BEGIN
    FOR reader IN
        SELECT DISTINCT v.oid, v.relname
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
        JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relname <> 'false_body'
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attname = 'body'
        WHERE d.refobjid = 'pbx112.event'::regclass
        ORDER BY v.relname
    LOOP
        definition := pg_catalog.pg_get_viewdef(reader.oid);
        -- of one table alone Postgres spells the columns bare
        definition := pg_catalog.regexp_replace(definition, '(?<!AS )(?<![\w.])body\M', 'pbx112.body(raw, body)', 'g');
        FOR alias IN SELECT DISTINCT m[1] FROM pg_catalog.regexp_matches(definition, '\mevent (\w+)', 'g') m LOOP
            definition := pg_catalog.regexp_replace(
                definition, '\m' || alias || '\.body\M', format('pbx112.body(%1$s.raw, %1$s.body)', alias), 'g');
        END LOOP;
        IF position('pbx112.body(' IN definition) = 0 THEN
            RAISE EXCEPTION 'view pbx112.% reads event.body in a way that this change does not know', reader.relname;
        END IF;
        EXECUTE format('CREATE OR REPLACE VIEW pbx112.%I AS %s', reader.relname, definition);
    END LOOP;
END
$$;

CREATE VIEW pbx112.events_unmasked AS
SELECT e.journal_id, e.seq, e.call_id, e.at, e.mono_ns, e.plan, e.kind, pbx112.body(e.raw, e.body) AS body, e.hash, e.node
FROM pbx112.event e;
COMMENT ON VIEW pbx112.events_unmasked IS
    'Every event with all its details, for accounts that may see numbers / Setiap kejadian dengan semua rinciannya, untuk akun yang boleh melihat nomor';
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT a.attname, pg_catalog.col_description(a.attrelid, a.attnum) AS said
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = 'pbx112.event'::regclass AND a.attnum > 0 AND a.attname NOT IN ('body', 'raw')
    LOOP
        EXECUTE format('COMMENT ON COLUMN pbx112.events_unmasked.%I IS %L', item.attname, item.said);
    END LOOP;
    COMMENT ON COLUMN pbx112.events_unmasked.body IS 'Details / Rincian';
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_unmasked') THEN
        GRANT SELECT ON pbx112.events_unmasked TO pbx112_unmasked;
    END IF;
END
$$;

-- A function that catches errors may not run in a parallel worker on every server that we know.
ALTER FUNCTION pbx112.body_of(bytea) PARALLEL RESTRICTED;
