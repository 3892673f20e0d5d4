CREATE VIEW pbx112.broken_link AS
SELECT
    links.journal_id,
    links.seq,
    CASE WHEN links.seq <> links.previous_seq + 1 THEN 'missing before it' ELSE 'does not fit its hash' END AS why
FROM (
    SELECT
        e.journal_id,
        e.seq,
        e.hash,
        pbx112.event_hash(lag(e.hash, 1, s.base_hash) OVER chain, e) AS expected,
        lag(e.seq, 1, s.base_seq) OVER chain AS previous_seq
    FROM pbx112.event e
    JOIN pbx112.shipment s ON s.journal_id = e.journal_id
    WINDOW chain AS (PARTITION BY e.journal_id ORDER BY e.seq)
) links
WHERE links.hash <> links.expected OR links.seq <> links.previous_seq + 1
UNION ALL
SELECT s.journal_id, s.last_seq, 'missing at the end'
FROM pbx112.shipment s
WHERE s.last_seq > s.base_seq
    AND NOT EXISTS (SELECT FROM pbx112.event e WHERE e.journal_id = s.journal_id AND e.seq = s.last_seq AND e.hash = s.head);

COMMENT ON VIEW pbx112.broken_link IS
    'Every event that does not fit the chain of hashes; empty when all is sound / Setiap kejadian yang tidak cocok dengan rantai hash; kosong bila semuanya utuh';
COMMENT ON COLUMN pbx112.broken_link.journal_id IS 'The journal / Jurnal';
COMMENT ON COLUMN pbx112.broken_link.seq IS 'Number of the event in it / Nomor kejadian di dalamnya';
COMMENT ON COLUMN pbx112.broken_link.why IS 'What is wrong / Apa yang salah';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.broken_link TO pbx112_auditor;
    END IF;
END
$$;
