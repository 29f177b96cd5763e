package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
)

// pageRoutes adds the pages. All but the sign-in page ask who is there first and send a stranger to it; what the
// person may see is decided by the vault when the page asks it for something.
func (s *Server) pageRoutes(r chi.Router) {
	r.Get("/sign-in", s.signInPage)
	r.Get("/sign-in/prove", s.provePage)
	r.Get("/enrol", s.enrolPage)
	r.Get("/sign-in/enrol", s.enrolmentPage)
	r.Get(hospitalPath, s.toHospital)
	r.Get(backPath, s.fromHospital)
	r.Post("/sign-out", s.signOutPage)
	r.Get(web.WorkerPath, s.shell.ServeWorker)
	r.Get(web.ManifestPath, s.shell.ServeManifest)
	r.Get(capturePath, s.shell.ServePage)
	for path, build := range map[string]pageFunc{
		"/":                    s.startPage,
		"/captures":            s.capturesPage,
		"/patients":            s.patientsPage,
		"/patients/{id}":       s.patientPage,
		"/photos/{id}":         s.photoPage,
		"/photos/{id}/consent": s.consentPage,
		"/review":              s.reviewPage,
		"/records":             s.recordsPage,
		"/records/{patient}":   s.recordsPage,
		"/audit":               s.auditPage,
		"/erasures":            s.erasuresPage,
		"/erasures/{id}":       s.erasurePage,
		"/holds":               s.holdsPage,
		"/retention":           s.retentionPage,
		"/recalls":             s.recallsPage,
		"/people":              s.peoplePage,
		"/people/{login}":      s.personPage,
		"/directory":           s.directoryPage,
		"/devices":             s.devicesPage,
		"/teams":               s.teamsPage,
		"/messages":            s.messagesPage,
		"/health":              s.healthPage,
		"/detection":           s.detectionPage,
		"/access":              s.accessPage,
		"/access/report":       s.accessReportPage,
		"/break-glass":         s.breakGlassPage,
		"/delegation":          s.delegationPage,
		"/account":             s.accountPage,
		"/notices":             s.noticesPage,
		"/scale-sheet":         s.scaleSheetPage,
		"/l/{code}":            s.linkPage,
	} {
		r.Get(path, s.page(build))
	}
}

// capturePath is the page that a browser keeps for the times without a network. It is made for nobody: its script asks
// whose it is, and leads a stranger to where they sign in.
const capturePath = "/capture"

// newShell makes that page.
func newShell(w *web.Web) (*web.Shell, error) {
	return w.Shell(capturePath, "capture", web.View{Title: "Take a photo", Page: struct{ Sites []vault.BodySite }{vault.BodySites}})
}

// visit is one person's request for a page.
type visit struct {
	s     *Server
	r     *http.Request
	ctx   context.Context
	actor vault.Actor
}

// sheet is the answer to a visit: a page, or a way to go instead.
type sheet struct {
	name, title, here string
	body              any
	goTo              string
}

type pageFunc func(v visit) (sheet, error)

// page is the way of one page: who is it, then what the vault gives, then the template.
func (s *Server) page(build pageFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.authenticate(r)
		if err != nil {
			s.strangerOr(w, r, err)
			return
		}
		if actor.SignIn().Locked {
			s.lockedPage(w, r)
			return
		}
		out, err := build(visit{s: s, r: r, ctx: r.Context(), actor: actor})
		switch {
		case err != nil:
			s.strangerOr(w, r, err)
		case out.goTo != "":
			http.Redirect(w, r, out.goTo, http.StatusSeeOther)
		default:
			who := whoOf(actor)
			who.Waiting = s.waiting(r, actor, out.here)
			s.show(w, r, http.StatusOK, out.name, web.View{Title: out.title, Here: out.here, Who: who, Page: out.body})
		}
	}
}

// show renders and logs what the template could not do, once.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, name string, view web.View) {
	if err := s.web.Page(w, status, name, view); err != nil {
		s.log.Error("page not rendered", "page", name, "request", infoOf(r).id, "err", err)
	}
}

