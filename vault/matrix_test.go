package vault_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// matrixScenes are the columns of testdata/matrix.txt, in its order: how the clinician stands to the patient, or what
// became of the photos. Only in the first, and until consent is withdrawn, does the reviewer hold the claim.
var matrixScenes = []struct {
	name string
	set  func(w *world, s *scene) (clinician, reviewer vault.Actor)
}{
	{"own", func(w *world, _ *scene) (c, r vault.Actor) { return w.colleague, w.reviewer }},
	{"team", func(w *world, _ *scene) (c, r vault.Actor) {
		w.inTeam(w.outsider, w.patient)
		return w.outsider, w.second
	}},
	{"other", func(w *world, _ *scene) (c, r vault.Actor) { return w.outsider, w.second }},
	{"left", func(w *world, _ *scene) (c, r vault.Actor) {
		ok(w.t, w.V.LeaveCareTeam(w.t.Context(), vault.Operator(), w.patient, w.colleague.Person()))
		w.Clock.Add(time.Second)
		return w.colleague, w.second
	}},
	{"glass", func(w *world, _ *scene) (c, r vault.Actor) {
		must(w.V.BreakGlass(w.t.Context(), w.outsider, emergency("TEST-000001")))(w.t)
		return w.outsider, w.second
	}},
	{"withdrawn", func(w *world, s *scene) (c, r vault.Actor) {
		for _, id := range []vault.PhotoID{s.review, s.approved} {
			must(w.V.ChangeConsent(w.t.Context(), w.colleague, id, vault.ConsentChange{Purpose: "record", How: "verbal"}))(w.t)
		}
		return w.colleague, w.reviewer
	}},
	{"erased", func(w *world, s *scene) (c, r vault.Actor) {
		id := must(w.V.AskErasure(w.t.Context(), w.records, w.patient, "", "request of the patient"))(w.t)
		ok(w.t, w.V.SignErasure(w.t.Context(), w.privacy, id))
		return w.colleague, w.reviewer
	}},
}

// matrixLine is one line of a section of the table: for each scene, who is let through.
type matrixLine struct {
	name   string
	cells  []string // one for each scene
	alike  bool     // the same in every scene
	reason string   // why it is not run; empty otherwise
}

