CREATE INDEX event_call_back ON pbx112.event (call_id, seq) WHERE kind IN ('CallBackPlaced', 'CallBackEnded');

CREATE VIEW pbx112.abandoned AS
SELECT
    c.call_id,
    c.arrived_at,
    c.ended_at,
    c.outcome,
    c.caller,
    c.callable,
    back.times AS called_back,
    back.first_at AS called_back_at,
    coalesce(back.reached, false) AS reached
FROM pbx112.call c
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE e.kind = 'CallBackPlaced') AS times,
        min(e.at) FILTER (WHERE e.kind = 'CallBackPlaced') AS first_at,
        bool_or(e.kind = 'CallBackEnded' AND e.body ->> 'result' = 'answer') AS reached
    FROM pbx112.event e
    WHERE e.call_id = c.call_id AND e.kind IN ('CallBackPlaced', 'CallBackEnded')
) back ON true
WHERE c.outcome NOT IN ('answered', 'fallback_answered');

COMMENT ON VIEW pbx112.abandoned IS
    'Callers whom nobody served, one row for each call, and whether they were called back / Penelepon yang tidak terlayani, satu baris per panggilan, dan apakah dihubungi kembali';
COMMENT ON COLUMN pbx112.abandoned.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.abandoned.arrived_at IS 'When it came, UTC / Waktu masuk, UTC';
COMMENT ON COLUMN pbx112.abandoned.ended_at IS 'When it ended, UTC / Waktu berakhir, UTC';
COMMENT ON COLUMN pbx112.abandoned.outcome IS 'How it ended, as in call / Hasil, seperti pada call';
COMMENT ON COLUMN pbx112.abandoned.caller IS 'The caller''s number in E.164; NULL: withheld or no number / Nomor penelepon; NULL: disembunyikan atau bukan nomor';
COMMENT ON COLUMN pbx112.abandoned.callable IS 'Whether that number may be called back / Apakah boleh dihubungi kembali';
COMMENT ON COLUMN pbx112.abandoned.called_back IS 'How often staff called back / Berapa kali dihubungi kembali';
COMMENT ON COLUMN pbx112.abandoned.called_back_at IS 'When first, UTC; NULL: never / Pertama kali, UTC; NULL: belum pernah';
COMMENT ON COLUMN pbx112.abandoned.reached IS 'Whether somebody (or a voicemail) picked up / Apakah ada yang mengangkat (atau kotak suara)';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.abandoned TO pbx112_auditor;
    END IF;
END
$$;
