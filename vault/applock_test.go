package vault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// onPhone signs somebody in on a device, in a session bound to it.
func (w *world) onPhone(d *vaulttest.Device, login string) (vault.Actor, string) {
	w.t.Helper()
	a, token := w.InBrowser(w.t, login)
	d.Bind(w.t, w.V, a, vault.DeviceBrowser)
	w.change(`UPDATE sessions SET strength = 'multi' WHERE id = $1`, string(a.Session()))
	return a, token
}

// atDoor is a proof with a number that was asked for at the door.
func (w *world) atDoor(d *vaulttest.Device, purpose string) vault.DeviceProof {
	w.t.Helper()
	c := must(w.V.DoorChallenge(w.t.Context(), "192.0.2.7", "REQUEST"))(w.t)
	return vault.DeviceProof{Device: d.ID, Nonce: c.Nonce, Signature: d.Sign(w.t, purpose, c.Nonce)}
}

// keepProved has the device prove itself, as a page does by itself.
func (w *world) keepProved(d *vaulttest.Device, a vault.Actor) {
	w.t.Helper()
	_, _, err := w.V.ProveDevice(w.t.Context(), a, d.Proof(w.t, w.V, a))
	ok(w.t, err)
}

// TestLock: whoever is locked can do nothing but hand over what was queued, sign out, and be opened again.
func TestLock(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		d := vaulttest.NewDevice(t)
		a, _ := w.onPhone(d, "author")
		queued := w.Capture(t, a, w.patient, w.picture)
		ok(t, w.V.Lock(ctx, a))
		ok(t, w.V.Lock(ctx, a))
		_, err := w.V.MyCaptures(ctx, a, 1)
		wants(t, "listing captures", err, vault.ErrSessionLocked)
		_, err = w.V.FindPatients(ctx, a, "")
		wants(t, "searching patients", err, vault.ErrSessionLocked)
		_, err = w.V.Factors(ctx, a)
		wants(t, "looking at factors", err, vault.ErrSessionLocked)
		_, err = w.V.BeginPasskey(ctx, a)
		wants(t, "adding a passkey", err, vault.ErrSessionLocked)
		_, _, err = w.V.Accept(ctx, a, queued.Request())
		wants(t, "sending what was queued", err, nil)
		ok(t, w.V.SignOut(ctx, a))
		_, err = w.V.UnlockPassword(ctx, a, vaulttest.Password)
		wants(t, "opening what was signed out", err, vault.ErrUnauthenticated)
	})
}

// TestLocksByItself: a browser that nobody uses locks, on the server too; what its page sends by itself is no use.
func TestLocksByItself(t *testing.T) {
	for _, c := range []struct {
		name   string
		shared bool
		idle   time.Duration
		want   error
	}{
		{"just before", false, 5*time.Minute - time.Second, nil}, {"after five minutes", false, 5 * time.Minute, vault.ErrSessionLocked},
		{"shared, just before", true, 59 * time.Second, nil}, {"shared, after a minute", true, time.Minute, vault.ErrSessionLocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t).strictly()
			d := vaulttest.NewDevice(t)
			a, token := w.onPhone(d, "author")
			w.change(`UPDATE devices SET shared = $1`, c.shared)
			for left := c.idle; left > 0; left -= 20 * time.Second {
				w.Clock.Add(min(left, 20*time.Second))
				w.keepProved(d, a)
				must(w.V.AuthenticateBackground(t.Context(), token))(t)
			}
			_, err := w.V.MyCaptures(t.Context(), a, 1)
			wants(t, "working", err, c.want)
			a = must(w.V.Authenticate(t.Context(), token))(t)
			if a.SignIn().Locked != (c.want != nil) || a.SignIn().Shared != c.shared {
				t.Errorf("authenticated as %+v", a.SignIn())
			}
			_, err = w.V.MyCaptures(t.Context(), a, 1)
			wants(t, "working after a request of the person's", err, c.want)
			w.Clock.Add(50 * time.Second)
			_, err = w.V.MyCaptures(t.Context(), a, 1)
			wants(t, "working, 50 seconds after a use", err, c.want)
		})
	}
}

// TestProgramsDoNotLock: a program has no screen.
func TestProgramsDoNotLock(t *testing.T) {
	w := newWorld(t)
	w.Clock.Add(29 * time.Minute)
	_, err := w.V.MyCaptures(t.Context(), w.author, 1)
	wants(t, "a program after 29 minutes", err, nil)
}

func TestPIN(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	d := vaulttest.NewDevice(t)
	a, token := w.onPhone(d, "author")
	wants(t, "a PIN without a device", w.V.SetPIN(ctx, w.reviewer, "830174"), vault.ErrConflict)
	for _, easy := range []string{"", "12345", "123456", "987654", "111111", "121212", "123123", "83017a", "8301748301748", "８３０１７４"} {
		wants(t, "the PIN "+easy, w.V.SetPIN(ctx, a, easy), vault.ErrInvalid)
	}
	ok(t, w.V.SetPIN(ctx, a, "830174"))
	if n := w.count(`SELECT count(*) FROM pins WHERE pin_hash NOT LIKE '$argon2id$%'`); n != 0 {
		t.Error("the PIN is not kept as argon2id")
	}
	ok(t, w.V.Lock(ctx, a))
	opened := must(w.V.UnlockPIN(ctx, a.Session(), "830174", w.atDoor(d, "unlock"), browser("192.0.2.7", "")))(t)
	_, err := w.V.Authenticate(ctx, token)
	wants(t, "the token from before the lock", err, vault.ErrUnauthenticated)
	a = w.actor(opened)
	_, err = w.V.MyCaptures(ctx, a, 1)
	wants(t, "working after the PIN", err, nil)
	ok(t, w.V.Lock(ctx, a))
	other := vaulttest.NewDevice(t)
	w.onPhone(other, "reviewer")
	used := w.atDoor(d, "unlock")
	for name, proof := range map[string]vault.DeviceProof{
		"another device": w.atDoor(other, "unlock"), "another purpose": w.atDoor(d, "door"), "no proof": {Device: d.ID},
	} {
		_, err = w.V.UnlockPIN(ctx, a.Session(), "830174", proof, browser("192.0.2.7", ""))
		wants(t, "the right PIN with "+name, err, vault.ErrUnauthenticated)
	}
	for n := range 5 {
		_, err = w.V.UnlockPIN(ctx, a.Session(), "830175", used, browser("192.0.2.7", ""))
		wants(t, "a wrong PIN", err, vault.ErrWrongFactor)
		if used = w.atDoor(d, "unlock"); n == 4 {
			break
		}
	}
	_, err = w.V.UnlockPIN(ctx, a.Session(), "830174", used, browser("192.0.2.7", ""))
	wants(t, "the right PIN after five wrong ones", err, vault.ErrWrongFactor)
	if n := w.count(`SELECT count(*) FROM pins`); n != 0 {
		t.Errorf("%d PINs left, want none", n)
	}
	w.verified()
}

