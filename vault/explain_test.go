package vault_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestExplainSaysWhy in sentences that a privacy officer can use.
func TestExplainSaysWhy(t *testing.T) {
	w := newWorld(t)
	photo := w.inReview()
	w.claim(w.reviewer, photo)
	for name, tt := range map[string]struct {
		login, act string
		about      vault.Question
		allowed    bool
		says       string
	}{
		"of the team":          {"colleague", "photo.see_covered", vault.Question{Photo: photo}, true, "named for this patient"},
		"of another team":      {"outsider", "photo.see_covered", vault.Question{Photo: photo}, false, "no tie to this patient"},
		"another role":         {"admin", "photo.read", vault.Question{Photo: photo}, false, "They hold administrator; this is for: clinician, reviewer, records."},
		"who claimed it":       {"reviewer", "photo.see_original", vault.Question{Photo: photo}, true, "the photo they have claimed"},
		"who did not claim it": {"second", "photo.see_original", vault.Question{Photo: photo}, false, "have not claimed"},
		"not approved":         {"records", "chart.attach", vault.Question{Photo: photo}, false, "The photo is not approved."},
		"released too early":   {"colleague", "photo.see_redacted", vault.Question{Photo: photo}, false, "in state in_review"},
		"by record number":     {"colleague", "patient.read", vault.Question{Patient: "TEST-000001"}, true, "named for this patient"},
	} {
		q := tt.about
		q.Login, q.Act = tt.login, tt.act
		e := must(w.V.Explain(t.Context(), w.privacy, q))(t)
		said := strings.Join(append(slices.Clone(e.Why), e.Missing...), " ")
		if e.Allowed != tt.allowed || !strings.Contains(said, tt.says) {
			t.Errorf("%s: got allowed %v, %q; want %v and %q", name, e.Allowed, said, tt.allowed, tt.says)
		}
	}
	w.change(`UPDATE people SET valid_until = 1 WHERE login = 'colleague'`)
	e := must(w.V.Explain(t.Context(), w.privacy, vault.Question{Login: "colleague", Photo: photo, Act: "photo.read"}))(t)
	if e.Allowed || !strings.Contains(strings.Join(e.Missing, " "), "time here ended") {
		t.Errorf("whose time is over: got allowed %v, %q", e.Allowed, e.Missing)
	}
	for name, q := range map[string]vault.Question{"nobody": {Login: "nobody", Act: "photo.read"}, "no patient": {Login: "author", Patient: "none", Act: "patient.read"},
		"no photo": {Login: "author", Photo: "none", Act: "photo.read"}} {
		_, err := w.V.Explain(t.Context(), w.privacy, q)
		wants(t, name, err, vault.ErrNotFound)
	}
	_, err := w.V.Explain(t.Context(), w.privacy, vault.Question{Login: "author", Act: "photo.sell"})
	wants(t, "no act", err, vault.ErrInvalid)
	for _, act := range []string{"photo.read", "photo.see_covered", "consent.read", "chart.attach"} {
		_, err := w.V.Explain(t.Context(), w.privacy, vault.Question{Login: "author", Patient: "TEST-000001", Act: act})
		wants(t, act+" of no photo", err, vault.ErrInvalid)
	}
	for _, act := range []string{"patient.read", "patient.photos"} {
		_, err := w.V.Explain(t.Context(), w.privacy, vault.Question{Login: "author", Act: act})
		wants(t, act+" of nobody", err, vault.ErrInvalid)
	}
}

// scenery is one thing that changes who may see a photo.
var scenery = []struct {
	name   string
	change func(w *world, who vault.Actor, photo vault.PhotoID)
}{
	{"tie", func(w *world, who vault.Actor, _ vault.PhotoID) { w.Tie(w.t, w.patient, who) }},
	{"untie", func(w *world, who vault.Actor, _ vault.PhotoID) {
		ok(w.t, w.V.LeaveCareTeam(w.t.Context(), vault.Operator(), w.patient, who.Person()))
	}},
	{"team", func(w *world, who vault.Actor, _ vault.PhotoID) { w.inTeam(who, w.patient) }},
	{"out of team", func(w *world, _ vault.Actor, _ vault.PhotoID) { w.change(`DELETE FROM team_members`) }},
	{"glass", func(w *world, who vault.Actor, _ vault.PhotoID) {
		_, err := w.V.BreakGlass(w.t.Context(), who, emergency("TEST-000001"))
		if err != nil && !errors.Is(err, vault.ErrConflict) && !errors.Is(err, vault.ErrDenied) {
			w.t.Fatal(err)
		}
	}},
	{"time", func(w *world, _ vault.Actor, _ vault.PhotoID) { w.Clock.Add(7 * time.Minute) }},
	{"intimate", classed("intimate")}, {"forensic", classed("forensic")}, {"normal", classed("normal")},
	{"approved", stated("approved")}, {"rejected", stated("rejected")}, {"in review", stated("in_review")},
	{"no consent", func(w *world, _ vault.Actor, id vault.PhotoID) {
		w.change(`UPDATE consents SET allowed = false WHERE photo = $1 AND purpose = 'record'`, string(id))
	}},
	{"consent", func(w *world, _ vault.Actor, id vault.PhotoID) {
		w.change(`UPDATE consents SET allowed = true WHERE photo = $1 AND purpose = 'record'`, string(id))
	}},
	{"recalled", func(w *world, _ vault.Actor, id vault.PhotoID) {
		w.change(`UPDATE photos SET withheld = 'recall' WHERE id = $1`, string(id))
	}},
	{"not recalled", func(w *world, _ vault.Actor, id vault.PhotoID) {
		w.change(`UPDATE photos SET withheld = '' WHERE id = $1`, string(id))
	}},
	{"claim", func(w *world, who vault.Actor, id vault.PhotoID) {
		w.change(`UPDATE photos SET claimed_by = $1, claimed_until = $2 WHERE id = $3`, string(who.Person()), w.Clock.Now().Add(5*time.Minute).UnixMilli(), string(id))
	}},
	{"roles", func(w *world, who vault.Actor, _ vault.PhotoID) {
		w.change(`DELETE FROM person_roles WHERE person = $1`, string(who.Person()))
		for _, r := range vault.Roles() {
			if rand.N(2) == 0 {
				w.change(`INSERT INTO person_roles (person, role) VALUES ($1, $2)`, string(who.Person()), string(r))
			}
		}
	}},
}

