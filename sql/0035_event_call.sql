-- One entry for each event made this index as large as half of the table's; of the same key Postgres keeps one (deduplication).
-- The order within a call is a sort of some twenty rows.
DROP INDEX pbx112.event_call;
CREATE INDEX event_call ON pbx112.event (call_id) WHERE call_id IS NOT NULL;
