package chart

import (
	"strings"
	"time"
)

// entry is one photo on its way into one chart: all that the writers know.
type entry struct {
	Attachment string // the vault's ID; every identifier at a receiver follows from it
	Photo      string
	Patient    patient
	Encounter  string // the vault's ID, or empty
	Author     person // who took the photo
	Reviewer   person // who released it
	TakenAt    time.Time
	ApprovedAt time.Time
	Site       site
	Laterality string // empty, left, right, midline or bilateral
	Proved     bool   // the redaction's proof left nothing recognizable that the detectors know
	Picture    []byte // the exact JPEG to send: for DICOM, Baseline and upright
	// Certificate is the signed certificate of the release, as JSON with the
	// proof that the vault's log holds the release; empty where there is none.
	Certificate []byte
}

type patient struct {
	ID           string // the vault's
	RecordNumber string
	Name         string // as the hospital writes it
	BirthDate    string // 2006-01-02, or empty when unknown
}

type person struct {
	ID   string
	Name string
}

type site struct {
	Label  string
	SNOMED string // SNOMED CT concept ID
}

// place is the body site in words: "Forearm, left".
func (e *entry) place() string {
	if e.Laterality == "" {
		return e.Site.Label
	}
	return e.Site.Label + ", " + e.Laterality
}

// title is what a person sees in the chart's list. It names no one.
func (e *entry) title() string {
	if e.place() == "" {
		return "Clinical photograph"
	}
	return "Clinical photograph: " + strings.ToLower(e.place()[:1]) + e.place()[1:]
}
