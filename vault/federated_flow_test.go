package vault_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestFederatedFlow: what is begun is given back once, in time, to the browser that began it, by any node.
func TestFederatedFlow(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.t = t
		known := ward
		known.Known = "known-cookie"
		begin := func() vault.FederatedFlow {
			return must(w.V.BeginFederated(t.Context(), "", "/captures?x=1", known))(t)
		}
		take := func(state, browser string) (vault.FederatedFlow, error) {
			return w.V.TakeFederated(t.Context(), state, browser, ward)
		}
		flow := begin()
		for _, s := range []string{flow.State, flow.Nonce, flow.Verifier, flow.Browser} {
			if len(s) != 43 || strings.Contains(fmt.Sprintf("%v %+v %#v", flow, flow, flow), s) {
				t.Errorf("a secret of %d characters, printed or too short", len(s))
			}
		}
		if n := w.count(`SELECT count(*) FROM federated_flows WHERE state_hash = $1 OR browser_hash = $2`, flow.State, flow.Browser); n != 0 {
			t.Error("state or cookie stand in the database as they are")
		}
		_, err := take("unknown", flow.Browser)
		wantCause(t, "another state", err, "state")
		_, err = take(flow.State, "other browser")
		wantCause(t, "another browser", err, "browser")
		got := must(take(flow.State, flow.Browser))(t)
		flow.BegunAt, got.BegunAt = flow.BegunAt.UTC().Truncate(time.Millisecond), got.BegunAt.UTC()
		flow.Session = ""
		if got != flow {
			t.Error("what came back is not what was begun")
		}
		_, err = take(flow.State, flow.Browser)
		wantCause(t, "a second time", err, "state")

		late := begin()
		w.Clock.Add(10 * time.Minute)
		_, err = take(late.State, late.Browser)
		wantCause(t, "ten minutes later", err, "state")
		begin()
		if n := w.count(`SELECT count(*) FROM federated_flows`); n != 1 {
			t.Errorf("%d flows are kept, want those that are over forgotten", n)
		}
		again := must(w.V.BeginFederated(t.Context(), flow.Browser, "/", ward))(t)
		if again.Browser != flow.Browser || again.State == flow.State {
			t.Error("a second flow of a browser: want its cookie kept and a new state")
		}
		_, err = w.V.BeginFederated(t.Context(), "", strings.Repeat("/", 4000), ward)
		wants(t, "an endless address", err, vault.ErrInvalid)
	})
}

// TestFederatedFlowOnTwoNodes: of two nodes to which a browser comes back with one state, one takes it.
func TestFederatedFlowOnTwoNodes(t *testing.T) {
	w := worldOn(t, vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil))
	other := must(vault.Open(t.Context(), w.Cfg))(t)
	defer other.Close()
	for range 10 {
		flow := must(w.V.BeginFederated(t.Context(), "", "/", ward))(t)
		var both sync.WaitGroup
		var got [2]error
		for i, v := range []*vault.Vault{w.V, other} {
			both.Go(func() { _, got[i] = v.TakeFederated(t.Context(), flow.State, flow.Browser, ward) })
		}
		both.Wait()
		if (got[0] == nil) == (got[1] == nil) {
			t.Fatalf("two nodes: got %v and %v, want one of them to take it", got[0], got[1])
		}
	}
}

