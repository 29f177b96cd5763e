-- +goose Up
-- Who somebody is, proved by more than a password: passkeys, one-time codes, recovery codes; what a session proved and
-- when; the lock of the screen; and the slowing down of whoever guesses.

ALTER TABLE people ADD COLUMN valid_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN valid_until BIGINT;                        -- null: no end is set
ALTER TABLE people ADD COLUMN emergency BOOLEAN NOT NULL DEFAULT FALSE;  -- may sign in here although the hospital's provider is the only way

ALTER TABLE sessions ADD COLUMN device_id TEXT NOT NULL DEFAULT '';      -- of devices, once it is bound
ALTER TABLE sessions ADD COLUMN strength TEXT NOT NULL DEFAULT 'single' CHECK (strength IN ('single', 'multi'));
ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'password';
ALTER TABLE sessions ADD COLUMN fresh_at BIGINT NOT NULL DEFAULT 0;      -- the last factor shown
ALTER TABLE sessions ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;     -- the last thing a person did, not a page by itself
ALTER TABLE sessions ADD COLUMN locked_at BIGINT;
ALTER TABLE sessions ADD COLUMN binding TEXT NOT NULL DEFAULT 'none' CHECK (binding IN ('none', 'due', 'bound'));
ALTER TABLE sessions ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0;     -- the device's last proof
ALTER TABLE sessions ADD COLUMN remote TEXT NOT NULL DEFAULT '';         -- where it was opened from
ALTER TABLE sessions ADD COLUMN oidc_issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN oidc_sid TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN oidc_subject TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_by_device ON sessions (device_id);

-- The name under which authenticators know a person: random, so that it tells nothing.
CREATE TABLE passkey_handles (
    person TEXT PRIMARY KEY REFERENCES people (id),
    handle TEXT NOT NULL UNIQUE
);

CREATE TABLE passkeys (
    id              TEXT PRIMARY KEY,
    person          TEXT NOT NULL REFERENCES people (id),
    credential_id   TEXT NOT NULL UNIQUE,  -- base64url, without padding
    public_key      TEXT NOT NULL,         -- COSE, base64url
    aaguid          TEXT NOT NULL,         -- the model, as it says of itself
    transports      TEXT NOT NULL,
    name            TEXT NOT NULL,
    sign_count      BIGINT NOT NULL,
    backup_eligible BOOLEAN NOT NULL,
    backed_up       BOOLEAN NOT NULL,
    created_at      BIGINT NOT NULL,
    used_at         BIGINT,
    suspended_at    BIGINT                 -- its counter went back: there may be a copy
);
CREATE INDEX passkeys_by_person ON passkeys (person);

-- The secret of a person's authenticator app, wrapped by the root key. A step that was used is used up, and so are those before.
CREATE TABLE totp_secrets (
    id             TEXT PRIMARY KEY,
    person         TEXT NOT NULL REFERENCES people (id),
    wrapped_secret BYTEA NOT NULL,
    root_version   BIGINT NOT NULL,
    last_step      BIGINT NOT NULL DEFAULT 0,
    created_at     BIGINT NOT NULL,
    confirmed_at   BIGINT                  -- null: a first code has not been shown yet
);
CREATE INDEX totp_secrets_by_person ON totp_secrets (person);

CREATE TABLE recovery_codes (
    person    TEXT NOT NULL REFERENCES people (id),
    code_hash TEXT NOT NULL,
    made_at   BIGINT NOT NULL,
    used_at   BIGINT,
    PRIMARY KEY (person, code_hash)
);

-- What an administrator hands to a person so that the person, and nobody else, sets their password and factor.
CREATE TABLE enrolment_codes (
    person     TEXT PRIMARY KEY REFERENCES people (id),
    code_hash  TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- A PIN opens the locked screen on one device only.
CREATE TABLE pins (
    person    TEXT NOT NULL REFERENCES people (id),
    device_id TEXT NOT NULL,
    pin_hash  TEXT NOT NULL,
    wrong     BIGINT NOT NULL DEFAULT 0,
    set_at    BIGINT NOT NULL,
    PRIMARY KEY (person, device_id)
);

-- Questions that wait for one answer: a passkey's challenge, the code after a password. Each is answered once.
CREATE TABLE challenges (
    ticket_hash TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    person      TEXT NOT NULL DEFAULT '',
    session     TEXT NOT NULL DEFAULT '',
    data        TEXT NOT NULL DEFAULT '',
    wrong       BIGINT NOT NULL DEFAULT 0,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX challenges_by_end ON challenges (expires_at);

-- Who guesses is slowed down, by digest of who or where, on every node alike.
CREATE TABLE sign_in_tries (
    door     TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    open_at  BIGINT NOT NULL, -- no try before
    last_at  BIGINT NOT NULL
);
CREATE INDEX sign_in_tries_by_time ON sign_in_tries (last_at);

-- Browsers in which somebody signed in before: strangers' guesses do not keep them out.
CREATE TABLE known_browsers (
    cookie_hash TEXT NOT NULL,
    person      TEXT NOT NULL REFERENCES people (id),
    made_at     BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    PRIMARY KEY (cookie_hash, person)
);
CREATE INDEX known_browsers_by_person ON known_browsers (person);
