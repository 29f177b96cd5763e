-- +goose Up
-- People that a hospital's directory looks after, and what follows from the groups it puts them in.

-- A role is held for a reason: given here, or following from the directory (scim) or from sign-in (oidc). The same role
-- may be held for several; it is gone when the last is. SQLite cannot change a key, so the table is made anew.
CREATE TABLE person_roles_new (
    person TEXT NOT NULL REFERENCES people (id),
    role   TEXT NOT NULL CHECK (role IN ('clinician', 'reviewer', 'records', 'privacy', 'admin')),
    source TEXT NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'scim', 'oidc')),
    PRIMARY KEY (person, role, source)
);
INSERT INTO person_roles_new (person, role) SELECT person, role FROM person_roles;
DROP TABLE person_roles;
ALTER TABLE person_roles_new RENAME TO person_roles;

-- Who may bring people in: a directory's SCIM client, known by the SHA-256 of its token.
CREATE TABLE scim_clients (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    token_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL DEFAULT 0,
    ended_at   BIGINT
);

ALTER TABLE people ADD COLUMN external_id TEXT NOT NULL DEFAULT '';    -- the directory's own name for them
ALTER TABLE people ADD COLUMN provisioned_by TEXT NOT NULL DEFAULT ''; -- 'scim:' and the client, 'oidc', or '' for here
ALTER TABLE people ADD COLUMN directory TEXT NOT NULL DEFAULT '{}';    -- what else the directory says: user name as written, e-mail
ALTER TABLE people ADD COLUMN disabled_by TEXT NOT NULL DEFAULT 'local' CHECK (disabled_by IN ('local', 'scim')); -- only who disabled may lift it
ALTER TABLE people ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN left_at BIGINT;                          -- deleted by the directory; the login is free again
CREATE INDEX people_by_external ON people (external_id);

CREATE TABLE scim_groups (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE, -- displayName
    name_folded TEXT NOT NULL UNIQUE, -- in lower case: SCIM compares names so
    external_id TEXT NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL
);

CREATE TABLE scim_members (
    group_id TEXT NOT NULL REFERENCES scim_groups (id),
    person   TEXT NOT NULL REFERENCES people (id),
    PRIMARY KEY (group_id, person)
);
CREATE INDEX scim_members_by_person ON scim_members (person);

-- What a group of the directory, or a claim at sign-in, means here. roles is a list with commas, team a name or ''.
CREATE TABLE group_map (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    roles       TEXT NOT NULL DEFAULT '',
    team        TEXT NOT NULL DEFAULT '',
    changed_at  BIGINT NOT NULL
);
