package vault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// feeder tells the vault of patients as a patient administration would.
type feeder struct {
	*world
	n int
}

func (w *world) feeder() *feeder { return &feeder{world: w} }

// told is an event of a visit, some minutes after the last.
func (f *feeder) told(kind vault.CareKind, number, visit string, change ...func(*vault.CareEvent)) vault.CareEvent {
	f.Clock.Add(time.Minute)
	e := vault.CareEvent{Kind: kind, At: f.Clock.Now(), Number: number, Name: "Sample Told", BirthDate: "1961-02-03"}
	if visit != "" {
		e.Visit = &vault.CareVisit{Number: visit, Label: "Inpatient, 3B", Teams: []string{"Ward 3B"}}
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

// send has the vault apply an event as a message of its own.
func (f *feeder) send(e vault.CareEvent) error {
	f.n++
	_, err := f.V.ApplyCare(f.t.Context(), vault.FeedActor("ADM|HOSP"), f.message(f.n), e)
	return err
}

func (f *feeder) message(n int) vault.FeedMessage {
	return vault.FeedMessage{Sender: "ADM|HOSP", ControlID: fmt.Sprint("M", n), Digest: fmt.Sprintf("%064d", n), Event: "A01", Peer: "test"}
}

func (f *feeder) must(e vault.CareEvent) {
	f.t.Helper()
	if err := f.send(e); err != nil {
		f.t.Fatalf("%s: %v", e.Kind, err)
	}
}

// found is the one patient that somebody finds by a record number.
func (f *feeder) found(a vault.Actor, number string) (vault.Patient, bool) {
	f.t.Helper()
	all := must(f.V.FindPatients(f.t.Context(), a, number))(f.t)
	if len(all) > 1 {
		f.t.Fatalf("%s finds %d patients", number, len(all))
	}
	if len(all) == 0 {
		return vault.Patient{}, false
	}
	return all[0], true
}

// ward makes a team and puts people in it.
func (f *feeder) ward(name string, logins ...string) vault.TeamID {
	f.t.Helper()
	ctx := f.t.Context()
	id := must(f.V.AddTeam(ctx, f.admin, name))(f.t)
	for _, login := range logins {
		ok(f.t, f.V.JoinTeam(ctx, f.admin, id, login, f.Clock.Now(), time.Time{}))
	}
	return id
}

func teams(names ...string) func(*vault.CareEvent) {
	return func(e *vault.CareEvent) { e.Visit.Teams = names }
}

func doctors(names ...string) func(*vault.CareEvent) {
	return func(e *vault.CareEvent) { e.Visit.Doctors = names }
}

// TestVisitsTie: who treats a patient follows from where they are, from admission to some days after the discharge.
func TestVisitsTie(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		f.ward("Ward 3B", "author")
		f.ward("Ward 4", "outsider")
		sees := func(step string, author, outsider, colleague bool) {
			t.Helper()
			for who, want := range map[*vault.Actor]bool{&w.author: author, &w.outsider: outsider, &w.colleague: colleague} {
				if _, got := f.found(*who, "ADM-1"); got != want {
					t.Errorf("%s: %s finds the patient: %v, want %v", step, who.Name(), got, want)
				}
			}
		}
		f.must(f.told(vault.CareIn, "ADM-1", "V1", doctors("colleague", "nobody-known")))
		sees("admitted to 3B", true, false, true)
		f.must(f.told(vault.CareIn, "ADM-1", "V1", teams("Ward 4")))
		sees("transferred to 4", false, true, false)
		f.must(f.told(vault.CareOut, "ADM-1", "V1", teams("Ward 4"), func(e *vault.CareEvent) { e.TiesUntil = e.At.AddDate(0, 0, 7) }))
		sees("discharged", false, true, false)
		f.Clock.Add(6 * 24 * time.Hour)
		f.relog()
		sees("six days later", false, true, false)
		f.Clock.Add(2 * 24 * time.Hour)
		f.relog()
		sees("eight days later", false, false, false)
		f.must(f.told(vault.CareIn, "ADM-1", "V1", teams("Ward 3B", "Ward 4")))
		sees("discharge cancelled", true, true, false)
		f.must(f.told(vault.CareNever, "ADM-1", "V1"))
		sees("admission cancelled", false, false, false)
		p, known := f.found(w.privacy, "ADM-1")
		if !known || len(p.Encounters) != 1 || p.Encounters[0].EndedAt == 0 {
			t.Errorf("the patient has %d encounters", len(p.Encounters))
		}
		w.verified()
	})
}

// relog signs everybody in again: sessions end while the clock goes on.
func (f *feeder) relog() {
	f.t.Helper()
	for login, who := range map[string]*vault.Actor{"author": &f.author, "outsider": &f.outsider, "colleague": &f.colleague,
		"privacy": &f.privacy, "admin": &f.admin, "records": &f.records, "reviewer": &f.reviewer} {
		*who = f.SignIn(f.t, login)
	}
}

