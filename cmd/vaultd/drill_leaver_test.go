package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// leaverPassword is what the leaver chose.
const leaverPassword = "violet harbour under quiet snow"

// twoNodes are two servers on one database and one store: a is the demo over HTTP, where the directory and the
// administrator are; b serves over TLS, where the leaver is.
type twoNodes struct {
	t      *testing.T
	a      *service
	b      string // the second's address
	dsn    string
	trust  *tls.Config
	client *http.Client // for b
}

func newTwoNodes(t *testing.T) *twoNodes {
	t.Helper()
	n := &twoNodes{t: t, dsn: vaulttest.Postgres(t)}
	shared := stackConfig(t, n.dsn, vaulttest.MinIO(t))
	shared["sign_in"] = map[string]any{"password_only": true}
	n.a = newService(t, shared)
	n.a.start()

	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := certFiles(t)
	config := map[string]any{"listen": address, "data": filepath.Join(dir, "data"), "root_key_file": filepath.Join(n.a.data, "root.key"),
		"tls": map[string]string{"cert_file": cert, "key_file": key}}
	for k, v := range shared {
		config[k] = v
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "b.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(readFile(t, cert))
	n.b, n.trust = "https://"+address, &tls.Config{RootCAs: roots}
	n.client = &http.Client{Transport: &http.Transport{TLSClientConfig: n.trust}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	n.serve(file)
	return n
}

// serve starts the second node and waits until it answers.
func (n *twoNodes) serve(config string) {
	n.t.Helper()
	path, err := binary()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command(path, "serve", "--config", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := &bytes.Buffer{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		endWorker(cmd)
		if n.t.Failed() {
			n.t.Logf("the second node's last words:\n%s", lastLines(said.String(), 30))
		}
	})
	eventually(n.t, "the second node", 60*time.Second, func() bool {
		status, _ := n.ask("GET", "/readyz", "", nil, nil)
		return status == http.StatusOK
	})
}

// ask sends a request to the second node; a network fault is status 0.
func (n *twoNodes) ask(method, path, token string, body, answer any) (int, []byte) {
	n.t.Helper()
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			n.t.Fatal(err)
		}
		text = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.b+path, text)
	if err != nil {
		n.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return n.do(n.client, req, token, answer)
}

func (n *twoNodes) do(client *http.Client, req *http.Request, token string, answer any) (int, []byte) {
	n.t.Helper()
	req.Header.Set("Accept-Session", "bearer")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	if answer != nil && resp.StatusCode/100 == 2 {
		if err := json.Unmarshal(got, answer); err != nil {
			n.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
		}
	}
	return resp.StatusCode, got
}

// must is ask for what has to work.
func (n *twoNodes) must(method, path, token string, body, answer any) {
	n.t.Helper()
	if status, text := n.ask(method, path, token, body, answer); status/100 != 2 {
		n.t.Fatalf("%s %s on the second node: got %d %s, want 2xx", method, path, status, text)
	}
}

// scim asks the first node as the directory.
func (n *twoNodes) scim(token, method, path, body string) map[string]any {
	n.t.Helper()
	p := &person{s: n.a, token: token}
	status, text, err := p.request(n.t.Context(), method, "/scim/v2"+path, http.Header{"Content-Type": {"application/scim+json"}}, []byte(body))
	if err != nil || status/100 != 2 {
		n.t.Fatalf("%s %s: got %d %s, %v, want 2xx", method, path, status, text, err)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			n.t.Fatal(err)
		}
	}
	return out
}

// leaver is somebody from the directory with everything open that a person can have open.
type leaver struct {
	n            *twoNodes
	directory    string // the token of the directory
	id, token    string
	patient      vault.PatientID
	photo        vault.PhotoID
	link         string
	device       *http.Client // with the device's certificate
	deviceToken  string
	upload, sent envelope
	body         *io.PipeWriter // of the upload under way
	uploaded     chan int
	page         *browser
	clinician    *person
}

