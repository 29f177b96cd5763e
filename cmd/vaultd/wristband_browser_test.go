package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/boombuler/barcode/code128"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// screenCamera stands in for the camera of a page: it shows the picture in sessionStorage, or what showCode draws.
const screenCamera = `(() => {
	const canvas = document.createElement('canvas');
	canvas.width = 1280; canvas.height = 960;
	const pen = canvas.getContext('2d');
	let bitmap = null;
	const draw = () => { pen.fillStyle = '#bbb'; pen.fillRect(0, 0, 1280, 960); if (bitmap) pen.drawImage(bitmap, (1280 - bitmap.width) / 2, (960 - bitmap.height) / 2); };
	globalThis.showCode = async (text) => {
		sessionStorage.setItem('test-code', text);
		bitmap = text ? await createImageBitmap(new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))], { type: 'image/png' })) : null;
		draw(); // or a scanner that starts this moment sees what was there before
	};
	void showCode(sessionStorage.getItem('test-code') ?? '');
	setInterval(draw, 60);
	navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(15);
})()`

// printed is a code that zint prints.
func printed(t testing.TB, kind, text string, more ...string) string {
	t.Helper()
	out, err := exec.Command(vaulttest.RequireTool(t, "zint"), append([]string{"-b", kind, "-d", text, "--direct", "--filetype=PNG", "--scale=4",
		"--whitesp=10", "--vwhitesp=4", "--notext"}, more...)...).Output()
	if err != nil {
		t.Fatalf("zint: %v", err)
	}
	return base64.StdEncoding.EncodeToString(out)
}

// demoBand is a wristband as `vaultd demo` draws it, as a picture.
func demoBand(t testing.TB, gsrn string) string {
	t.Helper()
	band, err := printBand("test", "", string(code128.FNC1)+"8018"+gsrn)
	if err != nil {
		t.Fatal(err)
	}
	const module, height = 4, 160
	img := image.NewGray(image.Rect(0, 0, band.Width*module, height))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, bar := range band.Bars {
		for x := (bar.At + 10) * module; x < (bar.At+10+bar.Width)*module; x++ {
			for y := range height {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// prfAuthenticator is one that answers to a salt (Web Authentication Level 3, 10.1.4).
func (b *browser) prfAuthenticator() {
	b.t.Helper()
	b.offerNothing()
	b.run("making an authenticator", webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, HasPrf: true, AutomaticPresenceSimulation: true, IsUserVerified: true,
		}).Do(ctx)
		return err
	}))
}

// shows lets the camera see a code from now on.
func (b *browser) shows(code string) {
	b.t.Helper()
	b.run("showing a code", chromedp.Evaluate(`showCode(`+fmt.Sprintf("%q", code)+`)`, nil))
}

// cardOf waits for the card of a patient whose band was scanned, and goes back to the scanner with nothing in view.
func (b *browser) cardOf(step, name string) {
	b.t.Helper()
	b.until(step, `!document.querySelector('#step-card').hidden && document.querySelector('#card-name').textContent.includes(`+fmt.Sprintf("%q", name)+`)`)
	b.shows("")
	b.run("back", press("#wrong-patient"))
	b.until("scanning again", `!document.querySelector('#step-find').hidden`)
}

// told waits for a sentence on the first screen and, where the scanner stopped, starts it anew with nothing in view.
func (b *browser) told(step, sentence string) {
	b.t.Helper()
	b.until(step, fmt.Sprintf(`['scan-note', 'capture-error'].some((id) => new RegExp(%q).test(document.getElementById(id).textContent))`, sentence))
	if value[bool](b, "on a card", `!document.querySelector('#step-card').hidden`) {
		b.t.Errorf("%s: a card is shown", step)
	}
	b.shows("")
	if value[bool](b, "stopped", `!document.querySelector('#scan-again').hidden`) {
		b.run("scanning again", press("#scan-again"))
	}
}

// TestWristbands: what a camera reads leads to the patient, or says what it is; without a network the list that a passkey
// opens does, as long as it holds; and nothing of it is on the device in the clear.
func TestWristbands(t *testing.T) {
	s := newService(t, nil)
	s.start()
	s.base = strings.Replace(s.base, "127.0.0.1", "localhost", 1) // a passkey belongs to a name
	bands := map[string]vault.DemoBand{}
	for _, band := range vault.DemoBands() {
		bands[band.Name] = band
	}
	cedar, elm := bands["Sample Cedar"], bands["Sample Elm"]
	profile := vaulttest.ProfileFolder(t)
	b := openBrowser(t, profile, photograph(t))
	b.answerDialogs()
	b.onEachPage(screenCamera)
	b.prfAuthenticator()
	b.signIn(s, "clinician", "/account")
	b.addPasskey("Ward phone")
	b.run("the capture page", chromedp.Navigate(s.base+"/capture"))
	b.until("scanning", `!document.querySelector('#scan').hidden`)
	b.bandsOnline(bands)
	b.until("offered", `!document.querySelector('#offline-use').hidden`)
	b.kept()
	b.look("wristband-1-offer")
	b.run("preparing", press("#offline-use-act"))
	b.until("prepared", `document.querySelector('#offline-use').hidden`)
	b.lists(1)
	b.signOut()
	b.lists(0)
	b.signIn(s, "clinician", "/capture")
	b.until("fetched again", `!document.querySelector('#scan').hidden && document.querySelector('#patients button')`)
	b.lists(1)
	s.kill()
	b.run("locking", press("#lock-now"))
	b.until("locked, with a way to open it", `/Your passkey opens the screen/.test(document.querySelector('#cover-error').textContent)`)
	b.look("wristband-2-locked-offline")
	b.run("opening", press("#cover-passkey"))
	b.until("open", `!('covered' in document.documentElement.dataset)`)
	b.shows(matrix(t, cedar))
	b.cardOf("from the list after the lock", "Sample Cedar")

	b.bandsAfterColdStart(cedar, elm)
	b.noFaults()
	b.stop()
	var texts []string
	for _, band := range vault.DemoBands() {
		texts = append(texts, band.Name, band.GSRN, band.BirthDate)
	}
	noTextIn(t, profile, texts)
}

