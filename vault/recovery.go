package vault

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
)

// Recovery codes stand in for a lost authenticator. There are ten, of 80 random bits each, each good once. They are made
// by machine and long, so a plain digest of them gives nothing to guess at.

const (
	recoveryCodes   = 10
	recoverySymbols = 16 // of base32: 80 bits
	recoveryGroup   = 4
	recoveryDomain  = "clinivault/recovery/v1"
)

// newCode is a code of 80 random bits to be written down: four groups of four.
func newCode() string {
	raw := rand.Text()[:recoverySymbols]
	var groups []string
	for at := 0; at < len(raw); at += recoveryGroup {
		groups = append(groups, raw[at:at+recoveryGroup])
	}
	return strings.Join(groups, "-")
}

// plainCode undoes what people do to a code when they type it: spaces, hyphens, small letters, 0 for O and 1 for I, which
// base32 (RFC 4648, section 6) does not have.
func plainCode(code string) string {
	if len(code) > 64 {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '0':
			return 'O'
		case r == '1':
			return 'I'
		case r >= 'A' && r <= 'Z', r >= '2' && r <= '7':
			return r
		}
		return -1
	}, strings.ToUpper(code))
}

func codeHash(domain string, person PersonID, code string) string {
	return tokenHash(string(bindText(domain, string(person), plainCode(code))))
}

// RenewRecoveryCodes makes ten recovery codes for the actor, to be shown once; those before are void. They stand in for
// a second factor and are none: who has no other gets no codes. Errors: ErrSecondFactor, ErrStepUp.
func (v *Vault) RenewRecoveryCodes(ctx context.Context, a Actor) ([]string, error) {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		codes[i] = newCode()
	}
	err := v.do(ctx, a, actRecoveryCodes, onPerson(a.person), func(t *tx) error {
		res, err := t.ExecContext(ctx, `DELETE FROM recovery_codes WHERE person = $1`, a.person)
		if err != nil {
			return fmt.Errorf("forgetting recovery codes: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n > 0 {
			if err := t.notify(ctx, noticeFactor, toPerson(a.person)); err != nil {
				return err
			}
		}
		for _, c := range codes {
			_, err := t.ExecContext(ctx, `INSERT INTO recovery_codes (person, code_hash, made_at) VALUES ($1, $2, $3)`,
				a.person, codeHash(recoveryDomain, a.person, c), t.now)
			if err != nil {
				return fmt.Errorf("keeping a recovery code: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// The kinds of code that somebody may show.
const (
	codeTOTP     = "totp"
	codeRecovery = "recovery"
)

// shownCode is a code that was looked at and not used up yet.
type shownCode struct {
	kind string
	fits bool
	id   string // of the secret
	step int64  // of time
	hash string // of the recovery code
}

// readCode looks at a code of the authenticator app, which has six digits, or a recovery code, which has not.
func (v *Vault) readCode(ctx context.Context, person PersonID, code string) (shownCode, error) {
	if digits, ok := sixDigits(code); ok {
		s, err := v.secretOf(ctx, person, true)
		if err != nil || s.id == "" {
			return shownCode{kind: codeTOTP}, err
		}
		step, err := v.stepOf(ctx, s, digits)
		return shownCode{kind: codeTOTP, fits: step > 0, id: s.id, step: step}, err
	}
	shown := shownCode{kind: codeRecovery, hash: codeHash(recoveryDomain, person, code)}
	var n int
	err := v.db.QueryRowContext(ctx, `SELECT count(*) FROM recovery_codes WHERE person = $1 AND code_hash = $2 AND used_at IS NULL`,
		person, shown.hash).Scan(&n)
	if err != nil {
		return shownCode{}, dbError(fmt.Errorf("looking for a recovery code: %w", err))
	}
	shown.fits = n == 1
	return shown, nil
}

// sixDigits takes the spaces out that apps show between the digits.
func sixDigits(code string) (string, bool) {
	code = strings.ReplaceAll(code, " ", "")
	return code, len(code) == totpDigits && strings.Trim(code, "0123456789") == ""
}

// useCode uses a code up; whoever comes second with it is refused. Errors: ErrWrongFactor.
func (t *tx) useCode(ctx context.Context, person PersonID, c shownCode) error {
	query, args := `UPDATE totp_secrets SET last_step = $1 WHERE id = $2 AND person = $3 AND last_step < $1 AND confirmed_at IS NOT NULL`,
		[]any{c.step, c.id, person}
	if c.kind == codeRecovery {
		query, args = `UPDATE recovery_codes SET used_at = $1 WHERE code_hash = $2 AND person = $3 AND used_at IS NULL`,
			[]any{t.now, c.hash, person}
	}
	res, err := t.ExecContext(ctx, query, args...)
	if err := oneRow(res, err, errWrongCode); err != nil {
		return fmt.Errorf("using a code up: %w", err)
	}
	return nil
}
