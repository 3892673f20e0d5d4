-- Transfers by a phone's own key, supervisors who listen in, calls that went across the border.
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
            'JournalGap', 'LineStateChanged', 'StandbyChosen', 'PinRefused', 'DeskStated', 'LinesSeen') THEN e.body
        ELSE jsonb_build_object('kind', e.kind, 'masked', true)
    END AS body
FROM pbx112.event e;

CREATE VIEW pbx112.transfer AS
SELECT
    e.journal_id,
    e.call_id,
    e.seq,
    e.at AS transferred_at,
    (e.body ->> 'by')::integer AS by_leg,
    coalesce(e.body ->> 'owner', '') AS owner,
    nullif(e.body ->> 'line', '') AS line,
    coalesce((e.body ->> 'attended')::boolean, false) AS attended,
    CASE
        WHEN coalesce(e.body ->> 'owner', '') = '' THEN 'refused'
        WHEN coalesce((e.body ->> 'attended')::boolean, false) THEN 'accepted'
        ELSE coalesce(
            (SELECT s.result FROM pbx112.stage s
                WHERE s.call_id = e.call_id AND s.journal_id = e.journal_id AND s.seq BETWEEN e.seq AND e.seq + 40 AND s.why = 'transferred'
                ORDER BY s.seq LIMIT 1),
            (SELECT h.result FROM pbx112.help h
                WHERE h.call_id = e.call_id AND h.journal_id = e.journal_id AND h.seq BETWEEN e.seq AND e.seq + 40 AND h.why = 'transferred'
                ORDER BY h.seq LIMIT 1),
            'left')
    END AS result
FROM pbx112.event e
WHERE e.kind = 'CallTransferred';

COMMENT ON VIEW pbx112.transfer IS
    'Calls that staff transferred by the telephone''s own key / Panggilan yang dialihkan petugas dengan tombol alih telepon';
COMMENT ON COLUMN pbx112.transfer.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.transfer.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.transfer.seq IS 'Number in that journal / Nomor dalam jurnal itu';
COMMENT ON COLUMN pbx112.transfer.transferred_at IS 'When, UTC / Waktunya, UTC';
COMMENT ON COLUMN pbx112.transfer.by_leg IS 'Attempt whose telephone it was / Upaya yang teleponnya dipakai';
COMMENT ON COLUMN pbx112.transfer.owner IS 'To which agency or group; empty: nobody of the plan, refused / Ke instansi atau kelompok mana; kosong: tidak ada dalam rencana, ditolak';
COMMENT ON COLUMN pbx112.transfer.line IS 'To which extension, where one was named / Ke ekstensi mana, bila disebut';
COMMENT ON COLUMN pbx112.transfer.attended IS 'After speaking with it first / Setelah berbicara dulu';
COMMENT ON COLUMN pbx112.transfer.result IS
    'refused; accepted; what stage or help say once the call has ended; left: it was on the call already / refused; accepted; hasil menurut stage atau help setelah panggilan selesai; left: sudah ada dalam panggilan';

CREATE VIEW pbx112.listening AS
SELECT
    e.journal_id,
    e.call_id,
    e.at AS started_at,
    ended.at AS ended_at,
    coalesce(ended.seen, true) AS end_seen,
    e.body ->> 'by' AS by_line,
    e.body ->> 'line' AS line,
    (e.body ->> 'leg')::integer AS leg,
    coalesce((e.body ->> 'whisper')::boolean, false) AS whisper
FROM pbx112.event e
LEFT JOIN LATERAL (
    SELECT l.at, coalesce((l.body ->> 'seen')::boolean, true) AS seen
    FROM pbx112.event l
    WHERE l.journal_id = e.journal_id AND l.call_id = e.call_id AND l.kind = 'ListenEnded' AND l.seq > e.seq
        AND l.body ->> 'channel' = e.body ->> 'channel'
    ORDER BY l.seq
    LIMIT 1
) ended ON true
WHERE e.kind = 'ListenStarted';

COMMENT ON VIEW pbx112.listening IS
    'Which supervisor listened to which call, from when until when, and whether whispering / Pengawas mana mendengarkan panggilan mana, dari kapan sampai kapan, dan apakah berbisik';
COMMENT ON COLUMN pbx112.listening.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.listening.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.listening.started_at IS 'From when, UTC / Sejak kapan, UTC';
COMMENT ON COLUMN pbx112.listening.ended_at IS 'Until when, UTC; NULL while it lasts / Sampai kapan, UTC; NULL selama berlangsung';
COMMENT ON COLUMN pbx112.listening.end_seen IS 'False: it ended while no daemon looked, at the latest then / False: berakhir saat daemon tidak melihat, paling lambat waktu itu';
COMMENT ON COLUMN pbx112.listening.by_line IS 'The supervisor''s extension / Ekstensi pengawas';
COMMENT ON COLUMN pbx112.listening.line IS 'The call taker''s extension / Ekstensi penerima panggilan';
COMMENT ON COLUMN pbx112.listening.leg IS 'The call taker''s attempt within the call / Upaya penerima panggilan dalam panggilan itu';
COMMENT ON COLUMN pbx112.listening.whisper IS 'Whether the call taker could hear the supervisor (the citizen never can) / Apakah penerima panggilan dapat mendengar pengawas (warga tidak pernah)';

CREATE VIEW pbx112.across_border AS
SELECT DISTINCT ON (e.journal_id, e.call_id, e.body -> 'target' ->> 'owner')
    e.journal_id,
    e.call_id,
    e.body -> 'target' ->> 'owner' AS neighbour,
    e.at AS sent_at,
    accepted.at AS accepted_at
FROM pbx112.event e
LEFT JOIN LATERAL (
    SELECT a.at
    FROM pbx112.event a
    WHERE a.journal_id = e.journal_id AND a.call_id = e.call_id AND a.kind = 'LegAccepted' AND a.body ->> 'leg' = e.body ->> 'leg'
    ORDER BY a.seq
    LIMIT 1
) accepted ON true
WHERE e.kind = 'LegOffered' AND e.body -> 'target' ->> 'neighbour' = 'true'
ORDER BY e.journal_id, e.call_id, e.body -> 'target' ->> 'owner', accepted.at NULLS LAST, e.seq;

COMMENT ON VIEW pbx112.across_border IS
    'Calls handed to the 112 of a neighbouring kabupaten (kind: neighbour), one row for each call and neighbour / Panggilan yang diteruskan ke 112 kabupaten tetangga (kind: neighbour), satu baris untuk setiap panggilan dan tetangga';
COMMENT ON COLUMN pbx112.across_border.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.across_border.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.across_border.neighbour IS 'The neighbour''s key in agencies.yaml / Kunci tetangga dalam agencies.yaml';
COMMENT ON COLUMN pbx112.across_border.sent_at IS 'When its telephone was rung, UTC / Waktu teleponnya dihubungi, UTC';
COMMENT ON COLUMN pbx112.across_border.accepted_at IS 'When somebody there took it; NULL: nobody did / Waktu diterima di sana; NULL: tidak ada yang menerima';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.transfer, pbx112.listening, pbx112.across_border TO pbx112_auditor;
    END IF;
END;
$$;
