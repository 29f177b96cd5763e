package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// ward is a vault with one patient who has a photo in every state.
type ward struct {
	*bench
	patient vault.PatientID
	photo   map[string]vault.PhotoID // by state
}

// actorOf is who the token of a role stands for.
func (b *bench) actorOf(t *testing.T, role vault.Role) vault.Actor {
	t.Helper()
	a, err := b.V.Authenticate(t.Context(), b.as(t, role))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const wardNote = "Note <b>with</b> marks"

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{bench: newBench(t), photo: map[string]vault.PhotoID{}}
	doctor, reviewer := w.actorOf(t, vault.RoleClinician), w.actorOf(t, vault.RoleReviewer)
	w.patient = w.Patient(t, doctor)
	uncovered := func(id vault.PhotoID) {
		if _, err := w.V.Reveal(t.Context(), doctor, id, "comparing <scars>"); err != nil {
			t.Fatal(err)
		}
	}
	send := func(picture []byte) vault.PhotoID {
		sent := w.Send(t, doctor, w.Capture(t, doctor, w.patient, picture, func(f *seal.CaptureFacts) { f.Note = wardNote }))
		w.Work(t)
		return vault.PhotoID(sent.PhotoID)
	}
	claim := func() *vault.Photo {
		next, err := w.V.ClaimNext(t.Context(), reviewer)
		if err != nil || next == nil {
			t.Fatalf("claiming: got %v, %v", next, err)
		}
		return next
	}
	w.photo[vault.StateQuarantined] = send([]byte("this is no picture at all"))
	w.photo[vault.StateApproved] = send(vaulttest.Picture(t, 320, 240, 1))
	next := claim()
	box := imaging.Box{X0: 16, Y0: 16, X1: 80, Y1: 80}
	if _, err := w.V.Approve(t.Context(), reviewer, next.ID, vault.Approval{
		Version: next.Version, Regions: []vault.ApprovedRegion{{Kind: imaging.KindDrawn, Box: box}}, Force: true,
	}); err != nil {
		t.Fatal(err)
	}
	w.photo[vault.StateRejected] = send(vaulttest.Picture(t, 320, 240, 2))
	next = claim()
	if err := w.V.Reject(t.Context(), reviewer, next.ID, next.Version, "Out of focus"); err != nil {
		t.Fatal(err)
	}
	w.photo[vault.StateInReview] = send(vaulttest.Picture(t, 320, 240, 3))
	uncovered(w.photo[vault.StateInReview])
	sent := w.Send(t, doctor, w.Capture(t, doctor, w.patient, vaulttest.Picture(t, 320, 240, 4)))
	w.photo[vault.StateAccepted] = vault.PhotoID(sent.PhotoID)
	return w
}

func (b *bench) page(t *testing.T, token, path string) *reply {
	t.Helper()
	return b.send(t, request{method: "GET", path: path, token: token, header: map[string]string{"Accept": "text/html"}})
}

var (
	tag      = regexp.MustCompile(`<[a-zA-Z][^>]*>`)
	inline   = regexp.MustCompile(`(?i)\son[a-z]+\s*=|\sstyle\s*=|javascript:|\scapture[\s=>]|type="file"|<style`)
	script   = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	goodSrc  = regexp.MustCompile(`src="/static/[0-9a-f]{20}/[a-z/-]+\.js"`)
	pageRefs = regexp.MustCompile(`(?:href|src)="(/static/[^"]+|/api/[^"]+)"`)
)

