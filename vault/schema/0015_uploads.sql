-- +goose Up
-- Sealed captures that come in parts. A part is ciphertext as it came: the vault opens nothing until the whole is there.
CREATE TABLE uploads (
    capture_id TEXT NOT NULL,
    person     TEXT NOT NULL REFERENCES people (id),  -- who sends it; another person's upload under the same ID is another upload
    session    TEXT NOT NULL DEFAULT '',              -- that began it; empty over a device's channel
    digest     TEXT NOT NULL,                         -- SHA-256 of the whole, hex
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    touched_at BIGINT NOT NULL,                       -- when it was begun, or a part last came
    PRIMARY KEY (capture_id, person)
);
CREATE INDEX uploads_by_person ON uploads (person, touched_at);
CREATE INDEX uploads_by_touch ON uploads (touched_at);

-- Parts may overlap; each added something when it came.
CREATE TABLE upload_parts (
    blob       TEXT PRIMARY KEY,
    capture_id TEXT NOT NULL,
    person     TEXT NOT NULL,
    start_at   BIGINT NOT NULL,                       -- offset in the whole, bytes
    size       BIGINT NOT NULL,
    digest     TEXT NOT NULL,                         -- SHA-256 of the part, hex
    FOREIGN KEY (capture_id, person) REFERENCES uploads (capture_id, person)
);
CREATE INDEX upload_parts_by_upload ON upload_parts (capture_id, person, start_at);

-- How the key of a capture was sealed to the intake key.
ALTER TABLE photos ADD COLUMN kem TEXT NOT NULL DEFAULT 'MLKEM768-X25519' CHECK (kem IN ('MLKEM768-X25519', 'DHKEM-X25519'));