// TestOlderEvents: what arrives late changes nothing that is newer, of the patient and of each visit.
func TestOlderEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		f.ward("Ward 3B", "author")
		admit := f.told(vault.CareIn, "ADM-2", "V1")
		rename := f.told(vault.CareUpdate, "ADM-2", "V1", func(e *vault.CareEvent) { e.Name = "Sample Renamed" })
		out := f.told(vault.CareOut, "ADM-2", "V1")
		f.must(out)
		f.must(rename)
		f.must(admit)
		p, known := f.found(w.privacy, "ADM-2")
		if !known || p.Name != "Sample Told" || len(p.Encounters) != 1 || p.Encounters[0].EndedAt == 0 {
			t.Errorf("late messages changed the patient: known %v, %d encounters", known, len(p.Encounters))
		}
		if _, tied := f.found(w.author, "ADM-2"); tied {
			t.Error("a late admission ties a ward to a patient who has left")
		}
		f.must(f.told(vault.CareUpdate, "ADM-2", "", func(e *vault.CareEvent) { e.Name, e.BirthDate = "Sample Newest", "" }))
		if p, _ := f.found(w.privacy, "ADM-2"); p.Name != "Sample Newest" || p.BirthDate != "1961-02-03" {
			t.Error("a newer message did not change the name alone")
		}
		f.must(f.told(vault.CareUpdate, "ADM-2", "V1"))
		if p, _ := f.found(w.privacy, "ADM-2"); p.Encounters[0].EndedAt == 0 {
			t.Error("an update opened a visit that is over")
		}
		f.must(f.told(vault.CareUpdate, "ADM-UNKNOWN", ""))
		if _, known := f.found(w.privacy, "ADM-UNKNOWN"); known {
			t.Error("an update without a visit added a patient")
		}
	})
}

// TestCareProblems: what cannot be applied says which segment and field, and changes nothing.
func TestCareProblems(t *testing.T) {
	w := newWorld(t)
	f := w.feeder()
	for name, test := range map[string]struct {
		change      func(*vault.CareEvent)
		code, place string
	}{
		"no number":       {func(e *vault.CareEvent) { e.Number = "" }, "101", "PID-3"},
		"long number":     {func(e *vault.CareEvent) { e.Number = fmt.Sprintf("%040d", 1) }, "102", "PID-3"},
		"no name":         {func(e *vault.CareEvent) { e.Name = "" }, "101", "PID-5"},
		"line in name":    {func(e *vault.CareEvent) { e.Name = "a\nb" }, "102", "PID-5"},
		"no birth date":   {func(e *vault.CareEvent) { e.BirthDate = "" }, "101", "PID-7"},
		"bad birth date":  {func(e *vault.CareEvent) { e.BirthDate = "1961-02-31" }, "102", "PID-7"},
		"no time":         {func(e *vault.CareEvent) { e.At = time.Time{} }, "101", "EVN-2"},
		"clock ahead":     {func(e *vault.CareEvent) { e.At = e.At.Add(2 * time.Hour) }, "102", "EVN-2"},
		"no visit":        {func(e *vault.CareEvent) { e.Visit = nil }, "101", "PV1-19"},
		"no visit number": {func(e *vault.CareEvent) { e.Visit.Number = "" }, "101", "PV1-19"},
		"merge of none":   {func(e *vault.CareEvent) { e.Kind = vault.CareMerge }, "101", "MRG-1"},
		"merge of itself": {func(e *vault.CareEvent) { e.Kind, e.Prior = vault.CareMerge, e.Number }, "205", "MRG-1"},
	} {
		t.Run(name, func(t *testing.T) {
			var p *vault.CareProblem
			err := f.send(f.told(vault.CareIn, "ADM-3", "V1", test.change))
			if !errors.As(err, &p) || !errors.Is(err, vault.ErrInvalid) || p.Code != test.code || p.Place != test.place {
				t.Errorf("got %v, want %s at %s", err, test.code, test.place)
			}
			if _, known := f.found(w.privacy, "ADM-3"); known {
				t.Error("the patient was added all the same")
			}
		})
	}
}

// TestVisitTiesNobodyWhoIsGone: a doctor whose time here is over, or who was disabled, gets no tie from the feed.
func TestVisitTiesNobodyWhoIsGone(t *testing.T) {
	w := newWorld(t)
	f := w.feeder()
	ok(t, w.V.SetTerms(t.Context(), vault.Operator(), "colleague", vault.Terms{ValidUntil: vault.TimeOf(w.Clock.Now().Add(time.Second))}))
	ok(t, w.V.DisablePerson(t.Context(), vault.Operator(), "second"))
	w.Clock.Add(time.Minute)
	f.must(f.told(vault.CareIn, w.numberOf(w.foreign), "V-77", func(e *vault.CareEvent) {
		e.Visit.Doctors = []string{"colleague", "second", "author"}
	}))
	if n := w.count(`SELECT count(*) FROM care_team WHERE patient = $1 AND source = 'feed'`, string(w.foreign)); n != 1 {
		t.Errorf("%d people are tied, want the one who is here", n)
	}
}

// TestFeedTwice: a message that comes twice is applied once and answered as before; another under its number is refused.
func TestFeedTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f, ctx, feed := w.feeder(), t.Context(), vault.FeedActor("ADM|HOSP")
		e := f.told(vault.CareIn, "ADM-4", "V1")
		first := must(f.V.ApplyCare(ctx, feed, f.message(1), e))(t)
		e.Name = "Sample Again"
		again := must(f.V.ApplyCare(ctx, feed, f.message(1), e))(t)
		if first.Code != "AA" || first.Again || again.Code != "AA" || !again.Again {
			t.Errorf("first %+v, again %+v", first, again)
		}
		if p, _ := f.found(w.privacy, "ADM-4"); p.Name != "Sample Told" {
			t.Error("the second copy was applied")
		}
		other := f.message(1)
		other.Digest = fmt.Sprintf("%064d", 99)
		answer, err := f.V.ApplyCare(ctx, feed, other, e)
		if !errors.Is(err, vault.ErrInvalid) || answer.Code != "AE" || answer.Problem.Place != "MSH-10" {
			t.Errorf("another message under the same number: %+v, %v", answer, err)
		}
		elsewhere := f.message(1)
		elsewhere.Sender = "LAB|HOSP"
		if a := must(f.V.ApplyCare(ctx, feed, elsewhere, e))(t); a.Again {
			t.Error("another sender's message counts as the same")
		}
	})
}
