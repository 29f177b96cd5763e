package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// bench is a real server on a real vault, reached over loopback.
type bench struct {
	*vaulttest.Bench
	s     *Server
	base  string
	lines *vaulttest.Log // the server's own log
	token map[vault.Role]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return benchOn(t, vaulttest.New(t))
}

// benchOn is newBench on a vault that was made before.
func benchOn(t *testing.T, inner *vaulttest.Bench) *bench {
	t.Helper()
	pages, err := web.New(web.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Bench: inner, lines: &vaulttest.Log{}, token: map[vault.Role]string{}}
	b.s, err = New(Config{
		Vault: inner.V, Web: pages, Log: slog.New(slog.NewJSONHandler(b.lines, nil)), MaxCapture: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(b.s.Handler())
	Harden(srv.Config)
	srv.Start()
	t.Cleanup(srv.Close)
	b.base = srv.URL
	return b
}

// addPerson makes an account whose login is what its roles are, and the password vaulttest.Password.
func (b *bench) addPerson(t *testing.T, login string, roles ...vault.Role) vault.PersonID {
	t.Helper()
	id, err := b.V.AddPerson(context.Background(), vault.Operator(), vault.NewPerson{
		Login: login, Name: "Demo " + login, Password: vaulttest.Password, Roles: roles,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// as signs in as somebody with just this role, once for each bench.
func (b *bench) as(t *testing.T, role vault.Role) string {
	t.Helper()
	if b.token[role] == "" {
		b.addPerson(t, "only-"+string(role), role)
		b.token[role] = b.signIn(t, "only-"+string(role))
	}
	return b.token[role]
}

func (b *bench) signIn(t *testing.T, login string) string {
	t.Helper()
	var got sessionAnswer
	b.send(t, request{method: "POST", path: "/api/v1/session", json: map[string]string{"login": login, "password": vaulttest.Password},
		header: map[string]string{"Accept-Session": "bearer"}}).into(t, http.StatusOK, &got)
	if got.Token == "" {
		t.Fatal("signing in as a program: got no token")
	}
	return got.Token
}

type request struct {
	method, path, token string
	json                any
	body                io.Reader
	header              map[string]string
	host                string
}

// reply is an answer read to its end.
type reply struct {
	*http.Response
	body []byte
	what string
}

func (b *bench) send(t *testing.T, in request) *reply {
	t.Helper()
	body := in.body
	if in.json != nil {
		text, err := json.Marshal(in.json)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(t.Context(), in.method, b.base+in.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if in.json != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if in.token != "" {
		r.Header.Set("Authorization", "Bearer "+in.token)
	}
	for k, v := range in.header {
		r.Header.Set(k, v)
	}
	if in.host != "" {
		r.Host = in.host
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", in.method, in.path, err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", in.method, in.path, err)
	}
	return &reply{res, all, in.method + " " + in.path}
}

func (b *bench) get(t *testing.T, token, path string) *reply {
	t.Helper()
	return b.send(t, request{method: "GET", path: path, token: token})
}

func (b *bench) post(t *testing.T, token, path string, v any) *reply {
	t.Helper()
	return b.send(t, request{method: "POST", path: path, token: token, json: v})
}

// into decodes an answer of the wanted status into v, which may be nil.
func (r *reply) into(t *testing.T, status int, v any) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s: got %d %s, want %d", r.what, r.StatusCode, r.body, status)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%s: answer %q: %v", r.what, r.body, err)
	}
}

// refused checks that the answer is problem JSON of the kind, and returns it.
func (r *reply) refused(t *testing.T, status int, slug string) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(r.body, &p); err != nil || r.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: got %d %q, want problem JSON", r.what, r.StatusCode, r.body)
		return p
	}
	if r.StatusCode != status || p.Status != status || !strings.HasSuffix(p.Type, ":"+slug) {
		t.Errorf("%s: got %d %s (%s), want %d …:%s", r.what, r.StatusCode, p.Type, p.Detail, status, slug)
	}
	if p.RequestID == "" || p.RequestID != r.Header.Get("X-Request-Id") || p.Title == "" || p.Detail == "" {
		t.Errorf("%s: got %+v with request ID %q, want all fields and that ID", r.what, p, r.Header.Get("X-Request-Id"))
	}
	return p
}
