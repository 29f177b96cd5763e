package vault_test

import (
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

func TestFindPatients(t *testing.T) {
	w := newWorld(t) // TEST-000001 is the author's, TEST-000002 the outsider's
	w.approved()
	for _, c := range []struct {
		name  string
		actor vault.Actor
		query string
		want  []vault.PatientID
	}{
		{"own patients", w.author, "", []vault.PatientID{w.patient}},
		{"own by number", w.author, "test-0000", []vault.PatientID{w.patient}},
		{"own by name", w.author, "PATIENT 1", []vault.PatientID{w.patient}},
		{"another's by number", w.author, "TEST-000002", nil},
		{"another's by name", w.outsider, "Synthetic", []vault.PatientID{w.foreign}},
		{"end of a number", w.author, "000001", nil},
		{"wildcard", w.author, "%", nil},
		{"wildcard of one", w.author, "TEST_000001", nil},
		{"quote", w.author, "' OR 1=1 --", nil},
		{"records sees released", w.records, "", []vault.PatientID{w.patient}},
		{"records asks for another", w.records, "TEST-000002", nil},
		{"privacy sees all", w.privacy, "", []vault.PatientID{w.patient, w.foreign}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := must(w.V.FindPatients(t.Context(), c.actor, c.query))(t)
			if len(got) != len(c.want) {
				t.Fatalf("query %q: found %d patients, want %d", c.query, len(got), len(c.want))
			}
			for i, p := range got {
				if p.ID != c.want[i] {
					t.Errorf("query %q: found %s, want %s", c.query, p.ID, c.want[i])
				}
			}
		})
	}
	_, err := w.V.FindPatients(t.Context(), w.author, "a\x00b")
	wants(t, "control character", err, vault.ErrInvalid)
}

func TestCareTeam(t *testing.T) {
	w := newWorld(t)
	ctx, op := t.Context(), vault.Operator()
	sees := func(what string, want error) {
		t.Helper()
		_, err := w.V.Patient(ctx, w.outsider, w.patient)
		wants(t, what, err, want)
	}
	sees("before", vault.ErrNotFound)
	ok(t, w.V.JoinCareTeam(ctx, op, w.patient, w.outsider.Person(), w.Clock.Now().Add(time.Minute)))
	sees("before the tie begins", vault.ErrNotFound)
	w.Clock.Add(time.Minute)
	sees("from its start", nil)
	ok(t, w.V.JoinCareTeam(ctx, op, w.patient, w.outsider.Person(), w.Clock.Now()))
	if n := w.count(`SELECT count(*) FROM care_team WHERE person = $1 AND patient = $2`, string(w.outsider.Person()), string(w.patient)); n != 1 {
		t.Errorf("%d ties after joining twice, want 1", n)
	}
	ok(t, w.V.LeaveCareTeam(ctx, w.admin, w.patient, w.outsider.Person()))
	sees("after leaving", vault.ErrNotFound)
	ok(t, w.V.JoinCareTeam(ctx, op, w.patient, w.outsider.Person(), w.Clock.Now()))
	sees("joined again at once", nil)
	wants(t, "unknown person", w.V.JoinCareTeam(ctx, op, w.patient, "nobody", w.Clock.Now()), vault.ErrNotFound)
	wants(t, "unknown patient", w.V.JoinCareTeam(ctx, op, "nobody", w.author.Person(), w.Clock.Now()), vault.ErrNotFound)
}

