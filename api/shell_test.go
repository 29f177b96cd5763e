package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestCapturePageIsNobodys: a stranger, a clinician and everybody else get the same bytes, in which nothing of anybody
// stands; whose page it is, its script asks.
func TestCapturePageIsNobodys(t *testing.T) {
	b := newBench(t)
	want := b.page(t, "", "/capture")
	if want.StatusCode != http.StatusOK || want.Header.Get("Cache-Control") != "no-cache" || want.Header.Get("ETag") == "" {
		t.Fatalf("got %d %v", want.StatusCode, want.Header)
	}
	for _, role := range vault.Roles() {
		token := b.as(t, role)
		got := b.page(t, token, "/capture")
		if !bytes.Equal(got.body, want.body) || len(got.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("as %s: got other bytes, or a cookie: %v", role, got.Header)
		}
		var one sessionAnswer
		b.get(t, token, "/api/v1/session").into(t, http.StatusOK, &one)
		for what, text := range map[string]string{"name": one.Person.Name, "ID": string(one.Person.ID), "session": one.SessionID} {
			if text == "" || strings.Contains(string(want.body), text) {
				t.Errorf("%s: the page holds the %s %q", role, what, text)
			}
		}
	}
	b.addPerson(t, "clinician", clinician)
	var browser sessionAnswer
	b.send(t, request{method: "GET", path: "/api/v1/session", header: b.cookie(t, "clinician")}).into(t, http.StatusOK, &browser)
	if browser.LockAfter <= 0 {
		t.Error("a browser's session does not say after how long it locks")
	}
	again := b.send(t, request{method: "GET", path: "/capture", header: map[string]string{"If-None-Match": want.Header.Get("ETag")}})
	if again.StatusCode != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("asked again: got %d with %d bytes, want 304 and none", again.StatusCode, len(again.body))
	}
	zipped := b.send(t, request{method: "GET", path: "/capture", header: map[string]string{"Accept-Encoding": "gzip"}})
	z, err := gzip.NewReader(bytes.NewReader(zipped.body))
	if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("asked for gzip: got %v, %v", zipped.Header, err)
	}
	if plain, err := io.ReadAll(z); err != nil || !bytes.Equal(plain, want.body) {
		t.Errorf("gzip holds other bytes (%v)", err)
	}
}

// TestServiceWorker: it stands at the top of the site, is asked for anew each time, and is told to keep the capture page
// and what that loads, all of which is there, and no other address.
func TestServiceWorker(t *testing.T) {
	b := newBench(t)
	got := b.get(t, "", "/sw.js")
	first, _, _ := strings.Cut(string(got.body), ";\n")
	if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/javascript") || got.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	var shell struct {
		Version, Page string
		Files         []string
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(first, "self.clinivaultShell = ")), &shell); err != nil {
		t.Fatalf("the list does not read: %v", err)
	}
	if page := b.get(t, "", "/capture"); shell.Page != "/capture" || page.Header.Get("Clinivault-Shell") != shell.Version {
		t.Errorf("the list is of %s %s, the page of %s", shell.Page, shell.Version, page.Header.Get("Clinivault-Shell"))
	}
	if len(shell.Files) < 20 {
		t.Errorf("got %d files, want the page and all its modules", len(shell.Files))
	}
	for _, address := range shell.Files {
		if address != "/capture" && address != "/manifest.webmanifest" && !strings.HasPrefix(address, "/static/") {
			t.Errorf("it keeps %s", address)
		}
		if answer := b.get(t, "", address); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d", address, answer.StatusCode)
		}
	}
}

// TestManifest: what installs the client names pictures that are there.
func TestManifest(t *testing.T) {
	b := newBench(t)
	got := b.get(t, "", "/manifest.webmanifest")
	var m struct {
		Start   string `json:"start_url"`
		Display string
		Icons   []struct{ Src, Type, Purpose string }
	}
	if err := json.Unmarshal(got.body, &m); err != nil || got.Header.Get("Content-Type") != "application/manifest+json" {
		t.Fatalf("got %v, %v", got.Header, err)
	}
	if m.Start != "/capture" || m.Display != "standalone" || len(m.Icons) < 4 {
		t.Errorf("got %+v", m)
	}
	for _, icon := range m.Icons {
		if answer := b.get(t, "", icon.Src); answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != icon.Type {
			t.Errorf("%s: got %d %s, want %s", icon.Src, answer.StatusCode, answer.Header.Get("Content-Type"), icon.Type)
		}
	}
}

// TestSigningOutClearsNothing: sealed photos that wait in the browser outlive every way to sign out.
func TestSigningOutClearsNothing(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "signing-out", clinician)
	for _, way := range []request{{method: "POST", path: "/sign-out"}, {method: "DELETE", path: "/api/v1/session"}} {
		way.token = b.signIn(t, "signing-out")
		if got := b.send(t, way); got.StatusCode >= 400 || got.Header.Get("Clear-Site-Data") != "" {
			t.Errorf("%s %s: got %d %v", way.method, way.path, got.StatusCode, got.Header)
		}
	}
}
