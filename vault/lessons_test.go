package vault_test

import (
	"bytes"
	"errors"
	"image/jpeg"
	"slices"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// TestLessons: the operator's detectors learn from released photos whose patients allow the record, each with its event;
// nobody else sees one, and what fails its check is passed over and reported.
func TestLessons(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		plain, refused, altered, waiting := w.approved(), w.approved(), w.approved(), w.inReview()
		w.change(`UPDATE consents SET allowed = FALSE WHERE photo = $1 AND purpose = 'record'`, string(refused))
		var blob string
		ok(t, w.db().QueryRow(`SELECT blob FROM renditions WHERE photo = $1 AND kind = 'original'`, string(altered)).Scan(&blob))
		sealed := slices.Clone(w.Blobs.Bytes(blob))
		sealed[len(sealed)/2] ^= 1
		w.Blobs.Tamper(blob, sealed)
		var kept []byte
		opened, err := w.V.Lessons(ctx, vault.Operator(), 0, func(l vault.Lesson) error {
			picture, err := jpeg.Decode(bytes.NewReader(l.JPEG))
			if err != nil || picture.Bounds().Dx() != l.Width || picture.Bounds().Dy() != l.Height || l.Width != 160 {
				t.Errorf("the picture is %v of %d × %d", err, l.Width, l.Height)
			}
			if len(l.Covered) != 1 || l.Covered[0].Box != drawnBox || l.Covered[0].Kind != imaging.KindDrawn {
				t.Errorf("covered: %+v, want the one box", l.Covered)
			}
			kept = l.JPEG
			return nil
		})
		if opened != 1 || err != nil {
			t.Errorf("opened %d, %v, want the one plain photo", opened, err)
		}
		if len(kept) == 0 || slices.ContainsFunc(kept, func(b byte) bool { return b != 0 }) {
			t.Error("the picture is left in memory after the lesson")
		}
		for id, want := range map[vault.PhotoID]string{plain: "photo.learn ok", refused: "photo.learn refused", altered: "integrity.refused refused"} {
			if got := w.events(id); !slices.Contains(got, want) {
				t.Errorf("events %v, want %q", got, want)
			}
		}
		if got := w.events(waiting); slices.Contains(got, "photo.learn ok") {
			t.Error("a photo that is not released was learned from")
		}
		for _, a := range []vault.Actor{w.admin, w.reviewer, w.author, w.privacy, w.worker} {
			_, err := w.V.Lessons(ctx, a, 0, func(vault.Lesson) error { t.Error("shown"); return nil })
			wants(t, "a lesson for another than the operator", err, vault.ErrDenied)
		}
		stop := errors.New("enough")
		if _, err := w.V.Lessons(ctx, vault.Operator(), 0, func(vault.Lesson) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v, want what the learner said", err)
		}
		_, err = w.V.Lessons(ctx, vault.Operator(), -1, nil)
		wants(t, "a negative number of months", err, vault.ErrInvalid)
		w.verified()
	})
}
