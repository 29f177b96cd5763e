package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestTransitContract: what KMS promises holds for a key service on the network, of the test's own making and, where
// CLINIVAULT_OPENBAO names its program, OpenBao's.
func TestTransitContract(t *testing.T) {
	t.Parallel()
	t.Run("own server", func(t *testing.T) { testTransit(t, vaulttest.StartTransit(t, 0).Open(t)) })
	t.Run("openbao", func(t *testing.T) {
		k, err := vault.OpenTransit(t.Context(), vaulttest.OpenBao(t))
		ok(t, err)
		defer k.Close()
		testTransit(t, k)
	})
}

func testTransit(t *testing.T, k *vault.Transit) {
	ctx, key, aad := t.Context(), seal.NewKey(), []byte("what it is for")
	ok(t, k.Ping(ctx))
	old, version, err := k.Wrap(ctx, key, aad)
	if err != nil || version != 1 || !strings.HasPrefix(string(old), "vault:v1:") {
		t.Fatalf("Wrap: got %q, version %d, %v", old, version, err)
	}
	if newest := must(k.Rotate(ctx))(t); newest != 2 {
		t.Fatalf("Rotate: got version %d, want 2", newest)
	}
	anew, version, err := k.Wrap(ctx, key, aad)
	if err != nil || version != 2 {
		t.Fatalf("Wrap after rotation: version %d, %v; want 2", version, err)
	}
	altered := bytes.Clone(anew)
	altered[len(altered)-4] ^= 1
	for _, c := range []struct {
		name    string
		wrapped []byte
		version uint32
		aad     string
		want    error
	}{
		{"older version", old, 1, string(aad), nil},
		{"newest version", anew, 2, string(aad), nil},
		{"another aad", anew, 2, "another", vault.ErrIntegrity},
		{"no aad", anew, 2, "", vault.ErrIntegrity},
		{"altered", altered, 2, string(aad), vault.ErrIntegrity},
		{"another version in the row", anew, 1, string(aad), vault.ErrIntegrity},
		{"version rewritten", []byte(strings.Replace(string(old), "v1", "v2", 1)), 2, string(aad), vault.ErrIntegrity},
		{"no ciphertext", []byte("vault"), 1, string(aad), vault.ErrIntegrity},
		{"too long", bytes.Repeat([]byte("vault:v1:"), 1000), 1, string(aad), vault.ErrIntegrity},
		{"empty", nil, 0, string(aad), vault.ErrIntegrity},
	} {
		got, err := k.Unwrap(ctx, c.wrapped, c.version, []byte(c.aad))
		if wants(t, "Unwrap, "+c.name, err, c.want); err == nil && got != key {
			t.Errorf("Unwrap, %s: another key", c.name)
		}
	}
	ok(t, k.Forget(ctx, 2))
	_, err = k.Unwrap(ctx, old, 1, aad)
	wants(t, "a version that is given up", err, vault.ErrNotFound)
	if oldest, newest, err := k.Versions(ctx); oldest != 2 || newest != 2 || err != nil {
		t.Errorf("Versions: %d to %d, %v; want 2 to 2", oldest, newest, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", k, k, k); text != "[redacted] [redacted] [redacted]" {
		t.Errorf("it prints as %s", text)
	}
}

// TestTransitFaults: what passes is tried again, what does not is said in words that tell what to do, at once.
func TestTransitFaults(t *testing.T) {
	t.Parallel()
	s := vaulttest.StartTransit(t, 0)
	k := s.Open(t, func(c *vault.TransitConfig) { c.Timeout = 500 * time.Millisecond })
	wrapped, version, err := k.Wrap(t.Context(), seal.NewKey(), nil)
	ok(t, err)
	unwrap := func() error { _, err := k.Unwrap(t.Context(), wrapped, version, nil); return err }
	for _, c := range []struct {
		name          string
		count, status int
		want          error
		text          string
		calls         int // of the engine
	}{
		{"two errors", 2, 500, nil, "", 3},
		{"overloaded for a moment", 1, 429, nil, "", 2},
		{"connection cut", 1, 0, nil, "", 2},
		{"errors without end", 100, 502, vault.ErrUnavailable, "status 502", 4},
		{"overloaded without end", 100, 429, vault.ErrUnavailable, "overloaded", 4},
		{"connections cut without end", 100, 0, vault.ErrUnavailable, "does not answer", 4},
		{"token refused", 100, 403, vault.ErrUnavailable, "token file", 1},
		{"no such key", 100, 404, vault.ErrUnavailable, "no such path", 1},
		{"redirected", 100, 307, vault.ErrUnavailable, "status 307", 4},
	} {
		s.Fail(t, c.count, c.status)
		before := s.Calls(t)
		err := unwrap()
		if wants(t, c.name, err, c.want); err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %q, want it to say %q", c.name, err, c.text)
		}
		if got := s.Calls(t) - before; got != c.calls && c.status != 0 { // HTTP may repeat a request whose connection was cut
			t.Errorf("%s: %d calls, want %d", c.name, got, c.calls)
		}
		s.Fail(t, 0, 0)
	}
	s.Seal(t)
	before := s.Calls(t)
	err = unwrap()
	if wants(t, "sealed", err, vault.ErrUnavailable); !strings.Contains(err.Error(), "sealed") || s.Calls(t) != before+1 {
		t.Errorf("sealed: got %q after %d calls, want one that says so", err, s.Calls(t)-before)
	}
	if err := k.Ping(t.Context()); !errors.Is(err, vault.ErrUnavailable) || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("Ping while sealed: got %v", err)
	}
	s.Unseal(t)
	ok(t, unwrap())
	s.Slow(t, time.Second)
	start := time.Now()
	wants(t, "too slow", unwrap(), vault.ErrUnavailable)
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("a slow server was waited for %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = k.Unwrap(ctx, wrapped, version, nil)
	wants(t, "a caller who goes away", err, context.Canceled)
	s.Slow(t, 0)
	s.Kill()
	wants(t, "the server is gone", unwrap(), vault.ErrUnavailable)
	wants(t, "Ping then", k.Ping(t.Context()), vault.ErrUnavailable)
}

