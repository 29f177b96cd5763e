package vault

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Passwords are kept as argon2id hashes (RFC 9106) with their parameters, so that these can be raised later.
const (
	MinPassword = 12  // characters
	maxPassword = 256 // bytes; longer ones only cost time
	ownWord     = 4   // characters of a name from which on it may not be in its owner's password

	argonTime   = 2
	argonMemory = 19 << 10 // KiB
	argonLanes  = 1
	saltSize    = 16
	hashSize    = 32
)

// hashing bounds how many hashes run at once, and with them the memory that a flood of sign-ins can take.
var hashing = make(chan struct{}, max(2, runtime.NumCPU()))

// dummyHash is compared for unknown logins, so that they take as long as known ones.
var dummyHash = sync.OnceValue(func() string { return hashPassword(rand.Text()) })

// weakPassword refuses a password that is too short, tells who its owner is, or is known to attackers. There are no
// rules for its letters: length is what counts (NIST SP 800-63B, section 5.1.1.2). Errors: ErrInvalid, ErrUnavailable
// when the list of breached passwords cannot be read.
func (v *Vault) weakPassword(password, login, name string) error {
	if utf8.RuneCountInString(password) < MinPassword || len(password) > maxPassword || !utf8.ValidString(password) {
		return say(ErrInvalid, "A password needs at least 12 characters.")
	}
	small := strings.ToLower(password)
	for _, word := range append(strings.Fields(strings.ToLower(name)), login) {
		if utf8.RuneCountInString(word) >= ownWord && strings.Contains(small, word) {
			return say(ErrInvalid, "A password must not hold your name or your login.")
		}
	}
	known, err := breached(v.cfg.BreachedPasswords, password)
	if err != nil {
		v.cfg.Log.Error("list of breached passwords not read", "error", err)
		return fmt.Errorf("checking a password: %w", ErrUnavailable)
	}
	if known {
		return say(ErrInvalid, "This password is on a list that attackers use. Choose another one.")
	}
	return nil
}

// passwordRefused is weakPassword for somebody who is there already.
func (v *Vault) passwordRefused(ctx context.Context, id PersonID, password string) error {
	var login, name string
	err := v.db.QueryRowContext(ctx, `SELECT login, name FROM people WHERE id = $1`, id).Scan(&login, &name)
	if err != nil {
		return dbError(fmt.Errorf("reading person: %w", absent(err)))
	}
	return v.weakPassword(password, login, name)
}

// SetPassword gives a person a new password and ends all their sessions. Everybody may do it for themselves, and the
// operator for anyone, as may whoever has the machine; an administrator may not (ResetFactors). Errors: ErrInvalid,
// ErrNotFound, ErrDenied, ErrStepUp.
func (v *Vault) SetPassword(ctx context.Context, a Actor, login, password string) error {
	id, err := v.personByLogin(ctx, login)
	if err != nil {
		return err
	}
	wrong := say(ErrNotFound, "There is nobody with this login.")
	hash := ""
	if id != "" {
		if wrong = v.passwordRefused(ctx, id, password); wrong == nil {
			hash = hashPassword(password)
		}
	}
	return v.do(ctx, a, actSetPassword, onPerson(id), func(t *tx) error {
		if wrong != nil {
			return wrong
		}
		if err := exactlyOne(ctx, t, "setting password", `UPDATE people SET password_hash = $1 WHERE id = $2`, hash, id); err != nil {
			return err
		}
		if err := t.notify(ctx, noticeFactor, toPerson(id)); err != nil {
			return err
		}
		return endSessions(ctx, t, id)
	})
}

// ChangePassword gives the actor a new password, ends their other sessions, and this one gets a new token; choosing a
// password proves nothing, so the session is no fresher. Errors:
// ErrInvalid, ErrStepUp.
func (v *Vault) ChangePassword(ctx context.Context, a Actor, password string) (Opened, error) {
	hash, wrong := "", ErrDenied // who is no person has none
	if a.kind == byPerson {
		if wrong = v.passwordRefused(ctx, a.person, password); wrong == nil {
			hash = hashPassword(password)
		}
	}
	return v.raise(ctx, a, actSetPassword, "", func(t *tx) error {
		if wrong != nil {
			return wrong
		}
		if err := t.notify(ctx, noticeFactor, toPerson(a.person)); err != nil {
			return err
		}
		return t.changes(ctx, "setting password",
			change{`UPDATE people SET password_hash = $1 WHERE id = $2`, []any{hash, a.person}},
			change{`UPDATE sessions SET ended_at = $1 WHERE person = $2 AND id <> $3 AND ended_at IS NULL`, []any{t.now, a.person, a.session}})
	})
}

func hashPassword(password string) string {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails (crypto/rand)
	sum := argon(password, salt, argonTime, argonMemory, argonLanes, hashSize)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}

// passwordFits compares in constant time. A hash that cannot be read fits nothing.
func passwordFits(hash, password string) bool {
	var version int
	var memory, time uint32
	var lanes uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes); err != nil {
		return false
	}
	if memory < 8 || memory > 1<<20 || time < 1 || time > 16 || lanes < 1 {
		return false
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	want, wantErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || wantErr != nil || len(want) < 16 || len(want) > 64 || len(password) > maxPassword {
		return false
	}
	got := argon(password, salt, time, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

func argon(password string, salt []byte, time, memory uint32, lanes uint8, size uint32) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), salt, time, memory, lanes, size)
}
