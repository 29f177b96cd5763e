package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Federated is what the hospital's provider says of somebody who signed in there. Whoever makes one has checked the
// provider's signature and every claim; here it is decided whose session that is, if anybody's.
type Federated struct {
	Issuer, Subject string // who says it, of whom
	SID             string // the provider's session, by which it can be ended; may be empty
	Login           string // to find the person by at first sight
	ExternalID      string // the same by what the directory calls them, where ByExternalID
	ByExternalID    bool
	Name            string // for an account that is made
	Groups          []string
	ACR             string    // one of the configuration's own words, or empty
	Multi           bool      // more than a password was shown
	Create          bool      // make an account for whoever has none
	ShownAt         time.Time // when the person showed the provider who they are
	IssuedAt        time.Time // when the provider said all this
}

// String keeps names out of logs.
func (Federated) String() string { return "[redacted]" }

// GoString keeps names out of logs.
func (Federated) GoString() string { return "[redacted]" }

// FederatedRefused is why a sign-in at the provider opens nothing here. Cause is a fixed word.
type FederatedRefused struct{ Cause string }

func (e *FederatedRefused) Error() string { return "signing in by the provider: " + e.Cause }
func (e *FederatedRefused) Unwrap() error { return ErrDenied }

// Sentence is what the person is told.
func (e *FederatedRefused) Sentence() string {
	switch e.Cause {
	case "state", "browser":
		return "This sign-in was begun in another browser or too long ago, or was used already. Please begin again."
	case "unknown-person":
		return "You have no account here. Ask whoever runs Clinivault here to add you."
	case "claimed":
		return "The account with your login belongs to another of your hospital's identities. Please tell the operators."
	case "emergency":
		return "This account is for emergencies and signs in with its own password."
	case "no-role":
		return "Your hospital gives you no role here. Ask whoever runs Clinivault here."
	case "login":
		return "Your hospital's login cannot be used here. Please tell the operators."
	case "other-person":
		return "You confirmed as somebody else than who is signed in here. Please confirm with your own account."
	case "logged-out":
		return "Your hospital has ended this sign-in meanwhile. Please sign in again."
	}
	return "Your account is not in use. Ask whoever runs Clinivault here."
}

// refusedFederated notes the cause in the act's event.
func (t *tx) refusedFederated(cause string) error {
	t.detail("cause", cause)
	return &FederatedRefused{cause}
}

// SignInFederated opens a session for whom the provider signed in, on a browser. Where raise names a session, that one
// goes on instead, under a new token, with a fresh factor, and open if its screen was locked; it must be the same
// person's. remote and request are where it comes from, for the log. Errors: a *FederatedRefused, ErrConflict when two
// first sign-ins of a person meet.
func (v *Vault) SignInFederated(ctx context.Context, f Federated, raise SessionID, remote, request string) (token string, s Session, err error) {
	expect, err := v.expectFederated(ctx, f)
	if err != nil {
		return "", Session{}, err
	}
	what := actFederated
	if raise != "" {
		what = actFederatedRaise
	}
	token = newToken()
	door := Actor{kind: byStranger, person: expect, remote: remote, request: request}
	err = v.do(ctx, door, what, onPerson(expect), func(t *tx) error {
		t.detail("issuer", issuerHash(f.Issuer))
		t.detail("acr", f.acr())
		if err := t.oneByOne(ctx); err != nil {
			return err
		}
		if err := t.notLoggedOut(ctx, f); err != nil {
			return err
		}
		who, err := t.federatedAccount(ctx, f, expect)
		if err != nil {
			return err
		}
		if raise != "" {
			s, err = v.raiseFederated(ctx, t, f, who, raise, token)
			return err
		}
		s, err = v.openSession(ctx, t, who, token, f.opening(t.now, remote))
		if errors.Is(err, ErrUnauthenticated) {
			return t.refusedFederated("not-live")
		}
		return err
	})
	if err != nil {
		return "", Session{}, err
	}
	return token, s, nil
}

func (f Federated) strength() string {
	if f.Multi {
		return StrengthMulti
	}
	return StrengthSingle
}

