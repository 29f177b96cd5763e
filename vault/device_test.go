package vault_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// reading is any act of a person: what a stolen session would be used for.
func reading(w *world, a vault.Actor) error {
	_, err := w.V.MyCaptures(w.t.Context(), a, 10)
	return err
}

// TestBinding: a browser's session is worth something only while its device shows its key again and again.
func TestBinding(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.t = t
		a, _ := w.InBrowser(t, "author")
		ok(t, reading(w, a))
		w.Clock.Add(59 * time.Second)
		ok(t, reading(w, a))
		w.Clock.Add(time.Second)
		wants(t, "a session that was never bound", reading(w, a), vault.ErrDeviceProof)

		a, _ = w.InBrowser(t, "author")
		device := vaulttest.NewDevice(t)
		device.Bind(t, w.V, a, vault.DeviceBrowser)
		for range 3 {
			w.Clock.Add(5*time.Minute + 59*time.Second)
			if err := reading(w, a); err != nil && !errors.Is(err, vault.ErrSessionLocked) {
				t.Errorf("within the grace: got %v", err)
			}
			until, every, err := w.V.ProveDevice(ctx, a, device.Proof(t, w.V, a))
			if err != nil || every != 5*time.Minute || until.Std() != w.Clock.Now().Add(every) {
				t.Fatalf("proving: until %v, every %v, %v", until, every, err)
			}
		}
		w.Clock.Add(6 * time.Minute)
		wants(t, "without a proof for six minutes", reading(w, a), vault.ErrDeviceProof)
		_, _, err := w.V.ProveDevice(ctx, a, device.Proof(t, w.V, a))
		ok(t, err)
		w.verified()
	})
}

// TestProofs: what is no proof of this device, for this session, now.
func TestProofs(t *testing.T) {
	w := newWorld(t)
	a, _ := w.InBrowser(t, "author")
	other, _ := w.InBrowser(t, "author")
	device, stolen := vaulttest.NewDevice(t), vaulttest.NewDevice(t)
	device.Bind(t, w.V, a, vault.DeviceBrowser)
	stolen.Bind(t, w.V, other, vault.DeviceBrowser)
	used := device.Proof(t, w.V, a)
	must2(w.V.ProveDevice(t.Context(), a, used))(t)
	for name, make := range map[string]func() vault.DeviceProof{
		"the same again":              func() vault.DeviceProof { return used },
		"another device":              func() vault.DeviceProof { return stolen.Proof(t, w.V, a) },
		"a number of another session": func() vault.DeviceProof { return device.Proof(t, w.V, other) },
		"another key": func() vault.DeviceProof {
			p := stolen.Proof(t, w.V, a)
			p.Device = device.ID
			return p
		},
		"another purpose": func() vault.DeviceProof {
			p := device.Proof(t, w.V, a)
			p.Signature = device.Sign(t, "unlock", p.Nonce)
			return p
		},
		"a number from the door": func() vault.DeviceProof {
			c := must(w.V.DoorChallenge(t.Context(), "", ""))(t)
			return vault.DeviceProof{Device: device.ID, Nonce: c.Nonce, Signature: device.Sign(t, "prove", c.Nonce)}
		},
		"no number": func() vault.DeviceProof {
			return vault.DeviceProof{Device: device.ID, Signature: device.Sign(t, "prove", "")}
		},
		"short signature": func() vault.DeviceProof { p := device.Proof(t, w.V, a); p.Signature = p.Signature[:63]; return p },
		"no device":       func() vault.DeviceProof { p := device.Proof(t, w.V, a); p.Device = ""; return p },
		"a number too old": func() vault.DeviceProof {
			p := device.Proof(t, w.V, a)
			w.Clock.Add(time.Minute)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := w.V.ProveDevice(t.Context(), a, make())
			wants(t, name, err, vault.ErrUnauthenticated)
		})
	}
}

func must2[A, B any](a A, b B, err error) func(t testing.TB) (A, B) {
	return func(t testing.TB) (A, B) {
		t.Helper()
		ok(t, err)
		return a, b
	}
}

