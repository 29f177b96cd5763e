package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/imaging"
)

// remade are the kinds of rendition that come from the original alone, before any review.
func (w wanted) remade() bool {
	switch w.kind {
	case KindThumb, KindDisplay, KindCoveredThumb, KindCoveredDisplay:
		return true
	}
	return false
}

// remake makes a spoilt rendition anew from the original, under a new name and key, when the original is good. The
// covered kinds cover every region that was ever proposed. It tells whether it did.
func (v *Vault) remake(ctx context.Context, a Actor, w wanted) (bool, error) {
	if !w.remade() || v.cfg.Imaging == nil {
		return false, nil
	}
	var proposed []imaging.Region
	var open func() (Picture, error)
	err := v.quietly(ctx, a, actStoreRepair, object{Kind: "store"}, func(t *tx) error {
		r, key, err := v.findRendition(ctx, t, w.photo, KindOriginal)
		if err != nil {
			return err
		}
		open = func() (Picture, error) { return v.openRendition(ctx, a, r, key) }
		proposed, err = proposedRegions(ctx, t, w.photo)
		return err
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrIntegrity) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	original, err := open()
	if errors.Is(err, ErrIntegrity) {
		return false, nil // the original is spoilt too, and has its own incident
	}
	if err != nil {
		return false, err
	}
	defer clear(original.Bytes)
	still, err := v.derive(ctx, w.kind, original.Bytes, proposed)
	if err != nil {
		return false, fmt.Errorf("making %s anew: %w", w.kind, tryLater(err))
	}
	return v.replaceRendition(ctx, a, w, still)
}

func proposedRegions(ctx context.Context, t *tx, id PhotoID) ([]imaging.Region, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (r imaging.Region, err error) {
		r.Source = imaging.SourcePerson
		return r, rows.Scan(&r.Kind, &r.Box.X0, &r.Box.Y0, &r.Box.X1, &r.Box.Y1, &r.Score)
	}, `SELECT kind, x0, y0, x1, y1, score FROM regions WHERE photo = $1 AND fate = 'proposed'`, id)
	if err != nil {
		return nil, fmt.Errorf("reading regions: %w", err)
	}
	return out, nil
}

// derive makes one picture of a kind from the original.
func (v *Vault) derive(ctx context.Context, kind string, original []byte, proposed []imaging.Region) (*imaging.Still, error) {
	if kind == KindThumb || kind == KindDisplay {
		reading, err := v.cfg.Imaging.Read(ctx, original)
		if err != nil {
			return nil, err
		}
		if kind == KindThumb {
			return reading.Thumb, nil
		}
		return reading.Display, nil
	}
	thumb, display, err := v.cfg.Imaging.Cover(ctx, original, proposed)
	if kind == KindCoveredThumb {
		return thumb, err
	}
	return display, err
}

// replaceRendition puts a new object in the place of a spoilt one, unless the photo has changed meanwhile.
func (v *Vault) replaceRendition(ctx context.Context, a Actor, w wanted, still *imaging.Still) (bool, error) {
	made, err := v.storeRendition(ctx, rendition{photo: w.photo, patient: w.patient, kind: w.kind, version: w.version}, still)
	if err != nil {
		return false, err
	}
	defer made.own.Wipe()
	err = v.do(ctx, a, actStoreRepair, object{Kind: "store"}, func(t *tx) error {
		t.entry.Photo = shape(string(w.photo))
		t.detail("rendition", w.kind)
		t.detail("made_anew", string(made.id))
		err := exactlyOne(ctx, t, "replacing rendition", `DELETE FROM renditions WHERE id = $1 AND blob = $2 AND wrapped_key IS NOT NULL
			AND EXISTS (SELECT 1 FROM photos WHERE id = $3 AND patient = $4 AND state <> 'erased')`, w.id, w.blob, w.photo, w.patient)
		if err != nil {
			return err
		}
		if err := insertRenditions(ctx, t, []rendition{made}); err != nil {
			return err
		}
		return t.enqueue(ctx, jobDeleteBlob, w.blob, t.now)
	})
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return false, nil // the photo went another way; Sweep takes the new object
	}
	return err == nil, err
}
