package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// uploadsToBlock are the addresses that a sealed photo goes to.
var uploadsToBlock = []string{"*/api/v1/uploads*", "*/api/v1/captures*"}

// TestSigningOutWithPhotosWaiting: whoever signs out is told what stays; the next person neither sees nor sends it, and
// its owner's next sign-in does.
func TestSigningOutWithPhotosWaiting(t *testing.T) {
	s := newService(t, nil)
	s.start()
	profile := vaulttest.ProfileFolder(t)
	b := openBrowser(t, profile, photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	toReview(b)
	offline(b, true)
	sendAll(b)
	b.until("sealed", `document.querySelectorAll('#queue-list [data-capture]').length === 1`)
	b.run("signing out", press(`#sign-out button`))
	b.until("told", `document.querySelector('#leave').open && /^One photo/.test(document.querySelector('#leave-count').textContent)`)
	b.look("leave-1-told")
	b.run("staying", press("#leave-stay"), press(`#sign-out button`))
	b.run("leaving without a network", press("#leave-anyway"))
	b.until("locked", `document.querySelector('#cover').open`)
	offline(b, false)
	b.signedOut("with the network back")
	b.run("nothing goes", network.SetBlockedURLs(uploadsToBlock))
	b.signIn(s, "clinician", "/captures")
	b.until("what waits, above what was sent", `document.querySelectorAll('#queue-list [data-capture]').length === 1 && !document.querySelector('#queue-go').hidden && document.querySelector('#queue-fault').hidden`)
	b.signOutAt(s, "/devices") // the queue's uploader runs on the capture page alone
	b.signIn(s, "reviewer", "/devices")
	if left := waitingSealed(b); left != 1 {
		t.Errorf("%d photos wait, want the one of somebody else", left)
	}
	b.run("signing out, with nothing of one's own", press(`form[action="/sign-out"] button`))
	b.until("signed out", `location.pathname === '/sign-in'`)
	b.run("what waits may go", network.SetBlockedURLs(nil))
	b.signIn(s, "clinician", "/capture")
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 1`)
	b.noFaults()
	b.stop()
	noPictureIn(t, profile, b.camera)
}

// TestSigningOutInOneTab: whoever signs out in one tab is gone from the browser's other tabs, with a photo there that was not
// sent, which is asked about first, and with sealed photos that wait.
func TestSigningOutInOneTab(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	toCard(b)
	other, closeTab := b.secondTab()
	defer closeTab()
	other.run("a second tab", network.Enable(), network.SetBlockedURLs(uploadsToBlock), chromedp.Navigate(s.base+"/capture"))
	toReview(other)
	other.run("signing out", press(`#sign-out button`))
	other.until("asked about the photo", `document.querySelector('#drop').open`)
	other.run("keeping it", press("#drop-no"))
	if got := other.statusOf("/api/v1/session"); got != http.StatusOK {
		t.Errorf("the session of whoever kept their photo: got %d, want 200", got)
	}
	if card := value[string](b, "the first tab", `document.querySelector('#card-name').textContent`); card == "" {
		t.Error("the first tab is gone, want it as it was")
	}
	other.run("deleting it", press(`#sign-out button`), press("#drop-yes"))
	other.until("signed out", `location.pathname === '/sign-in'`)
	b.until("gone from the first tab", `location.pathname === '/sign-in'`)

	b.signIn(s, "clinician", "/patients")
	other.run("the second tab", chromedp.Navigate(s.base+"/capture"))
	captureOnce(other)
	other.until("sealed", `document.querySelectorAll('#queue-list [data-capture]').length === 1`)
	other.run("signing out", press(`#sign-out button`))
	other.until("told what waits", `document.querySelector('#leave').open`)
	other.run("leaving it here", press("#leave-anyway"))
	other.until("signed out", `location.pathname === '/sign-in'`)
	b.until("gone from the first tab again", `location.pathname === '/sign-in'`)
	if left := waitingSealed(other); left != 1 {
		t.Errorf("%d sealed photos wait, want 1", left)
	}
	b.noFaults()
}

// secondTab opens another tab of the same browser, until it is closed.
func (b *browser) secondTab() (tab *browser, closeTab func()) {
	b.t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx)
	if err := chromedp.Run(ctx); err != nil { // the tab lives as long as the context of its first act
		b.t.Fatal(err)
	}
	tab = &browser{t: b.t, ctx: ctx}
	tab.answerDialogs()
	return tab, closeTab
}

// signOutAt signs out at a page that sends nothing, leaving what waits.
func (b *browser) signOutAt(s *service, path string) {
	b.t.Helper()
	b.run("opening "+path, chromedp.Navigate(s.base+path))
	b.run("signing out", press(`form[action="/sign-out"] button`))
	b.until("told", `document.querySelector('#leave').open`)
	b.run("leaving it here", press("#leave-anyway"))
	b.until("signed out", `location.pathname === '/sign-in'`)
	var person any
	b.run("whose the browser is", chromedp.Evaluate(`new Promise((done, fail) => { const q = indexedDB.open('clinivault-shell'); q.onerror = fail;
		q.onsuccess = () => { const g = q.result.transaction('kept').objectStore('kept').get('person'); g.onsuccess = () => { q.result.close(); done(g.result ?? null); }; }; })`, &person, awaited))
	if person != nil {
		b.t.Errorf("after signing out the browser keeps whose it was: %v", person)
	}
}

