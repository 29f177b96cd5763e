package vault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func parsed(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	return must(x509.ParseCertificate(der))(t)
}

// TestDeviceChannel: a device sends captures of the person signed in on it, and does nothing else.
func TestDeviceChannel(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		device := vaulttest.NewDevice(t)
		token, der := w.OnDevice(t, "author", w.admin, device)
		cert := parsed(t, der)
		if cert.Subject.CommonName != string(device.ID) || len(cert.Subject.Names) != 1 || len(cert.ExtKeyUsage) != 1 ||
			cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || !cert.NotAfter.Equal(w.Clock.Now().Add(7*24*time.Hour)) {
			t.Errorf("certificate: subject %v, usages %v, until %v", cert.Subject, cert.ExtKeyUsage, cert.NotAfter)
		}
		a := must(w.V.AuthenticateDevice(ctx, cert, token))(t)
		sealed := w.Capture(t, w.author, w.patient, w.picture)
		receipt, created, err := w.V.Accept(ctx, a, sealed.Request())
		if err != nil || !created || receipt.CaptureID != string(sealed.ID) {
			t.Errorf("sending by the device: created %v, %v", created, err)
		}
		others := w.Capture(t, w.outsider, w.foreign, w.picture)
		_, _, err = w.V.Accept(ctx, a, others.Request())
		wants(t, "another person's capture", err, vault.ErrDenied)
		foreign := w.Capture(t, w.author, w.foreign, w.picture)
		_, _, err = w.V.Accept(ctx, a, foreign.Request())
		wants(t, "a patient of another team", err, vault.ErrNotFound)
		if again := must(w.V.CertifyDevice(ctx, a))(t); parsed(t, again).SerialNumber.Cmp(cert.SerialNumber) == 0 {
			t.Error("the next certificate has the number of the last one")
		}
		w.change(`DELETE FROM person_roles WHERE person = $1`, string(w.author.Person()))
		_, _, err = w.V.Accept(ctx, a, w.Capture(t, w.author, w.patient, w.picture).Request())
		wants(t, "for somebody who is no clinician any more", err, vault.ErrDenied)
		w.verified()
	})
}

// TestDeviceDoesNothingElse: of all that Vault does, the actor of a certificate gets what it is for.
func TestDeviceDoesNothingElse(t *testing.T) {
	w := newWorld(t)
	s := newScene(w)
	token, der := w.OnDevice(t, "author", w.admin, vaulttest.NewDevice(t))
	a := must(w.V.AuthenticateDevice(t.Context(), parsed(t, der), token))(t)
	sends := []string{"Accept", "BeginUpload", "HeldParts", "KeepPart", "ReadPart", "FinishUpload", "DropUpload"} // its person's captures
	for _, op := range operations {
		if op.call == nil || op.method == "CertifyDevice" || slices.Contains(sends, op.method) {
			continue
		}
		if err := op.call(t.Context(), s, a); !errors.Is(err, vault.ErrDenied) && !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("%s by a device: got %v, want it refused", op.method, err)
		}
	}
}

// TestDeviceRefused: certificates and sessions that do not belong together, or to nobody any more.
func TestDeviceRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first, second := vaulttest.NewDevice(t), vaulttest.NewDevice(t)
	token, der := w.OnDevice(t, "author", w.admin, first)
	other, otherDER := w.OnDevice(t, "colleague", w.admin, second)
	plain, _, err := w.V.SignIn(ctx, "author", vaulttest.Password, "program", "", "")
	ok(t, err)
	for name, c := range map[string]struct {
		der   []byte
		token string
	}{
		"device A, session of device B": {der, other},
		"device B, session of device A": {otherDER, token},
		"a session of no device":        {der, plain},
		"no session":                    {der, "nothing"},
		"a foreign authority":           {forged(t, w, first, nil), token},
		"signed by the device itself":   {forged(t, w, first, first.Key), token},
		"for a server":                  {odd(t, w, first, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), token},
		"of a lower authority":          {odd(t, w, first, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), token},
		"over":                          {odd(t, w, first, func(c *x509.Certificate) { c.NotAfter = w.Clock.Now().Add(-time.Second) }), token},
		"not yet":                       {odd(t, w, first, func(c *x509.Certificate) { c.NotBefore = w.Clock.Now().Add(time.Minute) }), token},
		"of no device":                  {odd(t, w, first, func(c *x509.Certificate) { c.Subject.CommonName = "nobody" }), token},
		"another key than the device's": {odd(t, w, &vaulttest.Device{Key: second.Key, ID: first.ID}, func(*x509.Certificate) {}), token},
	} {
		_, err := w.V.AuthenticateDevice(ctx, parsed(t, c.der), c.token)
		wants(t, name, err, vault.ErrUnauthenticated)
	}
	_, err = w.V.AuthenticateDevice(ctx, nil, token)
	wants(t, "no certificate", err, vault.ErrUnauthenticated)

	must(w.V.AuthenticateDevice(ctx, parsed(t, odd(t, w, first, func(*x509.Certificate) {})), token))(t) // or none of it is refused for what it says
	a := must(w.V.AuthenticateDevice(ctx, parsed(t, der), token))(t)
	ok(t, w.V.RevokeDevice(ctx, w.admin, first.ID))
	_, err = w.V.AuthenticateDevice(ctx, parsed(t, der), token)
	wants(t, "a device out of use", err, vault.ErrUnauthenticated)
	_, _, err = w.V.Accept(ctx, a, w.Capture(t, w.author, w.patient, w.picture).Request())
	wants(t, "an actor from before", err, vault.ErrUnauthenticated)

	b := must(w.V.AuthenticateDevice(ctx, parsed(t, otherDER), other))(t)
	ok(t, w.V.DisablePerson(ctx, w.admin, "colleague"))
	_, err = w.V.AuthenticateDevice(ctx, parsed(t, otherDER), other)
	wants(t, "somebody who has left", err, vault.ErrUnauthenticated)
	_, _, err = w.V.Accept(ctx, b, w.Capture(t, w.author, w.patient, w.picture).Request())
	wants(t, "an actor of somebody who has left", err, vault.ErrUnauthenticated)
	w.verified()
}

