package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

// noticesBody is a person's inbox: what waits for them, how they are told, the links they made.
type noticesBody struct {
	vault.Inbox
	Waiting []vault.Notice
	Seen    []vault.Notice
	Links   []vault.Link
	Through string // up to when what is shown counts as seen
}

func (s *Server) noticesPage(v visit) (sheet, error) {
	in, err := s.vault.Notices(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	body := noticesBody{Inbox: in}
	var last vault.Time
	for _, n := range in.Notices {
		if n.SeenAt == 0 {
			body.Waiting, last = append(body.Waiting, n), max(last, n.LastAt)
		} else {
			body.Seen = append(body.Seen, n)
		}
	}
	body.Through = last.String()
	body.Links, err = s.vault.Links(v.ctx, v.actor)
	return sheet{name: "notices", title: "Notices", here: "/notices", body: body}, err
}

// waiting is how many notices wait for the person, for the bar. A page is shown without the number rather than not at all;
// whoever has yet to show a second factor sees their account alone, and is not asked for, since the refusal would be logged.
func (s *Server) waiting(r *http.Request, actor vault.Actor, here string) int64 {
	if here == "/account" && actor.SignIn().Strength == "single" {
		return 0
	}
	n, err := s.vault.NoticeCount(r.Context(), actor)
	if err != nil {
		s.log.Debug("notices not counted", "request", infoOf(r).id, "err", err)
	}
	return n
}
