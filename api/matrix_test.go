package api

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// stage is a hospital in one scene of vault/testdata/matrix.txt: who asks, by letter, and about what.
type stage struct {
	*bench
	token            map[string]string
	patient          vault.PatientID
	review, approved vault.PhotoID
	reviewer         vault.PersonID           // who holds the claim; empty: nobody
	links            map[vault.PhotoID]string // codes, made by the author
}

// company are the people of a stage before its scene is set.
type company struct {
	author, colleague, outsider, reviewer, second, records, privacy, admin vault.Actor
}

func newStage(t *testing.T, scene string) *stage {
	t.Helper()
	b := newBench(t)
	b.s.byToken = newLimiter(1e6, time.Second, time.Now) // who is slowed down is not told apart from who is refused
	p := company{author: b.Person(t, "author", clinician), colleague: b.Person(t, "colleague", clinician), outsider: b.Person(t, "outsider", clinician),
		reviewer: b.Person(t, "reviewer", reviewer), second: b.Person(t, "second", reviewer), records: b.Person(t, "records", records),
		privacy: b.Person(t, "privacy", privacy), admin: b.Person(t, "admin", admin)}
	s := &stage{bench: b, patient: b.Patient(t, p.author, p.colleague), links: map[vault.PhotoID]string{}}
	picture := vaulttest.Picture(t, 160, 120, 7)
	photo := func() vault.PhotoID {
		id := vault.PhotoID(b.Send(t, p.author, b.Capture(t, p.author, s.patient, picture)).PhotoID)
		b.Work(t)
		got, err := b.V.ClaimNext(t.Context(), p.reviewer)
		if err != nil || got == nil || got.ID != id {
			t.Fatalf("claiming: got %v, %v", got, err)
		}
		l, err := b.V.MakeLink(t.Context(), p.author, id)
		need(t, err)
		s.links[id] = l.Code
		return id
	}
	s.approved = photo()
	_, err := b.V.Approve(t.Context(), p.reviewer, s.approved, vault.Approval{Version: versionSeenBy(t, b, p.author, s.approved), Force: true,
		Regions: []vault.ApprovedRegion{{Kind: imaging.KindDrawn, Box: imaging.Box{X0: 40, Y0: 40, X1: 100, Y1: 90}}}})
	need(t, err)
	s.review = photo()
	c, r := s.set(t, scene, p)
	s.token = map[string]string{"c": b.signIn(t, c), "r": b.signIn(t, r)}
	for letter, login := range map[string]string{"d": "records", "p": "privacy", "a": "admin"} {
		s.token[letter] = b.signIn(t, login)
	}
	_, directory, err := b.V.AddProvisioner(t.Context(), vault.Operator(), "Test directory")
	need(t, err)
	s.token["s"] = directory.Reveal()
	return s
}

func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func versionSeenBy(t *testing.T, b *bench, a vault.Actor, id vault.PhotoID) int64 {
	t.Helper()
	p, err := b.V.PhotoByID(t.Context(), a, id)
	need(t, err)
	return p.Version
}

// set brings the scene about and gives the logins of its clinician and its reviewer.
func (s *stage) set(t *testing.T, scene string, p company) (c, r string) {
	t.Helper()
	ctx := t.Context()
	switch scene {
	case "own":
		s.reviewer = p.reviewer.Person()
		return "colleague", "reviewer"
	case "team":
		now := s.Clock.Now().UnixMilli() - 1
		s.Exec(t, `INSERT INTO teams (id, name, created_at) VALUES ('TEAM', 'Ward 3', $1)`, now)
		s.Exec(t, `INSERT INTO team_members (team, person, source, started_at) VALUES ('TEAM', $1, 'local', $2)`, string(p.outsider.Person()), now)
		s.Exec(t, `INSERT INTO team_patients (id, team, patient, source, started_at) VALUES ('TP', 'TEAM', $1, 'local', $2)`, string(s.patient), now)
		return "outsider", "second"
	case "other":
		return "outsider", "second"
	case "left":
		need(t, s.V.LeaveCareTeam(ctx, vault.Operator(), s.patient, p.colleague.Person()))
		s.Clock.Add(time.Second)
		return "colleague", "second"
	case "glass":
		_, err := s.V.BreakGlass(ctx, p.outsider, vault.Emergency{RecordNumber: "TEST-000001", BirthDate: "1970-01-01", Reason: "nobody of the team here"})
		need(t, err)
		return "outsider", "second"
	case "withdrawn":
		for _, id := range []vault.PhotoID{s.review, s.approved} {
			_, err := s.V.ChangeConsent(ctx, p.colleague, id, vault.ConsentChange{Purpose: "record", How: "verbal"})
			need(t, err)
		}
		return "colleague", "reviewer"
	case "erased":
		id, err := s.V.AskErasure(ctx, p.records, s.patient, "", "request of the patient")
		need(t, err)
		need(t, s.V.SignErasure(ctx, p.privacy, id))
		return "colleague", "reviewer"
	}
	t.Fatalf("no scene %q", scene)
	return "", ""
}

// matrixScenes are the columns of the table.
var matrixScenes = []string{"own", "team", "other", "left", "glass", "withdrawn", "erased"}

