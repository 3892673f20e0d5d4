COMMENT ON SCHEMA pbx112 IS
    'Records of the 112 service; event is the source, call and leg are derived from it / Catatan layanan 112; event adalah sumbernya, call dan leg diturunkan darinya';

COMMENT ON TABLE pbx112.migration IS
    'Which numbered changes of this schema were applied / Perubahan skema bernomor yang sudah diterapkan';
COMMENT ON COLUMN pbx112.migration.number IS 'Number of the file / Nomor berkas';
COMMENT ON COLUMN pbx112.migration.name IS 'Name of the file / Nama berkas';
COMMENT ON COLUMN pbx112.migration.checksum IS 'SHA-256 of the file as applied / SHA-256 berkas saat diterapkan';
COMMENT ON COLUMN pbx112.migration.applied_at IS 'When, UTC / Waktu penerapan, UTC';
COMMENT ON COLUMN pbx112.migration.applied_by IS 'Database account that applied it / Akun basis data yang menerapkan';

CREATE TABLE pbx112.event (
    journal_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    call_id text,
    at timestamptz NOT NULL,
    mono_ns bigint NOT NULL,
    plan text NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    raw bytea NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    node text NOT NULL,
    PRIMARY KEY (journal_id, seq, at)
) PARTITION BY RANGE (at);
CREATE INDEX event_call ON pbx112.event (call_id, seq) WHERE call_id IS NOT NULL;

COMMENT ON TABLE pbx112.event IS
    'Every fact, as written in the journal on the spot; never changed or deleted / Setiap fakta, persis seperti di jurnal setempat; tidak pernah diubah atau dihapus';
COMMENT ON COLUMN pbx112.event.journal_id IS 'The journal (hash chain) it comes from / Jurnal (rantai hash) asalnya';
COMMENT ON COLUMN pbx112.event.seq IS 'Number in that journal, from 1 without holes / Nomor dalam jurnal itu, mulai 1 tanpa celah';
COMMENT ON COLUMN pbx112.event.call_id IS 'The call it belongs to; NULL: the service itself / Panggilan terkait; NULL: layanan itu sendiri';
COMMENT ON COLUMN pbx112.event.at IS 'When it happened, UTC / Waktu kejadian, UTC';
COMMENT ON COLUMN pbx112.event.mono_ns IS 'Monotonic clock in nanoseconds, for durations within one boot / Jam monotonik (nanodetik) untuk durasi selama mesin tidak dimulai ulang';
COMMENT ON COLUMN pbx112.event.plan IS 'Hash of the agencies.yaml in force / Hash agencies.yaml yang berlaku';
COMMENT ON COLUMN pbx112.event.kind IS 'What happened; docs/records.md lists the kinds / Jenis kejadian; lihat docs/records.md';
COMMENT ON COLUMN pbx112.event.body IS 'Details, for queries; what jsonb cannot hold is replaced by U+FFFD / Rincian untuk kueri; yang tak dapat ditampung jsonb diganti U+FFFD';
COMMENT ON COLUMN pbx112.event.raw IS 'Details, the exact bytes that the hash covers / Rincian, bita persis yang dicakup hash';
COMMENT ON COLUMN pbx112.event.hash IS 'SHA-256 over the previous hash and this entry; see event_hash / SHA-256 atas hash sebelumnya dan entri ini; lihat event_hash';
COMMENT ON COLUMN pbx112.event.node IS 'Machine that shipped it / Mesin pengirim';

CREATE FUNCTION pbx112.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'pbx112.% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION pbx112.refuse_change() IS
    'Trigger: keeps a table append-only, for every account / Pemicu: tabel hanya boleh ditambah, untuk semua akun';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pbx112.event
    FOR EACH ROW EXECUTE FUNCTION pbx112.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON pbx112.event
    FOR EACH STATEMENT EXECUTE FUNCTION pbx112.refuse_change();

CREATE FUNCTION pbx112.event_hash(previous bytea, entry pbx112.event) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(
        previous
        || int8send(entry.seq)
        || int8send(round(extract(epoch FROM entry.at) * 1000000)::bigint)
        || int8send(entry.mono_ns)
        || int4send(octet_length(convert_to(coalesce(entry.call_id, ''), 'UTF8')))
        || convert_to(coalesce(entry.call_id, ''), 'UTF8')
        || int4send(octet_length(convert_to(entry.plan, 'UTF8'))) || convert_to(entry.plan, 'UTF8')
        || int4send(octet_length(convert_to(entry.kind, 'UTF8'))) || convert_to(entry.kind, 'UTF8')
        || int4send(octet_length(entry.raw)) || entry.raw
    )
