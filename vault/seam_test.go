package vault

import (
	"context"

	"github.com/clinivault/clinivault/imaging"
)

// ProveAnother stores one redacted picture of a claimed photo and proves it as if it were the other: what Approve does,
// had anything between covering and storing gone wrong. It answers what the certificate would commit to.
func ProveAnother(ctx context.Context, v *Vault, a Actor, id PhotoID, stored, covered *imaging.Redacted) (original, redacted Commitment, err error) {
	r := reviewing{}
	var open func() (Picture, error)
	err = v.quietly(ctx, a, actApprove, onPhoto(id), func(t *tx) error {
		p, err := list(ctx, t, scanPhoto, photoColumns+`WHERE f.id = $1`, id)
		if err != nil || len(p) != 1 {
			return ErrNotFound
		}
		r.photo, r.version = p[0], p[0].Version+1
		of, k, err := v.findRendition(ctx, t, id, KindOriginal)
		if err != nil {
			return err
		}
		r.original = of
		open = func() (Picture, error) { return v.openRendition(ctx, a, of, k) }
		return nil
	})
	if err != nil {
		return original, redacted, err
	}
	before, err := open()
	if err != nil {
		return original, redacted, err
	}
	made, err := v.storeRendition(ctx, rendition{photo: id, patient: r.original.patient, version: r.version, kind: KindRedacted}, stored.Still)
	if err != nil {
		return original, redacted, err
	}
	err = v.proveStored(ctx, a, &r, before, made, covered)
	return r.before, r.after, err
}

// UnderPatientKey names the columns of the list of what is under the keys of patients.
func UnderPatientKey() (names []string) {
	for _, c := range underPatientKey {
		names = append(names, c.table+"."+c.column)
	}
	return names
}

// WrappedPatient is a patient with a key of their own.
type WrappedPatient struct {
	ID      PatientID
	Wrapped []byte
	Root    int64
}

// NewPatientKeys makes keys for n patients who are not in the database.
func NewPatientKeys(ctx context.Context, v *Vault, n int) ([]WrappedPatient, error) {
	out := make([]WrappedPatient, n)
	for i := range out {
		out[i].ID = PatientID(newID())
		var err error
		if out[i].Wrapped, out[i].Root, err = v.newPatientKey(ctx, out[i].ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}
