package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestNewVersionWaitsForThePhoto: a new build of the capture page is offered, and comes only once no photo is open on the
// page; the photo is sealed and received.
func TestNewVersionWaitsForThePhoto(t *testing.T) {
	s := newService(t, nil)
	s.start()
	next := "ffffffffffffffffffff"
	var renewed atomic.Bool
	s.base = inFront(t, s.base, func(path string, r *http.Response) {
		if renewed.Load() && (path == "/sw.js" || path == "/capture") {
			asNextBuild(t, r, next)
		}
	})
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	b.until("patients listed", `document.querySelector('#patients button')`)
	b.kept()
	toReview(b)
	renewed.Store(true)
	b.run("asking for a new build", chromedp.Evaluate(`globalThis.same = true; navigator.serviceWorker.getRegistration().then(r => r.update()).then(() => true)`, nil, awaited))
	b.until("offered", `!document.querySelector('#note-update').hidden`)
	b.run("using it", press("#update-now"))
	b.until("after the photo", `document.querySelector('#update-now').disabled`)
	if !value[bool](b, "the page as it was", `globalThis.same === true && document.querySelector('#preview').width > 1`) {
		t.Error("the page went while a photo was open on it")
	}
	b.run("sending", press("#send"))
	b.until("the new build", `globalThis.same === undefined && document.readyState === 'complete'`)
	b.until("received", `document.querySelectorAll('#queue-list [data-capture]').length === 0 || document.querySelectorAll('#queue-list [data-state=received]').length === 1`)
	b.until("the old build forgotten", `(globalThis.names ??= [], caches.keys().then(k => { globalThis.names = k; }), globalThis.names.length === 1 && globalThis.names[0] === 'clinivault-shell-`+next+`')`)
	clinician := s.signIn("clinician")
	eventually(t, "the photo to be received", 30e9, func() bool { return len(clinician.captures()) == 1 })
	b.noFaults()
}

// inFront serves everything of the service, changed as told.
func inFront(t *testing.T, base string, change func(path string, r *http.Response)) string {
	t.Helper()
	to, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			if r.In.URL.Path == "/capture" {
				r.Out.Header.Del("Accept-Encoding")
				r.Out.Header.Del("If-None-Match")
			}
		},
		ModifyResponse: func(r *http.Response) error {
			change(r.Request.URL.Path, r)
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

var buildLine = regexp.MustCompile(`"version":"([0-9a-f]{20})"`)

// asNextBuild makes an answer one of the next build.
func asNextBuild(t *testing.T, r *http.Response, version string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	body = buildLine.ReplaceAll(body, []byte(`"version":"`+version+`"`))
	if r.Header.Get("Clinivault-Shell") != "" {
		r.Header.Set("Clinivault-Shell", version)
		body = []byte(strings.Replace(string(body), "</body>", "<!-- next --></body>", 1))
	}
	r.Header.Del("Content-Length")
	r.ContentLength = -1
	r.Body = io.NopCloser(bytes.NewReader(body))
}
