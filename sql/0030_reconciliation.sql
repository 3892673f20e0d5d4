-- A second count of calls: Asterisk's own call detail records, compared with ours day by day. No citizen's number is in
-- any of this: a call is known by its id alone.
CREATE TABLE pbx112.reconciliation (
    reconciliation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    account text NOT NULL DEFAULT session_user,
    node text NOT NULL,
    day date NOT NULL,
    begins timestamptz NOT NULL,
    ends timestamptz NOT NULL CHECK (ends > begins),
    tolerance_seconds numeric NOT NULL CHECK (tolerance_seconds > 0),
    asterisk_calls bigint NOT NULL,
    recorded_calls bigint NOT NULL,
    agreed bigint NOT NULL,
    agreed_fallback bigint NOT NULL CHECK (agreed_fallback <= agreed),
    explained bigint NOT NULL,
    differences bigint NOT NULL,
    asterisk_alone bigint NOT NULL,
    records_alone bigint NOT NULL,
    desk_codes bigint NOT NULL,
    other_channels bigint NOT NULL,
    unreadable_lines bigint NOT NULL,
    CONSTRAINT parts_add_up CHECK (
        agreed + explained + differences = asterisk_calls + records_alone
        AND asterisk_calls + records_alone = recorded_calls + asterisk_alone)
);
CREATE INDEX reconciliation_day ON pbx112.reconciliation (day, node, reconciliation_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.reconciliation
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.reconciliation
    FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change();

COMMENT ON TABLE pbx112.reconciliation IS
    'One comparison of one day''s calls with Asterisk''s own records; of a day and machine the newest counts / Satu pencocokan panggilan satu hari dengan catatan Asterisk sendiri; untuk satu hari dan mesin yang terbaru berlaku';
COMMENT ON COLUMN pbx112.reconciliation.reconciliation_id IS 'Its number / Nomornya';
COMMENT ON COLUMN pbx112.reconciliation.made_at IS 'When it was made, UTC / Waktu pencocokan, UTC';
COMMENT ON COLUMN pbx112.reconciliation.account IS 'Database account that made it / Akun basis data yang melakukan';
COMMENT ON COLUMN pbx112.reconciliation.node IS 'Machine whose Asterisk it was / Mesin yang Asterisk-nya dicocokkan';
COMMENT ON COLUMN pbx112.reconciliation.day IS 'The office''s day / Hari menurut waktu kantor';
COMMENT ON COLUMN pbx112.reconciliation.begins IS 'Where the day begins, UTC / Awal hari, UTC';
COMMENT ON COLUMN pbx112.reconciliation.ends IS 'Where it ends, not included, UTC / Akhir hari, tidak termasuk, UTC';
COMMENT ON COLUMN pbx112.reconciliation.tolerance_seconds IS 'Times that differ by more are a difference / Selisih waktu yang lebih besar dihitung sebagai perbedaan';
COMMENT ON COLUMN pbx112.reconciliation.asterisk_calls IS 'Calls to 112 that Asterisk counted / Panggilan ke 112 menurut Asterisk';
COMMENT ON COLUMN pbx112.reconciliation.recorded_calls IS 'Calls that the records hold / Panggilan yang ada dalam catatan';
COMMENT ON COLUMN pbx112.reconciliation.agreed IS 'Calls of which both say the same / Panggilan yang sama pada keduanya';
COMMENT ON COLUMN pbx112.reconciliation.agreed_fallback IS 'Of these, calls that came while the daemon was away / Di antaranya, panggilan yang masuk saat daemon tidak ada';
COMMENT ON COLUMN pbx112.reconciliation.explained IS 'Calls that differ for a known reason / Panggilan yang berbeda dengan sebab yang diketahui';
COMMENT ON COLUMN pbx112.reconciliation.differences IS 'Calls that differ / Panggilan yang berbeda';
COMMENT ON COLUMN pbx112.reconciliation.asterisk_alone IS 'Calls that Asterisk alone has, of both kinds / Panggilan yang hanya ada pada Asterisk, kedua jenis';
COMMENT ON COLUMN pbx112.reconciliation.records_alone IS 'Calls that the records alone have, of both kinds / Panggilan yang hanya ada dalam catatan, kedua jenis';
COMMENT ON COLUMN pbx112.reconciliation.desk_codes IS 'Channels of desk phones that dialled a code; no calls / Saluran telepon meja yang menekan kode; bukan panggilan';
COMMENT ON COLUMN pbx112.reconciliation.other_channels IS 'Asterisk''s other channels: lines that were rung, and what is not 112 / Saluran Asterisk lainnya: yang dihubungi, dan yang bukan 112';
COMMENT ON COLUMN pbx112.reconciliation.unreadable_lines IS 'Lines of Asterisk''s files that cannot be read, in all of the files / Baris berkas Asterisk yang tidak dapat dibaca, dari semua berkas';

CREATE TABLE pbx112.reconciliation_call (
    reconciliation_id bigint NOT NULL REFERENCES pbx112.reconciliation,
    call_id text NOT NULL,
    class text NOT NULL CHECK (class IN (
        'not_recorded', 'not_in_asterisk', 'recorded_twice', 'answered_differs', 'arrival_differs', 'end_differs',
        'under_way', 'staff_talked_on', 'ended_unseen', 'answered_as_it_ended', 'asterisk_cut')),
    is_difference boolean NOT NULL CHECK (is_difference = (class IN (
        'not_recorded', 'not_in_asterisk', 'recorded_twice', 'answered_differs', 'arrival_differs', 'end_differs'))),
    asterisk_began_at timestamptz,
    asterisk_ended_at timestamptz,
    asterisk_answered boolean,
    arrived_at timestamptz,
    ended_at timestamptz,
    outcome text,
    PRIMARY KEY (reconciliation_id, call_id)
);
CREATE INDEX reconciliation_call_id ON pbx112.reconciliation_call (call_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.reconciliation_call
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.reconciliation_call
    FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change();

COMMENT ON TABLE pbx112.reconciliation_call IS
    'Each call in which a comparison found Asterisk and the records to differ / Setiap panggilan yang berbeda antara Asterisk dan catatan';
COMMENT ON COLUMN pbx112.reconciliation_call.reconciliation_id IS 'The comparison / Pencocokannya';
COMMENT ON COLUMN pbx112.reconciliation_call.call_id IS 'The call: the uniqueid of its channel / Panggilan: uniqueid salurannya';
COMMENT ON COLUMN pbx112.reconciliation_call.class IS
    'not_recorded, not_in_asterisk, recorded_twice, answered_differs, arrival_differs, end_differs; with a known reason: under_way, staff_talked_on, ended_unseen, answered_as_it_ended, asterisk_cut; docs/records.md / not_recorded (tidak tercatat), not_in_asterisk (tidak ada pada Asterisk), recorded_twice (tercatat ganda), answered_differs (terjawab berbeda), arrival_differs (waktu masuk berbeda), end_differs (waktu akhir berbeda); dengan sebab yang diketahui: under_way (masih berlangsung), staff_talked_on (petugas masih berbicara), ended_unseen (berakhir saat daemon tidak ada), answered_as_it_ended (diterima saat berakhir), asterisk_cut (terputus oleh Asterisk)';
COMMENT ON COLUMN pbx112.reconciliation_call.is_difference IS 'Whether no reason is known for it / Apakah sebabnya tidak diketahui';
COMMENT ON COLUMN pbx112.reconciliation_call.asterisk_began_at IS 'When the channel came, by Asterisk, UTC / Saluran masuk menurut Asterisk, UTC';
COMMENT ON COLUMN pbx112.reconciliation_call.asterisk_ended_at IS 'When it ended, by Asterisk, UTC / Saluran berakhir menurut Asterisk, UTC';
COMMENT ON COLUMN pbx112.reconciliation_call.asterisk_answered IS 'Whether Asterisk joined the caller to anybody / Apakah Asterisk menyambungkan pemanggil dengan seseorang';
COMMENT ON COLUMN pbx112.reconciliation_call.arrived_at IS 'When the call arrived, by the records, UTC / Waktu masuk menurut catatan, UTC';
COMMENT ON COLUMN pbx112.reconciliation_call.ended_at IS 'When it ended, by the records, UTC / Waktu akhir menurut catatan, UTC';
COMMENT ON COLUMN pbx112.reconciliation_call.outcome IS 'How it ended, by the records / Hasil akhir menurut catatan';

CREATE VIEW pbx112.reconciled_day AS
SELECT DISTINCT ON (r.day, r.node) r.*
FROM pbx112.reconciliation r
WHERE r.made_at >= r.ends
ORDER BY r.day, r.node, r.reconciliation_id DESC;
COMMENT ON VIEW pbx112.reconciled_day IS
    'The newest comparison of each day and machine, made after the day was over; a day without a row was not reconciled / Pencocokan terbaru setiap hari dan mesin, dibuat setelah hari berakhir; hari tanpa baris belum dicocokkan';
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT a.attname, d.description FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_description d ON d.objoid = a.attrelid AND d.objsubid = a.attnum
        WHERE a.attrelid = 'pbx112.reconciliation'::regclass
    LOOP
        EXECUTE format('COMMENT ON COLUMN pbx112.reconciled_day.%I IS %L', item.attname, item.description);
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_writer') THEN
        -- Moment and account are the server's word.
        GRANT INSERT (node, day, begins, ends, tolerance_seconds, asterisk_calls, recorded_calls, agreed, agreed_fallback, explained,
            differences, asterisk_alone, records_alone, desk_codes, other_channels, unreadable_lines)
            ON pbx112.reconciliation TO pbx112_writer;
        GRANT INSERT ON pbx112.reconciliation_call TO pbx112_writer;
        GRANT SELECT ON pbx112.reconciliation, pbx112.reconciliation_call, pbx112.reconciled_day TO pbx112_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_auditor') THEN
        GRANT SELECT ON pbx112.reconciliation, pbx112.reconciliation_call, pbx112.reconciled_day TO pbx112_auditor;
    END IF;
END
$$;
