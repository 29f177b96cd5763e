package vault

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	// Kept is how many notes of others it was compared with.
	Kept int `json:"kept,omitempty"`
	// RolledBack is what was lost when the operator put the database back to an earlier state, as the log itself says.
	RolledBack []RolledBack `json:"rolled_back,omitempty"`
}

// RolledBack are events that are gone: others took their places.
type RolledBack struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	Event int64 `json:"event"` // that says so
	Kept  int   `json:"kept"`  // notes of others that do not agree because of it
}

const maxRollbacks = 1000 // that are told apart

// foreign is a kept note that the log's keys did not sign.
type foreign struct {
	size    int64
	problem string
}

// errBroken ends a walk over a log in which a problem was found.
var errBroken = errors.New("log is broken")

// checker recomputes a log from its events and compares it with each
// checkpoint. It stops at the first problem.
type checker struct {
	keys    logChain
	tree    frontier
	passed  int         // handovers that agree
	kept    []statement // by size, those not yet reached
	missed  []statement // kept, but not agreeing
	agreed  int64       // size of the largest kept checkpoint that agrees, before the first that does not
	foreign []foreign   // kept, but not signed by the log's keys
	result  Verification
}

// hold takes the checkpoints that others kept. Whether one that the log's keys
// did not sign was lost in a rollback, or is of another log, shows at the end.
func (c *checker) hold(kept []string) error {
	for _, text := range kept {
		if h, err := openHandover(text); err == nil {
			if c.keys.at(h.N).vkey != h.old || h.old == c.keys.newest() {
				c.foreign = append(c.foreign, foreign{h.N, fmt.Sprintf("a handover of the log's key that somebody kept, at event %d, is not in this log", h.N)})
				continue
			}
			c.kept = append(c.kept, h.statement)
			continue
		}
		s, err := c.keys.open(text)
		if err != nil {
			size := int64(0)
			if lines := strings.SplitN(text, "\n", 3); len(lines) == 3 && lines[0] == c.keys.name() {
				size, _ = strconv.ParseInt(lines[1], 10, 64)
			}
			c.foreign = append(c.foreign, foreign{size, fmt.Sprintf("a checkpoint that somebody kept is not of this log: %v", err)})
			continue
		}
		c.kept = append(c.kept, s)
	}
	slices.SortFunc(c.kept, func(a, b statement) int { return cmp.Compare(a.N, b.N) })
	c.result.Kept = len(kept)
	return nil
}

// compareHandovers compares the handovers of a log of this size: what an old key says afterwards of the events that it once
// signed does not count, since the next key signed their root too.
func (c *checker) compareHandovers() error {
	for ; c.keys[c.passed].last == c.tree.size; c.passed++ {
		root, err := c.tree.root()
		if err != nil {
			return err
		}
		first := int64(1)
		if c.passed > 0 {
			first = c.keys[c.passed-1].last + 1
		}
		if k := c.keys[c.passed]; k.root != root {
			return c.bad(first, "history was rewritten between event %d and event %d: the handover of the log's key does not agree", first, k.last)
		}
	}
	return nil
}

// compareKept compares the checkpoints that others kept of a log of this size.
func (c *checker) compareKept() error {
	for len(c.kept) > 0 && c.kept[0].N == c.tree.size {
		root, err := c.tree.root()
		if err != nil {
			return err
		}
		k := c.kept[0]
		c.kept = c.kept[1:]
		if k.Hash != root {
			c.missed = append(c.missed, k)
		} else if len(c.missed) == 0 {
			c.agreed = k.N
		}
	}
	return nil
}

// settleKept decides, at the end of the log, about the kept notes that did not agree, are beyond the end, or are signed by
// another key. Those that an event of the log owns up to, as rolled back by the operator, are counted with it.
func (c *checker) settleKept() error {
	for _, k := range append(c.missed, c.kept...) {
		if c.explained(k.N) {
			continue
		}
		if k.N > c.tree.size {
			return c.bad(c.tree.size+1, "the log was rolled back: a kept checkpoint of %s states %d events, there are %d", k.at, k.N, c.tree.size)
		}
		first := c.agreed + 1
		return c.bad(first, "history was rewritten between event %d and event %d: a kept checkpoint of %s does not agree", first, k.N, k.at)
	}
	for _, f := range c.foreign {
		if !c.explained(f.size) {
			return c.bad(0, "%s", f.problem)
		}
	}
	return nil
}

// explained tells whether the log says that its event of that size was lost when the database was put back.
func (c *checker) explained(size int64) bool {
	for i := range c.result.RolledBack {
		if r := &c.result.RolledBack[i]; size >= r.First && size <= r.Last {
			r.Kept++
			return true
		}
	}
	return false
}

// undo notes what an event says was rolled back: whoever put the database back owned up to it.
func (c *checker) undo(seq int64, detail map[string]string) {
	last, err := strconv.ParseInt(detail["witnessed"], 10, 64)
	found, errFound := strconv.ParseInt(detail["found"], 10, 64)
	if err == nil && errFound == nil && len(c.result.RolledBack) < maxRollbacks {
		c.result.RolledBack = append(c.result.RolledBack, RolledBack{First: min(found, last) + 1, Last: last, Event: seq})
	}
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
		Seq    int64             `json:"seq"`
		Act    string            `json:"act"`
		Detail map[string]string `json:"detail"`
	}
	if err := json.Unmarshal([]byte(r.text), &entry); err != nil {
		return c.bad(want, "event %d cannot be read", want)
	}
	if entry.Seq != want {
		return c.bad(want, "event %d stands where event %d should", entry.Seq, want)
	}
	c.tree.add(hash)
	if err := c.compareHandovers(); err != nil {
		return err
	}
	if entry.Act == string(actRollback) {
		c.undo(want, entry.Detail)
	}
	return c.compareKept()
}

// checkpoint compares a note with the events so far, whose number it states.
func (c *checker) checkpoint(text string) error {
	next := c.result.Covered + 1
	says, err := c.keys.open(text)
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
	if k := c.keys[c.passed]; c.passed < len(c.keys)-1 {
		return c.bad(c.tree.size+1, "the log is cut short: its key was handed over after event %d, there are %d", k.last, c.tree.size)
	}
	return c.settleKept()
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
