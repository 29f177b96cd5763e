package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// open goes to a page and waits until it is there.
func (b *browser) open(s *service, path string) {
	b.t.Helper()
	b.run("opening "+path, chromedp.Navigate(s.base+path), chromedp.WaitVisible("main h1", chromedp.ByQuery), chromedp.Sleep(300*time.Millisecond))
}

// press presses a button as the keyboard does: where it stands on the page does
// not matter, which changes as pictures arrive.
func press(selector string) chromedp.Action {
	return chromedp.Tasks{chromedp.ActionFunc(complete), chromedp.WaitReady(selector, chromedp.ByQuery),
		chromedp.Evaluate(`document.querySelector(`+strconv.Quote(selector)+`).click()`, nil)}
}

// complete waits until the page's scripts have run. On the way from one page to the next there is nothing to ask.
func complete(ctx context.Context) error {
	for {
		done := false
		if err := chromedp.Evaluate(`document.readyState === 'complete'`, &done).Do(ctx); err == nil && done {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestConsentThroughThePages: a clinician writes down consent to teaching on the
// photo's page, records release a copy, and it ends with the withdrawal.
func TestConsentThroughThePages(t *testing.T) {
	s := newService(t, nil)
	s.start()
	h := &hospital{service: s, t: t, clinician: s.signIn("clinician"), reviewer: s.signIn("reviewer"), records: s.signIn("records"), first: s.signIn("privacy")}
	patient := h.clinician.patients()[0]
	if status, _, err := h.clinician.send(t.Context(), h.clinician.seal(patient.ID, vaulttest.Picture(t, 320, 240, 5))); err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	photo := h.approve()
	at := "/photos/" + string(photo.ID)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "clinician", at)
	change := func(purpose, document string) {
		b.run("opening the form", chromedp.Click(`button[data-set-purpose="`+purpose+`"]`, chromedp.ByQuery), chromedp.WaitVisible("#document", chromedp.ByQuery),
			press("#consent-dialog button[type=submit]"))
		b.until("asked how", `/How the patient said so/.test(document.querySelector('#consent-dialog .error-text').textContent)`)
		b.run("filling in", chromedp.SetValue("#how", "written", chromedp.ByQuery), chromedp.SendKeys("#document", document, chromedp.ByQuery))
		b.look("consent-1-" + purpose + "-" + document)
		b.run("sending", press("#consent-dialog button[type=submit]"))
		b.until("written down", `document.querySelector('#consent-dialog') && !document.querySelector('#consent-dialog').open && document.readyState === 'complete'`)
	}
	change("teaching", "F-7")
	b.until("allowed", `document.querySelector('button[data-set-purpose="teaching"]').dataset.setAllowed === 'false'`)
	b.look("photo-4-teaching-allowed")
	b.open(s, at+"/consent")
	b.look("consent-2-history")
	b.signOut()
	b.signIn(s, "records", at)
	b.run("releasing", press(`button[data-opens="release-dialog"]`), chromedp.WaitVisible("#release-reason", chromedp.ByQuery),
		chromedp.SendKeys("#release-reason", "lecture on scars", chromedp.ByQuery))
	b.look("photo-5-release")
	b.run("sending", press("#release-dialog button[type=submit]"))
	b.until("released", `/open the copy/.test(document.querySelector('main').innerText)`)
	b.look("photo-6-released")
	copyAt := "/api/v1/photos/" + string(photo.ID) + "/releases/teaching"
	if status, body, err := h.records.request(t.Context(), "GET", copyAt, nil, nil); err != nil || status != http.StatusOK || !bytes.HasPrefix(body, []byte("\xff\xd8")) {
		t.Errorf("the copy: status %d, %d bytes, %v", status, len(body), err)
	}
	b.signOut()
	b.signIn(s, "privacy", "/audit?patient="+string(patient.ID))
	b.look("audit-2-patient")
	b.open(s, at+"/consent")
	change("teaching", "letter-3")
	b.until("withdrawn", `document.querySelector('button[data-set-purpose="teaching"]').dataset.setAllowed === 'true'`)
	b.look("consent-3-privacy")
	if status := h.records.call("GET", copyAt, nil, nil); status != http.StatusNotFound {
		t.Errorf("after the withdrawal the copy answers %d, want 404", status)
	}
	b.noFaults()
}

// TestRulesThroughThePages: holds and retention rules by two people, the dry
// run, and what an administrator sees of a store that lost an object.
func TestRulesThroughThePages(t *testing.T) {
	s := newService(t, nil)
	s.start()
	h := &hospital{service: s, t: t, clinician: s.signIn("clinician"), reviewer: s.signIn("reviewer"), records: s.signIn("records"), first: s.signIn("privacy")}
	patient := h.clinician.patients()[0]
	if status, _, err := h.clinician.send(t.Context(), h.clinician.seal(patient.ID, vaulttest.Picture(t, 320, 240, 6))); err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	photo := h.approve()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "privacy", "/holds?patient="+string(patient.ID))
	b.look("holds-1-place")
	b.run("placing", chromedp.SendKeys("#why", "claim of 3 March", chromedp.ByQuery), press(`form[data-post="/api/v1/holds"] button[type=submit]`))
	b.until("placed", `/Placed by/.test(document.querySelector('main').innerText)`)
	b.look("holds-2-placed")
	b.run("asking", press(`button[data-post$="/ask-lift"]`), chromedp.WaitVisible("#reason-input", chromedp.ByQuery),
		chromedp.SendKeys("#reason-input", "the case is closed", chromedp.ByQuery), press("#reason [data-ok]"))
	b.until("asked", `/another person lifts it/.test(document.querySelector('main').innerText)`)
	b.look("holds-3-asked")
	b.open(s, "/retention")
	b.look("retention-1-no-rule")
	b.run("proposing", chromedp.SendKeys("#why", "hospital act, section 1", chromedp.ByQuery), press(`form[data-post="/api/v1/retention/rules"] button[type=submit]`))
	b.until("proposed", `/You proposed it/.test(document.querySelector('main').innerText)`)
	b.look("retention-2-proposed")
	b.signOut()
	b.signIn(s, "records", "/retention")
	b.run("signing", press(`button[data-post$="/sign"]`), chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery))
	b.look("retention-3-sign")
	b.run("sure", press("#confirm [data-ok]"))
	b.until("signed", `/Kept for 10 years/.test(document.querySelector('tbody')?.innerText ?? '')`)
	b.look("retention-4-acting")
	b.signOut()
	s.damage(t)
	if status := h.records.call("GET", "/api/v1/photos/"+string(photo.ID)+"/renditions/redacted", nil, nil); status != http.StatusInternalServerError {
		t.Errorf("a damaged object answers %d, want 500", status)
	}
	b.signIn(s, "admin", "/health")
	b.look("health-1-incident")
	b.run("settling", press(`button[data-post$="/settle"]`), chromedp.WaitVisible("#reason-input", chromedp.ByQuery),
		chromedp.SendKeys("#reason-input", "the disk is replaced", chromedp.ByQuery), press("#reason [data-ok]"))
	b.until("settled", `/None is open/.test(document.querySelector('main').innerText)`)
	b.look("health-2-settled")
	b.noFaults()
}

// damage flips a byte in the middle of every stored object, as a bad disk would.
func (s *service) damage(t *testing.T) {
	t.Helper()
	changed := 0
	err := filepath.WalkDir(filepath.Join(s.data, "objects"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		object, err := os.ReadFile(path)
		if err != nil || len(object) == 0 {
			return err
		}
		object[len(object)/2] ^= 1
		changed++
		return os.WriteFile(path, object, 0o600)
	})
	if err != nil || changed == 0 {
		t.Fatalf("damaging the store: %d objects, %v", changed, err)
	}
}
