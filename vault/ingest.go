package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/clinivault/clinivault/imaging"
)

// Derived is what was made of, and found on, an original.
type Derived struct {
	Regions                      []imaging.Region // proposals, before any margin
	Detectors                    []string
	Thumb, Display               *imaging.Still
	CoveredThumb, CoveredDisplay *imaging.Still
}

// Ingest makes a read picture the original of the photo that job is about, and moves the photo to review. It takes a
// Still, which only package imaging can make, so no file with camera metadata can become an original. The renditions
// are durable before one transaction writes their rows, the proposed regions and the event, finishes the job and asks
// for the sealed envelope to be deleted. Errors: ErrConflict when the photo is past it or the lease was lost.
func (v *Vault) Ingest(ctx context.Context, a Actor, job *Job, original *imaging.Still, d Derived) error {
	if job == nil || job.Kind != JobProcess {
		return fmt.Errorf("not a processing job: %w", ErrInvalid)
	}
	id := PhotoID(job.Subject)
	var patient PatientID
	var version int64
	err := v.quietly(ctx, a, actIngest, onPhoto(id), func(t *tx) (err error) {
		err = t.QueryRowContext(ctx, `SELECT patient, version + 1 FROM photos WHERE id = $1 AND state = 'accepted'`, id).
			Scan(&patient, &version)
		if err == sql.ErrNoRows {
			return fmt.Errorf("photo is not waiting: %w", ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("reading photo: %w", err)
		}
		key, err := v.patientKey(ctx, t, patient) // an erased patient gets no pictures any more
		key.Wipe()
		return err
	})
	if err != nil {
		return err
	}
	made, err := v.storeAll(ctx, rendition{photo: id, patient: patient, version: version}, []kindOf{
		{KindOriginal, original}, {KindThumb, d.Thumb}, {KindDisplay, d.Display},
		{KindCoveredThumb, d.CoveredThumb}, {KindCoveredDisplay, d.CoveredDisplay}})
	if err != nil {
		return err
	}
	defer wipe(made)
	return v.do(ctx, a, actIngest, onPhoto(id), func(t *tx) error {
		if err := v.ingestRow(ctx, t, made[0], original, d); err != nil {
			return err
		}
		if err := insertRenditions(ctx, t, made); err != nil {
			return err
		}
		t.detail("regions", fmt.Sprint(len(d.Regions)))
		if err := t.notify(ctx, noticeReview, toHolders(RoleReviewer, "")); err != nil {
			return err
		}
		return t.finishJob(ctx, job)
	})
}

// kindOf is a picture with the kind of rendition it will be.
type kindOf struct {
	kind  string
	still *imaging.Still
}

// storeAll stores pictures that belong to one photo and version.
func (v *Vault) storeAll(ctx context.Context, of rendition, pictures []kindOf) ([]rendition, error) {
	made := make([]rendition, 0, len(pictures))
	for _, p := range pictures {
		of.kind = p.kind
		r, err := v.storeRendition(ctx, of, p.still)
		if err != nil {
			return nil, err
		}
		made = append(made, r)
	}
	return made, nil
}

// ingestRow moves the photo's row to review with what the original brought.
func (v *Vault) ingestRow(ctx context.Context, t *tx, r rendition, original *imaging.Still, d Derived) error {
	var sealed []byte
	var blob string
	err := t.QueryRowContext(ctx, `SELECT sealed_facts, coalesce(envelope_blob, '') FROM photos WHERE id = $1`, r.photo).
		Scan(&sealed, &blob)
	if err != nil {
		return fmt.Errorf("reading photo: %w", absent(err))
	}
	if sealed, err = v.addCameraFacts(ctx, t, r, sealed, original); err != nil {
		return err
	}
	detectors, err := json.Marshal(append([]string{}, d.Detectors...))
	if err != nil {
		return fmt.Errorf("encoding detectors: %w", err)
	}
	err = exactlyOne(ctx, t, "moving photo to review", `UPDATE photos SET state = 'in_review', version = $1, sealed_facts = $2,
		width = $3, height = $4, detectors = $5, envelope_blob = NULL WHERE id = $6 AND state = 'accepted' AND version = $1 - 1`,
		r.version, sealed, r.width, r.height, string(detectors), r.photo)
	if err != nil {
		return err
	}
	if err := insertRegions(ctx, t, r.photo, r.version, proposals(d.Regions, r.width, r.height)); err != nil {
		return err
	}
	return t.enqueue(ctx, jobDeleteBlob, blob, t.now)
}

// addCameraFacts adds what the file said to the sealed facts, under the patient's key as it is now.
func (v *Vault) addCameraFacts(ctx context.Context, t *tx, r rendition, sealed []byte, s *imaging.Still) ([]byte, error) {
	key, err := v.patientKey(ctx, t, r.patient)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	f, err := v.openFacts(key, r.patient, r.photo, sealed)
	if err != nil {
		return nil, err
	}
	f.Camera, f.Removed, f.Converted = s.Facts(), s.Removed(), s.Converted()
	return v.sealFacts(key, r.patient, r.photo, f)
}

// proposals are a detector's regions with the margin that will be covered.
func proposals(found []imaging.Region, width, height int) []Region {
	out := make([]Region, 0, len(found))
	for _, r := range found {
		out = append(out, Region{ID: RegionID(newID()), Kind: r.Kind, Box: imaging.Margin(r, width, height),
			Score: r.Score, Source: r.Source, Model: r.Model, Tuning: r.Tuning, Fate: fateProposed})
	}
	return out
}
