package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	bigendian "encoding/binary"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// appCode is what an authenticator app shows, by RFC 6238, from the key that the page shows.
func appCode(t testing.TB, shown string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(shown, " ", ""))
	if err != nil {
		t.Fatalf("the key on the page is no base32: %v", err)
	}
	mac := hmac.New(sha1.New, key)
	_ = bigendian.Write(mac, bigendian.BigEndian, uint64(at.Unix()/30)) // to a hash: cannot fail
	sum := mac.Sum(nil)
	off := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", bigendian.BigEndian.Uint32(sum[off:off+4])&0x7fffffff%1_000_000)
}

// enrolmentCode is how the operator's command prints one.
var enrolmentCode = regexp.MustCompile(`[A-Z2-7]{4}(-[A-Z2-7]{4}){3}`)

// secondStep fills in the second step of the sign-in page.
func (b *browser) secondStep(field, code string) {
	b.t.Helper()
	b.run("the second step", chromedp.WaitVisible(field, chromedp.ByQuery), chromedp.SetValue(field, code, chromedp.ByQuery), press("#sign-in button[type=submit]"))
}

// TestAppAndRecoveryCodesThroughThePages: an authenticator app is set up from its QR code's key, asked for after the
// password, and each code is good once; with the phone gone, a recovery code lets its owner in; a code from an
// administrator lets somebody set up their account.
func TestAppAndRecoveryCodesThroughThePages(t *testing.T) {
	s := strict(t)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.offerNothing()
	b.password(s, "records")
	b.until("led to the account page", `location.pathname === '/account' && document.querySelector('#needs')`)
	b.run("an app", press(`button[data-act="app"]`), chromedp.WaitVisible("#app-code", chromedp.ByQuery))
	b.until("the picture is drawn", `document.querySelector('#app-qr').naturalWidth > 0`)
	b.look("account-5-app")
	key := value[string](b, "the key", `document.querySelector('#app-key').textContent`)
	now := time.Now()
	b.run("its first code", chromedp.SetValue("#app-code", appCode(t, key, now.Add(-30*time.Second)), chromedp.ByQuery), press("#app-form button[type=submit]"))
	b.until("on", `document.querySelector('[data-act="app-remove"]')`)
	b.run("recovery codes", chromedp.Sleep(300*time.Millisecond), press(`button[data-act="codes"]`), chromedp.WaitVisible("#codes-new", chromedp.ByQuery))
	codes := value[[]string](b, "reading them", `[...document.querySelectorAll('#codes-list li')].map((n) => n.textContent)`)
	if len(codes) != 10 {
		t.Fatalf("got %d recovery codes, want 10", len(codes))
	}
	b.look("account-6-codes")
	b.dark("account-6-codes")
	b.signOut()

	b.password(s, "records")
	b.run("asked for the code", chromedp.WaitVisible("#code", chromedp.ByQuery))
	b.look("sign-in-3-code")
	b.dark("sign-in-3-code")
	b.secondStep("#code", "000000")
	b.until("a wrong code", `/wrong/.test(document.querySelector('#sign-in-error').textContent)`)
	code := appCode(t, key, time.Now())
	b.secondStep("#code", code)
	b.until("in", `location.pathname === '/records'`)
	b.signOut()
	b.password(s, "records")
	b.secondStep("#code", code)
	b.until("the same code again", `/wrong|used/.test(document.querySelector('#sign-in-error').textContent)`)
	b.run("the phone is gone", press(`#sign-in [data-act="recovery"]`))
	b.secondStep("#recovery", codes[4])
	b.until("in by a recovery code", `location.pathname === '/records'`)
	b.run("the account", chromedp.Navigate(s.base+"/account"))
	b.until("nine are left", `/9 codes left/.test(document.querySelector('#codes-card').textContent)`)
	b.signOut()

	out, err := runBinary(t, "user", "reset", "--config", s.config, "--login", s.accounts["reviewer"].Login)
	if err != nil {
		t.Fatalf("resetting: %v: %s", err, out)
	}
	given := enrolmentCode.FindString(out)
	b.run("setting up", chromedp.Navigate(s.base+"/sign-in/enrol"), chromedp.WaitVisible("#enrolment", chromedp.ByQuery))
	b.look("enrolment")
	enrol := func(code string) {
		b.run("filling in", chromedp.SetValue("#login", s.accounts["reviewer"].Login, chromedp.ByQuery), chromedp.SetValue("#code", code, chromedp.ByQuery),
			chromedp.SetValue("#password", "a sentence of my own", chromedp.ByQuery), chromedp.SetValue("#again", "a sentence of my own", chromedp.ByQuery),
			press("#enrolment button[type=submit]"))
	}
	enrol("AAAA-AAAA-AAAA-AAAA")
	b.until("a wrong code", `document.querySelector('#enrolment-error').textContent !== ''`)
	enrol(given)
	b.until("led to the account page, and told why", `location.pathname === '/account' && !!document.querySelector('#needs')`)
	b.noFaults()
}

