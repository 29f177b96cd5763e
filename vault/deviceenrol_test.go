package vault_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// joining is a device on its way in.
type joining struct {
	*vaulttest.Device
	opening []byte
	nonce   string
}

func join(t testing.TB) *joining {
	j := &joining{Device: vaulttest.NewDevice(t), opening: make([]byte, 32)}
	rand.Read(j.opening)
	return j
}

// begin commits; finish opens the commitment.
func (j *joining) begin(t testing.TB, w *world, code string) error {
	nonce, err := w.V.BeginEnrolment(t.Context(), code, vault.DeviceCommitment(j.opening, j.Public(t)), "127.0.0.1", "REQUEST")
	j.nonce = nonce
	return err
}

func (j *joining) finish(t testing.TB, w *world, code, kind string) error {
	id, err := w.V.FinishEnrolment(t.Context(), code, vault.NewDevice{
		Key: j.Public(t), Kind: kind, Signature: j.Sign(t, "enrol", j.nonce),
	}, j.opening, "127.0.0.1", "REQUEST")
	if err == nil {
		j.ID = id
	}
	return err
}

// TestEnrol: a code, a number that both sides compare, an approval, a certificate.
func TestEnrol(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		code := must(w.V.NewDeviceCode(ctx, w.admin, "Ward 4, phone 2", true))(t).Code
		j := join(t)
		if d := must(w.V.DeviceOfCode(ctx, w.admin, code))(t); d != nil {
			t.Errorf("a device before any came: %+v", d)
		}
		ok(t, j.begin(t, w, code))
		ok(t, j.finish(t, w, code, vault.DeviceNative))
		came := must(w.V.DeviceOfCode(ctx, w.admin, code))(t)
		want := vault.DeviceNumber(code, j.nonce, j.opening, j.Public(t))
		if came == nil || came.ID != j.ID || came.Number != want || came.State != vault.DevicePending || !came.Shared {
			t.Fatalf("what came with the code: got %+v, want number %s", came, want)
		}
		_, err := w.V.DeviceOfCode(ctx, w.author, code)
		wants(t, "somebody else's code", err, vault.ErrNotFound)
		state := must(w.V.EnrolmentState(ctx, code, j.opening, "", ""))(t)
		if state.State != vault.DevicePending || state.Certificate != nil || state.Name != "Ward 4, phone 2" {
			t.Errorf("before the approval: got %+v", state)
		}
		_, err = w.V.EnrolmentState(ctx, code, make([]byte, 32), "", "")
		wants(t, "the state for who does not have the opening", err, vault.ErrNotFound)
		wants(t, "approval by a clinician", w.V.ApproveDevice(ctx, w.author, j.ID), vault.ErrDenied)
		ok(t, w.V.ApproveDevice(ctx, w.admin, j.ID))
		wants(t, "approval twice", w.V.ApproveDevice(ctx, w.admin, j.ID), vault.ErrConflict)
		w.Clock.Add(20 * time.Minute) // the code's ten minutes bound the coming, not the asking how it went
		state = must(w.V.EnrolmentState(ctx, code, j.opening, "", ""))(t)
		if state.State != vault.DeviceApproved || len(state.Certificate) == 0 {
			t.Errorf("after the approval: got %+v, want a certificate", state)
		}
		w.verified()
	})
}

