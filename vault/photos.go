package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

// Photo is a photo as one actor may see it: fields their role may not see are empty. Regions are in upright pixels of
// the original and are what is, or will be, covered, margins included. ClaimedUntil is set for the reviewer who holds
// the claim. Reason says why a photo was quarantined, rejected or reopened.
type Photo struct {
	ID             PhotoID        `json:"id"`
	CaptureID      CaptureID      `json:"capture_id"`
	Patient        PatientID      `json:"patient"`
	PatientName    string         `json:"patient_name"`
	RecordNumber   string         `json:"record_number"`
	Encounter      EncounterID    `json:"encounter"`
	EncounterLabel string         `json:"encounter_label"`
	Author         PersonID       `json:"author"`
	AuthorName     string         `json:"author_name"`
	BodySite       string         `json:"body_site"`
	Laterality     string         `json:"laterality"`
	State          string         `json:"state"`
	Reason         string         `json:"reason"`
	TakenAt        Time           `json:"taken_at"`
	ReceivedAt     Time           `json:"received_at"`
	Width          int            `json:"width"`
	Height         int            `json:"height"`
	Version        int64          `json:"version"`
	Note           string         `json:"note"`
	Removed        []string       `json:"removed"`
	Measures       *seal.Measures `json:"measures,omitempty"` // on the frame, as the client said; absent when nothing was measured
	Consent        Consent        `json:"consent"`
	Regions        []Region       `json:"regions"`
	Detectors      []string       `json:"detectors"`
	Attachments    []Attachment   `json:"attachments"`
	ClaimedUntil   Time           `json:"claimed_until"`
	Withheld       string         `json:"withheld"` // consent: shown to nobody since the patient withdrew the record
	Sensitivity    Sensitivity    `json:"sensitivity"`
	ReasonNeeded   bool           `json:"reason_needed"` // for its pictures, from this actor: see GiveReason
}

// String keeps photos out of logs.
func (Photo) String() string { return "[redacted]" }

// GoString keeps photos out of logs.
func (Photo) GoString() string { return "[redacted]" }

// photoFacts is what is kept of a capture under the patient's key.
type photoFacts struct {
	Note      string         `json:"note,omitempty"`
	MediaType string         `json:"media_type"`
	Camera    imaging.Facts  `json:"camera"`
	Removed   []string       `json:"removed,omitempty"`
	Converted string         `json:"converted,omitempty"`
	Measures  *seal.Measures `json:"measures,omitempty"`
}

// refusedNote stands where a note was that failed its check.
const refusedNote = "[The note failed its integrity check and is not shown. Tell the people who run the vault.]"

const maxCaptures = 500 // of one answer of MyCaptures

const factsDomain = "clinivault/photo-facts/v1"

func (v *Vault) factsAAD(patient PatientID, id PhotoID) []byte {
	return bindText(factsDomain, v.cfg.Tenant, string(patient), string(id))
}

func (v *Vault) sealFacts(key seal.Key, patient PatientID, id PhotoID, f photoFacts) ([]byte, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encoding photo facts: %w", err)
	}
	return seal.SealSmall(key, plain, v.factsAAD(patient, id)), nil
}

func (v *Vault) openFacts(key seal.Key, patient PatientID, id PhotoID, sealed []byte) (photoFacts, error) {
	plain, err := seal.OpenSmall(key, sealed, v.factsAAD(patient, id))
	if err != nil {
		return photoFacts{}, fmt.Errorf("%w: photo facts: %w", ErrIntegrity, err)
	}
	var f photoFacts
	if err := json.Unmarshal(plain, &f); err != nil {
		return photoFacts{}, fmt.Errorf("photo facts: %w", ErrIntegrity)
	}
	return f, nil
}

// album reads photos for one actor in one transaction.
type album struct {
	v    *Vault
	t    *tx
	who  PersonID
	as   Role
	keys map[PatientID]seal.Key
}

func (v *Vault) album(t *tx, a Actor) *album {
	return &album{v: v, t: t, who: a.person, as: Role(t.entry.ActingAs), keys: map[PatientID]seal.Key{}}
}

const photoColumns = `SELECT f.id, f.capture_id, f.patient, p.name, p.record_number, coalesce(f.encounter, ''),
	coalesce(e.label, ''), f.author, u.name, f.body_site, f.laterality, f.state, f.reason, f.taken_at, f.received_at,
	f.width, f.height, f.version, f.detectors, f.sealed_facts, coalesce(f.claimed_by, ''), f.claimed_until, f.withheld,
	f.sensitivity
	FROM photos f JOIN patients p ON p.id = f.patient JOIN people u ON u.id = f.author
	LEFT JOIN encounters e ON e.id = f.encounter `

