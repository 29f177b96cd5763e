package vault_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestAccessReport: who holds what, since when, and what they did in the quarter.
func TestAccessReport(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		quarter := vault.Quarter(w.Clock.Now())
		must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
		must(w.V.Delegate(t.Context(), w.colleague, "author", w.Clock.Now(), w.Clock.Now().Add(time.Hour)))(t)
		w.change(`UPDATE sessions SET seen_at = 1 WHERE person = $1`, string(w.second.Person()))
		w.change(`UPDATE people SET created_at = 1 WHERE login = 'second'`)
		r := must(w.V.AccessReport(t.Context(), w.privacy, quarter))(t)
		rows := map[string]vault.AccessRow{}
		for _, row := range r.People {
			rows[row.Login] = row
		}
		if got := rows["outsider"]; got.BreakGlass != 1 || got.State != "live" || got.Sensitive || len(got.Roles) != 1 || got.Roles[0].Source != "local" {
			t.Errorf("outsider: got %+v", got)
		}
		if a, c := rows["author"], rows["colleague"]; a.DelegationsHeld != 1 || c.DelegationsGiven != 1 || a.DirectTies != 1 {
			t.Errorf("delegation: author %+v, colleague %+v", a, c)
		}
		if !rows["second"].Dormant || rows["reviewer"].Dormant || !rows["reviewer"].Sensitive {
			t.Errorf("dormant: second %v, reviewer %v; reviewer sensitive %v", rows["second"].Dormant, rows["reviewer"].Dormant, rows["reviewer"].Sensitive)
		}
		if len(r.Leavers) != 0 || r.OpenReviews != 1 {
			t.Errorf("leavers %v and %d open reviews, want none and 1", r.Leavers, r.OpenReviews)
		}
		_, err := w.V.AccessReport(t.Context(), w.privacy, "2026Q5")
		wants(t, "no quarter", err, vault.ErrInvalid)
		wants(t, "signing another report", w.V.SignAccessReview(t.Context(), w.privacy, quarter, "00", "went through it"), vault.ErrConflict)
		wants(t, "signing", w.V.SignAccessReview(t.Context(), w.privacy, quarter, r.Digest(), "went through it"), nil)
		signed := must(w.V.AccessReport(t.Context(), w.privacy, quarter))(t).Signed
		if len(signed) != 1 || signed[0].Digest != r.Digest() || signed[0].Remark != "went through it" {
			t.Errorf("signed: got %+v", signed)
		}
	})
}

// TestLeaversHoldNothing: each live right of somebody who left is found, and leaving by the vault's own way leaves none.
func TestLeaversHoldNothing(t *testing.T) {
	w := newWorld(t)
	leaver := w.Person(t, "goes", vault.RoleClinician, vault.RoleReviewer)
	w.Tie(t, w.patient, leaver)
	w.inTeam(leaver, w.patient)
	now := w.Clock.Now()
	must(w.V.Delegate(t.Context(), leaver, "colleague", now, now.Add(time.Hour)))(t)
	photo := w.inReview()
	w.claim(leaver, photo)
	later := now.Add(time.Hour).UnixMilli()
	w.change(`INSERT INTO links (id, code_hash, photo, maker, created_at, expires_at) VALUES ('L', 'h', $1, $2, 1, $3)`, string(photo), string(leaver.Person()), later)
	w.change(`INSERT INTO enrolment_codes (person, code_hash, made_by, made_at, expires_at) VALUES ($1, 'h', 'operator', 1, $2)`, string(leaver.Person()), later)
	report := func() map[string]bool {
		kinds := map[string]bool{}
		for _, l := range must(w.V.AccessReport(t.Context(), w.privacy, vault.Quarter(now)))(t).Leavers {
			kinds[l.Kind] = true
		}
		return kinds
	}
	if got := report(); len(got) != 0 {
		t.Errorf("nobody has left: got %v", got)
	}
	w.change(`UPDATE people SET disabled_at = 1 WHERE login = 'goes'`) // past the vault: everything stays open
	got := report()
	for _, kind := range []string{"session", "claim", "tie", "team", "link", "delegation", "code"} {
		if !got[kind] {
			t.Errorf("a leaver's live %s is not in the report: %v", kind, got)
		}
	}
	w.change(`UPDATE people SET disabled_at = NULL WHERE login = 'goes'`)
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "goes"))
	if got := report(); len(got) != 0 {
		t.Errorf("after leaving: still live %v", got)
	}
}

// TestReportAsTable has a header, a line for each role, and no formula.
func TestReportAsTable(t *testing.T) {
	w := newWorld(t)
	w.change(`UPDATE people SET name = '=HYPERLINK("x")' WHERE login = 'author'`)
	text := must(w.V.AccessReport(t.Context(), vault.Operator(), "2026Q4"))(t).CSV()
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	ok(t, err)
	if len(rows) < 9 || rows[0][0] != "login" {
		t.Errorf("got %d rows beginning with %v", len(rows), rows[0])
	}
	if strings.Contains(string(text), "\n\"=") || strings.Contains(string(text), ",\"=") || !strings.Contains(string(text), "'=HYPERLINK") {
		t.Error("a name is left as a formula")
	}
}

func TestQuarter(t *testing.T) {
	for at, want := range map[string]string{"2026-01-01": "2026Q1", "2026-03-31": "2026Q1", "2026-04-01": "2026Q2", "2026-12-31": "2026Q4"} {
		day, err := time.Parse("2006-01-02", at)
		ok(t, err)
		if got := vault.Quarter(day); got != want {
			t.Errorf("quarter of %s: got %s, want %s", at, got, want)
		}
	}
}
