-- +goose Up
-- Numbers on wristbands, beside the record number: the global service relation number that the hospital gives (GS1 General
-- Specifications, AI 8018) and the NHS number. Each leads to one patient; both are for finding alone.
CREATE TABLE patient_identifiers (
    kind    TEXT NOT NULL CHECK (kind IN ('gsrn', 'nhs')),
    value   TEXT NOT NULL,
    patient TEXT NOT NULL REFERENCES patients (id),
    since   BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX patient_identifiers_by_patient ON patient_identifiers (patient);
