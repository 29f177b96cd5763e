package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestCaptureScreens looks at the screens of the capture page that the journey does not pass, in dark and in German too.
func TestCaptureScreens(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, profileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	for _, language := range []string{"en", "de"} {
		b.run("language", chromedp.Evaluate(`localStorage.setItem('clinivault-language', '`+language+`')`, nil), chromedp.Reload())
		b.until("patients listed", `document.querySelector('#patients button')`)
		b.dark("flow-1-find-" + language)
		toCard(b)
		fillCard(b, "heel", "left")
		b.dark("flow-2-card-" + language)
		b.run("the figure", press("#site-other"), chromedp.Click(`#figure [data-zone=hand][data-side=right]`, chromedp.ByQuery))
		b.look("flow-3-figure-" + language)
		b.run("a site on it", press(`#zone-sites button[data-site=hand][data-side=right]`), press("#to-camera"))
		cameraReady(b)
		b.run("grid and timer", press("#grid-on"), press("#timer"))
		b.look("flow-4-camera-" + language)
		b.run("no timer", press("#timer"), press("#timer"))
		takeOne(b)
		b.run("one more", press("#more"))
		takeOne(b)
		b.dark("flow-5-review-" + language)
		sendAll(b)
		b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 2`)
		b.look("flow-6-sent-" + language)
	}
	b.noFaults()
}