// TestTransitToken: the token is renewed before it runs out; one that was revoked is replaced from its file.
func TestTransitToken(t *testing.T) {
	t.Parallel()
	s := vaulttest.StartTransit(t, 2*time.Second)
	k := s.Open(t)
	use := func() error { _, _, err := k.Wrap(t.Context(), seal.NewKey(), nil); return err }
	for range 7 { // longer than the life of the token
		ok(t, use())
		time.Sleep(500 * time.Millisecond)
	}
	s.Operate(t, "revoke", nil)
	wants(t, "a revoked token", use(), vault.ErrUnavailable)
	s.NewToken(t, time.Hour)
	ok(t, use())
	ok(t, os.WriteFile(s.TokenFile(), []byte("two tokens\n"), 0o600))
	s.Operate(t, "revoke", nil)
	if err := use(); !errors.Is(err, vault.ErrUnavailable) || strings.Contains(err.Error(), "two tokens") {
		t.Errorf("with nonsense in the token file: got %v", err)
	}
}

func TestTransitConfigIsChecked(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		ok(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	token, open := write("token", "t0ken\n", 0o600), write("open", "t0ken\n", 0o644)
	for _, c := range []struct {
		name, want string
		change     func(*vault.TransitConfig)
	}{
		{"no address", "https://host:port", func(c *vault.TransitConfig) { c.Address = "" }},
		{"plain http to another machine", "over https", func(c *vault.TransitConfig) { c.Address = "http://192.0.2.1:8200" }},
		{"a host name over http", "over https", func(c *vault.TransitConfig) { c.Address = "http://localhost.example:8200" }},
		{"a password in the address", "https://host:port", func(c *vault.TransitConfig) { c.Address = "https://u:p@127.0.0.1:1" }},
		{"no key", "letters", func(c *vault.TransitConfig) { c.Key = "" }},
		{"a path as key", "letters", func(c *vault.TransitConfig) { c.Key = "../sys/seal" }},
		{"a query as mount", "letters", func(c *vault.TransitConfig) { c.Mount = "transit?x" }},
		{"no token file", "token file", func(c *vault.TransitConfig) { c.TokenFile = filepath.Join(dir, "none") }},
		{"a token file for all", "chmod 600", func(c *vault.TransitConfig) { c.TokenFile = open }},
		{"an empty token file", "one token", func(c *vault.TransitConfig) { c.TokenFile = write("empty", "", 0o600) }},
		{"a CA file without certificate", "no certificate", func(c *vault.TransitConfig) { c.CAFile = token }},
		{"a server that is not there", "does not answer", func(*vault.TransitConfig) {}},
	} {
		cfg := vault.TransitConfig{Address: "http://127.0.0.1:1", Key: "clinivault", TokenFile: token}
		c.change(&cfg)
		k, err := vault.OpenTransit(t.Context(), cfg)
		if err == nil {
			k.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

// TestTransitAnswersAreBounded: a server that answers with anything does no harm, and no redirect takes the token along.
func TestTransitAnswersAreBounded(t *testing.T) {
	t.Parallel()
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another server got the token %q", r.Header.Get("X-Vault-Token"))
	}))
	defer thief.Close()
	token := filepath.Join(t.TempDir(), "token")
	ok(t, os.WriteFile(token, []byte("t0ken"), 0o600))
	for name, say := range map[string]func(w http.ResponseWriter, r *http.Request){
		"no end":      func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 2<<20)) },
		"no JSON":     func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"no version":  func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) },
		"odd refusal": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); w.Write([]byte("no")) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
		},
		"strange types": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"data":{"latest_version":"a"}}`)) },
	} {
		server := httptest.NewServer(http.HandlerFunc(say))
		_, err := vault.OpenTransit(t.Context(), vault.TransitConfig{Address: server.URL, Key: "clinivault", TokenFile: token})
		wants(t, name, err, vault.ErrUnavailable)
		server.Close()
	}
	derived := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"data":{"type":"aes256-gcm96","derived":true,"latest_version":1}}`))
	}))
	defer derived.Close()
	_, err := vault.OpenTransit(t.Context(), vault.TransitConfig{Address: derived.URL, Key: "clinivault", TokenFile: token})
	if err == nil || !strings.Contains(err.Error(), "not derived") {
		t.Errorf("a derived key: got %v, want it refused", err)
	}
}

