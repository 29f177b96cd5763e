-- +goose Up
-- Care teams as groups, where patients are, and what a hospital's patient administration (an HL7 v2 feed) says of both.

CREATE TABLE teams (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    external_id TEXT NOT NULL DEFAULT '', -- the directory's name for it
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT                    -- from then on it ties nobody to anybody
);

-- Who works in a team, and since when; why is told by source. The same person may be in it for several reasons.
CREATE TABLE team_members (
    team       TEXT NOT NULL REFERENCES teams (id),
    person     TEXT NOT NULL REFERENCES people (id),
    source     TEXT NOT NULL CHECK (source IN ('local', 'scim', 'oidc')),
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    PRIMARY KEY (team, person, source, started_at)
);
CREATE INDEX team_members_by_person ON team_members (person);

-- Whom a team treats. encounter is the stay that it follows from, or null.
CREATE TABLE team_patients (
    id         TEXT PRIMARY KEY,
    team       TEXT NOT NULL REFERENCES teams (id),
    patient    TEXT NOT NULL REFERENCES patients (id),
    encounter  TEXT REFERENCES encounters (id),
    source     TEXT NOT NULL CHECK (source IN ('local', 'feed', 'import')),
    started_at BIGINT NOT NULL,
    ended_at   BIGINT                     -- may lie ahead: after a discharge the team still looks after photos
);
CREATE INDEX team_patients_by_patient ON team_patients (patient);
CREATE INDEX team_patients_by_team ON team_patients (team);
CREATE INDEX team_patients_by_encounter ON team_patients (encounter);

-- A direct tie that follows from a stay: the attending doctor's.
ALTER TABLE care_team ADD COLUMN source TEXT NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'feed', 'import'));
ALTER TABLE care_team ADD COLUMN encounter TEXT NOT NULL DEFAULT ''; -- of encounters
CREATE INDEX care_team_by_encounter ON care_team (encounter);

ALTER TABLE encounters ADD COLUMN external_id TEXT NOT NULL DEFAULT ''; -- the hospital's visit number
ALTER TABLE encounters ADD COLUMN source TEXT NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'feed', 'import'));
ALTER TABLE encounters ADD COLUMN told_at BIGINT NOT NULL DEFAULT 0;    -- time of the newest event that was applied
CREATE UNIQUE INDEX encounters_by_visit ON encounters (patient, external_id) WHERE external_id <> '';

-- Another record number of a patient: from before a merge. It finds the patient, and can be given to nobody else.
CREATE TABLE patient_aliases (
    record_number TEXT PRIMARY KEY,
    patient       TEXT NOT NULL REFERENCES patients (id),
    since         BIGINT NOT NULL
);
CREATE INDEX patient_aliases_by_patient ON patient_aliases (patient);

ALTER TABLE patients ADD COLUMN merged_into TEXT;                    -- of patients: who they turned out to be
ALTER TABLE patients ADD COLUMN told_at BIGINT NOT NULL DEFAULT 0;   -- time of the newest event that was applied
CREATE INDEX patients_by_merge ON patients (merged_into);

-- Two records that turned out to be of one patient: photos are sealed anew one by one, so it takes a while.
CREATE TABLE merges (
    id           TEXT PRIMARY KEY,
    from_patient TEXT NOT NULL REFERENCES patients (id),
    to_patient   TEXT NOT NULL REFERENCES patients (id),
    state        TEXT NOT NULL CHECK (state IN ('moving', 'done')),
    source       TEXT NOT NULL,
    asked_at     BIGINT NOT NULL,
    done_at      BIGINT,
    moved        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX merges_by_from ON merges (from_patient);
CREATE INDEX merges_by_to ON merges (to_patient);

-- Messages of the feed: by which a message that comes twice is known, and those that could not be applied. Such a one is
-- kept whole, sealed, until it is settled and 30 days longer; the row itself names no patient but by ID.
CREATE TABLE feed_messages (
    id          TEXT PRIMARY KEY,
    sender      TEXT NOT NULL,             -- MSH-3 and MSH-4
    control_id  TEXT NOT NULL,             -- MSH-10
    digest      TEXT NOT NULL,             -- SHA-256 of the message, hex
    event       TEXT NOT NULL,             -- such as A01; empty when it could not be read
    peer        TEXT NOT NULL,             -- who sent it: address or name in the certificate
    received_at BIGINT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('applied', 'failed', 'discarded')),
    answer      TEXT NOT NULL,             -- AA, AE, AR
    error_code  TEXT NOT NULL DEFAULT '',  -- HL7 table 0357
    error_place TEXT NOT NULL DEFAULT '',  -- such as PID-3
    error_text  TEXT NOT NULL DEFAULT '',  -- never a value
    attempts    BIGINT NOT NULL DEFAULT 1,
    patient     TEXT REFERENCES patients (id),
    sealed      BYTEA,                     -- the message, under the inbox key; null: not kept
    settled_at  BIGINT,
    settled_by  TEXT NOT NULL DEFAULT '',
    settled_why TEXT NOT NULL DEFAULT '',  -- why it was discarded
    UNIQUE (sender, control_id, digest)
);
CREATE INDEX feed_messages_by_state ON feed_messages (state, received_at);
CREATE INDEX feed_messages_by_time ON feed_messages (settled_at);
CREATE INDEX feed_messages_by_patient ON feed_messages (patient);