// strangerOr leads whoever has to show more of who they are to where they do, and tells every other error.
func (s *Server) strangerOr(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, vault.ErrSessionLocked):
		s.lockedPage(w, r)
	case errors.Is(err, vault.ErrSecondFactor):
		http.Redirect(w, r, "/account?add", http.StatusSeeOther)
	case errors.Is(err, vault.ErrDeviceProof):
		http.Redirect(w, r, "/sign-in/prove"+nextOf(r), http.StatusSeeOther)
	case errors.Is(err, vault.ErrUnauthenticated):
		s.toSignIn(w, r)
	default:
		s.problem(w, r, err)
	}
}

func (s *Server) toSignIn(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/sign-in"+nextOf(r), http.StatusSeeOther)
}

// nextOf is the query that leads back to the page that was asked for.
func nextOf(r *http.Request) string {
	if r.Method != http.MethodGet || r.URL.Path == "/" {
		return ""
	}
	return "?next=" + url.QueryEscape(r.URL.RequestURI())
}

func whoOf(a vault.Actor) *web.Who {
	in := a.SignIn()
	who := &web.Who{
		ID: string(a.Person()), Name: a.Name(), Session: string(a.Session()), LockAfter: int(in.LockAfter / time.Second), Shared: in.Shared,
	}
	for _, role := range a.Roles() {
		who.Roles = append(who.Roles, string(role))
	}
	return who
}

// safeNext is where to go after signing in: a path of this site with its query, or "/" for everything else. A
// browser reads "//host", "/\host" and control characters as ways to another site.
func safeNext(wish string) string {
	bad := func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' }
	if !strings.HasPrefix(wish, "/") || strings.HasPrefix(wish, "//") || strings.ContainsFunc(wish, bad) {
		return "/"
	}
	u, err := url.Parse(wish)
	if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(u.Path, "//") ||
		u.Path == "/sign-in" || strings.HasPrefix(u.Path, "/sign-in/") || u.Path == "/sign-out" {
		return "/"
	}
	return wish
}

// signOutPage ends the session and forgets the cookie; without a session only the latter. A page that names whose session it
// means, since it asks late, leaves that of anybody else as it is.
func (s *Server) signOutPage(w http.ResponseWriter, r *http.Request) {
	actor, err := s.authenticate(r)
	if err == nil {
		if person := r.PostFormValue("person"); person != "" && person != string(actor.Person()) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		err = s.vault.SignOut(r.Context(), actor)
	}
	if err != nil && problemOf(err, "").Status >= http.StatusInternalServerError {
		s.problem(w, r, err)
		return
	}
	http.SetCookie(w, sessionCookie(""))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

// startPage leads each role to its work.
func (s *Server) startPage(v visit) (sheet, error) {
	for _, start := range []struct {
		role vault.Role
		path string
	}{
		{vault.RoleClinician, capturePath}, {vault.RoleReviewer, "/review"}, {vault.RoleRecords, "/records"},
		{vault.RolePrivacy, "/audit"}, {vault.RoleAdmin, "/people"},
	} {
		if v.actor.Has(start.role) {
			return sheet{goTo: start.path}, nil
		}
	}
	return sheet{}, say(vault.ErrDenied, "Your account has no role yet. Ask whoever runs Clinivault here.")
}

// pageProblem tells a refusal to a person.
func (s *Server) pageProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Status == http.StatusUnauthorized {
		s.toSignIn(w, r)
		return
	}
	view := web.View{Title: p.Title, Page: p}
	if actor, ok := s.actor(r); ok {
		view.Who = whoOf(actor)
	}
	s.show(w, r, p.Status, "error", view)
}

// must refuses a person without any of the roles, before a page that asks the vault for nothing is shown.
func (v visit) must(roles ...vault.Role) error {
	if slices.ContainsFunc(roles, v.actor.Has) {
		return nil
	}
	return vault.ErrDenied
}

func (v visit) param(name string) (string, error) { return cleanID(chi.URLParam(v.r, name)) }
