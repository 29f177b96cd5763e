package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// leaseFor is how long the job is held after each step. A step may take longer,
// so whoever calls Deliver renews the lease meanwhile, as vaultd's worker does;
// it is short because a killed worker's delivery waits for its end.
const leaseFor = 2 * time.Minute

// Deliver does one job of kind vault.JobDeliver: it brings the photo into the
// chart and has the vault say "attached", or has the vault note why not. a is a
// job's actor.
//
// The error is nil when the outcome is recorded, a failed delivery included.
// Any other error is the vault's (unavailable, lease lost, integrity) or the
// context's: nothing was recorded, and the worker gives the job back.
func (d *Deliverer) Deliver(ctx context.Context, v *vault.Vault, a vault.Actor, job *vault.Job) error {
	del, err := v.Delivery(ctx, a, job)
	if errors.Is(err, vault.ErrConflict) {
		return v.DeliveryFailed(ctx, a, job, errors.New("the photo is no longer released as it was when this was asked for"), true)
	}
	if err != nil {
		return fmt.Errorf("loading the delivery: %w", err)
	}
	t, ok := d.targets[del.Target]
	if !ok {
		return v.DeliveryFailed(ctx, a, job, fmt.Errorf("no receiver of kind %q is configured", del.Target), true)
	}
	p := readProgress(del.Progress, func(ctx context.Context, raw json.RawMessage) error {
		if err := v.RenewJob(ctx, a, job, leaseFor); err != nil {
			return err
		}
		return v.SaveProgress(ctx, a, job, raw)
	})
	digest, err := t.deliver(ctx, entryOf(del), p)
	if err == nil {
		err = v.Attached(ctx, a, job, p.raw(), digest)
		if !errors.Is(err, vault.ErrDigest) {
			return err
		}
	}
	if errors.Is(err, errVault) || ctx.Err() != nil {
		return err
	}
	d.log.Warn("delivery failed", "target", del.Target, "attachment", string(del.Attachment), "attempt", job.Attempts,
		"permanent", isPermanent(err), "cause", err.Error())
	return v.DeliveryFailed(ctx, a, job, err, isPermanent(err))
}

// Retract does one job of kind vault.JobRetract: it takes the entry back and has
// the vault say how, or has the vault note why not. a is a job's actor; the
// caller renews the lease meanwhile.
//
// The error is nil when the outcome is recorded, as with Deliver.
func (d *Deliverer) Retract(ctx context.Context, v *vault.Vault, a vault.Actor, job *vault.Job) error {
	asked, err := v.Retraction(ctx, a, job)
	if errors.Is(err, vault.ErrConflict) {
		return v.RetractionFailed(ctx, a, job, errors.New("there is nothing to take back"), true)
	}
	if err != nil {
		return fmt.Errorf("loading the retraction: %w", err)
	}
	t, ok := d.targets[asked.Target]
	if !ok {
		return v.RetractionFailed(ctx, a, job, fmt.Errorf("no receiver of kind %q is configured", asked.Target), true)
	}
	p := readProgress(asked.Progress, nil)
	how, err := t.retract(ctx, &retraction{Attachment: string(asked.Attachment), Cause: asked.Cause,
		At: asked.RequestedAt.Std(), Wrote: p})
	if err == nil {
		p.Link = "" // there is nothing to see there any more
		return v.Retracted(ctx, a, job, p.raw(), how)
	}
	if ctx.Err() != nil {
		return err
	}
	d.log.Warn("retraction failed", "target", asked.Target, "attachment", string(asked.Attachment), "attempt", job.Attempts,
		"permanent", isPermanent(err), "cause", err.Error())
	return v.RetractionFailed(ctx, a, job, err, isPermanent(err))
}

// entryOf takes from the vault's delivery what the writers need.
func entryOf(d *vault.Delivery) *entry {
	return &entry{
		Attachment: string(d.Attachment), Photo: string(d.Photo), Encounter: string(d.Encounter.ID),
		Patient: patient{ID: string(d.Patient.ID), RecordNumber: d.Patient.RecordNumber,
			Name: d.Patient.Name, BirthDate: d.Patient.BirthDate},
		Author: person{ID: string(d.Author.ID), Name: d.Author.Name}, Reviewer: person{ID: string(d.Reviewer.ID), Name: d.Reviewer.Name},
		TakenAt: d.TakenAt.Std(), ApprovedAt: d.ApprovedAt.Std(),
		Site: site{Label: d.BodySite.Label, SNOMED: d.BodySite.SNOMED}, Laterality: d.Laterality,
		Proved: d.Proved, Picture: d.Bytes, Certificate: d.Certificate,
	}
}
