package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// errVault marks an error of the vault, not of the receiver: it is not recorded
// as the delivery's failure but returned to the worker.
var errVault = errors.New("recording progress")

// progress is what a delivery has brought about so far, as the vault keeps it
// between steps. It says where to look and what to show; each try still looks
// at the receiver before it believes any of it.
type progress struct {
	Patient    string `json:"patient,omitempty"` // reference at the receiver
	Binary     string `json:"binary,omitempty"`
	Document   string `json:"document,omitempty"`
	Provenance string `json:"provenance,omitempty"`
	Study      string `json:"study_uid,omitempty"`
	Series     string `json:"series_uid,omitempty"`
	Instance   string `json:"instance_uid,omitempty"`
	// Certificate says what became of the release's certificate there: kept or
	// dropped, by a receiver that does not keep what it does not know.
	Certificate string `json:"certificate,omitempty"`
	// Link is where the entry is read, once it is complete.
	Link string `json:"link,omitempty"`

	save func(context.Context, json.RawMessage) error
}

// readProgress starts from what an earlier try left; anything unreadable counts
// as nothing, since all of it can be found out again.
func readProgress(kept json.RawMessage, save func(context.Context, json.RawMessage) error) *progress {
	p := &progress{}
	if json.Unmarshal(kept, p) != nil {
		p = &progress{}
	}
	p.save = save
	return p
}

// mark changes the progress and makes the change durable before the next step.
func (p *progress) mark(ctx context.Context, change func()) error {
	change()
	if err := p.save(ctx, p.raw()); err != nil {
		return fmt.Errorf("%w: %w", errVault, err)
	}
	return nil
}

func (p *progress) raw() json.RawMessage {
	b, err := json.Marshal(p)
	if err != nil {
		panic("chart: progress does not marshal")
	}
	return b
}
