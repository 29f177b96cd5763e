package vault_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// model is what a directory's people and groups should be, in the simplest words: maps.
type model struct {
	users  map[vault.PersonID]vault.DirectoryUser
	groups map[vault.GroupID]vault.DirectoryGroup
	means  map[string]vault.MappedGroup // by name in lower case
}

// roles are what somebody should hold because of their groups.
func (m *model) roles(id vault.PersonID) (out []vault.Role) {
	for _, g := range m.groups {
		if slices.ContainsFunc(g.Members, func(x vault.DirectoryMember) bool { return x.ID == id }) {
			out = append(out, m.means[strings.ToLower(g.Name)].Roles...)
		}
	}
	var ordered []vault.Role
	for _, r := range vault.Roles() {
		if slices.Contains(out, r) {
			ordered = append(ordered, r)
		}
	}
	return ordered
}

// teams are the names of the teams that somebody should be in.
func (m *model) teams(id vault.PersonID) (out []string) {
	if !m.users[id].Active {
		return nil
	}
	for _, g := range m.groups {
		if team := m.means[strings.ToLower(g.Name)].Team; team != "" && slices.ContainsFunc(g.Members, func(x vault.DirectoryMember) bool { return x.ID == id }) {
			out = append(out, team)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	modelNames  = []string{"one.test", "Two.Test", "two.test", "three", "", "not a login"}
	modelGroups = []string{"Surgery", "surgery", "Records", "IT", ""}
	modelTeams  = []string{"", "Ward 1", "Ward 2", "No such ward"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// pickKey picks a key of a map that grew in any order, or one that is none.
func pickKey[K ~string, V any](r *rand.Rand, from map[K]V) K {
	keys := slices.Sorted(maps.Keys(from))
	if len(keys) == 0 || r.IntN(12) == 0 {
		return "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	}
	return pick(r, keys)
}

func (m *model) userFault(id vault.PersonID, u vault.DirectoryUser) error {
	if strings.ContainsAny(u.UserName, " ") || u.UserName == "" {
		return vault.ErrInvalid
	}
	for other, o := range m.users {
		if other != id && (strings.EqualFold(o.UserName, u.UserName) || u.ExternalID != "" && o.ExternalID == u.ExternalID) {
			return vault.ErrConflict
		}
	}
	return nil
}

func (m *model) groupFault(id vault.GroupID, g vault.DirectoryGroup, had []vault.DirectoryMember) error {
	if g.Name == "" {
		return vault.ErrInvalid
	}
	for other, o := range m.groups {
		if other != id && strings.EqualFold(o.Name, g.Name) {
			return vault.ErrConflict
		}
	}
	for _, x := range g.Members {
		if _, known := m.users[x.ID]; !known && !slices.Contains(had, x) {
			return vault.ErrInvalid
		}
	}
	return nil
}

func (m *model) members(r *rand.Rand) (out []vault.DirectoryMember) {
	for range r.IntN(4) {
		x := vault.DirectoryMember{ID: pickKey(r, m.users)}
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// step does one random thing to both, and fails when they answer otherwise.
func (m *model) step(t *testing.T, w *world, r *rand.Rand) (what string) {
	ctx := t.Context()
	same := func(got, want error) {
		t.Helper()
		if !errors.Is(got, want) || want == nil && got != nil {
			t.Fatalf("%s: got %v, want %v", what, got, want)
		}
	}
	randomUser := func() vault.DirectoryUser {
		return vault.DirectoryUser{UserName: pick(r, modelNames), ExternalID: pick(r, []string{"", "e1", "e2"}), Active: r.IntN(3) > 0, Given: pick(r, []string{"", "Given"})}
	}
	switch r.IntN(8) {
	case 0, 1:
		u := randomUser()
		what = fmt.Sprintf("adding user %q", u.UserName)
		got, err := w.V.AddDirectoryUser(ctx, w.directory, u)
		want := m.userFault("", u)
		same(err, want)
		if want == nil {
			m.users[got.ID] = u
		}
	case 2, 3:
		id, u := pickKey(r, m.users), randomUser()
		what = fmt.Sprintf("changing user %s to %q, active %v", id, u.UserName, u.Active)
		_, known := m.users[id]
		want := m.userFault(id, u)
		if !known {
			want = vault.ErrNotFound
		}
		_, err := w.V.ChangeDirectoryUser(ctx, w.directory, id, func(vault.DirectoryUser) (vault.DirectoryUser, error) { return u, nil })
		same(err, want)
		if want == nil {
			m.users[id] = u
		}
	case 4:
		m.dropOne(t, w, r, same)
	case 5:
		g := vault.DirectoryGroup{Name: pick(r, modelGroups), Members: m.members(r)}
		what = fmt.Sprintf("adding group %q of %v", g.Name, g.Members)
		want := m.groupFault("", g, nil)
		got, err := w.V.AddDirectoryGroup(ctx, w.directory, g)
		same(err, want)
		if want == nil {
			m.groups[got.ID] = g
		}
	case 6:
		id, g := pickKey(r, m.groups), vault.DirectoryGroup{Name: pick(r, modelGroups), Members: m.members(r)}
		what = fmt.Sprintf("changing group %s to %q of %v", id, g.Name, g.Members)
		was, known := m.groups[id]
		want := m.groupFault(id, g, was.Members)
		if !known {
			want = vault.ErrNotFound
		}
		_, err := w.V.ChangeDirectoryGroup(ctx, w.directory, id, func(vault.DirectoryGroup) (vault.DirectoryGroup, error) { return g, nil })
		same(err, want)
		if want == nil {
			m.groups[id] = g
		}
	case 7:
		line := vault.MappedGroup{Name: pick(r, modelGroups[:4]), Team: pick(r, modelTeams)}
		for range r.IntN(3) {
			line.Roles = append(line.Roles, pick(r, vault.Roles()))
		}
		what = fmt.Sprintf("mapping %q to %v and %q", line.Name, line.Roles, line.Team)
		same(w.V.SetGroup(ctx, vault.Operator(), line), nil)
		m.means[strings.ToLower(line.Name)] = line
	}
	return what
}

// dropOne deletes a user or a group.
func (m *model) dropOne(t *testing.T, w *world, r *rand.Rand, same func(got, want error)) {
	var want error
	if r.IntN(2) == 0 {
		id := pickKey(r, m.users)
		if _, known := m.users[id]; !known {
			want = vault.ErrNotFound
		}
		same(w.V.DropDirectoryUser(t.Context(), w.directory, id, func(vault.DirectoryUser) error { return nil }), want)
		delete(m.users, id)
		for g, group := range m.groups {
			group.Members = slices.DeleteFunc(slices.Clone(group.Members), func(x vault.DirectoryMember) bool { return x.ID == id })
			m.groups[g] = group
		}
		return
	}
	id := pickKey(r, m.groups)
	if _, known := m.groups[id]; !known {
		want = vault.ErrNotFound
	}
	same(w.V.DropDirectoryGroup(t.Context(), w.directory, id, func(vault.DirectoryGroup) error { return nil }), want)
	delete(m.groups, id)
}

// compare holds all that the vault tells against the model.
func (m *model) compare(t *testing.T, w *world, what string) {
	t.Helper()
	wanted := map[vault.PersonID]bool{}
	for _, u := range must(w.V.DirectoryUsers(t.Context(), w.directory, vault.DirectoryQuery{}))(t) {
		want, known := m.users[u.ID]
		if wanted[u.ID] = known; known && (u.UserName != want.UserName || u.Active != want.Active || u.ExternalID != want.ExternalID || u.Given != want.Given) {
			t.Fatalf("after %s: user %+v, want %+v", what, u, want)
		}
	}
	for id := range m.users {
		if !wanted[id] {
			t.Fatalf("after %s: user %s is missing", what, id)
		}
	}
	told := must(w.V.DirectoryGroups(t.Context(), w.directory, vault.DirectoryQuery{}))(t)
	if len(told) != len(m.groups) {
		t.Fatalf("after %s: %d groups, want %d", what, len(told), len(m.groups))
	}
	for _, g := range told {
		var got, want []vault.PersonID
		for _, x := range g.Members {
			got = append(got, x.ID)
		}
		for _, x := range m.groups[g.ID].Members {
			want = append(want, x.ID)
		}
		if slices.Sort(want); g.Name != m.groups[g.ID].Name || !slices.Equal(got, want) {
			t.Fatalf("after %s: group %q of %v, want %q of %v", what, g.Name, got, m.groups[g.ID].Name, want)
		}
	}
	teams := teamsOf(t, w)
	for _, p := range must(w.V.People(t.Context(), vault.Operator()))(t) {
		if _, known := m.users[p.ID]; !known && p.LeftAt == 0 {
			continue // made here
		}
		if want := m.roles(p.ID); !slices.Equal(p.Roles, want) {
			t.Fatalf("after %s: %s holds %v, want %v", what, p.Login, p.Roles, want)
		}
		want := slices.DeleteFunc(m.teams(p.ID), func(name string) bool { return name == "No such ward" })
		if !slices.Equal(teams[p.ID], want) {
			t.Fatalf("after %s: %s is in the teams %v, want %v", what, p.Login, teams[p.ID], want)
		}
	}
}

// teamsOf are the teams that people are in now because of the directory, by name.
func teamsOf(t *testing.T, w *world) map[vault.PersonID][]string {
	t.Helper()
	out := map[vault.PersonID][]string{}
	for _, team := range must(w.V.Teams(t.Context(), w.admin))(t) {
		for _, x := range team.Members {
			if x.Source == "scim" && (x.EndedAt == 0 || x.EndedAt > vault.TimeOf(w.Clock.Now())) {
				out[x.Person] = append(out[x.Person], team.Name)
			}
		}
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

// TestDirectoryAgainstModel: random sequences of what a directory and administrators do give what a simple model gives,
// on both databases. CLINIVAULT_DRILL sets how many sequences.
func TestDirectoryAgainstModel(t *testing.T) {
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv("CLINIVAULT_DRILL")); err == nil {
		rounds = n
	}
	onBoth(t, func(t *testing.T, w *world) {
		for _, name := range modelTeams[1:3] {
			must(w.V.AddTeam(t.Context(), vault.Operator(), name))(t)
		}
		m := &model{users: map[vault.PersonID]vault.DirectoryUser{}, groups: map[vault.GroupID]vault.DirectoryGroup{}, means: map[string]vault.MappedGroup{}}
		for round := range rounds {
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, uint64(round)))
			t.Logf("seed %d", seed)
			for range 60 {
				what := m.step(t, w, r)
				if r.IntN(3) > 0 {
					w.Clock.Add(time.Second)
				}
				m.compare(t, w, what)
			}
		}
		w.verified()
	})
}
