-- Where each journal's chain stood at the end of a span of time, for a printed page: hashes tell nothing of a caller, so
-- that also who reads masked may have them.
CREATE FUNCTION pbx112.chain_heads(begins timestamptz, ends timestamptz)
RETURNS TABLE (journal_id uuid, node text, seq bigint, at timestamptz, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.journal_id, e.node, e.seq, e.at, encode(e.hash, 'hex')
    FROM pbx112.shipment s CROSS JOIN LATERAL (
        SELECT i.node, i.seq, i.at, i.hash FROM pbx112.event i
        WHERE i.journal_id = s.journal_id AND i.at >= chain_heads.begins AND i.at < chain_heads.ends
        ORDER BY i.seq DESC LIMIT 1
    ) e
    ORDER BY e.at DESC
$$;
COMMENT ON FUNCTION pbx112.chain_heads(timestamptz, timestamptz) IS
    'The last entry of each journal within these moments, with its hash: write it down elsewhere, and nothing before it can be changed unseen / Entri terakhir setiap jurnal dalam rentang ini beserta hash-nya: catat di tempat lain, maka tidak ada yang sebelumnya dapat diubah tanpa ketahuan';

DO $$
DECLARE
    item text;
BEGIN
    REVOKE ALL ON FUNCTION pbx112.chain_heads(timestamptz, timestamptz) FROM PUBLIC;
    FOREACH item IN ARRAY ARRAY['pbx112_writer', 'pbx112_auditor', 'pbx112_unmasked'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = item) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION pbx112.chain_heads(timestamptz, timestamptz) TO %I', item);
        END IF;
    END LOOP;
END
$$;