$$;
COMMENT ON FUNCTION pbx112.event_hash(bytea, pbx112.event) IS
    'The hash that this entry must have after the given previous hash / Hash yang harus dimiliki entri ini setelah hash sebelumnya';

CREATE TABLE pbx112.call (
    call_id text PRIMARY KEY,
    journal_id uuid NOT NULL,
    node text NOT NULL,
    via text NOT NULL CHECK (via IN ('daemon', 'fallback')),
    caller_raw text NOT NULL,
    caller text,
    callable boolean NOT NULL,
    dialled text NOT NULL,
    source text NOT NULL,
    arrived_at timestamptz NOT NULL,
    answered_at timestamptz,
    accepted_at timestamptz,
    ended_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN (
        'answered', 'abandoned_ringing', 'abandoned_menu', 'abandoned_waiting', 'unanswered',
        'fallback_answered', 'fallback_unanswered', 'system_failure')),
    ended_by text NOT NULL CHECK (ended_by IN ('caller', 'staff', 'system')),
    ring_seconds numeric(12, 3) NOT NULL CHECK (ring_seconds >= 0),
    talk_seconds numeric(12, 3) NOT NULL CHECK (talk_seconds >= 0),
    answered_by_owner text,
    answered_by_line text,
    incident text,
    escalations integer NOT NULL CHECK (escalations >= 0),
    legs integer NOT NULL CHECK (legs >= 0),
    plan text NOT NULL,
    resumed integer NOT NULL CHECK (resumed >= 0),
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL
);
CREATE INDEX call_arrived ON pbx112.call (arrived_at);

COMMENT ON TABLE pbx112.call IS
    'One row for each ended call of a citizen to 112 / Satu baris untuk setiap panggilan warga ke 112 yang sudah berakhir';
COMMENT ON COLUMN pbx112.call.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.call.journal_id IS 'Journal that holds its events / Jurnal yang memuat kejadiannya';
COMMENT ON COLUMN pbx112.call.node IS 'Machine that handled it / Mesin yang menangani';
COMMENT ON COLUMN pbx112.call.via IS 'daemon, or fallback: the dialplan alone / daemon, atau fallback: hanya dialplan';
COMMENT ON COLUMN pbx112.call.caller_raw IS 'Caller number as the trunk sent it / Nomor pemanggil sebagaimana dikirim trunk';
COMMENT ON COLUMN pbx112.call.caller IS 'Caller in E.164; NULL where it is no such number / Pemanggil dalam E.164; NULL bila bukan nomor demikian';
COMMENT ON COLUMN pbx112.call.callable IS 'May be called back / Boleh dihubungi kembali';
COMMENT ON COLUMN pbx112.call.dialled IS 'Number that was dialled / Nomor yang dihubungi';
COMMENT ON COLUMN pbx112.call.source IS 'Trunk it came by / Trunk asal';
COMMENT ON COLUMN pbx112.call.arrived_at IS 'When it entered, UTC / Waktu masuk, UTC';
COMMENT ON COLUMN pbx112.call.answered_at IS 'When the exchange answered the caller (a human or the menu), UTC / Waktu sentral menjawab pemanggil (manusia atau menu), UTC';
COMMENT ON COLUMN pbx112.call.accepted_at IS 'When the first human accepted it, UTC / Waktu manusia pertama menerima, UTC';
COMMENT ON COLUMN pbx112.call.ended_at IS 'When it ended, UTC / Waktu berakhir, UTC';
COMMENT ON COLUMN pbx112.call.outcome IS 'How it ended, exactly one word; defined in docs/records.md / Hasil akhir, tepat satu; definisi di docs/records.md';
COMMENT ON COLUMN pbx112.call.ended_by IS 'Who ended it: caller, staff or system / Yang mengakhiri: pemanggil, petugas atau sistem';
COMMENT ON COLUMN pbx112.call.ring_seconds IS 'From arrival until a human accepted, or until the end / Detik dari masuk sampai diterima manusia, atau sampai berakhir';
COMMENT ON COLUMN pbx112.call.talk_seconds IS 'Seconds in which the caller was joined to at least one human / Detik pemanggil tersambung dengan sedikitnya satu manusia';
COMMENT ON COLUMN pbx112.call.answered_by_owner IS 'Agency (or call_takers) whose line accepted first / Instansi (atau call_takers) yang pertama menerima';
COMMENT ON COLUMN pbx112.call.answered_by_line IS 'That line''s number / Nomor saluran tersebut';
COMMENT ON COLUMN pbx112.call.incident IS 'Incident that the caller chose in the menu / Kejadian yang dipilih pemanggil di menu';
COMMENT ON COLUMN pbx112.call.escalations IS 'How often it was passed on to further owners / Berapa kali dialihkan ke pihak berikutnya';
COMMENT ON COLUMN pbx112.call.legs IS 'Attempts to reach a line / Jumlah upaya menghubungi saluran';
COMMENT ON COLUMN pbx112.call.plan IS 'Hash of the agencies.yaml in force at arrival / Hash agencies.yaml yang berlaku saat masuk';
COMMENT ON COLUMN pbx112.call.resumed IS 'How often a restarted daemon took it up again / Berapa kali dilanjutkan setelah daemon dimulai ulang';
COMMENT ON COLUMN pbx112.call.first_seq IS 'Its first event in the journal / Kejadian pertamanya di jurnal';
COMMENT ON COLUMN pbx112.call.last_seq IS 'Its closing event in the journal / Kejadian penutupnya di jurnal';

