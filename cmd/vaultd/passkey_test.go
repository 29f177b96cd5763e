package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// strict is a service on which a password alone opens nothing.
func strict(t testing.TB) *service {
	t.Helper()
	s := newService(t, map[string]any{"sign_in": map[string]any{"password_only": false}})
	s.start()
	s.base = strings.Replace(s.base, "127.0.0.1", "localhost", 1) // a passkey belongs to a name
	return s
}

// authenticator is one that Chromium imitates, with a key store and, where it verifies, somebody's finger.
func (b *browser) authenticator(verifies bool) webauthn.AuthenticatorID {
	b.t.Helper()
	var id webauthn.AuthenticatorID
	b.offerNothing()
	b.run("making an authenticator", webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		id, err = webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
			Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
			AutomaticPresenceSimulation: true, IsUserVerified: verifies,
		}).Do(ctx)
		return err
	}))
	return id
}

// keys are the credentials that an authenticator holds.
func (b *browser) keys(id webauthn.AuthenticatorID) []*webauthn.Credential {
	b.t.Helper()
	var out []*webauthn.Credential
	b.run("reading the authenticator", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		out, err = webauthn.GetCredentials(id).Do(ctx)
		return err
	}))
	return out
}

// password goes through the first step of the sign-in page.
func (b *browser) password(s *service, role string) {
	b.t.Helper()
	a := s.accounts[role]
	b.run("opening sign-in", chromedp.Navigate(s.base+"/sign-in"), chromedp.WaitVisible("#login", chromedp.ByQuery),
		chromedp.SetValue("#login", a.Login, chromedp.ByQuery), chromedp.SetValue("#password", a.Password, chromedp.ByQuery),
		press("#sign-in button[type=submit]"))
}

// addPasskey adds a passkey on the account page.
func (b *browser) addPasskey(name string) {
	b.t.Helper()
	b.run("naming a passkey", chromedp.WaitVisible("#passkey-name", chromedp.ByQuery), chromedp.SetValue("#passkey-name", name, chromedp.ByQuery),
		press("#passkey-add button[type=submit]"))
	b.until("added "+name, `[...document.querySelectorAll('[data-passkey] strong')].some((n) => n.textContent === '`+name+`')`)
}

// firstPasskey signs in with the password alone, is led to the account page, and adds a passkey.
func (b *browser) firstPasskey(s *service, role string) {
	b.t.Helper()
	b.password(s, role)
	b.until("led to the account page", `location.pathname === '/account' && document.querySelector('#needs')`)
	b.addPasskey("First")
}

// withPasskey presses the button of the sign-in page.
func (b *browser) withPasskey(s *service) {
	b.t.Helper()
	b.run("opening sign-in", chromedp.Navigate(s.base+"/sign-in"), chromedp.WaitVisible("#with-passkey", chromedp.ByQuery), press("#with-passkey"))
}

const signInError = `document.querySelector('#passkey-error').textContent`

// TestPasskeysThroughThePages: a password alone opens nothing; a passkey is added, signs in, is renamed and joined by a
// second one; the first is taken away and opens nothing any more.
func TestPasskeysThroughThePages(t *testing.T) {
	s := strict(t)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.run("opening sign-in", chromedp.Navigate(s.base+"/sign-in"), chromedp.WaitVisible("#with-passkey", chromedp.ByQuery))
	b.look("sign-in-1")
	phone := b.authenticator(true)
	b.password(s, "clinician")
	b.until("led to the account page", `location.pathname === '/account' && document.querySelector('#needs')`)
	b.look("account-1-needs")
	b.run("trying to work", chromedp.Navigate(s.base+"/patients"))
	b.until("led back", `location.pathname === '/account'`)
	b.addPasskey("Ward phone")
	b.look("account-2-passkey")
	if keys := b.keys(phone); len(keys) != 1 || !keys[0].IsResidentCredential || keys[0].RpID != "localhost" {
		t.Fatalf("the authenticator holds %d keys, want one that it can find by itself", len(keys))
	}
	b.run("working", chromedp.Navigate(s.base+"/patients"), chromedp.WaitVisible("main h1", chromedp.ByQuery))
	b.until("the patients", `/My patients/.test(document.querySelector("main h1").textContent)`)
	b.signOut()
	b.withPasskey(s)
	b.until("signed in with the passkey", `location.pathname === '/capture'`)
	b.run("the account", chromedp.Navigate(s.base+"/account"), press(`button[data-rename]`), chromedp.WaitVisible("#rename-name", chromedp.ByQuery),
		chromedp.SetValue("#rename-name", "Old phone", chromedp.ByQuery), press("#rename-form button[type=submit]"))
	b.until("renamed", `document.querySelector('[data-passkey] strong')?.textContent === 'Old phone'`)
	b.until("last use is told", `/last used/.test(document.querySelector('[data-passkey]').textContent)`)

	b.run("another device", webauthn.RemoveVirtualAuthenticator(phone))
	b.authenticator(true)
	b.addPasskey("Key ring")
	b.look("account-3-two")
	b.run("removing the first", press(`button[data-remove][data-name="Old phone"]`), chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery), press("#confirm [data-ok]"))
	b.until("one is left", `document.querySelectorAll('[data-passkey]').length === 1`)
	b.open(s, "/account")
	b.run("removing the last", press(`button[data-remove]`), chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery), press("#confirm [data-ok]"))
	b.until("refused", `/only second factor/.test(document.querySelector('#passkey-error').textContent)`)
	b.signOut()
	b.withPasskey(s)
	b.until("signed in with the second", `location.pathname === '/capture'`)
	b.noFaults()
}

