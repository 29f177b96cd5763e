package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"golang.org/x/image/draw"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestCaptureScreens looks at the screens of the capture page that the journey does not pass, in dark and in German too.
func TestCaptureScreens(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	b.run("German", chromedp.Evaluate(`localStorage.setItem('clinivault-language', 'de')`, nil), chromedp.Reload())
	b.until("patients listed", `document.querySelector('#patients button')`)
	b.dark("flow-1-find-de")
	toCard(b)
	b.gapInSight()
	fillCard(b, "heel", "left")
	b.dark("flow-2-card-de")
	b.run("the figure", press("#site-other"))
	b.still(`#figure [data-zone=hand][data-side=right]`)
	b.run("the right hand", chromedp.Click(`#figure [data-zone=hand][data-side=right]`, chromedp.ByQuery))
	b.look("flow-3-figure-de")
	b.run("a site on it", press(`#zone-sites button[data-site=hand][data-side=right]`), press("#to-camera"))
	cameraReady(b)
	if about := value[string](b, "about", `document.querySelector('#about').textContent`); !strings.Contains(about, "Hand, rechts") {
		t.Errorf("over the picture: got %q, want it to name the right hand in German", about)
	}
	b.run("grid and timer", press("#grid-on"), press("#timer"))
	b.dark("flow-4-camera-de")
	b.run("no timer", press("#timer"), press("#timer"))
	takeOne(b)
	b.run("one more", press("#more"))
	takeOne(b)
	b.dark("flow-5-review-de")
	sendAll(b)
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 2`)
	b.look("flow-6-sent-de")
	b.noFaults()
}

// gapInSight: what is missing on the card stands above the buttons that stay at the bottom of a phone's screen.
func (b *browser) gapInSight() {
	b.t.Helper()
	phone(b)
	b.run("without consent", press("#to-camera"))
	b.until("the sentence in sight", `(() => { const said = document.querySelector('#details-error'); return said.textContent !== '' &&
		said.getBoundingClientRect().bottom <= document.querySelector('#step-card .act').getBoundingClientRect().top; })()`)
	b.run("as before", emulation.ClearDeviceMetricsOverride(), emulation.SetTouchEmulationEnabled(false))
}

// tapCounter counts what a person does: taps and keys, the browser's own alone.
const tapCounter = `globalThis.taps = 0; globalThis.keys = 0;
	addEventListener('click', (e) => { if (e.isTrusted && e.detail > 0) taps++; }, true);
	addEventListener('keydown', () => keys++, true);`

// banded is a picture of a wristband with a DataMatrix code on it.
func banded(t testing.TB, text string) []byte {
	t.Helper()
	code, err := exec.Command(vaulttest.RequireTool(t, "zint"), "-b", "DATAMATRIX", "-d", text, "--direct", "--filetype=PNG", "--scale=5", "--whitesp=4", "--vwhitesp=4").Output()
	if err != nil {
		t.Fatalf("zint: %v", err)
	}
	drawn, err := png.Decode(bytes.NewReader(code))
	if err != nil {
		t.Fatal(err)
	}
	frame := image.NewRGBA(image.Rect(0, 0, 1280, 960))
	draw.Draw(frame, frame.Bounds(), image.White, image.Point{}, draw.Src)
	at := image.Pt(640-drawn.Bounds().Dx()/2, 480-drawn.Bounds().Dy()/2)
	draw.Draw(frame, drawn.Bounds().Add(at), drawn, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, frame, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestShortestPath: from opening the app to a sealed photo in at most six taps, opening it included, and nothing typed. The
// taps are real ones on what is on the screen of a phone, without scrolling.
func TestShortestPath(t *testing.T) {
	s := newService(t, map[string]any{"wristband": map[string]any{"plain": "record_number"}})
	s.start()
	patient := s.signIn("clinician").patients()[0]
	b := openBrowser(t, vaulttest.ProfileFolder(t), banded(t, patient.RecordNumber))
	b.answerDialogs()
	b.signIn(s, "clinician", "/account")
	b.onEachPage(tapCounter)
	phone(b)
	taps := 1 // the app's own icon
	began := time.Now()
	b.run("opening", chromedp.Navigate(s.base+"/capture"))
	b.until("the band is read by itself", `!document.querySelector('#step-card').hidden`)
	if name := value[string](b, "card", `document.querySelector('#card-name').textContent`); name != patient.Name {
		t.Fatalf("the card: got %s, want %s", name, patient.Name)
	}
	if chosen := value[int](b, "chosen", `document.querySelectorAll('#details input:checked, #details button[aria-pressed=true]').length`); chosen != 0 {
		t.Errorf("on a fresh card %d things are chosen, want none", chosen)
	}
	tap := func(selector string) {
		t.Helper()
		b.still(selector)
		at := value[[]int](b, "in reach", `(() => { const r = document.querySelector('`+selector+`').getBoundingClientRect(); return [r.top, r.bottom, innerHeight, scrollY].map(Math.round); })()`)
		if at[0] < 0 || at[1] > at[2] || at[3] != 0 {
			b.shoot("shortest-out-of-reach")
			t.Errorf("%s is not on the screen without scrolling: top, bottom, height and scrolled are %v", selector, at)
		}
		b.run("tapping "+selector, chromedp.Click(selector, chromedp.ByQuery))
	}
	tap(`label:has(input[name=record])`)
	tap(`#sites button[data-site=heel][data-side=left]`)
	tap(`#to-camera`)
	cameraReady(b)
	tap(`#shutter`)
	b.until("on view", `document.querySelector('#preview').width > 1 && !document.querySelector('#send').disabled`)
	tap(`#send`)
	b.until("sealed", `!document.querySelector('#step-sent').hidden`)
	took := time.Since(began)
	taps += value[int](b, "taps", `taps`)
	if keys := value[int](b, "keys", `keys`); taps > 6 || keys != 0 {
		t.Errorf("the shortest path: got %d taps and %d keys, want at most 6 and none", taps, keys)
	}
	t.Logf("the shortest path: %d taps, nothing typed, %.1f s by a program", taps, took.Seconds())
	doctor := s.signIn("clinician")
	eventually(t, "the photo to arrive", time.Minute, func() bool { return len(doctor.captures()) == 1 })
	b.noFaults()
}

