package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Addresses of the shell beside its page. The worker stands at the top of the site, whose pages it belongs to.
const (
	WorkerPath   = "/sw.js"
	ManifestPath = "/manifest.webmanifest"
)

// versionHeader names the build of a shell's page, so that a worker keeps no page of one build beside files of another.
const versionHeader = "Clinivault-Shell"

// Shell is one page that a browser keeps, with all it loads, for the times without a network. The page is made once, for
// nobody: it is the same bytes for everybody and holds nothing of anybody. What it loads is read from the sources, so
// that the list cannot be forgotten. A Shell is read-only.
type Shell struct {
	page, zipped []byte
	manifest     []byte
	worker       []byte
	version      string
	files        []string // addresses, the page's own first
}

// Shell makes the shell of the page called name, which lives at address.
func (w *Web) Shell(address, name string, view View) (*Shell, error) {
	view.Shell, view.Here, view.Who = true, address, nil
	page, ok := w.pages[name]
	if !ok {
		return nil, fmt.Errorf("no page %q", name)
	}
	var out bytes.Buffer
	var files []string
	for range 2 { // once to see what the page loads, and once to name that in its head
		out.Reset()
		if err := page.ExecuteTemplate(&out, "layout.html", view); err != nil {
			return nil, fmt.Errorf("rendering the shell: %w", err)
		}
		var err error
		if files, view.Modules, err = w.assets.loaded(out.Bytes()); err != nil {
			return nil, err
		}
	}
	s := &Shell{page: out.Bytes(), files: append([]string{address, ManifestPath}, files...)}
	sum := sha256.Sum256(s.page)
	s.version = hex.EncodeToString(sum[:10])
	var err error
	if s.zipped, err = zip(s.page, gzip.BestCompression); err != nil {
		return nil, err
	}
	if s.manifest, err = w.manifest(address); err != nil {
		return nil, err
	}
	return s, s.makeWorker(w.assets.files, address)
}

// makeWorker puts one line before the worker as it was written: which build it is, and what it keeps.
func (s *Shell) makeWorker(static fs.FS, address string) error {
	code, err := fs.ReadFile(static, "sw.js")
	if err != nil {
		return fmt.Errorf("reading the worker: %w", err)
	}
	list, err := json.Marshal(map[string]any{"version": s.version, "page": address, "files": s.files})
	if err != nil {
		return fmt.Errorf("listing the shell: %w", err)
	}
	s.worker = slices.Concat([]byte("self.clinivaultShell = "), list, []byte(";\n"), code)
	return nil
}

// Files are the addresses that a browser keeps, the page's own first.
func (s *Shell) Files() []string { return slices.Clone(s.files) }

// ServePage answers with the page. A browser may keep it, and asks each time whether it is still the one.
func (s *Shell) ServePage(rw http.ResponseWriter, r *http.Request) {
	head := rw.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Cache-Control", "no-cache")
	head.Set(versionHeader, s.version)
	head.Add("Vary", "Accept-Encoding")
	tag := `W/"` + s.version + `"`
	head.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	body := s.page
	if takes(r, "gzip") {
		head.Set("Content-Encoding", "gzip")
		body = s.zipped
	}
	send(rw, r, body)
}

// ServeWorker answers with the service worker. It is asked for at each update, never kept.
func (s *Shell) ServeWorker(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", mediaTypes[".js"])
	rw.Header().Set("Cache-Control", "no-cache")
	send(rw, r, s.worker)
}

// ServeManifest answers with what installs the client (W3C Web Application Manifest).
func (s *Shell) ServeManifest(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "application/manifest+json")
	rw.Header().Set("Cache-Control", "no-cache")
	send(rw, r, s.manifest)
}

func send(rw http.ResponseWriter, r *http.Request, body []byte) {
	rw.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = rw.Write(body) // the client may have gone away; there is nobody left to tell
}

// manifest says how the client looks once it is installed.
func (w *Web) manifest(start string) ([]byte, error) {
	icon := func(name, size, media, purpose string) map[string]string {
		return map[string]string{"src": w.Asset(name), "sizes": size, "type": media, "purpose": purpose}
	}
	return json.Marshal(map[string]any{
		"id": start, "name": "Clinivault", "short_name": "Clinivault", "description": "Photos of patients, sealed before they leave the camera.",
		"start_url": start, "scope": "/", "display": "standalone", "lang": "en",
		"theme_color": themeColour, "background_color": "#f4f7f8", "categories": []string{"medical"},
		"icons": []map[string]string{
			icon("icon.svg", "any", "image/svg+xml", "any"),
			icon("icons/192.png", "192x192", "image/png", "any"), icon("icons/512.png", "512x512", "image/png", "any"),
			icon("icons/maskable.png", "512x512", "image/png", "maskable"),
		},
		"shortcuts": []map[string]string{{"name": "Take a photo", "url": start}, {"name": "Photos I sent", "url": "/captures"}},
	})
}

// themeColour is the colour of an installed client's frame: that of the icon.
const themeColour = "#0b6a6f"

var (
	blockComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	lineComment  = regexp.MustCompile(`(?m)^\s*//.*$`)
	// moduleRef finds what a module loads: imports with a literal, and addresses made with new URL(…, import.meta.url).
	moduleRef = regexp.MustCompile(`(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}/[^'"]+)['"]|\bnew URL\(\s*['"]([^'":]+)['"]\s*,\s*import\.meta\.url`)
)

// reference is something that a module loads, by its path relative to the module.
type reference struct {
	path string
	now  bool // with the module itself, not when it is needed
}

func references(source string) []reference {
	source = lineComment.ReplaceAllString(blockComment.ReplaceAllString(source, ""), "")
	var out []reference
	for _, m := range moduleRef.FindAllStringSubmatch(source, -1) {
		out = append(out, reference{path: m[1] + m[2], now: !strings.Contains(m[0], "(")})
	}
	return out
}

// loaded lists the addresses of everything that a page loads, in order: what it names, and what that names in turn. Of
// these, modules are what it needs before it can do anything: they are fetched together rather than one after another.
func (a *assets) loaded(page []byte) (all, modules []string, err error) {
	named := regexp.MustCompile(regexp.QuoteMeta("/static/"+a.hash+"/") + `([A-Za-z0-9_./-]+)`)
	var names []string
	now := map[string]bool{}
	for _, m := range named.FindAllSubmatch(page, -1) {
		name := string(m[1])
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		now[name] = !strings.HasPrefix(name, "wasm/")
	}
	for i := 0; i < len(names); i++ {
		if path.Ext(names[i]) != ".js" {
			continue
		}
		source, err := fs.ReadFile(a.files, names[i])
		if err != nil {
			return nil, nil, fmt.Errorf("reading a module: %w", err)
		}
		for _, ref := range references(string(source)) {
			target := path.Join(path.Dir(names[i]), ref.path)
			if !a.has(target) || mediaTypes[path.Ext(target)] == "" {
				continue // make puts it there; a test looks that nothing else lacks
			}
			if !slices.Contains(names, target) {
				names = append(names, target)
			}
			now[target] = now[target] || now[names[i]] && ref.now
		}
	}
	slices.Sort(names)
	for _, name := range names {
		all = append(all, a.address(name))
		if now[name] && path.Ext(name) == ".js" {
			modules = append(modules, a.address(name))
		}
	}
	return all, modules, nil
}
