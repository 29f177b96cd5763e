package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// told is a vault whose notices leave the house: to a push service and a mail server of the test's own.
type told struct {
	*vaulttest.Bench
	t        *testing.T
	push     *vaulttest.PushService
	notify   *notifier
	reviewer vault.Actor
	author   vault.Actor
	patient  vault.PatientID
	log      *bytes.Buffer
}

func newTold(t *testing.T, smtp *SMTPConfig) *told {
	t.Helper()
	w := &told{Bench: vaulttest.New(t), t: t, push: vaulttest.StartPush(t), log: &bytes.Buffer{}}
	w.Cfg.Now = time.Now // tokens are checked by a clock that is right
	config := &Config{Notices: &NoticesConfig{Address: "https://clinivault.example.org", Contact: "mailto:it@example.org",
		PushHosts: []string{strings.TrimPrefix(w.push.Base, "http://")}, SMTP: smtp}}
	if err := config.Notices.check(); err != nil {
		t.Fatal(err)
	}
	w.Cfg.Notices = config.Notices.forVault()
	w.Reopen(t)
	var err error
	if w.notify, err = newNotifier(config, slog.New(slog.NewTextHandler(w.log, nil))); err != nil {
		t.Fatal(err)
	}
	w.reviewer = w.Person(t, "reviewer", vault.RoleReviewer)
	w.author = w.Person(t, "author", vault.RoleClinician)
	w.patient = w.Patient(t, w.author)
	return w
}

// subscribe has the reviewer told at a path of the push service.
func (w *told) subscribe(path string) {
	w.t.Helper()
	key, err := w.V.PushKey(w.t.Context(), w.reviewer)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.V.Subscribe(w.t.Context(), w.reviewer, w.push.Base+path, key.Epoch); err != nil {
		w.t.Fatal(err)
	}
}

// cause sends a photo and prepares it, so that the reviewer is to be told, and returns its ID.
func (w *told) cause() string {
	w.t.Helper()
	receipt := w.Send(w.t, w.author, w.Capture(w.t, w.author, w.patient, vaulttest.Picture(w.t, 160, 120, 7)))
	job := w.claim(vault.JobProcess)
	if err := w.V.ProcessCapture(w.t.Context(), vault.JobActor("test"), job); err != nil {
		w.t.Fatal(err)
	}
	return receipt.PhotoID
}

func (w *told) claim(kind string) *vault.Job {
	w.t.Helper()
	job, err := w.V.ClaimJob(w.t.Context(), vault.JobActor("test"), time.Minute)
	if err != nil || job == nil || job.Kind != kind {
		w.t.Fatalf("claimed %v, %v, want a job of kind %s", job, err, kind)
	}
	return job
}

// tell does the notice's job and says how the job stands after it.
func (w *told) tell() string {
	w.t.Helper()
	if err := w.notify.deliver(w.t.Context(), w.V, vault.JobActor("test"), w.claim(vault.JobNotify)); err != nil {
		w.t.Fatal(err)
	}
	counts, err := w.V.JobCounts(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range counts {
		if c.Kind == vault.JobNotify {
			return c.State
		}
	}
	return "none"
}

func (w *told) browsers() int {
	w.t.Helper()
	in, err := w.V.Notices(w.t.Context(), w.reviewer)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(in.Subscriptions)
}

// TestPushByStatus: what a push service says is what is done. The service checks each token itself, with jose.
func TestPushByStatus(t *testing.T) {
	w := newTold(t, nil)
	for _, c := range []struct {
		status   int
		job      string
		browsers int
	}{
		{201, "done", 1}, {200, "done", 1}, {202, "done", 1}, {404, "done", 0}, {410, "done", 0}, {400, "done", 1},
		{413, "done", 1}, {403, "done", 1}, {301, "done", 1}, {307, "done", 1}, {429, "ready", 1}, {500, "ready", 1}, {503, "ready", 1},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			w.t = t
			before := len(w.push.Received(t))
			w.subscribe(fmt.Sprintf("/%d/browser", c.status))
			w.cause()
			if got := w.tell(); got != c.job {
				t.Errorf("the job is %s, want %s", got, c.job)
			}
			if got := w.browsers(); got != c.browsers {
				t.Errorf("%d browsers are kept, want %d", got, c.browsers)
			}
			came := w.push.Received(t)[before:]
			if len(came) != 1 || came[0].Error != "" { // a redirect that was followed would be a second
				t.Fatalf("the service got %+v, want one message that it believes", came)
			}
			w.plain(came[0])
			w.clear()
		})
	}
}