// TestDeviceIsAskedForAtEachAct: whatever changed since the certificate was shown counts at the next act, each by itself.
func TestDeviceIsAskedForAtEachAct(t *testing.T) {
	w := newWorld(t)
	other := vaulttest.NewDevice(t)
	w.OnDevice(t, "colleague", w.admin, other)
	token, der := w.OnDevice(t, "author", w.admin, vaulttest.NewDevice(t))
	a := must(w.V.AuthenticateDevice(t.Context(), parsed(t, der), token))(t)
	asks := func() error {
		_, err := w.V.BeginUpload(t.Context(), a, numbered(1))
		return err
	}
	ok(t, asks())
	device := w.texts(`SELECT device_id FROM sessions WHERE device_id <> '' AND device_id <> '` + string(other.ID) + `'`)[0]
	session := w.texts(`SELECT id FROM sessions WHERE device_id = '` + device + `'`)[0]
	for _, c := range []struct{ name, change, back string }{
		{"the device out of use, its session not", `UPDATE devices SET state = 'revoked' WHERE id = '` + device + `'`,
			`UPDATE devices SET state = 'approved' WHERE id = '` + device + `'`},
		{"the session on another device", `UPDATE sessions SET device_id = '` + string(other.ID) + `' WHERE id = '` + session + `'`,
			`UPDATE sessions SET device_id = '` + device + `' WHERE id = '` + session + `'`},
		{"the session bound to none", `UPDATE sessions SET binding = 'due' WHERE id = '` + session + `'`,
			`UPDATE sessions SET binding = 'bound' WHERE id = '` + session + `'`},
		{"the session over", `UPDATE sessions SET ended_at = 1 WHERE id = '` + session + `'`,
			`UPDATE sessions SET ended_at = NULL WHERE id = '` + session + `'`},
	} {
		w.change(c.change)
		wants(t, c.name, asks(), vault.ErrUnauthenticated)
		w.change(c.back)
		ok(t, asks())
	}
	w.Cfg.PasswordOnly = false
	w.Reopen(t)
	wants(t, "a session by password alone, where that is not enough", asks(), vault.ErrSecondFactor)
}

// odd is a certificate by the vault's own authority such as it never signs.
func odd(t testing.TB, w *world, d *vaulttest.Device, change func(*x509.Certificate)) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(8), Subject: pkix.Name{CommonName: string(d.ID)}, NotBefore: w.Clock.Now().Add(-time.Hour),
		NotAfter: w.Clock.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	change(template)
	return must(vault.SignByAuthority(t.Context(), w.V, template, &d.Key.PublicKey))(t)
}

// forged is a certificate for a device by another key than the vault's, under the name of the vault's authority.
func forged(t testing.TB, w *world, d *vaulttest.Device, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	if by == nil {
		by = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	}
	parent := must(w.V.DeviceAuthorities(t.Context()))(t)[0]
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: string(d.ID)}, NotBefore: w.Clock.Now().Add(-time.Hour),
		NotAfter: w.Clock.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	issuer := &x509.Certificate{Subject: parent.Subject, SubjectKeyId: parent.SubjectKeyId}
	return must(x509.CreateCertificate(rand.Reader, template, issuer, d.Key.Public(), by))(t)
}

