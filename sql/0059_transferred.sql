-- A phone's own transfer key may have been pressed for any number: only one of the plan is shown whole.
CREATE OR REPLACE VIEW pbx112.events AS
SELECT
    e.journal_id, e.seq, e.call_id, e.at, e.mono_ns, e.plan, e.kind, e.node,
    CASE
        WHEN e.kind = 'CallArrived' THEN e.body || jsonb_build_object(
            'caller', pbx112.mask(e.body ->> 'caller'), 'caller_raw', pbx112.mask(e.body ->> 'caller_raw'))
        WHEN e.kind IN ('CallBackPlaced', 'NuisanceLifted') THEN e.body || jsonb_build_object('number', pbx112.mask(e.body ->> 'number'))
        WHEN e.kind = 'CallTransferred' AND coalesce(e.body ->> 'owner', '') = ''
            THEN e.body || jsonb_build_object('to', pbx112.mask(e.body ->> 'to'))
        WHEN e.kind IN (
            'CallTransferred',
            'EmergencyAsked', 'EmergencyAnswered', 'CallQueued', 'WaitAnnounced', 'CallAdmitted', 'CallerAnswered', 'StageEntered', 'LegOffered',
            'LegRinging', 'LegAnswered', 'LegAccepted', 'LegEnded', 'HelpSought', 'HelpEnded', 'CallerHeld', 'CallerBack', 'CallMarked',
            'CallerSpoke', 'KeyAsked', 'KeyGiven', 'CommandRefused', 'MenuOffered', 'PromptHeard', 'MenuChosen',
            'RecordingStarted', 'RecordingFinished', 'RecordingFailed', 'AnnouncementStarted', 'CallerLeft', 'CallResumed',
            'HandedToFallback', 'CallEnded', 'CallBackEnded', 'DaemonStarted', 'DaemonStopped', 'PlanLoaded', 'JournalGap',
            'LineStateChanged', 'StandbyChosen', 'PinRefused', 'DeskStated', 'LinesSeen') THEN e.body
        ELSE jsonb_build_object('kind', e.kind, 'masked', true)
    END AS body
FROM pbx112.event e;
