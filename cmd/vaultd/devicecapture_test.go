package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// overTLS is a service on loopback behind a certificate of a local authority, which the test's own calls trust; extra is
// merged into its configuration.
func overTLS(t *testing.T, extra ...map[string]any) *service {
	t.Helper()
	dir := t.TempDir()
	ca, err := openLocalCA(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.issue([]string{"127.0.0.1", "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, der := range leaf.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	for file, text := range map[string][]byte{certFile: chain, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	before := http.DefaultClient.Transport
	http.DefaultClient.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(func() { http.DefaultClient.Transport = before })
	config := map[string]any{"tls": map[string]string{"cert_file": certFile, "key_file": keyFile}}
	for _, more := range extra {
		maps.Copy(config, more)
	}
	s := newService(t, config)
	s.start()
	return s
}

// captureBinary builds the native client once, beside the program that binary built.
var captureBinary = sync.OnceValues(func() (string, error) {
	beside, err := binary()
	if err != nil {
		return "", err
	}
	program := filepath.Join(filepath.Dir(beside), "capture")
	out, err := exec.Command("go", "build", "-tags", "nodynamic", "-o", program, "../capture").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building capture: %w: %s", err, out)
	}
	return program, nil
})

// captureProgram says how the native client is run, with its state in one folder.
func captureProgram(t *testing.T) (state string, run func(args ...string) *exec.Cmd) {
	t.Helper()
	program, err := captureBinary()
	if err != nil {
		t.Fatal(err)
	}
	state = filepath.Join(t.TempDir(), "state")
	return state, func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), program, append([]string{args[0], "--state", state}, args[1:]...)...)
	}
}

// says runs a command to its end and gives what it printed.
func says(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args[1], err, out)
	}
	return string(out)
}

// enrolled takes the native client through its enrolment, and signs the clinician in on it.
func enrolled(t *testing.T, s *service, run func(args ...string) *exec.Cmd) vault.DeviceID {
	t.Helper()
	admin := s.signIn("admin")
	var code struct {
		URL string `json:"url"`
	}
	admin.must("POST", "/api/v1/devices/codes", map[string]any{"name": "Ward 4, camera"}, &code)
	enrol := run("enrol", "--url", code.URL)
	out, err := enrol.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := enrol.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	id := admin.pending(t).ID
	admin.must("POST", "/api/v1/devices/"+string(id)+"/approve", nil, nil)
	if rest, err := io.ReadAll(lines); err != nil || enrol.Wait() != nil {
		t.Fatalf("enrolling: %v %s", err, rest)
	}
	signInOn(t, s, run)
	return id
}

// signInOn signs the clinician in on the native client.
func signInOn(t *testing.T, s *service, run func(args ...string) *exec.Cmd) {
	t.Helper()
	a := s.accounts["clinician"]
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(a.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, run("sign-in", "--login", a.Login, "--password-file", file))
}

// TestCaptureEnrols: the native client is enrolled with the fingerprint of the QR code alone, shows the approver's number,
// gets its certificate, sends over it, and is out when the device is.
func TestCaptureEnrols(t *testing.T) {
	s := overTLS(t)
	admin := s.signIn("admin")
	state, run := captureProgram(t)
	var code struct {
		URL string `json:"url"`
	}
	admin.must("POST", "/api/v1/devices/codes", map[string]any{"name": "Ward 4, camera"}, &code)

	cut := strings.LastIndex(code.URL, ".")
	if out, err := run("enrol", "--url", code.URL[:cut+1]+strings.Repeat("00", 32)).CombinedOutput(); err == nil || !strings.Contains(string(out), "somebody may sit in between") {
		t.Errorf("a server with another certificate: got %v, %s", err, out)
	}
	enrol := run("enrol", "--url", code.URL)
	out, err := enrol.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := enrol.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	waiting := admin.pending(t)
	if number := regexp.MustCompile(`\d{3} \d{3}`).FindString(first); strings.ReplaceAll(number, " ", "") != waiting.Number {
		t.Errorf("the device shows %q, the administrator sees %q", number, waiting.Number)
	}
	admin.must("POST", "/api/v1/devices/"+string(waiting.ID)+"/approve", nil, nil)
	rest, err := io.ReadAll(lines)
	if err != nil || enrol.Wait() != nil || !strings.Contains(string(rest), "the certificate counts until") {
		t.Fatalf("after the approval: %v %s", err, rest)
	}
	secretsAreOurs(t, state)

	signInOn(t, s, run)
	if got := says(t, run("status")); !strings.Contains(got, string(waiting.ID)) || !strings.Contains(got, "certificate until "+time.Now().UTC().Add(7*24*time.Hour).Format("2006-01-02")) {
		t.Errorf("status: got %s", got)
	}
	photo := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(photo, photograph(t), 0o600); err != nil {
		t.Fatal(err)
	}
	sends := func() ([]byte, error) {
		return run("send", "--transport", "https", "--patient", "DEMO-0001", "--site", "abdomen", photo).CombinedOutput()
	}
	if got, err := sends(); err != nil || !strings.Contains(string(got), "received as photo") {
		t.Fatalf("sending: %v %s", err, got)
	}
	if !strings.Contains(s.log.String(), "route=/api/v1/device/captures status=201") || strings.Contains(s.log.String(), "route=/api/v1/captures status=201") {
		t.Error("the photo did not come over the device's certificate")
	}
	admin.must("POST", "/api/v1/devices/"+string(waiting.ID)+"/revoke", nil, nil)
	if got, err := sends(); err == nil {
		t.Errorf("after the device was taken out of use a photo was sent: %s", got)
	}
}

// pending is the one device that waits with a number.
func (p *person) pending(t *testing.T) vault.Device {
	t.Helper()
	for _, d := range p.devices() {
		if d.State == vault.DevicePending && d.Number != "" {
			return d
		}
	}
	t.Fatal("no device waits")
	return vault.Device{}
}

// secretsAreOurs fails for a file that others may read, and for a code that is kept longer than it is needed.
func secretsAreOurs(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", d.Name(), info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var kept map[string]any
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "device.json")), &kept); err != nil {
		t.Fatal(err)
	}
	if kept["code"] != nil || kept["opening"] != nil || kept["key"] == nil {
		t.Error("the device file does not hold what it should: a key, and no code any more")
	}
}
