package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func newWeb(t *testing.T) *Web {
	t.Helper()
	w, err := New(Config{Site: "Test <hospital>"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sources gives every file below a folder of the embedded tree, by name.
func sources(t *testing.T, root, ending string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(tree, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ending) || strings.Contains(name, "/wasm/") {
			return err
		}
		body, err := fs.ReadFile(tree, name)
		out[name] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no %s below %s", ending, root)
	}
	return out
}

func TestPageRendersWholeOrNotAtAll(t *testing.T) {
	w := newWeb(t)
	for _, c := range []struct {
		name, page string
		view       View
		status     int
		fails      bool
		has        string
	}{
		{"error page", "error", View{Title: "Not found", Page: map[string]string{"Detail": "Nothing here.", "RequestID": "R1"}}, 404, false, "Nothing here."},
		{"texts are escaped", "error", View{Title: "<b>", Page: map[string]string{"Detail": "<script>alert(1)</script>", "RequestID": ""}}, 200, false, "&lt;script&gt;"},
		{"site is escaped", "error", View{Title: "x", Page: map[string]string{"Detail": "", "RequestID": ""}}, 200, false, "Test &lt;hospital&gt;"},
		{"no such page", "nothing", View{}, 500, true, "could not be shown"},
		{"data of the wrong shape", "captures", View{Page: struct{ Photos []int }{[]int{1}}}, 500, true, "could not be shown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			err := w.Page(rec, max(c.status, 200), c.page, c.view)
			if (err != nil) != c.fails {
				t.Errorf("got error %v, want one: %v", err, c.fails)
			}
			if rec.Code != c.status || !strings.Contains(rec.Body.String(), c.has) {
				t.Errorf("got %d %.200q, want %d with %q", rec.Code, rec.Body, c.status, c.has)
			}
			if got := rec.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: got %q, want no-store", got)
			}
			if c.fails && strings.Contains(rec.Body.String(), "<html") {
				t.Errorf("half a page was sent: %.200q", rec.Body)
			}
		})
	}
}

func TestMenuFollowsRoles(t *testing.T) {
	w := newWeb(t)
	for role, want := range map[string][]string{
		"clinician": {"/capture", "/captures", "/patients", "/delegation"}, "reviewer": {"/review"},
		"records": {"/records", "/recalls", "/erasures", "/holds", "/retention"},
		"privacy": {"/audit", "/access", "/recalls", "/erasures", "/holds", "/retention"},
		"admin":   {"/people", "/teams", "/messages", "/health", "/detection"},
	} {
		want = append(want, "/devices", "/notices") // everybody's
		rec := httptest.NewRecorder()
		view := View{Title: "x", Who: &Who{Name: "N", Roles: []string{role}}, Page: map[string]string{"Detail": "", "RequestID": ""}}
		if err := w.Page(rec, 200, "error", view); err != nil {
			t.Fatal(err)
		}
		for _, path := range want {
			if !strings.Contains(rec.Body.String(), `<li><a href="`+path+`"`) {
				t.Errorf("%s: menu lacks %s", role, path)
			}
		}
		if got := strings.Count(rec.Body.String(), "<li><a href="); got != len(want) {
			t.Errorf("%s: got %d entries, want %d", role, got, len(want))
		}
	}
	if (*Who)(nil).Has("admin") {
		t.Error("a stranger has a role")
	}
}

func TestAssets(t *testing.T) {
	w := newWeb(t)
	good := w.Asset("css/base.css")
	for _, c := range []struct {
		name, method, path string
		status             int
		media              string
	}{
		{"style", "GET", good, 200, "text/css; charset=utf-8"},
		{"module", "GET", w.Asset("lib/shell.js"), 200, "text/javascript; charset=utf-8"},
		{"head", "HEAD", good, 200, "text/css; charset=utf-8"},
		{"another build's hash", "GET", strings.Replace(good, w.assets.hash, strings.Repeat("0", 20), 1), 404, ""},
		{"no hash", "GET", "/static/css/base.css", 404, ""},
		{"ending not served", "GET", w.assets.address("wasm/EMPTY.txt"), 404, ""},
		{"folder", "GET", w.assets.address("css"), 404, ""},
		{"upwards", "GET", w.assets.address("../templates/layout.html"), 404, ""},
		{"upwards to a served ending", "GET", w.assets.address("css/../css/base.css"), 404, ""},
		{"writing", "POST", good, 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			r := httptest.NewRequest(c.method, "/", nil)
			r.URL.Path = c.path
			w.Static().ServeHTTP(rec, r)
			if rec.Code != c.status {
				t.Fatalf("%s %s: got %d, want %d", c.method, c.path, rec.Code, c.status)
			}
			immutable := strings.Contains(rec.Header().Get("Cache-Control"), "immutable")
			if immutable != (c.status == 200) {
				t.Errorf("Cache-Control: got %q with status %d", rec.Header().Get("Cache-Control"), rec.Code)
			}
			if got := rec.Header().Get("Content-Type"); c.media != "" && got != c.media {
				t.Errorf("Content-Type: got %q, want %q", got, c.media)
			}
			if rec.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("nosniff is missing")
			}
			if c.method == http.MethodHead && rec.Body.Len() > 0 {
				t.Errorf("HEAD sent %d bytes", rec.Body.Len())
			}
		})
	}
}

