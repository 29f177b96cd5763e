package api

import (
	"slices"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// photoView is a photo in words for a page.
type photoView struct {
	vault.Photo
	forRecords bool
}

func photoViews(photos []vault.Photo) []photoView {
	out := make([]photoView, len(photos))
	for i, p := range photos {
		out[i].Photo = p
	}
	return out
}

// picture is the address of the rendition a person of the care team, or of records, may see in this state; "" when
// there is none.
func (p photoView) picture(size string) string {
	kind := ""
	switch {
	case p.Withheld != "":
	case p.State == vault.StateApproved:
		kind = "redacted_" + size
	case p.Patient == "" || p.forRecords:
	case p.State == vault.StateInReview || p.State == vault.StateRejected:
		kind = "covered_" + size
	}
	if kind == "" || p.Patient == "" || p.ReasonNeeded || size == "thumb" && p.Sensitivity == vault.SensitivityForensic {
		return ""
	}
	return "/api/v1/photos/" + string(p.ID) + "/renditions/" + kind
}

// withheldWords say why a photo is shown to nobody although its state would allow it.
var withheldWords = map[string]string{
	"consent": "the patient withdrew consent.", "recall": "it was recalled.",
}

// Standing is the photo's state as people name it.
func (p photoView) Standing() string {
	if p.Withheld != "" {
		return "withheld_" + p.Withheld
	}
	return p.State
}

// Thumb is the address of the small picture, Large of the one for the screen.
func (p photoView) Thumb() string { return p.picture("thumb") }

// Large is the address of the picture for the screen.
func (p photoView) Large() string { return p.picture("display") }

// ThumbText says what the picture shows to somebody who does not see it.
func (p photoView) ThumbText() string {
	if p.State == vault.StateApproved {
		return "Photo: " + p.Where() + ", released, covered for good where a reviewer said so"
	}
	return "Photo: " + p.Where() + ", not released yet, with what was found covered"
}

// NoThumb says why there is no picture.
func (p photoView) NoThumb() string {
	switch {
	case p.Withheld != "":
		return "The picture is shown to nobody: " + withheldWords[p.Withheld]
	case p.State == vault.StateAccepted:
		return "The picture is being prepared."
	case p.ReasonNeeded:
		return "The picture is intimate: open it and say why you need it."
	case p.Sensitivity == vault.SensitivityForensic:
		return "A forensic picture is in no list: open it."
	case p.State == vault.StateQuarantined:
		return "There is no picture: the file could not be used."
	}
	return "The picture is not yours to see: you have left this care team."
}

var sideWords = map[string]string{"left": "left", "right": "right", "bilateral": "both sides", "midline": "middle"}

// WhereWords are the body site and, where there is one, its side.
func (p photoView) WhereWords() []string {
	words := []string{p.BodySite}
	if site, ok := vault.FindBodySite(p.BodySite); ok {
		words[0] = site.Label
	}
	if side := sideWords[p.Laterality]; side != "" {
		words = append(words, side)
	}
	return words
}

// Where is the body site with its side.
func (p photoView) Where() string { return strings.Join(p.WhereWords(), ", ") }

// ConsentWords are the uses that the patient allowed.
func (p photoView) ConsentWords() []string {
	var uses []string
	for _, use := range []struct {
		name string
		yes  bool
	}{{"record", p.Consent.Record}, {"teaching", p.Consent.Teaching}, {"publication", p.Consent.Publication}} {
		if use.yes {
			uses = append(uses, use.name)
		}
	}
	if len(uses) == 0 {
		return []string{"none"}
	}
	return uses
}

// remark is a sentence beside a photo and how it is meant: "", warn or bad.
type remark struct{ Text, Tone string }

// What says what to do about a photo that will not go on by itself; nil when nothing is to be done.
func (p photoView) What() *remark {
	switch {
	case p.Withheld == "consent":
		return &remark{"The patient withdrew consent to the record. Nobody sees the photo; if the patient allows it again, it is reviewed anew.", "bad"}
	case p.Withheld != "":
		return &remark{"It was recalled: it shows another patient.", "bad"}
	}
	switch p.State {
	case vault.StateQuarantined:
		return &remark{sentenceEnd(p.Reason, "The file could not be read as a picture. Take the photo again.") + " Nothing of it entered the record.", "bad"}
	case vault.StateRejected:
		return &remark{"A reviewer rejected it: " + sentenceEnd(p.Reason, "no reason is kept."), "bad"}
	case vault.StateInReview:
		if p.Reason != "" {
			return &remark{"It was reopened: " + sentenceEnd(p.Reason, ""), "warn"}
		}
	}
	return nil
}

// Again says that the photo came to nothing and can be taken once more.
func (p photoView) Again() bool {
	return p.Patient != "" && p.Withheld == "" && (p.State == vault.StateQuarantined || p.State == vault.StateRejected)
}

// sentenceEnd gives s a full stop, or otherwise when s is empty.
func sentenceEnd(s, otherwise string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return otherwise
	}
	if strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

func (s *Server) capturesPage(v visit) (sheet, error) {
	photos, err := s.vault.MyCaptures(v.ctx, v.actor, 100)
	moving := false
	for _, p := range photos {
		moving = moving || p.State == vault.StateAccepted
	}
	return sheet{name: "captures", title: "Photos I sent", here: "/captures", body: struct {
		Photos []photoView
		Moving bool
	}{photoViews(photos), moving}}, err
}

func (s *Server) patientsPage(v visit) (sheet, error) {
	if err := v.must(vault.RoleClinician); err != nil {
		return sheet{}, err
	}
	patients, err := s.vault.FindPatients(v.ctx, v.actor, "")
	return sheet{name: "patients", title: "My patients", here: "/patients", body: struct{ Patients []vault.Patient }{patients}}, err
}

func (s *Server) patientPage(v visit) (sheet, error) {
	id, err := v.param("id")
	if err != nil {
		return sheet{}, err
	}
	photos, err := s.vault.PatientPhotos(v.ctx, v.actor, vault.PatientID(id))
	if err != nil {
		return sheet{}, err
	}
	patient, err := s.vault.Patient(v.ctx, v.actor, vault.PatientID(id))
	if err != nil {
		return sheet{}, err
	}
	glass, err := v.glassFor(patient.ID)
	return sheet{name: "patient", title: "Patient", here: "/patients", body: struct {
		Patient vault.Patient
		Photos  []photoView
		Glass   *vault.Glass
	}{patient, photoViews(photos), glass}}, err
}

func (s *Server) photoPage(v visit) (sheet, error) {
	id, err := v.param("id")
	if err != nil {
		return sheet{}, err
	}
	photo, err := s.vault.PhotoByID(v.ctx, v.actor, vault.PhotoID(id))
	if err != nil {
		return sheet{}, err
	}
	view := photoView{Photo: photo, forRecords: !v.actor.Has(vault.RoleClinician)}
	seen := photo.Withheld == "" && (photo.State == vault.StateInReview || photo.State == vault.StateApproved || photo.State == vault.StateRejected)
	body := photoBody{Photo: view, MayReveal: seen && v.actor.Has(vault.RoleClinician)}
	body.MayLink = v.actor.Has(vault.RoleClinician) || v.actor.Has(vault.RoleRecords) && photo.State == vault.StateApproved
	if body.Glass, err = v.glassFor(photo.Patient); err != nil {
		return sheet{}, err
	}
	if v.actor.Has(vault.RoleClinician) && body.Glass == nil {
		body.Consent = &consentBody{ID: id, Purposes: purposeViews(photo.Consent), Ways: ways()}
		body.Classes = narrower(photo.Sensitivity)
	}
	if v.actor.Has(vault.RoleRecords) && photo.State == vault.StateApproved {
		if body.Releases, err = s.vault.Releases(v.ctx, v.actor, photo.ID); err != nil {
			return sheet{}, err
		}
		body.MayRelease = releasable(photo.Consent, body.Releases)
	}
	return sheet{name: "photo", title: "Photo", body: body}, nil
}

type photoBody struct {
	Photo      photoView
	MayReveal  bool
	MayLink    bool
	Consent    *consentBody // nil for who may not change it
	Releases   []vault.Release
	Glass      *vault.Glass // nil: no glass is broken
	Classes    []choice     // of sensitivity that it could be given
	MayRelease []string     // purposes that the patient allows and for which there is no copy
}

// releasable are the purposes for which a copy could be released now.
func releasable(c vault.Consent, made []vault.Release) []string {
	var out []string
	for _, p := range purposeViews(c) {
		lasts := slices.ContainsFunc(made, func(r vault.Release) bool { return r.Purpose == p.Name && r.EndedAt == 0 })
		if p.Name != "record" && p.Allowed && !lasts {
			out = append(out, p.Name)
		}
	}
	return out
}
