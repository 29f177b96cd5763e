package api

import (
	"io"
	"math"
	"time"

	"github.com/clinivault/clinivault/vault"
)

type eventsAnswer struct {
	Events []vault.Event `json:"events"`
	// Next is what before must be for the next page; 0: there is none.
	Next int64 `json:"next"`
}

// auditTrail pages through the log, newest first: of a patient, of a person, or all of it.
func (c *call) auditTrail() error {
	q, err := c.query("patient", "person", "before", "limit")
	if err != nil {
		return err
	}
	before, err := whole(q, "before", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	n, err := whole(q, "limit", 100, maxLimit)
	if err != nil {
		return err
	}
	events, err := c.trail(q["patient"], q["person"], before, max(int(n), 1))
	if err != nil {
		return err
	}
	out := eventsAnswer{Events: some(events)}
	if len(events) == max(int(n), 1) {
		out.Next = events[len(events)-1].Seq
	}
	return c.ok(out)
}

func (c *call) trail(patient, person string, before int64, limit int) ([]vault.Event, error) {
	ctx := c.r.Context()
	switch {
	case patient != "" && person != "":
		return nil, say(vault.ErrInvalid, "Ask for a patient or for a person, not for both.")
	case patient != "":
		id, err := cleanID(patient)
		if err != nil {
			return nil, err
		}
		return c.s.vault.AuditOfPatient(ctx, c.actor, vault.PatientID(id), before, limit)
	case person != "":
		id, err := cleanID(person)
		if err != nil {
			return nil, err
		}
		return c.s.vault.AuditOfPerson(ctx, c.actor, vault.PersonID(id), before, limit)
	}
	return c.s.vault.AuditRecent(ctx, c.actor, before, limit)
}

func (c *call) verifyLog() error {
	c.patience(10 * time.Minute)
	v, err := c.s.vault.VerifyLog(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(v)
}

// exportLog streams the log as JSON lines; "vaultd verify-audit FILE" checks the file offline. An error after the
// first byte cuts the connection, so that half a log cannot pass for a whole one.
func (c *call) exportLog() error {
	h := c.w.Header()
	h.Set("Content-Type", "application/jsonl")
	h.Set("Content-Disposition", `attachment; filename="clinivault-audit.jsonl"`)
	return c.s.vault.ExportLog(c.r.Context(), c.actor, &flowing{c: c, w: c.w})
}

// flowing writes a long answer and lets it go on as long as the client takes it.
type flowing struct {
	c     *call
	w     io.Writer
	since time.Time
}

func (f *flowing) Write(p []byte) (int, error) {
	if time.Since(f.since) > stalled/2 {
		f.since = time.Now()
		f.c.patience(stalled)
	}
	return f.w.Write(p)
}

// keys gives what an outsider needs to check receipts, certificates and the log.
func (c *call) keys() error {
	keys, err := c.s.vault.PublicKeys(c.r.Context())
	if err != nil {
		return err
	}
	return c.ok(keys)
}