// transitWorld is a world whose root key is on a server.
func transitWorld(t *testing.T, memory time.Duration) (*world, *vaulttest.TransitServer) {
	s := vaulttest.StartTransit(t, time.Hour)
	k := s.Open(t, func(c *vault.TransitConfig) { c.Memory, c.Timeout = memory, 10*time.Second })
	return worldOn(t, vaulttest.OpenOn(t, "sqlite", vaulttest.SQLite(t), nil, k)), s
}

// TestSealedKeyService: while the server is sealed, or gone, captures and reads are refused as unavailable; nothing is
// lost, and all goes on when it is back.
func TestSealedKeyService(t *testing.T) {
	t.Parallel()
	w, s := transitWorld(t, -1)
	id, waiting := w.inReview(), w.waiting()
	capture := w.Capture(t, w.author, w.patient, w.picture)
	for name, away := range map[string]func(){"sealed": func() { s.Seal(t) }, "restarted": func() { s.Restart(t) }} {
		away()
		_, _, err := w.V.Accept(t.Context(), w.author, capture.Request())
		wants(t, name+": a capture", err, vault.ErrUnavailable)
		_, err = w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb)
		wants(t, name+": a read", err, vault.ErrUnavailable)
		_, err = w.V.AddPatient(t.Context(), vault.Operator(), vault.NewPatient{RecordNumber: "TEST-9", Name: "Synthetic", BirthDate: "1970-01-01"})
		wants(t, name+": a patient", err, vault.ErrUnavailable)
		_, err = w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateReceipt})
		wants(t, name+": a rotation", err, vault.ErrUnavailable)
		sealed := false
		for _, p := range must(w.V.Health(t.Context(), w.admin))(t) {
			sealed = sealed || p.Name == "keys" && !p.OK && strings.Contains(p.Detail, "sealed")
		}
		if !sealed {
			t.Errorf("%s: health does not say that the key service is sealed", name)
		}
		if state, _ := w.state2(waiting); state != vault.StateAccepted {
			t.Errorf("%s: the waiting photo is %s", name, state)
		}
		job := must(w.V.ClaimJob(t.Context(), w.worker, time.Minute))(t)
		err = w.V.ProcessCapture(t.Context(), w.worker, job)
		wants(t, name+": processing", err, vault.ErrUnavailable)
		ok(t, w.V.FailJob(t.Context(), w.worker, job, err, false))
		w.Clock.Add(time.Minute)
		s.Unseal(t)
	}
	w.Send(t, w.author, capture)
	w.Work(t)
	must(w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb))(t)
	if state, why := w.state(waiting); state != vault.StateInReview {
		t.Errorf("the waiting photo is %s (%s), want in review", state, why)
	}
	w.verified()
}

