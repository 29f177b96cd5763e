package api

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/vault"
)

type peopleAnswer struct {
	People []vault.Person `json:"people"`
}

func (c *call) people() error {
	list, err := c.s.vault.People(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(peopleAnswer{some(list)})
}

type personRequest struct {
	Login    string       `json:"login"`
	Name     string       `json:"name"`
	Password secret       `json:"password"`
	Roles    []vault.Role `json:"roles"`
}

type personAnswer struct {
	ID vault.PersonID `json:"id"`
}

func (c *call) addPerson() error {
	var in personRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := hold(c, c.s.signIns, signInWait); err != nil {
		return err
	}
	defer func() { <-c.s.signIns }()
	id, err := c.s.vault.AddPerson(c.r.Context(), c.actor, vault.NewPerson{
		Login: in.Login, Name: in.Name, Password: string(in.Password), Roles: in.Roles,
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, personAnswer{id})
}

// login is a login from the address; what cannot be one is not found.
func (c *call) login() (string, error) {
	login := chi.URLParam(c.r, "login")
	if _, err := cleanID(strings.Map(loginRune, login)); err != nil {
		return "", err
	}
	return login, nil
}

// loginRune lets a login's dots and at signs through cleanID, which knows IDs only.
func loginRune(r rune) rune {
	if r == '.' || r == '@' {
		return '_'
	}
	return r
}

func (c *call) disablePerson() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	if err := c.s.vault.DisablePerson(c.r.Context(), c.actor, login); err != nil {
		return err
	}
	return c.done()
}

type passwordRequest struct {
	Password secret `json:"password"`
}

func (c *call) setPassword() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	var in passwordRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := hold(c, c.s.signIns, signInWait); err != nil {
		return err
	}
	defer func() { <-c.s.signIns }()
	if err := c.s.vault.SetPassword(c.r.Context(), c.actor, login, string(in.Password)); err != nil {
		return err
	}
	return c.done()
}

type sessionsAnswer struct {
	Sessions []vault.Session `json:"sessions"`
}

func (c *call) sessions() error {
	list, err := c.s.vault.Sessions(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(sessionsAnswer{some(list)})
}

func (c *call) endSession() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.EndSession(c.r.Context(), c.actor, vault.SessionID(id)); err != nil {
		return err
	}
	return c.done()
}

type jobsAnswer struct {
	Jobs []vault.JobStatus `json:"jobs"`
}

func (c *call) deadJobs() error {
	list, err := c.s.vault.DeadJobs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(jobsAnswer{some(list)})
}

func (c *call) retryJob() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.RetryJob(c.r.Context(), c.actor, vault.JobID(id)); err != nil {
		return err
	}
	return c.done()
}
