-- Numbers from which pranks came: which calls went behind the others, what became of the question; what a supervisor lifted.
CREATE OR REPLACE VIEW pbx112.events AS
SELECT
    e.journal_id, e.seq, e.call_id, e.at, e.mono_ns, e.plan, e.kind, e.node,
    CASE
        WHEN e.kind = 'CallArrived' THEN e.body || jsonb_build_object(
            'caller', pbx112.mask(e.body ->> 'caller'), 'caller_raw', pbx112.mask(e.body ->> 'caller_raw'))
        WHEN e.kind IN ('CallBackPlaced', 'NuisanceLifted') THEN e.body || jsonb_build_object('number', pbx112.mask(e.body ->> 'number'))
        WHEN e.kind IN (
            'EmergencyAsked', 'EmergencyAnswered', 'CallQueued', 'WaitAnnounced', 'CallAdmitted', 'CallerAnswered', 'StageEntered', 'LegOffered',
            'LegRinging', 'LegAnswered', 'LegAccepted', 'LegEnded', 'HelpSought', 'HelpEnded', 'CallerHeld', 'CallerBack', 'CallMarked',
            'CallerSpoke', 'KeyAsked', 'KeyGiven', 'CommandRefused', 'MenuOffered', 'PromptHeard', 'MenuChosen',
            'RecordingStarted', 'RecordingFinished', 'RecordingFailed', 'AnnouncementStarted', 'CallerLeft', 'CallResumed',
            'HandedToFallback', 'CallEnded', 'CallBackEnded', 'DaemonStarted', 'DaemonStopped', 'PlanLoaded', 'JournalGap',
            'LineStateChanged', 'StandbyChosen', 'PinRefused', 'DeskStated', 'LinesSeen') THEN e.body
        ELSE jsonb_build_object('kind', e.kind, 'masked', true)
    END AS body
FROM pbx112.event e;

CREATE VIEW pbx112.nuisance AS
SELECT
    e.journal_id,
    e.call_id,
    e.at AS arrived_at,
    (e.body ->> 'nuisance')::integer AS marks,
    answer.digit IS NOT NULL AS asked,
    nullif(answer.digit, '') AS digit
FROM pbx112.event e
LEFT JOIN LATERAL (
    SELECT a.body ->> 'digit' AS digit
    FROM pbx112.event a
    WHERE a.journal_id = e.journal_id AND a.call_id = e.call_id AND a.kind = 'EmergencyAnswered'
    ORDER BY a.seq
    LIMIT 1
) answer ON true
WHERE e.kind = 'CallArrived' AND e.body ? 'nuisance';

COMMENT ON VIEW pbx112.nuisance IS
    'Calls of numbers from which pranks came: served, but behind others who waited, unless the caller pressed 1 / Panggilan dari nomor yang tercatat iseng: tetap dilayani, tetapi di belakang yang menunggu, kecuali pemanggil menekan 1';
COMMENT ON COLUMN pbx112.nuisance.journal_id IS 'Journal that holds the event / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.nuisance.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.nuisance.arrived_at IS 'When it arrived, UTC / Waktu masuk, UTC';
COMMENT ON COLUMN pbx112.nuisance.marks IS 'How many calls of this number were marked as prank within the time that the plan sets / Jumlah panggilan nomor ini yang tercatat iseng dalam waktu menurut rencana';
COMMENT ON COLUMN pbx112.nuisance.asked IS 'Whether the question was asked to its end / Apakah pertanyaan selesai diajukan';
COMMENT ON COLUMN pbx112.nuisance.digit IS 'What was pressed; NULL: nothing / Tombol yang ditekan; NULL: tidak ada';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.nuisance TO pbx112_auditor;
    END IF;
END;
$$;
