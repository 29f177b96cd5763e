-- +goose Up
-- A region names the cascade and the thresholds that proposed it, and the proposal that a reviewer made it of; a
-- faint proposal that the reviewer did not accept is passed, which is less than removed. SQLite cannot change a CHECK,
-- so the table is made anew. What was kept or removed before is tied to the proposal with its kind and box.
CREATE TABLE regions_new (
    id       TEXT PRIMARY KEY,
    photo    TEXT NOT NULL REFERENCES photos (id),
    version  BIGINT NOT NULL,          -- the photo's version when proposed or decided
    kind     TEXT NOT NULL CHECK (kind IN ('face', 'tattoo', 'text', 'drawn')),
    x0       BIGINT NOT NULL,
    y0       BIGINT NOT NULL,
    x1       BIGINT NOT NULL,
    y1       BIGINT NOT NULL,
    score    DOUBLE PRECISION NOT NULL,
    source   TEXT NOT NULL,
    model    TEXT NOT NULL DEFAULT '', -- SHA-256 of the cascade; empty where nothing was learned
    tuning   TEXT NOT NULL DEFAULT '', -- version of the detector's thresholds; empty for a person
    proposal TEXT NOT NULL DEFAULT '', -- the proposed region it comes from; empty for one that a person drew
    fate     TEXT NOT NULL CHECK (fate IN ('proposed', 'kept', 'moved', 'added', 'removed', 'passed'))
);
INSERT INTO regions_new (id, photo, version, kind, x0, y0, x1, y1, score, source, proposal, fate)
SELECT r.id, r.photo, r.version, r.kind, r.x0, r.y0, r.x1, r.y1, r.score, r.source,
       coalesce((SELECT min(p.id) FROM regions p WHERE r.fate <> 'proposed' AND p.photo = r.photo AND p.fate = 'proposed'
                 AND p.kind = r.kind AND p.x0 = r.x0 AND p.y0 = r.y0 AND p.x1 = r.x1 AND p.y1 = r.y1), ''), r.fate
FROM regions r;
DROP TABLE regions;
ALTER TABLE regions_new RENAME TO regions;
CREATE INDEX regions_by_photo ON regions (photo, version);
