package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// fitSample is how many objects StoreFits looks for, from both ends of the names.
const fitSample = 4

// errSeen ends a listing that has told enough.
var errSeen = errors.New("seen")

// StoreFits refuses a store that cannot be this database's: one that is empty, or holds none of the objects that a
// sample of the rows names, although rows name objects. An empty folder or another bucket, mounted by mistake, would
// otherwise look like the loss of every photo. It says nothing of single objects that are missing or altered: reading
// and checking find those. A store that does not answer is ErrUnavailable.
func (v *Vault) StoreFits(ctx context.Context, a Actor) error {
	var names []string
	var of int64
	err := v.quietly(ctx, a, actStoreFits, object{Kind: "store"}, func(t *tx) (err error) {
		if of, err = countObjects(ctx, t); err != nil {
			return err
		}
		names = nil
		for _, end := range []string{"name", "name DESC"} {
			some, err := sampleNames(ctx, t, end)
			if err != nil {
				return err
			}
			names = append(names, some...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		r, err := v.cfg.Blobs.Get(ctx, name)
		if err == nil {
			return r.Close()
		}
		if !errors.Is(err, ErrAbsent) {
			return fmt.Errorf("looking into the store: %w", tryLater(err))
		}
	}
	if len(names) == 0 {
		return nil
	}
	empty, err := storeEmpty(ctx, v.cfg.Blobs)
	switch {
	case err != nil:
		return fmt.Errorf("looking into the store: %w", tryLater(err))
	case empty:
		return fmt.Errorf("the store is empty but the database knows %d objects: mount or name the right store, or restore the last backup: %w", of, ErrIntegrity)
	}
	return fmt.Errorf("the store holds none of the objects that the database knows (%d): it belongs to another vault, so name the right folder or bucket: %w",
		of, ErrIntegrity)
}

func sampleNames(ctx context.Context, q querier, order string) ([]string, error) {
	names, err := list(ctx, q, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) },
		`SELECT name `+namedObjects+` ORDER BY `+order+` LIMIT $1`, fitSample)
	if err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	return names, nil
}

// storeEmpty tells whether a store holds nothing that a vault put there.
func storeEmpty(ctx context.Context, blobs Blobs) (bool, error) {
	for _, kind := range []string{blobIntake, blobObject} {
		err := blobs.List(ctx, kind+"/", func(string, int64) error { return errSeen })
		if errors.Is(err, errSeen) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// NewStore refuses a store in which objects of a vault are, for a database that is new: it is another vault's, or this
// one's whose database was lost.
func NewStore(ctx context.Context, blobs Blobs) error {
	empty, err := storeEmpty(ctx, blobs)
	if err != nil {
		return fmt.Errorf("looking into the store: %w", err)
	}
	if !empty {
		return errors.New("the database is new but the store holds objects already: name the vault's own database, or an empty store")
	}
	return nil
}
