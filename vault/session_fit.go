package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The grace that a browser has for its proofs.
const (
	proofGrace = time.Minute // after ProofEvery
	bindWithin = time.Minute // after sign-in, before the first
)

// exemption is what an act may do without.
type exemption struct {
	proof  bool // the device's proof: acts that bring it
	lock   bool // an open screen
	factor bool // a second factor: acts by which one is added
}

// exempt lists the acts that a session may do that is not fit for others. Whatever is not here wants all of it.
var exempt = map[act]exemption{
	actSignOut:         {proof: true, lock: true, factor: true},
	actLock:            {lock: true, factor: true},
	actUnlock:          {lock: true, factor: true},
	actUnlockFailed:    {lock: true, factor: true},
	actDeviceChallenge: {proof: true, lock: true, factor: true},
	actBindSession:     {proof: true, lock: true, factor: true},
	actProveDevice:     {proof: true, lock: true, factor: true},
	actAccept:          {lock: true}, // write-only: what was queued goes on, and nothing comes back
	actIntegrity:       {proof: true, lock: true, factor: true},

	actFederatedBegin: {lock: true, factor: true}, // who signed in at the provider shows there again who they are

	actSessions:     {factor: true},
	actFactors:      {factor: true},
	actStepUp:       {factor: true},
	actStepUpFailed: {factor: true},
	actAddPasskey:   {factor: true},
	actAddTOTP:      {factor: true},
	actSetPassword:  {factor: true},
}

// sessionLock is what decides whether a session's screen is locked.
type sessionLock struct {
	at              int64 // when somebody locked it; 0: nobody did
	browser, shared bool
}

// lockColumns are sessionLock's, of session s and, left joined, its device d.
const lockColumns = `coalesce(s.locked_at, 0), s.binding <> 'none' AND coalesce(d.kind, 'browser') = 'browser', coalesce(d.shared, false)`

// lockAfter is how long nobody may use a screen before it locks; 0: it does not lock by itself, as a program's.
func (v *Vault) lockAfter(l sessionLock) time.Duration {
	switch {
	case !l.browser:
		return 0
	case l.shared:
		return v.cfg.SharedLockAfter
	}
	return v.cfg.LockAfter
}

// locksBy reports whether the screen is locked now, by a person or because it was left alone since active.
func (v *Vault) locksBy(l sessionLock, active, now int64) bool {
	after := v.lockAfter(l).Milliseconds()
	return l.at > 0 || after > 0 && now-active >= after
}

// sessionFit is asked first for each act of a person: whether their session lives, on a device that is not revoked and
// that has shown its key, with an open screen and enough behind it. Errors: ErrUnauthenticated, ErrDeviceProof,
// ErrSessionLocked, ErrSecondFactor, in this order.
func (v *Vault) sessionFit(ctx context.Context, t *tx, a Actor, what act) error {
	var s struct {
		strength, binding, device string
		created, proved, active   int64
		lock                      sessionLock
	}
	err := t.QueryRowContext(ctx, `SELECT s.strength, s.binding, coalesce(d.state, ''), s.created_at, s.proved_at, s.active_at, `+
		lockColumns+` FROM sessions s JOIN people p ON p.id = s.person LEFT JOIN devices d ON d.id = s.device_id
		WHERE s.id = $1 AND s.person = $2 AND `+liveSession("$3", "$4"), a.session, a.person, t.now,
		t.now-v.cfg.SessionIdle.Milliseconds()).Scan(&s.strength, &s.binding, &s.device, &s.created, &s.proved, &s.active,
		&s.lock.at, &s.lock.browser, &s.lock.shared)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrUnauthenticated
	case err != nil:
		return fmt.Errorf("reading session: %w", err)
	}
	free := exempt[what]
	due := s.created + bindWithin.Milliseconds()
	if s.binding == bindingBound {
		due = s.proved + (v.cfg.ProofEvery + proofGrace).Milliseconds()
	}
	switch {
	case s.device == "revoked":
		return ErrUnauthenticated
	case s.binding != bindingNone && t.now >= due && !free.proof:
		return ErrDeviceProof
	case v.locksBy(s.lock, s.active, t.now) && !free.lock:
		return ErrSessionLocked
	case s.strength != StrengthMulti && !v.cfg.PasswordOnly && !free.factor:
		return ErrSecondFactor
	}
	return nil
}

// fresh is asked after the rights allowed an act: whether the person showed a factor a short while ago, where the act
// wants that. Errors: ErrStepUp.
func (v *Vault) fresh(ctx context.Context, t *tx, a Actor, what act) error {
	if a.kind != byPerson || !stepUpActs[what] {
		return nil
	}
	var at int64
	if err := t.QueryRowContext(ctx, `SELECT fresh_at FROM sessions WHERE id = $1`, a.session).Scan(&at); err != nil {
		return fmt.Errorf("reading session: %w", absent(err))
	}
	if t.now-at >= v.cfg.StepUpFor.Milliseconds() {
		return ErrStepUp
	}
	return nil
}
