package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// newForeignSite is another server of this machine, which shares the name localhost and nothing else. It gives its address.
func newForeignSite(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>elsewhere</title><h1>Elsewhere</h1>")
	}))
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
}

// askThere is a script that asks the authenticator what the vault asked, and gives its answer as JSON, or the name of the error.
func askThere(options string) string {
	return `(async () => {
	const asked = ` + options + `;
	try {
		const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey ?? asked) });
		return JSON.stringify(credential.toJSON());
	} catch (err) { return err.name; }
})()`
}

// offerNothing keeps pages that are opened from now on from offering passkeys beside the login field: Chromium's imitated
// authenticators take such an offer at once, unasked.
func (b *browser) offerNothing() {
	b.t.Helper()
	b.onEachPage(`if (globalThis.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;`)
}

// onEachPage runs a script in each page that is opened from now on, before the page's own.
func (b *browser) onEachPage(script string) {
	b.t.Helper()
	b.run("preparing pages", chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	}))
}

// awaiting evaluates a script that gives a promise.
func awaiting(script string, out any) chromedp.Action {
	return chromedp.Evaluate(script, out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })
}
