package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestPeoplePages: in Chromium an administrator lets a directory in, says what its group means, finds a person among many,
// changes them, and puts them out with two steps; by keyboard where it counts, at both sizes, checked by axe.
func TestPeoplePages(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "admin", "/directory")
	b.until("the empty page", `document.readyState === 'complete' && document.body.innerText.includes('No directory may bring people in')`)
	b.look("directory-empty")
	b.run("letting a directory in", chromedp.SendKeys("#client-name", "Test directory\r", chromedp.ByQuery), chromedp.WaitVisible("#code[open] #code-value", chromedp.ByQuery))
	token := strings.TrimSpace(value[string](b, "reading the token", `document.getElementById('code-value').textContent`))
	b.look("directory-token")
	b.run("taking it", chromedp.Click("#code-done", chromedp.ByQuery))
	b.until("the directory in the list", `document.readyState === 'complete' && document.querySelector('[data-post$="/end"]')`)
	if left := value[string](b, "looking for the token", `document.documentElement.outerHTML`); strings.Contains(left, token) {
		t.Error("the token is still in the page")
	}
	members := fillDirectory(t, s, token)

	b.run("opening the groups", chromedp.Navigate(s.base+"/directory"))
	b.until("the group that came", `document.readyState === 'complete' && document.querySelector('button[data-group="Night shift"]')`)
	b.run("saying what it means", chromedp.Click(`button[data-group="Night shift"]`, chromedp.ByQuery), chromedp.Click(`#group input[value="reviewer"]`, chromedp.ByQuery),
		chromedp.Click(`#group button[type=submit]`, chromedp.ByQuery))
	b.until("what it means", `[...document.querySelectorAll('td')].some((td) => td.textContent === 'Reviewer')`)
	b.look("directory")

	b.run("opening people", chromedp.Navigate(s.base+"/people"))
	b.until("a page of people", `document.querySelectorAll('tbody tr').length === 50 && document.querySelector('a[href*="after="]')`)
	b.look("people")
	b.run("searching", chromedp.SendKeys("#q", "person 57\r", chromedp.ByQuery))
	b.until("the one", `document.readyState === 'complete' && document.querySelectorAll('tbody tr').length === 1 && document.querySelector('a[href="/people/test.person.57"]')`)
	b.run("opening the one", chromedp.SendKeys(`a[href="/people/test.person.57"]`, "\r", chromedp.ByQuery)) // by keyboard
	b.until("their page", `document.readyState === 'complete' && document.querySelector('h1')?.textContent === 'Test Person 57' && document.body.innerText.includes('From the directory')`)
	b.look("person")
	b.run("giving a role", chromedp.Click(`form[data-roles] input[value="records"]`, chromedp.ByQuery), chromedp.Click(`form[data-roles] button`, chromedp.ByQuery))
	b.until("both roles", `document.readyState === 'complete' && document.body.innerText.includes('Held now: Reviewer, Records')`)
	b.run("a wrong word first", chromedp.Click(`button[data-post$="/disable"]`, chromedp.ByQuery), chromedp.WaitVisible("#confirm[open] #confirm-typed", chromedp.ByQuery),
		chromedp.SendKeys("#confirm-typed", "somebody\r", chromedp.ByQuery))
	b.until("that it is not enough", `document.getElementById('confirm-error').textContent !== '' && document.getElementById('confirm').open`)
	b.look("person-put-out")
	b.run("putting out", chromedp.Evaluate(`document.getElementById('confirm-typed').value = ''`, nil), chromedp.SendKeys("#confirm-typed", "test.person.57\r", chromedp.ByQuery))
	b.until("that they are out", `document.querySelector('button[data-post$="/enable"]') && document.body.innerText.includes('Disabled')`)
	b.noFaults()

	var got struct {
		Active bool `json:"active"`
	}
	p := &person{s: s, token: token}
	p.must("PATCH", "/scim/v2/Users/"+members[57], map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []map[string]any{{"op": "replace", "path": "active", "value": true}}}, &got)
	if got.Active {
		t.Error("the directory lifted what an administrator did")
	}
}

// fillDirectory brings 60 people and a group of them in over SCIM, and answers their IDs.
func fillDirectory(t *testing.T, s *service, token string) []string {
	t.Helper()
	p := &person{s: s, token: token}
	var ids []string
	var members []map[string]string
	for i := range 60 {
		var user struct{ ID string }
		status := p.call("POST", "/scim/v2/Users", map[string]any{"userName": fmt.Sprintf("test.person.%d", i), "displayName": fmt.Sprintf("Test Person %d", i), "active": true}, &user)
		if status != http.StatusCreated {
			t.Fatalf("bringing person %d in: got %d, want 201", i, status)
		}
		ids, members = append(ids, user.ID), append(members, map[string]string{"value": user.ID})
	}
	p.must("POST", "/scim/v2/Groups", map[string]any{"displayName": "Night shift", "members": members}, nil)
	return ids
}

// TestScimCommands: an operator lets a directory in, sees it, and ends it.
func TestScimCommands(t *testing.T) {
	s := newService(t, nil)
	s.start()
	file := filepath.Join(t.TempDir(), "token")
	run := func(args ...string) string {
		t.Helper()
		out, err := runBinary(t, append(args, "--config", s.config)...)
		if err != nil {
			t.Fatalf("%v: %s", args, out)
		}
		return out
	}
	made := run("scim", "token", "--name", "Hospital", "--out", file)
	token := strings.TrimSpace(string(readFile(t, file)))
	if strings.Contains(made, token) || len(token) < 40 {
		t.Errorf("the token is %d characters, printed %v, want it in the file alone", len(token), strings.Contains(made, token))
	}
	if out, err := runBinary(t, "scim", "token", "--config", s.config, "--name", "Other", "--out", file); err == nil {
		t.Errorf("a token over another file: got %s, want it refused", out)
	}
	p := &person{s: s, token: token}
	p.must("GET", "/scim/v2/Users", nil, nil)
	listed := run("scim", "list")
	if !strings.Contains(listed, "Hospital") || !strings.Contains(listed, "last used") {
		t.Errorf("list: got %q, want the directory and when it was used", listed)
	}
	run("scim", "end", "--id", strings.Fields(listed)[0])
	if status := p.call("GET", "/scim/v2/Users", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("after its end: got %d, want 401", status)
	}
	run("user", "add", "--login", "locum.test", "--name", "Test Locum", "--role", "clinician")
	run("user", "roles", "--login", "locum.test", "--role", "clinician,reviewer")
	run("user", "terms", "--login", "locum.test", "--from", "2020-01-01", "--until", "2020-12-31")
	run("user", "disable", "--login", "locum.test")
	run("user", "enable", "--login", "locum.test")
	var found struct {
		People []struct {
			Login, State string
			Roles        []string
		}
	}
	s.signIn("admin").must("POST", "/api/v1/people/search", map[string]any{"q": "locum", "state": "", "role": "", "after": "", "limit": 0}, &found)
	if len(found.People) != 1 || found.People[0].State != "out" || len(found.People[0].Roles) != 2 {
		t.Errorf("the locum: got %+v, want two roles, outside their days", found.People)
	}
}
