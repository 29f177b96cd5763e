package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func newShell(t *testing.T, w *Web) *Shell {
	t.Helper()
	s, err := w.Shell("/capture", "capture", View{Title: "Take a photo", Page: struct {
		Sites []struct{ Code, Label string }
	}{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestShellLoadsWhatIsThere: every file that a module of the capture page names exists, so that nothing is missing without
// a network.
func TestShellLoadsWhatIsThere(t *testing.T) {
	w := newWeb(t)
	for _, address := range newShell(t, w).Files() {
		name, asset := strings.CutPrefix(address, "/static/"+w.assets.hash+"/")
		if path.Ext(name) != ".js" || !asset {
			continue
		}
		source, err := fs.ReadFile(w.assets.files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range references(string(source)) {
			if target := path.Join(path.Dir(name), ref.path); !w.assets.has(target) && !strings.HasPrefix(target, "wasm/") {
				t.Errorf("%s loads %s, which is not there", name, target)
			}
		}
	}
}

func TestReferences(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{"import", "import { a } from './a.js';\n", []string{"./a.js"}},
		{"import for what it does", "import '../b.js';", []string{"../b.js"}},
		{"import of several lines", "import {\n  a,\n  b,\n} from './a.js';", []string{"./a.js"}},
		{"export from", "export { a } from './a.js';", []string{"./a.js"}},
		{"import when needed", "const m = await import('./late.js');", []string{"./late.js"}},
		{"worker", "new URL('./w-worker.js', import.meta.url)", []string{"./w-worker.js"}},
		{"minified", `import{i as n}from"../share.js";`, []string{"../share.js"}},
		{"types in comments", "/** @import { A } from './a.js' */\n// import('./b.js')\n/** @type {import('./c.js').C} */", nil},
		{"another site's", "import x from 'https://example.test/x.js'", nil},
		{"a name of something else", "node.from = './a.js'", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, ref := range references(c.source) {
				got = append(got, ref.path)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q: got %q, want %q", c.source, got, c.want)
			}
		})
	}
}

// TestShellVersion: the version changes with every file that the page loads.
func TestShellVersion(t *testing.T) {
	w := newWeb(t)
	first := newShell(t, w)
	if again := newShell(t, w); again.version != first.version {
		t.Errorf("two shells of one build: got %s and %s", first.version, again.version)
	}
	w.assets.hash = strings.Repeat("0", 20)
	if other := newShell(t, w); other.version == first.version || slices.Equal(other.Files(), first.Files()) {
		t.Error("another build has the same version")
	}
}

// TestShellFetchesAtOnce: the page names in its head each module that its scripts import, and none that waits for its use.
func TestShellFetchesAtOnce(t *testing.T) {
	a, err := newAssets(fstest.MapFS{
		"page.js": {Data: []byte("import './a.js';\nconst late = () => import('./late.js');")}, "a.js": {Data: []byte("import { b } from './b.js';")},
		"b.js": {Data: []byte("new Worker(new URL('./c-worker.js', import.meta.url))")}, "late.js": {Data: []byte("import './d.js';")},
		"c-worker.js": {}, "d.js": {}, "else.js": {},
	}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	all, modules, err := a.loaded([]byte(`<script src="` + a.address("page.js") + `"></script>`))
	if err != nil {
		t.Fatal(err)
	}
	names := func(addresses []string) (out []string) {
		for _, one := range addresses {
			out = append(out, path.Base(one))
		}
		return out
	}
	if got, want := names(all), []string{"a.js", "b.js", "c-worker.js", "d.js", "late.js", "page.js"}; !slices.Equal(got, want) {
		t.Errorf("keeps %q, want %q", got, want)
	}
	if got, want := names(modules), []string{"a.js", "b.js", "page.js"}; !slices.Equal(got, want) {
		t.Errorf("fetches at once %q, want %q", got, want)
	}
}

func TestTakesEncoding(t *testing.T) {
	for _, c := range []struct {
		header, coding string
		want           bool
	}{
		{"", "gzip", false}, {"gzip", "gzip", true}, {"br, gzip", "gzip", true}, {"GZIP", "gzip", true}, {"gzip;q=0", "gzip", false},
		{"gzip; q=0.5", "gzip", true}, {"*", "br", true}, {"*;q=0", "br", false}, {"gzip, *;q=0", "br", false}, {"br;q=0, *", "br", false},
		{"gzip;q=x", "gzip", false}, {"brotli", "br", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", c.header)
		if got := takes(r, c.coding); got != c.want {
			t.Errorf("%q takes %s: got %v, want %v", c.header, c.coding, got, c.want)
		}
	}
}

// TestAssetsCompressed: what is sent unpacks to the asset, says how it is packed and how long it is; a file that was
// compressed from other bytes is not used.
func TestAssetsCompressed(t *testing.T) {
	text := []byte(strings.Repeat("const a = 1;\n", 500))
	files := fstest.MapFS{"a.js": {Data: text}, "b.js": {Data: text}, "p.png": {Data: text}}
	packed := fstest.MapFS{
		"index.json":                    {Data: []byte(`{"a.js": "` + digestOf(text) + `", "b.js": "` + strings.Repeat("0", 64) + `"}`)},
		digestOf(text) + ".br":          {Data: []byte("made ahead")},
		strings.Repeat("0", 64) + ".br": {Data: []byte("of another time")},
	}
	a, err := newAssets(files, packed)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, asset, accepts, coding string }{
		{"brotli made ahead", "a.js", "gzip, br", "br"}, {"gzip", "a.js", "gzip", "gzip"}, {"nothing", "a.js", "", ""},
		{"made ahead from other bytes", "b.js", "br, gzip", "gzip"}, {"a picture", "p.png", "gzip", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", a.address(c.asset), nil)
			r.Header.Set("Accept-Encoding", c.accepts)
			rec := httptest.NewRecorder()
			a.ServeHTTP(rec, r)
			got := rec.Result()
			body := rec.Body.Bytes()
			if got.StatusCode != http.StatusOK || got.Header.Get("Content-Encoding") != c.coding || got.Header.Get("Vary") != "Accept-Encoding" || got.ContentLength != int64(len(body)) {
				t.Fatalf("got %d %v", got.StatusCode, got.Header)
			}
			want := text
			switch c.coding {
			case "br":
				want = []byte("made ahead")
			case "gzip":
				z, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(body, want) {
				t.Errorf("got %d other bytes", len(body))
			}
		})
	}
	if _, err := newAssets(files, fstest.MapFS{"index.json": {Data: []byte("[")}}); err == nil {
		t.Error("a broken list is taken")
	}
}

// The budgets of the capture page: what goes over the air before a photo can be taken.
const (
	shellBudget = 100_000   // bytes of page, styles and modules, by gzip
	wordsBudget = 16_000    // bytes of another language than English, by gzip, for whoever reads it
	wasmBudget  = 1_300_000 // bytes of the modules for sealing, looking and scanning, by brotli, with what loads them
)

// TestBudgets reports what the shell weighs, and refuses more than the budget. What loads a WebAssembly module and came
// with it (Go's wasm_exec.js, zxing's own JavaScript) counts as a part of that module.
func TestBudgets(t *testing.T) {
	w := newWeb(t)
	s := newShell(t, w)
	shell, wasm, words := len(s.zipped), 0, 0
	t.Logf("%7d  page", shell)
	for _, address := range s.Files() {
		name, asset := strings.CutPrefix(address, "/static/"+w.assets.hash+"/")
		if !asset || path.Ext(name) == ".png" { // the icon of a home screen is no part of the page
			continue
		}
		size := weigh(t, w, name)
		t.Logf("%7d  %s", size, name)
		switch {
		case strings.HasPrefix(name, "wasm/"):
			wasm += size
		case strings.HasPrefix(name, "words/"):
			words += size
		default:
			shell += size
		}
	}
	t.Logf("shell %d bytes by gzip in %d files; German %d more; wasm %d by brotli", shell, len(s.Files()), words, wasm)
	if words > wordsBudget {
		t.Errorf("the other language weighs %d bytes, want at most %d", words, wordsBudget)
	}
	if shell > shellBudget {
		t.Errorf("the shell weighs %d bytes, want at most %d", shell, shellBudget)
	}
	if wasm > wasmBudget {
		t.Errorf("the modules weigh %d bytes, want at most %d", wasm, wasmBudget)
	}
}

// weigh is how many bytes an asset is when it is sent.
func weigh(t *testing.T, w *Web, name string) int {
	t.Helper()
	if body := w.assets.packed[name]; body != nil {
		return len(body)
	}
	if path.Ext(name) == ".wasm" {
		if os.Getenv("CLINIVAULT_TOOLS") == "required" {
			t.Errorf("%s is not compressed ahead: run scripts/wasm.sh", name)
		}
		return 0
	}
	body, err := w.assets.read(name)
	if err != nil {
		t.Fatal(err)
	}
	if body, err = zip(body, gzip.BestCompression); err != nil {
		t.Fatal(err)
	}
	return len(body)
}
