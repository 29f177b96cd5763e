package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// directory is the token of a directory.
func (b *bench) directory(t *testing.T, name string) (vault.ProvisionerID, string) {
	t.Helper()
	id, token, err := b.V.AddProvisioner(t.Context(), vault.Operator(), name)
	if err != nil {
		t.Fatal(err)
	}
	return id, token.Reveal()
}

// scim sends one request as a directory does.
func (b *bench) scim(t *testing.T, token, method, path, body string, header ...string) *reply {
	t.Helper()
	in := request{method: method, path: "/scim/v2" + path, token: token, header: map[string]string{}}
	if body != "" {
		in.body = strings.NewReader(body)
		in.header["Content-Type"] = scimType
	}
	for i := 0; i+1 < len(header); i += 2 {
		in.header[header[i]] = header[i+1]
	}
	return b.send(t, in)
}

// scimRefused checks a refusal's form and word.
func (r *reply) scimRefused(t *testing.T, status int, word string) {
	t.Helper()
	var got struct {
		Schemas                  []string
		Status, ScimType, Detail string
	}
	if err := json.Unmarshal(r.body, &got); err != nil || r.StatusCode != status || r.Header.Get("Content-Type") != scimType ||
		got.Status != fmt.Sprint(status) || got.ScimType != word || got.Detail == "" || !slices.Equal(got.Schemas, []string{urnError}) {
		t.Errorf("%s: got %d %s %s, want %d with scimType %q", r.what, r.StatusCode, r.Header.Get("Content-Type"), r.body, status, word)
	}
}

