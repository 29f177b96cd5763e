package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

func TestSignInConfigRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"password only, for all to reach": {`{"listen": "0.0.0.0:8440", "data": "d", "sign_in": {"password_only": true}}`, "loopback"},
		"an address for passkeys":         {`{"data": "d", "sign_in": {"rp_id": "192.0.2.1"}}`, "rp_id"},
		"a port in the name":              {`{"data": "d", "sign_in": {"rp_id": "photos.example.org:8440"}}`, "rp_id"},
		"an origin without scheme":        {`{"data": "d", "sign_in": {"origins": ["photos.example.org"]}}`, "origins"},
		"an origin with a path":           {`{"data": "d", "sign_in": {"origins": ["https://photos.example.org/"]}}`, "origins"},
		"a negative time":                 {`{"data": "d", "sign_in": {"lock_minutes": -1}}`, "negative"},
		"an unknown field":                {`{"data": "d", "sign_in": {"password": true}}`, "password"},
	} {
		if _, err := parseConfig([]byte(c.text), t.TempDir()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that names %q", name, err, c.want)
		}
	}
}

// TestSignInConfig: what is not said is strict, and passkeys are bound to the name that people type.
func TestSignInConfig(t *testing.T) {
	for _, c := range []struct {
		name, text, base string
		rpID             string
		origins          []string // of the configuration and the server's own
	}{
		{"nothing said", `{"data": "d"}`, "http://127.0.0.1:18440", "localhost", []string{"http://localhost:18440"}},
		{"behind a proxy", `{"data": "d", "hosts": ["192.0.2.1", "photos.example.org"]}`, "http://127.0.0.1:18440", "photos.example.org",
			[]string{"https://photos.example.org", "http://photos.example.org:18440", "http://localhost:18440"}},
		{"on another port", `{"data": "d", "listen": "192.0.2.1:443", "hosts": ["photos.example.org:8443"]}`, "https://192.0.2.1:443",
			"photos.example.org", []string{"https://photos.example.org:8443", "https://photos.example.org:8443", "https://localhost:443"}},
		{"all said", `{"data": "d", "hosts": ["a.example.org"], "sign_in": {"rp_id": "example.org", "origins": ["https://b.example.org"]}}`,
			"http://127.0.0.1:18440", "example.org", []string{"https://b.example.org"}},
		{"addresses alone", `{"data": "d", "listen": "192.0.2.1:443"}`, "https://192.0.2.1:443", "", []string{"https://localhost:443"}},
	} {
		config, err := parseConfig([]byte(c.text), t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		v := config.signIn(vault.Config{})
		if got := append(v.WebAuthn.Origins, config.ownOrigins(c.base)...); v.WebAuthn.RPID != c.rpID || !slices.Equal(got, c.origins) {
			t.Errorf("%s: passkeys of %q on %q, want %q on %q", c.name, v.WebAuthn.RPID, got, c.rpID, c.origins)
		}
		if v.PasswordOnly {
			t.Errorf("%s: a password alone is enough", c.name)
		}
	}
	config, err := parseConfig([]byte(`{"data": "d", "sign_in": {"password_only": true, "step_up_minutes": 3, "lock_minutes": 2,
		"shared_lock_seconds": 30, "proof_minutes": 1, "breached_passwords_file": "list", "name": "Test"}}`), "/config")
	if err != nil {
		t.Fatal(err)
	}
	v := config.signIn(vault.Config{})
	if !v.PasswordOnly || v.StepUpFor != 3*time.Minute || v.LockAfter != 2*time.Minute || v.SharedLockAfter != 30*time.Second ||
		v.ProofEvery != time.Minute || v.BreachedPasswords != "/config/list" || v.WebAuthn.Name != "Test" {
		t.Errorf("configured as %+v", v)
	}
}

// TestDemoSignIn: the demo lets people in by password where nobody else can reach it, and only there.
func TestDemoSignIn(t *testing.T) {
	for text, want := range map[string]bool{
		`{"data": "d"}`: true, `{"data": "d", "listen": "0.0.0.0:8440"}`: false, `{"data": "d", "sign_in": {}}`: false,
	} {
		c, err := parseConfig([]byte(text), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if c.demoSignIn(); c.SignIn.PasswordOnly != want {
			t.Errorf("%s: password alone %v, want %v", text, c.SignIn.PasswordOnly, want)
		}
	}
	for base, want := range map[string]string{"http://127.0.0.1:8440": "http://localhost:8440", "http://[::1]:1": "http://localhost:1", "odd": "odd"} {
		if got := byName(base); got != want {
			t.Errorf("%s: got %s, want %s", base, got, want)
		}
	}
}
