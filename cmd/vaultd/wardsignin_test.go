package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// ownTimes lets the scanner's hints come every 300 milliseconds instead of every 8 seconds, and a sign-in wait for what comes
// after it as long as a slow machine needs.
const ownTimes = `(() => {
	const [every, after] = [setInterval, setTimeout];
	globalThis.setInterval = (act, time, ...more) => every(act, time === 8000 ? 300 : time, ...more);
	globalThis.setTimeout = (act, time, ...more) => after(act, time === 1500 ? 60_000 : time, ...more);
})()`

// TestOnePasskeySignInPreparesTheList: after one sign-in by passkey, with nothing else pressed, the page that starts cold
// without the server opens the list of patients by the same passkey, and a scan shows name and birth date. Whoever undoes it
// is not prepared by the next sign-in.
func TestOnePasskeySignInPreparesTheList(t *testing.T) {
	bands := vault.DemoBands()
	cedar := bands[slices.IndexFunc(bands, func(band vault.DemoBand) bool { return band.Name == "Sample Cedar" })]
	s, b := signedInByPasskey(t)
	b.until("nothing is left to be offered", `document.querySelector('#offline-use').hidden`)
	b.kept()
	online := value[[]string](b, "listed online", patientNames)
	b.leftBand(cedar)
	s.kill()
	b.run("a cold start", chromedp.Reload())
	b.until("offered to open", `!document.querySelector('#offline-use').hidden && /passkey/.test(document.querySelector('#offline-use-act').textContent)`)
	b.run("opening the list", press("#offline-use-act"))
	b.until("listed", `/kept on this device until/.test(document.querySelector('#patient-count').textContent)`)
	if got := value[[]string](b, "listed without the server", patientNames); !slices.Equal(got, online) {
		t.Errorf("without the server: got %q, want %q", got, online)
	}
	b.shows(matrix(t, cedar))
	b.until("a scan without the server", `!document.querySelector('#step-card').hidden && document.querySelector('#card-name').textContent.includes('Sample Cedar') && /21 Jul 1979/.test(document.querySelector('#card-born').textContent)`)
	b.shows("")
	b.noFaults()
	b.stop()
	noTextIn(t, b.profile, []string{cedar.Name, cedar.GSRN, cedar.BirthDate})
}

// signedInByPasskey is a browser on the capture page, whose person made a passkey and signed in with it, and keeps one list.
func signedInByPasskey(t *testing.T) (*service, *browser) {
	t.Helper()
	s := newService(t, nil)
	s.start()
	s.base = strings.Replace(s.base, "127.0.0.1", "localhost", 1) // a passkey belongs to a name
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.onEachPage(screenCamera)
	b.onEachPage(ownTimes)
	b.prfAuthenticator()
	b.signIn(s, "clinician", "/account")
	b.addPasskey("Ward phone")
	b.signOut()
	b.withPasskey(s)
	b.until("signed in with the passkey", `location.pathname === '/capture' && document.querySelector('#patients button')`)
	b.lists(1)
	return s, b
}

const patientNames = `[...document.querySelectorAll('#patients .patient-name')].map((n) => n.textContent)`

// leftBand goes back from a card with the band still in view: it is read again only after it was out of view. What is wrong
// with another code stays to be read as long as that is in view.
func (b *browser) leftBand(band vault.DemoBand) {
	b.t.Helper()
	const note = `document.querySelector('#scan-note').textContent`
	b.shows(matrix(b.t, band))
	b.until("on the card", `!document.querySelector('#step-card').hidden`)
	b.run("wrong patient", press("#wrong-patient"))
	b.until("still in view", `/^This wristband was just read/.test(`+note+`) || !document.querySelector('#step-card').hidden`)
	if !value[bool](b, "on the first screen", `document.querySelector('#step-card').hidden`) {
		b.t.Error("the band that was left is read again at once")
	}
	b.shows("")
	b.until("out of view", `/^No wristband read yet/.test(`+note+`)`)
	b.shows(matrix(b.t, band))
	b.until("read again", `!document.querySelector('#step-card').hidden`)
	b.shows("")
	b.run("back", press("#wrong-patient"))
	b.shows(printed(b.t, "QRCODE", "https://ward.example/7"))
	b.until("refused", `/web address/.test(`+note+`)`)
	b.run("for three hints", awaiting(`new Promise((done) => setTimeout(done, 1000))`, nil))
	if got := value[string](b, "what is said", note); !strings.Contains(got, "web address") {
		b.t.Errorf("with the code still in view: got %q, want what is wrong with it", got)
	}
	b.shows("")
	b.until("a hint, with nothing in view", `/^No wristband read yet/.test(`+note+`)`)
}

// TestOfflineUseUndone: whoever has the browser keep no list any more, on the account page, is not prepared by the next
// sign-in, but on asking for it; and asking without a passkey leads to where one is made.
func TestOfflineUseUndone(t *testing.T) {
	s, b := signedInByPasskey(t)
	b.run("the account", chromedp.Navigate(s.base+"/account"))
	b.until("kept", `!document.querySelector('#offline-kept').hidden`)
	b.look("account-4-offline-list")
	b.run("undoing", press(`[data-act="offline-undo"]`), chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery), press("#confirm [data-ok]"))
	b.until("undone", `document.querySelector('#offline-kept').hidden && !document.querySelector('#account-done').hidden`)
	b.lists(0)
	b.signOut()
	b.withPasskey(s)
	b.until("offered, and not done", `location.pathname === '/capture' && /Use this device offline/.test(document.querySelector('#offline-use-act').textContent) && !document.querySelector('#offline-use').hidden`)
	b.lists(0)

	b.run("the account again", chromedp.Navigate(s.base+"/account"), press(`button[data-remove]`), chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery), press("#confirm [data-ok]"))
	b.until("no passkey", `/You have no passkey yet/.test(document.querySelector('#account').textContent)`)
	b.run("the capture page", chromedp.Navigate(s.base+"/capture"))
	b.until("offered", `!document.querySelector('#offline-use').hidden`)
	b.run("preparing without a passkey", press("#offline-use-act"))
	b.until("told to make one", `/You have no passkey yet\. Add one/.test(document.querySelector('#offline-use-note').textContent) && document.querySelector('#offline-use-note a[href^="/account"]')`)
	b.look("wristband-6-no-passkey")
	b.faults = slices.DeleteFunc(b.faults, func(fault string) bool { return strings.Contains(fault, "409") })
	b.noFaults()
}