// cameraDenier lets the test say how the browser answers a request for the camera.
const cameraDenier = `globalThis.deny = sessionStorage.getItem('deny') ?? '';
	const real = navigator.mediaDevices?.getUserMedia?.bind(navigator.mediaDevices);
	if (real) navigator.mediaDevices.getUserMedia = (c) => globalThis.deny ? Promise.reject(new DOMException('', globalThis.deny)) : real(c);`

// TestCameraTroubles: a camera that is refused, absent, taken or pulled out says what to do, the list of patients goes on
// without it, and nothing that was taken is lost.
func TestCameraTroubles(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.onEachPage(cameraDenier)
	b.signIn(s, "clinician", "/account")
	deny := func(name string) {
		b.run("deny", chromedp.Evaluate(`globalThis.deny = '`+name+`'; sessionStorage.setItem('deny', deny)`, nil))
	}
	deny("NotAllowedError")
	b.run("opening", chromedp.Navigate(s.base+"/capture"))
	b.until("the scanner says so", `/not allowed.*Allow it.*pick the patient/i.test(document.querySelector('#capture-error').textContent)`)
	b.look("trouble-1-scanner-refused")
	toCard(b)
	fillCard(b, "sacrum", "")
	b.run("to the camera", press("#to-camera"))
	for _, c := range []struct{ name, says string }{
		{"NotAllowedError", "Allow it in the address bar"}, {"NotFoundError", "Connect a camera"}, {"NotReadableError", "Close the other program"},
	} {
		deny(c.name)
		b.run("again", press("#camera-again"))
		b.until(c.name, `document.querySelector('#finder-note').textContent.includes('`+c.says+`')`)
	}
	b.look("trouble-2-camera-taken")
	deny("")
	b.run("again", press("#camera-again"))
	takeOne(b)
	b.run("one more", press("#more"))
	cameraReady(b)
	b.run("pulling the camera out", chromedp.Evaluate(`(() => { const [track] = document.querySelector('#finder').srcObject.getVideoTracks(); track.stop(); track.dispatchEvent(new Event('ended')); })()`, nil))
	b.until("told", `/disconnected.*still here/.test(document.querySelector('#finder-note').textContent)`)
	if !value[bool](b, "unsent", `'frame' in document.body.dataset`) {
		t.Error("the page does not know of the photo that was not sent")
	}
	b.run("the one that was taken", press("#taken"), chromedp.WaitVisible("#send", chromedp.ByQuery))
	sendAll(b)
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 1`)
	b.noFaults()
}

// richCamera gives the browser's fake camera what good cameras have, and notes what the page asks of it.
const richCamera = `globalThis.asked = [];
	const track = MediaStreamTrack.prototype, caps = track.getCapabilities, devices = MediaDevices.prototype, known = devices.getSupportedConstraints;
	track.getCapabilities = function () { return { ...caps.call(this), zoom: { min: 1, max: 4, step: 0.5 }, torch: true, focusMode: ['continuous', 'single-shot'] }; };
	track.applyConstraints = function (c) { asked.push(JSON.stringify(c.advanced[0])); return Promise.resolve(); };
	devices.getSupportedConstraints = function () { return { ...known.call(this), pointsOfInterest: true }; };`

// lens uses what richCamera has: zoom, lamp, and a tap on the picture.
func lens(b *browser) {
	b.t.Helper()
	b.run("zoom", chromedp.Evaluate(`(() => { const z = document.querySelector('#zoom'); z.value = '2.5'; z.dispatchEvent(new Event('input')); })()`, nil))
	b.run("lamp", press("#torch"))
	b.until("on", `document.querySelector('#torch').getAttribute('aria-pressed') === 'true'`)
	b.still("#frame")
	b.run("focus", chromedp.Click("#frame", chromedp.ByQuery))
	b.until("asked of the camera", `asked.length >= 3`)
	got := value[string](b, "asked", `asked.join(' ')`)
	for _, want := range []string{`{"zoom":2.5}`, `{"torch":true}`, `"focusMode":"single-shot"`, `"pointsOfInterest":[{"x":0.5`} {
		if !strings.Contains(got, want) {
			b.t.Errorf("asked of the camera: got %s, want %s in it", got, want)
		}
	}
}

// countWatcher notes each number that the timer shows.
const countWatcher = `globalThis.counted = [];
	new MutationObserver(() => { const n = document.querySelector('#count').textContent; if (n) counted.push(n); })
		.observe(document.querySelector('#count'), { childList: true })`

// TestFinderTools: zoom, lamp and focus; a photo for comparison that is forgotten when the page goes out of sight, the
// timer, the shutter that listens (the browser's fake microphone beeps), and the controls on the other side.
func TestFinderTools(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.onEachPage(richCamera)
	b.signIn(s, "clinician", "/capture")
	toCamera(b)
	b.until("the earlier photos were asked for", `performance.getEntriesByType('resource').some((e) => e.name.endsWith('/photos') && e.responseEnd > 0)`)
	lens(b)
	if !value[bool](b, "comparing", `document.querySelector('#ghost-on').hidden`) {
		t.Error("comparing is offered where there is no earlier photo of the site")
	}
	takeOne(b)
	sendAll(b)
	doctor := s.signIn("clinician")
	eventually(t, "the first photo to be processed", time.Minute, func() bool {
		for _, photos := range doctor.captures() {
			return photos[0].State == vault.StateInReview
		}
		return false
	})
	b.run("the same patient", press("#same-patient"), press("#site-earlier"))
	b.until("the earlier site is listed", `document.querySelector('#earlier button[data-site=sacrum]')`)
	b.run("to the camera", press("#to-camera"))
	cameraReady(b)
	b.until("offered", `document.querySelector('#ghost-on').offsetParent`)
	b.run("comparing", press("#ghost-on"))
	b.until("laid over", `document.querySelector('#ghost').width > 100 && !document.querySelector('#ghost').hidden`)
	b.look("tools-1-ghost")
	b.hide(true)
	if width := value[int](b, "hidden", `document.querySelector('#ghost').width`); width != 0 {
		t.Errorf("the page is out of sight and the photo for comparison is %d pixels wide, want it gone", width)
	}
	b.hide(false)
	cameraReady(b)

	b.run("the timer", press("#timer"), chromedp.Evaluate(countWatcher, nil), press("#shutter"))
	b.until("taken", `!document.querySelector('#step-review').hidden`)
	if counted := value[string](b, "counted", `counted.join(' ')`); counted != "3 2 1" {
		t.Errorf("before the photo the page counted %q, want 3 2 1", counted)
	}
	b.run("without the timer", press("#more"), press("#timer"), press("#timer"))
	cameraReady(b)
	b.still("#voice")
	b.run("listening", chromedp.Click("#voice", chromedp.ByQuery))
	b.until("taken by sound", `!document.querySelector('#step-review').hidden`)
	if n := value[int](b, "strip", `document.querySelectorAll('#strip button').length`); n != 2 {
		t.Errorf("photos taken: got %d, want 2", n)
	}
	b.run("deleting one", press("#delete"), press("#retake"))
	cameraReady(b)
	side := `document.querySelector('#camera-back').getBoundingClientRect().x > document.querySelector('#shutter').getBoundingClientRect().x`
	if value[bool](b, "right hand", side) {
		t.Error("for the right hand, the way back is right of the shutter")
	}
	b.run("left-handed", press("#left-handed"))
	b.until("mirrored", side)
	askedBeforeLoss(b)
	undoing(b)
	b.noFaults()
}

// askedBeforeLoss goes to another patient with a photo that was not sent: the page asks, keeps it, and forgets it only when told.
func askedBeforeLoss(b *browser) {
	b.t.Helper()
	const unsent, asked = `'frame' in document.body.dataset`, `document.querySelector('#drop').open`
	takeOne(b)
	b.run("back to the card", press("#more"), press("#camera-back"), press("#wrong-patient"))
	b.until("asked", asked)
	b.run("keeping", press("#drop-no"))
	if !value[bool](b, "kept", unsent+` && !document.querySelector('#step-card').hidden`) {
		b.t.Error("the photo that was to be kept is gone, or the card")
	}
	b.run("deleting", press("#wrong-patient"), press("#drop-yes"))
	b.until("another patient", `!document.querySelector('#step-find').hidden`)
	if value[bool](b, "gone", unsent) {
		b.t.Error("the photo that was to be deleted is still there")
	}
}

// TestWithoutOptionalParts: where the scanner, the ward list and the live checks do not load, the page says what is off, and
// a photo is taken all the same.
func TestWithoutOptionalParts(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.run("without parts", network.Enable(), network.SetBypassServiceWorker(true),
		network.SetBlockedURLs([]string{"*/capture/scan.js", "*/capture/wardlist.js", "*/capture/checks.js"}))
	b.signIn(s, "clinician", "/capture")
	const notice = `document.querySelector('#capture-notice').textContent`
	b.until("the scanner is off", `/scanner.*did not load.*from the list/i.test(`+notice+`)`)
	toCamera(b)
	b.until("the checks are off", `/checks are off.*look yourself/i.test(`+notice+`)`)
	takeOne(b)
	sendAll(b)
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 1`)
}

// TestWarningOverruled: what the checks see is said beside the live picture with what to do, nothing is stopped by it, and
// the person's answer is kept in the sealed facts of the photo.
func TestWarningOverruled(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), vaulttest.Face(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	toCamera(b)
	b.until("a face is seen", `document.querySelector('#warnings [data-code=face]')`)
	b.until("its box is drawn", `document.querySelectorAll('#boxes rect').length > 0`)
	if disabled := value[bool](b, "shutter", `document.querySelector('#shutter').disabled`); disabled {
		t.Error("a warning stops the shutter")
	}
	b.look("warning-1-face")
	b.run("overruling", press(`#warnings [data-code=face] [data-act=overrule]`))
	b.until("answered", `!document.querySelector('#warnings [data-code=face]')`)
	takeOne(b)
	b.until("judged", `!document.querySelector('#sharp').hidden`)
	if again := value[bool](b, "asked again", `document.querySelector('#seen [data-code=face]') !== null`); again {
		t.Error("what was answered is asked again")
	}
	b.look("warning-2-judged")
	sendAll(b)
	doctor := s.signIn("clinician")
	var id vault.PhotoID
	eventually(t, "the photo to be processed", time.Minute, func() bool {
		for _, photos := range doctor.captures() {
			id = photos[0].ID
			return photos[0].State == vault.StateInReview
		}
		return false
	})
	var photo struct {
		Measures struct {
			Sharpness float64
			Overruled []string
		}
	}
	doctor.must("GET", "/api/v1/photos/"+string(id), nil, &photo)
	if got := photo.Measures; got.Sharpness <= 0 || !slices.Contains(got.Overruled, "face") {
		t.Errorf("measures of the photo: got %+v, want a sharpness, and the face overruled", got)
	}
	b.run("another site of the patient", press("#same-patient"), chromedp.WaitVisible("#to-camera", chromedp.ByQuery))
	b.run("to the camera", press(`#sites button[data-site=heel][data-side=left]`), press("#to-camera")) // what they agreed to stands
	cameraReady(b)
	b.until("the answer was for the other site: a face is seen", `document.querySelector('#warnings [data-code=face]')`)
	b.noFaults()
}
