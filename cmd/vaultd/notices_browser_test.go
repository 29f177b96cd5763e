package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	cdbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// promised evaluates an expression and waits for its promise.
func promised[T any](b *browser, step, expression string) T {
	b.t.Helper()
	var v T
	b.run(step, chromedp.Evaluate(expression, &v, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return v
}

// subscribeTo stands in for the browser maker's own service, which a test cannot reach: everything else is Chromium's.
const subscribeTo = `PushManager.prototype.subscribe = async function (options) {
	if (options.userVisibleOnly !== true || new Uint8Array(options.applicationServerKey).length !== 65) throw new Error('not as it should be');
	return { endpoint: '%s/201/of-this-browser', options };
}; 0`

// TestNoticesThroughThePages: a reviewer has a browser tell them, a photo comes, the push service is asked, the browser is
// woken by it, and the page shows what waits.
func TestNoticesThroughThePages(t *testing.T) {
	push := vaulttest.StartPush(t)
	s := newService(t, map[string]any{"notices": map[string]any{"contact": "mailto:it@example.org",
		"push_hosts": []string{strings.TrimPrefix(push.Base, "http://")}}})
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.run("allowing notifications", cdbrowser.GrantPermissions([]cdbrowser.PermissionType{cdbrowser.PermissionTypeNotifications}).WithOrigin(s.base))
	b.signIn(s, "reviewer", "/notices")
	b.until("nothing waits", `/Nothing waits for you/.test(document.querySelector('main').innerText)`)
	b.until("the button is there", `!document.querySelector('#push-on').hidden`)
	b.look("notices-1-empty")
	b.run("subscribing", chromedp.Evaluate(strings.ReplaceAll(subscribeTo, "%s", push.Base), nil), press("#push-on"))
	b.until("subscribed", `document.querySelector('[data-subscription]') !== null`)
	clinician := s.signIn("clinician")
	patient := clinician.patients()[0]
	if status, _, err := clinician.send(t.Context(), clinician.seal(patient.ID, vaulttest.Picture(t, 320, 240, 5))); err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	eventually(t, "the push service to be asked", time.Minute, func() bool { return len(push.Received(t)) > 0 })
	if m := push.Received(t)[0]; m.Error != "" || m.Size != 0 {
		t.Errorf("the push service got %+v, want an empty message that it believes", m)
	}
	b.open(s, "/notices")
	b.until("a notice waits", `/Photos wait for review/.test(document.querySelector('[data-notice="review"]').innerText)`)
	if n := value[string](b, "the bar", `document.querySelector('.waiting-count').textContent.trim()`); !strings.HasPrefix(n, "1") {
		t.Errorf("the bar says %q, want 1", n)
	}
	b.look("notices-2-waiting")
	b.dark("notices-3")
	b.wake(s)
	b.run("marking", press(`form[data-post="/api/v1/notices/seen"] button`))
	b.until("seen", `/Nothing waits for you/.test(document.querySelector('main').innerText) && !document.querySelector('.waiting-count')`)
	b.until("ready for it", `document.readyState === 'complete' && !document.querySelector('#push-on').hidden`)
	b.run("stopping", press(`button[data-forget]`))
	b.until("stopped", `document.querySelector('#push') && document.querySelector('[data-subscription]') === null`)
	b.noFaults()
}

// wake delivers a push message to the page's service worker as the browser's own service would, and looks at what it does.
func (b *browser) wake(s *service) {
	b.t.Helper()
	registrations := make(chan string, 16)
	chromedp.ListenTarget(b.ctx, func(event any) {
		if e, failed := event.(*serviceworker.EventWorkerErrorReported); failed {
			b.t.Errorf("the service worker complains: %s", e.ErrorMessage.ErrorMessage)
		}
		if e, ok := event.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range e.Registrations {
				if !r.IsDeleted && r.ScopeURL == s.base+"/" {
					registrations <- string(r.RegistrationID)
				}
			}
		}
	})
	b.run("watching workers", serviceworker.Enable())
	var id string
	select {
	case id = <-registrations:
	case <-time.After(20 * time.Second):
		b.t.Fatal("there is no service worker")
	}
	shown := ""
	eventually(b.t, "a notification", 40*time.Second, func() bool { // a later one takes the place of the one before
		b.run("waking", serviceworker.DeliverPushMessage(s.base, serviceworker.RegistrationID(id), "a body that must not be shown"))
		shown = promised[string](b, "what is shown", `navigator.serviceWorker.ready.then(r => r.getNotifications()).then(l => l.map(n => n.title + ': ' + n.body).join('|'))`)
		return shown != ""
	})
	if shown != "Clinivault: Something waits in Clinivault." {
		b.t.Errorf("the browser shows %q, want one fixed sentence", shown)
	}
	other := `caches.keys().then(names => names.filter(n => !n.startsWith('clinivault-shell-')).join())`
	if kept := promised[string](b, "what is kept", other); kept != "" {
		b.t.Errorf("the worker keeps %s, want nothing but the program itself", kept)
	}
	refused := value[bool](b, "another policy", `(() => { try { trustedTypes.createPolicy('another', {}); return false; } catch { return true; } })()`)
	if !refused {
		b.t.Error("a page may make any policy of trusted types")
	}
}

// TestLinkThroughThePages: a clinician copies a link, a colleague opens it, signs in and is at the photo; a stranger to the
// patient is not.
func TestLinkThroughThePages(t *testing.T) {
	s := newService(t, nil)
	s.start()
	h := &hospital{service: s, t: t, clinician: s.signIn("clinician"), reviewer: s.signIn("reviewer"), records: s.signIn("records"), first: s.signIn("privacy")}
	patient := h.clinician.patients()[0]
	if status, _, err := h.clinician.send(t.Context(), h.clinician.seal(patient.ID, vaulttest.Picture(t, 320, 240, 5))); err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	photo := h.approve()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "clinician", "/photos/"+string(photo.ID))
	b.run("copying", press("#link-button"), chromedp.WaitVisible("#link-url", chromedp.ByQuery))
	link := value[string](b, "the link", `document.querySelector('#link-url').value`)
	if !strings.HasPrefix(link, s.base+"/l/") || strings.Contains(link, string(photo.ID)) {
		t.Fatalf("the link is %q, want /l/ and a code", link)
	}
	b.look("photo-7-link")
	b.open(s, "/notices")
	b.until("it is listed", `document.querySelectorAll('[data-made]').length === 1`)
	b.look("notices-4-links")
	b.leave()
	path := strings.TrimPrefix(link, s.base)
	b.run("opening the link", chromedp.Navigate(link))
	b.until("asked to sign in", `location.pathname === '/sign-in'`)
	a := s.accounts["records"]
	b.run("signing in", chromedp.SendKeys("#login", a.Login, chromedp.ByQuery), chromedp.SendKeys("#password", a.Password, chromedp.ByQuery),
		press("#sign-in button[type=submit]"))
	b.until("at the photo", `location.pathname === '/photos/`+string(photo.ID)+`'`)
	b.leave()
	b.signIn(s, "privacy", path)
	b.until("refused", `/Not allowed|Not found/.test(document.title)`)
	links := struct {
		Links []vault.Link `json:"links"`
	}{}
	h.clinician.must("GET", "/api/v1/links", nil, &links)
	h.clinician.must("DELETE", "/api/v1/links/"+string(links.Links[0].ID), nil, nil)
	if status := h.records.call("GET", path, nil, nil); status != http.StatusNotFound {
		t.Errorf("the ended link answers %d, want 404", status)
	}
}

// leave signs out, also from a page that is being loaded again.
func (b *browser) leave() {
	b.t.Helper()
	b.run("signing out", press(`form[action="/sign-out"] button`))
	b.until("signed out", `location.pathname === '/sign-in'`)
}
