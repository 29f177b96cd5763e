package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// quick fails when something takes longer than an input of a directory ever should.
func quick(t *testing.T, what string, do func()) {
	t.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("%s took %s", what, took)
	}
}

// FuzzScimFilter: any text is a filter or a refusal of the right word, soon; and what a filter asks the database for
// exactly, it finds only in resources that it lets through.
func FuzzScimFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "known"`, `not (userName sw "k") or emails pr`, `emails[type eq "work" and value co "@"]`,
		`emails[type eq "work"].value eq "known@hospital.example"`, `urn:ietf:params:scim:schemas:core:2.0:User:name.givenName co "a"`,
		`active eq "False"`, `((((((((((userName pr))))))))))`, `userName eq "\u006bnown" and externalId eq "e"`, `meta.created gt "2020"`,
		`members[value eq "x"] and displayName eq "G"`, `a eq 1e999`, `userName eq "` + strings.Repeat(`\\`, 200) + `"`, strings.Repeat("not(", 11) + "userName pr" + strings.Repeat(")", 11),
	} {
		f.Add(seed)
	}
	user := object{"id": "1", "userName": "Known", "active": true, "emails": []any{object{"value": "known@hospital.example", "type": "work"}}}
	group := object{"id": "2", "displayName": "G", "members": []any{object{"value": "x"}}}
	f.Fuzz(func(t *testing.T, query string) {
		quick(t, "the filter", func() {
			for r, o := range map[*resource]object{users: user, groups: group} {
				keep, asked, err := parseFilter(r, query)
				var fault *scimFaulty
				if err != nil {
					if !errors.As(err, &fault) || fault.scimType != "invalidFilter" {
						t.Errorf("refused with %v, want invalidFilter", err)
					}
					continue
				}
				name := map[*resource]string{users: "userName", groups: "displayName"}[r]
				if keep(o) && asked.name != "" && !strings.EqualFold(asked.name, text(o, name)) {
					t.Errorf("lets %v through and asks the database for another name: %q", o, asked.name)
				}
				if keep(o) && asked.member != "" && asked.member != "x" {
					t.Errorf("lets %v through and asks the database for another member: %q", o, asked.member)
				}
			}
		})
	})
}

// FuzzScimPatch: any operations end in a refusal of the right kind, or in a resource that can be read as one; a user is
// then what the vault checks, and no list grows beyond what was sent.
func FuzzScimPatch(f *testing.F) {
	for _, seed := range []string{
		`{"op":"Replace","path":"active","value":"False"}`, `{"op":"add","value":{"name.givenName":"x","emails[type eq \"work\"].value":"y"}}`,
		`{"op":"remove","path":"emails[type eq \"work\"]"}`, `{"op":"Remove","path":"members","value":[{"value":"x"}]}`, `{"op":"add","path":"members","value":{"value":"y"}}`,
		`{"op":"replace","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":"True"}]}`, `{"op":"add","path":"emails[primary eq true].value","value":"c"}`,
		`{"op":"replace","path":"name","value":null}`, `{"op":"replace","path":"userName","value":[[["x"]]]}`, `{"op":"remove","path":"name.familyName"},{"op":"remove","path":"name"}`,
		`{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"displayName":"n"}}}`,
	} {
		f.Add(seed)
	}
	words := map[string]bool{"invalidSyntax": true, "invalidValue": true, "invalidPath": true, "noTarget": true, "mutability": true, "invalidFilter": true}
	f.Fuzz(func(t *testing.T, operations string) {
		var body object
		if json.Unmarshal([]byte(`{"schemas":["`+urnPatch+`"],"Operations":[`+operations+`]}`), &body) != nil {
			return
		}
		quick(t, "the patch", func() {
			for _, r := range []*resource{users, groups} {
				now := object{"schemas": []any{r.urn}, "id": "1", "userName": "known", "displayName": "G", "active": true,
					"emails": []any{object{"value": "known@hospital.example", "type": "work", "primary": true}}, "members": []any{object{"value": "x"}}}
				list, err := readPatch(body)
				if err == nil {
					err = r.patch(now, list)
				}
				var is object
				if err == nil {
					is, err = r.read(now)
				}
				var fault *scimFaulty
				if err != nil {
					if !errors.As(err, &fault) || !words[fault.scimType] {
						t.Errorf("refused with %v", err)
					}
					continue
				}
				if now["id"] != "1" {
					t.Errorf("the id became %v", now["id"])
				}
				primary := 0
				for _, m := range each(is, "emails") {
					if m["primary"] == true {
						primary++
					}
				}
				if primary > 1 && !strings.Contains(strings.ToLower(operations), "emails") {
					t.Errorf("%d primary addresses", primary)
				}
				if r == users {
					_, err = userOf(is, true)
				} else {
					var g vault.DirectoryGroup
					if g, err = groupOf(is); len(g.Members) > 1+len(operations) {
						t.Errorf("%d members of %d bytes", len(g.Members), len(operations))
					}
				}
				if err != nil && !errors.As(err, &fault) {
					t.Errorf("reading what the patch made: %v", err)
				}
			}
		})
	})
}