// sound checks what every page must be: whole, for nobody's cache, named, without anything inline.
func (r *reply) sound(t *testing.T, status int) string {
	t.Helper()
	text := string(r.body)
	if r.StatusCode != status || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%s: got %d %q %.200q, want a page with %d", r.what, r.StatusCode, r.Header.Get("Content-Type"), text, status)
	}
	if r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: Cache-Control is %q, want no-store", r.what, r.Header.Get("Cache-Control"))
	}
	for _, want := range []string{`<html lang="en"`, "<h1", `<main id="main"`, `class="skip"`, "<noscript>", "</html>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: has no %s", r.what, want)
		}
	}
	for _, found := range tag.FindAllString(text, -1) {
		if bad := inline.FindString(found); bad != "" {
			t.Errorf("%s: %q in %s", r.what, bad, found)
		}
	}
	for _, m := range script.FindAllStringSubmatch(text, -1) {
		if strings.TrimSpace(m[2]) != "" || !goodSrc.MatchString(m[1]) || !strings.Contains(m[1], `type="module"`) {
			t.Errorf("%s: script %q", r.what, m[0])
		}
	}
	return text
}

// Every page, for the role it is for, with real data in it; and what it must and must not say.
func TestPagesShowWhatIsThere(t *testing.T) {
	w := newWard(t)
	id := func(state string) string { return string(w.photo[state]) }
	patient := string(w.patient)
	for _, c := range []struct {
		name, path string
		role       vault.Role
		has, lacks []string
	}{
		{"sent photos", "/captures", clinician, []string{
			"Being prepared", "Waiting for review", "Approved", "Rejected", "Could not be used", "ake the photo again. Nothing of it entered the record.", `href="/capture#patient=` + patient + `">Take it again`,
			"A reviewer rejected it: Out of focus.", "Synthetic Patient", id(vault.StateInReview) + "/renditions/covered_thumb", "covered here is only proposed",
			id(vault.StateApproved) + "/renditions/redacted_thumb",
		}, []string{id(vault.StateApproved) + "/renditions/covered", "/renditions/display", "/renditions/original", id(vault.StateQuarantined) + "/renditions"}},
		{"patients", "/patients", clinician, []string{"Synthetic Patient 1", "TEST-000001", "born 1 Jan 1970", "/patients/" + patient}, []string{"1970-01-01"}},
		{"patient", "/patients/" + patient, clinician, []string{"Synthetic Patient 1", "covered_thumb", "redacted_thumb", `href="/capture#patient=` + patient + `"`}, []string{"/renditions/thumb", "/original"}},
		{"photo in review", "/photos/" + id(vault.StateInReview), clinician, []string{"covered_display", "Uncover with a reason", "Note &lt;b&gt;with&lt;/b&gt; marks"}, []string{"<b>with", "/renditions/display", "redacted"}},
		{"photo approved", "/photos/" + id(vault.StateApproved), clinician, []string{"redacted_display"}, []string{"covered_display"}},
		{"photo quarantined", "/photos/" + id(vault.StateQuarantined), clinician, []string{"could not be used"}, []string{"/renditions/", "Uncover"}},
		{"photo for records", "/photos/" + id(vault.StateApproved), records, []string{"redacted_display"}, []string{"Uncover", "Note &lt;b"}},
		{"review", "/review", reviewer, []string{"1 photo waiting", `data-room="dark"`, "That is a warning, not an all-clear", `id="picture"`}, []string{"Synthetic Patient", "TEST-000001"}},
		{"records", "/records", records, []string{"Synthetic Patient 1", "TEST-000001", id(vault.StateApproved), "Attach to the chart"}, []string{id(vault.StateInReview), id(vault.StateRejected)}},
		{"records of one", "/records/" + patient, records, []string{"All patients", `data-patient="` + patient + `"`, id(vault.StateApproved)}, nil},
		{"audit", "/audit", privacy, []string{"Demo only-clinician sent a sealed photo", "approved a photo", "Verify now", "verify-audit FILE", "Demo only-reviewer signed in", "saw a photo uncovered", "Reason given: “comparing &lt;scars&gt;”"}, []string{"Out of focus", "Note &lt;b", "<scars>"}},
		{"audit of a patient", "/audit?patient=" + patient, privacy, []string{"About Synthetic Patient 1, number TEST-000001", "patient (pseudonym)"}, nil},
		{"audit of a person", "/audit?person=" + string(w.actorOf(t, clinician).Person()), privacy, []string{"By Demo only-clinician", "selected"}, []string{"approved a photo"}},
		{"audit, later page", "/audit?before=5", privacy, []string{"Raw entry 4"}, []string{"Raw entry 5"}},
		{"people", "/people", admin, []string{`href="/people/only-reviewer"`, "Privacy officer", "(you)", "Groups and directories"}, []string{"Synthetic Patient"}},
		{"people, nobody fits", "/people?q=nobody-like-that", admin, []string{"Nobody fits"}, []string{"only-reviewer"}},
		{"one person", "/people/only-reviewer", admin, []string{"/api/v1/people/only-reviewer/disable", "/api/v1/people/only-reviewer/reset", `value="reviewer" checked`, `data-sure-type="only-reviewer"`}, []string{"Let in again", "Synthetic Patient"}},
		{"oneself", "/people/only-admin", admin, []string{"You cannot give yourself a role", "your account page"}, []string{"/api/v1/people/only-admin/disable", "/api/v1/people/only-admin/reset"}},
		{"groups and directories", "/directory", admin, []string{"No group is known yet", "No directory may bring people in", "/scim/v2"}, []string{"Synthetic Patient"}},
		{"detection", "/detection", admin, []string{"1 approved photo since April 2025", "March 2026", "1 drawn", "Other", "How to read this"}, []string{"Synthetic Patient", "Nothing to count", "TEST-"}},
		{"health", "/health", admin, []string{"Database", "Photos in review", "None is open", "never checked", "version 1 wraps", "None is configured", "In use", "None. Work that fails"}, []string{"Synthetic Patient"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := w.page(t, w.as(t, c.role), c.path).sound(t, http.StatusOK)
			for _, want := range c.has {
				if !strings.Contains(text, want) {
					t.Errorf("%s: does not say %q", c.path, want)
				}
			}
			for _, not := range c.lacks {
				if strings.Contains(text, not) {
					t.Errorf("%s: says %q", c.path, not)
				}
			}
			for _, m := range pageRefs.FindAllStringSubmatch(text, -1) {
				if got := w.get(t, w.as(t, c.role), m[1]); got.StatusCode != http.StatusOK {
					t.Errorf("%s: refers to %s, which answers %d", c.path, m[1], got.StatusCode)
				}
			}
		})
	}
}

