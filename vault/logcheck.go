package vault

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Verification is what a check of the log found. With OK, every event up to
// Size is as it was written, in its place, and agrees with each checkpoint.
// Otherwise Problem says in a sentence what is wrong and FirstBad from which
// event on (0: not one event) the log can no longer be trusted.
type Verification struct {
	Size           int64  `json:"size"`            // events read
	Root           string `json:"root"`            // of the tree over them, base64
	Checkpoints    int    `json:"checkpoints"`     // that were checked and agree
	LastCheckpoint Time   `json:"last_checkpoint"` // when the newest of them was signed
	Covered        int64  `json:"covered"`         // events that it covers
	OK             bool   `json:"ok"`
	Problem        string `json:"problem,omitempty"`
	FirstBad       int64  `json:"first_bad,omitempty"`
	// KeyFromExport: the export was checked with the key that stands in it, so
	// it is consistent, but who signed it is not established.
	KeyFromExport bool `json:"key_from_export,omitempty"`
}

// errBroken ends a walk over a log in which a problem was found.
var errBroken = errors.New("log is broken")

// checker recomputes a log from its events and compares it with each
// checkpoint. It stops at the first problem.
type checker struct {
	verifier note.Verifier
	tree     frontier
	result   Verification
}

func newChecker(verifierKey string) (*checker, error) {
	verifier, err := note.NewVerifier(verifierKey)
	if err != nil {
		return nil, fmt.Errorf("log verifier key: %w", ErrInvalid)
	}
	return &checker{verifier: verifier}, nil
}

// bad notes the problem that ends the check.
func (c *checker) bad(first int64, format string, args ...any) error {
	c.result.Problem, c.result.FirstBad = fmt.Sprintf(format, args...), first
	return errBroken
}

// logRow is an event as it is kept: its text, and the leaf hash beside it, which
// tells which event was altered when the tree does not agree.
type logRow struct {
	seq  int64
	text string
	leaf tlog.Hash
}

func (c *checker) event(r logRow) error {
	want := c.tree.size + 1
	if r.seq > want {
		return c.bad(want, "event %d is missing", want)
	}
	if r.seq < want {
		return c.bad(want, "event %d stands where event %d should", r.seq, want)
	}
	hash := tlog.RecordHash([]byte(r.text))
	if hash != r.leaf {
		return c.bad(want, "event %d was altered", want)
	}
	var entry struct {
		Seq int64 `json:"seq"`
	}
	if err := json.Unmarshal([]byte(r.text), &entry); err != nil {
		return c.bad(want, "event %d cannot be read", want)
	}
	if entry.Seq != want {
		return c.bad(want, "event %d stands where event %d should", entry.Seq, want)
	}
	c.tree.add(hash)
	return nil
}

// checkpoint compares a note with the events so far, whose number it states.
func (c *checker) checkpoint(text string) error {
	next := c.result.Covered + 1
	says, err := openCheckpoint(text, c.verifier)
	if err != nil {
		return c.bad(next, "the checkpoint after event %d is not valid: %v", c.tree.size, err)
	}
	if says.N > c.tree.size {
		return c.bad(c.tree.size+1, "the log was cut short: a checkpoint states %d events, there are %d", says.N, c.tree.size)
	}
	if says.N < c.tree.size {
		return c.bad(next, "a checkpoint for %d events stands after event %d", says.N, c.tree.size)
	}
	root, err := c.tree.root()
	if err != nil {
		return err
	}
	if root != says.Hash {
		return c.bad(next, "history was rewritten between event %d and event %d: the checkpoint signed then does not agree",
			next, says.N)
	}
	c.result.Checkpoints++
	c.result.Covered, c.result.LastCheckpoint = says.N, says.at
	return nil
}

// done ends the check of a log that should have size events.
func (c *checker) done(size int64) error {
	if c.tree.size < size {
		return c.bad(c.tree.size+1, "the log is cut short: it should have %d events and has %d", size, c.tree.size)
	}
	return nil
}

// verification is the result, after a walk that ended with err.
func (c *checker) verification(err error) (Verification, error) {
	if err != nil && !errors.Is(err, errBroken) {
		return Verification{}, err
	}
	root, rootErr := c.tree.root()
	if rootErr != nil {
		return Verification{}, rootErr
	}
	c.result.Size, c.result.Root, c.result.OK = c.tree.size, root.String(), err == nil
	return c.result, nil
}
