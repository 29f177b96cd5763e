package api

import "github.com/clinivault/clinivault/vault"

var incidentRoutes = []route{
	{method: "GET", path: "/api/v1/incidents", summary: "Stored objects that are not as they should be, open ones first", roles: only(admin), out: incidentsAnswer{}, do: (*call).incidents},
	{method: "GET", path: "/api/v1/keys/status", summary: "Versions and epochs of the keys, and rotations; no key", roles: only(admin), out: vault.KeyStatus{}, do: (*call).keyStatus},
	{method: "GET", path: "/api/v1/witnesses", summary: "How far each external witness of the log is", roles: only(admin), out: witnessesAnswer{}, do: (*call).witnesses},
	{method: "POST", path: "/api/v1/incidents/{id}/settle", summary: "Close an incident, with a reason", roles: only(admin), in: reasonRequest{}, status: 204, do: (*call).settleIncident},
}

type incidentsAnswer struct {
	Incidents []vault.Incident `json:"incidents"`
}

func (c *call) incidents() error {
	list, err := c.s.vault.Incidents(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(incidentsAnswer{some(list)})
}

// settleIncident closes what somebody has dealt with; what is still wrong opens a new one when it is met again.
func (c *call) settleIncident() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	reason, err := c.reason()
	if err != nil {
		return err
	}
	if err := c.s.vault.SettleIncident(c.r.Context(), c.actor, vault.IncidentID(id), reason); err != nil {
		return err
	}
	return c.done()
}

func (c *call) keyStatus() error {
	keys, err := c.s.vault.KeysStatus(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(keys)
}

type witnessesAnswer struct {
	Witnesses []vault.WitnessState `json:"witnesses"`
}

func (c *call) witnesses() error {
	list, err := c.s.vault.Witnesses(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(witnessesAnswer{some(list)})
}