// matrix is the DataMatrix on the wristband of a demo patient.
func matrix(t testing.TB, band vault.DemoBand) string {
	t.Helper()
	return printed(t, "DATAMATRIX", "[8018]"+band.GSRN+"[8019]07", "--gs1", "--square")
}

// bandsOnline scans with the server there: three bands, and three codes that are refused by name.
func (b *browser) bandsOnline(bands map[string]vault.DemoBand) {
	b.t.Helper()
	b.shows(matrix(b.t, bands["Sample Cedar"]))
	b.cardOf("GS1 DataMatrix", "Sample Cedar")
	b.shows(demoBand(b.t, bands["Sample Birch"].GSRN))
	b.cardOf("GS1-128 of the demo", "Sample Birch")
	b.shows(printed(b.t, "QRCODE", "DEMO-0001"))
	b.cardOf("QR code with the record number", "Sample Alder")
	b.shows(printed(b.t, "DATAMATRIX", "[01]09506000134352[17]280131", "--gs1", "--square"))
	b.told("a medicine", "medicine or a product")
	b.shows(printed(b.t, "QRCODE", "https://ward.example/7"))
	b.told("a web address", "web address")
	b.shows(matrix(b.t, bands["Sample Elm"]))
	b.told("somebody else's patient", "not one of your patients")
}

// bandsAfterColdStart opens the page anew with the server gone: the list is closed, opens by passkey, and is refused when it
// ended, when the clock went back, and when somebody changed it.
func (b *browser) bandsAfterColdStart(cedar, elm vault.DemoBand) {
	b.t.Helper()
	b.run("a cold start", chromedp.Reload())
	b.until("offered to open", `!document.querySelector('#offline-use').hidden && /passkey/.test(document.querySelector('#offline-use-act').textContent)`)
	b.look("wristband-3-closed")
	b.shows(matrix(b.t, cedar))
	b.told("the closed list", "list is closed")
	b.run("opening the list", press("#offline-use-act"))
	b.until("listed", `document.querySelectorAll('#patients button').length === 4`)
	b.shows(matrix(b.t, cedar))
	b.cardOf("from the list after a cold start", "Sample Cedar")
	b.shows(printed(b.t, "CODE128", "DEMO-0004", "--height=40"))
	b.cardOf("by the record number", "Sample Dogwood")
	b.shows(matrix(b.t, elm))
	b.told("not on the list", "not on the list of this device")
	b.look("wristband-4-not-listed")

	for _, wrong := range []struct{ name, hours, told string }{{"the clock a day ahead", "24", "ended at"}, {"the clock set back", "-26", "clock of this device went back"}} {
		b.run(wrong.name, chromedp.Evaluate(`globalThis.rightNow ??= Date.now.bind(Date); Date.now = () => rightNow() + `+wrong.hours+` * 3600_000`, nil))
		b.shows(matrix(b.t, cedar))
		b.told(wrong.name, wrong.told)
	}
	b.run("reloading", chromedp.Reload())
	b.until("closed again", `!document.querySelector('#offline-use').hidden`)
	b.run("tampering", awaiting(tamper, nil), chromedp.Reload())
	b.until("closed once more", `!document.querySelector('#offline-use').hidden`)
	b.run("opening what was changed", press("#offline-use-act"))
	b.until("deleted", `/changed, and is deleted/.test(document.querySelector('#patient-count').textContent)`)
	b.lists(0)
}

const wardStore = `
	const db = await new Promise((done) => { const asked = indexedDB.open("clinivault-ward", 1); asked.onupgradeneeded = () => asked.result.createObjectStore("kept"); asked.onsuccess = () => done(asked.result); });
	const store = db.transaction('kept', 'readwrite').objectStore('kept');
	const wait = (asked) => new Promise((done) => { asked.onsuccess = () => done(asked.result); });
	const lists = (await wait(store.getAllKeys())).filter((key) => key.startsWith('list '));`

// tamper changes a byte of the kept list.
const tamper = `(async () => {` + wardStore + `
	for (const key of lists) {
		const list = await wait(store.get(key));
		list.sealed[50] ^= 1;
		await wait(store.put(list, key));
	}
	db.close();
})()`

// lists waits until so many lists are kept on the device.
func (b *browser) lists(want int) {
	b.t.Helper()
	left := -1
	for range 50 {
		if b.run("counting lists", awaiting(listsLeft, &left)); left == want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.t.Errorf("%d lists are kept, want %d", left, want)
}

const listsLeft = `(async () => {` + wardStore + `
	db.close();
	return lists.length;
})()`
