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
	// knownCookie names a browser in which its person signed in before: others' guesses do not keep them out of it.
	knownCookie = "__Host-clinivault-known"
	// backgroundHeader marks what a page sends by itself, which does not keep the screen from locking.
	backgroundHeader = "Clinivault-Background"

	maxToken   = 128 // characters
	maxLogin   = 200
	maxSecret  = 1024
	signInWait = 5 * time.Second // for a place at the password check
)

type signInRequest struct {
	Login    string `json:"login"`
	Password secret `json:"password"`
}

// secret is a password, a code or a PIN on its way in or out of a person's hands. It prints as [redacted].
type secret string

func (secret) String() string   { return "[redacted]" }
func (secret) GoString() string { return "[redacted]" }

// LogValue keeps it out of logs.
func (secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// sessionAnswer is a session; or, with status 202, the ticket and the ways of the second step.
type sessionAnswer struct {
	Token     string       `json:"token,omitempty"`
	SessionID string       `json:"session_id,omitempty"`
	Person    personView   `json:"person,omitzero"`
	ExpiresAt vault.Time   `json:"expires_at,omitzero"`
	LockAfter int          `json:"lock_after,omitempty"` // seconds without a sign of the person; 0: never
	Shared    bool         `json:"shared,omitempty"`     // the device is one that several people use
	Locked    bool         `json:"locked,omitempty"`     // the screen is
	Ticket    secret       `json:"ticket,omitempty"`
	Ways      []secondWays `json:"ways,omitempty"`
}

// secondWays are "code", "recovery" and "passkey".
type secondWays string

type personView struct {
	ID    vault.PersonID `json:"id"`
	Name  string         `json:"name"`
	Roles []vault.Role   `json:"roles"`
}

// signIn checks a password. Tries are bounded for each remote address here and for each login by the vault, and few are
// checked at the same time, because each costs memory. A browser gets a cookie that scripts cannot read; a program that
// asks for it gets the token. Who has a second factor gets a ticket for the next step, and no session.
func (c *call) signIn() error {
	var in signInRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Login == "" || len(in.Login) > maxLogin || in.Password == "" || len(in.Password) > maxSecret {
		return errCredentials
	}
	return c.enter(errCredentials, func(d vault.Door) (vault.Opened, error) {
		return c.s.vault.SignInAt(c.r.Context(), in.Login, string(in.Password), d)
	})
}

// enter is the way in, by whatever factor: bounded tries, few at the same time, then what open says. A refusal is told
// as kind, so that it does not say which part was wrong.
func (c *call) enter(kind error, open func(vault.Door) (vault.Opened, error)) error {
	key := remoteKey(infoOf(c.r).remote)
	if wait, ok := c.s.byRemote.take(key); !ok {
		return &said{kind: errTooMany, text: "Too many sign-in tries. Please wait a moment and try again.", after: wait}
	}
	if err := hold(c, c.s.signIns, signInWait); err != nil {
		return err
	}
	defer func() { <-c.s.signIns }()
	opened, err := open(c.door())
	var second *vault.SecondStep
	if errors.As(err, &second) {
		c.s.byRemote.giveBack(key)
		return c.answer(http.StatusAccepted, sessionAnswer{Ticket: secret(second.Ticket), Ways: waysOf(second)})
	}
	if err != nil {
		return wrongFactor(kind, err)
	}
	c.s.byRemote.giveBack(key)
	return c.welcome(opened)
}

// wrongFactor tells a refused try as kind, with the sentence that the vault has for it where there is one to tell.
func wrongFactor(kind, err error) error {
	if !errors.Is(err, vault.ErrUnauthenticated) && !errors.Is(err, vault.ErrWrongFactor) {
		return err
	}
	var told interface{ Sentence() string }
	if kind == errCredentials || !errors.As(err, &told) {
		return kind
	}
	return say(kind, told.Sentence())
}

func waysOf(s *vault.SecondStep) []secondWays {
	var out []secondWays
	for _, w := range []struct {
		has bool
		way secondWays
	}{{s.TOTP, "code"}, {s.Recovery, "recovery"}, {s.Passkey, "passkey"}} {
		if w.has {
			out = append(out, w.way)
		}
	}
	return out
}

// bearer reports whether a program asks, which keeps its token itself.
func (c *call) bearer() bool { return strings.EqualFold(c.r.Header.Get("Accept-Session"), "bearer") }

// door is where the request knocks.
func (c *call) door() vault.Door {
	in := infoOf(c.r)
	d := vault.Door{Device: "program", Remote: in.remote, Request: in.id}
	if c.bearer() {
		return d
	}
	d.Device, d.Browser = browserName(c.r.UserAgent()), true
	if cookie, err := c.r.Cookie(knownCookie); err == nil && len(cookie.Value) <= maxToken {
		d.Known = cookie.Value
	}
	return d
}

// welcome hands a session over: its token as a cookie, or in the answer to a program.
func (c *call) welcome(o vault.Opened) error {
	out := sessionAnswer{
		SessionID: string(o.Session.ID), Person: personView{o.Session.Person, o.Session.Name, o.Session.Roles}, ExpiresAt: o.Session.ExpiresAt,
	}
	if c.bearer() || c.r.Header.Get("Authorization") != "" {
		out.Token = o.Token
		return c.ok(out)
	}
	http.SetCookie(c.w, sessionCookie(o.Token))
	if o.Known != "" {
		known := sessionCookie(o.Known)
		known.Name, known.MaxAge = knownCookie, int(vault.KnownFor/time.Second)
		http.SetCookie(c.w, known)
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
	in := c.actor.SignIn()
	return c.ok(sessionAnswer{
		SessionID: string(c.actor.Session()), Person: personView{c.actor.Person(), c.actor.Name(), c.actor.Roles()},
		LockAfter: int(in.LockAfter / time.Second), Shared: in.Shared, Locked: in.Locked,
	})
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
	ask := s.vault.Authenticate
	if r.Header.Get(backgroundHeader) != "" {
		ask = s.vault.AuthenticateBackground
	}
	actor, err := ask(r.Context(), token)
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
