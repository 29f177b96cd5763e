package vault

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/clinivault/clinivault/vault/seal"
)

// One-time codes by RFC 6238, as authenticator apps expect them: SHA-1, six digits, thirty seconds, one step of grace
// to either side (section 5.2). The secret is the first 20 bytes of a key that the root key wraps, as it wraps the keys
// of patients: the database alone gives no codes, and a rotation of the root key wraps it anew. A step that was used is
// used up, and those before it.

const (
	totpDomain     = "clinivault/totp/v1"
	totpPeriod     = 30 // seconds; RFC 6238, section 4.1
	totpSecretSize = 20 // RFC 4226, section 4: 160 bits are recommended
	totpDigits     = 6
)

// NewTOTP is a secret that was just made, for the person's authenticator app. It prints as [redacted].
type NewTOTP struct {
	URI    string // otpauth://, for a QR code
	Secret string // base32, for typing
}

// String keeps the secret out of logs.
func (NewTOTP) String() string { return "[redacted]" }

// GoString keeps the secret out of logs.
func (NewTOTP) GoString() string { return "[redacted]" }

func (v *Vault) totpAAD(person PersonID, id string) []byte {
	return bindText(totpDomain, v.cfg.Tenant, string(person), id)
}

// BeginTOTP makes a secret for the actor's authenticator app. It counts once ConfirmTOTP was given its first code, and
// takes the place of the one before then. Errors: ErrStepUp, ErrUnavailable.
func (v *Vault) BeginTOTP(ctx context.Context, a Actor) (NewTOTP, error) {
	key, id := seal.NewKey(), newID()
	defer key.Wipe()
	wrapped, root, err := v.cfg.KMS.Wrap(ctx, key, v.totpAAD(a.person, id))
	if err != nil {
		return NewTOTP{}, fmt.Errorf("wrapping a secret: %w", err)
	}
	var login string
	err = v.do(ctx, a, actAddTOTP, onPerson(a.person), func(t *tx) error {
		t.detail("step", "begin")
		if err := t.rootStands(ctx, root); err != nil {
			return err
		}
		if err := t.QueryRowContext(ctx, `SELECT login FROM people WHERE id = $1`, a.person).Scan(&login); err != nil {
			return fmt.Errorf("reading login: %w", err)
		}
		return t.changes(ctx, "keeping a secret",
			change{`DELETE FROM totp_secrets WHERE person = $1 AND confirmed_at IS NULL`, []any{a.person}},
			change{`INSERT INTO totp_secrets (id, person, wrapped_secret, root_version, created_at) VALUES ($1, $2, $3, $4, $5)`,
				[]any{id, a.person, wrapped, int64(root), t.now}})
	})
	if err != nil {
		return NewTOTP{}, err
	}
	secret := totpSecret(key)
	q := url.Values{"secret": {secret}, "issuer": {v.cfg.WebAuthn.Name}, "algorithm": {"SHA1"},
		"digits": {strconv.Itoa(totpDigits)}, "period": {strconv.Itoa(totpPeriod)}}
	label := url.PathEscape(v.cfg.WebAuthn.Name + ":" + login)
	return NewTOTP{URI: "otpauth://totp/" + label + "?" + strings.ReplaceAll(q.Encode(), "+", "%20"), Secret: secret}, nil
}

func totpSecret(key seal.Key) string {
	raw := key.Bytes()
	defer clear(raw)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:totpSecretSize])
}

// ConfirmTOTP takes the first code of the secret that BeginTOTP made. From then on it is the actor's second factor, and
// the session counts as one with two. Errors: ErrWrongFactor, ErrConflict when nothing was begun, ErrStepUp, ErrLocked.
func (v *Vault) ConfirmTOTP(ctx context.Context, a Actor, code string) (Opened, error) {
	tries := sessionDoors(a)
	if err := v.take(ctx, a, actStepUpFailed, tries); err != nil {
		return Opened{}, err
	}
	s, err := v.secretOf(ctx, a.person, false)
	if err != nil {
		return Opened{}, err
	}
	step := int64(0)
	if s.id != "" {
		if step, err = v.stepOf(ctx, s, code); err != nil {
			return Opened{}, err
		}
	}
	return v.raise(ctx, a, actAddTOTP, MethodTOTP, func(t *tx) error {
		t.detail("step", "confirm")
		switch {
		case s.id == "":
			return say(ErrConflict, "Begin with a new key for the app.")
		case step == 0:
			return errWrongCode
		}
		if err := t.passed(ctx, tries); err != nil {
			return err
		}
		if err := exactlyOne(ctx, t, "confirming a secret", `UPDATE totp_secrets SET confirmed_at = $1, last_step = $2
			WHERE id = $3 AND confirmed_at IS NULL`, t.now, step, s.id); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM totp_secrets WHERE person = $1 AND id <> $2`, a.person, s.id); err != nil {
			return fmt.Errorf("forgetting a secret: %w", err)
		}
		return t.endWeaker(ctx, a)
	})
}

// RemoveTOTP takes the actor's authenticator app away. Errors: ErrConflict when it is the last factor and one is
// needed, ErrNotFound, ErrStepUp.
func (v *Vault) RemoveTOTP(ctx context.Context, a Actor) error {
	return v.do(ctx, a, actRemoveTOTP, onPerson(a.person), func(t *tx) error {
		has, err := factorsOf(ctx, t, a.person)
		switch {
		case err != nil:
			return err
		case !has.TOTP:
			return ErrNotFound
		case !has.passkey() && !v.cfg.PasswordOnly:
			return errLastFactor
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM totp_secrets WHERE person = $1`, a.person); err != nil {
			return fmt.Errorf("forgetting a secret: %w", err)
		}
		return t.notify(ctx, noticeFactor, toPerson(a.person))
	})
}

var (
	errWrongCode  = say(ErrWrongFactor, "The code is wrong or was used before.")
	errLastFactor = say(ErrConflict, "This is your only second factor. Add another one first.")
)

// secret is a wrapped secret; id is empty where there is none.
type secret struct {
	id      string
	person  PersonID
	wrapped []byte
	root    uint32
	last    int64
}

func (v *Vault) secretOf(ctx context.Context, person PersonID, confirmed bool) (secret, error) {
	s := secret{person: person}
	var root int64
	err := v.db.QueryRowContext(ctx, `SELECT id, wrapped_secret, root_version, last_step FROM totp_secrets WHERE person = $1
		AND (confirmed_at IS NOT NULL) = $2`, person, confirmed).Scan(&s.id, &s.wrapped, &root, &s.last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return secret{}, dbError(fmt.Errorf("reading a secret: %w", err))
	}
	s.root = uint32(root)
	return s, nil
}

// stepOf is the step of time that a code is of, if it is later than the last that was used; 0 when the code does not
// fit. It asks the key service, outside any transaction.
func (v *Vault) stepOf(ctx context.Context, s secret, code string) (int64, error) {
	key, err := v.fetchKey(ctx, s.wrapped, s.root, v.totpAAD(s.person, s.id))
	if err != nil {
		return 0, fmt.Errorf("unwrapping a secret: %w", err)
	}
	defer key.Wipe()
	now, fits := v.now()/1000/totpPeriod, int64(0)
	for step := now - 1; step <= now+1; step++ {
		want, err := totp.GenerateCodeCustom(totpSecret(key), time.Unix(step*totpPeriod, 0),
			totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, errors.New("making a code to compare with") // the cause may hold the secret
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > s.last {
			fits = step
		}
	}
	return fits, nil
}
