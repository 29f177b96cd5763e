package vault_test

import (
	"context"
	"errors"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// directory is a directory that was let in under a name.
func directory(t testing.TB, v *vault.Vault, name string) vault.Actor {
	t.Helper()
	_, token, err := v.AddProvisioner(t.Context(), vault.Operator(), name)
	ok(t, err)
	return must(v.AuthenticateProvisioner(t.Context(), token.Reveal()))(t).From("192.0.2.9", "SCIM")
}

// provisionOperations are the rights to people: an admin's and the operator's, and the directory's own.
var provisionOperations = []operation{
	{"AddProvisioner", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, _, err := s.v.AddProvisioner(ctx, a, "")
		return err
	}},
	{"EndProvisioner", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.EndProvisioner(ctx, a, "none"))
	}},
	{"Provisioners", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Provisioners(ctx, a)
		return err
	}},
	{"GroupMap", "pao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.GroupMap(ctx, a)
		return err
	}},
	{"SetGroup", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SetGroup(ctx, a, vault.MappedGroup{})
	}},
	{"DropGroup", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.DropGroup(ctx, a, "no such group"))
	}},
	{"SetRoles", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SetRoles(ctx, a, "leaver", []vault.Role{"king"})
	}},
	{"SetTerms", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SetTerms(ctx, a, "leaver", vault.Terms{ValidFrom: -1})
	}},
	{"EnablePerson", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.EnablePerson(ctx, a, "no-such-login"))
	}},
	{"FindPeople", "pao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, _, err := s.v.FindPeople(ctx, a, vault.PeopleFilter{})
		return err
	}},
	{"PersonByLogin", "pao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.PersonByLogin(ctx, a, "leaver")
		return past(err)
	}},
	{"ExpirePeople", "jo", "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.ExpirePeople(ctx, a) }},
	{"DirectoryUsers", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.DirectoryUsers(ctx, a, vault.DirectoryQuery{})
		return err
	}},
	{"DirectoryUser", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.DirectoryUser(ctx, a, s.person)
		return err
	}},
	{"AddDirectoryUser", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AddDirectoryUser(ctx, a, vault.DirectoryUser{})
		return err
	}},
	{"ChangeDirectoryUser", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ChangeDirectoryUser(ctx, a, s.person, func(u vault.DirectoryUser) (vault.DirectoryUser, error) { return u, errStop })
		return err
	}},
	{"DropDirectoryUser", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.DropDirectoryUser(ctx, a, s.person, func(vault.DirectoryUser) error { return errStop })
	}},
	{"DirectoryGroups", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.DirectoryGroups(ctx, a, vault.DirectoryQuery{})
		return err
	}},
	{"DirectoryGroup", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.DirectoryGroup(ctx, a, "none")
		return past(err)
	}},
	{"AddDirectoryGroup", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AddDirectoryGroup(ctx, a, vault.DirectoryGroup{})
		return err
	}},
	{"ChangeDirectoryGroup", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ChangeDirectoryGroup(ctx, a, "none", func(g vault.DirectoryGroup) (vault.DirectoryGroup, error) { return g, errStop })
		return past(err)
	}},
	{"DropDirectoryGroup", "s", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.DropDirectoryGroup(ctx, a, "none", func(vault.DirectoryGroup) error { return errStop }))
	}},
}

// errStop keeps an allowed change from happening.
var errStop = errors.New("the test wants no change")
