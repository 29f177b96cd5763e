-- +goose Up
-- Access outside the care team: always for a reason, for a time, and looked at afterwards. The rows name staff; the
-- words are sealed under the patient's key (table words) and end with it.
CREATE TABLE break_glass (
    id          TEXT PRIMARY KEY,
    person      TEXT NOT NULL REFERENCES people (id),
    patient     TEXT NOT NULL REFERENCES patients (id),
    reason      TEXT NOT NULL,                -- of words
    opened_at   BIGINT NOT NULL,
    open_until  BIGINT NOT NULL,
    ended_at    BIGINT,                       -- sooner than that
    finding     TEXT NOT NULL DEFAULT '' CHECK (finding IN ('', 'justified', 'not_justified')),
    remark      TEXT NOT NULL DEFAULT '',     -- of words: what the review found
    reviewed_by TEXT REFERENCES people (id),
    reviewed_at BIGINT
);
CREATE INDEX break_glass_by_person ON break_glass (person, opened_at);
CREATE INDEX break_glass_by_patient ON break_glass (patient);
CREATE INDEX break_glass_by_finding ON break_glass (finding, opened_at);

-- While it lasts, the taker treats whom the giver treats. What somebody holds by delegation cannot be given on.
CREATE TABLE delegations (
    id        TEXT PRIMARY KEY,
    giver     TEXT NOT NULL REFERENCES people (id),
    taker     TEXT NOT NULL REFERENCES people (id),
    starts_at BIGINT NOT NULL,
    ends_at   BIGINT NOT NULL,
    made_at   BIGINT NOT NULL,
    ended_at  BIGINT,                         -- sooner than ends_at
    ended_by  TEXT NOT NULL DEFAULT ''        -- of people; empty: by leaving
);
CREATE INDEX delegations_by_giver ON delegations (giver);
CREATE INDEX delegations_by_taker ON delegations (taker);

-- How narrowly a photo is shown. What is there gets its class as if it arrived now, but that a patient counts as a child
-- for up to a year more.
ALTER TABLE photos ADD COLUMN sensitivity TEXT NOT NULL DEFAULT 'normal'
    CHECK (sensitivity IN ('normal', 'child', 'intimate', 'forensic'));
UPDATE photos SET sensitivity = 'child' WHERE patient IN (SELECT p.id FROM patients p WHERE p.birth_date <> ''
    AND 1970 + photos.taken_at / 31556952000 - CASE WHEN p.birth_date = '' THEN 0 ELSE CAST(substr(p.birth_date, 1, 4) AS BIGINT) END <= 18);
UPDATE photos SET sensitivity = 'intimate' WHERE body_site IN ('breast', 'buttock', 'groin', 'genitalia');

CREATE TABLE sensitivity_changes (
    id       TEXT PRIMARY KEY,
    photo    TEXT NOT NULL REFERENCES photos (id),
    old      TEXT NOT NULL,
    new      TEXT NOT NULL,
    reason   TEXT NOT NULL,                   -- of words
    person   TEXT NOT NULL REFERENCES people (id),
    at       BIGINT NOT NULL
);
CREATE INDEX sensitivity_changes_by_photo ON sensitivity_changes (photo, at);

-- Uses of a sensitive photo that the privacy officer signed: a forensic one for records, a child's for teaching.
CREATE TABLE allowed_uses (
    id         TEXT PRIMARY KEY,
    photo      TEXT NOT NULL REFERENCES photos (id),
    purpose    TEXT NOT NULL CHECK (purpose IN ('record', 'teaching', 'publication')),
    reason     TEXT NOT NULL,                 -- of words
    allowed_by TEXT NOT NULL REFERENCES people (id),
    allowed_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX allowed_uses_by_photo ON allowed_uses (photo, purpose);

-- Why somebody who is not of the patient's own care team looks at an intimate photo; it opens it to them for minutes.
CREATE TABLE look_reasons (
    id         TEXT PRIMARY KEY,
    photo      TEXT NOT NULL REFERENCES photos (id),
    person     TEXT NOT NULL REFERENCES people (id),
    reason     TEXT NOT NULL,                 -- of words
    at         BIGINT NOT NULL,
    open_until BIGINT NOT NULL
);
CREATE INDEX look_reasons_by_photo ON look_reasons (photo, person, open_until);

-- The review of who holds what, once a quarter: the digest is of the table that was signed.
CREATE TABLE access_reviews (
    id        TEXT PRIMARY KEY,
    quarter   TEXT NOT NULL,                  -- 2026Q4
    digest    TEXT NOT NULL,                  -- SHA-256 of the report as CSV, hex
    leavers   BIGINT NOT NULL,                -- leavers with live rights when it was signed
    remark    TEXT NOT NULL,                  -- about people, never patients
    signed_by TEXT NOT NULL REFERENCES people (id),
    signed_at BIGINT NOT NULL
);
CREATE INDEX access_reviews_by_quarter ON access_reviews (quarter, signed_at);

ALTER TABLE person_roles ADD COLUMN since BIGINT NOT NULL DEFAULT 0; -- 0: from before it was written down
