-- Tests of the agencies' lines (`pbx112 verify`), as an auditor asks for them. They are no calls of citizens and count in no figure of
-- calls. Their source is the event, which is only ever added to, and hangs in the journal's chain of hashes.
CREATE OR REPLACE VIEW pbx112.events AS
SELECT
    e.journal_id, e.seq, e.call_id, e.at, e.mono_ns, e.plan, e.kind, e.node,
    CASE
        WHEN e.kind = 'CallArrived' THEN e.body || jsonb_build_object(
            'caller', pbx112.mask(e.body ->> 'caller'), 'caller_raw', pbx112.mask(e.body ->> 'caller_raw'))
        WHEN e.kind IN ('CallBackPlaced', 'NuisanceLifted') THEN e.body || jsonb_build_object('number', pbx112.mask(e.body ->> 'number'))
        -- What was dialled and is nobody of the plan may be anybody's number.
        WHEN e.kind = 'CallTransferred' AND coalesce(e.body ->> 'owner', '') = '' THEN
            e.body || jsonb_build_object('to', pbx112.mask(e.body ->> 'to'))
        WHEN e.kind IN (
            'EmergencyAsked', 'EmergencyAnswered', 'CallQueued', 'WaitAnnounced', 'CallAdmitted', 'CallerAnswered', 'StageEntered', 'LegOffered',
            'LegRinging', 'LegAnswered', 'LegAccepted', 'LegEnded', 'HelpSought', 'HelpEnded', 'CallerHeld', 'CallerBack', 'CallTransferred',
            'CallMarked', 'CallerSpoke', 'KeyAsked', 'KeyGiven', 'CommandRefused', 'MenuOffered', 'PromptHeard', 'MenuChosen',
            'RecordingStarted', 'RecordingFinished', 'RecordingFailed', 'AnnouncementStarted', 'CallerLeft', 'CallResumed',
            'HandedToFallback', 'CallEnded', 'CallBackEnded', 'ListenStarted', 'ListenEnded', 'DaemonStarted', 'DaemonStopped', 'PlanLoaded',
            'JournalGap', 'LineStateChanged', 'StandbyChosen', 'PinRefused', 'DeskStated', 'LinesSeen', 'VerificationStarted',
            'LineTestPlaced', 'LineTestEnded', 'VerificationEnded') THEN e.body
        ELSE jsonb_build_object('kind', e.kind, 'masked', true)
    END AS body
FROM pbx112.event e;

CREATE INDEX event_line_test ON pbx112.event (at, journal_id, seq) WHERE kind = 'LineTestEnded';

-- With its owner's rights: of event an auditor reads this kind alone, which holds nothing of any citizen.
CREATE VIEW pbx112.verification AS
SELECT
    e.journal_id,
    e.seq,
    e.node,
    e.body ->> 'run' AS run,
    e.at AS tested_at,
    e.body ->> 'owner' AS owner,
    coalesce(e.body ->> 'owner_name', '') AS owner_name,
    e.body ->> 'number' AS line,
    coalesce(e.body ->> 'name', '') AS officer,
    (e.body ->> 'attempt')::integer AS attempt,
    e.body ->> 'result' AS result,
    (e.body ->> 'answered_after')::numeric AS seconds_to_answer,
    (e.body ->> 'accepted_after')::numeric AS seconds_to_accept,
    coalesce((e.body ->> 'heard')::boolean, false) AS heard,
    coalesce((e.body ->> 'sound')::boolean, false) AS sound,
    (e.body ->> 'cause')::integer AS cause,
    (e.body ->> 'sip')::integer AS sip,
    coalesce(e.body ->> 'detail', '') AS detail,
    NOT coalesce((e.body ->> 'again')::boolean, false) AS last_try,
    e.plan
FROM pbx112.event e
WHERE e.kind = 'LineTestEnded';

COMMENT ON VIEW pbx112.verification IS
    'Test calls to lines of agencies, one row for each try; no calls of citizens / Panggilan uji ke saluran OPD, satu baris untuk setiap percobaan; bukan panggilan warga';
COMMENT ON COLUMN pbx112.verification.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.verification.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.verification.node IS 'Machine that called / Mesin yang menghubungi';
COMMENT ON COLUMN pbx112.verification.run IS 'The verification; it stands on the record on paper / Verifikasi; tertera pada berita acara';
COMMENT ON COLUMN pbx112.verification.tested_at IS 'When the result was known, UTC / Waktu hasil diketahui, UTC';
COMMENT ON COLUMN pbx112.verification.owner IS 'Agency, call_takers or supervisors / OPD, call_takers atau supervisors';
COMMENT ON COLUMN pbx112.verification.owner_name IS 'The agency''s name then / Nama OPD saat itu';
COMMENT ON COLUMN pbx112.verification.line IS 'Extension or mobile / Ekstensi atau ponsel';
COMMENT ON COLUMN pbx112.verification.officer IS 'Who stands by there, as in agencies.yaml then / Petugas siaga menurut agencies.yaml saat itu';
COMMENT ON COLUMN pbx112.verification.attempt IS 'Which try of this line in this run / Percobaan ke berapa dalam verifikasi ini';
COMMENT ON COLUMN pbx112.verification.result IS
    'verified, no_sound, answered_not_accepted, declined, busy, no_answer, unavailable, misconfigured, interrupted, not_tried, failed; docs/records.md / verified (terverifikasi), no_sound (suara tidak terdengar), answered_not_accepted (tidak menekan 1), declined (ditolak), busy (sibuk), no_answer (tidak diangkat), unavailable (tidak terhubung), misconfigured (salah pengaturan), interrupted (dihentikan), not_tried (tidak dihubungi), failed (gagal)';
