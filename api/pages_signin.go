package api

import (
	"net/http"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
)

// signInPage is public. Whoever is signed in already goes on, unless their screen is locked: then somebody else may
// sign in beside them.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	next := safeNext(r.URL.Query().Get("next"))
	actor, in := s.actor(r)
	if in && !actor.SignIn().Locked {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	_, err := r.Cookie(cookieName)
	body := struct {
		Next, Hospital string
		Expired, Only  bool
	}{Next: next, Expired: err == nil && !in}
	if s.hospital != nil {
		body.Hospital, body.Only = s.hospital.label(), s.hospital.only()
	}
	s.show(w, r, http.StatusOK, "sign-in", web.View{Title: "Sign in", Page: body})
}

// enrolmentPage is public: it takes the code that an administrator handed to a person.
func (s *Server) enrolmentPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "enrolment", web.View{Title: "Set up your account"})
}

// lockedPage is every page of a locked session: the way in, and nothing else. It is told with the address that was
// asked for, so that loading again after opening shows what was wanted.
func (s *Server) lockedPage(w http.ResponseWriter, r *http.Request) {
	view := web.View{Title: "Locked"}
	if actor, ok := s.actor(r); ok {
		view.Who = whoOf(actor)
		view.Who.Locked = true
	}
	s.show(w, r, problemOf(vault.ErrSessionLocked, "").Status, "locked", view)
}
