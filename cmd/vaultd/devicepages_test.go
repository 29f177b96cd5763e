package main

import (
	"context"
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// devices lists all of a service, as its administrator.
func (p *person) devices() []vault.Device {
	p.s.t.Helper()
	var answer struct {
		Devices []vault.Device `json:"devices"`
	}
	p.must("GET", "/api/v1/devices/all", nil, &answer)
	return answer.Devices
}

// cookie is the session's as the browser has it.
func (b *browser) cookie() *network.Cookie {
	b.t.Helper()
	var found *network.Cookie
	b.run("reading cookies", chromedp.ActionFunc(func(ctx context.Context) error {
		all, err := network.GetCookies().Do(ctx)
		for _, c := range all {
			if c.Name == "__Host-clinivault" {
				found = c
			}
		}
		return err
	}))
	if found == nil {
		b.t.Fatal("the browser has no session")
	}
	return found
}

// proofsAreOld lets the time of every proof go by, which nothing but minutes would do otherwise.
func (s *service) proofsAreOld() {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "vault.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(s.t.Context(), `UPDATE sessions SET proved_at = proved_at - 361000`); err != nil {
		s.t.Fatal(err)
	}
}

// TestStolenCookieInChromium: the cookie goes to another browser, which cannot show the key; the first browser does, and
// goes on where it was. Then the device is taken out of use while its page is open.
func TestStolenCookieInChromium(t *testing.T) {
	s := newService(t, nil)
	s.start()
	own := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	own.signIn(s, "clinician", "/devices")
	own.until("this browser is among the devices", `[...document.querySelectorAll('[data-here]')].some((n) => !n.hidden)`)
	admin := s.signIn("admin")
	all := admin.devices()
	if len(all) != 1 || all[0].State != vault.DevicePending || !strings.Contains(all[0].Name, " on ") {
		t.Fatalf("devices after one browser signed in: got %+v", all)
	}
	stolen := own.cookie()

	thief := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	thief.run("putting the stolen cookie in", chromedp.Navigate(s.base+"/sign-in"), chromedp.ActionFunc(func(ctx context.Context) error {
		return network.SetCookie(stolen.Name, stolen.Value).WithURL(s.base + "/").WithSecure(true).WithHTTPOnly(true).WithPath("/").Do(ctx)
	}))
	s.proofsAreOld()
	thief.run("using it", chromedp.Navigate(s.base+"/patients"))
	thief.until("it is not believed", `location.pathname === '/sign-in/prove' && document.querySelector('#prove-error').textContent.includes('another device')`)
	thief.look("prove")

	own.run("going on in the own browser", chromedp.Navigate(s.base+"/patients"))
	own.until("it proves itself and goes on", `location.pathname === '/patients'`)

	admin.must("POST", "/api/v1/devices/"+string(all[0].ID)+"/revoke", nil, nil)
	own.run("the next page", chromedp.Navigate(s.base+"/captures"))
	own.until("it is out", `location.pathname === '/sign-in'`)
	own.signIn(s, "clinician", "/patients") // the password is good, the browser's key is not any more
	s.proofsAreOld()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "vault.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var bound int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM sessions WHERE binding = 'bound' AND ended_at IS NULL`).Scan(&bound); err != nil || bound != 0 {
		t.Errorf("sessions bound to a device out of use: got %d (%v), want 0", bound, err)
	}
	own.noFaults()
}

