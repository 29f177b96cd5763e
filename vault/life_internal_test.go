package vault

import (
	"context"
	"time"
)

// DueAt is when a rule ends a document of that day, of a patient born on that day.
func DueAt(r Rule, taken Time, birthDate string) (time.Time, bool) { return r.until(taken, birthDate) }

// Retire destroys one document of a report, as RunRetention does with what it lists.
func Retire(ctx context.Context, v *Vault, a Actor, d DueDocument) error { return v.retire(ctx, a, d) }