// TestStepUpGoesOnWhereItWas: an act that wants a fresh factor asks in a dialog; turned down, nothing happens and
// nothing is lost; answered, the act goes on by itself from the one press of a key.
func TestStepUpGoesOnWhereItWas(t *testing.T) {
	s := named(t, nil)
	doctor := s.signIn("clinician")
	if status, _, err := doctor.send(t.Context(), doctor.seal(doctor.patients()[0].ID, vaulttest.Picture(t, 320, 240, 8))); err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "reviewer", "/review")
	b.until("picture loaded", `document.querySelector('#picture image') && !document.querySelector('#picture').hasAttribute('hidden') && !document.querySelector('#picture').closest('[hidden]')`)
	b.run("a box", chromedp.Sleep(300*time.Millisecond), chromedp.Focus("#picture", chromedp.ByQuery), chromedp.KeyEvent("n"))
	b.until("drawn", `document.querySelectorAll('#regions li').length === 1`)
	if _, err := s.open().ExecContext(t.Context(), `UPDATE sessions SET fresh_at = 0`); err != nil {
		t.Fatal(err)
	}
	ask := func() {
		b.run("approving", chromedp.KeyEvent("a"))
		b.until("asked", `document.querySelector('#step-up').open || document.querySelector('#confirm').open`)
		if value[bool](b, "whether boxes are right", `document.querySelector('#confirm').open`) {
			b.run("sure", press("#confirm [data-ok]"))
		}
		b.until("asked for a factor", `document.querySelector('#step-up').open`)
	}
	ask()
	b.look("step-up-1")
	b.dark("step-up-1")
	b.run("no", press("#step-up-cancel"))
	b.until("closed", `!document.querySelector('#step-up').open`)
	if n := value[int](b, "boxes", `document.querySelectorAll('#regions li').length`); n != 1 || !value[bool](b, "decided", `document.querySelector('#last').hasAttribute('hidden')`) {
		t.Errorf("after turning it down: got %d boxes or a decision, want the box and none", n)
	}
	b.run("back to the picture", chromedp.Focus("#picture", chromedp.ByQuery))
	ask()
	b.run("a wrong password", chromedp.SetValue("#step-up-input", "not it", chromedp.ByQuery), press("#step-up-ok"))
	b.until("told", `/wrong/.test(document.querySelector('#step-up-error').textContent)`)
	b.run("the password", chromedp.SetValue("#step-up-input", s.accounts["reviewer"].Password, chromedp.ByQuery), press("#step-up-ok"))
	b.until("approved, or asked of what is still seen", `!document.querySelector('#last').hasAttribute('hidden') || document.querySelector('#confirm').open`)
	if value[bool](b, "still seen", `document.querySelector('#confirm').open`) {
		b.run("sure", press("#confirm [data-ok]"))
	}
	b.until("approved", `!document.querySelector('#last').hasAttribute('hidden')`)
	b.noFaults()
}