func TestHashChangesWithEachFile(t *testing.T) {
	file := func(body string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(body)} }
	seen := map[string]string{}
	for name, files := range map[string]fstest.MapFS{
		"one":       {"a.js": file("x"), "b.js": file("y")},
		"swapped":   {"a.js": file("y"), "b.js": file("x")},
		"joined":    {"a.js": file("xy"), "b.js": file("")},
		"renamed":   {"c.js": file("x"), "b.js": file("y")},
		"one fewer": {"a.js": file("x")},
	} {
		a, err := newAssets(files, fstest.MapFS{})
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[a.hash]; other != "" {
			t.Errorf("%s and %s have the same hash %s", name, other, a.hash)
		}
		seen[a.hash] = name
	}
}

func TestAssetThatIsNotThere(t *testing.T) {
	w := newWeb(t)
	defer func() {
		if v, _ := recover().(string); !strings.HasPrefix(v, "web: no asset") {
			t.Errorf("got panic %q, want the name of the asset", v)
		}
	}()
	w.Asset("css/none.css")
}

var (
	inlineStyle  = regexp.MustCompile(`(?i)<style|\sstyle\s*=`)
	inlineScript = regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|\son[a-z]+\s*=\s*["']|javascript:`)
	assetName    = regexp.MustCompile(`asset "([^"]+)"`)
	fileInput    = regexp.MustCompile(`(?i)type="file"|\scapture[=\s>]`)
)

func TestTemplatesHaveNothingInline(t *testing.T) {
	w := newWeb(t)
	for name, text := range sources(t, "templates", ".html") {
		for what, bad := range map[string]*regexp.Regexp{"inline style": inlineStyle, "inline script": inlineScript, "file input": fileInput} {
			if found := bad.FindString(text); found != "" {
				t.Errorf("%s: %s: %q", name, what, found)
			}
		}
		for _, m := range assetName.FindAllStringSubmatch(text, -1) {
			if !w.assets.has(m[1]) && !strings.HasPrefix(m[1], "wasm/") {
				t.Errorf("%s: asset %s does not exist", name, m[1])
			}
		}
		if strings.Contains(text, "http://") || strings.Contains(text, "https://") {
			t.Errorf("%s: names a foreign address", name)
		}
	}
}

var (
	jsImport = regexp.MustCompile(`(?m)^import [^;]*?from '([^']+)'`)
	sinks    = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|setAttribute\('on|localStorage\.setItem\(\w*`)
	comments = regexp.MustCompile(`(?m)//.*$|/\*[\s\S]*?\*/`)
)

// kept is what may stay in the browser: how the reviewer likes letters, when the device's next proof is due, the language,
// that the page shall not be installed, which body sites the person uses, and with which hand.
var kept = []string{"localStorage.setItem(lettersKey", "localStorage.setItem(noted", "localStorage.setItem(choice", "localStorage.setItem(declined", "localStorage.setItem(keyOf",
	"localStorage.setItem(handKey"}

func TestModulesImportWhatExistsAndUseNoSink(t *testing.T) {
	for name, text := range sources(t, "static", ".js") {
		if !strings.HasPrefix(text, "// @ts-check") {
			t.Errorf("%s: does not start with // @ts-check", name)
		}
		for _, m := range jsImport.FindAllStringSubmatch(text, -1) {
			target := path.Join(path.Dir(name), m[1])
			if _, err := fs.Stat(tree, target); err != nil || !strings.HasPrefix(m[1], ".") {
				t.Errorf("%s: imports %s, which is not there", name, m[1])
			}
		}
		for _, found := range sinks.FindAllString(comments.ReplaceAllString(text, ""), -1) {
			if !slices.Contains(kept, found) {
				t.Errorf("%s: uses %q", name, found)
			}
		}
	}
}

func TestStylesStayHere(t *testing.T) {
	for name, text := range sources(t, "static", ".css") {
		if strings.Contains(text, "url(") || strings.Contains(text, "@import") {
			t.Errorf("%s: loads something", name)
		}
	}
}

type stamp int64

func TestWords(t *testing.T) {
	at := time.Date(2026, 11, 21, 22, 5, 9, 0, time.FixedZone("x", 3600))
	for _, c := range []struct{ name, got, want string }{
		{"time.Time", when(at), "21 Nov 2026, 21:05 UTC"},
		{"milliseconds", when(stamp(at.UnixMilli())), "21 Nov 2026, 21:05 UTC"},
		{"zero", when(stamp(0)), "not yet"},
		{"no time", when("tomorrow"), "not yet"},
		{"a day of birth", born("1951-03-04"), "4 Mar 1951"},
		{"no day of birth", born("unknown"), "unknown"},
		{"machine time", rfc(stamp(at.UnixMilli())), "2026-11-21T21:05:09.000Z"},
		{"machine zero", rfc(nil), ""},
		{"known state", word(stateWords, "in_review"), "Waiting for review"},
		{"unknown state", word(stateWords, "half_done"), "Half done"},
		{"one", count(1, "photo"), "1 photo"},
		{"many", count(stamp(3), "photo"), "3 photos"},
		{"short", short("ABCDEFGHIJK"), "ABCDEFGH"},
		{"empty", capital(""), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
	if stateTones["accepted"] == "good" || stateTones["in_review"] == "good" || stateTones["pending"] == "good" {
		t.Error("something unfinished is shown as good")
	}
	if _, err := dict("a"); err == nil {
		t.Error("dict took a key without a value")
	}
	if _, err := dict(1, 2); err == nil {
		t.Error("dict took a number as a key")
	}
}
