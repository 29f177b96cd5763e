package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

func (c *call) scimGroups() error {
	l, err := c.listing(groups)
	if err != nil {
		return err
	}
	found, err := c.s.vault.DirectoryGroups(c.r.Context(), c.actor, vault.DirectoryQuery{Name: l.sought.name, ExternalID: l.sought.externalID,
		Member: vault.PersonID(l.sought.member), Bare: !l.withMembers})
	if err != nil {
		return err
	}
	all := make([]object, len(found))
	for i, g := range found {
		all[i] = c.tellGroup(g)
	}
	return c.tellList(l, all)
}

func (c *call) scimGroup() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	g, err := c.s.vault.DirectoryGroup(c.r.Context(), c.actor, vault.GroupID(id))
	if err != nil {
		return err
	}
	return c.tell(http.StatusOK, groups, c.tellGroup(g))
}

func (c *call) scimAddGroup() error {
	sent, err := c.sent(groups)
	if err != nil {
		return err
	}
	g, err := groupOf(sent)
	if err != nil {
		return err
	}
	if _, err := c.shown(groups); err != nil {
		return err
	}
	g, err = c.s.vault.AddDirectoryGroup(c.r.Context(), c.actor, g)
	if err != nil {
		return err
	}
	return c.tell(http.StatusCreated, groups, c.tellGroup(g))
}

// changeGroup has the vault change a group to what change makes of the resource, if the directory knew its version.
func (c *call) changeGroup(change func(now object) (object, error)) (object, error) {
	id, err := c.id("id")
	if err != nil {
		return nil, err
	}
	if _, err := c.shown(groups); err != nil {
		return nil, err
	}
	g, err := c.s.vault.ChangeDirectoryGroup(c.r.Context(), c.actor, vault.GroupID(id), func(was vault.DirectoryGroup) (vault.DirectoryGroup, error) {
		now := c.tellGroup(was)
		if err := c.wanted(now); err != nil {
			return was, err
		}
		next, err := change(now)
		if err != nil {
			return was, err
		}
		return groupOf(next)
	})
	if err != nil {
		return nil, err
	}
	return c.tellGroup(g), nil
}

func (c *call) scimPutGroup() error {
	sent, err := c.sent(groups)
	if err != nil {
		return err
	}
	now, err := c.changeGroup(func(object) (object, error) { return sent, nil })
	if err != nil {
		return err
	}
	return c.tell(http.StatusOK, groups, now)
}

// scimPatchGroup answers without the group, which may be long, unless the directory says what it wants to see (RFC 7644
// section 3.5.2).
func (c *call) scimPatchGroup() error {
	change, err := c.patch(groups)
	if err != nil {
		return err
	}
	now, err := c.changeGroup(change)
	if err != nil {
		return err
	}
	if q := c.r.URL.Query(); q.Get("attributes") != "" || q.Get("excludedAttributes") != "" {
		return c.tell(http.StatusOK, groups, now)
	}
	c.w.Header().Set("ETag", versionOf(now))
	return c.done()
}

func (c *call) scimDropGroup() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	err = c.s.vault.DropDirectoryGroup(c.r.Context(), c.actor, vault.GroupID(id), func(g vault.DirectoryGroup) error {
		return c.wanted(c.tellGroup(g))
	})
	if err != nil {
		return err
	}
	return c.done()
}
