package vault

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// The vault is a small certificate authority for its own devices, and nobody else need trust it. Its key is one of the
// vault's own, wrapped by the root key, and made when the first certificate is asked for. A certificate says one thing:
// which device holds this key. It is short-lived, and it is no right: whether the device was revoked is asked of the
// database at each call, so there are no revocation lists.

const (
	deviceCertFor = 7 * 24 * time.Hour
	deviceCAFor   = 10 * 365 * 24 * time.Hour
	clockBehind   = 24 * time.Hour // a device whose clock is behind still takes its certificate
	deviceKeySize = 32             // bytes of a P-256 private key
	maxDeviceCert = 4 << 10        // bytes of one of ours; about 500 are used
)

// deviceCA is one epoch of the authority. It prints as [redacted].
type deviceCA struct {
	epoch uint32
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey // nil when it was destroyed: it only verifies then
}

// String keeps the private half out of logs.
func (deviceCA) String() string { return "[redacted]" }

// GoString keeps the private half out of logs.
func (deviceCA) GoString() string { return "[redacted]" }

// newDeviceCA makes an epoch: public is the certificate, private the key and, after it, the certificate again, so that
// what the root key protects says which certificate is the vault's.
func (v *Vault) newDeviceCA(epoch uint32) (public, private []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	scalar, err := key.Bytes()
	if err != nil {
		return nil, nil, err
	}
	defer clear(scalar)
	now := time.UnixMilli(v.now())
	template := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: fmt.Sprintf("Clinivault devices %s %d", v.cfg.Tenant, epoch)},
		NotBefore: now.Add(-clockBehind), NotAfter: now.Add(deviceCAFor),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	public, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	return public, append(append(make([]byte, 0, deviceKeySize+len(public)), scalar...), public...), nil
}

func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// parseDeviceCA reads what newDeviceCA made, or the certificate alone where the key was destroyed.
func parseDeviceCA(epoch uint32, half []byte, destroyed bool) (deviceCA, error) {
	wrong := fmt.Errorf("device key: %w", ErrIntegrity)
	ca := deviceCA{epoch: epoch}
	der := half
	if !destroyed {
		if len(half) < deviceKeySize {
			return deviceCA{}, wrong
		}
		var err error
		if ca.key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), half[:deviceKeySize]); err != nil {
			return deviceCA{}, wrong
		}
		der = half[deviceKeySize:]
	}
	cert, err := x509.ParseCertificate(bytes.Clone(der))
	if err != nil || !cert.IsCA || ca.key != nil && !ca.key.PublicKey.Equal(cert.PublicKey) {
		return deviceCA{}, wrong
	}
	ca.cert = cert
	return ca, nil
}

// readDeviceCA opens one epoch of the authority, or remembers it. said is the certificate of its row, which counts for
// nothing but to know whether what is remembered is of this row: who can write into the database cannot have the vault
// trust another authority.
func (v *Vault) readDeviceCA(ctx context.Context, q querier, epoch uint32, said []byte, signs bool) (deviceCA, error) {
	id := epochID{keyDevice, epoch}
	v.keys.mu.Lock()
	held, ok := v.keys.devices[epoch]
	v.keys.mu.Unlock()
	if ok && bytes.Equal(held.cert.Raw, said) && (held.key != nil || !signs) {
		return held, nil
	}
	half, destroyed, err := v.readEpochKey(ctx, q, id)
	if err != nil {
		return deviceCA{}, err
	}
	defer clear(half)
	ca, err := parseDeviceCA(epoch, half, destroyed)
	if err != nil {
		return deviceCA{}, err
	}
	if !bytes.Equal(ca.cert.Raw, said) || signs && ca.key == nil {
		return deviceCA{}, fmt.Errorf("device key: %w", ErrIntegrity)
	}
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	v.keys.devices[epoch] = ca
	return ca, nil
}

// signingDeviceCA is the epoch that signs now; ErrNotFound when none was made yet.
func (v *Vault) signingDeviceCA(ctx context.Context, q querier) (deviceCA, error) {
	var epoch uint32
	var public []byte
	err := q.QueryRowContext(ctx, `SELECT epoch, public_key FROM epoch_keys WHERE kind = $1 AND retired_at IS NULL
		ORDER BY epoch DESC LIMIT 1`, keyDevice).Scan(&epoch, &public)
	if err != nil {
		return deviceCA{}, fmt.Errorf("reading keys: %w", absent(err))
	}
	return v.readDeviceCA(ctx, q, epoch, public, true)
}

