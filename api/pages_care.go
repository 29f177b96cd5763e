package api

import (
	"time"

	"github.com/clinivault/clinivault/vault"
)

// teamsBody is the page of teams. Patients are counted alone.
type teamsBody struct {
	Live, Ended []vault.Team
	Admin       bool
	Now         vault.Time
}

func (s *Server) teamsPage(v visit) (sheet, error) {
	all, err := s.vault.Teams(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	body := teamsBody{Admin: v.actor.Has(vault.RoleAdmin), Now: vault.TimeOf(time.Now())}
	for _, t := range all {
		if t.EndedAt == 0 {
			body.Live = append(body.Live, t)
		} else {
			body.Ended = append(body.Ended, t)
		}
	}
	return sheet{name: "teams", title: "Teams", here: "/teams", body: body}, nil
}

// messagesBody is the page of messages that were not applied.
type messagesBody struct {
	Waiting, Settled []vault.Message
}

func (s *Server) messagesPage(v visit) (sheet, error) {
	all, err := s.vault.Messages(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	var body messagesBody
	for _, m := range all {
		if m.State == "failed" {
			body.Waiting = append(body.Waiting, m)
		} else {
			body.Settled = append(body.Settled, m)
		}
	}
	return sheet{name: "messages", title: "Messages", here: "/messages", body: body}, nil
}