// opening is how a session of the provider's begins. What the person showed the provider earlier is no fresher here;
// a clock of the provider's that is ahead makes it no fresher either.
func (f Federated) opening(now int64, remote string) opening {
	return opening{device: "browser", method: MethodOIDC, strength: f.strength(), browser: true, remote: remote,
		fresh: min(f.ShownAt.UnixMilli(), now), issuer: f.Issuer, sid: f.SID, subject: f.Subject}
}

// raiseFederated has a session go on with what the provider confirmed. Its old token is dead.
func (v *Vault) raiseFederated(ctx context.Context, t *tx, f Federated, who account, id SessionID, token string) (Session, error) {
	s := Session{ID: id, Person: who.id, Name: who.name, Remote: ""}
	err := t.QueryRowContext(ctx, `SELECT s.device, s.device_id, s.remote, s.strength, s.method, s.created_at, s.expires_at FROM sessions s
		JOIN people p ON p.id = s.person WHERE s.id = $1 AND s.person = $2 AND `+liveSession("$3", "$4"), id, who.id, t.now,
		t.now-v.cfg.SessionIdle.Milliseconds()).Scan(&s.Device, &s.DeviceID, &s.Remote, &s.Strength, &s.Method, &s.CreatedAt, &s.ExpiresAt)
	if err := absent(err); errors.Is(err, ErrNotFound) {
		return Session{}, t.refusedFederated("other-person")
	} else if err != nil {
		return Session{}, fmt.Errorf("reading session: %w", err)
	}
	if f.Multi {
		s.Strength = StrengthMulti
	}
	s.SeenAt, s.FreshAt = Time(t.now), Time(min(f.ShownAt.UnixMilli(), t.now))
	err = exactlyOne(ctx, t, "raising session", `UPDATE sessions SET token_hash = $1, strength = $2, fresh_at = $3, locked_at = NULL,
		active_at = $4, seen_at = $4, oidc_issuer = $5, oidc_sid = $6, oidc_subject = $7 WHERE id = $8`,
		tokenHash(token), s.Strength, s.FreshAt, t.now, f.Issuer, f.SID, f.Subject, id)
	if err != nil {
		return Session{}, err
	}
	if s.Roles, err = rolesOf(ctx, t, who.id); err != nil {
		return Session{}, err
	}
	t.detail("session", string(id))
	return s, nil
}

var causeShape = regexp.MustCompile(`^[a-z]{1,16}(-[a-z]{1,16}){0,3}$`)

// RefuseFederated writes down that an answer of the provider's was refused, and why: a fixed word of the caller's.
func (v *Vault) RefuseFederated(ctx context.Context, cause, remote, request string) error {
	if !causeShape.MatchString(cause) {
		cause = "other"
	}
	return v.do(ctx, Actor{kind: byStranger, remote: remote, request: request}, actFederatedRefused, onPerson(""), func(t *tx) error {
		t.detail("cause", cause)
		return nil
	})
}

// localRefused refuses whoever signs in by anything but the provider where that is the only way; emergency accounts
// alone may, and privacy is told at once (tellOfEmergency).
func (v *Vault) localRefused(emergency bool) error {
	if !v.cfg.FederatedOnly || emergency {
		return nil
	}
	return fmt.Errorf("signing in without the provider: %w", say(ErrDenied, "Here one signs in with the hospital account."))
}

// tellOfEmergency tells the privacy officers that an emergency account signed in by itself where the provider is the
// only way for everybody else.
func (t *tx) tellOfEmergency(ctx context.Context, emergency bool) error {
	if !t.v.cfg.FederatedOnly || !emergency {
		return nil
	}
	t.detail("emergency", "yes")
	return t.notify(ctx, noticeEmergency, toHolders(RolePrivacy, ""))
}

// issuerHash names an issuer in the log.
func issuerHash(issuer string) string {
	sum := sha256.Sum256([]byte(issuer))
	return hex.EncodeToString(sum[:8])
}

var acrShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:/._-]{0,99}$`)

// acr is the authentication context for the log.
func (f Federated) acr() string {
	switch {
	case f.ACR == "":
		return "none"
	case acrShape.MatchString(f.ACR):
		return f.ACR
	}
	return "other"
}
