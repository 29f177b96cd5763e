package vault_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// acts are the acts in a trail with their outcomes, oldest first.
func acts(trail []vault.Event) []string {
	var out []string
	for _, e := range slices.Backward(trail) {
		out = append(out, e.Act+" "+e.Outcome)
	}
	return out
}

// TestTrailOfAPatient: the whole way of a photo can be read from the trail, in order, by name and role.
func TestTrailOfAPatient(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedactedThumb))(t)
	must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
	w.deliver()
	_, err := w.V.PhotoByID(t.Context(), w.outsider, id)
	wants(t, "an outsider", err, vault.ErrNotFound)
	trail := must(w.V.AuditOfPatient(t.Context(), w.privacy, w.patient, 0, 100))(t)
	got := acts(trail)
	want := []string{"capture.accept ok", "photo.ingest ok", "review.approve ok", "photo.see_redacted ok", "chart.attach ok",
		"chart.deliver ok", "chart.progress ok", "chart.attached ok", "photo.read refused"}
	for _, one := range want {
		i := slices.Index(got, one)
		if i < 0 {
			t.Fatalf("the trail lacks, or has out of order, %s: %v", one, acts(trail))
		}
		got = got[i+1:]
	}
	for _, e := range trail {
		if e.Act == "review.approve" && (e.ActorName != "Test Person reviewer" || e.ActingAs != "reviewer" || e.Photo != string(id)) {
			t.Errorf("the approval reads %+v", e)
		}
		if e.Act == "chart.attach" && e.Purpose != "record" {
			t.Errorf("attached for the purpose %q, want record", e.Purpose)
		}
	}
}

// TestTrailOfAPerson: sign-ins, right and wrong, belong to the person whose login was given.
func TestTrailOfAPerson(t *testing.T) {
	w := newWorld(t)
	_, err := w.signIn("colleague", "wrong horse battery staple")
	wants(t, "wrong password", err, vault.ErrUnauthenticated)
	must(w.signIn("colleague", vaulttest.Password))(t)
	_, err = w.signIn("no-such-login", vaulttest.Password)
	wants(t, "unknown login", err, vault.ErrUnauthenticated)
	got := acts(must(w.V.AuditOfPerson(t.Context(), w.privacy, w.colleague.Person(), 0, 100))(t))
	if want := []string{"session.sign_in ok", "session.sign_in_failed ok", "session.sign_in ok"}; !slices.Equal(got, want) {
		t.Errorf("trail %v, want %v", got, want)
	}
	recent := must(w.V.AuditRecent(t.Context(), w.privacy, 0, 5))(t)
	text, err := json.Marshal(recent)
	ok(t, err)
	if strings.Contains(string(text), "no-such-login") {
		t.Error("the log repeats what a stranger typed")
	}
}

// TestSeveralRoles: each role opens its own door, and none closes another's.
func TestSeveralRoles(t *testing.T) {
	w := newWorld(t)
	released := w.approved()
	both := w.Person(t, "both", vault.RoleClinician, vault.RoleRecords)
	own := must(w.V.AddPatient(t.Context(), vault.Operator(), vault.NewPatient{RecordNumber: "TEST-OWN", Name: "Synthetic Own",
		BirthDate: "1980-08-08"}))(t)
	w.Tie(t, own, both)
	got := must(w.V.FindPatients(t.Context(), both, ""))(t)
	if len(got) != 2 || !slices.ContainsFunc(got, func(p vault.Patient) bool { return p.ID == own }) {
		t.Errorf("found %d patients, want their own and the one with a released photo", len(got))
	}
	p := must(w.V.PhotoByID(t.Context(), both, released))(t)
	if p.PatientName == "" || p.Regions != nil {
		t.Errorf("as records they see name %q and %d regions", p.PatientName, len(p.Regions))
	}
	_, err := w.V.PatientPhotos(t.Context(), both, w.patient)
	wants(t, "photos of another team's patient", err, vault.ErrNotFound)
}

func TestMyCapturesNewestFirst(t *testing.T) {
	w := newWorld(t)
	var sent []vault.PhotoID
	for range 3 {
		sent = append(sent, w.waiting())
		w.Clock.Add(time.Second)
	}
	slices.Reverse(sent)
	for limit, want := range map[int]int{-1: 1, 1: 1, 2: 2, 100: 3, 1000: 3} {
		got := must(w.V.MyCaptures(t.Context(), w.author, limit))(t)
		if len(got) != want {
			t.Errorf("limit %d: %d photos, want %d", limit, len(got), want)
		}
		for i, p := range got {
			if p.ID != sent[i] || p.State != vault.StateAccepted {
				t.Errorf("limit %d: photo %d is %s in state %s, want %s", limit, i, p.ID, p.State, sent[i])
			}
		}
	}
	if got := must(w.V.MyCaptures(t.Context(), w.colleague, 10))(t); len(got) != 0 {
		t.Errorf("a colleague has %d captures, want none", len(got))
	}
	if counts := must(w.V.PhotoCounts(t.Context()))(t); counts[vault.StateAccepted] != 3 || counts[vault.StateApproved] != 0 {
		t.Errorf("counts %v", counts)
	}
}