CREATE TABLE pbx112.leg (
    call_id text NOT NULL REFERENCES pbx112.call ON DELETE CASCADE,
    leg integer NOT NULL,
    owner text NOT NULL,
    line text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('extension', 'mobile')),
    trunk text,
    dial text NOT NULL,
    round integer NOT NULL,
    offered_at timestamptz NOT NULL,
    ringing_at timestamptz,
    answered_at timestamptz,
    accepted_at timestamptz,
    ended_at timestamptz NOT NULL,
    result text NOT NULL CHECK (result IN (
        'accepted', 'answered_not_accepted', 'declined', 'busy', 'no_answer', 'unavailable', 'misconfigured',
        'answered_elsewhere', 'caller_gone', 'withdrawn', 'failed')),
    cause integer,
    sip integer,
    detail text NOT NULL,
    ring_seconds numeric(12, 3) NOT NULL CHECK (ring_seconds >= 0),
    talk_seconds numeric(12, 3) NOT NULL CHECK (talk_seconds >= 0),
    plan text NOT NULL,
    PRIMARY KEY (call_id, leg)
);
CREATE INDEX leg_line ON pbx112.leg (owner, line, offered_at);

COMMENT ON TABLE pbx112.leg IS
    'One row for each attempt to bring a line onto a call / Satu baris untuk setiap upaya menyambungkan saluran ke panggilan';
