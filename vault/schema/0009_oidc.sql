-- +goose Up
-- Sign-in at the hospital's OpenID provider.

-- A sign-in under way: what is asked for again when the browser comes back, by whichever node it comes back to.
CREATE TABLE federated_flows (
    state_hash   TEXT PRIMARY KEY,        -- SHA-256 of the state parameter, hex
    browser_hash TEXT NOT NULL,           -- SHA-256 of the cookie that binds the flow to one browser, hex
    nonce        TEXT NOT NULL,
    verifier     TEXT NOT NULL,           -- of PKCE (RFC 7636)
    next         TEXT NOT NULL,           -- path of ours to go on to
    session      TEXT NOT NULL DEFAULT '', -- of sessions: the one to be raised, empty for a new one
    known        TEXT NOT NULL DEFAULT '', -- what the browser brought of sign-ins before: its cookie does not come back from another site
    begun_at     BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX federated_flows_by_expiry ON federated_flows (expires_at);

-- Who of the provider's people is who of ours. A person stands behind one subject of an issuer only.
CREATE TABLE federated_links (
    issuer   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    person   TEXT NOT NULL REFERENCES people (id),
    linked_at BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (issuer, person)
);

-- Logouts that the provider told us of: none counts twice, and a sign-in that they overtake opens nothing.
CREATE TABLE federated_logouts (
    jti_hash  TEXT PRIMARY KEY,           -- SHA-256 of issuer and jti, hex
    issuer    TEXT NOT NULL,
    subject   TEXT NOT NULL,              -- empty: a session alone
    sid       TEXT NOT NULL,              -- empty: all sessions of the subject
    issued_at BIGINT NOT NULL,            -- by the provider's clock
    kept_until BIGINT NOT NULL
);
CREATE INDEX federated_logouts_by_sid ON federated_logouts (issuer, sid);
CREATE INDEX federated_logouts_by_subject ON federated_logouts (issuer, subject);
