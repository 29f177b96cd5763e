package main

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestChecksOnThePage holds a camera at a face: the capture page says so before the shutter and of the taken photo, takes it all
// the same, and lets the person say that the face is needed.
func TestChecksOnThePage(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), vaulttest.Face(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/scale-sheet")
	b.until("the sheet", `document.querySelector('.scale-sheet')?.naturalWidth > 100`)
	b.look("scale-sheet")
	b.run("to the capture page", chromedp.Navigate(s.base+"/capture"))
	toCamera(b)
	b.until("a face seen", `document.querySelector('#warnings').textContent.includes('A face is in view')`)
	b.look("checks-1-face")
	b.run("overruled", press(`#warnings li button`))
	b.until("said to be needed", `!document.querySelector('#warnings').textContent.includes('A face is in view')`)
	takeOne(b)
	b.until("judged", `!document.querySelector('#sharp').hidden && document.querySelector('#sharp-words').textContent !== ''`)
	if again := value[bool](b, "the answer kept", `document.querySelector('#seen').textContent.includes('A face is in view')`); again {
		t.Error("the face that was said to be needed is warned of again")
	}
	b.look("checks-2-judged")
	b.noFaults()
}
