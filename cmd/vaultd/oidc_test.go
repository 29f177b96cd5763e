package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// mfa is what the provider of the tests says of a sign-in with a second factor.
const mfa = "urn:example:mfa"

// hospitalPeople are the provider's; all of them are made up.
var hospitalPeople = []vaulttest.OIDCAccount{
	{Login: "synthetic.nurse", Password: "nurse's own words", Name: "Synthetic Nurse", Groups: []string{"Ward nurses", "Everybody"}, ACR: mfa, AMR: []string{"pwd", "otp"}},
	{Login: "synthetic.cook", Password: "cook's own words", Name: "Synthetic Cook", Groups: []string{"Kitchen"}, ACR: mfa, AMR: []string{"pwd", "otp"}},
	{Login: "synthetic.weak", Password: "weak's own words", Name: "Synthetic Weak", Groups: []string{"Ward nurses"}, ACR: "urn:example:password", AMR: []string{"pwd"}},
	{Login: "synthetic.admin", Password: "admin's own words", Name: "Synthetic Admin", Groups: []string{"Clinivault admins"}, ACR: mfa, AMR: []string{"pwd", "otp"}},
}

// federation is a service whose people sign in at a provider, and that provider.
type federation struct {
	*service
	provider *vaulttest.OIDCProvider
	address  string // by the name that the provider knows
}

func newFederation(t *testing.T, change func(oidc map[string]any, setup *vaulttest.OIDCSetup)) *federation {
	t.Helper()
	port := vaulttest.FreePort(t)
	address := fmt.Sprintf("http://localhost:%d", port)
	secret := filepath.Join(t.TempDir(), "client.secret")
	if err := os.WriteFile(secret, []byte("a secret of the tests\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	setup := vaulttest.OIDCSetup{Port: vaulttest.FreePort(t), Accounts: hospitalPeople,
		Clients: []vaulttest.OIDCClient{{ID: "clinivault", Secret: "a secret of the tests", Address: address}}}
	oidc := map[string]any{"issuer": fmt.Sprintf("http://127.0.0.1:%d", setup.Port), "client_id": "clinivault", "client_secret_file": secret,
		"address": address, "create": true, "only": true, "acr_values": []string{mfa}, "require_acr": []string{mfa}, "require_amr": []string{"otp"}}
	if change != nil {
		change(oidc, &setup)
	}
	h := &federation{provider: vaulttest.OIDC(t, setup)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the provider's last words:\n%s", h.provider.Log())
		}
	})
	h.service = newService(t, map[string]any{"listen": fmt.Sprintf("127.0.0.1:%d", port), "oidc": oidc, "sign_in": map[string]any{}})
	h.start()
	h.address = address
	h.operate(func(v *vault.Vault) error {
		for group, role := range map[string]vault.Role{"Ward nurses": vault.RoleClinician, "clinivault admins": vault.RoleAdmin} {
			if err := v.SetGroup(t.Context(), vault.Operator(), vault.MappedGroup{Name: group, Roles: []vault.Role{role}}); err != nil {
				return err
			}
		}
		return nil
	})
	return h
}

