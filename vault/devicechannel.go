package vault

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// AuthenticateDevice finds out which device stands behind a certificate, and which person's session behind the token:
// the session must be bound to that device. The actor may send captures for the person and renew the certificate, and
// nothing else. It writes no event; each act writes its own, and looks again at device and session. Errors:
// ErrUnauthenticated, for whatever reason, ErrUnavailable.
func (v *Vault) AuthenticateDevice(ctx context.Context, cert *x509.Certificate, token string) (Actor, error) {
	now := v.now()
	id, err := v.certifiedDevice(ctx, cert, now)
	if err != nil {
		return Actor{}, dbError(err)
	}
	a := Actor{kind: byDevice, device: id}
	var seen int64
	err = v.db.QueryRowContext(ctx, `SELECT s.id, s.person, p.name, s.seen_at FROM sessions s JOIN people p ON p.id = s.person
		JOIN devices d ON d.id = s.device_id WHERE s.token_hash = $1 AND d.id = $2 AND d.state = 'approved' AND s.binding = 'bound'
		AND `+liveSession("$3", "$4"), tokenHash(token), id, now, now-v.cfg.SessionIdle.Milliseconds()).
		Scan(&a.session, &a.person, &a.name, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return Actor{}, fmt.Errorf("session of a device: %w", ErrUnauthenticated)
	}
	if err != nil {
		return Actor{}, dbError(fmt.Errorf("finding session: %w", err))
	}
	if now-seen < seenEvery.Milliseconds() {
		return a, nil
	}
	err = v.retry(ctx, false, func(t *tx) error {
		if err := t.seenDevice(ctx, id); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE sessions SET seen_at = $1 WHERE id = $2 AND seen_at < $1`, now, a.session)
		return err
	})
	if err != nil {
		return Actor{}, fmt.Errorf("noting the device's use: %w", err)
	}
	return a, nil
}

// certifiedDevice checks a certificate (RFC 5280) and compares its key with the device's.
func (v *Vault) certifiedDevice(ctx context.Context, cert *x509.Certificate, now int64) (DeviceID, error) {
	refused := fmt.Errorf("certificate of a device: %w", ErrUnauthenticated)
	if cert == nil || len(cert.Raw) > maxDeviceCert {
		return "", refused
	}
	roots, err := v.deviceAuthorities(ctx, v.db, now)
	if err != nil {
		return "", err
	}
	pool := x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: time.UnixMilli(now), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil || cert.IsCA {
		return "", refused
	}
	d, err := deviceBy(ctx, v.db, "id", cert.Subject.CommonName)
	if errors.Is(err, ErrNotFound) {
		return "", refused
	}
	if err != nil {
		return "", err
	}
	if keyHash(cert.RawSubjectPublicKeyInfo) != d.hash || d.state != DeviceApproved {
		return "", refused
	}
	return d.id, nil
}

// deviceFit is sessionFit for the actor of a certificate: the device is approved, the session is bound to it and lives,
// and the person showed what the vault asks for. It needs no proof beside the certificate, and an open screen neither:
// what was queued goes on, and nothing comes back.
func (v *Vault) deviceFit(ctx context.Context, t *tx, a Actor) error {
	var strength string
	err := t.QueryRowContext(ctx, `SELECT s.strength FROM sessions s JOIN people p ON p.id = s.person JOIN devices d ON d.id = s.device_id
		WHERE s.id = $1 AND s.person = $2 AND s.device_id = $3 AND s.binding = 'bound' AND d.state = 'approved' AND `+
		liveSession("$4", "$5"), a.session, a.person, a.device, t.now, t.now-v.cfg.SessionIdle.Milliseconds()).Scan(&strength)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrUnauthenticated
	case err != nil:
		return fmt.Errorf("reading session: %w", err)
	case strength != StrengthMulti && !v.cfg.PasswordOnly:
		return ErrSecondFactor
	}
	return nil
}