// waitingSealed counts what waits on the device.
func waitingSealed(b *browser) int {
	b.t.Helper()
	var n int
	b.run("counting what waits", chromedp.Evaluate(`new Promise((done, fail) => { const q = indexedDB.open('clinivault-capture'); q.onerror = fail;
		q.onsuccess = () => { const c = q.result.transaction('sealed').objectStore('sealed').count(); c.onsuccess = () => { q.result.close(); done(c.result); }; }; })`, &n, awaited))
	return n
}

// tooSmall lists what can be pressed and is less than 44 pixels high or wide where it is seen; links within a text, the
// parts of a control that is larger itself, and what is hidden are let through.
const tooSmall = `[...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, summary, textarea')].filter(n => n.offsetParent !== null && !n.closest('p, .skip') && !n.matches('.skip')).map(n => {
	const label = n.matches('input[type=checkbox], input[type=radio]') ? n.closest('label') : null;
	const box = (label ?? n).getBoundingClientRect();
	return [n, box];
}).filter(([n, b]) => b.width > 0 && (b.height < 43.5 || b.width < 43.5)).map(([n, b]) => (n.id || n.className || n.tagName) + ' ' + Math.round(b.width) + 'x' + Math.round(b.height) + ' ' + n.textContent.trim().slice(0, 30))`

// cut lists texts that do not fit into their element.
const cut = `[...document.querySelectorAll('button, h1, h2, label, .pill, .note, .chip span, .steps li')].filter(n => n.offsetParent !== null && !n.closest('.who, .visually-hidden') &&
	(n.scrollWidth > n.clientWidth + 1 && getComputedStyle(n).display !== 'inline')).map(n => (n.id || n.className || n.tagName) + ': ' + n.textContent.trim().slice(0, 60))`

// bedside looks at one screen of the capture page as people with other needs do.
func (b *browser) bedside(name string) {
	b.t.Helper()
	b.run("as a phone", emulation.SetDeviceMetricsOverride(390, 844, 1, true), emulation.SetTouchEmulationEnabled(true), chromedp.Sleep(0))
	if n := value[int](b, "controls on "+name, `[...document.querySelectorAll('button, a[href]')].filter(n => n.offsetParent !== null).length`); n < 4 {
		b.t.Errorf("%s: found %d things to press, want those of the page", name, n)
	}
	for what, find := range map[string]string{"smaller than 44 pixels": tooSmall, "cut off": cut} {
		for _, found := range value[[]string](b, what+" on "+name, find) {
			b.t.Errorf("%s: %s: %s", name, what, found)
		}
	}
	// Twice as large, as on a page zoomed to 200 %.
	b.run("zoomed", emulation.SetDeviceMetricsOverride(320, 640, 2, true))
	if wide := value[int](b, "measuring "+name, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		b.t.Errorf("%s at 320 pixels: scrolls %d sideways", name, wide)
	}
	b.run("dark", emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
		emulation.SetDeviceMetricsOverride(390, 844, 1, true))
	b.accessible(name + ", dark")
	b.shoot(name + "-dark")
	b.run("light", emulation.SetEmulatedMedia(), emulation.ClearDeviceMetricsOverride(), emulation.SetTouchEmulationEnabled(false))
}

// TestBedsidePagesForEverybody goes the way of a photo in German, and looks at each screen at large type, in the dark, with
// a finger; then once with keys alone.
func TestBedsidePagesForEverybody(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	b.until("patients listed", `document.querySelector('#patients button')`)
	b.run("auf Deutsch", press("#language"))
	b.until("said in German", `document.documentElement.lang === 'de' && document.querySelector('#language').textContent === 'English'`)
	b.until("patients listed", `document.querySelector('#patients button')`)
	b.bedside("german-1-find")
	toCard(b)
	b.bedside("german-2-card")
	fillCard(b, "sacrum", "")
	b.run("to the camera", press("#to-camera"))
	cameraReady(b)
	b.bedside("german-3-camera")
	takeOne(b)
	b.bedside("german-4-review")
	sendAll(b)
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 1`)
	b.bedside("german-5-sent")
	b.run("sent photos", chromedp.Navigate(s.base+"/captures"))
	b.until("German", `/Meine gesendeten Fotos/.test(document.querySelector('h1').textContent)`)
	b.bedside("german-6-captures")
	b.keysAlone(s)
	b.noFaults()
}

// keysAlone goes from the list of patients to the camera without a pointer.
func (b *browser) keysAlone(s *service) {
	b.t.Helper()
	b.run("the page again", chromedp.Navigate(s.base+"/capture"))
	b.until("patients listed", `document.querySelector('#patients button')`)
	for n, want := range []string{"#patients button", "#details input[name=record]", "#sites button", "#to-camera", "#shutter"} {
		if n > 0 {
			b.until("shown: "+want, fmt.Sprintf(`document.querySelector(%q)?.offsetParent && !document.querySelector(%q).disabled`, want, want))
		}
		reached := false
		for range 60 {
			if reached = value[bool](b, "at "+want, fmt.Sprintf(`document.activeElement?.matches(%q)`, want)); reached {
				break
			}
			b.run("tab", chromedp.KeyEvent(kb.Tab))
		}
		if !reached {
			b.t.Fatalf("no number of tabs leads to %s", want)
		}
		key := kb.Enter
		if want == "#details input[name=record]" {
			key = " "
		}
		b.run("pressing "+want, chromedp.KeyEvent(key))
	}
	b.until("a photo taken", `document.querySelector('#step-review')?.offsetParent`)
}
