package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestAccessThroughThePages: a clinician breaks the glass for a patient outside their care team, sees the banner and ends it;
// the privacy officer reviews it, asks why somebody may do something, and signs the quarter's report.
func TestAccessThroughThePages(t *testing.T) {
	s := newService(t, nil)
	s.start()
	var out bytes.Buffer
	if err := command(t.Context(), []string{"patient", "add", "--config", s.config, "--number", "OUT-7", "--name", "Synthetic Outsider", "--born", "1960-05-05"}, &out); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "clinician", "/break-glass")
	b.look("break-glass-1-form")
	fill := func(born string) {
		b.run("filling in", chromedp.SetValue("#number", "OUT-7", chromedp.ByQuery), chromedp.SetValue("#born", born, chromedp.ByQuery),
			chromedp.SetValue("#reason-why", "resuscitation on ward 3", chromedp.ByQuery), press(`form[data-post="/api/v1/break-glass"] button[type=submit]`),
			chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery))
	}
	fill("1961-05-05")
	b.look("break-glass-2-sure")
	b.run("sure", press("#confirm [data-ok]"))
	b.until("nobody found", `/No patient here has this record number/.test(document.querySelector('form[data-post="/api/v1/break-glass"] .error-text').textContent)`)
	fill("1960-05-05")
	b.run("sure", press("#confirm [data-ok]"))
	b.until("the patient with the banner", `location.pathname.startsWith('/patients/') && /\d+ min \d\d s/.test(document.querySelector('[data-glass] [data-part="left"]').textContent)`)
	b.look("break-glass-3-banner")
	if value[bool](b, "taking a photo", `document.querySelector('main a[href^="/capture"]') !== null`) {
		t.Error("the page offers to take a photo under a broken glass")
	}
	b.run("ending", press("[data-glass] button[data-end]"))
	b.until("back", `location.pathname === '/patients'`)
	b.open(s, "/delegation")
	b.run("delegating", chromedp.SetValue("#to", "nobody", chromedp.ByQuery), chromedp.SetValue("#from", "2026-01-01", chromedp.ByQuery),
		chromedp.SetValue("#until", "2026-01-02", chromedp.ByQuery), press(`form[data-post="/api/v1/delegations"] button[type=submit]`))
	b.until("refused", `document.querySelector('form[data-post="/api/v1/delegations"] .error-text').textContent !== ''`)
	b.look("delegation-1-refused")
	b.signOut()

	b.signIn(s, "privacy", "/break-glass")
	b.look("break-glass-4-waiting")
	b.run("reviewing", press(`button[data-opens="close-dialog"]`), chromedp.WaitVisible("#finding", chromedp.ByQuery),
		chromedp.SetValue("#finding", "justified", chromedp.ByQuery), chromedp.SetValue("#remark", "confirmed by the ward", chromedp.ByQuery))
	b.look("break-glass-5-review")
	b.run("closing", press("#close-dialog button[type=submit]"))
	b.until("reviewed", `/Every access has been reviewed/.test(document.querySelector('main').innerText)`)
	b.open(s, "/access")
	b.run("asking", chromedp.SetValue("#login", s.accounts["clinician"].Login, chromedp.ByQuery), chromedp.SetValue("#act", "patient.read", chromedp.ByQuery),
		chromedp.SetValue("#patient", "OUT-7", chromedp.ByQuery), press("#explain button[type=submit]"))
	b.until("denied", `document.querySelector('[data-part="verdict"]').textContent === 'Denied' && /no tie to this patient/.test(document.querySelector('#answer').innerText)`)
	b.run("the whole table, from the top", press("details summary"), chromedp.Evaluate(`window.scrollTo(0, 0)`, nil))
	b.look("access-1-denied")
	b.open(s, "/access/report")
	b.look("access-2-report")
	b.run("signing", chromedp.SetValue("#remark", "went through it", chromedp.ByQuery), press(`form[data-post$="/sign"] button[type=submit]`),
		chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery), press("#confirm [data-ok]"))
	b.until("signed", `/Signed by/.test(document.querySelector('main').innerText)`)
	b.noFaults()

	out.Reset()
	if err := command(t.Context(), []string{"access", "explain", "--config", s.config, "--person", s.accounts["clinician"].Login, "--patient", "OUT-7", "--act", "patient.read"}, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "denied") || !strings.Contains(got, "no tie to this patient") {
		t.Errorf("access explain: got %q", got)
	}
	out.Reset()
	if err := command(t.Context(), []string{"access", "report", "--config", s.config}, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "leavers with live rights: 0") || !strings.Contains(got, "signed by") {
		t.Errorf("access report: got %q", got)
	}
	out.Reset()
	if err := command(t.Context(), []string{"access", "table"}, &out); err != nil || !strings.Contains(out.String(), "| `photo.read` |") {
		t.Errorf("access table: got %d bytes, %v", out.Len(), err)
	}
}
