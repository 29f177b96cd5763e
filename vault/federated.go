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
	case "own-factor":
		return "Your hospital asked for a password alone. Please confirm with your passkey or a code instead."
	case "regrouped":
		return "Your hospital has changed what you may do here. Please sign in again."
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
// person's, and where they have a second factor here, the provider's must count as two. Who lost a role by it is put out
// of all that is open, and has to sign in again. Errors: a *FederatedRefused, ErrConflict when two first sign-ins of a person meet.
func (v *Vault) SignInFederated(ctx context.Context, f Federated, raise SessionID, d Door) (Opened, error) {
	expect, err := v.expectFederated(ctx, f)
	if err != nil {
		return Opened{}, err
	}
	what := actFederated
	if raise != "" {
		what = actFederatedRaise
	}
	out := Opened{Token: newToken()}
	known := newToken()
	door := Actor{kind: byStranger, person: expect, remote: d.Remote, request: d.Request}
	var refused error // although what the provider said of groups stands
	err = v.do(ctx, door, what, onPerson(expect), func(t *tx) error {
		refused = nil
		t.detail("issuer", issuerHash(f.Issuer))
		t.detail("acr", f.acr())
		if err := t.notLoggedOut(ctx, f); err != nil {
			return err
		}
		who, cut, err := t.federatedAccount(ctx, f, expect)
		if err != nil {
			return err
		}
		if raise != "" && cut {
			refused = t.refusedFederated("regrouped")
			return nil
		}
		if raise != "" {
			out.Session, err = v.raiseFederated(ctx, t, f, who, raise, out.Token)
			return err
		}
		if out.Session, err = v.openSession(ctx, t, who, out.Token, f.opening(t.now, d)); err != nil {
			return err
		}
		out.Known, err = t.remember(ctx, who.id, d, known)
		return err
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return Opened{}, err
	}
	return out, nil
}

// opening is how a session of the provider's begins. What the person showed the provider earlier is no fresher here;
// a clock of the provider's that is ahead makes it no fresher either.
func (f Federated) opening(now int64, d Door) opening {
	o := opening{device: d.Device, method: MethodOIDC, strength: StrengthSingle, browser: true, remote: d.Remote,
		fresh: min(f.ShownAt.UnixMilli(), now), issuer: f.Issuer, sid: f.SID, subject: f.Subject}
	if f.Multi {
		o.strength = StrengthMulti
	}
	return o
}

// raiseFederated has a session go on with what the provider confirmed. Its old token is dead.
func (v *Vault) raiseFederated(ctx context.Context, t *tx, f Federated, who account, id SessionID, token string) (Session, error) {
	err := holds(ctx, t, `SELECT count(*) FROM sessions s JOIN people p ON p.id = s.person WHERE s.id = $1 AND s.person = $2 AND `+
		liveSession("$3", "$4"), id, who.id, t.now, t.now-v.cfg.SessionIdle.Milliseconds())
	if errors.Is(err, ErrNotFound) {
		return Session{}, t.refusedFederated("other-person")
	}
	if err != nil {
		return Session{}, err
	}
	strength := `strength`
	if f.Multi {
		strength = `'` + StrengthMulti + `'`
	} else if has, err := factorsOf(ctx, t, who.id); err != nil {
		return Session{}, err
	} else if has.second() { // as with the password of our own
		return Session{}, t.refusedFederated("own-factor")
	}
	err = exactlyOne(ctx, t, "raising session", `UPDATE sessions SET token_hash = $1, strength = `+strength+`, fresh_at = $2,
		locked_at = NULL, active_at = $3, seen_at = $3, oidc_issuer = $4, oidc_sid = $5, oidc_subject = $6 WHERE id = $7`,
		tokenHash(token), min(f.ShownAt.UnixMilli(), t.now), t.now, f.Issuer, f.SID, f.Subject, id)
	if err != nil {
		return Session{}, err
	}
	t.detail("session", string(id))
	return readSession(ctx, t, id)
}

var causeShape = regexp.MustCompile(`^[a-z]{1,16}(-[a-z]{1,16}){0,3}$`)

// RefuseFederated writes down that an answer of the provider's was refused, and why: a fixed word of the caller's.
func (v *Vault) RefuseFederated(ctx context.Context, cause string, d Door) error {
	if !causeShape.MatchString(cause) {
		cause = "other"
	}
	return v.do(ctx, Actor{kind: byStranger, remote: d.Remote, request: d.Request}, actFederatedRefused, onPerson(""), func(t *tx) error {
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
