package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"golang.org/x/mod/sumdb/tlog"
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

// newEntry starts the event of an act. IDs may come from outside, so whatever
// does not look like one of ours is not written down.
func newEntry(a Actor, what act, on object) logEntry {
	return logEntry{
		Act:        string(what),
		Actor:      shape(a.subject()),
		Object:     shape(on.ID),
		ObjectKind: on.Kind,
		Photo:      shape(string(on.Photo)),
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
	return "(malformed)"
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
// the hashes that it adds to the tree.
func (t *tx) event(ctx context.Context, e logEntry) error {
	if e.Outcome == "" {
		e.Outcome = outcomeOK
	}
	e.At = t.now
	err := t.QueryRowContext(ctx, `UPDATE audit_head SET size = size + 1 WHERE id = 1 RETURNING size`).Scan(&e.Seq)
	if err != nil {
		return fmt.Errorf("taking a place in the log: %w", err)
	}
	text, err := e.encode()
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx,
		`INSERT INTO audit_events (seq, at, actor, act, outcome, patient, photo, entry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.Seq, e.At, e.Actor, e.Act, e.Outcome, e.Patient, e.Photo, string(text))
	if err != nil {
		return fmt.Errorf("writing audit event: %w", err)
	}
	return t.grow(ctx, e.Seq-1, text)
}

// grow stores the hashes that record n (from 0) completes.
func (t *tx) grow(ctx context.Context, n int64, text []byte) error {
	hashes, err := tlog.StoredHashes(n, text, hashReader(ctx, t))
	if err != nil {
		return fmt.Errorf("hashing audit event: %w", err)
	}
	first := tlog.StoredHashIndex(0, n)
	for i, h := range hashes {
		_, err := t.ExecContext(ctx, `INSERT INTO audit_hashes (id, hash) VALUES ($1, $2)`, first+int64(i), h[:])
		if err != nil {
			return fmt.Errorf("writing log hashes: %w", err)
		}
	}
	return nil
}

// sentinelName is the fixed word for err in an event.
func sentinelName(err error) string {
	for _, s := range []struct {
		err  error
		name string
	}{
		{ErrNotFound, "not_found"}, {ErrDenied, "denied"}, {ErrConflict, "conflict"}, {ErrInvalid, "invalid"},
		{ErrDigest, "digest"}, {ErrTooLarge, "too_large"}, {ErrUnauthenticated, "unauthenticated"},
		{ErrLocked, "locked"}, {ErrIntegrity, "integrity"}, {ErrUnavailable, "unavailable"},
		{context.Canceled, "canceled"},
	} {
		if errors.Is(err, s.err) {
			return s.name
		}
	}
	return "internal"
}
