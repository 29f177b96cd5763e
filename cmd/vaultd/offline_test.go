package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestOfflineJourney: the network goes, three photos are taken, the browser is killed and started again, the network comes
// back: the vault has each photo once, each with its receipt, and nothing of them is left on the device in clear.
func TestOfflineJourney(t *testing.T) {
	s := newService(t, nil)
	s.start()
	profile := vaulttest.ProfileFolder(t)
	b := openBrowser(t, profile, photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	toCard(b)
	b.kept()
	names := value[[]string](b, "the patient", `[document.querySelector('#card-name').textContent.trim()]`)
	offline(b, true)
	b.until("said that there is no network", `/No network/.test(document.querySelector('#note-offline').textContent)`)
	fillCard(b, "sacrum", "")
	b.run("to the camera", press("#to-camera"))
	for n := range 3 {
		if n > 0 {
			b.run("another photo", press("#same-patient"))
			b.until("card or camera", `!document.querySelector('#step-card').hidden || !document.querySelector('#step-camera').hidden`)
			if value[bool](b, "on the card", `!document.querySelector('#step-card').hidden`) {
				if !value[bool](b, "ready", `document.querySelector('#details input[name=record]').checked`) {
					fillCard(b, "sacrum", "")
				}
				b.run("to the camera", press("#to-camera"))
			}
		}
		takeOne(b)
		sendAll(b)
		b.until("sealed", fmt.Sprintf(`document.querySelectorAll('#queue-list [data-capture]').length === %d`, n+1))
	}
	sealed := captureIDs(b)
	b.look("offline-1-sealed")
	b.killed()
	noPictureIn(t, profile, b.camera)
	noTextIn(t, profile, names)

	b = openBrowser(t, profile, photograph(t))
	b.run("starting again", chromedp.Navigate(s.base+"/capture"))
	// The session's cookie ends with the browser, unless it had reached the disk before the power went: then the person is
	// signed in still. Otherwise they sign in again. What waits goes by itself either way.
	b.until("known, or asked to sign in", `location.pathname === '/sign-in' || document.body.dataset.personName`)
	if value[bool](b, "asked", `location.pathname === '/sign-in'`) {
		b.signIn(s, "clinician", "/capture")
	}
	b.until("queue empty", `(globalThis.left ??= -1, (async () => { const db = await new Promise(r => { const q = indexedDB.open('clinivault-capture'); q.onsuccess = () => r(q.result); });
		const n = await new Promise(r => { const c = db.transaction('sealed').objectStore('sealed').count(); c.onsuccess = () => r(c.result); }); db.close(); globalThis.left = n; })(), globalThis.left === 0)`)
	// The page after the sign-in may have sent some already: those are not on the panel of this one.
	b.until("nothing on the panel waits", `!document.querySelector('#queue-list [data-capture]:not([data-state=received])')`)
	b.look("offline-2-received")
	photos := s.signIn("clinician").captures()
	for _, id := range sealed {
		if len(photos[id]) != 1 {
			t.Errorf("capture %s: got %d photos, want 1", id, len(photos[id]))
		}
	}
	if len(photos) != 3 {
		t.Errorf("the vault has %d captures, want 3", len(photos))
	}
	b.noFaults()
	b.stop()
	noPictureIn(t, profile, b.camera)
	noTextIn(t, profile, names)
}

// captureIDs are those on the queue's panel.
func captureIDs(b *browser) []string {
	return value[[]string](b, "captures on the panel", `[...document.querySelectorAll('#queue-list [data-capture]')].map(r => r.dataset.capture)`)
}

// killed ends the browser as a power cut would: SIGKILL to its process.
func (b *browser) killed() {
	b.t.Helper()
	process := chromedp.FromContext(b.ctx).Browser.Process()
	if err := process.Signal(syscall.SIGKILL); err != nil {
		b.t.Fatal(err)
	}
	b.gone = true
	b.stop()
}

// TestClockWrongByADay: the page says so, and the photo gets the server's time.
func TestClockWrongByADay(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/devices")
	wrong := `(() => { const right = Date, off = 24 * 3600_000;
		globalThis.Date = class extends right { constructor(...a) { a.length ? super(...a) : super(right.now() - off); } static now() { return right.now() - off; } }; })()`
	b.run("setting the clock back", chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(wrong).Do(ctx)
		return err
	}), chromedp.Navigate(s.base+"/capture"))
	b.until("said", `/24 hours slow/.test(document.querySelector('#note-clock').textContent)`)
	b.look("clock-wrong")
	days := []string{time.Now().Format("2 Jan 2006")}
	captureOnce(b)
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 1`)
	days = append(days, time.Now().Format("2 Jan 2006")) // midnight may have come
	row := value[string](b, "its row", `document.querySelector('#queue-list [data-fill=title]').textContent`)
	if !strings.Contains(row, days[0]) && !strings.Contains(row, days[1]) {
		t.Errorf("the row says %q, want today, %s", row, days[1])
	}
	clinician := s.signIn("clinician")
	eventually(t, "the photo to be read", time.Minute, func() bool {
		for _, photos := range clinician.captures() {
			if taken := time.UnixMilli(int64(photos[0].TakenAt)); photos[0].TakenAt != 0 {
				if off := time.Since(taken).Abs(); off > 10*time.Minute {
					t.Errorf("taken at %v, %v off, want now", taken, off)
				}
				return true
			}
		}
		return false
	})
	b.noFaults()
}
