-- +goose Up
-- What was found wrong with stored objects, one open row for each object and finding; and the last checks of the store.
CREATE TABLE incidents (
    id         TEXT PRIMARY KEY,
    object     TEXT NOT NULL,            -- its name in the store, or the photo's ID where a row is at fault
    found      TEXT NOT NULL,
    photo      TEXT NOT NULL DEFAULT '', -- empty where no row speaks of the object
    rendition  TEXT NOT NULL DEFAULT '', -- the kind of rendition, or 'envelope'
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    count      BIGINT NOT NULL DEFAULT 1,
    settled_at BIGINT,
    settled_by TEXT NOT NULL DEFAULT '', -- person, 'check' or 'operator'
    reason     TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX incidents_open ON incidents (object, found) WHERE settled_at IS NULL;
CREATE INDEX incidents_by_time ON incidents (last_seen);

CREATE TABLE store_checks (
    id       TEXT PRIMARY KEY,
    at       BIGINT NOT NULL,            -- when it ended
    took     BIGINT NOT NULL,            -- milliseconds
    deep     BOOLEAN NOT NULL,
    objects  BIGINT NOT NULL,
    bytes    BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    repaired BIGINT NOT NULL
);
CREATE INDEX store_checks_by_time ON store_checks (at);

-- An object that turns up under another's name is recognised by its digest.
CREATE INDEX renditions_by_hash ON renditions (sealed_hash);
CREATE INDEX photos_by_envelope ON photos (envelope_digest);