// storedPhoto is a photo with what is not for callers.
type storedPhoto struct {
	Photo
	detectors string
	sealed    []byte
	claimedBy PersonID
}

func scanPhoto(rows *sql.Rows) (p storedPhoto, err error) {
	return p, rows.Scan(&p.ID, &p.CaptureID, &p.Patient, &p.PatientName, &p.RecordNumber, &p.Encounter,
		&p.EncounterLabel, &p.Author, &p.AuthorName, &p.BodySite, &p.Laterality, &p.State, &p.Reason, &p.TakenAt, &p.ReceivedAt,
		&p.Width, &p.Height, &p.Version, &p.detectors, &p.sealed, &p.claimedBy, &p.ClaimedUntil, &p.Withheld, &p.Sensitivity)
}

// read runs a query that starts with photoColumns and completes each photo as far as the role may see it.
func (al *album) read(ctx context.Context, query string, args ...any) ([]Photo, error) {
	rows, err := list(ctx, al.t, scanPhoto, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading photos: %w", err)
	}
	out := make([]Photo, 0, len(rows))
	for _, row := range rows {
		p, err := al.complete(ctx, row)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// one reads one photo.
func (al *album) one(ctx context.Context, id PhotoID) (Photo, error) {
	found, err := al.read(ctx, photoColumns+`WHERE f.id = $1`, id)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Photo{}, err
	}
	return found[0], nil
}

func (al *album) complete(ctx context.Context, row storedPhoto) (Photo, error) {
	p := row.Photo
	var err error
	if p.Consent, err = consentOf(ctx, al.t, p.ID); err != nil {
		return Photo{}, err
	}
	if p.Regions, err = regionsOf(ctx, al.t, p.ID); err != nil {
		return Photo{}, err
	}
	if p.Attachments, err = attachmentsOf(ctx, al.t, p.ID); err != nil {
		return Photo{}, err
	}
	if err := json.Unmarshal([]byte(row.detectors), &p.Detectors); err != nil {
		return Photo{}, fmt.Errorf("detectors: %w", ErrIntegrity)
	}
	if row.claimedBy != al.who || int64(p.ClaimedUntil) <= al.t.now {
		p.ClaimedUntil = 0
	}
	if al.as == RoleClinician && p.Sensitivity == SensitivityIntimate {
		if p.ReasonNeeded, err = al.t.reasonNeeded(ctx, al.who, p); err != nil {
			return Photo{}, err
		}
	}
	if (al.as == RoleClinician || al.as == RoleReviewer) && p.Consent.Record {
		if err := al.addFacts(ctx, &p, row.sealed); err != nil {
			return Photo{}, err
		}
	}
	return p.as(al.as), nil
}

// addFacts opens the sealed facts; the photos of an erased patient have none.
func (al *album) addFacts(ctx context.Context, p *Photo, sealed []byte) error {
	key, ok := al.keys[p.Patient]
	if !ok {
		var err error
		key, err = al.v.patientKey(ctx, al.t, p.Patient)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		al.keys[p.Patient] = key
	}
	f, err := al.v.openFacts(key, p.Patient, p.ID, sealed)
	if errors.Is(err, ErrIntegrity) { // one bad row must not hide the others
		p.Note, p.Removed, p.Measures = refusedNote, nil, nil
		return al.refuse(ctx, p, err)
	}
	if err != nil {
		return err
	}
	p.Note, p.Removed, p.Measures = f.Note, f.Removed, f.Measures
	return nil
}

// refuse counts and records, in the act's transaction, sealed facts that are not as they were written.
func (al *album) refuse(ctx context.Context, p *Photo, cause error) error {
	al.v.integrityRefused.Add(1)
	al.v.cfg.Log.Error("stored row refused", "photo", string(p.ID), "error", cause)
	own := al.t.entry
	defer func() { al.t.entry = own }()
	if err := al.t.patient(ctx, p.Patient); err != nil {
		return err
	}
	e := logEntry{Act: string(actIntegrity), Actor: own.Actor, ActingAs: own.ActingAs, ObjectKind: "photo", Object: string(p.ID),
		Photo: string(p.ID), Patient: al.t.entry.Patient, Outcome: outcomeRefused, Remote: own.Remote, Request: own.Request,
		Session: own.Session}
	e.fact("found", "altered")
	e.fact("rendition", "facts")
	return al.t.event(ctx, e)
}

// as empties what a role may not see. A reviewer looks at the picture and need not know whose it is; records need not
// know what was covered.
func (p Photo) as(r Role) Photo {
	if r != RoleClinician {
		p.Note, p.Removed = "", nil
	}
	switch r {
	case RoleReviewer:
		p.Patient, p.PatientName, p.RecordNumber = "", "", ""
		p.Encounter, p.EncounterLabel, p.Attachments = "", "", nil
		p.Author, p.AuthorName = "", ""
	case RoleRecords:
		p.Regions, p.Detectors, p.Reason, p.Measures = nil, nil, "", nil
	case RoleClinician:
	default:
		return Photo{ID: p.ID, State: p.State}
	}
	return p
}

// stranger empties what belongs to the patient, for an author who has left the care team.
func (p Photo) stranger() Photo {
	p.Patient, p.PatientName, p.RecordNumber, p.Encounter, p.EncounterLabel = "", "", "", "", ""
	p.Note, p.Regions, p.Detectors, p.Attachments, p.Measures = "", nil, nil, nil, nil
	return p
}

// PhotoByID reads one photo: a clinician of the care team, the reviewer who holds the claim, records once it is
// approved. Errors: ErrNotFound, ErrDenied.
func (v *Vault) PhotoByID(ctx context.Context, a Actor, id PhotoID) (Photo, error) {
	var p Photo
	err := v.do(ctx, a, actReadPhoto, onPhoto(id), func(t *tx) (err error) {
		p, err = v.album(t, a).one(ctx, id)
		return err
	})
	if err != nil {
		return Photo{}, err
	}
	return p, nil
}

// PatientPhotos lists a patient's photos, newest first, for their care team; forensic ones for those alone who may know of
// them. Errors: ErrNotFound, ErrDenied.
func (v *Vault) PatientPhotos(ctx context.Context, a Actor, id PatientID) ([]Photo, error) {
	var out []Photo
	err := v.do(ctx, a, actPatientPhotos, onPatient(id), func(t *tx) (err error) {
		out, err = v.album(t, a).read(ctx, photoColumns+`WHERE f.patient = $1 AND f.state <> 'erased'
			AND f.withheld <> 'recall' AND (f.sensitivity <> 'forensic' OR f.author = $2 AND `+tieSQL("$2", "f.patient", "$3", treating...)+
			` OR `+tieSQL("$2", "f.patient", "$3", tieDirect)+`) ORDER BY f.taken_at DESC, f.id`, id, a.person, t.now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MyCaptures lists what the actor sent, newest first, at most limit (1 to 500) of them, with their states and reasons.
// Of patients whose care team they have left it tells no more than that.
func (v *Vault) MyCaptures(ctx context.Context, a Actor, limit int) ([]Photo, error) {
	limit = min(max(limit, 1), maxCaptures)
	var out []Photo
	err := v.do(ctx, a, actMyCaptures, onPerson(a.person), func(t *tx) (err error) {
		out, err = v.album(t, a).read(ctx, photoColumns+`WHERE f.author = $1 AND f.state <> 'erased'
			ORDER BY f.received_at DESC, f.id LIMIT $2`, a.person, limit)
		if err != nil {
			return err
		}
		for i := range out {
			err := tied(ctx, t, a.person, out[i].Patient, t.now)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err != nil || out[i].Withheld == withheldRecall {
				out[i] = out[i].stranger()
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// PhotoCounts says how many photos are in each state. It is a figure for operators and asks nobody who they are.
func (v *Vault) PhotoCounts(ctx context.Context) (map[string]int64, error) {
	type count struct {
		state string
		n     int64
	}
	counts, err := list(ctx, v.db, func(rows *sql.Rows) (c count, err error) { return c, rows.Scan(&c.state, &c.n) },
		`SELECT state, count(*) FROM photos GROUP BY state`)
	if err != nil {
		return nil, dbError(fmt.Errorf("counting photos: %w", err))
	}
	out := map[string]int64{StateAccepted: 0, StateInReview: 0, StateApproved: 0, StateRejected: 0, StateQuarantined: 0}
	for _, c := range counts {
		out[c.state] = c.n
	}
	return out, nil
}
