package api

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/vault"
)

// inDocument says which addresses programs use; the others are pages and their files.
func inDocument(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/scim/") || slices.Contains([]string{"/healthz", "/readyz", "/metrics", logoutPath}, path)
}

func TestDocumentHoldsEveryRouteAndNoOther(t *testing.T) {
	b := newBench(t)
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	b.get(t, "", "/api/openapi.json").into(t, http.StatusOK, &doc)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("document: got version %q, want 3.1.0", doc.OpenAPI)
	}
	served := map[string]bool{}
	err := chi.Walk(b.s.handler.(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !inDocument(path) {
			return nil
		}
		served[method+" "+path] = true
		if doc.Paths[path][strings.ToLower(method)] == nil {
			t.Errorf("route %s %s is served and not in the document", method, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			if !served[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is in the document and not served", method, path)
			}
		}
	}
	if len(served) < 30 {
		t.Errorf("got %d routes, want at least 30: the walk misses some", len(served))
	}
}

func TestDocumentIsWhole(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(mustDocument(routes), &doc); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if to, ok := v["$ref"].(string); ok && !resolves(doc, to) {
				t.Errorf("%s: reference %s leads nowhere", at, to)
			}
			if id, ok := v["operationId"].(string); ok {
				if ids[id] {
					t.Errorf("%s: operationId %s is used twice", at, id)
				}
				ids[id] = true
				if v["summary"] == "" || v["responses"] == nil {
					t.Errorf("%s: no summary or no responses", at)
				}
			}
			for k, inner := range v {
				walk(at+"/"+k, inner)
			}
		case []any:
			for _, inner := range v {
				walk(at+"[]", inner)
			}
		}
	}
	walk("", doc)
	if len(ids) != len(routes) {
		t.Errorf("got %d operations, want %d, one for each route", len(ids), len(routes))
	}
}

// resolves follows a reference of the form #/a/b/c.
func resolves(doc map[string]any, to string) bool {
	var at any = doc
	for part := range strings.SplitSeq(strings.TrimPrefix(to, "#/"), "/") {
		m, ok := at.(map[string]any)
		if !ok || m[part] == nil {
			return false
		}
		at = m[part]
	}
	return true
}

func TestShapes(t *testing.T) {
	type inner struct {
		A int `json:"a"`
	}
	type embedded struct {
		E bool `json:"e"`
	}
	type sample struct {
		embedded
		Name    string            `json:"name"`
		Maybe   *inner            `json:"maybe,omitempty"`
		Roles   []vault.Role      `json:"roles"`
		At      vault.Time        `json:"at"`
		Raw     json.RawMessage   `json:"raw,omitempty"`
		Facts   map[string]string `json:"facts"`
		Hidden  string            `json:"-"`
		private int
	}
	_ = sample{}.private
	sh := &shapes{schemas: object{}}
	if got := sh.of(reflect.TypeFor[sample]()); !reflect.DeepEqual(got, ref("Sample")) {
		t.Fatalf("a named struct: got %v, want a reference", got)
	}
	got := sh.schemas["Sample"].(object)
	props := got["properties"].(object)
	for _, name := range []string{"e", "name", "maybe", "roles", "at", "raw", "facts"} {
		if props[name] == nil {
			t.Errorf("property %s is missing in %v", name, props)
		}
	}
	if len(props) != 7 {
		t.Errorf("got %d properties, want 7: %v", len(props), props)
	}
	if want := []string{"e", "name", "roles", "at", "facts"}; !reflect.DeepEqual(got["required"], want) {
		t.Errorf("required: got %v, want %v", got["required"], want)
	}
	if _, known := sh.schemas["Inner"]; !known {
		t.Error("the struct behind a pointer has no schema")
	}
	defer func() {
		if recover() == nil {
			t.Error("a channel: got a schema, want a panic at the start")
		}
	}()
	sh.of(reflect.TypeFor[chan int]())
}

// The addresses that the pages hand to their scripts are served.
func TestTemplatesNameRoutesThatExist(t *testing.T) {
	b := newBench(t)
	files, err := filepath.Glob("web/templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("templates: got %v, %v", files, err)
	}
	address, placeholder := regexp.MustCompile(`="(/api/v1/[^"?]*)`), regexp.MustCompile(`\{\{[^}]*\}\}|\{\w+\}`)
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range address.FindAllStringSubmatch(string(text), -1) {
			seen++
			path := placeholder.ReplaceAllString(m[1], "X")
			if len(allowed(b.s.handler.(chi.Routes), path)) == 0 {
				t.Errorf("%s names %s, which is not served", file, m[1])
			}
		}
	}
	if seen < 10 {
		t.Errorf("found %d addresses in the templates, want at least 10: the pattern misses some", seen)
	}
}

// API.md has a section for every route and for no other.
func TestAPIDocumentNamesEveryRoute(t *testing.T) {
	text, err := os.ReadFile("API.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^### `([A-Z]+ [^`]+)`$").FindAllStringSubmatch(string(text), -1) {
		told[m[1]] = true
	}
	for _, rt := range routes {
		if name := rt.method + " " + rt.path; !told[name] {
			t.Errorf("API.md has no section for %s", name)
		} else {
			delete(told, name)
		}
	}
	for name := range told {
		t.Errorf("API.md tells of %s, which is not served", name)
	}
	for _, r := range append(refusals, internal) {
		if !strings.Contains(string(text), "`"+r.slug+"`") {
			t.Errorf("API.md does not list the problem type %s", r.slug)
		}
	}
}
