package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// slowPage lets the test hold what a slow device takes its time for: decoding a picture, and sealing. It counts pictures
// that were empty of everything when they were sealed.
const slowPage = `(() => {
	globalThis.blank = 0;
	globalThis.holding = null;
	globalThis.hold = (what) => { let free; const until = new Promise((r) => { free = r; }); globalThis.holding = { what, until, reached: 0, free: () => { globalThis.holding = null; free(); } }; };
	const held = async (what) => { const h = globalThis.holding; if (h?.what !== what) return; h.reached++; await h.until; };
	const decode = globalThis.createImageBitmap;
	globalThis.createImageBitmap = async (...given) => { const made = await decode(...given); if (given[0] instanceof Blob) await held('decoding'); return made; };
	const encrypt = SubtleCrypto.prototype.encrypt;
	SubtleCrypto.prototype.encrypt = async function (how, key, data) {
		if (data.byteLength > 5000) {
			await held('sealing');
			if (new Uint8Array(data.buffer, data.byteOffset, 64).every((b) => b === 0)) globalThis.blank++;
		}
		return encrypt.call(this, how, key, data);
	};
})()`

// hold holds what the page does next of one kind; reached waits until it does, free lets it go on.
func (b *browser) hold(what string) {
	b.t.Helper()
	b.run("holding "+what, chromedp.Evaluate(`hold('`+what+`')`, nil))
}

func (b *browser) reached() {
	b.t.Helper()
	b.until("held", `holding?.reached > 0`)
}

func (b *browser) free() {
	b.t.Helper()
	b.run("going on", chromedp.Evaluate(`holding.free()`, nil))
	b.settle()
}

// settle lets the page do what it has begun, where nothing may come of it that could be waited for: forty turns of its own
// loop, however slow the machine is.
func (b *browser) settle() {
	b.t.Helper()
	b.run("forty turns", awaiting(`(async () => { for (let i = 0; i < 20; i++) {
		await new Promise((done) => setTimeout(done));
		await new Promise((done) => requestAnimationFrame(done));
	} })()`, nil))
}

// TestCaptureRaces: a picture that comes late, a second word while photos are sealed, and a look at one photo after the
// other put no photo beside another patient, lose none, and leave none on a screen that is left.
func TestCaptureRaces(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.onEachPage(slowPage)
	b.signIn(s, "clinician", "/capture")
	const step, pixels = `document.querySelector('#capture').dataset.step`, `document.querySelector('#preview').width > 1`

	toCamera(b)
	b.hold("decoding")
	b.run("shutter", press("#shutter"))
	b.reached()
	b.run("the wrong patient", press("#camera-back"), press("#wrong-patient"))
	b.until("patients listed", `!document.querySelector('#step-find').hidden && document.querySelectorAll('#patients button').length > 1`)
	b.run("the right one", chromedp.Evaluate(`document.querySelectorAll('#patients button')[1].click()`, nil), chromedp.WaitVisible("#to-camera", chromedp.ByQuery))
	b.free()
	if got := value[string](b, "step", step); got != "card" {
		t.Errorf("a photo of the patient before came late: got the screen %q, want the card of the patient now", got)
	}
	if value[bool](b, "kept", `'frame' in document.body.dataset || `+pixels) {
		t.Error("a photo of the patient before is kept under the name of the patient now")
	}

	fillCard(b, "heel", "left")
	b.run("to the camera", press("#to-camera"))
	takeOne(b)
	b.run("one more", press("#more"))
	takeOne(b)
	b.hold("decoding")
	b.run("the first photo", press(`#strip button:first-child`))
	b.reached()
	b.run("on", press("#more"))
	b.free()
	if value[bool](b, "pixels", pixels) {
		t.Error("a photo is drawn on a screen that was left: the next photo is taken for it")
	}
	b.run("back", press("#taken"))
	b.until("on view", pixels)

	b.hold("sealing")
	b.run("sending", press("#send"))
	b.reached()
	b.run("deleting too late", press("#delete"), press("#retake"))
	b.free()
	b.until("both received", `document.querySelectorAll('#queue-list [data-state=received]').length === 2`)
	if n := value[int](b, "blank", `blank`); n != 0 {
		t.Errorf("%d photos were emptied before they were sealed", n)
	}
	if got := value[string](b, "step", step); got != "sent" {
		t.Errorf("after sending: got the screen %q, want that of what was sent", got)
	}

	b.run("one more of the patient", press("#same-patient"), chromedp.WaitVisible("#to-camera", chromedp.ByQuery), press("#to-camera")) // the card stands as it was
	takeOne(b)
	b.run("the page is left, and is back", chromedp.Evaluate(`dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))`, nil), press("#send"))
	b.until("nothing is said to be sent", step+` === 'camera'`)
	b.noFaults()
}

