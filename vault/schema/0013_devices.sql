-- +goose Up
-- Devices: whose key stands behind a session, which may send captures, and the vault's small CA for them. SQLite cannot
-- change a CHECK, so epoch_keys is made anew; nothing refers to it.

-- A device is a P-256 key: of a browser's profile, or of the native client on one machine.
CREATE TABLE devices (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('browser', 'native')),
    key         BYTEA NOT NULL,              -- SubjectPublicKeyInfo, DER
    key_hash    TEXT NOT NULL UNIQUE,        -- its SHA-256, hex
    number      TEXT NOT NULL DEFAULT '',    -- six digits that device and approver compare; empty: not enrolled by code
    shared      BOOLEAN NOT NULL DEFAULT false,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'revoked')),
    enrolled_by TEXT NOT NULL REFERENCES people (id),
    approved_by TEXT NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL,
    approved_at BIGINT,
    seen_at     BIGINT NOT NULL,
    revoked_at  BIGINT,
    revoked_by  TEXT NOT NULL DEFAULT '',
    certificate BYTEA,                       -- the newest one, DER; none for a browser
    cert_until  BIGINT NOT NULL DEFAULT 0    -- its end
);
CREATE INDEX devices_by_person ON devices (enrolled_by);

-- What a device signs to show that it holds its key: a number that the vault chose, used once.
CREATE TABLE device_nonces (
    nonce_hash TEXT PRIMARY KEY,
    session    TEXT NOT NULL DEFAULT '',     -- for which session alone; empty: asked for at the door
    expires_at BIGINT NOT NULL
);
CREATE INDEX device_nonces_by_end ON device_nonces (expires_at);

-- One-time codes by which a device is enrolled.
CREATE TABLE device_codes (
    code_hash  TEXT PRIMARY KEY,
    made_by    TEXT NOT NULL REFERENCES people (id),
    name       TEXT NOT NULL,
    shared     BOOLEAN NOT NULL DEFAULT false,
    expires_at BIGINT NOT NULL,
    commitment BYTEA,                        -- of the device to its key and its opening; with it the code is used up
    nonce      TEXT,                         -- the vault's answer
    device     TEXT NOT NULL DEFAULT ''      -- once the commitment was opened
);

CREATE TABLE epoch_keys_new (
    kind            TEXT NOT NULL CHECK (kind IN ('intake', 'log', 'receipt', 'certificate', 'device', 'inbox')),
    epoch           BIGINT NOT NULL,
    public_key      BYTEA NOT NULL,          -- kind device: the CA's certificate, DER
    wrapped_private BYTEA NOT NULL,
    root_version    BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    retired_at      BIGINT,
    destroyed_at    BIGINT,
    PRIMARY KEY (kind, epoch)
);
INSERT INTO epoch_keys_new (kind, epoch, public_key, wrapped_private, root_version, created_at, retired_at, destroyed_at)
SELECT kind, epoch, public_key, wrapped_private, root_version, created_at, retired_at, destroyed_at FROM epoch_keys;
DROP TABLE epoch_keys;
ALTER TABLE epoch_keys_new RENAME TO epoch_keys;