// state2 is a photo's state past the vault, which needs no key.
func (w *world) state2(id vault.PhotoID) (state, reason string) {
	w.t.Helper()
	ok(w.t, w.db().QueryRowContext(context.Background(), `SELECT state, reason FROM photos WHERE id = $1`, string(id)).Scan(&state, &reason))
	return state, reason
}

// TestSlowKeyServiceHoldsNobody: while one act waits for a key, others go on; the log is not held.
func TestSlowKeyServiceHoldsNobody(t *testing.T) {
	t.Parallel()
	w, s := transitWorld(t, time.Minute)
	w.Patient(t, w.author)
	s.Slow(t, 3*time.Second)
	done := make(chan error, 1)
	go func() {
		_, _, err := w.V.Accept(t.Context(), w.author, w.Capture(t, w.author, w.patient, w.picture).Request())
		done <- err
	}()
	acts, longest := 0, time.Duration(0)
	for waiting := true; waiting; acts++ {
		start := time.Now()
		must(w.V.DeadJobs(t.Context(), vault.Operator()))(t)
		longest = max(longest, time.Since(start))
		select {
		case err := <-done:
			ok(t, err)
			waiting = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	if acts < 5 || longest > 2*time.Second {
		t.Errorf("%d acts beside one that waited for a key, the longest took %v", acts, longest)
	}
}

// TestRememberedKeys: a key is asked for once; who destroys its wrapped form takes it away at once; it is forgotten
// when its time is over.
func TestRememberedKeys(t *testing.T) {
	t.Parallel()
	w, s := transitWorld(t, 3*time.Second)
	id := w.inReview()
	read := func() error {
		_, err := w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb)
		return err
	}
	time.Sleep(3200 * time.Millisecond)
	before := s.Calls(t)
	ok(t, read())
	ok(t, read())
	if got := s.Calls(t) - before; got != 1 {
		t.Errorf("two reads asked the key service %d times, want once", got)
	}
	s.Seal(t)
	ok(t, read())
	time.Sleep(3200 * time.Millisecond)
	wants(t, "a read when the memory is over", read(), vault.ErrUnavailable)
	s.Unseal(t)
	ok(t, read())
	w.change(`UPDATE patients SET wrapped_key = NULL WHERE id = $1`, string(w.patient))
	wants(t, "a read after the key was destroyed", read(), vault.ErrNotFound)
}

// TestTransitRotation: the root key is rotated on the server, everything wrapped anew, and the old version given up.
func TestTransitRotation(t *testing.T) {
	t.Parallel()
	w, s := transitWorld(t, time.Minute)
	id := w.approved()
	s.Fail(t, 1, 500)
	for _, kind := range allKinds {
		w.rotate(t, kind)
	}
	ok(t, w.V.ForgetRoot(t.Context(), vault.Operator()))
	if status := must(w.V.KeysStatus(t.Context(), vault.Operator()))(t); status.Root.Oldest != 2 || status.Root.Newest != 2 {
		t.Errorf("root %+v, want only version 2", status.Root)
	}
	must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	w.Reopen(t)
	must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	w.verified()
}