func classed(class string) func(*world, vault.Actor, vault.PhotoID) {
	return func(w *world, _ vault.Actor, id vault.PhotoID) {
		w.change(`UPDATE photos SET sensitivity = $1 WHERE id = $2`, class, string(id))
	}
}

func stated(state string) func(*world, vault.Actor, vault.PhotoID) {
	return func(w *world, _ vault.Actor, id vault.PhotoID) {
		w.change(`UPDATE photos SET state = $1 WHERE id = $2`, state, string(id))
	}
}

// TestExplainAgreesWithTheDecision: through random scenes, what Explain says of an act is what the act then meets.
func TestExplainAgreesWithTheDecision(t *testing.T) {
	w := newWorld(t)
	photo := w.inReview()
	seed := uint64(time.Now().UnixNano())
	dice := rand.New(rand.NewPCG(seed, 0))
	acts := map[string]func(a vault.Actor) error{
		"photo.read":     func(a vault.Actor) error { _, err := w.V.PhotoByID(t.Context(), a, photo); return err },
		"patient.photos": func(a vault.Actor) error { _, err := w.V.PatientPhotos(t.Context(), a, w.patient); return err },
		"patient.read":   func(a vault.Actor) error { _, err := w.V.Patient(t.Context(), a, w.patient); return err },
		"consent.read":   func(a vault.Actor) error { _, err := w.V.ConsentHistory(t.Context(), a, photo); return err },
		"photo.reveal":   func(a vault.Actor) error { _, err := w.V.Reveal(t.Context(), a, photo, ""); return err },
		"consent.change": func(a vault.Actor) error {
			_, err := w.V.ChangeConsent(t.Context(), a, photo, vault.ConsentChange{})
			return err
		},
		"photo.give_reason": func(a vault.Actor) error { _, err := w.V.GiveReason(t.Context(), a, photo, ""); return err },
		"chart.attach": func(a vault.Actor) error {
			_, err := w.V.Attach(t.Context(), a, photo, []string{"nowhere"})
			return err
		},
		"photo.sensitivity": func(a vault.Actor) error { _, err := w.V.SensitivityOf(t.Context(), a, photo); return err },
		"audit.read":        func(a vault.Actor) error { _, err := w.V.AuditRecent(t.Context(), a, 0, 1); return err },
		"delegation.list":   func(a vault.Actor) error { _, err := w.V.Delegations(t.Context(), a); return err },
		"break_glass.list":  func(a vault.Actor) error { _, err := w.V.BreakGlassReviews(t.Context(), a); return err },
	}
	logins := []string{"author", "colleague", "outsider", "reviewer", "records"}
	allowed, story := 0, []string{}
	for range 120 {
		login := logins[dice.IntN(len(logins))]
		who := w.SignIn(t, login)
		s := scenery[dice.IntN(len(scenery))]
		s.change(w, who, photo)
		story = append(story, login+": "+s.name)
		who = w.SignIn(t, login)
		for name, act := range acts {
			e := must(w.V.Explain(t.Context(), vault.Operator(), vault.Question{Login: login, Photo: photo, Act: name}))(t)
			met := act(who)
			if refused(met) == e.Allowed {
				t.Fatalf("seed %d: %s by %s: explained as allowed %v (%v), met %v, after %v", seed, name, login, e.Allowed, e.Missing, met, story)
			}
			if e.Allowed {
				allowed++
			} else if len(e.Missing) == 0 {
				t.Errorf("%s by %s: denied without a word", name, login)
			}
		}
	}
	if allowed < 50 {
		t.Errorf("seed %d: only %d answers allowed anything", seed, allowed)
	}
}

// TestRightsTableIsReadable: every act has somebody, and every scope says in words how far it reaches.
func TestRightsTableIsReadable(t *testing.T) {
	free := map[string]bool{}
	for _, r := range vault.RightsTable() {
		if len(r.Grants) == 0 {
			t.Errorf("%s: nobody may do it", r.Act)
		}
		for _, g := range r.Grants {
			if g.Who == "" {
				t.Errorf("%s: a grant to nobody", r.Act)
			}
			free[fmt.Sprint(g.Within == "")] = true
		}
	}
	if len(free) != 2 {
		t.Errorf("got limits %v, want some with and some without", free)
	}
}