func TestCapturePageWithAndWithoutSealing(t *testing.T) {
	b := newBench(t)
	text := string(b.page(t, b.as(t, clinician), "/capture").body)
	if sealing := b.s.web.HasSealing(); sealing != strings.Contains(text, "pages/capture.js") || sealing == strings.Contains(text, "no sealing module") {
		t.Errorf("with sealing %v the page is %.400q", sealing, text)
	}
	if b.s.web.HasSealing() && (!strings.Contains(text, `value="hand" data-sided="true"`) || !strings.Contains(text, "For the patient: the picture is sealed")) {
		t.Error("the page lacks the body sites or the sentence to the patient")
	}
}

// A page is refused to every role it is not for, with a page that says so, and to a stranger with the sign-in page.
func TestPagesRefuseOtherRoles(t *testing.T) {
	w := newWard(t)
	photo, patient := string(w.photo[vault.StateInReview]), string(w.patient)
	for path, may := range map[string][]vault.Role{
		"/captures": {clinician}, "/patients": {clinician}, "/patients/" + patient: {clinician},
		"/photos/" + photo: {clinician}, "/review": {reviewer}, "/records": {records}, "/audit": {privacy},
		"/photos/" + photo + "/consent": {clinician, privacy}, "/erasures": {records, privacy}, "/holds": {records, privacy},
		"/erasures?patient=" + patient: {records, privacy}, "/recalls": {records, privacy}, "/retention": {records, privacy},
		"/audit?patient=" + patient: {privacy}, "/people": {admin}, "/people/only-records": {admin}, "/directory": {admin}, "/health": {admin}, "/detection": {admin},
	} {
		for _, role := range vault.Roles() {
			got := w.page(t, w.as(t, role), path)
			allowed := false
			for _, r := range may {
				allowed = allowed || r == role
			}
			if allowed {
				got.sound(t, http.StatusOK)
				continue
			}
			if got.StatusCode != http.StatusForbidden && got.StatusCode != http.StatusNotFound {
				t.Errorf("%s as %s: got %d, want 403 or 404", path, role, got.StatusCode)
				continue
			}
			if text := got.sound(t, got.StatusCode); strings.Contains(text, "Synthetic") || strings.Contains(text, "TEST-0") {
				t.Errorf("%s as %s: the refusal names the patient", path, role)
			}
		}
		got := w.page(t, "", path)
		if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/sign-in?next=%2F") {
			t.Errorf("%s as a stranger: got %d to %q", path, got.StatusCode, got.Header.Get("Location"))
		}
	}
}

