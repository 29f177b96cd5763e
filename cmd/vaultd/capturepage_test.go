package main

import (
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// toCard goes from the list of patients to the card of the first.
func toCard(b *browser) {
	b.t.Helper()
	b.until("patients listed", `document.querySelector('#patients button')`)
	b.run("choosing", press(`#patients button`), chromedp.WaitVisible("#to-camera", chromedp.ByQuery))
}

// fillCard says that the patient agrees to the record, and which part of the body it is.
func fillCard(b *browser, site, side string) {
	b.t.Helper()
	b.run("the card", press(`#details input[name=record]`), press(fmt.Sprintf(`#sites button[data-site=%q][data-side=%q]`, site, side)))
}

// toCamera goes from the list of patients to a camera that shows a picture.
func toCamera(b *browser) {
	b.t.Helper()
	toCard(b)
	fillCard(b, "sacrum", "")
	b.run("to the camera", press("#to-camera"))
	cameraReady(b)
}

const shutterReady = `document.querySelector('#shutter') && !document.querySelector('#shutter').disabled`

func cameraReady(b *browser) {
	b.t.Helper()
	b.until("camera ready", shutterReady)
}

// takeOne takes one photo with the camera that runs.
func takeOne(b *browser) {
	b.t.Helper()
	cameraReady(b)
	b.run("shutter", press("#shutter"), chromedp.WaitVisible("#send", chromedp.ByQuery))
	b.until("on view", `document.querySelector('#preview').width > 1`)
}

// toReview goes from the list of patients to a photo that could be sent, with a note that must not be found again.
func toReview(b *browser) {
	b.t.Helper()
	toCamera(b)
	takeOne(b)
	b.run("a note", press("#note-open"), chromedp.SendKeys("#note", "journey-note-to-be-sealed", chromedp.ByQuery))
}

// captureOnce takes one photo of the first patient on the list and sends it; it is sealed and in the queue afterwards.
func captureOnce(b *browser) {
	b.t.Helper()
	toReview(b)
	sendAll(b)
}

// sendAll seals what was taken.
func sendAll(b *browser) {
	b.t.Helper()
	b.run("sending", press("#send"), chromedp.WaitVisible("#step-sent", chromedp.ByQuery))
}

// phone makes the window one of a phone, held upright, until the test ends.
func phone(b *browser) {
	b.t.Helper()
	s := screens[0]
	b.run("a phone", emulation.SetDeviceMetricsOverride(s.width, s.height, 1, true))
}
