package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Config says how the client presents itself. The zero value works.
type Config struct {
	// Site is shown beside the product's name, for example the hospital's. It
	// may be empty.
	Site string
}

// View is what a page is rendered from. The layout reads all of it but Page,
// which belongs to the page's own template.
type View struct {
	Title string // of the page, without the product's name
	Here  string // path of the entry of the menu that is current; "" marks none
	Who   *Who   // nil for a stranger
	Shell bool   // the page is made for nobody; a script says whose it is
	// Modules are the addresses that a shell's page fetches before its scripts ask for them.
	Modules []string
	Page    any
}

// Who is the person a page is rendered for.
type Who struct {
	ID, Name, Session string
	Roles             []string
	Waiting           int64 // notices not seen
	LockAfter         int   // seconds without a sign of the person, after which the screen locks; 0: never
	Shared            bool  // the device is one that several people use
	Locked            bool  // the screen is locked: a page shows the way in and nothing else
}

// Has reports whether the person has the role. It decides what the menu
// offers, never what a person may do: the vault decides that.
func (w *Who) Has(role string) bool {
	if w == nil {
		return false
	}
	for _, r := range w.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Web renders pages and serves assets. It is read-only after New.
type Web struct {
	pages  map[string]*template.Template
	assets *assets
}

// New parses every template and hashes every asset, so that a broken one is
// found at the start and not by a person.
func New(cfg Config) (*Web, error) {
	static, err := fs.Sub(tree, "static")
	if err != nil {
		return nil, fmt.Errorf("opening assets: %w", err)
	}
	packed, err := fs.Sub(tree, "packed")
	if err != nil {
		return nil, fmt.Errorf("opening what was compressed: %w", err)
	}
	w := &Web{pages: map[string]*template.Template{}}
	if w.assets, err = newAssets(static, packed); err != nil {
		return nil, err
	}
	layout, err := template.New("layout.html").Funcs(w.funcs(cfg)).ParseFS(tree, "templates/layout.html", "templates/parts.html", "templates/signin-parts.html", "templates/shell-parts.html")
	if err != nil {
		return nil, fmt.Errorf("parsing layout: %w", err)
	}
	names, err := fs.Glob(tree, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("listing templates: %w", err)
	}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || strings.HasSuffix(name, "parts") {
			continue
		}
		page, err := template.Must(layout.Clone()).ParseFS(tree, file)
		if err != nil {
			return nil, fmt.Errorf("parsing page %s: %w", name, err)
		}
		w.pages[name] = page
	}
	return w, nil
}

// Page renders the page called name with a View and sends it with status. The
// page is rendered whole first; when that fails, a plain sentence and status
// 500 are sent instead and the error is returned for the caller's log. An
// error of the connection is not returned.
func (w *Web) Page(rw http.ResponseWriter, status int, name string, view View) error {
	head := rw.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	var out bytes.Buffer
	page, ok := w.pages[name]
	err := fmt.Errorf("no page %q", name)
	if ok {
		err = page.ExecuteTemplate(&out, "layout.html", view)
	}
	if err != nil {
		head.Set("Content-Type", "text/plain; charset=utf-8")
		rw.WriteHeader(http.StatusInternalServerError)
		_, _ = rw.Write([]byte("This page could not be shown. Nothing was changed. Please try again.\n"))
		return fmt.Errorf("rendering page %s: %w", name, err)
	}
	head.Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(out.Bytes())
	return nil
}

// Static serves the assets, below /static/.
func (w *Web) Static() http.Handler { return w.assets }

// Asset gives the address of an asset, for example Asset("css/base.css"). It
// panics when this build has no such asset: the name is written in a template.
func (w *Web) Asset(name string) string {
	if !w.assets.has(name) {
		panic("web: no asset " + name)
	}
	return w.assets.address(name)
}

// HasSealing reports whether the module that seals a photo in the browser is
// part of this build (it is put there by make wasm).
func (w *Web) HasSealing() bool {
	return w.assets.has("wasm/capture.wasm") && w.assets.has("wasm/wasm_exec.js")
}
