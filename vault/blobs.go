package vault

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
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
	// store kept. Deleting what is not there is no error.
	Delete(ctx context.Context, name string) error
	// List calls fn for each object whose name begins with prefix, in no
	// order, until fn returns an error, which it returns. Objects that come or
	// go meanwhile may be missed. An empty prefix lists all.
	List(ctx context.Context, prefix string, fn func(name string, size int64) error) error
	// Ping asks whether the store would take an object now.
	Ping(ctx context.Context) error
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
