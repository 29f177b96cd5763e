package api

import (
	"errors"
	"slices"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// count is a named number.
type count struct {
	Name   string
	Number int64
}

var stateNames = []count{
	{Name: "accepted"}, {Name: "in_review"}, {Name: "approved"}, {Name: "rejected"}, {Name: "quarantined"}, {Name: "erased"},
}

// healthBody is what an administrator sees; it names photos by their numbers alone.
type healthBody struct {
	Parts         []vault.Part
	Counts        []count
	Open, Settled []vault.Incident
	Checked       vault.StoreCheck
	Dead          []vault.JobStatus
	Keys          *vault.KeyStatus // nil while the key service does not answer
	Witnesses     []vault.WitnessState
}

func (s *Server) healthPage(v visit) (sheet, error) {
	var body healthBody
	var err error
	if body.Parts, err = s.vault.Health(v.ctx, v.actor); err != nil {
		return sheet{}, err
	}
	body.Parts = s.withOthers(v.ctx, body.Parts)
	for _, read := range []func(visit, *healthBody) error{s.healthOfWork, s.healthOfStore, s.healthOfKeys} {
		if err := read(v, &body); err != nil {
			return sheet{}, err
		}
	}
	return sheet{name: "health", title: "Health", here: "/health", body: body}, nil
}

func (s *Server) healthOfWork(v visit, body *healthBody) (err error) {
	if body.Dead, err = s.vault.DeadJobs(v.ctx, v.actor); err != nil {
		return err
	}
	photos, err := s.vault.PhotoCounts(v.ctx)
	if err != nil {
		return err
	}
	size, err := s.vault.LogSize(v.ctx)
	for _, c := range stateNames {
		body.Counts = append(body.Counts, count{"Photos " + strings.ReplaceAll(c.Name, "_", " "), photos[c.Name]})
	}
	body.Counts = append(body.Counts, count{"Entries in the log", size}, count{"Stored objects refused", int64(s.vault.IntegrityRefusals())})
	return err
}

func (s *Server) healthOfStore(v visit, body *healthBody) (err error) {
	if body.Open, err = s.vault.Incidents(v.ctx, v.actor); err != nil {
		return err
	}
	if at := slices.IndexFunc(body.Open, func(i vault.Incident) bool { return i.SettledAt != 0 }); at >= 0 {
		body.Open, body.Settled = body.Open[:at], body.Open[at:]
	}
	body.Checked, err = s.vault.LastStoreCheck(v.ctx, v.actor)
	return err
}

// healthOfKeys does without a key service that is away: the parts say so, and the page has to be there just then.
func (s *Server) healthOfKeys(v visit, body *healthBody) (err error) {
	keys, err := s.vault.KeysStatus(v.ctx, v.actor)
	switch {
	case err == nil:
		body.Keys = &keys
	case !errors.Is(err, vault.ErrUnavailable):
		return err
	}
	body.Witnesses, err = s.vault.Witnesses(v.ctx, v.actor)
	return err
}