// within reports where got lacks what want has; null in want: not there.
func within(at string, got, want any) error {
	switch want := want.(type) {
	case object:
		have, _ := got.(object)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if want[name] == nil && have[name] != nil {
				return fmt.Errorf("%s.%s is there: %v", at, name, have[name])
			}
			if err := within(at+"."+name, have[name], want[name]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		have, _ := got.([]any)
		if len(have) < len(want) {
			return fmt.Errorf("%s has %d values, want at least %d", at, len(have), len(want))
		}
		for i := range want {
			if err := within(fmt.Sprintf("%s[%d]", at, i), have[i], want[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %v, want %v", at, got, want)
	}
	return nil
}

// TestWhatDirectoriesSend plays what real directories send, from testdata; each file tells its origin.
func TestWhatDirectoriesSend(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "scim", "*.json"))
	if err != nil || len(files) < 3 {
		t.Fatalf("got %d files and %v, want three", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b := newBench(t)
			_, token := b.directory(t, "Directory")
			var play struct {
				Origin string
				Steps  []struct {
					Say, Method, Path, Type, Save string
					Status                        int
					Body, Answer                  json.RawMessage
				}
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &play); err != nil || play.Origin == "" {
				t.Fatalf("the file cannot be read or tells no origin: %v", err)
			}
			saved := []string{}
			for _, step := range play.Steps {
				fill := strings.NewReplacer(saved...).Replace
				var header []string
				if step.Type != "" {
					header = []string{"Content-Type", step.Type}
				}
				got := b.scim(t, token, step.Method, fill(step.Path), fill(string(step.Body)), header...)
				if got.StatusCode != step.Status {
					t.Fatalf("%s: got %d %s, want %d", step.Say, got.StatusCode, got.body, step.Status)
				}
				var answer, want any
				if len(got.body) > 0 && json.Unmarshal(got.body, &answer) != nil {
					t.Fatalf("%s: the answer is no JSON: %s", step.Say, got.body)
				}
				if len(step.Answer) > 0 {
					if err := json.Unmarshal([]byte(fill(string(step.Answer))), &want); err != nil {
						t.Fatal(err)
					}
					if err := within("answer", answer, want); err != nil {
						t.Errorf("%s: %v\n%s", step.Say, err, got.body)
					}
				}
				if step.Save != "" {
					saved = append(saved, "{"+step.Save+"}", answer.(object)["id"].(string))
				}
			}
		})
	}
}

func TestScimRefusals(t *testing.T) {
	b := newBench(t)
	id, token := b.directory(t, "Directory")
	var user object
	b.scim(t, token, "POST", "/Users", `{"userName":"known"}`).into(t, http.StatusCreated, &user)
	one := "/Users/" + user["id"].(string)
	patch := func(operations string) string {
		return `{"schemas":["` + urnPatch + `"],"Operations":[` + operations + `]}`
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		word                     string
	}{
		{"no JSON", "POST", "/Users", `{"userName":`, 400, "invalidSyntax"},
		{"no object", "POST", "/Users", `["a"]`, 400, "invalidSyntax"},
		{"two objects", "POST", "/Users", `{"userName":"a1"}{}`, 400, "invalidSyntax"},
		{"null", "POST", "/Users", `null`, 400, "invalidSyntax"},
		{"an attribute twice", "POST", "/Users", `{"userName":"a1","USERNAME":"a2"}`, 400, "invalidSyntax"},
		{"no user name", "POST", "/Users", `{"displayName":"x"}`, 400, "invalidValue"},
		{"a user name that is an object", "POST", "/Users", `{"userName":{"a":1}}`, 400, "invalidValue"},
		{"active that is no boolean", "PATCH", one, patch(`{"op":"replace","path":"active","value":"perhaps"}`), 400, "invalidValue"},
		{"a user name that is taken", "POST", "/Users", `{"userName":"KNOWN"}`, 409, "uniqueness"},
		{"an unknown filter", "GET", `/Users?filter=userName+xx+%22a%22`, "", 400, "invalidFilter"},
		{"a filter on what is not there", "GET", `/Users?filter=shoeSize+eq+%22a%22`, "", 400, "invalidFilter"},
		{"a comparison that is not supported", "GET", `/Users?filter=userName+gt+%22a%22`, "", 400, "invalidFilter"},
		{"a filter of many brackets", "GET", `/Users?filter=` + strings.Repeat("(", 40) + `userName+pr` + strings.Repeat(")", 40), "", 400, "invalidFilter"},
		{"a long filter", "GET", `/Users?filter=userName+eq+%22` + strings.Repeat("a", 1100) + `%22`, "", 400, "invalidFilter"},
		{"a count that is no number", "GET", `/Users?count=many`, "", 400, "invalidValue"},
		{"a sort by what is not there", "GET", `/Users?sortBy=shoeSize`, "", 400, "invalidValue"},
		{"attributes both ways", "GET", `/Users?attributes=userName&excludedAttributes=name`, "", 400, "invalidValue"},
		{"no operations", "PATCH", one, patch(""), 400, "invalidSyntax"},
		{"another schema", "PATCH", one, `{"schemas":["x"],"Operations":[{"op":"replace","value":{}}]}`, 400, "invalidSyntax"},
		{"an unknown operation", "PATCH", one, patch(`{"op":"move","path":"active"}`), 400, "invalidSyntax"},
		{"a path twice", "PATCH", one, patch(`{"op":"replace","path":"displayName","Path":"userName","value":"x1"}`), 400, "invalidSyntax"},
		{"operations twice", "PATCH", one, `{"schemas":["` + urnPatch + `"],"Operations":[{"op":"replace","value":{}}],"operations":[{"op":"replace","value":{}}]}`, 400, "invalidSyntax"},
		{"a part of a name twice", "POST", "/Users", `{"userName":"a1","name":{"givenName":"x","GIVENNAME":"y"}}`, 400, "invalidSyntax"},
		{"too many addresses to look at", "POST", "/Users", `{"userName":"a1","emails":[` + strings.Repeat(`{"type":"a"},`, 100) + `{"type":"a"}]}`, 400, "invalidValue"},
		{"a remove without a path", "PATCH", one, patch(`{"op":"remove"}`), 400, "noTarget"},
		{"a replace without a value", "PATCH", one, patch(`{"op":"replace","path":"active"}`), 400, "invalidValue"},
		{"a path that is not there", "PATCH", one, patch(`{"op":"replace","path":"shoeSize","value":"1"}`), 400, "invalidPath"},
		{"a path that cannot be read", "PATCH", one, patch(`{"op":"replace","path":"emails[","value":"1"}`), 400, "invalidPath"},
		{"an ID", "PATCH", one, patch(`{"op":"replace","path":"id","value":"1"}`), 400, "mutability"},
		{"a user name removed", "PATCH", one, patch(`{"op":"remove","path":"userName"}`), 400, "mutability"},
		{"nothing meant", "PATCH", one, patch(`{"op":"replace","path":"emails[type co \"x\"].value","value":"a@b"}`), 400, "noTarget"},
		{"nobody", "GET", "/Users/AAAAAAAAAAAAAAAAAAAAAAAAAA", "", 404, ""},
		{"an ID that cannot be one", "DELETE", "/Users/..%2f..", "", 404, ""},
		{"no such address", "GET", "/Devices", "", 404, ""},
		{"a method that is not taken", "DELETE", "/Users", "", 405, ""},
		{"oneself", "GET", "/Me", "", 501, ""},
		{"bulk", "POST", "/Bulk", `{}`, 501, ""},
		{"a large body", "POST", "/Users", `{"userName":"` + strings.Repeat("a", maxScim) + `"}`, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) { b.scim(t, token, c.method, c.path, c.body).scimRefused(t, c.status, c.word) })
	}
	b.scim(t, token, "POST", "/Users", `{"userName":"a1"}`, "Content-Type", "text/plain").scimRefused(t, 415, "")
	b.scim(t, b.as(t, admin), "GET", "/Users", "").scimRefused(t, 401, "")
	b.get(t, token, "/api/v1/people").refused(t, 401, "not-signed-in")
	var left struct{ TotalResults int }
	b.scim(t, token, "GET", `/Users?filter=userName+ne+%22only-admin%22`, "").into(t, 200, &left)
	if left.TotalResults != 1 {
		t.Errorf("after all refusals there are %d users, want the one", left.TotalResults)
	}
	if err := b.V.EndProvisioner(t.Context(), vault.Operator(), id); err != nil {
		t.Fatal(err)
	}
	b.scim(t, token, "GET", "/Users", "").scimRefused(t, 401, "")
}

