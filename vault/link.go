package vault

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A link is a short way to one photo for a colleague who may see it anyway: it adds no right. Whoever opens it signs in,
// and what they may see is decided as if they had found the photo themselves. It is dead after a day, and as soon as its
// maker is gone or may not see the photo any more, so that nobody who was taken out leaves ways in behind.

const (
	linkFor    = 24 * time.Hour
	linksShown = 100
	maxLinks   = 200 // that one person has alive at once
)

// LinkID names a link; it is not the code that opens it.
type LinkID string

// Link is a link as its maker sees it. Code is there only when it is made: the vault keeps its SHA-256.
type Link struct {
	ID        LinkID  `json:"id"`
	Photo     PhotoID `json:"photo"`
	Code      string  `json:"code,omitempty"` // 26 characters, 130 random bits
	CreatedAt Time    `json:"created_at"`
	ExpiresAt Time    `json:"expires_at"`
}

// String keeps the code out of logs.
func (Link) String() string { return "[redacted]" }

// GoString keeps the code out of logs.
func (Link) GoString() string { return "[redacted]" }

// MakeLink makes a link to a photo that the actor may see; it lives for 24 hours. Errors: ErrNotFound, ErrDenied,
// ErrConflict when the actor has too many.
func (v *Vault) MakeLink(ctx context.Context, a Actor, photo PhotoID) (Link, error) {
	l := Link{ID: LinkID(newID()), Photo: photo, Code: rand.Text()}
	err := v.do(ctx, a, actMakeLink, onPhoto(photo), func(t *tx) error {
		l.CreatedAt, l.ExpiresAt = Time(t.now), Time(t.now+linkFor.Milliseconds())
		var alive int64
		err := t.QueryRowContext(ctx, `SELECT count(*) FROM links WHERE maker = $1 AND ended_at IS NULL AND expires_at > $2`,
			a.person, t.now).Scan(&alive)
		if err != nil {
			return fmt.Errorf("counting links: %w", err)
		}
		if alive >= maxLinks {
			return say(ErrConflict, "You have many links in use. End some of them first.")
		}
		t.detail("link", string(l.ID))
		_, err = t.ExecContext(ctx, `INSERT INTO links (id, code_hash, photo, maker, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6)`, l.ID, tokenHash(l.Code), photo, a.person, l.CreatedAt, l.ExpiresAt)
		if err != nil {
			return fmt.Errorf("making link: %w", err)
		}
		return nil
	})
	if err != nil {
		return Link{}, err
	}
	return l, nil
}

// OpenLink says to which photo a link leads, for an actor who may see that photo. Errors: ErrNotFound for a link that was
// never made, has ended, or whose maker is gone or may not see the photo any more; ErrDenied for roles that see no photos.
func (v *Vault) OpenLink(ctx context.Context, a Actor, code string) (PhotoID, error) {
	var id LinkID
	var photo PhotoID
	var maker PersonID
	err := v.db.QueryRowContext(ctx, `SELECT id, photo, maker FROM links WHERE code_hash = $1`, tokenHash(code)).Scan(&id, &photo, &maker)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", dbError(fmt.Errorf("finding link: %w", err))
	}
	on := onPhoto(photo)
	on.Kind, on.ID = "link", string(id)
	err = v.do(ctx, a, actOpenLink, on, func(t *tx) error {
		if id == "" {
			return ErrNotFound
		}
		t.detail("made_by", string(maker))
		err := holds(ctx, t, `SELECT count(*) FROM links l JOIN people p ON p.id = l.maker WHERE l.id = $1 AND l.ended_at IS NULL
			AND l.expires_at > $2 AND `+livePerson("p", "$2"), id, t.now)
		if err != nil {
			return err
		}
		return mayStill(ctx, t, maker, actReadPhoto, on)
	})
	if err != nil {
		return "", err
	}
	return photo, nil
}

// mayStill asks whether somebody who is not the actor could do an act now; ErrNotFound when not.
func mayStill(ctx context.Context, t *tx, person PersonID, what act, on object) error {
	roles, err := rolesOf(ctx, t, person)
	if err != nil {
		return err
	}
	_, _, err = weigh(ctx, t, roles, Actor{kind: byPerson, person: person}, what, &on)
	if isRefusal(err) {
		return ErrNotFound
	}
	return err
}

// Links lists the actor's own links that are alive, newest first, at most 100, without their codes.
func (v *Vault) Links(ctx context.Context, a Actor) ([]Link, error) {
	var out []Link
	err := v.do(ctx, a, actLinks, onPerson(a.person), func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (l Link, err error) {
			return l, rows.Scan(&l.ID, &l.Photo, &l.CreatedAt, &l.ExpiresAt)
		}, `SELECT id, photo, created_at, expires_at FROM links WHERE maker = $1 AND ended_at IS NULL AND expires_at > $2
			ORDER BY created_at DESC, id LIMIT $3`, a.person, t.now, linksShown)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EndLink ends a link of the actor's own. Errors: ErrNotFound.
func (v *Vault) EndLink(ctx context.Context, a Actor, id LinkID) error {
	return v.do(ctx, a, actEndLink, object{Kind: "link", ID: string(id)}, func(t *tx) error {
		err := exactlyOne(ctx, t, "ending link", `UPDATE links SET ended_at = $1 WHERE id = $2 AND maker = $3 AND ended_at IS NULL`,
			t.now, id, a.person)
		if errors.Is(err, ErrConflict) {
			return ErrNotFound
		}
		return err
	})
}