// TestCertificateEnds: after seven days a certificate opens nothing, and the device gets another by its session.
func TestCertificateEnds(t *testing.T) {
	w := newWorld(t)
	w.Cfg.SessionIdle, w.Cfg.SessionMax = 30*24*time.Hour, 30*24*time.Hour
	w.Reopen(t)
	ctx := t.Context()
	device := vaulttest.NewDevice(t)
	token, der := w.OnDevice(t, "author", w.admin, device)
	w.Clock.Add(7*24*time.Hour - time.Second)
	must(w.V.AuthenticateDevice(ctx, parsed(t, der), token))(t)
	w.Clock.Add(2 * time.Second)
	_, err := w.V.AuthenticateDevice(ctx, parsed(t, der), token)
	wants(t, "after seven days", err, vault.ErrUnauthenticated)

	a := must(w.V.Authenticate(ctx, token))(t)
	_, err = w.V.CertifyDevice(ctx, a)
	wants(t, "a new one without showing the key", err, vault.ErrDeviceProof)
	must2(w.V.ProveDevice(ctx, a, device.Proof(t, w.V, a)))(t)
	der = must(w.V.CertifyDevice(ctx, a))(t)
	must(w.V.AuthenticateDevice(ctx, parsed(t, der), token))(t)

	browser, _ := w.InBrowser(t, "author")
	tab := vaulttest.NewDevice(t)
	_, err = w.V.CertifyDevice(ctx, browser)
	wants(t, "a session of no device", err, vault.ErrNotFound)
	tab.Bind(t, w.V, browser, vault.DeviceBrowser)
	ok(t, w.V.ApproveDevice(ctx, w.SignIn(t, "admin"), tab.ID))
	_, err = w.V.CertifyDevice(ctx, browser)
	wants(t, "a browser", err, vault.ErrConflict)
}

// TestRotateDevice: a new authority signs, certificates of the old one count until they end, and its key is gone.
func TestRotateDevice(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.Cfg.SessionIdle, w.Cfg.SessionMax = 30*24*time.Hour, 30*24*time.Hour
		w.Reopen(t)
		ctx := t.Context()
		device := vaulttest.NewDevice(t)
		token, old := w.OnDevice(t, "author", w.admin, device)
		must(w.V.RotateKeys(ctx, w.admin, vault.Rotation{Kind: vault.RotateDevice}))(t)
		w.Reopen(t) // nothing of it is remembered
		a := must(w.V.AuthenticateDevice(ctx, parsed(t, old), token))(t)
		fresh := parsed(t, must(w.V.CertifyDevice(ctx, a))(t))
		if string(fresh.AuthorityKeyId) == string(parsed(t, old).AuthorityKeyId) {
			t.Error("the certificate after the rotation is by the old authority")
		}
		if n := len(must(w.V.DeviceAuthorities(ctx))(t)); n != 2 {
			t.Errorf("authorities that count: got %d, want 2", n)
		}
		if n := w.count(`SELECT count(*) FROM epoch_keys WHERE kind = 'device' AND epoch = 1 AND destroyed_at IS NOT NULL`); n != 1 {
			t.Error("the old authority's key was not destroyed")
		}
		w.Clock.Add(7 * 24 * time.Hour)
		if n := len(must(w.V.DeviceAuthorities(ctx))(t)); n != 1 {
			t.Errorf("authorities that count after a certificate's life: got %d, want 1", n)
		}
		status := must(w.V.KeysStatus(ctx, vault.Operator()))(t)
		epochs := 0
		for _, e := range status.Epochs {
			if e.Kind == vault.RotateDevice {
				epochs++
			}
		}
		if epochs != 2 {
			t.Errorf("epochs in the status: got %d, want 2", epochs)
		}
	})
}

// TestRootCarriesDevice: the authority is wrapped anew with the root key, whether it signs still or only counts.
func TestRootCarriesDevice(t *testing.T) {
	w := worldOn(t, vaulttest.New(t))
	ctx := t.Context()
	device := vaulttest.NewDevice(t)
	token, old := w.OnDevice(t, "author", w.admin, device)
	must(w.V.RotateKeys(ctx, w.admin, vault.Rotation{Kind: vault.RotateDevice}))(t)
	must(w.V.RotateKeys(ctx, w.admin, vault.Rotation{Kind: vault.RotateRoot}))(t)
	ok(t, w.V.ForgetRoot(ctx, vault.Operator()))
	w.Reopen(t)
	a := must(w.V.AuthenticateDevice(ctx, parsed(t, old), token))(t)
	fresh := must(w.V.CertifyDevice(ctx, a))(t)
	must(w.V.AuthenticateDevice(ctx, parsed(t, fresh), token))(t)
	w.verified()
}

// TestForeignAuthority: who can write into the database cannot have the vault trust an authority of their own.
func TestForeignAuthority(t *testing.T) {
	w := newWorld(t)
	device := vaulttest.NewDevice(t)
	token, der := w.OnDevice(t, "author", w.admin, device)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Clinivault devices main 1"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: w.Clock.Now().Add(-time.Hour), NotAfter: w.Clock.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	own := must(x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key))(t)
	w.change(`UPDATE epoch_keys SET public_key = $1 WHERE kind = 'device'`, own)
	_, err := w.V.AuthenticateDevice(t.Context(), parsed(t, der), token)
	wants(t, "with another certificate in the row", err, vault.ErrIntegrity)
	w.Reopen(t)
	_, err = w.V.AuthenticateDevice(t.Context(), parsed(t, der), token)
	wants(t, "after a start", err, vault.ErrIntegrity)
}
