package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

// Lesson is an approved photo for detectors to learn from: the picture as a JPEG that stands upright, and what its last
// review made of it, in pixels of that picture. It lives in memory for as long as the caller looks at it.
type Lesson struct {
	JPEG    []byte
	Width   int
	Height  int
	Covered []Region // what is covered; of a proposal, the box has its margin
}

// String keeps lessons out of logs.
func (Lesson) String() string { return "[picture]" }

// GoString keeps lessons out of logs.
func (Lesson) GoString() string { return "[picture]" }

// Lessons opens the originals of the photos approved in the last months, as in Labels, one after the other, and shows
// each to learn, in the process of the vault: it is the operator's act, for which the patient allowed the record. A photo
// without that consent, or of an erased patient, is passed over. Each picture that is opened has an event of its own,
// written before it is. One that fails its check is reported, recorded and passed over. An error of learn ends it.
// Errors: ErrDenied, ErrInvalid, ErrUnavailable.
func (v *Vault) Lessons(ctx context.Context, a Actor, months int, learn func(Lesson) error) (opened int, err error) {
	photos, _, err := v.labelled(ctx, a, actLessons, months)
	if err != nil {
		return 0, err
	}
	if v.cfg.Imaging == nil {
		return 0, fmt.Errorf("no imaging pool: %w", ErrUnavailable)
	}
	for _, p := range photos {
		lesson, err := v.lesson(ctx, a, p)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrIntegrity) {
			continue
		}
		if err != nil {
			return opened, err
		}
		opened++
		err = learn(lesson)
		clear(lesson.JPEG)
		if err != nil {
			return opened, err
		}
	}
	return opened, nil
}

// lesson opens one photo; ErrNotFound when it may not be learned from, or no longer.
func (v *Vault) lesson(ctx context.Context, a Actor, p *labelledPhoto) (Lesson, error) {
	var r rendition
	var key seal.Key
	err := v.do(ctx, a, actLesson, onPhoto(p.id), func(t *tx) (err error) {
		t.purpose(purposeRecord)
		r, key, err = v.findRendition(ctx, t, p.id, KindOriginal)
		return err
	})
	if err != nil {
		return Lesson{}, err
	}
	original, err := v.openRendition(ctx, a, r, key)
	if err != nil {
		return Lesson{}, err
	}
	defer clear(original.Bytes)
	upright, width, height, err := v.cfg.Imaging.Chart(ctx, original.Bytes)
	if err != nil {
		return Lesson{}, fmt.Errorf("turning a picture: %w: %w", say(ErrUnavailable, imaging.Reason(err)), err)
	}
	return Lesson{JPEG: upright, Width: width, Height: height, Covered: p.covered}, nil
}