// TestEnrolRefused: codes that are over or used, and keys that were exchanged on the way.
func TestEnrolRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fresh := func() string { return must(w.V.NewDeviceCode(ctx, w.author, "Test phone", false))(t).Code }
	_, err := w.V.NewDeviceCode(ctx, w.author, "Test phone", true)
	wants(t, "a ward's code by a clinician", err, vault.ErrDenied)
	_, err = w.V.NewDeviceCode(ctx, w.author, "", false)
	wants(t, "a code without a name", err, vault.ErrInvalid)

	j := join(t)
	wants(t, "an unknown code", j.begin(t, w, "AAAAAAAAAAAAAAAAAAAAAAAAAA"), vault.ErrNotFound)
	code := fresh()
	wants(t, "opening before a commitment", j.finish(t, w, code, vault.DeviceBrowser), vault.ErrNotFound)
	ok(t, j.begin(t, w, code))
	wants(t, "a second commitment under a code", join(t).begin(t, w, code), vault.ErrNotFound)

	thief := join(t) // sits in between, and has seen the code and the opening
	thief.opening, thief.nonce = j.opening, j.nonce
	wants(t, "another key than committed to", thief.finish(t, w, code, vault.DeviceBrowser), vault.ErrInvalid)
	other := *j
	other.opening = bytes.Clone(thief.Public(t)[:32])
	wants(t, "another opening than committed to", other.finish(t, w, code, vault.DeviceBrowser), vault.ErrInvalid)
	unsigned := *j
	unsigned.nonce += "A"
	wants(t, "a key that does not sign", unsigned.finish(t, w, code, vault.DeviceBrowser), vault.ErrUnauthenticated)
	ok(t, j.finish(t, w, code, vault.DeviceBrowser))
	wants(t, "the same again", j.finish(t, w, code, vault.DeviceBrowser), vault.ErrNotFound)

	code = fresh()
	w.Clock.Add(10 * time.Minute)
	wants(t, "a code after ten minutes", join(t).begin(t, w, code), vault.ErrNotFound)
	code, late := fresh(), join(t)
	ok(t, late.begin(t, w, code))
	ok(t, w.V.DisablePerson(ctx, w.admin, "author"))
	if err := late.finish(t, w, code, vault.DeviceBrowser); err == nil {
		t.Error("a code of somebody who has left was taken")
	}

	ok(t, w.V.RevokeDevice(ctx, w.admin, j.ID))
	code = must(w.V.NewDeviceCode(ctx, w.admin, "Test phone", false))(t).Code
	j.opening = bytes.Clone(j.opening)
	ok(t, j.begin(t, w, code))
	wants(t, "a device that was taken out of use", j.finish(t, w, code, vault.DeviceBrowser), vault.ErrDenied)
	for range 20 {
		must(w.V.NewDeviceCode(ctx, w.colleague, "Test phone", false))(t)
	}
	_, err = w.V.NewDeviceCode(ctx, w.colleague, "Test phone", false)
	wants(t, "more codes than anybody needs", err, vault.ErrConflict)
	w.verified()
}

// TestNumbersDiffer: somebody in between who brings a key of their own shows in the number, whatever else they repeat.
func TestNumbersDiffer(t *testing.T) {
	j, thief := join(t), join(t)
	number := vault.DeviceNumber("CODE", "NONCE", j.opening, j.Public(t))
	if len(number) != 6 {
		t.Errorf("number: got %q, want six digits", number)
	}
	same := 0
	for range 100 {
		thief.opening[0]++
		for _, other := range []string{
			vault.DeviceNumber("CODE", "NONCE", j.opening, thief.Public(t)),
			vault.DeviceNumber("CODE", "OTHER", j.opening, j.Public(t)),
			vault.DeviceNumber("CODE", "NONCE", thief.opening, j.Public(t)),
			vault.DeviceNumber("OTHER", "NONCE", j.opening, j.Public(t)),
		} {
			if other == number {
				same++
			}
		}
	}
	if same > 100 { // each of the four is one chance in a million
		t.Errorf("numbers that were the same: %d", same)
	}
}

// TestRequireDevice: where approved devices are asked for, nothing else takes photos in.
func TestRequireDevice(t *testing.T) {
	w := newWorld(t)
	w.Cfg.RequireDevice = true
	w.Reopen(t)
	ctx := t.Context()
	a, _ := w.InBrowser(t, "author")
	phone := vaulttest.NewDevice(t)
	phone.Bind(t, w.V, a, vault.DeviceBrowser)
	sealed := w.Capture(t, a, w.patient, w.picture)
	_, _, err := w.V.Accept(ctx, a, sealed.Request())
	wants(t, "from a device that nobody approved", err, vault.ErrDenied)
	_, _, err = w.V.Accept(ctx, w.author, sealed.Request())
	wants(t, "from no device", err, vault.ErrDenied)
	ok(t, w.V.ApproveDevice(ctx, w.admin, phone.ID))
	_, _, err = w.V.Accept(ctx, a, sealed.Request())
	ok(t, err)
	w.verified()
}