// cameraCounter counts how often the page asks for a camera.
const cameraCounter = `globalThis.cameras = 0;
	if (globalThis.MediaDevices) {
		const real = MediaDevices.prototype.getUserMedia;
		MediaDevices.prototype.getUserMedia = function (...given) { cameras++; return real.apply(this, given); };
	}`

// TestScannerUnderLock: the camera that looks for wristbands stops with the screen's lock, and looks again when it opens.
func TestScannerUnderLock(t *testing.T) {
	s := newService(t, map[string]any{"sign_in": map[string]any{"password_only": true}})
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.onEachPage(cameraCounter)
	b.signIn(s, "clinician", "/capture")
	const live = `document.querySelector('#scan-video').srcObject?.active`
	b.until("the scanner looks", live)
	b.run("locking", lockNow)
	b.covered("locked")
	b.until("its camera is off", `!`+live)
	before := value[int](b, "asked for a camera", `cameras`)
	b.hide(true)
	b.hide(false)
	b.until("still locked", coverOpen)
	b.settle()
	if asked := value[int](b, "asked again", `cameras`) - before; before == 0 || asked != 0 || value[bool](b, "seen again", live+` === true`) {
		t.Errorf("below the lock the page asked %d times for a camera once it was seen again, and %d times before it; want none, and some", asked, before)
	}
	b.until("the way in is offered", `!document.querySelector('#cover-typed').hidden`)
	b.openWith(s.accounts["clinician"].Password)
	b.until("the scanner looks again", live)
	b.noFaults()
}

// TestAnotherPersonOnThisBrowser: somebody else signs in without a word of whoever was here. The other tab shows nothing of
// theirs any more, and without a network the page does not open, and seal, as the one who was here before.
func TestAnotherPersonOnThisBrowser(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	toCard(b)
	const kept = `(async () => { const db = await new Promise((done, fail) => { const q = indexedDB.open('clinivault-shell'); q.onerror = fail; q.onsuccess = () => done(q.result); });
		const id = await new Promise((done) => { const g = db.transaction('kept').objectStore('kept').get('person'); g.onsuccess = () => done(g.result?.id ?? ''); }); db.close(); return id; })()`
	var before string
	b.run("whose it is", awaiting(kept, &before))
	if before == "" {
		t.Fatal("the page keeps nobody's number")
	}

	b.run("another tab says who signed in", chromedp.Evaluate(`new BroadcastChannel('clinivault-screen').postMessage({ person: 'somebody-else' })`, nil))
	b.until("the card is gone", `document.body.dataset.person && document.querySelector('#card-name')?.textContent === ''`)

	other := s.accounts["reviewer"]
	var status int
	b.run("another person signs in", awaiting(fmt.Sprintf(`fetch('/api/v1/session', { method: 'POST', headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ login: %q, password: %q }) }).then((r) => r.status)`, other.Login, other.Password), &status))
	if status != http.StatusOK {
		t.Fatalf("signing in: got status %d, want 200", status)
	}
	b.run("their page", chromedp.Navigate(s.base+"/devices"))
	eventually(t, "the browser to forget who was here", 20*time.Second, func() bool {
		var now string
		b.run("whose it is now", awaiting(kept, &now))
		return now == ""
	})
	b.noFaults()
}
