package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// front stands before a service. While it is silent no request comes to the service and no answer back, though the
// browser has its network.
type front struct {
	silent atomic.Bool

	mu       sync.Mutex
	answered []string // "GET /patients 200", of the service, in order
	refused  []string // "GET /patients", while silent
}

func (s *service) behind(t *testing.T) *front {
	t.Helper()
	to, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.answered = append(f.answered, fmt.Sprintf("%s %s %d", r.Request.Method, r.Request.URL.Path, r.StatusCode))
			return nil
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.silent.Load() {
			f.mu.Lock()
			f.refused = append(f.refused, r.Method+" "+r.URL.Path)
			f.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.base = server.URL
	return f
}

// forget begins to count anew.
func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered, f.refused = nil, nil
}

// asked counts how often something was asked for while the front was silent.
func (f *front) asked(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(f.refused), func(one string) bool { return one != what }))
}

// leftOwing signs out while the server is silent: the page is covered and offers no way in.
func (b *browser) leftOwing(f *front) {
	b.t.Helper()
	b.until("the page ready", `!document.querySelector('#sign-out').hidden`)
	f.silent.Store(true)
	b.run("signing out", press(`#sign-out button`))
	b.until("told what waits, or covered", `document.querySelector('#leave').open || document.querySelector('#cover').open`)
	if value[bool](b, "the question", `document.querySelector('#leave').open`) {
		b.run("leaving it here", press("#leave-anyway"))
	}
	b.until("covered", `/you are signed out as soon as/.test(document.querySelector('#cover-error').textContent)`)
	b.covered("signed out")
	f.forget()
	b.run("a network that comes", chromedp.Evaluate(`globalThis.dispatchEvent(new Event('online'))`, nil))
	eventually(b.t, "the server to be asked again", time.Minute, func() bool { return f.asked("POST /sign-out") >= 3 })
	for what, path := range map[string]string{"ways in": "GET /api/v1/session/ways", "room for a photo": "POST /api/v1/uploads", "a photo's place": "POST /api/v1/captures"} {
		if f.asked(path) > 0 {
			b.t.Errorf("the page of whoever signed out asked for %s", what)
		}
	}
	if ways := value[string](b, "ways in", `[...document.querySelectorAll('#cover :is(button, input, summary)')].filter((n) => n.offsetParent !== null).map((n) => n.outerHTML).join()`); ways != "" {
		b.t.Errorf("the cover of whoever signed out offers %s", ways)
	}
}

// signedOut checks that the page went to the sign-in, and that the session is over.
func (b *browser) signedOut(step string) {
	b.t.Helper()
	b.until(step, `location.pathname === '/sign-in' && document.readyState === 'complete'`)
	if got := b.statusOf("/api/v1/session"); got != http.StatusUnauthorized {
		b.t.Errorf("%s: the session answers %d, want 401", step, got)
	}
}

