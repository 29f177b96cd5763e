package vault

import (
	"context"
	"fmt"
	"slices"
)

// keepsIdentity guards who somebody is at the hospital's sign-in, which finds a person by login or external ID until it
// has found them once. Of whoever was given a role here that no group means, and has not signed in there yet, a directory
// changes neither: it could let itself in as them. It is refused, unless it puts the person out: that is done, and the
// two stay as they were.
func (t *tx) keepsIdentity(ctx context.Context, was, is DirectoryUser) (DirectoryUser, error) {
	if is.login() == was.login() && is.ExternalID == was.ExternalID {
		return is, nil
	}
	held, err := list(ctx, t, scanOne[Role], `SELECT role FROM person_roles WHERE person = $1 AND source = 'local'
		AND NOT EXISTS (SELECT 1 FROM federated_links l WHERE l.person = $1)`, was.ID)
	if err != nil {
		return is, fmt.Errorf("reading roles: %w", err)
	}
	mapped, err := readGroupMap(ctx, t)
	if err != nil {
		return is, err
	}
	for _, m := range mapped {
		held = lost(held, m.Roles)
	}
	switch {
	case !slices.ContainsFunc(held, Role.valid):
		return is, nil
	case is.Active:
		return is, say(ErrDenied, "An administrator gave this person roles that no group means: userName and externalId stay as they are.")
	}
	is.UserName, is.ExternalID = was.UserName, was.ExternalID
	return is, nil
}