func TestScimVersions(t *testing.T) {
	b := newBench(t)
	_, token := b.directory(t, "Directory")
	made := b.scim(t, token, "POST", "/Users", `{"userName":"known","displayName":"Known"}`)
	var user object
	made.into(t, http.StatusCreated, &user)
	first := made.Header.Get("ETag")
	one := "/Users/" + user["id"].(string)
	if made.Header.Get("Location") != b.base+"/scim/v2"+one || first == "" || user["meta"].(object)["version"] != first {
		t.Errorf("created: Location %s, ETag %s, meta %v", made.Header.Get("Location"), first, user["meta"])
	}
	if got := b.scim(t, token, "GET", one, "", "If-None-Match", first); got.StatusCode != http.StatusNotModified || len(got.body) != 0 {
		t.Errorf("reading what is known: got %d %s, want 304", got.StatusCode, got.body)
	}
	changed := b.scim(t, token, "PUT", one, `{"userName":"known","displayName":"Changed"}`, "If-Match", first)
	changed.into(t, 200, nil)
	second := changed.Header.Get("ETag")
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		body := map[string]string{"PUT": `{"userName":"late"}`, "PATCH": `{"schemas":["` + urnPatch + `"],"Operations":[{"op":"replace","path":"userName","value":"late"}]}`}[method]
		b.scim(t, token, method, one, body, "If-Match", first).scimRefused(t, http.StatusPreconditionFailed, "")
	}
	if got := b.scim(t, token, "GET", one, "", "If-None-Match", first); got.Header.Get("ETag") != second || got.StatusCode != 200 {
		t.Errorf("after refused changes: got %d, ETag %s, want 200 and %s", got.StatusCode, got.Header.Get("ETag"), second)
	}
	b.scim(t, token, "POST", "/Groups", `{"displayName":"G","members":[{"value":"`+user["id"].(string)+`"}]}`).into(t, 201, nil)
	if got := b.scim(t, token, "GET", one, "", "If-None-Match", second); got.StatusCode != 200 {
		t.Errorf("a user in a new group: got %d, want 200, since what is told of them changed", got.StatusCode)
	}
	b.scim(t, token, "DELETE", one, "", "If-Match", `W/"other", *`).into(t, 204, nil)
}

