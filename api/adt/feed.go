// Package adt takes what a hospital's patient administration tells of patients and stays: HL7 v2 ADT messages over MLLP.
//
// It hides HL7 v2 from the house: frames, segments, fields, escapes, character sets, acknowledgements. What a message says
// becomes one vault.CareEvent; whether and how it is applied, once and in order, is the vault's to decide.
//
// It guards the vault from senders that are broken rather than hostile, since only machines of the hospital reach it: over
// TLS, by certificate or address. Everything is bounded before it is kept, nothing that a message holds gets into an
// answer, an error or a log, and what cannot be applied is kept whole, sealed, for the people who run the vault, while the
// sender is told by code, segment and field what is wrong with it.
//
// The order is: frame, header, duplicate, content, one transaction, answer. No answer before the transaction.
package adt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// applyTimeout bounds one message.
const applyTimeout = 30 * time.Second

// Config is what New needs. Vault is required.
type Config struct {
	Vault *vault.Vault
	Rules Rules
	// Log takes operational messages, never what a message says; default discards.
	Log *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Feed takes messages. It is safe for use by many goroutines, and several nodes may each run one.
type Feed struct {
	cfg Config
}

// New makes a feed.
func New(cfg Config) (*Feed, error) {
	if cfg.Vault == nil {
		return nil, errors.New("a feed needs a vault")
	}
	if cfg.Rules.TieDays < 0 {
		return nil, errors.New("the days after a discharge must not be negative")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Feed{cfg}, nil
}

// Take applies one message and gives the acknowledgements to send back; peer is who sent it.
func (f *Feed) Take(ctx context.Context, raw []byte, peer string) [][]byte {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	m, broken := parse(raw)
	if m == nil {
		m = &message{}
	}
	h, wrong := f.cfg.Rules.readHeader(m)
	if broken == nil {
		broken = wrong
	}
	a := f.apply(ctx, m, h, broken, vault.FeedMessage{Sender: h.sender, ControlID: named(h.control), Digest: digest(raw),
		Event: h.event, Peer: peer}, raw)
	f.cfg.Log.Info("message of the feed", "event", h.event, "answer", a.Code, "error", a.Problem.Code, "place", a.Problem.Place,
		"again", a.Again, "peer", peer)
	return h.answers(a, f.cfg.Now())
}

// named is the name of a message whose sender gave none.
func named(control string) string {
	if control == "" {
		return "unnumbered"
	}
	return clip(control, 200)
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// apply does what a message says, or keeps it.
func (f *Feed) apply(ctx context.Context, m *message, h header, broken *Fault, named vault.FeedMessage, raw []byte) vault.FeedAnswer {
	actor := vault.FeedActor(h.sender).From(named.Peer, h.control)
	if broken == nil && f.cfg.Rules.ignores(h.event) {
		return vault.FeedAnswer{Code: "AA"}
	}
	var problem *vault.CareProblem
	if broken == nil {
		var e vault.CareEvent
		if e, broken = f.cfg.Rules.read(m, h); broken == nil {
			a, err := f.cfg.Vault.ApplyCare(ctx, actor, named, e)
			if err == nil {
				return a
			}
			if !errors.As(err, &problem) {
				f.cfg.Log.Warn("message of the feed not applied, its sender is asked to try again", "event", h.event, "error", err)
				return later()
			}
		}
	}
	if broken != nil {
		problem = &vault.CareProblem{Code: broken.Code, Place: broken.Place, Text: broken.Text}
	}
	a, err := f.cfg.Vault.KeepMessage(ctx, actor, named, raw, *problem)
	if errors.Is(err, vault.ErrTooLarge) { // sending it again would not help
		return vault.FeedAnswer{Code: "AE", Problem: *problem}
	}
	if err != nil {
		f.cfg.Log.Warn("message of the feed not kept, its sender is asked to try again", "event", h.event, "error", err)
		return later()
	}
	if rejected(problem.Code) {
		a.Code = "AR"
	}
	return a
}

// later tells a sender to keep the message and send it again.
func later() vault.FeedAnswer {
	return vault.FeedAnswer{Code: "AR", Problem: vault.CareProblem{Code: codeInternal, Place: "MSH", Text: "not taken now, send it again later"}}
}

// rejected tells whether a message of that kind is not for this application at all (HL7 v2.5.1 section 2.9.2.2).
func rejected(code string) bool {
	return code == codeMessage || code == codeEvent || code == codeProcessing || code == codeVersion
}

// Redo does the job of kind "message": it applies a kept message again.
func (f *Feed) Redo(ctx context.Context, job *vault.Job) error {
	kept, err := f.cfg.Vault.OpenMessage(ctx, vault.FeedActor("retry"), job)
	if err != nil || kept == nil {
		return err
	}
	defer clear(kept.Content)
	m, broken := parse(kept.Content)
	if m == nil {
		m = &message{}
	}
	h, wrong := f.cfg.Rules.readHeader(m)
	if broken == nil {
		broken = wrong
	}
	a := f.apply(ctx, m, h, broken, kept.FeedMessage, kept.Content)
	if a.Problem.Code == codeInternal && a.Problem.Text == later().Problem.Text {
		return fmt.Errorf("applying a kept message: %w", vault.ErrUnavailable)
	}
	return f.cfg.Vault.MessageTried(ctx, vault.FeedActor("retry"), job)
}
