package api

import (
	"slices"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// glassFor is the broken glass by which the reader looks at a patient; nil when there is none.
func (v visit) glassFor(patient vault.PatientID) (*vault.Glass, error) {
	if !v.actor.Has(vault.RoleClinician) || patient == "" {
		return nil, nil
	}
	open, err := v.s.vault.OpenBreakGlass(v.ctx, v.actor)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(open, func(g vault.Glass) bool { return g.Patient == patient })
	if at < 0 {
		return nil, nil
	}
	return &open[at], nil
}

// glassForPhoto is glassFor the photo's patient.
func (v visit) glassForPhoto(id vault.PhotoID) (*vault.Glass, error) {
	if !v.actor.Has(vault.RoleClinician) {
		return nil, nil
	}
	photo, err := v.s.vault.PhotoByID(v.ctx, v.actor, id)
	if err != nil {
		return nil, err
	}
	return v.glassFor(photo.Patient)
}

var classWords = map[vault.Sensitivity]string{
	vault.SensitivityNormal:   "Normal: shown to everybody who treats the patient.",
	vault.SensitivityChild:    "A child: shown to everybody who treats the patient; no copy for teaching or publication without a representative’s word or the privacy officer’s signature.",
	vault.SensitivityIntimate: "Intimate: the picture opens to who took it and to those who are named for the patient; others give a reason first.",
	vault.SensitivityForensic: "Forensic: nobody but who took it and those named for the patient knows of it; records only by the privacy officer’s signature.",
}

// ClassText says how narrowly the photo is shown.
func (p photoView) ClassText() string { return classWords[p.Sensitivity] }

func classes(list []vault.Sensitivity) []choice {
	var out []choice
	for _, s := range list {
		out = append(out, choice{string(s), classWords[s]})
	}
	return out
}

// narrower are the classes below one.
func narrower(than vault.Sensitivity) []choice {
	all := vault.Sensitivities()
	return classes(all[slices.Index(all, than)+1:])
}

// accessPage is who may do what: the question, one sensitive photo by its number, and the whole table.
func (s *Server) accessPage(v visit) (sheet, error) {
	rights, err := s.vault.Rights(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	people, err := s.vault.People(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	body := struct {
		Rights  []rightWords
		People  []vault.Person
		Photo   string
		Is      *vault.PhotoSensitivity
		Text    string
		Classes []choice
		Quarter string
	}{Rights: inWords(rights), People: people, Quarter: vault.Quarter(time.Now())}
	if wish := v.r.URL.Query().Get("photo"); wish != "" {
		if body.Photo, err = cleanID(wish); err != nil {
			return sheet{}, err
		}
		is, err := s.vault.SensitivityOf(v.ctx, v.actor, vault.PhotoID(body.Photo))
		if err != nil {
			return sheet{}, err
		}
		body.Is, body.Text = &is, classWords[is.Class]
		for _, c := range classes(vault.Sensitivities()) {
			if c.Value != string(is.Class) {
				body.Classes = append(body.Classes, c)
			}
		}
	}
	return sheet{name: "access", title: "Access", here: "/access", body: body}, nil
}

// quarters are the present one and the five before it, newest first.
func quarters(now time.Time) []string {
	var out []string
	first := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	for i := range 6 {
		out = append(out, vault.Quarter(first.AddDate(0, -3*i, 0)))
	}
	return out
}

func (s *Server) accessReportPage(v visit) (sheet, error) {
	if err := v.must(vault.RolePrivacy); err != nil {
		return sheet{}, err
	}
	all := quarters(time.Now())
	quarter := v.r.URL.Query().Get("quarter")
	if quarter == "" {
		quarter = all[0]
	}
	report, err := s.vault.AccessReport(v.ctx, v.actor, quarter)
	return sheet{name: "access-report", title: "Access review", here: "/access", body: struct {
		Report   vault.AccessReport
		Digest   string
		Quarters []string
	}{report, report.Digest(), all}}, err
}

// Names of findings for people.
var findingWords = map[string]string{vault.FindingJustified: "Justified", vault.FindingNotJustified: "Not justified"}

type glassView struct{ vault.Glass }

// FindingText says what the review found.
func (g glassView) FindingText() string { return findingWords[g.Finding] }

// breakGlassPage is, for a clinician, the way in and what is open; for the privacy officer, what was looked at.
func (s *Server) breakGlassPage(v visit) (sheet, error) {
	if err := v.must(vault.RoleClinician, vault.RolePrivacy); err != nil {
		return sheet{}, err
	}
	var body struct {
		Open          []vault.Glass
		Waiting, Past []glassView
		Self          vault.PersonID
		Minutes       int
	}
	body.Self = v.actor.Person()
	var err error
	if v.actor.Has(vault.RoleClinician) {
		if body.Open, err = s.vault.OpenBreakGlass(v.ctx, v.actor); err != nil {
			return sheet{}, err
		}
	}
	if v.actor.Has(vault.RolePrivacy) {
		all, err := s.vault.BreakGlassReviews(v.ctx, v.actor)
		if err != nil {
			return sheet{}, err
		}
		for _, g := range all {
			if g.Finding == "" {
				body.Waiting = append(body.Waiting, glassView{g})
			} else {
				body.Past = append(body.Past, glassView{g})
			}
		}
	}
	return sheet{name: "break-glass", title: "Break the glass", here: "/break-glass", body: body}, nil
}

var delegationStates = map[string]string{"coming": "Begins later", "lasting": "Lasts", "over": "Over"}

type delegationView struct {
	vault.Delegation
	self vault.PersonID
}

// Mine says that the reader gave it.
func (d delegationView) Mine() bool { return d.Giver == d.self }

// StateText names its state.
func (d delegationView) StateText() string { return delegationStates[d.State] }

func (s *Server) delegationPage(v visit) (sheet, error) {
	if err := v.must(vault.RoleClinician, vault.RolePrivacy); err != nil {
		return sheet{}, err
	}
	list, err := s.vault.Delegations(v.ctx, v.actor)
	var lasting, over []delegationView
	for _, d := range list {
		if d.State == "over" {
			over = append(over, delegationView{d, v.actor.Person()})
		} else {
			lasting = append(lasting, delegationView{d, v.actor.Person()})
		}
	}
	return sheet{name: "delegation", title: "Delegation", here: "/delegation", body: struct {
		Lasting, Over []delegationView
	}{lasting, over}}, err
}