func TestStartLeadsToTheWork(t *testing.T) {
	b := newBench(t)
	for role, want := range map[vault.Role]string{clinician: "/capture", reviewer: "/review", records: "/records", privacy: "/audit", admin: "/people"} {
		got := b.page(t, b.as(t, role), "/")
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want {
			t.Errorf("/ as %s: got %d to %q, want %q", role, got.StatusCode, got.Header.Get("Location"), want)
		}
	}
	if got := b.page(t, "", "/"); got.Header.Get("Location") != "/sign-in" {
		t.Errorf("/ as a stranger: got %q, want /sign-in", got.Header.Get("Location"))
	}
}

func TestSignInPage(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ name, query, next string }{
		{"plain", "", "/"}, {"with a way back", "?next=%2Fcaptures", "/captures"}, {"another site", "?next=%2F%2Fevil.test", "/"},
		{"backslash", `?next=%2F%5Cevil.test`, "/"}, {"scheme", "?next=https%3A%2F%2Fevil.test", "/"}, {"tab", "?next=%2F%09%2Fevil.test", "/"},
		{"itself", "?next=%2Fsign-in", "/"}, {"quote", `?next=%2Fa%22onload%3D`, `/a&#34;onload=`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := b.page(t, "", "/sign-in"+c.query).sound(t, http.StatusOK)
			if !strings.Contains(text, `data-next="`+c.next+`"`) {
				t.Errorf("%s: page does not lead to %s", c.query, c.next)
			}
			if strings.Contains(text, "Your session has ended") {
				t.Error("a first visit is told that a session ended")
			}
		})
	}
	expired := b.send(t, request{method: "GET", path: "/sign-in", header: map[string]string{"Cookie": cookieName + "=gone"}})
	if !strings.Contains(string(expired.body), "Your session has ended") {
		t.Error("an ended session is not said")
	}
	if got := b.page(t, b.as(t, admin), "/sign-in?next=%2Fhealth"); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/health" {
		t.Errorf("signed in already: got %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
}

func TestSignOutPageEndsTheSession(t *testing.T) {
	b := newBench(t)
	token := b.as(t, admin)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	late := b.send(t, request{method: "POST", path: "/sign-out", token: token, header: form, body: strings.NewReader("person=SOMEBODYELSE")})
	if late.StatusCode != http.StatusNoContent || late.Header.Get("Set-Cookie") != "" {
		t.Errorf("a sign-out of somebody else: got %d with cookie %q, want 204 and none", late.StatusCode, late.Header.Get("Set-Cookie"))
	}
	if still := b.page(t, token, "/health"); still.StatusCode != http.StatusOK {
		t.Errorf("somebody else's sign-out ended the session: got %d", still.StatusCode)
	}
	got := b.send(t, request{method: "POST", path: "/sign-out", token: token})
	cookie := got.Header.Get("Set-Cookie")
	if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(cookie, cookieName+"=;") || !strings.Contains(cookie, "Max-Age=0") {
		t.Errorf("got %d with cookie %q", got.StatusCode, cookie)
	}
	if again := b.page(t, token, "/health"); again.StatusCode != http.StatusSeeOther {
		t.Errorf("the session lives on: got %d", again.StatusCode)
	}
}

