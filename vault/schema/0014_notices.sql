-- +goose Up
-- Notices say that something waits, and nothing of what it is about: a kind, a time and a count. Which page they lead to
-- follows from the kind.
CREATE TABLE notices (
    id       TEXT PRIMARY KEY,
    person   TEXT NOT NULL REFERENCES people (id),
    kind     TEXT NOT NULL,
    count    BIGINT NOT NULL DEFAULT 1,  -- how often since it was last seen
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    told_at  BIGINT NOT NULL DEFAULT 0,  -- when it last was asked to be sent
    seen_at  BIGINT
);
CREATE UNIQUE INDEX notices_waiting ON notices (person, kind) WHERE seen_at IS NULL;
CREATE INDEX notices_by_person ON notices (person, last_at);

-- How a notice left the house; target is of push_subscriptions, or empty for mail.
CREATE TABLE notice_sends (
    notice  TEXT NOT NULL REFERENCES notices (id),
    channel TEXT NOT NULL CHECK (channel IN ('push', 'mail')),
    target  TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('sent', 'refused')),
    at      BIGINT NOT NULL,
    PRIMARY KEY (notice, channel, target)
);

-- What a person wants to be told outside the pages. Without a row: both ways.
CREATE TABLE notice_choices (
    person TEXT NOT NULL REFERENCES people (id),
    kind   TEXT NOT NULL,
    push   BOOLEAN NOT NULL,
    mail   BOOLEAN NOT NULL,
    PRIMARY KEY (person, kind)
);
ALTER TABLE people ADD COLUMN mail TEXT NOT NULL DEFAULT '';

-- Browsers that a person may be told on (RFC 8030). Nothing is ever sent with a message, so no keys to seal it are kept.
CREATE TABLE push_subscriptions (
    id            TEXT PRIMARY KEY,
    person        TEXT NOT NULL REFERENCES people (id),
    device        TEXT NOT NULL,              -- as its session called it
    endpoint      TEXT NOT NULL,
    endpoint_hash TEXT NOT NULL UNIQUE,
    epoch         BIGINT NOT NULL,            -- of the vault's push key that the browser was given
    created_at    BIGINT NOT NULL,
    last_sent_at  BIGINT
);
CREATE INDEX push_subscriptions_by_person ON push_subscriptions (person);

-- A short way to one photo, for somebody who may see it anyway.
CREATE TABLE links (
    id         TEXT PRIMARY KEY,
    code_hash  TEXT NOT NULL UNIQUE,
    photo      TEXT NOT NULL REFERENCES photos (id),
    maker      TEXT NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX links_by_maker ON links (maker, created_at);

-- SQLite cannot change a CHECK, so these are made anew; nothing refers to them.
CREATE TABLE jobs_new (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('process', 'deliver', 'delete_blob', 'retract', 'erase', 'hold', 'notify', 'merge', 'message')),
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

CREATE TABLE epoch_keys_push (
    kind            TEXT NOT NULL CHECK (kind IN ('intake', 'log', 'receipt', 'certificate', 'device', 'inbox', 'push')),
    epoch           BIGINT NOT NULL,
    public_key      BYTEA NOT NULL,
    wrapped_private BYTEA NOT NULL,
    root_version    BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    retired_at      BIGINT,
    destroyed_at    BIGINT,
    PRIMARY KEY (kind, epoch)
);
INSERT INTO epoch_keys_push (kind, epoch, public_key, wrapped_private, root_version, created_at, retired_at, destroyed_at)
SELECT kind, epoch, public_key, wrapped_private, root_version, created_at, retired_at, destroyed_at FROM epoch_keys;
DROP TABLE epoch_keys;
ALTER TABLE epoch_keys_push RENAME TO epoch_keys;
