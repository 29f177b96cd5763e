package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// deviceServer answers what a vault answers to devices, for one key: it checks each signature and issues certificates.
type deviceServer struct {
	*httptest.Server
	t   *testing.T
	now func() time.Time

	mu     sync.Mutex // guards what follows
	key    *ecdsa.PublicKey
	nonce  string
	proved bool
	seen   []string
}

func newDeviceServer(t *testing.T, now func() time.Time) *deviceServer {
	t.Helper()
	s := &deviceServer{t: t, now: now}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *deviceServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.URL.Path)
	var in struct {
		Nonce     string `json:"nonce"`
		Signature []byte `json:"signature"`
	}
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			s.t.Error(err)
		}
	}
	var answer any = map[string]string{}
	switch r.URL.Path {
	case "/api/v1/device/challenge":
		s.nonce = fmt.Sprintf("NONCE%d", len(s.seen))
		answer = map[string]string{"nonce": s.nonce}
	case "/api/v1/device/prove":
		sum := sha256.Sum256([]byte("clinivault/device-proof/v1\nprove\n" + s.nonce))
		s.proved = len(in.Signature) == 64 && in.Nonce == s.nonce &&
			ecdsa.Verify(s.key, sum[:], new(big.Int).SetBytes(in.Signature[:32]), new(big.Int).SetBytes(in.Signature[32:]))
	case "/api/v1/device/certificate", "/api/v1/devices/certificate":
		answer = map[string][]byte{"certificate": s.issue(s.now().Add(7 * 24 * time.Hour))}
	default:
		if !s.proved {
			w.WriteHeader(http.StatusUnauthorized)
			answer = map[string]string{"type": "urn:problem-type:clinivault:prove-device", "detail": "Prove the device."}
		}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.t.Error(err)
	}
}

func (s *deviceServer) issue(until time.Time) []byte {
	s.t.Helper()
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "DEVICE"}, NotBefore: until.Add(-8 * 24 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key, ca)
	if err != nil {
		s.t.Fatal(err)
	}
	return der
}

// enrolled writes a device file whose certificate ends after left, and an account of the same server.
func (s *deviceServer) enrolled(left time.Duration) (dir string, a account, d *device) {
	s.t.Helper()
	dir = s.t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		s.t.Fatal(err)
	}
	key, err := newDeviceKey()
	if err != nil {
		s.t.Fatal(err)
	}
	d = &device{Server: s.URL, CA: ca, ID: "DEVICE", Key: key}
	private, err := d.key()
	if err != nil {
		s.t.Fatal(err)
	}
	s.key = &private.PublicKey
	d.Certificate = s.issue(s.now().Add(left))
	if err := d.save(dir); err != nil {
		s.t.Fatal(err)
	}
	return dir, account{Server: s.URL, CA: ca, Token: "token", Person: "PERSON"}, d
}

// TestRenewal: a certificate is renewed in the second half of its life over itself, and after its end by the session.
func TestRenewal(t *testing.T) {
	for name, c := range map[string]struct {
		left time.Duration
		want string
	}{
		"fresh":           {7 * 24 * time.Hour, ""},
		"just above half": {renewBefore + time.Minute, ""},
		"just below half": {renewBefore - time.Minute, "/api/v1/device/certificate"},
		"its last minute": {time.Minute, "/api/v1/device/certificate"},
		"over":            {-time.Minute, "/api/v1/devices/certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			now := func() time.Time { return time.Now().Truncate(time.Second) }
			s := newDeviceServer(t, now)
			dir, a, before := s.enrolled(c.left)
			var notes strings.Builder
			client, err := clientIn(dir, a, surroundings{now: now, stderr: &notes})
			if err != nil || notes.Len() > 0 {
				t.Fatalf("opening: %v %s", err, notes.String())
			}
			if got := strings.Join(s.seen, " "); got != c.want {
				t.Errorf("asked for %q, want %q", got, c.want)
			}
			kept, err := loadDevice(dir)
			if err != nil {
				t.Fatal(err)
			}
			if renewed := !kept.end().Equal(before.end()); renewed != (c.want != "") || !client.shown {
				t.Errorf("renewed %v, shown %v, want %v and true", renewed, client.shown, c.want != "")
			}
		})
	}
}