func TestErrorPages(t *testing.T) {
	b := newBench(t)
	token := b.as(t, privacy)
	for _, c := range []struct {
		name, path string
		status     int
		has        string
	}{
		{"no such address", "/nothing", 404, "There is nothing at this address."},
		{"an ID nobody has", "/audit?patient=AAAAAAAAAAAAAAAAAAAAAAAAAA", 404, "not yours to see"},
		{"both filters", "/audit?patient=A&person=B", 422, "not for both"},
		{"page that is no number", "/audit?before=x", 422, "not a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.page(t, token, c.path)
			text := got.sound(t, c.status)
			if !strings.Contains(text, c.has) || !strings.Contains(text, got.Header.Get("X-Request-Id")) {
				t.Errorf("%s: got %.400q, want %q and the request ID", c.path, text, c.has)
			}
		})
	}
}

// Every act that the vault can write has a sentence here, and no sentence is for an act that does not exist.
func TestEveryActHasASentence(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../vault/access.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	acts := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "act" && len(spec.Values) == 1 {
			if text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value); err == nil {
				acts[text] = true
			}
		}
		return true
	})
	if len(acts) < 40 {
		t.Fatalf("found %d acts, want at least 40", len(acts))
	}
	for act := range acts {
		if deeds[act] == "" {
			t.Errorf("act %s has no sentence", act)
		}
	}
	for act := range deeds {
		if !acts[act] {
			t.Errorf("sentence for %s, which is no act", act)
		}
	}
}

func TestEventSentences(t *testing.T) {
	names := map[string]string{"P1": "Demo Doctor"}
	for _, c := range []struct {
		name  string
		event vault.Event
		want  string
	}{
		{"named", vault.Event{Actor: "person:P9", ActorName: "Demo Nurse", Act: "session.sign_out"}, "Demo Nurse signed out."},
		{"by the list", vault.Event{Actor: "person:P1", Act: "audit.verify"}, "Demo Doctor verified the log."},
		{"wrong password", vault.Event{Actor: "person:P1", Act: "session.sign_in_failed"}, "Somebody tried to sign in as Demo Doctor, with a wrong password."},
		{"wrong login", vault.Event{Actor: "stranger", Act: "session.sign_in_failed"}, "Somebody tried to sign in with a login that nobody has."},
		{"job", vault.Event{Actor: "job:worker", Act: "photo.ingest", Photo: "ABCDEFGHIJ"}, "The vault itself (worker) prepared a photo for review (photo ABCDEFGH)."},
		{"unknown act", vault.Event{Actor: "operator", Act: "new.act"}, "The operator of the machine did “new.act”."},
	} {
		if got := (eventView{c.event, names}).Sentence(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if (eventView{vault.Event{Outcome: "refused"}, nil}).Refusal() == "" || (eventView{vault.Event{Outcome: "ok"}, nil}).Refusal() != "" {
		t.Error("refusals are not told from successes")
	}
}

func TestChartTags(t *testing.T) {
	with := func(states ...string) chartPhoto {
		var p vault.Photo
		for _, s := range states {
			p.Attachments = append(p.Attachments, vault.Attachment{State: s})
		}
		return chartPhoto{photoView{Photo: p}}
	}
	for _, c := range []struct {
		states []string
		want   string
	}{
		{nil, "open"}, {[]string{"attached", "attached"}, "attached"}, {[]string{"attached", "failed"}, "failed open"}, {[]string{"pending"}, "pending open"},
	} {
		if got := with(c.states...).Tags(); got != c.want {
			t.Errorf("%v: got %q, want %q", c.states, got, c.want)
		}
	}
	again := with("attached")
	again.Version, again.Attachments[0].Version = 5, 3
	if got := again.Tags(); got != "open" || again.Requested() {
		t.Errorf("approved again: got %q, requested %v; want it to be open", got, again.Requested())
	}
}
