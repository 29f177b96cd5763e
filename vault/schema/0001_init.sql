-- +goose Up
-- One text for SQLite and PostgreSQL. Times are unix milliseconds.

CREATE TABLE people (
    id            TEXT PRIMARY KEY,
    login         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    failures      BIGINT NOT NULL DEFAULT 0,
    locked_until  BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);

CREATE TABLE person_roles (
    person TEXT NOT NULL REFERENCES people (id),
    role   TEXT NOT NULL CHECK (role IN ('clinician', 'reviewer', 'records', 'privacy', 'admin')),
    PRIMARY KEY (person, role)
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    person     TEXT NOT NULL REFERENCES people (id),
    device     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX sessions_by_person ON sessions (person);

CREATE TABLE patients (
    id            TEXT PRIMARY KEY,
    record_number TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    name_search   TEXT NOT NULL,
    birth_date    TEXT NOT NULL,
    pseudonym     TEXT NOT NULL UNIQUE,
    wrapped_key   BYTEA,
    root_version  BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    erased_at     BIGINT
);

CREATE TABLE encounters (
    id         TEXT PRIMARY KEY,
    patient    TEXT NOT NULL REFERENCES patients (id),
    label      TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX encounters_by_patient ON encounters (patient);

CREATE TABLE care_team (
    patient    TEXT NOT NULL REFERENCES patients (id),
    person     TEXT NOT NULL REFERENCES people (id),
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    PRIMARY KEY (patient, person, started_at)
);
CREATE INDEX care_team_by_person ON care_team (person);

-- Key pairs of the vault itself; the private half is wrapped by the root key.
CREATE TABLE epoch_keys (
    kind            TEXT NOT NULL CHECK (kind IN ('intake', 'log', 'receipt', 'certificate')),
    epoch           BIGINT NOT NULL,
    public_key      BYTEA NOT NULL,
    wrapped_private BYTEA NOT NULL,
    root_version    BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    retired_at      BIGINT,
    PRIMARY KEY (kind, epoch)
);

CREATE TABLE photos (
    id               TEXT PRIMARY KEY,
    capture_id       TEXT NOT NULL UNIQUE,
    patient          TEXT NOT NULL REFERENCES patients (id),
    encounter        TEXT REFERENCES encounters (id),
    author           TEXT NOT NULL REFERENCES people (id),
    device           TEXT NOT NULL,
    body_site        TEXT NOT NULL,
    laterality       TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('accepted', 'in_review', 'approved', 'rejected', 'quarantined', 'erased')),
    reason           TEXT NOT NULL DEFAULT '',
    taken_at         BIGINT NOT NULL,
    received_at      BIGINT NOT NULL,
    envelope_digest  TEXT NOT NULL,
    envelope_size    BIGINT NOT NULL,
    envelope_blob    TEXT,
    receipt          TEXT NOT NULL,
    sealed_facts     BYTEA NOT NULL, -- note, camera facts, removed list: sealed under the patient key
    width            BIGINT NOT NULL DEFAULT 0,
    height           BIGINT NOT NULL DEFAULT 0,
    detectors        TEXT NOT NULL DEFAULT '[]',
    version          BIGINT NOT NULL DEFAULT 1, -- grows with each change of state or review
    claimed_by       TEXT REFERENCES people (id),
    claimed_until    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX photos_by_patient ON photos (patient, taken_at);
CREATE INDEX photos_by_author ON photos (author, received_at);
CREATE INDEX photos_by_state ON photos (state, received_at);

CREATE TABLE consents (
    photo      TEXT NOT NULL REFERENCES photos (id),
    purpose    TEXT NOT NULL CHECK (purpose IN ('record', 'teaching', 'publication')),
    version    BIGINT NOT NULL,
    allowed    BOOLEAN NOT NULL,
    taken_by   TEXT NOT NULL REFERENCES people (id),
    taken_at   BIGINT NOT NULL,
    PRIMARY KEY (photo, purpose, version)
);

CREATE TABLE renditions (
    id          TEXT PRIMARY KEY,
    photo       TEXT NOT NULL REFERENCES photos (id),
    kind        TEXT NOT NULL CHECK (kind IN ('original', 'thumb', 'display', 'covered_thumb', 'covered_display',
                                              'redacted', 'redacted_thumb', 'redacted_display')),
    version     BIGINT NOT NULL,
    blob        TEXT NOT NULL UNIQUE,
    size        BIGINT NOT NULL,      -- of the sealed object
    sealed_hash TEXT NOT NULL,        -- SHA-256 of the sealed object, hex
    wrapped_key BYTEA,                -- by the patient key; NULL when destroyed
    media_type  TEXT NOT NULL,
    width       BIGINT NOT NULL,
    height      BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (photo, kind, version)
);

CREATE TABLE regions (
    id      TEXT PRIMARY KEY,
    photo   TEXT NOT NULL REFERENCES photos (id),
    version BIGINT NOT NULL,          -- the photo's version when proposed or decided
    kind    TEXT NOT NULL CHECK (kind IN ('face', 'tattoo', 'text', 'drawn')),
    x0      BIGINT NOT NULL,
    y0      BIGINT NOT NULL,
    x1      BIGINT NOT NULL,
    y1      BIGINT NOT NULL,
    score   DOUBLE PRECISION NOT NULL,
    source  TEXT NOT NULL,
    fate    TEXT NOT NULL CHECK (fate IN ('proposed', 'kept', 'moved', 'added', 'removed'))
);
CREATE INDEX regions_by_photo ON regions (photo, version);

CREATE TABLE reviews (
    id          TEXT PRIMARY KEY,
    photo       TEXT NOT NULL REFERENCES photos (id),
    version     BIGINT NOT NULL,
    reviewer    TEXT NOT NULL REFERENCES people (id),
    decision    TEXT NOT NULL CHECK (decision IN ('approve', 'reject', 'reopen')),
    reason      TEXT NOT NULL,
    certificate TEXT NOT NULL DEFAULT '',
    sealed_salt BYTEA,                -- opens the certificate's commitment to the original; under the patient key
    decided_at  BIGINT NOT NULL
);
CREATE INDEX reviews_by_photo ON reviews (photo, version);

-- Who looked below the covers, and why: the words are sealed under the patient key.
CREATE TABLE reveals (
    id            TEXT PRIMARY KEY,
    photo         TEXT NOT NULL REFERENCES photos (id),
    person        TEXT NOT NULL REFERENCES people (id),
    sealed_reason BYTEA NOT NULL,
    at            BIGINT NOT NULL
);
CREATE INDEX reveals_by_photo ON reveals (photo, at);

CREATE TABLE attachments (
    id           TEXT PRIMARY KEY,
    photo        TEXT NOT NULL REFERENCES photos (id),
    version      BIGINT NOT NULL,     -- the photo's version that was approved
    target       TEXT NOT NULL CHECK (target IN ('fhir', 'dicom')),
    state        TEXT NOT NULL CHECK (state IN ('pending', 'attached', 'failed')),
    progress     TEXT NOT NULL DEFAULT '{}', -- what the receiver holds already: ids, digests
    last_error   TEXT NOT NULL DEFAULT '',
    requested_by TEXT NOT NULL REFERENCES people (id),
    requested_at BIGINT NOT NULL,
    attached_at  BIGINT,
    UNIQUE (photo, version, target)
);

CREATE TABLE jobs (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('process', 'deliver', 'delete_blob')),
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
CREATE INDEX jobs_by_state ON jobs (state, run_at);

-- The audit log: one row per event, and the hashes of the Merkle tree over them
-- (golang.org/x/mod/sumdb/tlog). entry is the exact text that is hashed; the
-- other columns only index it.
CREATE TABLE audit_head (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL
);
INSERT INTO audit_head (id, size) VALUES (1, 0);

CREATE TABLE audit_events (
    seq     BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    act     TEXT NOT NULL,
    outcome TEXT NOT NULL,
    patient TEXT NOT NULL,            -- pseudonym
    photo   TEXT NOT NULL,
    entry   TEXT NOT NULL
);
CREATE INDEX audit_by_patient ON audit_events (patient, seq);
CREATE INDEX audit_by_actor ON audit_events (actor, seq);
CREATE INDEX audit_by_photo ON audit_events (photo, seq);

CREATE TABLE audit_hashes (
    id   BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL
);

CREATE TABLE checkpoints (
    size BIGINT PRIMARY KEY,
    at   BIGINT NOT NULL,
    note TEXT NOT NULL
);