COMMENT ON COLUMN pbx112.verification.seconds_to_answer IS 'From calling to picking up / Dari menghubungi sampai diangkat';
COMMENT ON COLUMN pbx112.verification.seconds_to_accept IS 'From picking up to the key / Dari diangkat sampai menekan tombol';
COMMENT ON COLUMN pbx112.verification.heard IS 'The spoken request was followed: sound reaches the line / Permintaan lisan diikuti: suara sampai ke saluran';
COMMENT ON COLUMN pbx112.verification.sound IS 'A sound came from the line while it was quiet / Terdengar suara dari saluran saat hening';
COMMENT ON COLUMN pbx112.verification.cause IS 'Q.850 cause of the end, where it was told / Sebab akhir (Q.850), bila ada';
COMMENT ON COLUMN pbx112.verification.sip IS 'SIP status of the end, where it was told / Status SIP, bila ada';
COMMENT ON COLUMN pbx112.verification.detail IS 'A short word on the why: call, in_use, trunk_full, ... / Sebab singkat: call, in_use, trunk_full, ...';
COMMENT ON COLUMN pbx112.verification.last_try IS 'No other try of this line followed in this run / Percobaan terakhir saluran ini dalam verifikasi ini';
COMMENT ON COLUMN pbx112.verification.plan IS 'Hash of agencies.yaml in force / Hash agencies.yaml yang berlaku';

CREATE VIEW pbx112.line_verified AS
SELECT DISTINCT ON (v.owner, v.line)
    v.owner,
    v.line,
    v.tested_at,
    v.result,
    v.run,
    max(v.tested_at) FILTER (WHERE v.result = 'verified') OVER (PARTITION BY v.owner, v.line) AS verified_at
FROM pbx112.verification v
ORDER BY v.owner, v.line, v.tested_at DESC, v.seq DESC;

COMMENT ON VIEW pbx112.line_verified IS
    'Each line that was ever tested: its last test, and when it was verified last / Setiap saluran yang pernah diuji: uji terakhir, dan kapan terakhir terverifikasi';
COMMENT ON COLUMN pbx112.line_verified.owner IS 'Agency, call_takers or supervisors / OPD, call_takers atau supervisors';
COMMENT ON COLUMN pbx112.line_verified.line IS 'Extension or mobile / Ekstensi atau ponsel';
COMMENT ON COLUMN pbx112.line_verified.tested_at IS 'When it was tested last, UTC / Waktu uji terakhir, UTC';
COMMENT ON COLUMN pbx112.line_verified.result IS 'What that came to / Hasilnya';
COMMENT ON COLUMN pbx112.line_verified.run IS 'In which verification / Dalam verifikasi mana';
COMMENT ON COLUMN pbx112.line_verified.verified_at IS 'When it was verified last, UTC; NULL: never / Waktu terakhir terverifikasi, UTC; NULL: belum pernah';

CREATE FUNCTION pbx112.verified_share(days integer)
RETURNS TABLE (owner text, lines bigint, verified bigint, verified_pct numeric, oldest_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.owner, count(*), count(*) FILTER (WHERE l.verified_at >= now() - make_interval(days => verified_share.days)),
        round(100.0 * count(*) FILTER (WHERE l.verified_at >= now() - make_interval(days => verified_share.days)) / count(*), 1),
        CASE WHEN bool_and(l.verified_at IS NOT NULL) THEN min(l.verified_at) END
    FROM pbx112.line_verified l
    GROUP BY l.owner
    ORDER BY l.owner
$$;
COMMENT ON FUNCTION pbx112.verified_share(integer) IS
    'For each agency: lines that were ever tested, those verified within so many days, their share, and the oldest of the last verifications (NULL: a line never was) / Untuk setiap OPD: saluran yang pernah diuji, yang terverifikasi dalam sekian hari, persentasenya, dan verifikasi terakhir yang paling lama (NULL: ada yang belum pernah)';

DO $$
DECLARE
    item text;
BEGIN
    REVOKE EXECUTE ON FUNCTION pbx112.verified_share(integer) FROM PUBLIC;
    FOREACH item IN ARRAY ARRAY['pbx112_writer', 'pbx112_auditor'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = item) THEN
            EXECUTE format('GRANT SELECT ON pbx112.verification, pbx112.line_verified TO %I', item);
            EXECUTE format('GRANT EXECUTE ON FUNCTION pbx112.verified_share(integer) TO %I', item);
        END IF;
    END LOOP;
END
$$;
