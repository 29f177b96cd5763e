package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// named is a service of the demo under a name, which passkeys and browsers' keys belong to.
func named(t testing.TB, signIn map[string]any) *service {
	t.Helper()
	all := map[string]any{"password_only": true}
	for k, v := range signIn {
		all[k] = v
	}
	s := newService(t, map[string]any{"sign_in": all})
	s.start()
	s.base = strings.Replace(s.base, "127.0.0.1", "localhost", 1)
	return s
}

// clockScript lets the test put the page's clock forward.
const clockScript = `globalThis.ahead = 0; { const real = Date.now; Date.now = () => real() + globalThis.ahead; }`

// hide and show do what the browser does when a page goes out of sight and comes back.
func (b *browser) hide(hidden bool) {
	b.t.Helper()
	state := map[bool]string{true: "hidden", false: "visible"}[hidden]
	b.run("page "+state, chromedp.Evaluate(`Object.defineProperty(document, 'hidden', { value: `+map[bool]string{true: "true", false: "false"}[hidden]+`, configurable: true });
		Object.defineProperty(document, 'visibilityState', { value: '`+state+`', configurable: true });
		document.dispatchEvent(new Event('visibilitychange'))`, nil))
}

const (
	coverOpen = `document.querySelector('#cover').open && 'covered' in document.documentElement.dataset`
	// belowCover is what of the page below the cover can be seen, focused or read by a screen reader.
	belowCover = `[...document.querySelectorAll('body > :not(#cover), body > :not(#cover) *')]
		.filter((n) => !['SCRIPT', 'TEMPLATE', 'STYLE'].includes(n.tagName) && (getComputedStyle(n).visibility !== 'hidden' || !n.closest('[inert]'))).length`
)

// lockNow presses the button, once the page is ready for it.
var lockNow = chromedp.Tasks{chromedp.WaitVisible("#lock-now", chromedp.ByQuery), press("#lock-now")}

// openWith fills in the field of the cover.
func (b *browser) openWith(text string) {
	b.t.Helper()
	b.run("opening the cover", chromedp.WaitVisible("#cover-input", chromedp.ByQuery), chromedp.SetValue("#cover-input", text, chromedp.ByQuery),
		press("#cover-typed button[type=submit]"))
}

// covered checks that nothing is left of the page but the cover.
func (b *browser) covered(step string) {
	b.t.Helper()
	b.until(step, coverOpen)
	if n := value[int](b, step, belowCover); n != 0 {
		b.t.Errorf("%s: %d parts of the page can be reached below the cover", step, n)
	}
	if title := value[string](b, step, `document.title`); title != "Locked · Clinivault" {
		b.t.Errorf("%s: the title still says %q", step, title)
	}
}

// TestLockOfTheScreen: the page is covered the moment it is out of sight, locked when it was left alone, and comes back
// as it was; the server holds the lock by itself.
func TestLockOfTheScreen(t *testing.T) {
	s := named(t, nil)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.onEachPage(clockScript)
	b.signIn(s, "clinician", "/capture")
	patient := s.signIn("clinician").patients()[0]
	b.run("typing", chromedp.WaitVisible("#search", chromedp.ByQuery), chromedp.SendKeys("#search", "Samp", chromedp.ByQuery))

	b.hide(true)
	b.covered("out of sight")
	b.hide(false)
	b.until("seen again soon: open", `!(`+coverOpen+`)`)

	b.run("left alone", chromedp.Evaluate(`globalThis.ahead = 6 * 60_000`, nil))
	b.covered("left alone")
	b.until("the way in is offered", `!document.querySelector('#cover-typed').hidden`)
	b.look("lock-1-left-alone")
	b.dark("lock-1-left-alone")
	if text := value[string](b, "reading", `document.body.innerText`); strings.Contains(text, patient.Name) {
		t.Errorf("the covered page can still be read: %.200q", text)
	}
	b.run("escaping", chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("\x1b"))
	b.covered("after Escape, pressed three times")

	for path, want := range map[string]int{"/api/v1/patients/" + string(patient.ID): 423, "/patients": 423, "/api/v1/captures": 423, "/api/v1/keys": 200} {
		if got := b.statusOf(path); got != want {
			t.Errorf("%s of a locked session, asked without the page's scripts: got %d, want %d", path, got, want)
		}
	}
	b.openWith("not the password")
	b.until("refused", `/wrong/.test(document.querySelector('#cover-error').textContent)`)
	b.covered("after a wrong password")
	b.openWith(s.accounts["clinician"].Password)
	b.until("open again", `!(`+coverOpen+`)`)
	if typed := value[string](b, "what was typed", `document.querySelector('#search').value`); typed != "Samp" {
		t.Errorf("what was typed before: got %q, want Samp", typed)
	}
	if got := b.statusOf("/api/v1/captures"); got != http.StatusOK {
		t.Errorf("after opening: got %d, want 200", got)
	}

	b.run("locking by hand", lockNow)
	b.covered("by hand")
	b.run("loading again", chromedp.Navigate(s.base+"/patients"))
	b.covered("loaded again")
	b.look("lock-2-loaded-again")
	b.openWith(s.accounts["clinician"].Password)
	b.until("the page that was asked for", `/My patients/.test(document.querySelector('main h1')?.textContent ?? '')`)
	b.noFaults()
}

