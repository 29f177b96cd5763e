package vaulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
)

// PushService is where browsers' messages go in tests (scripts/push-service.mjs); it checks with jose who sends.
type PushService struct{ Base string }

// Pushed is one message as the service got it. Error says why it would not have been believed.
type Pushed struct {
	Method, Path string
	Headers      []string // name, value, name, value, …
	Size         int      // of the body, in bytes
	Error        string
	Vapid        struct {
		Claims map[string]any
		Key    string
	}
}

// StartPush starts a push service of the test's own.
func StartPush(t testing.TB) *PushService {
	t.Helper()
	port := notePort(t)
	noteServer(t, "jose", "push-service.mjs", fmt.Sprintf("http://127.0.0.1:%d/", port), fmt.Sprint(port))
	return &PushService{fmt.Sprintf("http://127.0.0.1:%d", port)}
}

// Received is what came so far.
func (p *PushService) Received(t testing.TB) (out []Pushed) {
	t.Helper()
	noteAsk(t, p.Base+"/received", &out)
	return out
}

// MailServer takes the mail of tests (npm smtp-server).
type MailServer struct {
	Port int
	web  string
}

// Mailed is one mail as the server got it.
type Mailed struct {
	From   string
	To     []string
	Secure bool
	User   string
	Text   string
}

// StartMail starts a mail server of the test's own. mode is plain, starttls or implicit; the files are PEM.
func StartMail(t testing.TB, mode, certFile, keyFile string) *MailServer {
	t.Helper()
	m := &MailServer{Port: notePort(t)}
	web := notePort(t)
	m.web = fmt.Sprintf("http://127.0.0.1:%d/", web)
	args := []string{fmt.Sprint(m.Port), fmt.Sprint(web), mode}
	if certFile != "" {
		args = append(args, certFile, keyFile)
	}
	noteServer(t, "smtp-server", "mail-server.mjs", m.web, args...)
	return m
}

// Received is what came so far.
func (m *MailServer) Received(t testing.TB) (out []Mailed) {
	t.Helper()
	noteAsk(t, m.web, &out)
	return out
}

func notePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// noteServer runs a script of node until the test ends, and waits until ready answers.
func noteServer(t testing.TB, module, script, ready string, args ...string) {
	t.Helper()
	node, scripts := RequireModule(t, module)
	p, err := spawn(exec.Command(node, append([]string{filepath.Join(scripts, script)}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	if err := p.await(func() error { return answers(ready) }); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

func noteAsk(t testing.TB, url string, out any) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		t.Fatalf("reading what came: %v", err)
	}
}