// routeLine is one line of the table.
type routeLine struct {
	name, method, path, kind string // kind of rendition, where the path has one
	approved                 bool
	cells                    []string // one, or one for each scene; none: not run
}

func readMatrix(t *testing.T, section string) (lines []routeLine) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "vault", "testdata", "matrix.txt"))
	need(t, err)
	in := ""
	for _, line := range strings.Split(string(text), "\n") {
		if head, is := strings.CutPrefix(line, "## "); is {
			in = head
		}
		if in != section || line == "" || strings.HasPrefix(line, "#") || !strings.Contains(line, "|") {
			continue
		}
		parts := strings.Split(line, "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		l := routeLine{name: parts[0], cells: parts[1:]}
		rest, approved := strings.CutSuffix(parts[0], ", approved")
		words := strings.Fields(rest)
		l.method, l.path, l.approved = words[0], words[1], approved
		if len(words) == 3 {
			l.kind = words[2]
		}
		if strings.HasPrefix(l.cells[0], "not run: ") {
			l.cells = nil
		} else if len(l.cells) != 1 && len(l.cells) != len(matrixScenes) {
			t.Fatalf("matrix line %q has %d cells, want 1 or %d", l.name, len(l.cells), len(matrixScenes))
		}
		lines = append(lines, l)
	}
	return lines
}

// address fills the pattern with the scene's own IDs, where the line tells scenes apart, and with nobody's elsewhere.
func (s *stage) address(l routeLine) string {
	photo := s.review
	if l.approved {
		photo = s.approved
	}
	path := strings.NewReplacer("/photos/{id}", "/photos/"+string(photo), "/patients/{id}", "/patients/"+string(s.patient),
		"{kind}", l.kind, "{code}", s.links[photo]).Replace(l.path)
	return example(path)
}

// let sends the line's request as somebody and says whether they got through.
func (s *stage) let(t *testing.T, l routeLine, token string) bool {
	t.Helper()
	if s.reviewer != "" { // an earlier line may have given the claim back
		s.Exec(t, `UPDATE photos SET claimed_by = $1, claimed_until = $2 WHERE id = $3`, string(s.reviewer), s.Clock.Now().Add(time.Hour).UnixMilli(), string(s.review))
	}
	rt := route{method: l.method}
	if i := slices.IndexFunc(routes, func(rt route) bool { return rt.method == l.method && rt.path == l.path }); i >= 0 {
		rt = routes[i]
	}
	got := s.try(t, rt, s.address(l), token)
	switch got.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests: // the last: strangers are slowed down, too
		return false
	case http.StatusSeeOther:
		return !strings.HasPrefix(got.Header.Get("Location"), "/sign-in")
	case http.StatusNotFound, http.StatusConflict:
		return len(l.cells) == 1
	case http.StatusBadRequest, http.StatusInternalServerError:
		t.Errorf("%s: got %d %.150s", l.name, got.StatusCode, got.body)
	}
	return true
}

// TestMatrix sends every route as everybody in every scene and compares with the table; the links too.
func TestMatrix(t *testing.T) {
	lines := slices.Concat(readMatrix(t, "routes"), readMatrix(t, "links"))
	letters := []string{"c", "r", "d", "p", "a", "s"}
	for i, scene := range matrixScenes {
		t.Run(scene, func(t *testing.T) {
			s := newStage(t, scene)
			for _, l := range lines {
				if len(l.cells) == 0 || len(l.cells) == 1 && i > 0 {
					continue
				}
				var let []string
				for _, letter := range letters {
					if s.let(t, l, s.token[letter]) {
						let = append(let, letter)
					}
				}
				want := l.cells[min(i, len(l.cells)-1)]
				if got := strings.Join(let, " "); got != want && (got != "" || want != "-") {
					t.Errorf("%s, %s: lets through %q, the table says %q", l.name, scene, got, want)
				}
				if s.let(t, l, "") || s.let(t, l, strings.Repeat("A", 43)) {
					t.Errorf("%s, %s: lets a stranger through", l.name, scene)
				}
			}
			if i == 0 {
				s.leavers(t, lines)
			}
		})
	}
}

// leavers disables everybody, whose tokens then open nothing.
func (s *stage) leavers(t *testing.T, lines []routeLine) {
	t.Helper()
	s.Exec(t, `UPDATE people SET disabled_at = 1`)
	for _, l := range lines {
		for _, letter := range []string{"c", "r", "d", "p", "a"} {
			if len(l.cells) > 0 && s.let(t, l, s.token[letter]) {
				t.Errorf("%s: lets %s through after leaving", l.name, letter)
			}
		}
	}
}

// TestMatrixIsWhole: every route has a line, and every line a route.
func TestMatrixIsWhole(t *testing.T) {
	known := map[string]bool{}
	for _, l := range readMatrix(t, "routes") {
		known[l.method+" "+l.path] = true
	}
	for _, rt := range routes {
		name := rt.method + " " + rt.path
		if !known[name] {
			t.Errorf("%s has no line in vault/testdata/matrix.txt", name)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("vault/testdata/matrix.txt has a line for %s, which is not served", name)
	}
}
