package main

import (
	"fmt"

	"github.com/chromedp/chromedp"
)

const (
	taken      = `document.querySelectorAll('#strip button').length`
	undoShown  = `[...document.querySelectorAll('[data-act=undo]')].some((n) => n.offsetParent)`
	undoHidden = `[...document.querySelectorAll('[data-act=undo]')].every((n) => n.hidden)`
	// clearing counts the photos whose bytes are made zeroes.
	clearing = `(() => { globalThis.cleared = 0; const fill = Uint8Array.prototype.fill;
		Uint8Array.prototype.fill = function (...given) { if (given[0] === 0 && this.length > 5000) cleared++; return fill.apply(this, given); }; })()`
)

// undoing: what was deleted or is to be taken again comes back as long as its patient's camera or photos are on view, and is
// cleared by whatever ends that.
func undoing(b *browser) {
	b.t.Helper()
	toCamera(b)
	twoTaken(b)
	b.run("watching what is cleared", chromedp.Evaluate(clearing, nil))
	if !value[bool](b, "nothing deleted", undoHidden) {
		b.t.Error("undoing is offered where nothing was deleted")
	}
	b.run("deleting", press("#delete"))
	b.until("offered beside what is left", undoShown+` && document.querySelector('#strip').hidden`)
	b.look("tools-2-undo")
	b.run("undoing", press("#step-review [data-act=undo]"))
	b.until("back", taken+` === 2 && `+undoHidden+` && document.querySelector('#preview').width > 1`)
	b.run("taking again", press("#retake"))
	cameraReady(b)
	b.until("offered at the camera", undoShown)
	b.look("tools-3-undo-camera")
	b.run("undoing", press("#step-camera [data-act=undo]"))
	b.until("back from the camera", taken+` === 2 && !document.querySelector('#step-review').hidden`)
	if n := value[int](b, "cleared", `cleared`); n != 0 {
		b.t.Errorf("of photos that were brought back %d were cleared", n)
	}

	b.over("the next photo", 1, takeOne)
	b.over("the card", 1, func(b *browser) { b.run("back", press("#camera-back"), press("#to-camera")) })
	for _, event := range []struct {
		name    string
		cleared int
	}{{"clinivault-lock", 1}, {"clinivault-leave", 2}, {"pagehide", 2}} {
		b.run("the camera again", chromedp.Evaluate(`dispatchEvent(new Event('clinivault-open'))`, nil))
		twoTaken(b)
		b.over(event.name, event.cleared, func(b *browser) {
			b.run(event.name, chromedp.Evaluate(fmt.Sprintf(`dispatchEvent(new Event(%q))`, event.name), nil))
		})
	}
}

// twoTaken takes photos with the camera that runs until there are two.
func twoTaken(b *browser) {
	b.t.Helper()
	for takeOne(b); value[int](b, "photos", taken) < 2; takeOne(b) {
		b.run("another", press("#more"))
	}
}

// over has one of two photos taken again, ends that it can be brought back, and counts the photos that were cleared then.
func (b *browser) over(name string, cleared int, end func(*browser)) {
	b.t.Helper()
	before := value[int](b, "cleared before", `cleared`)
	b.run("taking again", press("#retake"))
	cameraReady(b)
	b.until("offered before "+name, undoShown)
	end(b)
	b.until("cleared by "+name, fmt.Sprintf(`cleared === %d && %s`, before+cleared, undoHidden))
}
