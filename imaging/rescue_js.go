package imaging

import "errors"

var errStopped = errors.New("imaging: the search stopped")

// rescue turns a panic into an error, as elsewhere.
func rescue(err *error) {
	if recover() != nil {
		*err = errStopped
	}
}