// makeDeviceCA makes the first epoch unless there is one. Two nodes that do it at once agree on the first row written.
func (v *Vault) makeDeviceCA(ctx context.Context) error {
	_, err := newestEpoch(ctx, v.db, keyDevice)
	if !errors.Is(err, ErrNotFound) {
		return dbError(err)
	}
	fresh, err := v.makeEpoch(ctx, epochID{keyDevice, 1})
	if err != nil {
		return err
	}
	defer clear(fresh.private)
	entry := logEntry{Act: string(actMakeKey), Actor: byOperator, ObjectKind: "key", Object: fresh.id.String()}
	return v.retry(ctx, true, func(t *tx) error {
		made, err := t.insertEpoch(ctx, fresh)
		if err != nil || !made {
			return err
		}
		entry.Outcome = outcomeOK
		return t.event(ctx, entry)
	})
}

// DeviceAuthorities are the certificates of the vault's own authority for devices that count now: that of the epoch in
// use, and those of epochs that ended less than a certificate's life ago. An empty list before the first certificate.
// It takes no actor: a listener asks it for each handshake. Errors: ErrUnavailable, ErrIntegrity when one was changed.
func (v *Vault) DeviceAuthorities(ctx context.Context) ([]*x509.Certificate, error) {
	out, err := v.deviceAuthorities(ctx, v.db, v.now())
	return out, dbError(err)
}

func (v *Vault) deviceAuthorities(ctx context.Context, q querier, now int64) ([]*x509.Certificate, error) {
	type row struct {
		epoch  uint32
		public []byte
	}
	rows, err := list(ctx, q, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.epoch, &r.public) },
		`SELECT epoch, public_key FROM epoch_keys WHERE kind = $1 AND (retired_at IS NULL OR retired_at > $2) ORDER BY epoch DESC`,
		keyDevice, now-deviceCertFor.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	var out []*x509.Certificate
	for _, r := range rows {
		ca, err := v.readDeviceCA(ctx, q, r.epoch, r.public, false)
		if err != nil {
			return nil, err
		}
		out = append(out, ca.cert)
	}
	return out, nil
}

// issue signs a certificate for a device: subject its ID alone, for client authentication, for seven days.
func (ca deviceCA) issue(d deviceRow, now time.Time) ([]byte, time.Time, error) {
	key, _, err := deviceKey(d.key)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("stored key of a device: %w", ErrIntegrity)
	}
	template := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: string(d.id)},
		NotBefore: now.Add(-clockBehind), NotAfter: now.Add(deviceCertFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key, ca.key)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("signing the certificate of a device: %w", err)
	}
	return der, template.NotAfter.Truncate(time.Second), nil
}

// certify gives an approved native device its next certificate, in the transaction.
func (t *tx) certify(ctx context.Context, id DeviceID) ([]byte, error) {
	d, err := deviceBy(ctx, t, "id", string(id))
	if err != nil {
		return nil, err
	}
	if d.kind != DeviceNative || d.state != DeviceApproved {
		return nil, say(ErrConflict, "Only an approved device of the native program gets a certificate.")
	}
	ca, err := t.v.signingDeviceCA(ctx, t)
	if err != nil {
		return nil, err
	}
	der, until, err := ca.issue(d, time.UnixMilli(t.now))
	if err != nil {
		return nil, err
	}
	err = exactlyOne(ctx, t, "keeping the certificate of a device", `UPDATE devices SET certificate = $1, cert_until = $2
		WHERE id = $3 AND state = 'approved'`, der, TimeOf(until), id)
	return der, err
}

// CertifyDevice gives the device that the actor is signed in on a new certificate; the actor's session is bound to it.
// Errors: ErrConflict for a device that is not approved or a browser, ErrNotFound for a session bound to none.
func (v *Vault) CertifyDevice(ctx context.Context, a Actor) (der []byte, err error) {
	if err := v.makeDeviceCA(ctx); err != nil {
		return nil, fmt.Errorf("opening the authority for devices: %w", err)
	}
	id := a.device
	if id == "" && a.session != "" {
		if id, err = sessionDevice(ctx, v.db, a.session); err != nil && !errors.Is(err, ErrUnauthenticated) {
			return nil, dbError(err)
		}
	}
	err = v.do(ctx, a, actDeviceCertificate, object{Kind: "device", ID: string(id)}, func(t *tx) (err error) {
		der, err = t.certify(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return der, nil
}

// forgetSigner drops the private half of an authority that was rotated.
func (k *keyring) forgetSigner(id epochID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if id.kind == keyDevice {
		delete(k.devices, id.epoch)
	}
}
