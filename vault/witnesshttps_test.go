package vault_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// watch runs a witness over TLS that asks for a client certificate, and configures it.
func watch(t *testing.T, ca *vaulttest.CA, dir string, seed vault.WitnessSeed, keys ...string) (*vault.WitnessServer, *httptest.Server, vault.WitnessConfig) {
	t.Helper()
	s := must(vault.OpenWitnessServer(vault.WitnessServerConfig{Dir: dir, Name: "witness.example/w", Seed: seed, Logs: keys}))(t)
	server := httptest.NewUnstartedServer(s)
	server.TLS = ca.TLS(t)
	server.StartTLS()
	t.Cleanup(server.Close)
	cert, key := ca.Issue(t, "clinivault")
	return s, server, vault.WitnessConfig{Kind: "https", URL: server.URL, VerifierKey: s.VerifierKey(), CAFile: ca.File(), CertFile: cert, KeyFile: key}
}

// TestHTTPSWitness: the witness follows the log, over restarts of itself and changes of the log's key, and signs what it
// saw.
func TestHTTPSWitness(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		ca, dir, seed := vaulttest.NewCA(t), t.TempDir(), vault.NewWitnessKey()
		first := must(b.V.PublicKeys(t.Context()))(t).LogVerifier
		_, server, cfg := watch(t, ca, dir, seed, first)
		witnessed(t, b, cfg)
		for range 3 {
			act(t, b, 7)
			ok(t, b.V.SendToWitnesses(t.Context(), job))
		}
		rotateLog(t, b.V)
		act(t, b, 5)
		ok(t, b.V.SendToWitnesses(t.Context(), job))
		server.Close()
		act(t, b, 5)
		if err := b.V.SendToWitnesses(t.Context(), job); err == nil {
			t.Fatal("telling a witness that is away: got nil")
		}
		s, _, cfg := watch(t, ca, dir, seed, first) // it reads what it saw, the handover too
		witnessed(t, b, cfg)
		act(t, b, 5)
		ok(t, b.V.SendToWitnesses(t.Context(), job))
		notes := checkpoints(t, b, 0)
		newest := notes[len(notes)-1]
		if got := ask(t, s, "GET", "/checkpoint?origin=clinivault/main", ""); got != newest {
			t.Errorf("the witness holds %q, want the newest checkpoint", got)
		}
		var line string
		ok(t, b.SQL(t).QueryRowContext(t.Context(), `SELECT signature FROM cosignatures ORDER BY size DESC LIMIT 1`).Scan(&line))
		ok(t, vault.VerifyCosignature(newest, line, s.VerifierKey()))
		wants(t, "a cosignature of another note", vault.VerifyCosignature(notes[0], line, s.VerifierKey()), vault.ErrIntegrity)
		wants(t, "a cosignature under no key", vault.VerifyCosignature(newest, line, "x"), vault.ErrInvalid)
		got := must(vault.VerifyExport(export(t, b.V), first, newest))(t)
		if !got.OK {
			t.Errorf("export against the witness's checkpoint: %s", got.Problem)
		}
	})
}

func ask(t *testing.T, s *vault.WitnessServer, method, path, body string) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Body.String()
}

// TestHTTPSWitnessSeesARewrite: a database that was put back and went on otherwise is told so.
func TestHTTPSWitnessSeesARewrite(t *testing.T) {
	b := vaulttest.New(t)
	ca := vaulttest.NewCA(t)
	_, _, cfg := watch(t, ca, t.TempDir(), vault.NewWitnessKey(), must(b.V.PublicKeys(t.Context()))(t).LogVerifier)
	witnessed(t, b, cfg)
	act(t, b, 10)
	older := b.Cfg
	older.DSN = filepath.Join(t.TempDir(), "older.db")
	b.Exec(t, `VACUUM INTO '`+older.DSN+`'`)
	act(t, b, 20)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	v := opened(t, older)
	for _, more := range []int{3, 60} { // shorter than what the witness saw, then longer
		for range more {
			must(v.People(t.Context(), vault.Operator()))(t)
		}
		ok(t, v.Checkpoint(t.Context(), job))
		b.Clock.Add(10 * time.Minute)
		if err := v.SendToWitnesses(t.Context(), job); err == nil || !strings.Contains(err.Error(), "does not agree") {
			t.Errorf("%d events on: got %v, want the witness's refusal", more, err)
		}
	}
	if s := must(v.Witnesses(t.Context(), vault.Operator()))(t)[0]; s.OK || s.Waiting == 0 {
		t.Errorf("state %+v, want an alarm", s)
	}
}

