package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// What people give in their own words (evidence of a consent, the reason of a hold, a recall, an erasure) may name the
// patient. So it is sealed under the patient's key in a table of its own, where erasing deletes it; rows and events
// carry its number.

const wordsDomain = "clinivault/words/v1"

func (v *Vault) wordsAAD(patient PatientID, id string) []byte {
	return bindText(wordsDomain, v.cfg.Tenant, string(patient), id)
}

// keepWords seals a text and gives its number; of an empty text, the empty one. Photo is empty when it is about the
// patient.
func (t *tx) keepWords(ctx context.Context, patient PatientID, photo PhotoID, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	key, err := t.v.patientKey(ctx, t, patient)
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	id := newID()
	sealed := seal.SealSmall(key, []byte(text), t.v.wordsAAD(patient, id))
	_, err = t.ExecContext(ctx, `INSERT INTO words (id, patient, photo, sealed) VALUES ($1, $2, nullif($3, ''), $4)`,
		id, patient, photo, sealed)
	if err != nil {
		return "", fmt.Errorf("keeping words: %w", err)
	}
	return id, nil
}

// readWords opens a text; empty when there is none, or it was erased.
func (t *tx) readWords(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	var patient PatientID
	var sealed []byte
	err := t.QueryRowContext(ctx, `SELECT patient, sealed FROM words WHERE id = $1`, id).Scan(&patient, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading words: %w", err)
	}
	key, err := t.v.patientKey(ctx, t, patient)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	plain, err := seal.OpenSmall(key, sealed, t.v.wordsAAD(patient, id))
	if err != nil {
		return "", fmt.Errorf("%w: words: %w", ErrIntegrity, err)
	}
	return string(plain), nil
}
