package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that an event stands in the log: the event's exact text, and the hashes that lead from it to the root
// which a signed checkpoint states (RFC 6962, 2.1.1). Verifier is the key of the checkpoint as the log's owner says it.
type Proof struct {
	Seq        int64    `json:"seq"`        // place of the event in the log, from 1
	Entry      string   `json:"entry"`      // exact text of the event
	Size       int64    `json:"size"`       // of the log at the checkpoint
	Hashes     []string `json:"hashes"`     // base64, from the leaf upwards
	Checkpoint string   `json:"checkpoint"` // signed note
	Verifier   string   `json:"verifier"`
	// Handovers lead from the log's first key to Verifier; none while the log has its first key. They never change for
	// one checkpoint, so that a proof made again is the same proof.
	Handovers []string `json:"handovers,omitempty"`
}

const maxProofHashes = 63 // a log of 2^63 events has no more levels

// prove makes the proof for one event inside a transaction. When no checkpoint covers the event yet, one is signed.
func (t *tx) prove(ctx context.Context, seq int64) (*Proof, error) {
	p := &Proof{Seq: seq}
	keys, notes, err := t.v.logChain(ctx, t)
	if err != nil {
		return nil, err
	}
	if p.Entry, err = t.eventText(ctx, seq); err != nil {
		return nil, err
	}
	err = t.covering(ctx, p)
	if errors.Is(err, sql.ErrNoRows) {
		if _, err = t.checkpoint(ctx); err == nil {
			err = t.covering(ctx, p)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", absent(err))
	}
	p.Verifier = keys.at(p.Size).vkey
	for i := 0; keys[i].vkey != p.Verifier; i++ {
		p.Handovers = append(p.Handovers, notes[i])
	}
	if err := t.b.head(ctx); err != nil {
		return nil, err
	}
	hashes, err := tlog.ProveRecord(p.Size, seq-1, t.b.reader(ctx))
	if err != nil {
		return nil, fmt.Errorf("proving event: %w", err)
	}
	p.Hashes = make([]string, len(hashes))
	for i, h := range hashes {
		p.Hashes[i] = h.String()
	}
	return p, nil
}

// eventText is the exact text of an event, also of one that is about to be written.
func (t *tx) eventText(ctx context.Context, seq int64) (text string, err error) {
	if i := seq - t.b.first - 1; t.b.loaded && i >= 0 && i < int64(len(t.b.texts)) {
		return t.b.texts[i], nil
	}
	if err := t.QueryRowContext(ctx, `SELECT entry FROM audit_events WHERE seq = $1`, seq).Scan(&text); err != nil {
		return "", fmt.Errorf("reading event: %w", absent(err))
	}
	return text, nil
}

// covering finds the first checkpoint that covers the event.
func (t *tx) covering(ctx context.Context, p *Proof) error {
	return t.QueryRowContext(ctx, `SELECT size, note FROM checkpoints WHERE size >= $1 ORDER BY size LIMIT 1`, p.Seq).
		Scan(&p.Size, &p.Checkpoint)
}

// check reports whether the log of verifier holds the release of a certificate with this digest.
func (p *Proof) check(c Certificate, digest string, trust Trust) (statement, error) {
	return p.checkEvent(c.LogOrigin, c.LogPosition, trust.LogVerifier, func(e logEntry) bool {
		return e.Act == string(actApprove) && e.Outcome == outcomeOK && e.Photo == string(c.Photo) && e.Detail["certificate"] == digest
	}, trust.LogHandovers...)
}

// checkEvent reports whether the log called origin, whose key verifier is one of, holds at position an event that fits.
// handovers lead further than those in the proof where verifier is a newer key than the checkpoint's.
func (p *Proof) checkEvent(origin string, position int64, verifier string, fits func(logEntry) bool, handovers ...string) (statement, error) {
	if len(handovers) < len(p.Handovers) {
		handovers = p.Handovers
	}
	keys, err := openChain(verifier, handovers)
	if err != nil {
		return statement{}, err
	}
	says, err := keys.open(p.Checkpoint)
	if err != nil {
		return statement{}, fmt.Errorf("%w: %w", err, ErrIntegrity)
	}
	if k := keys.at(says.N); p.Verifier != k.vkey || k.last == says.N && k.root != says.Hash {
		return statement{}, fmt.Errorf("the proof is of another log: %w", ErrIntegrity)
	}
	if keys.name() != origin || says.N != p.Size || p.Seq != position || p.Seq < 1 || p.Seq > p.Size {
		return statement{}, fmt.Errorf("the proof is about another event: %w", ErrIntegrity)
	}
	hashes, err := p.record()
	if err != nil {
		return statement{}, err
	}
	if tlog.CheckRecord(hashes, says.N, says.Hash, p.Seq-1, tlog.RecordHash([]byte(p.Entry))) != nil {
		return statement{}, fmt.Errorf("the event is not in the log: %w", ErrIntegrity)
	}
	var e logEntry
	if json.Unmarshal([]byte(p.Entry), &e) != nil || e.Seq != p.Seq || !fits(e) {
		return statement{}, fmt.Errorf("the event in the log is another one: %w", ErrIntegrity)
	}
	return says, nil
}

// record reads the hashes, each in the one spelling that it has.
func (p *Proof) record() (tlog.RecordProof, error) {
	if len(p.Hashes) > maxProofHashes {
		return nil, fmt.Errorf("proof with too many hashes: %w", ErrInvalid)
	}
	out := make(tlog.RecordProof, 0, len(p.Hashes))
	for _, text := range p.Hashes {
		h, err := tlog.ParseHash(text)
		if err != nil || h.String() != text {
			return nil, fmt.Errorf("proof with a hash that cannot be read: %w", ErrInvalid)
		}
		out = append(out, h)
	}
	return out, nil
}