// TestSigningOutOfASilentServer: whoever signs out while the server does not answer is signed out before anything else,
// as soon as it does: by the covered page, by the capture page opened anew, and before any other page is shown.
func TestSigningOutOfASilentServer(t *testing.T) {
	s := newService(t, nil)
	s.start()
	f := s.behind(t)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	b.kept()
	toReview(b)
	f.silent.Store(true)
	sendAll(b)
	b.until("sealed, and told when it goes", `document.querySelector('#sent-title').textContent === 'Sealed; goes when the network is back'`)
	b.deadEnds()
	b.look("silent-1-sealed")
	if told := value[string](b, "when it is tried again", `document.querySelector('#queue-wait').textContent`); !strings.HasPrefix(told, "Next try at ") {
		t.Errorf("above the photo, whose row says why it waits: got %q, want when it is tried again alone", told)
	}
	b.run("locking", lockNow)
	b.until("told that there is no network", `/There is no network/.test(document.querySelector('#cover-error').textContent)`)
	f.silent.Store(false)
	b.until("the way in, and nothing of the network", `!document.querySelector('#cover-typed').hidden && document.querySelector('#cover-error').textContent === ''`)
	b.openWith(s.accounts["clinician"].Password)
	b.until("open, with what needs the server", `!(`+coverOpen+`) && !('away' in document.body.dataset)`)
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 1`)

	b.run("another photo", press("#same-patient"), press("#to-camera"))
	takeOne(b)
	f.silent.Store(true)
	sendAll(b)
	b.leftOwing(f)
	b.look("silent-2-signed-out")
	f.silent.Store(false)
	b.signedOut("the covered page")
	if left := waitingSealed(b); left != 1 {
		t.Errorf("%d sealed photos wait, want the one that was left", left)
	}

	b.signIn(s, "clinician", "/capture")
	b.until("received", `document.querySelectorAll('#queue-list [data-state=received]').length === 1`)
	b.leftOwing(f)
	b.run("opening the start", chromedp.Navigate(s.base+"/"))
	b.until("the capture page, of nobody", `location.pathname === '/capture' && /Nobody is signed in/.test(document.querySelector('#capture-error').textContent)`)
	if listed := value[int](b, "patients", `document.querySelectorAll('#patients button').length`); listed != 0 {
		t.Errorf("%d patients are listed for nobody", listed)
	}
	f.silent.Store(false)
	b.signedOut("the page opened anew")

	b.signIn(s, "clinician", "/capture")
	b.leftOwing(f)
	b.run("opening the patients", chromedp.Navigate(s.base+"/patients"))
	b.until("what stands in for the page", `document.title === 'No connection · Clinivault' && getComputedStyle(document.querySelector('a.button')).borderRadius !== '0px'`)
	b.look("silent-3-no-connection")
	f.forget()
	f.silent.Store(false)
	b.run("opening the patients again", chromedp.Navigate(s.base+"/patients"))
	b.signedOut("before the page")
	f.mu.Lock()
	answered := f.answered
	f.mu.Unlock()
	if len(answered) == 0 || answered[0] != "POST /sign-out 303" || slices.Contains(answered, "GET /patients 200") {
		t.Errorf("the service was asked for %q, want the sign-out first and no patients", answered)
	}

	b.signIn(s, "clinician", "/capture")
	b.leftOwing(f)
	b.run("a browser without the worker", network.SetBypassServiceWorker(true), chromedp.Navigate("about:blank"))
	f.silent.Store(false)
	b.onEachPage(`const real = fetch; globalThis.fetch = (to, ...rest) => {
		if (to === '/sign-out') sessionStorage.setItem('covered', String('covered' in document.documentElement.dataset));
		return real(to, ...rest); }`)
	b.run("opening the patients once more", chromedp.Navigate(s.base+"/patients"))
	b.signedOut("by the page itself")
	if covered := value[string](b, "covered", `sessionStorage.getItem('covered')`); covered != "true" {
		t.Errorf("while the page asks, it is covered: got %s, want true", covered)
	}
	b.noFaults()
}

// TestSigningOutOfASilentServerInEveryTab: the tab that did not sign out offers no way in either, in which the session would
// live on below somebody else's; it ends the session once the one that did is closed.
func TestSigningOutOfASilentServerInEveryTab(t *testing.T) {
	s := newService(t, nil)
	s.start()
	f := s.behind(t)
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	token := b.cookie().Value
	other, closeTab := b.secondTab()
	defer closeTab()
	other.run("a second tab", chromedp.Navigate(s.base+"/capture"))
	other.leftOwing(f)
	b.until("covered in the first tab", `/you are signed out as soon as/.test(document.querySelector('#cover-error').textContent)`)
	b.covered("signed out in another tab")
	if ways := value[int](b, "ways in", `[...document.querySelectorAll('#cover :is(button, input, summary)')].filter((n) => n.offsetParent !== null).length`); ways != 0 {
		t.Errorf("the first tab offers %d ways in over a session that is to end", ways)
	}
	closeTab()
	f.silent.Store(false)
	b.signedOut("by the first tab")
	asked, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/api/v1/session", nil)
	if err != nil {
		t.Fatal(err)
	}
	asked.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(asked)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session of whoever signed out answers %d, want 401", answer.StatusCode)
	}
	b.noFaults()
}

// deadEnds checks what a person can follow on the capture page while the server is silent: nothing but the page itself.
func (b *browser) deadEnds() {
	b.t.Helper()
	b.until("what needs the server is hidden", `'away' in document.body.dataset`)
	links := value[string](b, "links", `[...document.querySelectorAll('a[href]')].filter((n) => n.checkVisibility() && !n.getAttribute('href').startsWith('#') && n.pathname !== '/capture').map((n) => n.outerHTML).join('\n')`)
	if links != "" {
		b.t.Errorf("links that lead nowhere without the server: %s", links)
	}
	if brand := value[string](b, "brand", `document.querySelector('a.brand').pathname`); brand != "/capture" {
		b.t.Errorf("the brand leads to %s, want /capture", brand)
	}
}
