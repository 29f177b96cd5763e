//go:build !js

package main

import (
	"bytes"
	"context"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// pagePolicy is as strict as the policy of the server's own pages.
const pagePolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:; connect-src 'self'; " +
	"media-src 'self' blob:; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const pageHTML = `<!doctype html><html lang="en"><title>capture</title><video></video><canvas></canvas>` +
	`<script type="module" src="/page.js"></script></html>`

// pages serves a page that holds the capture modules, next to what the intake server has.
func pages(t *testing.T, s *intakeServer, loader string) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("../../api/web/static/capture"))))
	mux.Handle("/lib/", http.StripPrefix("/lib/", http.FileServer(http.Dir("../../api/web/static/lib"))))
	for path, file := range map[string]string{"/page.js": "testdata/page.js", "/wasm_exec.js": loader} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", pagePolicy)
		if _, err := w.Write([]byte(pageHTML)); err != nil {
			t.Error(err)
		}
	})
	return mux
}

// browser starts a Chromium with a made-up camera and says where its profile is; it ends with the test.
func browser(t *testing.T, more ...chromedp.ExecAllocatorOption) (ctx context.Context, profile string) {
	t.Helper()
	profile = vaulttest.ProfileFolder(t)
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(vaulttest.RequireTool(t, "chromium")), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.DisableGPU,
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(profile), chromedp.WSURLReadTimeout(time.Minute),
	}
	opts = append(opts, more...)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx, profile
}

// in loads the page anew and runs one of its functions.
func in(t *testing.T, ctx context.Context, address, function string, out any) {
	t.Helper()
	wait := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	if err := chromedp.Run(ctx,
		chromedp.Navigate(address),
		chromedp.Poll("globalThis.ready", nil),
		chromedp.Evaluate(function+"()", out, wait),
	); err != nil {
		t.Fatalf("%s in the browser: %v", function, err)
	}
}

// TestChromium takes photos with a camera in a real browser, seals and queues them under the page's strict policy, loads the
// page again and sends them through faults.
func TestChromium(t *testing.T) {
	ctx, profile := browser(t)
	wasm, loader := buildModule(t)
	s := newIntakeServer(t, wasm)
	srv := httptest.NewServer(pages(t, s, loader))
	defer srv.Close()

	var took struct {
		Violations, Types, Queued         []string
		Persisted                         string
		Missing, Forgotten, Doubled, Live bool
		Cameras, Width, Changes, Count    int
	}
	in(t, ctx, srv.URL, "take", &took)
	item := "attempts,capture_id,created_at,envelope,last_error,owner,sha256,size,state sealed true"
	if !slices.Equal(took.Queued, []string{item, item}) || took.Count != 2 || took.Changes < 2 {
		t.Errorf("queued %q, %d after an update of nothing, %d changes told", took.Queued, took.Count, took.Changes)
	}
	if len(took.Violations) != 0 || took.Persisted != "boolean" || !took.Missing || !took.Forgotten || !took.Doubled || took.Live ||
		took.Cameras < 1 || took.Width < 100 || len(took.Types) != 2 || took.Types[1] != "image/jpeg" {
		t.Errorf("taking photos: %+v", took)
	}
	if len(s.opened) != 0 {
		t.Errorf("%d photos went before they were sent", len(s.opened))
	}

	var sent struct {
		Violations, Events      []string
		Before, After, Progress int
		Failed                  string
	}
	s.faults = []int{503, 422}
	in(t, ctx, srv.URL, "flush", &sent)
	slices.Sort(sent.Events)
	if want := []string{"failed", "received", "received", "waiting"}; !slices.Equal(sent.Events, want) {
		t.Errorf("events %q, want %q", sent.Events, want)
	}
	if sent.Before != 2 || sent.After != 0 || sent.Progress < 2 || sent.Failed != "failed Told to fail." || len(sent.Violations) != 0 {
		t.Errorf("sending: %+v", sent)
	}
	if len(s.opened) != 2 {
		t.Fatalf("%d photos arrived, want 2", len(s.opened))
	}
	for id, picture := range s.opened {
		if conf, format, err := image.DecodeConfig(bytes.NewReader(picture)); err != nil || conf.Width < 100 {
			t.Errorf("capture %s: %s %+v, %v; want a picture", id, format, conf, err)
		}
	}
	noPlaintext(t, ctx, profile, srv.URL, s.opened)
}

// noPlaintext closes the browser and searches all that it left on the disk for pieces of the pictures. That the search works
// shows in that it finds the page's own address.
func noPlaintext(t *testing.T, ctx context.Context, profile, address string, pictures map[string][]byte) {
	t.Helper()
	if err := chromedp.Cancel(ctx); err != nil {
		t.Fatalf("closing the browser: %v", err)
	}
	var pieces [][]byte
	for _, picture := range pictures {
		found := tellingPieces(picture)
		if len(found) == 0 {
			t.Fatal("a picture without a telling piece")
		}
		pieces = append(pieces, found...)
	}
	control := false
	err := filepath.WalkDir(profile, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		all, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		control = control || bytes.Contains(all, []byte(address))
		for _, piece := range pieces {
			if bytes.Contains(all, piece) {
				t.Errorf("%s holds plaintext of a picture", strings.TrimPrefix(path, profile))
			}
		}
		return nil
	})
	if err != nil || !control {
		t.Errorf("searching the profile: %v, found the page's address %v", err, control)
	}
}

// tellingPieces are pieces of 48 bytes, at most 16, varied enough to be found in this picture alone.
func tellingPieces(picture []byte) (out [][]byte) {
	const size = 48
	step := max(1, len(picture)/400)
	for at := 0; at+size <= len(picture) && len(out) < 16; at += step {
		seen := map[byte]bool{}
		for _, b := range picture[at : at+size] {
			seen[b] = true
		}
		if len(seen) >= size*2/3 {
			out = append(out, picture[at:at+size])
			at += len(picture) / 20
		}
	}
	return out
}
