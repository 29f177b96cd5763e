package vault

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// The purposes a patient may allow.
const (
	purposeRecord      = "record"
	purposeTeaching    = "teaching"
	purposePublication = "publication"
)

// Consent is what the patient allows for a photo now.
type Consent struct {
	Record      bool `json:"record"`
	Teaching    bool `json:"teaching"`
	Publication bool `json:"publication"`
}

// recordConsent writes what the patient allowed at the capture.
func recordConsent(ctx context.Context, t *tx, id PhotoID, by PersonID, c seal.Consent) error {
	for _, one := range []struct {
		purpose string
		allowed bool
	}{{purposeRecord, c.Record}, {purposeTeaching, c.Teaching}, {purposePublication, c.Publication}} {
		_, err := t.ExecContext(ctx, `INSERT INTO consents (photo, purpose, version, allowed, taken_by, taken_at)
			VALUES ($1, $2, 1, $3, $4, $5)`, id, one.purpose, one.allowed, by, t.now)
		if err != nil {
			return fmt.Errorf("recording consent: %w", err)
		}
	}
	return nil
}

// consentOf reads the newest word on each purpose; silence is no.
func consentOf(ctx context.Context, t querier, id PhotoID) (Consent, error) {
	allowed, err := list(ctx, t, func(rows *sql.Rows) (purpose string, err error) { return purpose, rows.Scan(&purpose) },
		`SELECT c.purpose FROM consents c WHERE c.photo = $1 AND c.allowed AND c.version =
		(SELECT max(n.version) FROM consents n WHERE n.photo = c.photo AND n.purpose = c.purpose)`, id)
	if err != nil {
		return Consent{}, fmt.Errorf("reading consent: %w", err)
	}
	var c Consent
	for _, p := range allowed {
		c.Record = c.Record || p == purposeRecord
		c.Teaching = c.Teaching || p == purposeTeaching
		c.Publication = c.Publication || p == purposePublication
	}
	return c, nil
}