// TestFederatedLogout: a logout ends just the sessions that it names, on every node, once, and those that it overtakes.
func TestFederatedLogout(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.t = t
		open := func(subject, sid, login string) vault.Opened {
			f := w.federated(subject, login)
			f.SID = sid
			return must(w.enters(f))(t)
		}
		lives := func(o vault.Opened) bool { _, err := w.V.Authenticate(t.Context(), o.Token); return err == nil }
		logout := func(id, subject, sid string) (int64, error) {
			return w.V.EndFederated(t.Context(), vault.FederatedLogout{Issuer: issuer, Subject: subject, SID: sid, ID: id, IssuedAt: w.Clock.Now()}, ward)
		}
		phone, desk := open("s1", "phone", "colleague"), open("s1", "desk", "colleague")
		other := open("s2", "other", "records")
		local := w.SignIn(t, "colleague")
		if n, err := logout("j1", "s1", "phone"); n != 1 || err != nil || lives(phone) || !lives(desk) || !lives(other) {
			t.Errorf("by session: ended %d, %v; lives: %v %v %v, want false true true", n, err, lives(phone), lives(desk), lives(other))
		}
		_, err := logout("j1", "s1", "")
		wantCause(t, "the same token again", err, "replay")
		if n, err := logout("j2", "s2", "desk"); n != 0 || err != nil || !lives(desk) {
			t.Errorf("another subject's name on a session: ended %d, %v", n, err)
		}
		if n, err := w.V.EndFederated(t.Context(), vault.FederatedLogout{Issuer: "https://other.example", Subject: "s1", ID: "j2"}, ward); n != 0 || err != nil || !lives(desk) {
			t.Errorf("another issuer: ended %d, %v", n, err)
		}
		if n, err := logout("j3", "s1", ""); n != 1 || err != nil || lives(desk) || !lives(other) {
			t.Errorf("by subject: ended %d, %v", n, err)
		}
		if _, err := w.V.People(t.Context(), w.admin); err != nil {
			t.Errorf("a session that is not the provider's: %v", err)
		}
		must(w.V.Sessions(t.Context(), local))(t)

		f := w.federated("s1", "colleague")
		f.SID = "phone"
		_, err = w.enters(f)
		wantCause(t, "a sign-in of a session that has ended", err, "logged-out")
		f.SID = "begun before the logout of all"
		_, err = w.enters(f)
		wantCause(t, "a sign-in that all sessions' end overtook", err, "logged-out")
		w.Clock.Add(time.Second)
		f.IssuedAt = w.Clock.Now()
		must(w.enters(f))(t)
		w.verified()
		w.Clock.Add(25 * time.Hour)
		must(logout("j4", "nobody", ""))(t)
		if n := w.count(`SELECT count(*) FROM federated_logouts`); n != 1 {
			t.Errorf("%d logouts are remembered after a day, want the new one", n)
		}
	})
}

// TestFederatedLogoutMeetsSignIn: however a sign-in and the logout of its session meet on two nodes, nothing lives on.
func TestFederatedLogoutMeetsSignIn(t *testing.T) {
	w := worldOn(t, vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil))
	other := must(vault.Open(t.Context(), w.Cfg))(t)
	defer other.Close()
	must(w.enters(w.federated("s1", "colleague")))(t) // linked
	for i := range 25 {
		f := w.federated("s1", "colleague")
		f.SID = fmt.Sprint("race-", i)
		var opened vault.Opened
		var in, out error
		var both sync.WaitGroup
		both.Go(func() { opened, in = w.V.SignInFederated(t.Context(), f, "", ward) })
		both.Go(func() {
			_, out = other.EndFederated(t.Context(), vault.FederatedLogout{Issuer: issuer, SID: f.SID, ID: f.SID, IssuedAt: w.Clock.Now()}, ward)
		})
		both.Wait()
		ok(t, out)
		if in != nil {
			wantCause(t, "overtaken", in, "logged-out")
			continue
		}
		_, err := other.Authenticate(t.Context(), opened.Token)
		wants(t, "the session after its logout", err, vault.ErrUnauthenticated)
	}
}

// TestFederatedFirstSignInsMeet: of two first sign-ins of one person at once, none makes a second account.
func TestFederatedFirstSignInsMeet(t *testing.T) {
	w := worldOn(t, vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil))
	other := must(vault.Open(t.Context(), w.Cfg))(t)
	defer other.Close()
	w.mapped("Nurses", "", vault.RoleClinician)
	for i := range 8 {
		f := w.federated(fmt.Sprint("s", i), fmt.Sprint("newcomer", i), "Nurses")
		f.Create = true
		var got [2]error
		var both sync.WaitGroup
		for n, v := range []*vault.Vault{w.V, other} {
			both.Go(func() { _, got[n] = v.SignInFederated(t.Context(), f, "", ward) })
		}
		both.Wait()
		if got[0] != nil && got[1] != nil {
			t.Errorf("neither got in: %v, %v", got[0], got[1])
		}
		if n := w.count(`SELECT count(*) FROM federated_links WHERE subject = $1`, f.Subject); n != 1 {
			t.Errorf("%d links of one subject, want 1", n)
		}
		if n := w.count(`SELECT count(*) FROM people WHERE login = $1`, f.Login); n != 1 {
			t.Errorf("%d people of one login, want 1", n)
		}
	}
	w.verified()
}
