-- +goose Up
-- Consent with evidence, released copies, retention, legal hold, erasure, recall. SQLite cannot change a CHECK, so jobs,
-- attachments and renditions are made anew; nothing refers to them.

-- What people say in their own words: evidence, reasons. Sealed under the patient's key, and deleted with it.
CREATE TABLE words (
    id      TEXT PRIMARY KEY,
    patient TEXT NOT NULL REFERENCES patients (id),
    photo   TEXT REFERENCES photos (id), -- null: about the patient
    sealed  BYTEA NOT NULL
);
CREATE INDEX words_by_patient ON words (patient);
CREATE INDEX words_by_photo ON words (photo);

ALTER TABLE consents ADD COLUMN how TEXT NOT NULL DEFAULT 'capture'
    CHECK (how IN ('capture', 'verbal', 'written', 'letter', 'representative', 'presumed'));
ALTER TABLE consents ADD COLUMN evidence TEXT NOT NULL DEFAULT '';    -- of words: note and document
ALTER TABLE consents ADD COLUMN recorded_by TEXT NOT NULL DEFAULT ''; -- empty: who took it, with the capture
ALTER TABLE consents ADD COLUMN recorded_at BIGINT NOT NULL DEFAULT 0;

-- Why a photo is shown to nobody although its state would allow it.
ALTER TABLE photos ADD COLUMN withheld TEXT NOT NULL DEFAULT '' CHECK (withheld IN ('', 'consent', 'recall'));

CREATE TABLE jobs_new (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('process', 'deliver', 'delete_blob', 'retract', 'erase', 'hold')),
    subject      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('ready', 'leased', 'done', 'dead')),
    attempts     BIGINT NOT NULL DEFAULT 0,
    run_at       BIGINT NOT NULL,
    lease        TEXT NOT NULL DEFAULT '',
    leased_until BIGINT NOT NULL DEFAULT 0,
    last_error   TEXT NOT NULL DEFAULT '',
    created_at   BIGINT NOT NULL,
    done_at      BIGINT,
    UNIQUE (kind, subject)
);
INSERT INTO jobs_new (id, kind, subject, state, attempts, run_at, lease, leased_until, last_error, created_at, done_at)
SELECT id, kind, subject, state, attempts, run_at, lease, leased_until, last_error, created_at, done_at FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_new RENAME TO jobs;
CREATE INDEX jobs_by_state ON jobs (state, run_at);

CREATE TABLE attachments_new (
    id            TEXT PRIMARY KEY,
    photo         TEXT NOT NULL REFERENCES photos (id),
    version       BIGINT NOT NULL,     -- the photo's version that was approved
    target        TEXT NOT NULL CHECK (target IN ('fhir', 'dicom')),
    state         TEXT NOT NULL CHECK (state IN ('pending', 'attached', 'failed', 'retracting', 'retracted', 'unreached')),
    progress      TEXT NOT NULL DEFAULT '{}', -- what the receiver holds already: ids, digests
    last_error    TEXT NOT NULL DEFAULT '',
    requested_by  TEXT NOT NULL REFERENCES people (id),
    requested_at  BIGINT NOT NULL,
    attached_at   BIGINT,
    tried         BIGINT NOT NULL DEFAULT 0,  -- how often a delivery was begun: the receiver may hold something
    retract_cause TEXT NOT NULL DEFAULT '' CHECK (retract_cause IN ('', 'withdrawn', 'erased', 'recalled')),
    retract_at    BIGINT,                     -- when it was asked for
    retract_how   TEXT NOT NULL DEFAULT '',
    retracted_at  BIGINT,
    UNIQUE (photo, version, target)
);
INSERT INTO attachments_new (id, photo, version, target, state, progress, last_error, requested_by, requested_at, attached_at, tried)
SELECT id, photo, version, target, state, progress, last_error, requested_by, requested_at, attached_at, 1 FROM attachments;
DROP TABLE attachments;
ALTER TABLE attachments_new RENAME TO attachments;

CREATE TABLE renditions_new (
    id           TEXT PRIMARY KEY,
    photo        TEXT NOT NULL REFERENCES photos (id),
    kind         TEXT NOT NULL CHECK (kind IN ('original', 'thumb', 'display', 'covered_thumb', 'covered_display',
                                               'redacted', 'redacted_thumb', 'redacted_display',
                                               'released_teaching', 'released_publication')),
    version      BIGINT NOT NULL,
    blob         TEXT NOT NULL UNIQUE,
    size         BIGINT NOT NULL,      -- of the sealed object
    sealed_hash  TEXT NOT NULL,        -- SHA-256 of the sealed object, hex
    wrapped_key  BYTEA,                -- by the patient key; NULL when destroyed
    media_type   TEXT NOT NULL,
    width        BIGINT NOT NULL,
    height       BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    destroyed_at BIGINT,               -- when the key was destroyed, or with it the patient's
    UNIQUE (photo, kind, version)
);
INSERT INTO renditions_new (id, photo, kind, version, blob, size, sealed_hash, wrapped_key, media_type, width, height, created_at)
SELECT id, photo, kind, version, blob, size, sealed_hash, wrapped_key, media_type, width, height, created_at FROM renditions;
DROP TABLE renditions;
ALTER TABLE renditions_new RENAME TO renditions;
CREATE INDEX IF NOT EXISTS renditions_by_hash ON renditions (sealed_hash);

