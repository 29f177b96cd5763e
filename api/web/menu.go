package web

import "slices"

// entry is one line of the menu. Roles are those it is for; none: everybody.
type entry struct {
	Path, Label string
	Roles       []string
}

// menu is the main menu, in its order. It decides what is offered, never what a person may do.
var menu = []entry{
	{"/capture", "Take a photo", []string{"clinician"}},
	{"/captures", "Sent", []string{"clinician"}},
	{"/patients", "Patients", []string{"clinician"}},
	{"/delegation", "Delegation", []string{"clinician"}},
	{"/review", "Review", []string{"reviewer"}},
	{"/records", "Records", []string{"records"}},
	{"/audit", "Audit", []string{"privacy"}},
	{"/access", "Access", []string{"privacy"}},
	{"/recalls", "Recalls", []string{"records", "privacy"}},
	{"/erasures", "Erasure", []string{"records", "privacy"}},
	{"/holds", "Holds", []string{"records", "privacy"}},
	{"/retention", "Retention", []string{"records", "privacy"}},
	{"/people", "People", []string{"admin"}},
	{"/teams", "Teams", []string{"admin"}},
	{"/messages", "Messages", []string{"admin"}},
	{"/health", "Health", []string{"admin"}},
	{"/detection", "Detection", []string{"admin"}},
	{"/devices", "Devices", nil},
}

// Menu gives the entries that are for the person.
func (w *Who) Menu() []entry {
	return slices.DeleteFunc(slices.Clone(menu), func(e entry) bool {
		return len(e.Roles) > 0 && !slices.ContainsFunc(e.Roles, w.Has)
	})
}
