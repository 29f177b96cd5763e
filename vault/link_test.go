package vault_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestLinks: a link gives nobody a right, and dies with its maker's.
func TestLinks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, l vault.Link)
		opener func(w *world) vault.Actor
		want   error
	}{
		"colleague":        {func(*world, vault.Link) {}, func(w *world) vault.Actor { return w.colleague }, nil},
		"records":          {func(*world, vault.Link) {}, func(w *world) vault.Actor { return w.records }, nil},
		"other team":       {func(*world, vault.Link) {}, func(w *world) vault.Actor { return w.outsider }, vault.ErrNotFound},
		"no claim":         {func(*world, vault.Link) {}, func(w *world) vault.Actor { return w.reviewer }, vault.ErrNotFound},
		"no photos at all": {func(*world, vault.Link) {}, func(w *world) vault.Actor { return w.admin }, vault.ErrDenied},
		"a day later": {func(w *world, _ vault.Link) {
			w.Clock.Add(24 * time.Hour)
		}, func(w *world) vault.Actor { return w.SignIn(w.t, "colleague") }, vault.ErrNotFound},
		"ended": {func(w *world, l vault.Link) {
			ok(w.t, w.V.EndLink(w.t.Context(), w.author, l.ID))
		}, func(w *world) vault.Actor { return w.colleague }, vault.ErrNotFound},
		"maker disabled": {func(w *world, _ vault.Link) {
			ok(w.t, w.V.DisablePerson(w.t.Context(), w.admin, "author"))
		}, func(w *world) vault.Actor { return w.colleague }, vault.ErrNotFound},
		"maker's time is over": {func(w *world, _ vault.Link) {
			w.change(`UPDATE people SET valid_until = $1 WHERE login = 'author'`, w.Clock.Now().UnixMilli())
		}, func(w *world) vault.Actor { return w.colleague }, vault.ErrNotFound},
		"maker left the team": {func(w *world, _ vault.Link) {
			ok(w.t, w.V.LeaveCareTeam(w.t.Context(), vault.Operator(), w.patient, w.author.Person()))
		}, func(w *world) vault.Actor { return w.colleague }, vault.ErrNotFound},
		"maker lost the role": {func(w *world, _ vault.Link) {
			w.change(`DELETE FROM person_roles WHERE person = $1`, string(w.author.Person()))
		}, func(w *world) vault.Actor { return w.colleague }, vault.ErrNotFound},
		"opener left the team": {func(w *world, _ vault.Link) {
			ok(w.t, w.V.LeaveCareTeam(w.t.Context(), vault.Operator(), w.patient, w.colleague.Person()))
		}, func(w *world) vault.Actor { return w.colleague }, vault.ErrNotFound},
		"erased": {func(w *world, l vault.Link) {
			w.change(`UPDATE patients SET erased_at = 1 WHERE id = $1`, string(w.patient))
		}, func(w *world) vault.Actor { return w.colleague }, vault.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.t = t
			photo := w.approved()
			l := must(w.V.MakeLink(t.Context(), w.author, photo))(t)
			c.change(w, l)
			got, err := w.V.OpenLink(t.Context(), c.opener(w), l.Code)
			wants(t, "opening", err, c.want)
			if err == nil && got != photo {
				t.Errorf("got photo %s, want %s", got, photo)
			}
		})
	}
}

func TestLinkCodes(t *testing.T) {
	w := newWorld(t)
	photo := w.approved()
	l := must(w.V.MakeLink(t.Context(), w.author, photo))(t)
	if again := must(w.V.MakeLink(t.Context(), w.author, photo))(t); len(l.Code) < 26 || l.Code == again.Code {
		t.Errorf("codes have %d characters, the same twice: %v", len(l.Code), l.Code == again.Code)
	}
	for table, text := range w.dump() {
		if strings.Contains(text, l.Code) {
			t.Errorf("table %s holds the code", table)
		}
	}
	if strings.Contains(w.Log.String(), l.Code) || strings.Contains(fmt.Sprintf("%v %+v %#v", l, l, l), l.Code) {
		t.Error("a log or a print shows the code")
	}
	for _, wrong := range []string{"", string(l.ID), strings.ToLower(l.Code), l.Code[:25], l.Code + "A"} {
		_, err := w.V.OpenLink(t.Context(), w.colleague, wrong)
		wants(t, "a wrong code", err, vault.ErrNotFound)
	}
	wants(t, "ending another's", w.V.EndLink(t.Context(), w.colleague, l.ID), vault.ErrNotFound)
	mine := must(w.V.Links(t.Context(), w.author))(t)
	if len(mine) != 2 || mine[0].Code != "" || mine[0].Photo != photo {
		t.Errorf("got %d links, code shown %v", len(mine), mine[0].Code != "")
	}
	if others := must(w.V.Links(t.Context(), w.colleague))(t); len(others) != 0 {
		t.Errorf("a colleague sees %d links of the author's, want 0", len(others))
	}
	w.Clock.Add(32 * 24 * time.Hour)
	ok(t, w.V.TidyNotices(t.Context(), w.worker))
	if n := w.count(`SELECT count(*) FROM links`); n != 0 {
		t.Errorf("%d links are kept for ever, want 0", n)
	}
}