func newLeaver(t *testing.T, n *twoNodes) *leaver {
	t.Helper()
	l := &leaver{n: n, clinician: n.a.signIn("clinician")}
	file := filepath.Join(t.TempDir(), "token")
	if out, err := runBinary(t, "scim", "token", "--config", n.a.config, "--name", "Drill", "--out", file); err != nil {
		t.Fatalf("making the directory's token: %s", out)
	}
	l.directory = strings.TrimSpace(string(readFile(t, file)))
	admin := n.a.signIn("admin")
	for group, role := range map[string]string{"Drill clinicians": "clinician", "Drill reviewers": "reviewer"} {
		admin.must("POST", "/api/v1/groups", map[string]any{"name": group, "roles": []string{role}, "team": ""}, nil)
	}
	l.id = n.scim(l.directory, "POST", "/Users", `{"userName":"leaver.test","displayName":"Test Leaver","active":true}`)["id"].(string)
	for _, group := range []string{"Drill clinicians", "Drill reviewers"} {
		n.scim(l.directory, "POST", "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, group, l.id))
	}
	var code struct{ Code string }
	admin.must("POST", "/api/v1/people/leaver.test/reset", nil, &code)
	var session struct{ Token string }
	n.must("POST", "/api/v1/enrolment", "", map[string]string{"login": "leaver.test", "code": code.Code, "password": leaverPassword}, &session)
	l.token = session.Token
	l.patient = l.clinician.patients()[0].ID
	if out, err := runBinary(t, "patient", "join", "--config", n.a.config, "--patient", string(l.patient), "--care-team", "leaver.test"); err != nil {
		t.Fatalf("joining the care team: %s", out)
	}
	return l
}

// signIn opens another session on the second node.
func (l *leaver) signIn() string {
	l.n.t.Helper()
	var session struct{ Token string }
	l.n.must("POST", "/api/v1/session", "", map[string]string{"login": "leaver.test", "password": leaverPassword}, &session)
	return session.Token
}

// opens gives the leaver everything: a claimed review, a link, a device with a session of its own, an upload under way,
// an open page.
func (l *leaver) opens(t *testing.T) {
	t.Helper()
	picture := smallPicture(t)
	first := l.clinician.seal(l.patient, picture)
	if status, _, err := l.clinician.send(t.Context(), first); err != nil || status != http.StatusCreated {
		t.Fatalf("the clinician's capture: got %d, %v, want 201", status, err)
	}
	eventually(t, "the photo", 60*time.Second, func() bool {
		found := l.clinician.captures()[first.id]
		if len(found) == 1 && found[0].State == vault.StateInReview {
			l.photo = found[0].ID
		}
		return l.photo != ""
	})
	var next struct{ Photo *vault.Photo }
	l.n.must("POST", "/api/v1/review/next", l.token, map[string]any{}, &next)
	if next.Photo == nil || next.Photo.ID != l.photo {
		t.Fatalf("claiming: got %+v, want the photo", next.Photo)
	}
	var link struct{ Path string }
	l.n.must("POST", "/api/v1/photos/"+string(l.photo)+"/links", l.token, nil, &link)
	l.link = link.Path
	l.enrols(t)
	l.begins(t, picture)
	l.page = openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	l.page.run("trusting the second node", security.SetIgnoreCertificateErrors(true))
	l.page.run("opening sign-in", chromedp.Navigate(l.n.b+"/sign-in"), chromedp.WaitVisible("#login", chromedp.ByQuery),
		chromedp.SendKeys("#login", "leaver.test", chromedp.ByQuery), chromedp.SendKeys("#password", leaverPassword, chromedp.ByQuery),
		chromedp.Click("#sign-in button[type=submit]", chromedp.ByQuery))
	l.page.until("signing in", `location.pathname !== '/sign-in'`)
	l.page.run("opening the patient", chromedp.Navigate(l.n.b+"/patients/"+string(l.patient)))
}

// enrols makes a device of the leaver's that has a certificate and a session.
func (l *leaver) enrols(t *testing.T) {
	t.Helper()
	l.deviceToken = l.signIn()
	d := vaulttest.NewDevice(t)
	var asked struct{ Nonce string }
	l.n.must("POST", "/api/v1/device/challenge", l.deviceToken, map[string]any{}, &asked)
	var bound struct{ ID string }
	l.n.must("POST", "/api/v1/device/bind", l.deviceToken, map[string]any{"key": d.Public(t), "kind": "native", "name": "Drill device",
		"nonce": asked.Nonce, "signature": d.Sign(t, "bind", asked.Nonce)}, &bound)
	l.n.a.signIn("admin").must("POST", "/api/v1/devices/"+bound.ID+"/approve", nil, nil)
	var made struct{ Certificate []byte }
	l.n.must("POST", "/api/v1/devices/certificate", l.deviceToken, map[string]any{}, &made)
	trust := l.n.trust.Clone()
	trust.NextProtos = []string{deviceProtocol, "http/1.1"}
	trust.Certificates = []tls.Certificate{{Certificate: [][]byte{made.Certificate}, PrivateKey: d.Key}}
	l.device = &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
}

// seal seals a capture of the leaver's.
func (l *leaver) seal(t *testing.T, picture []byte) envelope {
	t.Helper()
	e, err := (&person{s: l.n.a, id: l.id}).sealTo(l.clinician.intakeKey(), l.patient, picture)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// capture is a request that sends an envelope.
func (l *leaver) capture(ctx context.Context, path string, e envelope, body io.Reader) *http.Request {
	l.n.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", l.n.b+path, body)
	if err != nil {
		l.n.t.Fatal(err)
	}
	req.ContentLength = int64(len(e.bytes))
	req.Header.Set("Content-Type", "application/vnd.clinivault.capture")
	req.Header.Set("Capture-Id", e.id)
	req.Header.Set("Content-Digest", "sha-256=:"+e.digest+":")
	return req
}

// begins sends all of a capture but its last bytes, which are held back.
func (l *leaver) begins(t *testing.T, picture []byte) {
	t.Helper()
	l.sent = l.seal(t, picture)
	if status, text := l.n.do(l.n.client, l.capture(t.Context(), "/api/v1/captures", l.sent, bytes.NewReader(l.sent.bytes)), l.token, nil); status != http.StatusCreated {
		t.Fatalf("a capture before the cut: got %d %s, want 201", status, text)
	}
	l.upload = l.seal(t, picture)
	r, w := io.Pipe()
	l.body, l.uploaded = w, make(chan int, 1)
	req := l.capture(t.Context(), "/api/v1/captures", l.upload, r)
	go func() {
		status, _ := l.n.do(l.n.client, req, l.token, nil)
		l.uploaded <- status
	}()
	if _, err := w.Write(l.upload.bytes[:len(l.upload.bytes)-100]); err != nil {
		t.Fatal(err)
	}
}

// attempt is one thing that the leaver tries.
type attempted struct {
	what string
	do   func() int // the status
	want int        // after the cut
}

func (l *leaver) attempts(t *testing.T) []attempted {
	fetch := func(path string) int {
		var status int
		l.page.run("asking from the page", chromedp.Evaluate(`fetch('`+path+`', {headers: {Accept: 'application/json'}}).then(r => r.status)`, &status,
			func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		return status
	}
	get := func(path, token string) func() int {
		return func() int {
			status, _ := l.n.ask("GET", path, token, nil, nil)
			return status
		}
	}
	return []attempted{
		{"open page: its next request", func() int { return fetch("/api/v1/patients/" + string(l.patient)) }, 401},
		{"program's session: the photo", get("/api/v1/photos/"+string(l.photo), l.token), 401},
		{"claimed review: its full picture", get("/api/v1/photos/"+string(l.photo)+"/renditions/original", l.token), 401},
		{"claimed review: holding it longer", func() int {
			status, _ := l.n.ask("POST", "/api/v1/photos/"+string(l.photo)+"/claim", l.token, nil, nil)
			return status
		}, 401},
		{"link, opened by a colleague", get(l.link, l.clinician.token), 404},
		{"device uplink: a capture", func() int {
			e := l.seal(t, smallPicture(t))
			status, _ := l.n.do(l.device, l.capture(t.Context(), "/api/v1/device/captures", e, bytes.NewReader(e.bytes)), l.deviceToken, nil)
			return status
		}, 401},
		{"device uplink: a new certificate", func() int {
			req, err := http.NewRequestWithContext(t.Context(), "POST", l.n.b+"/api/v1/device/certificate", nil)
			if err != nil {
				t.Fatal(err)
			}
			status, _ := l.n.do(l.device, req, l.deviceToken, nil)
			return status
		}, 401},
		{"signing in again", func() int {
			status, _ := l.n.ask("POST", "/api/v1/session", "", map[string]string{"login": "leaver.test", "password": leaverPassword}, nil)
			return status
		}, 401},
	}
}

// TestLeaverIsOut: somebody with everything open on one node is deactivated by the directory on the other. The very next
// request of each thing is refused, and what was under way is not taken in.
func TestLeaverIsOut(t *testing.T) {
	n := newTwoNodes(t)
	l := newLeaver(t, n)
	l.opens(t)
	attempts := l.attempts(t)
	before := make([]int, len(attempts))
	for i, a := range attempts {
		if before[i] = a.do(); before[i] < 200 || before[i] > 399 {
			t.Fatalf("%s, before the cut: got %d, want it to work", a.what, before[i])
		}
	}

	asked := time.Now()
	n.scim(l.directory, "PATCH", "/Users/"+l.id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`)
	cut := time.Now()

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\nthe directory deactivated the leaver on the first node in %d ms; then on the second:\n", cut.Sub(asked).Milliseconds())
	fmt.Fprintln(w, "what\tbefore\tafter\tanswered after the cut")
	for i, a := range attempts {
		status := a.do()
		fmt.Fprintf(w, "%s\t%d\t%d\t%d ms\n", a.what, before[i], status, time.Since(cut).Milliseconds())
		if status != a.want {
			t.Errorf("%s, after the cut: got %d, want %d", a.what, status, a.want)
		}
	}
	if _, err := l.body.Write(l.upload.bytes[len(l.upload.bytes)-100:]); err != nil {
		t.Logf("the rest of the upload was not taken: %v", err)
	}
	if err := l.body.Close(); err != nil {
		t.Fatal(err)
	}
	status := <-l.uploaded
	fmt.Fprintf(w, "upload under way: its last bytes\t-\t%d\t%d ms\n", status, time.Since(cut).Milliseconds())
	if status != http.StatusUnauthorized {
		t.Errorf("the upload under way: got %d, want 401", status)
	}
	l.page.run("going on in the page", chromedp.Navigate(n.b+"/captures"))
	l.page.until("the sign-in page", `location.pathname === '/sign-in'`)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	l.leftNothing(t)
}

// leftNothing looks into the database: what was acknowledged is there, what was not is not, nothing is held any more; and
// another reviewer gets the photo at once.
func (l *leaver) leftNothing(t *testing.T) {
	t.Helper()
	db, err := sql.Open("pgx", l.n.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct {
		what, query, arg string
		want             int
	}{
		{"photos of the capture that was acknowledged", `SELECT count(*) FROM photos WHERE capture_id = $1`, l.sent.id, 1},
		{"photos of the upload that was cut", `SELECT count(*) FROM photos WHERE capture_id = $1`, l.upload.id, 0},
		{"live sessions", `SELECT count(*) FROM sessions WHERE person = $1 AND ended_at IS NULL`, l.id, 0},
		{"claims", `SELECT count(*) FROM photos WHERE claimed_by = $1`, l.id, 0},
		{"live links", `SELECT count(*) FROM links WHERE maker = $1 AND ended_at IS NULL`, l.id, 0},
		{"ties to patients", `SELECT count(*) FROM care_team WHERE person = $1 AND ended_at IS NULL`, l.id, 0},
	} {
		var got int
		if err := db.QueryRowContext(t.Context(), c.query, c.arg).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s afterwards: got %d, %v, want %d", c.what, got, err, c.want)
		}
	}
	var next struct{ Photo *vault.Photo }
	l.n.a.signIn("reviewer").must("POST", "/api/v1/review/next", map[string]any{}, &next)
	if next.Photo == nil || next.Photo.ID != l.photo {
		t.Errorf("the next reviewer: got %+v, want the photo that the leaver held", next.Photo)
	}
}
