package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestMain(m *testing.M) {
	code := vaulttest.Main(m)
	if binaryDir != "" {
		os.RemoveAll(binaryDir)
	}
	os.Exit(code)
}

// binaryDir holds the program that binary built.
var binaryDir string

// binary builds the real program once for all end-to-end tests, as make does.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "clinivault-bin-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "vaultd")
	out, err := exec.Command("go", "build", "-tags", "nodynamic", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building vaultd: %w: %s", err, out)
	}
	return path, nil
})

// service is a running vaultd of the tests: the real binary in its own process.
type service struct {
	t        testing.TB
	config   string // its configuration file
	data     string
	base     string // http://localhost:port
	accounts map[string]vault.DemoAccount
	cmd      *exec.Cmd
	log      *bytes.Buffer
	done     chan struct{}
	launch   func(*exec.Cmd) error // how the process is started; nil: as it is
}

// newService writes a configuration for a service on a free port; extra is
// merged into it.
func newService(t testing.TB, extra map[string]any) *service {
	t.Helper()
	dir := t.TempDir()
	s := &service{t: t, config: filepath.Join(dir, "vaultd.json"), data: filepath.Join(dir, "data")}
	config := map[string]any{"listen": "127.0.0.1:0", "data": s.data}
	for k, v := range extra {
		config[k] = v
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	addressLine = regexp.MustCompile(`^Clinivault is running at\s+(\S+)`)
	stopLine    = regexp.MustCompile(`^Stop with Ctrl-C`)
)

// start runs `vaultd demo` until the test ends and waits for its address.
func (s *service) start() {
	s.t.Helper()
	if !s.begin() {
		s.t.Fatalf("vaultd ended: %s", s.log)
	}
	text, err := os.ReadFile(filepath.Join(s.data, "demo-accounts.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var accounts []vault.DemoAccount
	if err := json.Unmarshal(text, &accounts); err != nil {
		s.t.Fatal(err)
	}
	s.accounts = map[string]vault.DemoAccount{}
	for _, a := range accounts {
		s.accounts[string(a.Role)] = a
	}
}

// begin starts the process and tells whether it got as far as to say where it runs.
func (s *service) begin() bool {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	first := s.cmd == nil
	s.cmd, s.log, s.done = exec.Command(path, "demo", "--config", s.config), &bytes.Buffer{}, make(chan struct{})
	s.cmd.Stderr = s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if s.launch == nil {
		s.launch = (*exec.Cmd).Start
	}
	if err := s.launch(s.cmd); err != nil {
		s.t.Fatal(err)
	}
	if first {
		s.t.Cleanup(func() {
			s.kill()
			if s.t.Failed() {
				s.t.Logf("the service's last words:\n%s", lastLines(s.log.String(), 30))
			}
		})
	}
	up := make(chan string, 1)
	go s.read(out, up, s.done)
	select {
	case s.base = <-up:
	case <-time.After(60 * time.Second):
		s.t.Fatal("vaultd does not say where it runs")
	}
	return s.base != ""
}

// lastLines is the end of a log, without the reads that tests poll with.
func lastLines(log string, n int) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(log), "\n"), func(line string) bool {
		return strings.Contains(line, "method=GET") && strings.Contains(line, "status=200")
	})
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// read passes the address on once the whole welcome was printed, then waits.
func (s *service) read(out io.Reader, up chan<- string, done chan struct{}) {
	defer close(done)
	defer close(up)
	base := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := addressLine.FindStringSubmatch(lines.Text()); m != nil {
			base = m[1]
		}
		if stopLine.MatchString(lines.Text()) {
			up <- base
		}
	}
	_ = s.cmd.Wait()
}

// kill ends the service as a power cut would: SIGKILL to the process and its
// limited children.
func (s *service) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// stop ends the service as an operator would.
func (s *service) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
}

// person is a signed-in program.
type person struct {
	s     *service
	token string
	id    string
}

func (s *service) signIn(role string) *person {
	s.t.Helper()
	a, ok := s.accounts[role]
	if !ok {
		s.t.Fatalf("no demo account for role %s", role)
	}
	p := &person{s: s}
	var answer struct {
		Token  string `json:"token"`
		Person struct {
			ID string `json:"id"`
		} `json:"person"`
	}
	status := p.call("POST", "/api/v1/session", map[string]string{"login": a.Login, "password": a.Password}, &answer)
	if status != http.StatusOK {
		s.t.Fatalf("signing in as %s: got status %d, want 200", role, status)
	}
	p.token, p.id = answer.Token, answer.Person.ID
	return p
}

// request sends one request and returns status and body; a network fault is an error.
func (p *person) request(ctx context.Context, method, path string, header http.Header, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.s.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept-Session", "bearer")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, got, err
}

