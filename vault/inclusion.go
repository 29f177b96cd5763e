package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
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
}

const maxProofHashes = 63 // a log of 2^63 events has no more levels

// prove makes the proof for one event inside a transaction. When no checkpoint covers the event yet, one is signed.
func (t *tx) prove(ctx context.Context, seq int64) (*Proof, error) {
	p := &Proof{Seq: seq}
	var err error
	if p.Verifier, err = verifierKey(t.v.cfg.LogOrigin, t.v.keys.log.public()); err != nil {
		return nil, err
	}
	if err := t.QueryRowContext(ctx, `SELECT entry FROM audit_events WHERE seq = $1`, seq).Scan(&p.Entry); err != nil {
		return nil, fmt.Errorf("reading event: %w", absent(err))
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
	hashes, err := tlog.ProveRecord(p.Size, seq-1, hashReader(ctx, t))
	if err != nil {
		return nil, fmt.Errorf("proving event: %w", err)
	}
	p.Hashes = make([]string, len(hashes))
	for i, h := range hashes {
		p.Hashes[i] = h.String()
	}
	return p, nil
}

// covering finds the first checkpoint that covers the event.
func (t *tx) covering(ctx context.Context, p *Proof) error {
	return t.QueryRowContext(ctx, `SELECT size, note FROM checkpoints WHERE size >= $1 ORDER BY size LIMIT 1`, p.Seq).
		Scan(&p.Size, &p.Checkpoint)
}

// check reports whether the log of verifier holds the release of a certificate with this digest.
func (p *Proof) check(c Certificate, digest, verifier string) (statement, error) {
	if p.Verifier != verifier {
		return statement{}, fmt.Errorf("the proof is of another log: %w", ErrIntegrity)
	}
	key, err := note.NewVerifier(verifier)
	if err != nil {
		return statement{}, fmt.Errorf("log verifier key: %w", ErrInvalid)
	}
	says, err := openCheckpoint(p.Checkpoint, key)
	if err != nil {
		return statement{}, fmt.Errorf("%w: %w", err, ErrIntegrity)
	}
	if key.Name() != c.LogOrigin || says.N != p.Size || p.Seq != c.LogPosition || p.Seq < 1 || p.Seq > p.Size {
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
	if json.Unmarshal([]byte(p.Entry), &e) != nil || e.Seq != p.Seq || e.Act != string(actApprove) || e.Outcome != outcomeOK ||
		e.Photo != string(c.Photo) || e.Detail["certificate"] != digest {
		return statement{}, fmt.Errorf("the event in the log is not this release: %w", ErrIntegrity)
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