// TestScimPages: pages of a list are of the bounds that RFC 7644 section 3.4.2.4 gives, together all of it, none twice.
func TestScimPages(t *testing.T) {
	b := newBench(t)
	_, token := b.directory(t, "Directory")
	for i := range 7 {
		b.scim(t, token, "POST", "/Groups", fmt.Sprintf(`{"displayName":"G%d"}`, i)).into(t, 201, nil)
	}
	type page struct {
		TotalResults, StartIndex, ItemsPerPage int
		Resources                              []object
	}
	for _, c := range []struct {
		query       string
		first, many int
	}{{"", 0, 7}, {"?count=0", 0, 0}, {"?count=-3", 0, 0}, {"?startIndex=-3&count=2", 0, 2}, {"?startIndex=6&count=100000", 5, 2}, {"?startIndex=999999999999", 0, 0}, {"?startIndex=8", 0, 0}} {
		var got page
		b.scim(t, token, "GET", "/Groups"+c.query, "").into(t, 200, &got)
		if got.TotalResults != 7 || got.ItemsPerPage != c.many || len(got.Resources) != c.many {
			t.Errorf("groups%s: got %d of %d, want %d of 7", c.query, len(got.Resources), got.TotalResults, c.many)
		}
		if c.many > 0 && got.Resources[0]["displayName"] != fmt.Sprintf("G%d", c.first) {
			t.Errorf("groups%s: begins with %v, want G%d", c.query, got.Resources[0]["displayName"], c.first)
		}
	}
}

func TestScimSlowsDown(t *testing.T) {
	b := newBench(t)
	_, token := b.directory(t, "Directory")
	status := 0
	for range 40 {
		if got := b.scim(t, strings.Repeat("A", 43), "GET", "/Users", ""); got.StatusCode != status {
			status = got.StatusCode
			got.scimRefused(t, map[bool]int{true: 401, false: 429}[status == 401], "")
		}
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("after 40 wrong tokens: got %d, want 429", status)
	}
	if got := b.scim(t, token, "GET", "/Users", ""); got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
		t.Errorf("the right token from there: got %d, Retry-After %q, want 429 with a time", got.StatusCode, got.Header.Get("Retry-After"))
	}
}

// TestScimTellsItsSchemas: what /Schemas tells is what is taken.
func TestScimTellsItsSchemas(t *testing.T) {
	b := newBench(t)
	_, token := b.directory(t, "Directory")
	for _, r := range []*resource{users, groups} {
		var schema, kind struct {
			ID, Endpoint, Schema string
			Attributes           []struct{ Name, Type, Mutability string }
		}
		b.scim(t, token, "GET", "/Schemas/"+r.urn, "").into(t, 200, &schema)
		b.scim(t, token, "GET", "/ResourceTypes/"+r.name, "").into(t, 200, &kind)
		if schema.ID != r.urn || len(schema.Attributes) != len(r.attrs) || kind.Schema != r.urn || "/scim/v2"+kind.Endpoint != r.path {
			t.Errorf("%s: got schema %s of %d attributes at %s", r.name, schema.ID, len(schema.Attributes), kind.Endpoint)
		}
	}
	b.scim(t, token, "GET", "/Schemas/urn:x", "").scimRefused(t, 404, "")
	b.scim(t, token, "GET", "/Schemas?filter=id+pr", "").scimRefused(t, 403, "")
}
