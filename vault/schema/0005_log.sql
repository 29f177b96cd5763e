-- +goose Up
-- The head knows the roots of the full subtrees (u64 size, then 32 bytes each, largest first), so that an event is added
-- without reading a hash; up to which event a checkpoint was signed; and when the oldest event after it happened.
ALTER TABLE audit_head ADD COLUMN frontier BYTEA;
ALTER TABLE audit_head ADD COLUMN covered BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_head ADD COLUMN open_since BIGINT NOT NULL DEFAULT 0;
UPDATE audit_head SET covered = (SELECT COALESCE(MAX(size), 0) FROM checkpoints);
UPDATE audit_head SET open_since = COALESCE((SELECT MIN(at) FROM audit_events WHERE seq > covered), 0);

-- Notes in which a key of the log names the next one, signed by both. size is that of the last checkpoint of the old key.
CREATE TABLE log_handovers (
    epoch BIGINT PRIMARY KEY,          -- of the new key
    size  BIGINT NOT NULL,
    at    BIGINT NOT NULL,
    note  TEXT NOT NULL
);

-- How far each witness has the log. What is after these places in checkpoints, log_handovers and audit_events is still to
-- be sent: those rows, written in the transaction of the act, are the outbox. serial counts the messages sent.
CREATE TABLE witnesses (
    name          TEXT PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('file', 'https', 'syslog')),
    checkpoint    BIGINT NOT NULL,     -- size of the newest checkpoint that it has
    handover      BIGINT NOT NULL,     -- epoch of the newest handover that it has
    event         BIGINT NOT NULL,     -- newest event that it has
    sent          BIGINT NOT NULL DEFAULT 0,
    sent_at       BIGINT NOT NULL DEFAULT 0,
    attempts      BIGINT NOT NULL DEFAULT 0, -- that failed since it last answered
    retry_at      BIGINT NOT NULL DEFAULT 0,
    last_error    TEXT NOT NULL DEFAULT '',
    lease         TEXT NOT NULL DEFAULT '',
    leased_until  BIGINT NOT NULL DEFAULT 0,
    configured_at BIGINT NOT NULL
);

-- What a witness signed in return: one signature line of a note.
CREATE TABLE cosignatures (
    witness   TEXT NOT NULL,
    size      BIGINT NOT NULL,
    signature TEXT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (witness, size)
);

-- A database that was put back to an earlier state than a witness had seen, with the operator's word that it was meant.
CREATE TABLE rollbacks (
    id      TEXT PRIMARY KEY,
    witness TEXT NOT NULL,
    size    BIGINT NOT NULL,           -- of the checkpoint that the witness holds
    root    TEXT NOT NULL,
    found   BIGINT NOT NULL,           -- size of the log that was put back
    reason  TEXT NOT NULL,
    at      BIGINT NOT NULL
);
