package vault_test

import (
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestGroupThatMeansLessReachesSignIns: what a group of the provider's gave at sign-in ends when the map says so, and does
// not wait for the next sign-in; what another line gives stays.
func TestGroupThatMeansLessReachesSignIns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, op := t.Context(), vault.Operator()
		must(w.V.AddTeam(ctx, op, "Ward 9"))(t)
		must(w.V.AddTeam(ctx, op, "Ward 10"))(t)
		w.mapped("Nurses", "Ward 9", vault.RoleClinician)
		w.mapped("Coders", "Ward 10", vault.RoleRecords)
		enter := func(login, group string) vault.Actor {
			f := w.federated("s-"+login, login, group)
			f.Create = true
			o := must(w.enters(f))(t)
			return must(w.V.Authenticate(ctx, o.Token))(t)
		}
		nurse, coder := enter("nurse", "Nurses"), enter("coder", "Coders")
		holds := func(who vault.Actor, want int) {
			t.Helper()
			roles := w.count(`SELECT count(*) FROM person_roles WHERE person = $1`, string(who.Person()))
			teams := w.count(`SELECT count(*) FROM team_members WHERE person = $1 AND (ended_at IS NULL OR ended_at > $2)`, string(who.Person()), w.Clock.Now().UnixMilli())
			if roles != want || teams != want {
				t.Errorf("%s holds %d roles and is in %d teams, want %d", who.Name(), roles, teams, want)
			}
		}
		holds(nurse, 1)
		ok(t, w.V.DropGroup(ctx, op, "nurses"))
		holds(nurse, 0)
		holds(coder, 1)
		_, err := w.V.Sessions(ctx, nurse)
		wants(t, "the session of who holds less", err, vault.ErrUnauthenticated)
		_, err = w.V.Sessions(ctx, coder)
		wants(t, "the session of another", err, nil)
		w.mapped("Coders", "", vault.RoleRecords)
		if n := w.count(`SELECT count(*) FROM team_members WHERE person = $1 AND ended_at IS NULL`, string(coder.Person())); n != 0 {
			t.Error("still in a team that no group means")
		}
		w.verified()
	})
}
