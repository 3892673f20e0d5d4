CREATE INDEX event_desk ON pbx112.event (call_id, seq) WHERE kind IN ('HelpSought', 'CallMarked', 'CallerHeld');

CREATE VIEW pbx112.mark AS
SELECT
    e.journal_id,
    e.call_id,
    e.seq,
    e.at AS marked_at,
    coalesce(e.body ->> 'by', '') AS line,
    nullif(e.body ->> 'disposition', '') AS disposition,
    nullif(e.body ->> 'incident', '') AS incident
FROM pbx112.event e
WHERE e.kind = 'CallMarked';

COMMENT ON VIEW pbx112.mark IS
    'What staff said of a call, one row for each time; the last one counts, none is overwritten / Catatan petugas tentang panggilan, satu baris setiap kali; yang terakhir berlaku, tidak ada yang ditimpa';
COMMENT ON COLUMN pbx112.mark.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.mark.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.mark.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.mark.marked_at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.mark.line IS 'The line of who said so / Saluran petugas yang mencatat';
COMMENT ON COLUMN pbx112.mark.disposition IS 'normal, ghost, prank, informasi, uji_coba, salah_wilayah; NULL: not said / NULL: tidak disebut';
COMMENT ON COLUMN pbx112.mark.incident IS 'The incident''s key; NULL: not said / Kunci kejadian; NULL: tidak disebut';

CREATE VIEW pbx112.help AS
SELECT
    s.journal_id,
    s.call_id,
    (s.body ->> 'help')::integer AS help,
    s.body ->> 'owner' AS owner,
    s.body ->> 'why' AS why,
    (s.body ->> 'by')::integer AS by_leg,
    asked.line AS by_line,
    coalesce((s.body ->> 'consult')::boolean, false) AS consult,
    s.at AS sought_at,
    came.leg AS leg,
    came.line AS line,
    came.accepted_at,
    round(extract(epoch FROM came.accepted_at - s.at)::numeric, 3) AS seconds_to_accept,
    came.talk_seconds
FROM pbx112.event s
LEFT JOIN pbx112.leg asked ON asked.call_id = s.call_id AND asked.leg = (s.body ->> 'by')::integer
LEFT JOIN LATERAL (
    SELECT l.leg, l.line, l.accepted_at, l.talk_seconds
    FROM pbx112.event o
    JOIN pbx112.leg l ON l.call_id = o.call_id AND l.leg = (o.body ->> 'leg')::integer
    WHERE o.journal_id = s.journal_id AND o.call_id = s.call_id AND o.kind = 'LegOffered' AND o.seq > s.seq
        AND o.body ->> 'help' = s.body ->> 'help' AND l.owner = s.body ->> 'owner' AND l.accepted_at IS NOT NULL
    ORDER BY o.seq
    LIMIT 1
) came ON true
WHERE s.kind = 'HelpSought';

COMMENT ON VIEW pbx112.help IS
    'Whom staff called into a call, one row for each owner that was tried, once the call has ended / Pihak yang dipanggil petugas ke dalam panggilan, satu baris per pihak yang dicoba, setelah panggilan berakhir';
COMMENT ON COLUMN pbx112.help.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.help.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.help.help IS 'Number within the call; one that went on to the next agency has several rows / Nomor dalam panggilan; yang beralih ke OPD pengganti memiliki beberapa baris';
COMMENT ON COLUMN pbx112.help.owner IS 'Agency, call_takers or supervisors / OPD, call_takers atau supervisors';
COMMENT ON COLUMN pbx112.help.why IS 'asked, incident:<key>, or then: the one before did not answer / asked, incident:<kunci>, atau then: yang sebelumnya tidak menjawab';
COMMENT ON COLUMN pbx112.help.by_leg IS 'The leg of who called / Upaya (leg) pihak yang memanggil';
COMMENT ON COLUMN pbx112.help.by_line IS 'Its line / Salurannya';
COMMENT ON COLUMN pbx112.help.consult IS 'Whether the caller was to be out of it at first / Apakah semula tanpa pemanggil';
COMMENT ON COLUMN pbx112.help.sought_at IS 'When, UTC / Waktu, UTC';
COMMENT ON COLUMN pbx112.help.leg IS 'The leg that came; NULL: nobody / Leg yang bergabung; NULL: tidak ada';
COMMENT ON COLUMN pbx112.help.line IS 'Its line / Salurannya';
COMMENT ON COLUMN pbx112.help.accepted_at IS 'When it came, UTC / Waktu bergabung, UTC';
COMMENT ON COLUMN pbx112.help.seconds_to_accept IS 'From the request until then, seconds by the wall clock / Detik sejak permintaan';
COMMENT ON COLUMN pbx112.help.talk_seconds IS 'Seconds that it stayed / Detik lamanya bergabung';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.mark, pbx112.help TO pbx112_auditor;
    END IF;
END
$$;
