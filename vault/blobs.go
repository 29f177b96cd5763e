package vault

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Blobs keeps sealed objects. It is not trusted: everything in it is sealed and
// authenticated before it gets there. All methods may be called by many
// goroutines and processes at once, also for the same name.
//
// Names match [a-z0-9_-]+(/[a-z0-9_-]+)*, at most 200 bytes; other names are
// ErrInvalid. A store that does not answer is ErrUnavailable.
type Blobs interface {
	// Put stores exactly size bytes of body under name. On a nil return the
	// object is durable: it survives the loss of power. It is all or nothing,
	// so nobody ever sees a part of it; a body that ends early or goes on
	// longer is an error and leaves nothing. An object that exists is never
	// overwritten: ErrExists. After another error the object may or may not
	// be there.
	Put(ctx context.Context, name string, body io.Reader, size int64) error
	// Get opens an object; ErrAbsent when there is none. The caller closes it.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Delete removes an object for good, with any older version that the
	// store kept. Deleting what is not there is no error. A store that must
	// keep the object answers with a *Kept, which is ErrKept.
	Delete(ctx context.Context, name string) error
	// List calls fn for each object whose name begins with prefix, in no
	// order, until fn returns an error, which it returns. Objects that come or
	// go meanwhile may be missed. An empty prefix lists all.
	List(ctx context.Context, prefix string, fn func(name string, size int64) error) error
	// Ping asks whether the store would take an object now.
	Ping(ctx context.Context) error
}

// Holder is a Blobs that can keep an object from being deleted by anybody, this
// vault included, until the hold is lifted. Holding twice is no error, nor is
// lifting what is not held. A store that cannot answers errors.ErrUnsupported,
// and an object that is not there is ErrAbsent.
type Holder interface {
	Hold(ctx context.Context, name string, on bool) error
}

// Kept is why a store did not delete an object: a legal hold, or a lock that
// ends at Until.
type Kept struct {
	Until time.Time // zero when only a hold keeps it
	Hold  bool
}

func (k *Kept) Error() string {
	if k.Hold {
		return ErrKept.Error() + " under a legal hold"
	}
	return ErrKept.Error() + " until " + k.Until.UTC().Format(time.RFC3339)
}

// Unwrap is ErrKept.
func (k *Kept) Unwrap() error { return ErrKept }

// Historian is a Blobs that keeps older versions of objects, and what the vault
// asks of them when it checks the store.
type Historian interface {
	// Versions calls fn for each version of each object whose name begins with
	// prefix, those of one name together and the newest first.
	Versions(ctx context.Context, prefix string, fn func(Version) error) error
	// GetVersion opens one version; ErrAbsent when there is none.
	GetVersion(ctx context.Context, name, version string) (io.ReadCloser, error)
	// DeleteVersion removes one version, or a deletion's mark, for good. What
	// it hid is there again.
	DeleteVersion(ctx context.Context, name, version string) error
	// Uploads calls fn for each upload in parts that was not completed.
	Uploads(ctx context.Context, fn func(Upload) error) error
	// AbortUpload removes the parts of an upload.
	AbortUpload(ctx context.Context, u Upload) error
}

// Version is one version of an object, or the mark of a deletion.
type Version struct {
	Name, ID string
	Size     int64
	At       time.Time
	Newest   bool
	Deleted  bool // a mark: older versions are hidden
}

// Upload is an upload in parts that was begun and not completed.
type Upload struct {
	Name, ID string
	Begun    time.Time
}

const maxBlobName = 200

var blobNameShape = regexp.MustCompile(`^[a-z0-9_-]+(/[a-z0-9_-]+)*$`)

// CheckBlobName returns ErrInvalid for a name that no Blobs may take.
func CheckBlobName(name string) error {
	if len(name) > maxBlobName || !blobNameShape.MatchString(name) {
		return fmt.Errorf("object name: %w", ErrInvalid)
	}
	return nil
}

// CheckBlobPrefix returns ErrInvalid for a prefix that no name begins with.
func CheckBlobPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckBlobName(strings.TrimSuffix(prefix, "/"))
}