// TestBindRefused: keys, sessions and signatures that are not bound.
func TestBindRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a, _ := w.InBrowser(t, "author")
	device := vaulttest.NewDevice(t)
	good := func() vault.NewDevice { return device.Hello(t, w.V, a, vault.DeviceBrowser) }
	for name, c := range map[string]struct {
		change func(n *vault.NewDevice)
		want   error
	}{
		"no key":         {func(n *vault.NewDevice) { n.Key = nil }, vault.ErrInvalid},
		"trailing bytes": {func(n *vault.NewDevice) { n.Key = append(n.Key, 0) }, vault.ErrInvalid},
		"kind":           {func(n *vault.NewDevice) { n.Kind = "phone" }, vault.ErrInvalid},
		"name":           {func(n *vault.NewDevice) { n.Name = "two\nlines" }, vault.ErrInvalid},
		"signature":      {func(n *vault.NewDevice) { n.Signature[9] ^= 1 }, vault.ErrUnauthenticated},
		"other key":      {func(n *vault.NewDevice) { n.Key = vaulttest.NewDevice(t).Public(t) }, vault.ErrUnauthenticated},
		"number":         {func(n *vault.NewDevice) { n.Nonce += "A" }, vault.ErrUnauthenticated},
	} {
		n := good()
		c.change(&n)
		_, err := w.V.BindSession(ctx, a, n)
		wants(t, name, err, c.want)
	}
	device.Bind(t, w.V, a, vault.DeviceBrowser)
	device.Bind(t, w.V, a, vault.DeviceBrowser) // the same again is no harm
	_, err := w.V.BindSession(ctx, a, vaulttest.NewDevice(t).Hello(t, w.V, a, vault.DeviceBrowser))
	wants(t, "another device on a bound session", err, vault.ErrConflict)
	_, err = w.V.BindSession(ctx, a, device.Hello(t, w.V, a, vault.DeviceNative))
	wants(t, "the key as another kind", err, vault.ErrInvalid)

	late, _ := w.InBrowser(t, "author")
	w.Clock.Add(2 * time.Minute)
	_, err = w.V.BindSession(ctx, late, device.Hello(t, w.V, late, vault.DeviceBrowser))
	wants(t, "two minutes after sign-in", err, vault.ErrUnauthenticated)
}

// TestRevoke: a device that is taken out of use ends every session on it, of everybody, and its key opens none again.
func TestRevoke(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.t = t
		ctx := t.Context()
		phone := vaulttest.NewDevice(t)
		a, _ := w.InBrowser(t, "author")
		phone.Bind(t, w.V, a, vault.DeviceBrowser)
		b, _ := w.InBrowser(t, "colleague")
		phone.Bind(t, w.V, b, vault.DeviceBrowser)
		wants(t, "a colleague's device", w.V.RevokeDevice(ctx, b, phone.ID), vault.ErrNotFound)
		ok(t, w.V.RevokeDevice(ctx, w.admin, phone.ID))
		wants(t, "the owner's session", reading(w, a), vault.ErrUnauthenticated)
		wants(t, "another's session", reading(w, b), vault.ErrUnauthenticated)
		wants(t, "again", w.V.RevokeDevice(ctx, w.admin, phone.ID), vault.ErrConflict)
		wants(t, "approving it", w.V.ApproveDevice(ctx, w.admin, phone.ID), vault.ErrConflict)
		a, _ = w.InBrowser(t, "author")
		_, err := w.V.BindSession(ctx, a, phone.Hello(t, w.V, a, vault.DeviceBrowser))
		wants(t, "binding a new session to it", err, vault.ErrDenied)
		w.change(`UPDATE sessions SET device_id = $1, binding = 'bound' WHERE id = $2`, string(phone.ID), string(a.Session()))
		wants(t, "a session that is on it all the same", reading(w, a), vault.ErrUnauthenticated)
		w.verified()
	})
}

// TestLeaverOnSharedDevice: who leaves is out on the ward's phone, and the phone and the others on it stay.
func TestLeaverOnSharedDevice(t *testing.T) {
	w := newWorld(t)
	phone := vaulttest.NewDevice(t)
	leaver, _ := w.InBrowser(t, "author")
	phone.Bind(t, w.V, leaver, vault.DeviceBrowser)
	stays, _ := w.InBrowser(t, "colleague")
	phone.Bind(t, w.V, stays, vault.DeviceBrowser)
	shared := true
	ok(t, w.V.ChangeDevice(t.Context(), w.admin, phone.ID, vault.DeviceChange{Shared: &shared}))
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "author"))
	wants(t, "the leaver", reading(w, leaver), vault.ErrUnauthenticated)
	ok(t, reading(w, stays))
	found := must(w.V.Devices(t.Context(), w.admin, vault.DeviceFilter{}))(t)
	if len(found) != 1 || found[0].State == vault.DeviceRevoked || found[0].Sessions != 1 {
		t.Errorf("the phone after its owner left: got %+v, want it in use with one session", found)
	}
}