// operate does something as the operator's commands do, beside the running service.
func (h *federation) operate(do func(v *vault.Vault) error) {
	h.t.Helper()
	c, err := loadConfig(h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	p, err := openParts(h.t.Context(), c, newLog("", io.Discard), true)
	if err != nil {
		h.t.Fatal(closing(p, err))
	}
	if err := closing(p, do(p.vault)); err != nil {
		h.t.Fatal(err)
	}
}

// atProvider fills the provider's own page.
func (b *browser) atProvider(login string) {
	b.t.Helper()
	for _, a := range hospitalPeople {
		if a.Login == login {
			b.run("the provider's page", chromedp.WaitVisible("#go", chromedp.ByQuery), chromedp.SendKeys("#login", a.Login, chromedp.ByQuery),
				chromedp.SendKeys("#password", a.Password, chromedp.ByQuery), chromedp.Click("#go", chromedp.ByQuery))
		}
	}
}

// throughHospital signs in from our page, through the provider's.
func (b *browser) throughHospital(h *federation, login, next string) {
	b.t.Helper()
	b.run("opening sign-in", chromedp.Navigate(h.address+"/sign-in?next="+next), chromedp.WaitVisible("#hospital", chromedp.ByQuery),
		chromedp.Click("#hospital", chromedp.ByQuery))
	b.atProvider(login)
}

// status is what the service answers to a page's own request.
func (b *browser) status(path string) int {
	b.t.Helper()
	var got int
	b.run("asking "+path, chromedp.Evaluate(`fetch('`+path+`').then(r => r.status)`, &got,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return got
}

// TestHospitalSignInInChromium: people sign in at the provider's own pages, confirm there again, and are out when the
// provider signs them out.
func TestHospitalSignInInChromium(t *testing.T) {
	h := newFederation(t, nil)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.run("opening sign-in", chromedp.Navigate(h.address+"/sign-in"), chromedp.WaitVisible("#hospital", chromedp.ByQuery))
	b.look("hospital-sign-in")
	b.throughHospital(h, "synthetic.nurse", "/captures")
	b.until("arriving where the person was going", `location.pathname === '/captures' && location.search === ''`)
	if who := value[string](b, "who is here", `document.body.innerText`); !strings.Contains(who, "Synthetic Nurse") {
		t.Error("the page does not name who signed in")
	}
	if got := b.status("/api/v1/sessions"); got != http.StatusOK {
		t.Errorf("an act that wants a second factor: got %d, want the provider's to count", got)
	}
	b.raise(h, "synthetic.nurse")

	b.run("signing out at the provider", chromedp.Navigate(h.provider.Issuer+"/session/end"),
		chromedp.WaitReady(`button[name="logout"], button[autofocus]`, chromedp.ByQuery), chromedp.Click(`button[name="logout"], button[autofocus]`, chromedp.ByQuery))
	b.until("the provider's farewell", `location.pathname.includes('/session/end/success') || document.body.innerText.includes('Success')`)
	eventually(t, "the logout of the back channel", 15*time.Second, func() bool {
		return strings.Contains(h.log.String(), "the hospital's provider ended sessions")
	})
	b.run("going on afterwards", chromedp.Navigate(h.address+"/captures"))
	b.until("being sent to sign in", `location.pathname === '/sign-in'`)
	b.noFaults()
}

// raise confirms in a window of its own who is signed in, as a page's step-up does.
func (b *browser) raise(h *federation, login string) {
	b.t.Helper()
	opened := chromedp.WaitNewTarget(b.ctx, func(i *target.Info) bool { return i.Type == "page" })
	b.run("opening the window", chromedp.Evaluate(`(() => {
		window.confirmed = false;
		new BroadcastChannel('clinivault-sign-in').onmessage = (e) => { window.confirmed = e.data; };
		window.open('/sign-in/hospital?raise=1', '', 'popup,width=500,height=600');
	})()`, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithUserGesture(true) }))
	var id target.ID
	select {
	case id = <-opened:
	case <-time.After(30 * time.Second):
		b.t.Fatal("no window opened")
	}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
	defer cancel()
	window := &browser{t: b.t, ctx: ctx}
	window.atProvider(login)
	b.until("hearing from the window", `window.confirmed === 'raised'`)
	if got := b.status("/api/v1/session"); got != http.StatusOK {
		b.t.Errorf("with the new token: got %d, want 200", got)
	}
}

// TestHospitalRefusesInChromium: who has no role here, and who showed too little, is told so and is not signed in.
func TestHospitalRefusesInChromium(t *testing.T) {
	h := newFederation(t, nil)
	for login, c := range map[string]struct{ says, cause string }{
		"synthetic.cook": {"no role here", "no-role"},
		"synthetic.weak": {"second factor", "acr"},
	} {
		b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
		b.throughHospital(h, login, "/captures")
		b.until("the refusal of "+login, `document.body.innerText.includes('`+c.says+`')`)
		if got := b.status("/api/v1/session"); got != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want no session", login, got)
		}
		if !strings.Contains(h.log.String(), "cause="+c.cause) {
			t.Errorf("%s: the log does not say %s", login, c.cause)
		}
		b.look("hospital-refused-" + c.cause)
		b.stop()
	}
}

// TestHospitalProviderDown: while the provider is down, people are told so and emergency accounts sign in; nobody else does
// by themselves. The service starts without it, and finds it when it is back.
func TestHospitalProviderDown(t *testing.T) {
	h := newFederation(t, nil)
	h.provider.Stop()
	h.stop()
	h.start()
	emergency := h.accounts["admin"]
	h.operate(func(v *vault.Vault) error {
		return v.SetTerms(t.Context(), vault.Operator(), emergency.Login, vault.Terms{Emergency: true})
	})
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.run("opening sign-in", chromedp.Navigate(h.address+"/sign-in"), chromedp.WaitVisible("#hospital", chromedp.ByQuery),
		chromedp.Click("#hospital", chromedp.ByQuery))
	b.until("being told", `document.body.innerText.includes('does not answer') && document.body.innerText.includes('emergency account')`)
	b.look("hospital-down")

	p := &person{s: h.service}
	sign := func(role string) int {
		a := h.accounts[role]
		return p.call("POST", "/api/v1/session", map[string]string{"login": a.Login, "password": a.Password}, nil)
	}
	if got := sign("clinician"); got == http.StatusOK {
		t.Error("a local account that is not for emergencies: signed in")
	}
	if got := sign("admin"); got != http.StatusOK {
		t.Errorf("the emergency account: got %d, want 200", got)
	}
	out, err := runBinary(t, "doctor", "--config", h.config)
	if err == nil || !strings.Contains(out, "WRONG hospital sign-in") {
		t.Errorf("the doctor says nothing of the provider: %v\n%s", err, out)
	}
	h.provider.Start(t)
	eventually(t, "the provider to be found again", 30*time.Second, func() bool {
		return p.call("GET", "/sign-in/hospital", nil, nil) != http.StatusServiceUnavailable
	})
	if out, err := runBinary(t, "doctor", "--config", h.config); !strings.Contains(out, "ok    hospital sign-in") {
		t.Errorf("the doctor after it: %v\n%s", err, out)
	}
}

// TestHospitalUserInfo: a provider whose profile claims are at userinfo alone, signing with another algorithm.
func TestHospitalUserInfo(t *testing.T) {
	h := newFederation(t, func(oidc map[string]any, setup *vaulttest.OIDCSetup) {
		oidc["userinfo"], setup.UserInfo, setup.Clients[0].Alg = true, true, "ES256"
	})
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	h.address = strings.Replace(h.address, "localhost", "127.0.0.1", 1) // another name, where its cookies do not come back to
	b.throughHospital(h, "synthetic.nurse", "/captures")
	b.until("arriving", `location.hostname === 'localhost' && location.pathname === '/captures'`)
}