COMMENT ON COLUMN pbx112.leg.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.leg.leg IS 'Number of the attempt within the call, from 1 / Nomor upaya dalam panggilan, mulai 1';
COMMENT ON COLUMN pbx112.leg.owner IS 'Agency, or call_takers / Instansi, atau call_takers';
COMMENT ON COLUMN pbx112.leg.line IS 'Extension or mobile number / Nomor ekstensi atau ponsel';
COMMENT ON COLUMN pbx112.leg.kind IS 'extension or mobile / ekstensi atau ponsel';
COMMENT ON COLUMN pbx112.leg.trunk IS 'Trunk it went out by; NULL for an extension / Trunk keluar; NULL untuk ekstensi';
COMMENT ON COLUMN pbx112.leg.dial IS 'What Asterisk was told to dial / Yang diminta dihubungi oleh Asterisk';
COMMENT ON COLUMN pbx112.leg.round IS 'Round of trying everybody in which it was rung / Putaran upaya saat saluran ini dipanggil';
COMMENT ON COLUMN pbx112.leg.offered_at IS 'When the attempt began, UTC / Waktu upaya dimulai, UTC';
COMMENT ON COLUMN pbx112.leg.ringing_at IS 'When the phone rang, UTC / Waktu telepon berdering, UTC';
COMMENT ON COLUMN pbx112.leg.answered_at IS 'When something picked up, human or voicemail, UTC / Waktu diangkat, oleh manusia atau kotak suara, UTC';
COMMENT ON COLUMN pbx112.leg.accepted_at IS 'When a human accepted, UTC / Waktu manusia menerima, UTC';
COMMENT ON COLUMN pbx112.leg.ended_at IS 'When the attempt or the talk was over, UTC / Waktu upaya atau percakapan selesai, UTC';
COMMENT ON COLUMN pbx112.leg.result IS 'What became of it, exactly one word; defined in docs/records.md / Hasil upaya, tepat satu; definisi di docs/records.md';
COMMENT ON COLUMN pbx112.leg.cause IS 'Q.850 cause where Asterisk gave one / Kode sebab Q.850 bila ada';
COMMENT ON COLUMN pbx112.leg.sip IS 'SIP status where Asterisk gave one / Status SIP bila ada';
COMMENT ON COLUMN pbx112.leg.detail IS 'A short word where the codes do not say why / Keterangan singkat bila kode tidak menjelaskan';
COMMENT ON COLUMN pbx112.leg.ring_seconds IS 'From the offer until something picked up, or until the end / Detik dari mulai sampai diangkat, atau sampai selesai';
COMMENT ON COLUMN pbx112.leg.talk_seconds IS 'From acceptance until the leg''s end / Detik dari diterima sampai selesai';
COMMENT ON COLUMN pbx112.leg.plan IS 'Hash of the agencies.yaml that chose this line / Hash agencies.yaml yang memilih saluran ini';

CREATE TABLE pbx112.recording (
    call_id text NOT NULL,
    name text NOT NULL,
    started_at timestamptz,
    ended_at timestamptz NOT NULL,
    seconds numeric(12, 3),
    result text NOT NULL CHECK (result IN ('finished', 'failed')),
    reason text NOT NULL,
    PRIMARY KEY (call_id, name)
);
COMMENT ON TABLE pbx112.recording IS
    'Recordings of talks, and failures to record / Rekaman percakapan, dan kegagalan merekam';
COMMENT ON COLUMN pbx112.recording.call_id IS 'The call / Panggilan';
COMMENT ON COLUMN pbx112.recording.name IS 'Name under which Asterisk keeps it / Nama rekaman di Asterisk';
COMMENT ON COLUMN pbx112.recording.started_at IS 'When it began, UTC; NULL where it never did / Waktu mulai, UTC; NULL bila tidak pernah mulai';
COMMENT ON COLUMN pbx112.recording.ended_at IS 'When it was finished or failed, UTC / Waktu selesai atau gagal, UTC';
COMMENT ON COLUMN pbx112.recording.seconds IS 'Its length as Asterisk says / Lamanya menurut Asterisk';
COMMENT ON COLUMN pbx112.recording.result IS 'finished or failed / selesai atau gagal';
COMMENT ON COLUMN pbx112.recording.reason IS 'Why it failed / Sebab kegagalan';

CREATE TABLE pbx112.shipment (
    journal_id uuid PRIMARY KEY,
    node text NOT NULL,
    base_seq bigint NOT NULL,
    base_hash bytea NOT NULL,
    last_seq bigint NOT NULL,
    head bytea NOT NULL,
    shipped_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE pbx112.shipment IS
    'How far each journal has arrived here / Sejauh mana setiap jurnal sudah tiba di sini';
COMMENT ON COLUMN pbx112.shipment.journal_id IS 'The journal / Jurnal';
COMMENT ON COLUMN pbx112.shipment.node IS 'Machine it stands on / Mesin tempat jurnal';
COMMENT ON COLUMN pbx112.shipment.base_seq IS 'Number before the first entry that arrived, normally 0 / Nomor sebelum entri pertama yang tiba, biasanya 0';
COMMENT ON COLUMN pbx112.shipment.base_hash IS 'Hash before that entry: where the chain starts here / Hash sebelum entri itu: awal rantai di sini';
COMMENT ON COLUMN pbx112.shipment.last_seq IS 'Number of the last entry that arrived / Nomor entri terakhir yang tiba';
COMMENT ON COLUMN pbx112.shipment.head IS 'Its hash / Hash entri itu';
COMMENT ON COLUMN pbx112.shipment.shipped_at IS 'When it arrived, UTC / Waktu tiba, UTC';