// TestDeviceLists: each person sees their own devices, an administrator all of them.
func TestDeviceLists(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		mine, theirs := vaulttest.NewDevice(t), vaulttest.NewDevice(t)
		a, _ := w.InBrowser(t, "author")
		mine.Bind(t, w.V, a, vault.DeviceBrowser)
		b, _ := w.InBrowser(t, "colleague")
		theirs.Bind(t, w.V, b, vault.DeviceBrowser)
		name := "Ward 4_phone"
		ok(t, w.V.ChangeDevice(ctx, a, mine.ID, vault.DeviceChange{Name: &name}))
		wants(t, "renaming a colleague's", w.V.ChangeDevice(ctx, a, theirs.ID, vault.DeviceChange{Name: &name}), vault.ErrNotFound)
		shared := true
		wants(t, "sharing without being an administrator", w.V.ChangeDevice(ctx, a, mine.ID, vault.DeviceChange{Shared: &shared}), vault.ErrDenied)
		list := must(w.V.MyDevices(ctx, a))(t)
		if len(list) != 1 || list[0].ID != mine.ID || list[0].Name != name || !list[0].Mine || list[0].Sessions != 1 {
			t.Errorf("the author's devices: got %+v", list)
		}
		for text, want := range map[string]int{"": 2, "ward 4_": 1, "ward%": 0, "COLLEAGUE": 1, "nobody": 0} {
			if got := must(w.V.Devices(ctx, w.admin, vault.DeviceFilter{Text: text}))(t); len(got) != want {
				t.Errorf("devices with %q: got %d, want %d", text, len(got), want)
			}
		}
		ok(t, w.V.ApproveDevice(ctx, w.admin, mine.ID))
		pending := must(w.V.Devices(ctx, w.admin, vault.DeviceFilter{State: vault.DevicePending}))(t)
		if len(pending) != 1 || pending[0].ID != theirs.ID {
			t.Errorf("pending devices: got %+v", pending)
		}
		_, err := w.V.Devices(ctx, w.admin, vault.DeviceFilter{State: "new"})
		wants(t, "an unknown state", err, vault.ErrInvalid)
		ok(t, w.V.LeaveDevice(ctx, a, mine.ID))
		wants(t, "after signing out there", reading(w, a), vault.ErrUnauthenticated)
		w.verified()
	})
}

// TestApproveRevokeRace: whatever order approvals and a revocation win in, a revoked device stays revoked, without a
// certificate and without a session.
func TestApproveRevokeRace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		device := vaulttest.NewDevice(t)
		a := w.SignIn(t, "author")
		device.Bind(t, w.V, a, vault.DeviceNative)
		var all sync.WaitGroup
		revoked := 0
		var mu sync.Mutex
		for i := range 8 {
			all.Go(func() {
				if i%2 == 0 {
					if err := w.V.ApproveDevice(context.Background(), w.admin, device.ID); err != nil && !errors.Is(err, vault.ErrConflict) {
						t.Errorf("approving: %v", err)
					}
					return
				}
				err := w.V.RevokeDevice(context.Background(), w.admin, device.ID)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					revoked++
				} else if !errors.Is(err, vault.ErrConflict) {
					t.Errorf("revoking: %v", err)
				}
			})
		}
		all.Wait()
		if revoked != 1 {
			t.Errorf("revocations that counted: got %d, want 1", revoked)
		}
		if n := w.count(`SELECT count(*) FROM devices WHERE state = 'revoked' AND certificate IS NULL`); n != 1 {
			t.Errorf("revoked devices without a certificate: got %d, want 1", n)
		}
		if n := w.count(`SELECT count(*) FROM sessions WHERE device_id <> '' AND ended_at IS NULL`); n != 0 {
			t.Errorf("sessions left on it: got %d, want 0", n)
		}
		w.verified()
	})
}
