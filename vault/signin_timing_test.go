package vault_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// ahead is the share of pairs in which a took longer than b (the statistic of Mann and Whitney, over its greatest value):
// 0.5 when the two cannot be told apart, 0 or 1 when each single try tells.
func ahead(a, b []time.Duration) float64 {
	n := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				n++
			case x == y:
				n += 0.5
			}
		}
	}
	return n / float64(len(a)*len(b))
}

// TestTimeTellsNobody: how long a refusal takes does not tell who works here, who left, and who has no password. The
// tries come in a random order, so that whatever else the machine does falls on all alike, and ranks are compared, so
// that no clock has to keep a promise. With 45 tries each, what cannot be told apart is outside of the bounds less often
// than once in ten thousand runs; a check that was left out is found in all.
func TestTimeTellsNobody(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ok(t, w.V.DisablePerson(ctx, vault.Operator(), "outsider"))
	must(w.V.AddPerson(ctx, vault.Operator(), vault.NewPerson{Login: "no.password", Name: "Test Newcomer", Roles: []vault.Role{vault.RoleReviewer}}))(t)
	const known, tries = "author", 45
	order := slices.Repeat([]string{known, "nobody", "outsider", "no.password"}, tries)
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	took := map[string][]time.Duration{}
	for _, login := range order {
		w.Clock.Add(16 * time.Minute) // nobody has to wait
		start := time.Now()
		_, err := w.V.SignInAt(ctx, login, wrongPassword, at(""))
		took[login] = append(took[login], time.Since(start))
		wants(t, "signing in as "+login, err, vault.ErrUnauthenticated)
	}
	for login, times := range took {
		if login == known {
			continue
		}
		if share := ahead(times, took[known]); share < 0.25 || share > 0.75 {
			t.Errorf("%s takes longer than an account in %.0f %% of pairs, want about half", login, 100*share)
		}
	}
}
