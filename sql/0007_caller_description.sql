CREATE INDEX event_described ON pbx112.event (call_id) WHERE kind = 'CallerDescribed';

CREATE VIEW pbx112.caller_description AS
SELECT DISTINCT ON (e.journal_id, e.call_id)
    e.journal_id,
    e.call_id,
    e.at AS described_at,
    coalesce(e.body ->> 'identity', '') AS identity,
    coalesce(e.body ->> 'access_network', '') AS access_network,
    coalesce(e.body ->> 'diversion', '') AS diversion,
    coalesce(e.body ->> 'history', '') AS history,
    coalesce(e.body ->> 'geolocation', '') AS geolocation,
    coalesce(e.body ->> 'place', '') AS place,
    CASE WHEN jsonb_typeof(e.body -> 'latitude') = 'number' THEN (e.body ->> 'latitude')::double precision END AS latitude,
    CASE WHEN jsonb_typeof(e.body -> 'longitude') = 'number' THEN (e.body ->> 'longitude')::double precision END AS longitude,
    CASE WHEN jsonb_typeof(e.body -> 'radius') = 'number' THEN (e.body ->> 'radius')::double precision END AS radius
FROM pbx112.event e
WHERE e.kind = 'CallerDescribed'
ORDER BY e.journal_id, e.call_id, e.seq;

COMMENT ON VIEW pbx112.caller_description IS
    'What the trunk said of a caller and the caller''s place, where it said anything; personal data (UU PDP 27/2022), gone with its month of event / Keterangan trunk tentang pemanggil dan lokasinya, bila ada; data pribadi (UU PDP 27/2022), terhapus bersama bulan event-nya';
COMMENT ON COLUMN pbx112.caller_description.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.caller_description.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.caller_description.described_at IS 'When it was looked up, UTC / Waktu dibaca, UTC';
COMMENT ON COLUMN pbx112.caller_description.identity IS 'P-Asserted-Identity as sent, empty where it was not: who calls, in the operator''s word / P-Asserted-Identity sebagaimana dikirim: siapa pemanggil menurut operator';
COMMENT ON COLUMN pbx112.caller_description.access_network IS 'P-Access-Network-Info as sent: the radio cell / P-Access-Network-Info sebagaimana dikirim: sel radio';
COMMENT ON COLUMN pbx112.caller_description.diversion IS 'Diversion as sent: from where the call was diverted / Diversion sebagaimana dikirim: asal pengalihan panggilan';
COMMENT ON COLUMN pbx112.caller_description.history IS 'History-Info as sent / History-Info sebagaimana dikirim';
COMMENT ON COLUMN pbx112.caller_description.geolocation IS 'Geolocation header as sent / Header Geolocation sebagaimana dikirim';
COMMENT ON COLUMN pbx112.caller_description.place IS 'The location document (PIDF-LO) as Asterisk read it / Dokumen lokasi (PIDF-LO) sebagaimana dibaca Asterisk';
COMMENT ON COLUMN pbx112.caller_description.latitude IS 'Latitude of its point or circle, degrees WGS 84 / Lintang titik atau lingkaran, derajat WGS 84';
COMMENT ON COLUMN pbx112.caller_description.longitude IS 'Longitude, degrees WGS 84 / Bujur, derajat WGS 84';
COMMENT ON COLUMN pbx112.caller_description.radius IS 'Radius of the circle in metres; NULL for a point / Jari-jari lingkaran dalam meter; NULL untuk titik';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.caller_description TO pbx112_auditor;
    END IF;
END
$$;