// statusOf is what the server answers to the browser's cookies alone, without its scripts.
func (b *browser) statusOf(path string) int {
	b.t.Helper()
	var status int
	b.run("asking "+path, awaiting(`fetch('`+path+`', { headers: { 'Clinivault-Background': '1' } }).then((r) => r.status)`, &status))
	return status
}

// dark looks at a page in dark colours.
func (b *browser) dark(name string) {
	b.t.Helper()
	b.run("dark", emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	b.look(name + "-dark")
	b.run("light", emulation.SetEmulatedMedia())
}

// TestPINAndQuickSwitch: two people on one browser. Each has a PIN there; each opens their own session, and the page of
// the one never shows to the other. Five wrong tries take a PIN away.
func TestPINAndQuickSwitch(t *testing.T) {
	s := named(t, nil)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	pin := func(role, pin string) {
		b.signIn(s, role, "/account")
		b.run("setting a PIN", chromedp.WaitVisible("#pin", chromedp.ByQuery), chromedp.SetValue("#pin", pin, chromedp.ByQuery), press("#pin-form button[type=submit]"))
		b.until("set", `document.querySelector('[data-act="pin-remove"]')`)
	}
	pin("clinician", "593027")
	b.run("locking", lockNow)
	b.covered("the first")
	b.run("somebody else", chromedp.Navigate(s.base+"/sign-in"))
	pin("reviewer", "840216")
	b.look("account-4-pin")
	b.run("locking", lockNow)
	b.covered("the second")
	b.until("the first is offered", `/Demo Clinician/.test(document.querySelector('#cover-people').textContent)`)
	b.look("lock-3-two-people")
	b.run("choosing", press("#cover-people button"))
	b.openWith("840216")
	b.until("another's PIN does not fit", `/wrong/.test(document.querySelector('#cover-error').textContent)`)
	b.openWith("593027")
	b.until("the first person's start", `location.pathname === '/capture' && document.body.dataset.personName`)
	if who := value[string](b, "who", `document.body.dataset.personName`); who != "Demo Clinician" {
		t.Errorf("after the switch: got %s, want Demo Clinician", who)
	}
	b.run("and locked again", lockNow)
	b.covered("the first again")
	for range 5 {
		b.openWith("111222")
		b.until("wrong", `/wrong|gone/.test(document.querySelector('#cover-error').textContent)`)
		b.run("again", chromedp.Evaluate(`document.querySelector('#cover-error').textContent = ''`, nil))
	}
	b.openWith("593027")
	b.until("the PIN is gone", `/wrong|gone/.test(document.querySelector('#cover-error').textContent)`)
	b.covered("still")
	b.noFaults()
}

// TestQueueSurvivesTheLock: a photo that was sealed without a network stays sealed on the device while the screen is
// locked, goes to the vault while it is locked, and is the owner's; nothing of it can be read in the browser's stores.
func TestQueueSurvivesTheLock(t *testing.T) {
	s := named(t, nil)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	toReview(b)
	offline(b, true)
	sendAll(b)
	b.until("queued", `document.querySelectorAll('#queue-list li').length === 1`)
	b.hide(true)
	b.covered("out of sight")
	b.hide(false)
	offline(b, false)
	b.run("locking", lockNow)
	b.covered("locked")
	b.until("the server knows", `!document.querySelector('#cover-typed').hidden`)
	b.run("loading again", chromedp.Navigate(s.base+"/capture"))
	b.covered("loaded again")
	doctor := s.signIn("clinician")
	eventually(t, "the photo to arrive while the screen is locked", time.Minute, func() bool { return len(doctor.captures()) == 1 })
	b.openWith(s.accounts["clinician"].Password)
	b.until("open", `document.querySelector('#capture') && !(`+coverOpen+`)`)
	b.until("the queue is empty", `document.querySelectorAll('#queue-list li').length === 0`)
	b.noFaults()
}
