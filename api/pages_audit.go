package api

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// field is one raw field of an event.
type field struct{ Name, Value string }

// eventView is an event in words for a page; names are those of the people.
type eventView struct {
	vault.Event
	names map[string]string
}

// who is the name of the actor, or what it is.
func (e eventView) who() string {
	kind, name, _ := strings.Cut(e.Actor, ":")
	switch {
	case e.ActorName != "":
		return e.ActorName
	case kind == "person" && e.names[name] != "":
		return e.names[name]
	case kind == "job":
		return "The vault itself (" + name + ")"
	case kind == "operator":
		return "The operator of the machine"
	case kind == "stranger" || e.Actor == "":
		return "Somebody who is not signed in"
	}
	return "Person " + name
}

// Sentence says who did what, and to which photo.
func (e eventView) Sentence() string {
	if e.Act == "session.sign_in_failed" { // whoever it was, it need not have been the person named
		if !strings.HasPrefix(e.Actor, "person:") {
			return "Somebody tried to sign in with a login that nobody has."
		}
		return "Somebody tried to sign in as " + e.who() + ", with a wrong password."
	}
	deed := deeds[e.Act]
	if deed == "" {
		deed = "did “" + e.Act + "”"
	}
	out := e.who() + " " + deed
	if e.Photo != "" {
		out += " (photo " + e.Photo[:min(8, len(e.Photo))] + ")"
	}
	return out + "."
}

// Automatic tells what the vault did by itself from what somebody did.
func (e eventView) Automatic() bool { return strings.HasPrefix(e.Actor, "job:") }

// Refusal says that the act did not happen.
func (e eventView) Refusal() string {
	switch e.Outcome {
	case "refused":
		return "Refused."
	case "failed":
		return "It failed; nothing was changed."
	}
	return ""
}

// Raw lists the fields as they are in the log, empty ones left out.
func (e eventView) Raw() []field {
	out := []field{
		{"act", e.Act}, {"outcome", e.Outcome}, {"actor", e.Actor}, {"acting as", e.ActingAs},
		{"object", strings.TrimSpace(e.ObjectKind + " " + e.Object)}, {"patient (pseudonym)", e.Patient}, {"photo", e.Photo},
		{"purpose", e.Purpose}, {"remote", e.Remote}, {"session", e.Session}, {"request", e.Request},
	}
	names := make([]string, 0, len(e.Detail))
	for name := range e.Detail {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(out, field{"detail: " + name, e.Detail[name]})
	}
	return slices.DeleteFunc(out, func(f field) bool { return f.Value == "" })
}

const eventsOnPage = 50

type auditBody struct {
	People   []vault.Person
	Person   vault.PersonID
	Heading  string
	Filtered bool
	Patient  vault.PatientID // whose trail it is
	Events   []eventView
	Older    string
}

// auditPage shows the trail of a patient, of a person, or of everything. Addresses carry our own IDs, never a name
// or a record number.
func (s *Server) auditPage(v visit) (sheet, error) {
	if err := v.must(vault.RolePrivacy); err != nil {
		return sheet{}, err
	}
	q := v.r.URL.Query()
	before, err := pageBefore(q.Get("before"))
	if err != nil {
		return sheet{}, err
	}
	body := auditBody{Heading: "All entries, newest first"}
	if body.People, err = s.vault.People(v.ctx, v.actor); err != nil {
		return sheet{}, err
	}
	events, err := s.trailFor(v, q.Get("patient"), q.Get("person"), before, &body)
	if err != nil {
		return sheet{}, err
	}
	names := map[string]string{}
	for _, p := range body.People {
		names[string(p.ID)] = p.Name
	}
	for _, e := range events {
		body.Events = append(body.Events, eventView{e, names})
	}
	if len(events) == eventsOnPage {
		q.Set("before", strconv.FormatInt(events[len(events)-1].Seq, 10))
		body.Older = "/audit?" + auditQuery(q)
	}
	return sheet{name: "audit", title: "Audit", here: "/audit", body: body}, nil
}

// trailFor reads the events and says in the heading whose they are.
func (s *Server) trailFor(v visit, patient, person string, before int64, body *auditBody) ([]vault.Event, error) {
	switch {
	case patient != "" && person != "":
		return nil, say(vault.ErrInvalid, "Ask for a patient or for a person, not for both.")
	case patient != "":
		id, err := cleanID(patient)
		if err != nil {
			return nil, err
		}
		p, err := s.vault.Patient(v.ctx, v.actor, vault.PatientID(id))
		if err != nil {
			return nil, err
		}
		body.Heading, body.Filtered = fmt.Sprintf("About %s, number %s", p.Name, p.RecordNumber), true
		body.Patient = p.ID
		return s.vault.AuditOfPatient(v.ctx, v.actor, p.ID, before, eventsOnPage)
	case person != "":
		id, err := cleanID(person)
		if err != nil {
			return nil, err
		}
		body.Person, body.Heading, body.Filtered = vault.PersonID(id), "By this person", true
		for _, p := range body.People {
			if p.ID == body.Person {
				body.Heading = "By " + p.Name
			}
		}
		return s.vault.AuditOfPerson(v.ctx, v.actor, body.Person, before, eventsOnPage)
	}
	return s.vault.AuditRecent(v.ctx, v.actor, before, eventsOnPage)
}

// auditQuery keeps what the page knows of a query and drops the rest.
func auditQuery(q url.Values) string {
	out := url.Values{}
	for _, name := range []string{"patient", "person", "before"} {
		if v := q.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	return out.Encode()
}

func pageBefore(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n == math.MaxInt64 {
		return 0, say(vault.ErrInvalid, "The page of the log is not a number.")
	}
	return n, nil
}
