package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestADTConfig(t *testing.T) {
	for name, test := range map[string]struct{ adt, problem string }{
		"loopback":       {`{"listen": "127.0.0.1:2575", "teams": {"3B": "Ward 3B"}, "time_zone": "UTC", "tie_days_after_discharge": 0}`, ""},
		"no address":     {`{}`, "host:port"},
		"plain":          {`{"listen": "10.0.0.1:2575", "peers": ["10.0.0.2"]}`, `"tls"`},
		"from anybody":   {`{"listen": "10.0.0.1:2575", "tls": {"cert_file": "c", "key_file": "k"}}`, "client_ca_file"},
		"half a key":     {`{"listen": "127.0.0.1:2575", "tls": {"cert_file": "c"}}`, "cert_file"},
		"peers":          {`{"listen": "127.0.0.1:2575", "peers": ["ten"]}`, "peers"},
		"zone":           {`{"listen": "127.0.0.1:2575", "time_zone": "Atlantis"}`, "time_zone"},
		"days":           {`{"listen": "127.0.0.1:2575", "tie_days_after_discharge": -1}`, "tie_days"},
		"unknown":        {`{"listen": "127.0.0.1:2575", "team": {}}`, "team"},
		"peers and cert": {`{"listen": "10.0.0.1:2575", "peers": ["10.0.0.2", "10.1.0.0/16"], "tls": {"cert_file": "c", "key_file": "k"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseConfig([]byte(`{"data": "d", "adt": `+test.adt+`}`), t.TempDir())
			if (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("got %v, want %q", err, test.problem)
			}
		})
	}
}

// hl7 sends a message over MLLP and gives the answer.
func hl7(t *testing.T, address, event, control string, rest ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stamp := time.Now().UTC().Format("20060102150405") + "+0000"
	text := strings.Join(append([]string{`MSH|^~\&|ADM|HOSP|V|H|` + stamp + `||ADT^` + event + `|` + control + `|P|2.5.1`, `EVN|` + event + `|` + stamp}, rest...), "\r")
	if _, err := fmt.Fprintf(conn, "\x0b%s\r\x1c\r", text); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	back, err := bufio.NewReader(conn).ReadString(0x1c)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// TestFeedThroughThePages: an administrator makes a team and puts a clinician in; the feed admits a patient to it, whom the
// clinician then finds; a message that cannot be applied waits on its page, is tried again and settled.
func TestFeedThroughThePages(t *testing.T) {
	address := freeAddress(t)
	s := newService(t, map[string]any{"adt": map[string]any{"listen": address, "teams": map[string]string{"3B": "Ward 3B"}}})
	s.start()
	clinician, admin := s.signIn("clinician"), s.signIn("admin")
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "admin", "/teams")
	b.look("teams-1-empty")
	b.run("making a team", chromedp.SendKeys("#team-name", "Ward 3B\r", chromedp.ByQuery))
	b.until("made", `/Ward 3B/.test(document.querySelector('main').innerText) && !!document.querySelector('form[data-post$="/members"]')`)
	b.run("putting somebody in", chromedp.Sleep(500*time.Millisecond), chromedp.Click("section[data-acts] details summary", chromedp.ByQuery),
		press(`form[data-post$="/members"] button[type=submit]`))
	b.until("asked for the login", `/Login/.test([...document.querySelectorAll('form[data-post$="/members"] .error-text')].map(e => e.textContent).join(''))`)
	b.run("putting somebody in", chromedp.SetValue(`input[id^="login-"]`, s.accounts["clinician"].Login, chromedp.ByQuery),
		press(`form[data-post$="/members"] button[type=submit]`))
	b.until("put in", `document.querySelectorAll('button[data-method="DELETE"]').length === 1`)
	b.look("teams-2-member")

	pid, pv1 := `PID|1||FEED-1^^^HOSP^MR||Sample^Told||19610203`, `PV1|1|I|3B^1^1||||||||||||||||FV-1`
	if back := hl7(t, address, "A01", "1", pid, pv1); !strings.Contains(back, "MSA|AA|1") {
		t.Fatalf("admitting: %q", back)
	}
	found := func() bool {
		for _, p := range clinician.patients() {
			if p.RecordNumber == "FEED-1" {
				return true
			}
		}
		return false
	}
	if !found() {
		t.Error("the clinician does not find the patient of their ward")
	}
	if back := hl7(t, address, "A01", "2", strings.Replace(pid, "FEED-1", "FEED-2", 1), `PV1|1|I|3B`); !strings.Contains(back, "MSA|AE|2|PV1-19: ") {
		t.Fatalf("a broken message: %q", back)
	}
	b.open(s, "/messages")
	b.look("messages-1-waiting")
	b.run("trying again", press(`button[data-post$="/retry"]`))
	var list struct{ Messages []vault.Message }
	eventually(t, "the message is tried again", 20*time.Second, func() bool {
		admin.must(http.MethodGet, "/api/v1/messages", nil, &list)
		return len(list.Messages) == 1 && list.Messages[0].Attempts == 2
	})
	b.open(s, "/messages")
	b.run("discarding", press(`button[data-post$="/discard"]`), chromedp.WaitVisible("#reason-input", chromedp.ByQuery), chromedp.SendKeys("#reason-input", "sent again in another form", chromedp.ByQuery))
	b.look("messages-2-discard")
	b.run("sending", press("#reason button[data-ok]"))
	b.until("settled", `/Whatever came was applied/.test(document.querySelector('main').innerText)`)
	b.look("messages-3-settled")
	page := bytes.NewBufferString(value[string](b, "reading the page", `document.documentElement.outerHTML`)).String()
	if strings.Contains(page, "FEED-2") || strings.Contains(page, "Told") {
		t.Error("the page tells what a message says")
	}
	b.open(s, "/teams")
	b.run("taking out", press(`button[data-method="DELETE"]`), chromedp.WaitVisible("dialog[open]", chromedp.ByQuery))
	b.look("teams-3-sure")
	b.run("sure", press("#confirm button[data-ok]"))
	b.until("out", `document.querySelectorAll('button[data-method="DELETE"]').length === 0`)
	if found() {
		t.Error("the clinician still finds the patient of a ward they have left")
	}
	b.noFaults()
}