// call sends JSON and reads JSON into answer when the status is 2xx.
func (p *person) call(method, path string, body, answer any) int {
	p.s.t.Helper()
	var text []byte
	header := http.Header{}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			p.s.t.Fatal(err)
		}
		header.Set("Content-Type", "application/json")
	}
	status, got, err := p.request(p.s.t.Context(), method, path, header, text)
	if err != nil {
		p.s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if answer != nil && status/100 == 2 {
		if err := json.Unmarshal(got, answer); err != nil {
			p.s.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return status
}

func (p *person) must(method, path string, body, answer any) {
	p.s.t.Helper()
	if status := p.call(method, path, body, answer); status/100 != 2 {
		p.s.t.Fatalf("%s %s: got status %d, want 2xx", method, path, status)
	}
}

// patients lists the person's own patients.
func (p *person) patients() []vault.Patient {
	p.s.t.Helper()
	var answer struct {
		Patients []vault.Patient `json:"patients"`
	}
	p.must("POST", "/api/v1/patients/search", map[string]string{"q": ""}, &answer)
	return answer.Patients
}

// envelope is a sealed capture ready to send.
type envelope struct {
	id     string
	digest string // base64, as in Content-Digest
	bytes  []byte
}

// intakeKey is what the person seals captures to.
func (p *person) intakeKey() seal.IntakePublic {
	p.s.t.Helper()
	var intake struct {
		Epoch uint32 `json:"epoch"`
		Key   []byte `json:"key"`
	}
	p.must("GET", "/api/v1/intake", nil, &intake)
	return seal.IntakePublic{Epoch: intake.Epoch, Key: intake.Key}
}

// seal seals a picture as a client does.
func (p *person) seal(patient vault.PatientID, picture []byte) envelope {
	p.s.t.Helper()
	e, err := p.sealTo(p.intakeKey(), patient, picture)
	if err != nil {
		p.s.t.Fatal(err)
	}
	return e
}

// sealTo is seal with a key that was fetched before; it needs no service.
func (p *person) sealTo(intake seal.IntakePublic, patient vault.PatientID, picture []byte) (envelope, error) {
	id := make([]byte, 16)
	rand.Read(id) // never fails (crypto/rand)
	facts := seal.CaptureFacts{
		CaptureID: hex.EncodeToString(id), Patient: string(patient), BodySite: vault.BodySites[0].Code, Author: p.id,
		Device: "test", MediaType: "image/jpeg", TakenAt: time.Now().UTC().Truncate(time.Millisecond),
		Consent: seal.Consent{Record: true},
	}
	var sealed bytes.Buffer
	err := seal.SealCapture(&sealed, bytes.NewReader(picture), intake, facts)
	sum := sha256.Sum256(sealed.Bytes())
	return envelope{facts.CaptureID, base64.StdEncoding.EncodeToString(sum[:]), sealed.Bytes()}, err
}

// send uploads an envelope once. A network fault is an error.
func (p *person) send(ctx context.Context, e envelope) (int, seal.Receipt, error) {
	header := http.Header{}
	header.Set("Content-Type", "application/vnd.clinivault.capture")
	header.Set("Capture-Id", e.id)
	header.Set("Content-Digest", "sha-256=:"+e.digest+":")
	status, body, err := p.request(ctx, "POST", "/api/v1/captures", header, e.bytes)
	var receipt seal.Receipt
	if err == nil && status/100 == 2 {
		err = json.Unmarshal(body, &receipt)
	}
	return status, receipt, err
}

// captures lists what the person sent, by capture ID.
func (p *person) captures() map[string][]vault.Photo {
	p.s.t.Helper()
	var answer struct {
		Photos []vault.Photo `json:"photos"`
	}
	p.must("GET", "/api/v1/captures?limit=200", nil, &answer)
	by := map[string][]vault.Photo{}
	for _, photo := range answer.Photos {
		by[string(photo.CaptureID)] = append(by[string(photo.CaptureID)], photo)
	}
	return by
}

// eventually polls until ok is true.
func eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", within, what)
		}
	}
}

// photograph returns a real photograph with a face: one of the labelled masked
// set, or the picture that pigo tests itself with where the data is absent.
func photograph(t testing.TB) []byte {
	t.Helper()
	if found, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "faces", "groups", "*.jpg")); len(found) > 0 {
		return readFile(t, found[0])
	}
	t.Log("the folder of test pictures is absent: using pigo's own test picture")
	return vaulttest.Face(t)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// runBinary runs the real program with args and returns what it printed.
func runBinary(t testing.TB, args ...string) (string, error) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}