// TestSharedPhone: two people on one phone have sessions of their own on one device; who leaves is out, the other stays.
func TestSharedPhone(t *testing.T) {
	s := newService(t, nil)
	s.start()
	phone := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	phone.signIn(s, "clinician", "/devices")
	first := phone.cookie()
	phone.run("handing the phone over", network.ClearBrowserCookies())
	phone.signIn(s, "records", "/devices")
	admin := s.signIn("admin")
	all := admin.devices()
	if len(all) != 1 || all[0].Sessions != 2 {
		t.Fatalf("two people on one phone: got %+v, want one device with two sessions", all)
	}
	admin.must("POST", "/api/v1/devices/"+string(all[0].ID), map[string]bool{"shared": true}, nil)
	admin.must("POST", "/api/v1/people/"+s.accounts["clinician"].Login+"/disable", nil, nil)
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.base+"/api/v1/session", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: first.Name, Value: first.Value})
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the leaver's session on the phone: got %d, want 401", resp.StatusCode)
	}
	phone.run("the other goes on", chromedp.Navigate(s.base+"/records"))
	phone.until("still signed in", `location.pathname === '/records'`)
	if all = admin.devices(); all[0].Sessions != 1 || all[0].State == vault.DeviceRevoked || !all[0].Shared {
		t.Errorf("the phone after one left: got %+v", all[0])
	}
	phone.noFaults()
}

// TestAddDevicePages: an administrator's page makes a code, another browser comes with it, both show the same number.
func TestAddDevicePages(t *testing.T) {
	s := newService(t, nil)
	s.start()
	desk, phone := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t)), openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	desk.signIn(s, "admin", "/devices")
	desk.run("asking for a code", chromedp.Click("#add", chromedp.ByQuery), chromedp.WaitVisible("#adding-name", chromedp.ByQuery),
		chromedp.SendKeys("#adding-name", "Ward 4, phone 2", chromedp.ByQuery), chromedp.Click("#adding-shared", chromedp.ByQuery), chromedp.Click("#adding-go", chromedp.ByQuery))
	desk.until("the code is there", `document.querySelector('#adding-url').textContent.includes('/enrol#') && document.querySelector('#adding-qr').naturalWidth > 0`)
	desk.look("devices-code")
	address := value[string](desk, "reading the address", `document.querySelector('#adding-url').textContent`)

	phone.run("opening it", chromedp.Navigate(address))
	phone.until("a number", `/^\d{3} \d{3}$/.test(document.querySelector('#number').textContent)`)
	if where := value[string](phone, "reading the address bar", `location.href`); strings.Contains(where, "#") {
		t.Errorf("the code stays in the address: %s", where)
	}
	number := value[string](phone, "reading the number", `document.querySelector('#number').textContent`)
	phone.look("enrol")
	desk.until("the same number", `document.querySelector('#adding-state').textContent.includes('`+number+`')`)
	desk.run("approving", chromedp.Click("#adding-approve", chromedp.ByQuery))
	phone.until("approved", `document.querySelector('#enrol-state').textContent.includes('is approved')`)
	desk.until("in the list", `[...document.querySelectorAll('[data-row]')].some((r) => r.textContent.includes('Ward 4, phone 2') && r.textContent.includes('Approved') && r.textContent.includes('Of a ward'))`)
	desk.look("devices")

	phone.signIn(s, "clinician", "/devices")
	phone.until("the same device", `[...document.querySelectorAll('[data-device]')].some((r) => r.textContent.includes('Ward 4, phone 2') && !r.querySelector('[data-here]').hidden)`)
	phone.run("the code again", chromedp.Navigate("about:blank"), chromedp.Navigate(address))
	phone.until("it is used up", `document.querySelector('#enrol-error').textContent.includes('used already')`)

	desk.run("taking it out of use, two clicks", chromedp.Evaluate(`[...document.querySelectorAll('[data-row]')].find((r) => r.textContent.includes('Ward 4, phone 2')).querySelector('button[data-post$="/revoke"]').click()`, nil), chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery),
		chromedp.Click("#confirm [data-ok]", chromedp.ByQuery))
	desk.until("it is out", `[...document.querySelectorAll('[data-row]')].some((r) => r.textContent.includes('Ward 4, phone 2') && r.textContent.includes('Out of use'))`)
	phone.run("the phone's next page", chromedp.Navigate(s.base+"/captures"))
	phone.until("signed out", `location.pathname === '/sign-in'`)
	desk.noFaults()
}