// plain holds a message against what it may be: nothing in it, a token for this service, the same for everybody.
func (w *told) plain(m vaulttest.Pushed) {
	w.t.Helper()
	if m.Method != "POST" || m.Size != 0 || m.Vapid.Claims["sub"] != "mailto:it@example.org" || len(m.Vapid.Claims) != 3 {
		w.t.Errorf("got %s with %d bytes and claims %v, want an empty POST and aud, exp, sub", m.Method, m.Size, m.Vapid.Claims)
	}
	head := map[string]string{}
	for i := 0; i+1 < len(m.Headers); i += 2 {
		head[strings.ToLower(m.Headers[i])] = m.Headers[i+1]
	}
	for name, want := range map[string]string{"ttl": "43200", "urgency": "normal", "topic": "clinivault", "content-length": "0"} {
		if head[name] != want {
			w.t.Errorf("header %s: got %q, want %q", name, head[name], want)
		}
	}
}

// clear ends what the last case left.
func (w *told) clear() {
	w.t.Helper()
	in, err := w.V.Notices(w.t.Context(), w.reviewer)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range in.Subscriptions {
		if err := w.V.Unsubscribe(w.t.Context(), w.reviewer, s.ID); err != nil {
			w.t.Fatal(err)
		}
	}
	w.reset()
}

// TestPushServiceAway: a service that is down is asked again later, and the log names no browser's address.
func TestPushServiceAway(t *testing.T) {
	w := newTold(t, nil)
	w.subscribe("/201/secret-capability")
	w.notify.push = newPusher(nil) // to this pusher every address of this machine is inside
	w.cause()
	if got := w.tell(); got != "ready" {
		t.Errorf("the job is %s, want ready", got)
	}
	if text := w.log.String(); !strings.Contains(text, "must not be inside") || strings.Contains(text, "secret-capability") {
		t.Errorf("the log says %s, want the cause and no address", text)
	}
}

