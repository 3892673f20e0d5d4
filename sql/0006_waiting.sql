ALTER TABLE pbx112.call
    ADD COLUMN wait_seconds numeric(12, 3) NOT NULL DEFAULT 0 CHECK (wait_seconds >= 0);
COMMENT ON COLUMN pbx112.call.wait_seconds IS
    'Seconds in which the caller waited for its turn, part of ring_seconds / Detik pemanggil menunggu giliran, bagian dari ring_seconds';
