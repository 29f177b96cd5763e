package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

func (c *call) scimUsers() error {
	l, err := c.listing(users)
	if err != nil {
		return err
	}
	found, err := c.s.vault.DirectoryUsers(c.r.Context(), c.actor, vault.DirectoryQuery{Name: l.sought.name, ExternalID: l.sought.externalID})
	if err != nil {
		return err
	}
	all := make([]object, len(found))
	for i, u := range found {
		all[i] = c.tellUser(u)
	}
	return c.tellList(l, all)
}

func (c *call) scimUser() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	u, err := c.s.vault.DirectoryUser(c.r.Context(), c.actor, vault.PersonID(id))
	if err != nil {
		return err
	}
	return c.tell(http.StatusOK, users, c.tellUser(u))
}

func (c *call) scimAddUser() error {
	sent, err := c.sent(users)
	if err != nil {
		return err
	}
	u, err := userOf(sent, true)
	if err != nil {
		return err
	}
	if _, err := c.shown(users); err != nil {
		return err
	}
	u, err = c.s.vault.AddDirectoryUser(c.r.Context(), c.actor, u)
	if err != nil {
		return err
	}
	return c.tell(http.StatusCreated, users, c.tellUser(u))
}

// changeUser has the vault change a person to what change makes of the resource, if the directory knew its version.
func (c *call) changeUser(change func(now object) (object, error)) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if _, err := c.shown(users); err != nil {
		return err
	}
	u, err := c.s.vault.ChangeDirectoryUser(c.r.Context(), c.actor, vault.PersonID(id), func(was vault.DirectoryUser) (vault.DirectoryUser, error) {
		now := c.tellUser(was)
		if err := c.wanted(now); err != nil {
			return was, err
		}
		next, err := change(now)
		if err != nil {
			return was, err
		}
		return userOf(next, was.Active)
	})
	if err != nil {
		return err
	}
	return c.tell(http.StatusOK, users, c.tellUser(u))
}

func (c *call) scimPutUser() error {
	sent, err := c.sent(users)
	if err != nil {
		return err
	}
	return c.changeUser(func(object) (object, error) { return sent, nil })
}

func (c *call) scimPatchUser() error {
	change, err := c.patch(users)
	if err != nil {
		return err
	}
	return c.changeUser(change)
}

func (c *call) scimDropUser() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	err = c.s.vault.DropDirectoryUser(c.r.Context(), c.actor, vault.PersonID(id), func(u vault.DirectoryUser) error {
		return c.wanted(c.tellUser(u))
	})
	if err != nil {
		return err
	}
	return c.done()
}