-- A copy of the redacted picture for a purpose beside the record.
CREATE TABLE releases (
    id          TEXT PRIMARY KEY,
    photo       TEXT NOT NULL REFERENCES photos (id),
    version     BIGINT NOT NULL,       -- the photo's version that was released
    purpose     TEXT NOT NULL CHECK (purpose IN ('teaching', 'publication')),
    rendition   TEXT NOT NULL UNIQUE,
    reason      TEXT NOT NULL,         -- of words
    released_by TEXT NOT NULL REFERENCES people (id),
    released_at BIGINT NOT NULL,
    ended_at    BIGINT,
    ended_why   TEXT NOT NULL DEFAULT '' CHECK (ended_why IN ('', 'withdrawn', 'erased', 'recalled', 'retention'))
);
CREATE INDEX releases_by_photo ON releases (photo, purpose);

CREATE TABLE retention_rules (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('approved', 'rejected', 'quarantined', 'in_review', 'withdrawn',
                                              'released_teaching', 'released_publication')),
    version     BIGINT NOT NULL,
    years       BIGINT NOT NULL CHECK (years >= 0),       -- after the capture; 0: kept for good
    child_until BIGINT NOT NULL CHECK (child_until >= 0), -- years of age; 0: nothing for children
    child_years BIGINT NOT NULL CHECK (child_years >= 0), -- after that birthday
    reason      TEXT NOT NULL,                            -- the law or the order it rests on; of no patient
    proposed_by TEXT NOT NULL REFERENCES people (id),
    proposed_at BIGINT NOT NULL,
    signed_by   TEXT REFERENCES people (id),
    signed_at   BIGINT,
    dropped_at  BIGINT,                                   -- a proposal that nobody will sign
    UNIQUE (kind, version)
);

CREATE TABLE holds (
    id          TEXT PRIMARY KEY,
    patient     TEXT NOT NULL REFERENCES patients (id),
    photo       TEXT REFERENCES photos (id),              -- null: everything of the patient
    reason      TEXT NOT NULL,                            -- of words
    placed_by   TEXT NOT NULL REFERENCES people (id),
    placed_at   BIGINT NOT NULL,
    lift_reason TEXT NOT NULL DEFAULT '',                 -- of words
    lift_by     TEXT REFERENCES people (id),
    lift_at     BIGINT,
    lifted_by   TEXT REFERENCES people (id),
    lifted_at   BIGINT,
    store       TEXT NOT NULL DEFAULT 'waiting' CHECK (store IN ('waiting', 'held', 'partly', 'unsupported', 'freed')),
    objects     BIGINT NOT NULL DEFAULT 0                 -- that the store holds
);
CREATE INDEX holds_by_patient ON holds (patient);

CREATE TABLE erasures (
    id           TEXT PRIMARY KEY,
    patient      TEXT NOT NULL REFERENCES patients (id),
    photo        TEXT REFERENCES photos (id),             -- null: the patient with everything
    cause        TEXT NOT NULL CHECK (cause IN ('request', 'retention')),
    rule         TEXT NOT NULL DEFAULT '',                -- of retention_rules
    state        TEXT NOT NULL CHECK (state IN ('asked', 'cancelled', 'destroyed', 'done')),
    reason       TEXT NOT NULL DEFAULT '',                -- of words; gone once signed
    asked_by     TEXT NOT NULL DEFAULT '',
    asked_at     BIGINT NOT NULL,
    signed_by    TEXT NOT NULL DEFAULT '',
    signed_at    BIGINT,
    destroyed_in BIGINT NOT NULL DEFAULT 0,               -- place in the log of the destruction
    ended_at     BIGINT                                   -- cancelled, or first certified
);
CREATE INDEX erasures_by_patient ON erasures (patient, photo);

-- What an erasure has to reach: objects in the store and copies in charts.
CREATE TABLE erasure_items (
    erasure      TEXT NOT NULL REFERENCES erasures (id),
    kind         TEXT NOT NULL CHECK (kind IN ('rendition', 'capture', 'copy')),
    item         TEXT NOT NULL,                           -- rendition, photo or attachment
    photo        TEXT NOT NULL REFERENCES photos (id),
    what         TEXT NOT NULL,                           -- kind of rendition, or chart
    blob         TEXT NOT NULL DEFAULT '',
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'reached', 'unreached')),
    key_at       BIGINT,                                  -- when its key was destroyed
    reached_at   BIGINT,
    how          TEXT NOT NULL DEFAULT '',
    why          TEXT NOT NULL DEFAULT '',                -- not yet
    locked_until BIGINT,                                  -- the store keeps it until then
    PRIMARY KEY (erasure, kind, item)
);

CREATE TABLE erasure_certificates (
    erasure     TEXT NOT NULL REFERENCES erasures (id),
    version     BIGINT NOT NULL,
    certificate TEXT NOT NULL,
    position    BIGINT NOT NULL,                          -- in the log
    issued_at   BIGINT NOT NULL,
    PRIMARY KEY (erasure, version)
);

CREATE TABLE recalls (
    id           TEXT PRIMARY KEY,
    photo        TEXT NOT NULL REFERENCES photos (id),
    from_patient TEXT NOT NULL REFERENCES patients (id),
    to_patient   TEXT REFERENCES patients (id),           -- null: not known
    state        TEXT NOT NULL CHECK (state IN ('asked', 'cancelled', 'moved', 'retracted')),
    reason       TEXT NOT NULL,                           -- of words
    asked_by     TEXT NOT NULL REFERENCES people (id),
    asked_at     BIGINT NOT NULL,
    signed_by    TEXT REFERENCES people (id),
    ended_at     BIGINT
);
CREATE INDEX recalls_by_photo ON recalls (photo);
