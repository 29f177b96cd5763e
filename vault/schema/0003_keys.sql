-- +goose Up
-- Rotation of keys. A private half that is destroyed leaves its public half in wrapped_private, sealed in its place so
-- that nobody but the vault can say which keys were its own.
ALTER TABLE epoch_keys ADD COLUMN destroyed_at BIGINT;

-- To which intake epoch an envelope that is still kept was sealed; 0 where it arrived before this column.
ALTER TABLE photos ADD COLUMN intake_epoch BIGINT NOT NULL DEFAULT 0;
CREATE INDEX photos_by_intake ON photos (intake_epoch);

CREATE INDEX patients_by_root ON patients (root_version);

-- Work on keys that goes on after a restart where it stopped. last is the last patient done, in order of id. A row of
-- kind forget says below which version nothing may be wrapped any more.
CREATE TABLE key_rotations (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('root', 'patients', 'forget')),
    from_version BIGINT NOT NULL,
    to_version   BIGINT NOT NULL,
    total        BIGINT NOT NULL DEFAULT 0,
    done         BIGINT NOT NULL DEFAULT 0,
    last         TEXT NOT NULL DEFAULT '',
    started_at   BIGINT NOT NULL,
    finished_at  BIGINT
);
CREATE UNIQUE INDEX key_rotations_open ON key_rotations (kind) WHERE finished_at IS NULL;