// TestPasskeysThatAreRefused: without a finger, from another page, a copy, and one that was taken away.
func TestPasskeysThatAreRefused(t *testing.T) {
	s := strict(t)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	phone := b.authenticator(true)
	b.firstPasskey(s, "reviewer")
	b.signOut()

	t.Run("nobody verified", func(t *testing.T) {
		b.run("no finger", webauthn.SetUserVerified(phone, false))
		b.withPasskey(s)
		b.until("refused by the authenticator", signInError+` !== ''`)
		if at := value[string](b, "where", `location.pathname`); at != "/sign-in" {
			t.Errorf("without a finger: got to %s", at)
		}
		b.run("a finger again", webauthn.SetUserVerified(phone, true))
	})
	t.Run("an authenticator that lies about it", func(t *testing.T) {
		b.run("lying", webauthn.SetResponseOverrideBits(phone).WithIsBadUV(true))
		b.withPasskey(s)
		b.until("refused by the vault", `/not accepted|not right|passkey/i.test(`+signInError+`)`)
		b.run("honest again", webauthn.SetResponseOverrideBits(phone).WithIsBadUV(false))
	})
	t.Run("a wrong signature", func(t *testing.T) {
		b.run("forging", webauthn.SetResponseOverrideBits(phone).WithIsBogusSignature(true))
		b.withPasskey(s)
		b.until("refused by the vault", `/not accepted|not right|passkey/i.test(`+signInError+`)`)
		b.run("honest again", webauthn.SetResponseOverrideBits(phone).WithIsBogusSignature(false))
	})
	t.Run("another page", func(t *testing.T) { b.foreignPage(t, s) })
	t.Run("a copy", func(t *testing.T) {
		key := b.keys(phone)[0]
		b.withPasskey(s)
		b.until("the first of the two", `location.pathname === '/review'`)
		b.signOut()
		b.run("going back in time", webauthn.RemoveCredential(phone, key.CredentialID), webauthn.AddCredential(phone, &webauthn.Credential{
			CredentialID: key.CredentialID, IsResidentCredential: true, RpID: key.RpID, PrivateKey: key.PrivateKey, UserHandle: key.UserHandle, SignCount: 0,
		}))
		b.withPasskey(s)
		b.until("the copy is refused", `/copy/.test(`+signInError+`)`)
		b.look("sign-in-2-copy")
		b.withPasskey(s)
		b.until("and so is the passkey from then on", signInError+` !== ''`)
	})
}

// foreignPage lets a page of another port ask for the passkey with a question of the vault's, and hands the answer in.
func (b *browser) foreignPage(t *testing.T, s *service) {
	t.Helper()
	foreign := newForeignSite(t)
	stranger := &person{s: s}
	var asked struct {
		Ticket  string          `json:"ticket"`
		Options json.RawMessage `json:"options"`
	}
	stranger.must("POST", "/api/v1/session/passkey/begin", nil, &asked)
	b.run("opening the foreign page", chromedp.Navigate(foreign))
	var answer string
	b.run("asking there", awaiting(askThere(string(asked.Options)), &answer))
	if !strings.HasPrefix(answer, "{") {
		t.Fatalf("the foreign page got no passkey at all: %s; the port alone differs, so the browser gives one", answer)
	}
	body := map[string]any{"ticket": asked.Ticket, "credential": json.RawMessage(answer)}
	if status := stranger.call("POST", "/api/v1/session/passkey", body, nil); status != http.StatusUnauthorized {
		t.Errorf("a passkey that was shown to another page: got status %d, want 401", status)
	}
}