// TestQuickSwitch: two people on one phone; each opens their own session, and nobody another's.
func TestQuickSwitch(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		d := vaulttest.NewDevice(t)
		key, _ := w.withPasskey("colleague")
		author, _ := w.onPhone(d, "author")
		ok(t, w.V.SetPIN(ctx, author, "830174"))
		ok(t, w.V.Lock(ctx, author))
		ask := must(w.V.BeginPasskeySignIn(ctx, browser("192.0.2.7", "")))(t)
		opened := must(w.V.FinishPasskeySignIn(ctx, ask.Ticket, key.Use(t, ask.Options), browser("192.0.2.7", "")))(t)
		colleague := w.actor(opened)
		d.Bind(t, w.V, colleague, vault.DeviceBrowser)
		here := must(w.V.LockedSessions(ctx, w.atDoor(d, "door"), browser("192.0.2.7", "")))(t)
		if len(here) != 1 || here[0].ID != author.Session() || !strings.Contains(here[0].Name, "author") || !here[0].PIN || here[0].Passkey {
			t.Errorf("locked here: %+v, want the author's session", here)
		}
		ok(t, w.V.Lock(ctx, colleague))
		w.Clock.Add(10 * time.Minute) // nobody proved the device meanwhile: its pages were hidden
		_, err := w.V.UnlockPIN(ctx, colleague.Session(), "830174", w.atDoor(d, "unlock"), browser("192.0.2.7", ""))
		wants(t, "another's session by one's own PIN", err, vault.ErrWrongFactor)
		back := must(w.V.UnlockPIN(ctx, author.Session(), "830174", w.atDoor(d, "unlock"), browser("192.0.2.7", "")))(t)
		if back.Session.Person != author.Person() {
			t.Errorf("opened the session of %s", back.Session.Person)
		}
		_, err = w.V.MyCaptures(ctx, w.actor(back), 1)
		wants(t, "working after the PIN", err, nil)
		ask = must(w.V.BeginPasskeySignIn(ctx, browser("192.0.2.7", "")))(t)
		_, err = w.V.FinishPasskeySwitch(ctx, author.Session(), ask.Ticket, key.Use(t, ask.Options), w.atDoor(d, "unlock"), browser("192.0.2.7", ""))
		wants(t, "another's session by one's own passkey", err, vault.ErrUnauthenticated)
		ask = must(w.V.BeginPasskeySignIn(ctx, browser("192.0.2.7", "")))(t)
		again := must(w.V.FinishPasskeySwitch(ctx, colleague.Session(), ask.Ticket, key.Use(t, ask.Options), w.atDoor(d, "unlock"), browser("192.0.2.7", "")))(t)
		if again.Session.ID != colleague.Session() || again.Session.FreshAt != vault.TimeOf(w.Clock.Now()) {
			t.Errorf("opened %+v, want the colleague's session, fresh", again.Session)
		}
		_, err = w.V.MyCaptures(ctx, w.actor(again), 1)
		wants(t, "working again", err, nil)
		ok(t, w.V.DisablePerson(ctx, vault.Operator(), "author"))
		if here = must(w.V.LockedSessions(ctx, w.atDoor(d, "door"), browser("192.0.2.7", "")))(t); len(here) != 0 {
			t.Errorf("locked here: %+v, want nobody who left", here)
		}
		w.verified()
	})
}

// TestUnlockOwn: one's own locked session opens by a passkey or a code.
func TestUnlockOwn(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	key, a := w.withPasskey("author")
	ok(t, w.V.Lock(ctx, a))
	_, err := w.V.UnlockPassword(ctx, a, vaulttest.Password)
	wants(t, "by the password, of somebody with a passkey", err, vault.ErrConflict)
	ask := must(w.V.BeginPasskeyUnlock(ctx, a))(t)
	a = w.actor(must(w.V.FinishPasskeyUnlock(ctx, a, ask.Ticket, key.Use(t, ask.Options)))(t))
	_, err = w.V.MyCaptures(ctx, a, 1)
	wants(t, "working after the passkey", err, nil)
	coded, b := w.withApp("reviewer")
	ok(t, w.V.Lock(ctx, b))
	_, err = w.V.UnlockCode(ctx, b, "000000")
	wants(t, "a wrong code", err, vault.ErrWrongFactor)
	b = w.actor(must(w.V.UnlockCode(ctx, b, w.code(coded)))(t))
	_, _, err = w.V.ReviewQueue(ctx, b)
	wants(t, "working after the code", err, nil)
	w.verified()
}
