package api

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

const (
	// cookieName has the prefix that browsers tie to this host, this path and a secure connection.
	cookieName = "__Host-clinivault"
	maxToken   = 128 // characters
	maxLogin   = 200
	maxSecret  = 1024
	signInWait = 5 * time.Second // for a place at the password check
)

type signInRequest struct {
	Login    string `json:"login"`
	Password secret `json:"password"`
}

// secret is a password on its way in. It prints as [redacted].
type secret string

func (secret) String() string   { return "[redacted]" }
func (secret) GoString() string { return "[redacted]" }

// LogValue keeps it out of logs.
func (secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

type sessionAnswer struct {
	Token     string     `json:"token,omitempty"`
	Person    personView `json:"person"`
	ExpiresAt vault.Time `json:"expires_at,omitzero"`
}

type personView struct {
	ID    vault.PersonID `json:"id"`
	Name  string         `json:"name"`
	Roles []vault.Role   `json:"roles"`
}

// signIn checks a password. Tries are bounded for each login and each remote address, and few are checked at the
// same time, because each costs memory. A browser gets a cookie that scripts cannot read; a program that asks for
// it gets the token.
func (c *call) signIn() error {
	var in signInRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Login == "" || len(in.Login) > maxLogin || in.Password == "" || len(in.Password) > maxSecret {
		return errCredentials
	}
	remote := infoOf(c.r).remote
	for _, door := range []struct {
		l   *limiter
		key string
	}{{c.s.byRemote, remoteKey(remote)}, {c.s.byLogin, loginKey(in.Login)}} {
		if wait, ok := door.l.take(door.key); !ok {
			return &said{kind: errTooMany, text: "Too many sign-in tries. Please wait a moment and try again.", after: wait}
		}
	}
	if err := hold(c, c.s.signIns, signInWait); err != nil {
		return err
	}
	defer func() { <-c.s.signIns }()
	bearer := strings.EqualFold(c.r.Header.Get("Accept-Session"), "bearer")
	device := "browser"
	if bearer {
		device = "program"
	}
	token, session, err := c.s.vault.SignIn(c.r.Context(), in.Login, string(in.Password), device, remote, infoOf(c.r).id)
	if errors.Is(err, vault.ErrUnauthenticated) {
		return errCredentials
	}
	if err != nil {
		return err
	}
	c.s.byRemote.giveBack(remoteKey(remote))
	c.s.byLogin.giveBack(loginKey(in.Login))
	out := sessionAnswer{Person: personView{session.Person, session.Name, session.Roles}, ExpiresAt: session.ExpiresAt}
	if bearer {
		out.Token = token
	} else {
		http.SetCookie(c.w, sessionCookie(token))
	}
	return c.ok(out)
}

// hold takes a token of room, waiting at most patience for one.
func hold(c *call, room chan struct{}, patience time.Duration) error {
	select {
	case room <- struct{}{}:
		return nil
	case <-time.After(patience):
		return errBusy
	case <-c.r.Context().Done():
		return c.r.Context().Err()
	}
}

// sessionCookie ends with the browser; how long the session lives is the vault's to say. An empty token deletes it.
func sessionCookie(token string) *http.Cookie {
	cookie := &http.Cookie{
		Name: cookieName, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	return cookie
}

func (c *call) signOut() error {
	if err := c.s.vault.SignOut(c.r.Context(), c.actor); err != nil {
		return err
	}
	http.SetCookie(c.w, sessionCookie(""))
	return c.done()
}

func (c *call) session() error {
	return c.ok(sessionAnswer{Person: personView{c.actor.Person(), c.actor.Name(), c.actor.Roles()}})
}

// authenticate finds out who sent the request, asking the vault once for each request.
func (s *Server) authenticate(r *http.Request) (vault.Actor, error) {
	in := infoOf(r)
	if in.known {
		return in.actor, nil
	}
	token := tokenOf(r)
	if token == "" {
		return vault.Actor{}, vault.ErrUnauthenticated
	}
	actor, err := s.vault.Authenticate(r.Context(), token)
	if err != nil {
		return vault.Actor{}, err
	}
	in.actor, in.known = actor.From(in.remote, in.id), true
	return in.actor, nil
}

// actor is authenticate for whoever needs no reason.
func (s *Server) actor(r *http.Request) (vault.Actor, bool) {
	a, err := s.authenticate(r)
	return a, err == nil
}

// tokenOf takes the token from the Authorization header, or from the cookie where there is no such header.
func tokenOf(r *http.Request) string {
	token := ""
	if auth := r.Header.Get("Authorization"); auth != "" {
		scheme, value, _ := strings.Cut(auth, " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimSpace(value)
		}
	} else if cookie, err := r.Cookie(cookieName); err == nil {
		token = cookie.Value
	}
	if len(token) > maxToken {
		return ""
	}
	return token
}
