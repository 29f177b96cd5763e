package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// goBack presses the browser's own Back and waits for the step that it is to lead to, with the history of that step.
func (b *browser) goBack(from, to string) {
	b.t.Helper()
	b.run("back from "+from, chromedp.Evaluate(`history.back()`, nil))
	b.atStep(to)
}

// atStep waits for a step and for the browser's history to end with it; the address tells nothing of it.
func (b *browser) atStep(step string) {
	b.t.Helper()
	b.until("the step "+step, fmt.Sprintf(`document.querySelector('#capture')?.dataset.step === %[1]q && history.state === %[1]q`, step))
	b.settle()
	got := value[string](b, "where", `[document.querySelector('#capture').dataset.step, history.state, location.pathname + location.search + location.hash].join()`)
	if want := step + "," + step + ",/capture"; got != want {
		b.t.Errorf("step, history and address: got %q, want %q", got, want)
	}
}

// TestBackKey: the system's Back leads from each step to the one before it, asks before a photo is lost, shows no photo that
// was sent, does nothing while photos are sealed, and leaves the page from the first step alone.
func TestBackKey(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.onEachPage(slowPage)
	b.signIn(s, "clinician", "/account")
	b.run("opening", chromedp.Navigate(s.base+"/capture"))
	const asked, unsent = `document.querySelector('#drop').open`, `'frame' in document.body.dataset`

	phone(b)
	toCard(b)
	b.wordsWhole()
	b.run("a place on the page", chromedp.Evaluate(`location.hash = 'main'`, nil))
	b.settle()
	b.goBack("the place", "card")
	b.goBack("the card", "find")
	b.until("a way to other patients", `document.querySelector('#step-find a[href="/break-glass"]').offsetParent`)
	toCamera(b)
	b.goBack("the camera", "card")
	b.figure()
	b.run("back from the figure", chromedp.Evaluate(`history.back()`, nil))
	b.until("the figure is closed", `!document.querySelector('#site-dialog').open`)
	b.atStep("card")
	b.run("the camera again", press("#to-camera"))
	takeOne(b)
	b.goBack("a photo that was not sent", "camera")
	b.until("it waits", unsent+` && document.querySelector('#taken').offsetParent`)
	b.goBack("the camera with a photo", "card")
	b.run("back from the card with a photo", chromedp.Evaluate(`history.back()`, nil))
	b.until("asked", asked)
	b.atStep("card")
	b.run("keeping", press("#drop-no"))
	b.run("at once", chromedp.Evaluate(`for (const id of ['to-camera', 'taken', 'more', 'camera-back', 'to-camera', 'taken']) document.getElementById(id).click()`, nil))
	b.atStep("review")
	if !value[bool](b, "kept", unsent) {
		t.Error("the photo that was kept is gone")
	}

	b.hold("sealing")
	b.run("sending", press("#send"))
	b.reached()
	b.goBack("what is being sealed", "review")
	b.free()
	b.atStep("sent")
	if named := value[bool](b, "named", `document.querySelector('#same-patient').textContent.includes(document.querySelector('#card-name').textContent)`); !named {
		t.Error("the button for another photo does not name the patient")
	}
	b.goBack("what was sent", "find")
	if value[bool](b, "seen", unsent+` || document.querySelector('#preview').width > 0 || `+asked) {
		t.Error("back from what was sent: a photo is there, or asked about")
	}
	b.run("forward", chromedp.Evaluate(`history.forward()`, nil))
	b.atStep("find")

	toCamera(b)
	b.run("loading anew", chromedp.Reload())
	b.atStep("find")
	b.run("back from the first step", chromedp.Evaluate(`history.back()`, nil))
	b.until("the page before", `location.pathname === '/account'`)
	b.noFaults()
}

// wordsWhole: on the narrowest screen the word on each choice of the card stands on one line, chosen or not.
func (b *browser) wordsWhole() {
	b.t.Helper()
	const all, broken = `document.querySelectorAll('#details .chip input')`, `[...document.querySelectorAll('#details .chip span')].filter((n) => {
		const r = document.createRange(); r.selectNodeContents(n); return r.getClientRects().length > n.textContent.split(' ').length; }).map((n) => n.textContent).join()`
	b.run("narrow", emulation.SetDeviceMetricsOverride(320, 640, 1, true))
	for range 2 {
		b.run("the other way", chromedp.Evaluate(all+`.forEach((box) => box.click())`, nil))
		if got := value[string](b, "broken words", broken); got != "" {
			b.t.Errorf("at 320 pixels these are broken within a word: %s", got)
		}
	}
	phone(b)
}

// figure opens the figure of the body, whose smallest area a finger meets, and searches for a site that there is not.
func (b *browser) figure() {
	b.t.Helper()
	b.run("the figure", press("#site-other"))
	b.still(`#figure [data-zone=neck]`)
	const met = `(() => { const neck = document.querySelector('#figure [data-zone=neck]'), r = neck.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		return [[-12, -12], [12, -12], [-12, 12], [12, 12]].filter(([dx, dy]) => document.elementFromPoint(x + dx, y + dy) === neck).length; })()`
	if got := value[int](b, "the neck", met); got != 4 {
		b.t.Errorf("of the corners of 24 pixels around its middle the neck has %d, want 4", got)
	}
	b.run("searching", chromedp.SendKeys("#site-search", "nothing of that name", chromedp.ByQuery))
	b.until("told that there is none", `document.querySelector('#zone-title').offsetParent && /No site of that name/.test(document.querySelector('#zone-title').textContent)`)
	b.look("back-1-no-site")
	phone(b)
}