func TestOutside(t *testing.T) {
	named := []string{"127.0.0.1:9000", "10.1.2.3:443"}
	for address, want := range map[string]bool{
		"192.0.2.7:443": true, "[2001:db8::7]:443": true, "127.0.0.1:9000": true,
		"127.0.0.1:9001": false, "127.0.0.2:9000": false, "10.1.2.3:443": false, "172.16.0.1:443": false, "192.168.0.1:443": false,
		"169.254.169.254:443": false, "100.64.0.1:443": false, "0.0.0.0:443": false, "[::]:443": false, "[::1]:443": false,
		"[fe80::1]:443": false, "[fc00::1]:443": false, "[::ffff:127.0.0.1]:443": false, "[::ffff:10.0.0.1]:443": false,
		"224.0.0.1:443": false, "255.255.255.255:443": false, "name.example:443": false,
	} {
		if got := outside(address, named) == nil; got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	if !errors.Is(outside("127.0.0.1:1", nil), errInside) {
		t.Error("an address inside is refused with another error")
	}
}

// mailFiles makes a CA and a certificate for 127.0.0.1, as files.
func mailFiles(t *testing.T) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	own, err := openLocalCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := own.issue([]string{"127.0.0.1", "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "mail.crt"), filepath.Join(dir, "mail.key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return own.file, cert, key
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMail: against a real mail server, with each kind of TLS and each kind of refusal.
func TestMail(t *testing.T) {
	ca, cert, key := mailFiles(t)
	_, foreign, foreignKey := mailFiles(t)
	password, wrong := secretFile(t, "a password of the tests\n"), secretFile(t, "another")
	starttls, implicit := vaulttest.StartMail(t, "starttls", cert, key), vaulttest.StartMail(t, "implicit", cert, key)
	plain, other := vaulttest.StartMail(t, "plain", "", ""), vaulttest.StartMail(t, "starttls", foreign, foreignKey)
	base := SMTPConfig{Host: "127.0.0.1", From: "clinivault@example.org", CAFile: ca}
	for _, c := range []struct {
		name   string
		server *vaulttest.MailServer
		change func(*SMTPConfig)
		to     string
		want   vault.TellOutcome
		says   string
	}{
		{"starttls", starttls, func(*SMTPConfig) {}, "a@example.org", vault.TellSent, ""},
		{"signed in", starttls, func(c *SMTPConfig) { c.User, c.PasswordFile = "vault", password }, "a@example.org", vault.TellSent, ""},
		{"wrong password", starttls, func(c *SMTPConfig) { c.User, c.PasswordFile = "vault", wrong }, "a@example.org", vault.TellLater, "answered 535"},
		{"implicit", implicit, func(c *SMTPConfig) { c.TLS = "implicit" }, "a@example.org", vault.TellSent, ""},
		{"no TLS where it is required", plain, func(*SMTPConfig) {}, "a@example.org", vault.TellLater, "offers no TLS"},
		{"no TLS on loopback", plain, func(c *SMTPConfig) { c.TLS = "none" }, "a@example.org", vault.TellSent, ""},
		{"a certificate of nobody's", other, func(*SMTPConfig) {}, "a@example.org", vault.TellLater, "no connection"},
		{"no such user", starttls, func(*SMTPConfig) {}, "refused@example.org", vault.TellRefused, "answered 550"},
		{"try later", starttls, func(*SMTPConfig) {}, "later@example.org", vault.TellLater, "answered 451"},
		{"two lines", starttls, func(*SMTPConfig) {}, "a@example.org\r\nRCPT TO:<b@example.org>", vault.TellLater, "no connection"},
		{"down", &vaulttest.MailServer{Port: 1}, func(*SMTPConfig) {}, "a@example.org", vault.TellLater, "no connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := base
			config.Port = c.server.Port
			c.change(&config)
			m, err := newMailer(config, "https://clinivault.example.org/")
			if err != nil {
				t.Fatal(err)
			}
			before := received(t, c.server)
			got := m.send(t.Context(), c.to)
			if got.Outcome != c.want {
				t.Errorf("got %s, %v, want %s", got.Outcome, got.Cause, c.want)
			}
			if c.says != "" && (!strings.Contains(fmt.Sprint(got.Cause), c.says) || strings.Contains(fmt.Sprint(got.Cause), "example.org")) {
				t.Errorf("the cause is %q, want %q and no address", got.Cause, c.says)
			}
			came := received(t, c.server)[len(before):]
			if sent := c.want == vault.TellSent; sent != (len(came) == 1) {
				t.Fatalf("the server got %d mails", len(came))
			}
			for _, mail := range came {
				if mail.Secure != (config.TLS != "none") || (config.User != "") != (mail.User == "vault") {
					t.Errorf("came with TLS %v as %q", mail.Secure, mail.User)
				}
				checkMail(t, mail)
			}
		})
	}
}

func received(t *testing.T, m *vaulttest.MailServer) []vaulttest.Mailed {
	if m.Port == 1 {
		return nil
	}
	return m.Received(t)
}

// checkMail holds a mail against the one that there is.
func checkMail(t *testing.T, mail vaulttest.Mailed) {
	t.Helper()
	head, body, _ := strings.Cut(mail.Text, "\r\n\r\n")
	for _, want := range []string{"Subject: Something waits in Clinivault", "To: <a@example.org>", "Auto-Submitted: auto-generated"} {
		if strings.Count(head, want) != 1 {
			t.Errorf("the head lacks %q: %s", want, head)
		}
	}
	want := "Something waits for you in Clinivault. Sign in to see it:\r\n\r\nhttps://clinivault.example.org/notices\r\n\r\n" +
		"A program sent this. It never says more than that; you can choose on that page what it tells you of.\r\n"
	if body != want || strings.Count(head, "\r\n") != 7 {
		t.Errorf("got head %q and body %q, want 8 fields and %q", head, body, want)
	}
}

func TestNoticesConfig(t *testing.T) {
	smtp := func(change func(*SMTPConfig)) *NoticesConfig {
		c := SMTPConfig{Host: "mail.example.org", From: "clinivault@example.org"}
		change(&c)
		return &NoticesConfig{Address: "https://clinivault.example.org", SMTP: &c}
	}
	for name, c := range map[string]struct {
		config *NoticesConfig
		want   string // of the error; empty: none
	}{
		"nothing":             {nil, ""},
		"push":                {&NoticesConfig{Contact: "mailto:it@example.org"}, ""},
		"contact is no URL":   {&NoticesConfig{Contact: "it@example.org"}, `"contact"`},
		"hosts alone":         {&NoticesConfig{PushHosts: []string{"push.example.org"}}, `needs "contact"`},
		"a host with a path":  {&NoticesConfig{Contact: "mailto:it@example.org", PushHosts: []string{"push.example.org/x"}}, "host:port"},
		"every host":          {&NoticesConfig{Contact: "mailto:it@example.org", PushHosts: []string{"*"}}, "host:port"},
		"mail":                {smtp(func(*SMTPConfig) {}), ""},
		"mail, no address":    {&NoticesConfig{SMTP: &SMTPConfig{Host: "h", From: "a@b"}}, `"address"`},
		"mail, from a name":   {smtp(func(c *SMTPConfig) { c.From = "Name <a@example.org>" }), "plain mail address"},
		"mail, two lines":     {smtp(func(c *SMTPConfig) { c.From = "a@example.org\r\nBcc: b@example.org" }), "plain mail address"},
		"no TLS away":         {smtp(func(c *SMTPConfig) { c.TLS = "none" }), "loopback only"},
		"no TLS on loopback":  {smtp(func(c *SMTPConfig) { c.TLS, c.Host = "none", "127.0.0.1" }), ""},
		"a word of one's own": {smtp(func(c *SMTPConfig) { c.TLS = "maybe" }), `"tls" must be`},
		"a user alone":        {smtp(func(c *SMTPConfig) { c.User = "vault" }), "belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.config.check()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if got := (&NoticesConfig{Contact: "mailto:it@example.org"}).forVault().PushHosts; len(got) != len(defaultPushHosts) {
		t.Errorf("push services by default: got %v", got)
	}
	if got := (&NoticesConfig{}).forVault(); len(got.PushHosts) != 0 || got.Mail {
		t.Errorf("without a contact: got %+v, want nothing to leave the house", got)
	}
}

// reset begins anew: no notice is waiting, and none was sent within the hour.
func (w *told) reset() {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.Cfg.DSN)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{`DELETE FROM notice_sends`, `DELETE FROM notices`, `DELETE FROM jobs WHERE kind = 'notify'`} {
		if _, err := db.ExecContext(w.t.Context(), query); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestNoticesTellNothing: what is kept of notices, what goes to the push service and what goes out by mail during a whole
// journey names no patient, no photo and no person but the one it is for.
func TestNoticesTellNothing(t *testing.T) {
	server := vaulttest.StartMail(t, "plain", "", "")
	w := newTold(t, &SMTPConfig{Host: "127.0.0.1", Port: server.Port, TLS: "none", From: "clinivault@example.org"})
	ctx := t.Context()
	privacy, second := w.Person(t, "privacy", vault.RolePrivacy), w.Person(t, "second", vault.RolePrivacy)
	records := w.Person(t, "records", vault.RoleRecords)
	for _, login := range []string{"reviewer", "privacy", "second", "records"} {
		if err := w.V.SetMail(ctx, vault.Operator(), login, login+"@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	w.subscribe("/201/reviewer")
	patient, err := w.V.AddPatient(ctx, vault.Operator(), vault.NewPatient{RecordNumber: "LEAK-445566", Name: "Zyxwvut Noticecanary", BirthDate: "1961-02-03"})
	if err != nil {
		t.Fatal(err)
	}
	w.Tie(t, patient, w.author)
	w.patient = patient
	photo := w.cause()
	if _, err := w.V.AskErasure(ctx, privacy, "", vault.PhotoID(photo), "canary of the reason"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.V.AskRecall(ctx, records, vault.PhotoID(photo), "", "canary of the reason"); err != nil {
		t.Fatal(err)
	}
	for {
		job, err := w.V.ClaimJob(ctx, vault.JobActor("test"), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if job == nil {
			break
		}
		if err := w.notify.deliver(ctx, w.V, vault.JobActor("test"), job); err != nil {
			t.Fatalf("job of kind %s: %v", job.Kind, err)
		}
	}
	mails, pushes := server.Received(t), w.push.Received(t)
	if len(mails) != 4 || len(pushes) != 1 { // reviewer; second; and of the recall privacy and second
		t.Fatalf("%d mails and %d messages left, want 4 and 1", len(mails), len(pushes))
	}
	left := map[string]string{"the push service": fmt.Sprint(pushes), "the log": w.log.String(), "the tables": w.noticeRows()}
	for i, m := range mails {
		left[fmt.Sprintf("mail %d", i)] = m.Text
	}
	for where, text := range left {
		for _, word := range []string{"zyxwvut", "noticecanary", "leak-445566", "1961", "canary of", strings.ToLower(photo), strings.ToLower(string(patient)),
			"test person", strings.ToLower(string(w.author.Person())), strings.ToLower(string(second.Person()))} {
			own := where == "the tables" && word == strings.ToLower(string(second.Person()))
			if strings.Contains(strings.ToLower(text), word) && !own {
				t.Errorf("%s holds %q", where, word)
			}
		}
	}
	if !strings.Contains(left["the tables"], string(second.Person())) {
		t.Error("the search would not find what is there")
	}
}

// noticeRows is every row about notices, as text.
func (w *told) noticeRows() string {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.Cfg.DSN)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	var all strings.Builder
	for _, query := range []string{`SELECT id || ' ' || person || ' ' || kind || ' ' || count FROM notices`, `SELECT notice || channel || target || state FROM notice_sends`,
		`SELECT subject || last_error FROM jobs WHERE kind = 'notify'`, `SELECT id || person || device || endpoint FROM push_subscriptions`} {
		rows, err := db.QueryContext(w.t.Context(), query)
		if err != nil {
			w.t.Fatal(err)
		}
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				w.t.Fatal(err)
			}
			fmt.Fprintln(&all, one)
		}
		if err := rows.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	return all.String()
}