// TestWitnessServerAnswers holds the server to C2SP tlog-witness.
func TestWitnessServerAnswers(t *testing.T) {
	b := vaulttest.New(t)
	act(t, b, 3)
	act(t, b, 3)
	notes := checkpoints(t, b, 0)
	key := must(b.V.PublicKeys(t.Context()))(t).LogVerifier
	s := must(vault.OpenWitnessServer(vault.WitnessServerConfig{Dir: t.TempDir(), Name: "w", Seed: vault.NewWitnessKey(), Logs: []string{key}}))(t)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"another path", "POST", "/", "", 404},
		{"a GET", "GET", "/add-checkpoint", "", 404},
		{"nothing seen yet", "GET", "/checkpoint?origin=clinivault/main", "", 404},
		{"no form", "POST", "/add-checkpoint", "hello", 400},
		{"no number", "POST", "/add-checkpoint", "old x\n\n" + notes[0], 400},
		{"no hash", "POST", "/add-checkpoint", "old 0\nxyz\n\n" + notes[0], 400},
		{"too long", "POST", "/add-checkpoint", strings.Repeat("x", 1<<20), 400},
		{"another log", "POST", "/add-checkpoint", "old 0\n\nother" + notes[0], 404},
		{"not signed", "POST", "/add-checkpoint", "old 0\n\n" + strings.Replace(notes[0], "Z\n", "Y\n", 1), 403},
		{"wrong old size", "POST", "/add-checkpoint", "old 1\n\n" + notes[0], 409},
		{"a proof from nothing", "POST", "/add-checkpoint", "old 0\n" + strings.Split(notes[0], "\n")[2] + "\n\n" + notes[0], 422},
		{"first", "POST", "/add-checkpoint", "old 0\n\n" + notes[0], 200},
		{"first again as new", "POST", "/add-checkpoint", "old 0\n\n" + notes[0], 409},
		{"first again", "POST", "/add-checkpoint", "old " + strings.Split(notes[0], "\n")[1] + "\n\n" + notes[0], 200},
		{"without a proof", "POST", "/add-checkpoint", "old " + strings.Split(notes[0], "\n")[1] + "\n\n" + notes[1], 422},
		{"old larger than new", "POST", "/add-checkpoint", "old 99999\n\n" + notes[1], 400},
		{"a checkpoint as handover", "POST", "/add-handover", notes[0], 400},
		{"no handover", "POST", "/add-handover", "", 404},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status {
			t.Errorf("%s: got %d %q, want %d", c.name, w.Code, w.Body, c.status)
		}
	}
	for name, cfg := range map[string]vault.WitnessServerConfig{
		"no key":    {Dir: t.TempDir(), Name: "w", Logs: []string{key}},
		"no logs":   {Dir: t.TempDir(), Name: "w", Seed: vault.NewWitnessKey()},
		"bad name":  {Dir: t.TempDir(), Name: "a b", Seed: vault.NewWitnessKey(), Logs: []string{key}},
		"bad log":   {Dir: t.TempDir(), Name: "w", Seed: vault.NewWitnessKey(), Logs: []string{"x"}},
		"no folder": {Dir: "/proc/nowhere", Name: "w", Seed: vault.NewWitnessKey(), Logs: []string{key}},
	} {
		if _, err := vault.OpenWitnessServer(cfg); err == nil {
			t.Errorf("%s: got nil", name)
		}
	}
}

