package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// Outcomes of an act in its event.
const (
	outcomeOK      = "ok"
	outcomeRefused = "refused" // decide said no
	outcomeFailed  = "failed"  // allowed, but did not happen
)

const (
	maxEntry  = 8 << 10 // bytes of one entry
	maxDetail = 200     // bytes of one detail's value
)

// logEntry is what the log keeps of one act, and what is hashed: JSON on one
// line with its keys in this (byte) order, empty ones left out. It never holds
// a name, a record number or free text about a patient; Patient is a pseudonym
// that means nothing once the patient's row is erased.
type logEntry struct {
	Act        string            `json:"act"`
	ActingAs   string            `json:"acting_as,omitempty"`
	Actor      string            `json:"actor"`
	At         int64             `json:"at"` // unix milliseconds
	Detail     map[string]string `json:"detail,omitempty"`
	Object     string            `json:"object,omitempty"`
	ObjectKind string            `json:"object_kind,omitempty"`
	Outcome    string            `json:"outcome"`
	Patient    string            `json:"patient,omitempty"`
	Photo      string            `json:"photo,omitempty"`
	Purpose    string            `json:"purpose,omitempty"`
	Remote     string            `json:"remote,omitempty"`
	Request    string            `json:"request,omitempty"`
	Seq        int64             `json:"seq"`
	Session    string            `json:"session,omitempty"`
}

// malformed stands in the log for what strangers typed.
const malformed = "(malformed)"

// newEntry starts the event of an act. IDs may come from outside, so whatever
// does not look like one of ours is not written down.
func newEntry(a Actor, what act, on object) logEntry {
	return logEntry{
		Act:        string(what),
		Actor:      shape(a.subject()),
		Object:     ownID(on.Kind, on.ID),
		ObjectKind: on.Kind,
		Photo:      ownID("photo", string(on.Photo)),
		Remote:     shape(a.remote),
		Request:    shape(a.request),
		Session:    shape(string(a.session)),
	}
}

var idShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.:/_\[\]%-]{0,79}$`)

// shape returns s if it could be an ID, an address or a request ID, and
// otherwise a fixed word, so that the log never repeats what a stranger typed.
func shape(s string) string {
	if s == "" || idShape.MatchString(s) {
		return s
	}
	return malformed
}

// idMade is the shape of every number that the vault or a capture program made.
var idMade = regexp.MustCompile(`^(?:[A-Z2-7]{26}|[0-9a-f]{32})$`)

// ownID is shape for the number of an object. A request may hold a name or a record number where a number of ours should
// stand, and the log is for ever: only a key or the log itself is called otherwise.
func ownID(kind, id string) string {
	if id == "" || idMade.MatchString(id) {
		return id
	}
	if kind == "key" || kind == "log" {
		return shape(id)
	}
	return malformed
}

// fact sets one detail.
func (e *logEntry) fact(k, value string) {
	d := map[string]string{k: value}
	for k, v := range e.Detail {
		if _, set := d[k]; !set {
			d[k] = v
		}
	}
	e.Detail = d
}

// encode returns the exact text that is hashed and stored.
func (e logEntry) encode() ([]byte, error) {
	for k, v := range e.Detail {
		e.fact(k, clip(v, maxDetail))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encoding audit event: %w", err)
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(text) > maxEntry {
		return nil, errors.New("audit event is longer than 8 KiB")
	}
	return text, nil
}

// event appends one event to the log inside the act's transaction: its row, and
// the hashes that it adds to the tree, are written before the transaction ends.
func (t *tx) event(ctx context.Context, e logEntry) error {
	if e.Outcome == "" {
		e.Outcome = outcomeOK
	}
	e.At = t.now
	return t.b.add(ctx, e)
}

// sentinelName is the fixed word for err in an event.
func sentinelName(err error) string {
	for _, s := range []struct {
		err  error
		name string
	}{
		{ErrNotFound, "not_found"}, {ErrDenied, "denied"}, {ErrConflict, "conflict"}, {ErrInvalid, "invalid"},
		{ErrDigest, "digest"}, {ErrTooLarge, "too_large"}, {ErrUnauthenticated, "unauthenticated"},
		{ErrLocked, "locked"}, {ErrWrongFactor, "wrong_factor"}, {ErrStepUp, "step_up"}, {ErrSecondFactor, "second_factor"}, {ErrSessionLocked, "session_locked"},
		{ErrDeviceProof, "device_proof"}, {ErrIntegrity, "integrity"}, {ErrUnavailable, "unavailable"},
		{context.Canceled, "canceled"},
	} {
		if errors.Is(err, s.err) {
			return s.name
		}
	}
	return "internal"
}
