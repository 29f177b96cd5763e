package vault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// logoutsKept is how long a logout is remembered: longer than its token is taken, and than a sign-in is under way.
const logoutsKept = 24 * time.Hour

// FederatedLogout is what the provider's logout token says (OpenID Connect Back-Channel Logout 1.0 section 2.4), its
// signature and claims checked: the end of one session of its own (SID), or of all of a subject's.
type FederatedLogout struct {
	Issuer, Subject, SID, ID string // ID is the token's jti
	IssuedAt                 time.Time
}

// EndFederated ends the sessions that a logout token names, on every node, and remembers it: no token counts twice, and
// a sign-in that the logout overtakes opens nothing. ended is how many there were. Errors: a *FederatedRefused with the
// cause "replay".
func (v *Vault) EndFederated(ctx context.Context, l FederatedLogout, d Door) (ended int64, err error) {
	door := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	err = v.do(ctx, door, actFederatedLogout, object{Kind: "session"}, func(t *tx) error {
		t.detail("issuer", issuerHash(l.Issuer))
		if _, err := t.ExecContext(ctx, `DELETE FROM federated_logouts WHERE kept_until <= $1`, t.now); err != nil {
			return fmt.Errorf("forgetting old logouts: %w", err)
		}
		res, err := t.ExecContext(ctx, `INSERT INTO federated_logouts (jti_hash, issuer, subject, sid, issued_at, kept_until)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, flowHash(l.Issuer+"\n"+l.ID), l.Issuer, l.Subject, l.SID,
			l.IssuedAt.UnixMilli(), t.now+logoutsKept.Milliseconds())
		err = oneRow(res, err, ErrConflict)
		if errors.Is(err, ErrConflict) {
			return t.refusedFederated("replay")
		}
		if err != nil {
			return fmt.Errorf("remembering the logout: %w", err)
		}
		res, err = t.ExecContext(ctx, `UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL AND oidc_issuer = $2 AND oidc_issuer <> ''
			AND ($3 = '' OR oidc_sid = $3) AND ($4 = '' OR oidc_subject = $4) AND ($3 <> '' OR $4 <> '')`,
			t.now, l.Issuer, l.SID, l.Subject)
		if err == nil {
			ended, err = res.RowsAffected()
		}
		if err != nil {
			return fmt.Errorf("ending sessions: %w", err)
		}
		t.detail("ended", fmt.Sprint(ended))
		return nil
	})
	return ended, err
}

// notLoggedOut refuses a sign-in whose session at the provider has ended meanwhile. Acts that are logged follow one
// another on all nodes, so that either this sees the logout, or the logout the session.
func (t *tx) notLoggedOut(ctx context.Context, f Federated) error {
	err := holds(ctx, t, `SELECT count(*) FROM federated_logouts WHERE issuer = $1 AND ((sid <> '' AND sid = $2)
		OR (sid = '' AND subject = $3 AND issued_at >= $4))`, f.Issuer, f.SID, f.Subject, f.IssuedAt.UnixMilli())
	switch {
	case err == nil:
		return t.refusedFederated("logged-out")
	case errors.Is(err, ErrNotFound):
		return nil
	}
	return err
}