// TestNamedBesidesAnotherTie: who treats a patient by a team or a delegation can be named for them too, and stays when that
// is over.
func TestNamedBesidesAnotherTie(t *testing.T) {
	for name, tie := range map[string]func(w *world, until time.Time){
		"team": func(w *world, until time.Time) {
			w.inTeam(w.outsider, w.patient)
			w.change(`UPDATE team_members SET ended_at = $1`, until.UnixMilli())
		},
		"delegation": func(w *world, until time.Time) {
			must(w.V.Delegate(w.t.Context(), w.colleague, "outsider", w.Clock.Now(), until))(w.t)
		},
		"visit": func(w *world, until time.Time) {
			w.change(`INSERT INTO care_team (patient, person, started_at, ended_at, source) VALUES ($1, $2, $3, $4, 'feed')`,
				string(w.patient), string(w.outsider.Person()), w.Clock.Now().Add(-time.Hour).UnixMilli(), until.UnixMilli())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tie(w, w.Clock.Now().Add(time.Minute))
			ok(t, w.V.JoinCareTeam(t.Context(), vault.Operator(), w.patient, w.outsider.Person(), w.Clock.Now()))
			w.Clock.Add(2 * time.Minute)
			_, err := w.V.Patient(t.Context(), w.outsider, w.patient)
			wants(t, "whoever was named", err, nil)
		})
	}
}

func TestAddPatient(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name    string
		patient vault.NewPatient
		want    error
	}{
		{"good", vault.NewPatient{RecordNumber: "TEST-9", Name: "Synthetic Nine", BirthDate: "1999-09-09"}, nil},
		{"known number", vault.NewPatient{RecordNumber: "TEST-9", Name: "Synthetic Ten", BirthDate: "1999-09-09"}, vault.ErrConflict},
		{"no number", vault.NewPatient{Name: "Synthetic Ten", BirthDate: "1999-09-09"}, vault.ErrInvalid},
		{"no such day", vault.NewPatient{RecordNumber: "TEST-10", Name: "Synthetic Ten", BirthDate: "1999-02-30"}, vault.ErrInvalid},
	} {
		_, err := w.V.AddPatient(t.Context(), vault.Operator(), c.patient)
		wants(t, c.name, err, c.want)
	}
}

func TestEncounters(t *testing.T) {
	w := newWorld(t)
	first := must(w.V.AddEncounter(t.Context(), vault.Operator(), w.patient, "first", w.Clock.Now().Add(-time.Hour)))(t)
	second := must(w.V.AddEncounter(t.Context(), vault.Operator(), w.patient, "second", w.Clock.Now()))(t)
	got := must(w.V.Patient(t.Context(), w.author, w.patient))(t).Encounters
	if len(got) != 2 || got[0].ID != second || got[1].ID != first || got[1].Label != "first" {
		t.Errorf("encounters %+v, want second, first", got)
	}
	_, err := w.V.AddEncounter(t.Context(), vault.Operator(), "nobody", "third", w.Clock.Now())
	wants(t, "unknown patient", err, vault.ErrNotFound)
}

func TestSeedDemo(t *testing.T) {
	w := newWorld(t)
	for _, a := range []vault.Actor{w.author, w.reviewer, w.records, w.privacy, w.admin, w.worker} {
		_, err := w.V.SeedDemo(t.Context(), a)
		wants(t, "seeding as "+a.Name(), err, vault.ErrDenied)
	}
	_, err := w.V.SeedDemo(t.Context(), vault.Actor{})
	wants(t, "seeding as nobody", err, vault.ErrUnauthenticated)
	first := must(w.V.SeedDemo(t.Context(), vault.Operator()))(t)
	w.change(`DELETE FROM encounters WHERE label = 'Wound clinic, visit 1'`) // as if it had died on the way
	again := must(w.V.SeedDemo(t.Context(), vault.Operator()))(t)
	roles := map[vault.Role]bool{}
	for i, a := range again {
		roles[a.Role] = true
		must(w.signIn(a.Login, a.Password))(t)
		if a.Login != first[i].Login || a.Password == first[i].Password {
			t.Errorf("account %d: %s became %s", i, first[i].Login, a.Login)
		}
	}
	if len(roles) != len(vault.Roles()) {
		t.Errorf("accounts for %d roles, want %d", len(roles), len(vault.Roles()))
	}
	for what, want := range map[string]int{
		`SELECT count(*) FROM patients WHERE record_number LIKE 'DEMO-%'`:                               6,
		`SELECT count(*) FROM encounters`:                                                               8,
		`SELECT count(*) FROM care_team c JOIN people p ON p.id = c.person WHERE p.login = 'clinician'`: 4,
	} {
		if got := w.count(what); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
}