// TestRenewalFails: a server that does not answer ends nothing while the certificate counts.
func TestRenewalFails(t *testing.T) {
	s := newDeviceServer(t, time.Now)
	dir, a, _ := s.enrolled(time.Hour)
	s.Close()
	var notes strings.Builder
	client, err := clientIn(dir, a, surroundings{now: time.Now, stderr: &notes})
	if err != nil || client == nil || !client.shown || !strings.Contains(notes.String(), "renewing the device's certificate") {
		t.Errorf("with a server away: got %v, %v, note %q", client, err, notes.String())
	}
}

// TestProvesWhenAsked: a call that is refused until the device shows itself goes through after it did, once.
func TestProvesWhenAsked(t *testing.T) {
	s := newDeviceServer(t, time.Now)
	_, a, d := s.enrolled(7 * 24 * time.Hour)
	c, err := newDeviceClient(a, d, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.call(t.Context(), http.MethodPost, "/api/v1/patients/search", nil, map[string]string{"q": ""}, &struct{}{}); err != nil {
		t.Errorf("a call that wants a proof: %v", err)
	}
	if want := "/api/v1/patients/search /api/v1/device/challenge /api/v1/device/prove /api/v1/patients/search"; strings.Join(s.seen, " ") != want {
		t.Errorf("calls: got %q, want %q", strings.Join(s.seen, " "), want)
	}
	s.seen, s.proved = nil, false
	other, err := newDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	c.device.Key = other
	var refused *refusal
	if err := c.call(t.Context(), http.MethodGet, "/api/v1/intake", nil, nil, &struct{}{}); !errors.As(err, &refused) || refused.kind != "prove-device" || len(s.seen) != 4 {
		t.Errorf("with another key: got %v after %d calls, want the refusal after 4", err, len(s.seen))
	}
}

func TestInvited(t *testing.T) {
	print := strings.Repeat("ab", 32)
	for text, want := range map[string]invitation{
		"https://vault.example.org/enrol#CODE":                            {"https://vault.example.org", "CODE", ""},
		"https://vault.example.org:8440/enrol#CODE." + print:              {"https://vault.example.org:8440", "CODE", print},
		"http://127.0.0.1:8440/enrol#CODE." + strings.ToUpper(print):      {"http://127.0.0.1:8440", "CODE", print},
		"https://vault.example.org/enrol":                                 {},
		"https://vault.example.org/enrol#":                                {},
		"https://vault.example.org/other#CODE":                            {},
		"https://vault.example.org/enrol?x=1#CODE":                        {},
		"https://vault.example.org/enrol#CODE." + print[:62]:              {},
		"https://vault.example.org/enrol#CODE." + strings.Repeat("zz", 8): {},
		"CODE": {},
		"":     {},
	} {
		got, err := invited(text)
		if got != want || (err == nil) != (want != invitation{}) {
			t.Errorf("invited(%q): got %q %q %q, %v", text, got.server, string(got.code), got.fingerprint, err)
		}
	}
}

// TestDeviceFile: what is damaged is said to be, and what is secret does not print.
func TestDeviceFile(t *testing.T) {
	s := newDeviceServer(t, time.Now)
	dir, _, d := s.enrolled(time.Hour)
	d.Code, d.Opening = "SECRET-CODE", hidden("SECRET-OPENING")
	d.Key = hidden("SECRET-KEY")
	if text := fmt.Sprintf("%v %+v %#v", *d, *d, *d); strings.Contains(text, "SECRET") {
		t.Errorf("the device prints its secrets: %s", text)
	}
	if info, err := os.Stat(filepath.Join(dir, deviceFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the device file: got %v, want 0600 (%v)", info.Mode().Perm(), err)
	}
	for name, text := range map[string]string{"nothing": "", "no JSON": "x", "no server": `{"id":"A"}`, "no key": `{"server":"https://a","id":"A"}`, "bad key": `{"server":"https://a","id":"A","key":"AAAA"}`} {
		if err := os.WriteFile(filepath.Join(dir, deviceFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadDevice(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: got %v, want it said to be damaged", name, err)
		}
	}
	if d, err := loadDevice(t.TempDir()); d != nil || err != nil {
		t.Errorf("no file: got %v, %v, want neither", d, err)
	}
}
