package main

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/draw"
	"image/png"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// onOneBand is a picture of two codes, one above the other.
func onOneBand(t testing.TB, codes ...string) string {
	t.Helper()
	var pictures []image.Image
	var size image.Point
	for _, code := range codes {
		picture, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(code)))
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, picture)
		size = image.Pt(max(size.X, picture.Bounds().Dx()), size.Y+picture.Bounds().Dy())
	}
	band := image.NewGray(image.Rectangle{Max: size})
	draw.Draw(band, band.Bounds(), image.White, image.Point{}, draw.Src)
	y := 0
	for _, picture := range pictures {
		draw.Draw(band, picture.Bounds().Add(image.Pt(0, y)), picture, image.Point{}, draw.Src)
		y += picture.Bounds().Dy()
	}
	var out bytes.Buffer
	if err := png.Encode(&out, band); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// TestBandsOfTwoCodes: an English band has a GSRN and an NHS number. It is taken where both lead to one patient, and refused
// where they lead to two, or one of them to nobody; by the server, and without a network by the list.
func TestBandsOfTwoCodes(t *testing.T) {
	s := newService(t, map[string]any{"wristband": map[string]any{"plain": "nhs"}})
	s.start()
	var cedar vault.DemoBand
	for _, band := range vault.DemoBands() {
		if band.Name == "Sample Cedar" {
			cedar = band
		}
	}
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.onEachPage(screenCamera)
	b.signIn(s, "clinician", "/capture")
	b.until("scanning", `!document.querySelector('#scan').hidden`)
	with := func(nhs string) string {
		return onOneBand(t, matrix(t, cedar), printed(t, "CODE128", nhs, "--height=30"))
	}
	own, birch, elm := with("9990000034"), with("9990000026"), with("9990000050") // whose NHS numbers these are, in the demo
	scan := func(how string) {
		t.Helper()
		b.shows(own)
		b.cardOf("both of one patient, "+how, "Sample Cedar")
		b.shows(birch)
		b.told("of two patients, "+how, "^More than one wristband is in view. Show one alone.$")
		b.shows(elm)
		b.told("one of nobody, "+how, "^Only one of the two codes in view leads to a patient of yours")
	}
	scan("by the server")
	b.until("the list was fetched", `performance.getEntriesByType('resource').filter((e) => /ward-list|v1.intake/.test(e.name) && e.responseEnd > 0).length >= 2`)
	s.kill()
	b.run("searching", chromedp.Evaluate(`document.querySelector('#search').dispatchEvent(new Event('input'))`, nil))
	b.until("and is open", `/known to this page/.test(document.querySelector('#patient-count').textContent)`)
	scan("by the list")

	b.forgottenOnRefusal()
	b.noFaults()
}

// forgottenOnRefusal: whom the server allows no list any more has none, at the next time that it is fetched.
func (b *browser) forgottenOnRefusal() {
	b.t.Helper()
	b.run("the server refuses", chromedp.Evaluate(`(() => {
		const real = fetch, since = performance.now.bind(performance);
		globalThis.fetch = async (url, ...rest) => String(url).endsWith('/ward-list') ? new Response('{"type":"urn:clinivault:problem:not-allowed"}', { status: 403 }) : real(url, ...rest);
		performance.now = () => since() + 3600_000;
		dispatchEvent(new Event('online'));
	})()`, nil))
	b.until("no list any more", `/no list was fetched here|not prepared/.test(document.querySelector('#patient-count').textContent)`)
}