// TestHTTPSWitnessAnswersBadly: whatever a witness answers, what it has not signed stays in the outbox.
func TestHTTPSWitnessAnswersBadly(t *testing.T) {
	b := vaulttest.New(t)
	act(t, b, 3)
	token := filepath.Join(t.TempDir(), "token")
	ok(t, os.WriteFile(token, []byte("s3cr3t-token\n"), 0o600))
	key := must(vault.OpenWitnessServer(vault.WitnessServerConfig{Dir: t.TempDir(), Name: "w", Seed: vault.NewWitnessKey(),
		Logs: []string{must(b.V.PublicKeys(t.Context()))(t).LogVerifier}}))(t).VerifierKey()
	var tokens atomic.Int64
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"no signature", func(w http.ResponseWriter, _ *http.Request) {}},
		{"another's signature", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "— w AAAAAAAAAAAA\n") }},
		{"error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }},
		{"unknown log", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }},
		{"denied", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }},
		{"no proof", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(422) }},
		{"conflict without a size", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(409) }},
		{"conflict with nonsense", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(409)
			io.WriteString(w, "-5")
		}},
		{"sends elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}},
		{"endless", func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 1<<20)) }},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "Bearer s3cr3t-token" {
					tokens.Add(1)
				}
				c.answer(w, r)
			}))
			defer server.Close()
			witnessed(t, b, vault.WitnessConfig{Kind: "https", URL: server.URL, VerifierKey: key, TokenFile: token})
			err := b.V.SendToWitnesses(t.Context(), job)
			if err == nil || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("SendToWitnesses: got %v, want an error without the token", err)
			}
			if s := must(b.V.Witnesses(t.Context(), vault.Operator()))(t)[0]; s.Waiting == 0 || s.LastError == "" {
				t.Errorf("state %+v, want it waiting", s)
			}
		})
	}
	if tokens.Load() == 0 {
		t.Error("the token was never sent")
	}
	witnessed(t, b, vault.WitnessConfig{Kind: "https", URL: "http://192.0.2.1/"})
	if err := b.V.SendToWitnesses(t.Context(), job); err == nil || !strings.Contains(err.Error(), "https://") {
		t.Errorf("plain HTTP away from this machine: got %v, want a refusal", err)
	}
}

func TestWitnessSeedIsNotPrinted(t *testing.T) {
	cfg := vault.WitnessServerConfig{Seed: vault.NewWitnessKey()}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, cfg); !strings.Contains(got, "[redacted]") {
			t.Errorf("%s prints %q", format, got)
		}
	}
}

// TestSlowSenderHoldsNobodyUp: whoever opens a request to a witness and never ends it does not keep others from it.
func TestSlowSenderHoldsNobodyUp(t *testing.T) {
	b := vaulttest.New(t)
	key := must(b.V.PublicKeys(t.Context()))(t).LogVerifier
	w := must(vault.OpenWitnessServer(vault.WitnessServerConfig{Dir: t.TempDir(), Name: "test/witness", Seed: vault.NewWitnessKey(), Logs: []string{key}}))(t)
	body, sender := io.Pipe()
	slow := make(chan struct{})
	go func() {
		defer close(slow)
		w.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/add-checkpoint", body))
	}()
	must(sender.Write([]byte("old 0\n")))(t) // it is reading
	done := make(chan int, 1)
	go func() {
		answer := httptest.NewRecorder()
		w.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/checkpoint?origin=nobody", nil))
		done <- answer.Code
	}()
	select {
	case code := <-done:
		if code != http.StatusNotFound {
			t.Errorf("answer %d, want 404", code)
		}
	case <-time.After(5 * time.Second):
		t.Error("a slow sender keeps the witness from answering others")
	}
	ok(t, sender.Close())
	<-slow
}
