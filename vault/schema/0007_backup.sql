-- +goose Up
-- While a row here is neither ended nor past its time, nothing is deleted from the store: somebody is copying it, and
-- what the copied database names must still be there when its turn comes.
CREATE TABLE deletion_pauses (
    id           TEXT PRIMARY KEY,
    cause        TEXT NOT NULL CHECK (cause IN ('backup', 'operator')),
    begun_at     BIGINT NOT NULL,
    paused_until BIGINT NOT NULL,
    ended_at     BIGINT
);

-- What this vault is: its tenant, and an ID of its own that its backups carry. Written when it is first opened.
CREATE TABLE vault_marks (
    name  TEXT PRIMARY KEY CHECK (name IN ('tenant', 'vault')),
    value TEXT NOT NULL
);