// readMatrix reads a section of the table. A line with one cell says the same for every scene.
func readMatrix(t testing.TB, section string) (lines []matrixLine) {
	t.Helper()
	text, err := os.ReadFile("testdata/matrix.txt")
	ok(t, err)
	in := ""
	for n, line := range strings.Split(string(text), "\n") {
		if head, is := strings.CutPrefix(line, "## "); is {
			in = head
		}
		if in != section || line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		l := matrixLine{name: parts[0], cells: parts[1:]}
		reason, skip := "", false
		if len(parts) == 2 {
			reason, skip = strings.CutPrefix(parts[1], "not run: ")
			l.cells, l.alike = slices.Repeat(parts[1:], len(matrixScenes)), true
		}
		if skip {
			l.cells, l.reason = nil, reason
		} else if len(l.cells) != len(matrixScenes) {
			t.Fatalf("matrix line %d has %d cells, want 1 or %d", n+1, len(l.cells), len(matrixScenes))
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		t.Fatalf("the matrix has no section %q", section)
	}
	return lines
}

// matrixCalls are the operations by the names of the table: the method, its second operation as "(2)", and with
// "approved" the same call about the approved photo instead of the one in review.
func matrixCalls() map[string]operation {
	out := map[string]operation{}
	for _, op := range operations {
		name := op.method
		for n := 2; out[name].method != ""; n++ {
			name = fmt.Sprintf("%s (%d)", op.method, n)
		}
		out[name] = op
	}
	return out
}

// onDevice is an actor as whom an approved device acts for a clinician.
func onDevice(w *world, login string) vault.Actor {
	w.t.Helper()
	token, der := w.OnDevice(w.t, login, w.admin, vaulttest.NewDevice(w.t))
	cert, err := x509.ParseCertificate(der)
	ok(w.t, err)
	return must(w.V.AuthenticateDevice(w.t.Context(), cert, token))(w.t)
}

// TestMatrix runs every method of the vault as everybody, in every scene, and compares with the table. "Let through" is
// an answer, or a complaint about the request itself; where a line tells scenes apart, a conflict with what is erased is a
// refusal too.
func TestMatrix(t *testing.T) {
	lines := readMatrix(t, "methods")
	calls := matrixCalls()
	for i, sc := range matrixScenes {
		t.Run(sc.name, func(t *testing.T) {
			w := newWorld(t)
			s := newScene(w)
			c, r := sc.set(w, &s)
			login := map[vault.PersonID]string{w.colleague.Person(): "colleague", w.outsider.Person(): "outsider"}[c.Person()]
			device := onDevice(w, login)
			s.request = func(a vault.Actor) vault.AcceptRequest {
				by := a
				if a.Person() == "" || a.Person() == c.Person() { // a device reads no key by itself
					by = c
				}
				q := w.Capture(t, by, w.patient, w.picture).Request()
				_, err := q.Body.(*bytes.Reader).Seek(0, 0)
				ok(t, err)
				return q
			}
			actors := []struct {
				letter string
				actor  vault.Actor
			}{{"c", c}, {"r", r}, {"d", w.records}, {"p", w.privacy}, {"a", w.admin}, {"j", vault.JobActor("test")},
				{"o", vault.Operator()}, {"s", w.directory}, {"f", vault.FeedActor("test")}, {"v", device}}
			for _, line := range lines {
				if line.reason != "" {
					continue
				}
				name, approved := strings.CutSuffix(line.name, ", approved")
				op, about := calls[name], s
				if approved {
					about.review = s.approved
				}
				var let []string
				for _, who := range actors {
					err := op.call(t.Context(), about, who.actor)
					gone := sc.name == "erased" && !line.alike && errors.Is(err, vault.ErrConflict)
					if !refused(err) && !gone {
						let = append(let, who.letter)
					}
				}
				if got := cell(let); got != line.cells[i] {
					t.Errorf("%s, %s: lets through %q, the table says %q", line.name, sc.name, got, line.cells[i])
				}
			}
			if err := op0(w, c); !errors.Is(err, vault.ErrUnauthenticated) {
				t.Errorf("who was disabled: got %v, want not signed in", err)
			}
		})
	}
}

// op0 disables the clinician and has them list their patients.
func op0(w *world, c vault.Actor) error {
	w.change(`UPDATE people SET disabled_at = 1 WHERE id = $1`, string(c.Person()))
	_, err := w.V.FindPatients(w.t.Context(), c, "")
	return err
}

func cell(letters []string) string {
	if len(letters) == 0 {
		return "-"
	}
	return strings.Join(letters, " ")
}

// TestMatrixIsWhole: every method of the vault has a line, and every line a method.
func TestMatrixIsWhole(t *testing.T) {
	known := map[string]bool{}
	calls := matrixCalls()
	for _, line := range readMatrix(t, "methods") {
		name, _ := strings.CutSuffix(line.name, ", approved")
		op, is := calls[name]
		if line.reason == "" && (!is || op.call == nil) {
			t.Errorf("matrix line %q: there is no such call", line.name)
		}
		method, _, _ := strings.Cut(name, " (")
		known[method] = true
	}
	for name := range calls {
		if !slices.ContainsFunc(readMatrix(t, "methods"), func(l matrixLine) bool { return l.name == name }) {
			t.Errorf("call %q has no line in the matrix", name)
		}
	}
	v := reflect.TypeFor[*vault.Vault]()
	for i := range v.NumMethod() {
		name := v.Method(i).Name
		if !known[name] && !slices.Contains(actorless, name) {
			t.Errorf("Vault.%s has no line in the matrix", name)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("the matrix has a line for %s, which Vault does not have", name)
	}
}
