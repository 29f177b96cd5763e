package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clinivault/clinivault/vault"
)

const (
	leaseFor        = time.Minute
	renewEvery      = 20 * time.Second
	pollEvery       = 300 * time.Millisecond
	sweepEvery      = 5 * time.Minute
	tidyEvery       = time.Hour        // it checks once a day
	checkpointEvery = 30 * time.Second // events after which nothing happens
	keysEvery       = time.Hour
)

// worker takes jobs from the vault's table, on as many goroutines as there are
// cores, and does the vault's housekeeping: checkpoints and sweeps. Several
// workers on several nodes may run at once; a job that a worker was killed in
// becomes free again when its lease runs out.
type worker struct {
	parts *parts
	actor vault.Actor
	log   *slog.Logger
	took  *prometheus.HistogramVec
}

func newWorker(p *parts, log *slog.Logger, metrics prometheus.Registerer) (*worker, error) {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "clinivault_job_seconds", Help: "Time a job took, by kind and outcome.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
	}, []string{"kind", "outcome"})
	if err := metrics.Register(took); err != nil {
		return nil, fmt.Errorf("registering the worker's metrics: %w", err)
	}
	return &worker{parts: p, actor: vault.JobActor("worker"), log: log, took: took}, nil
}

// run works until ctx ends, then waits for the jobs in hand.
func (w *worker) run(ctx context.Context) {
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() { w.loop(ctx) })
	}
	all.Go(func() { w.every(ctx, sweepEvery, "sweeping", w.parts.vault.Sweep) })
	all.Go(func() {
		w.every(ctx, vault.RetentionEvery, "destroying what retention rules end", w.parts.vault.RunRetention)
	})
	all.Go(func() { w.every(ctx, tellEvery, "telling the log's witnesses", w.parts.vault.SendToWitnesses) })
	all.Go(func() { w.every(ctx, tidyEvery, "checking the store", w.parts.vault.TidyStore) })
	all.Go(func() { w.every(ctx, checkpointEvery, "signing a checkpoint", w.parts.vault.Checkpoint) })
	all.Go(func() { w.every(ctx, tidyEvery, "deleting old notices", w.parts.vault.TidyNotices) })
	all.Go(func() { w.every(ctx, tidyEvery, "forgetting old messages", w.parts.vault.ForgetMessages) })
	all.Go(func() {
		w.every(ctx, vault.ExpireEvery, "putting out whose time here is over", w.parts.vault.ExpirePeople)
	})
	all.Go(func() { w.every(ctx, keysEvery, "destroying retired keys", w.parts.vault.DestroyRetiredKeys) })
	all.Wait()
}

// every calls act now and then every interval; an error is logged and the next
// round tries again.
func (w *worker) every(ctx context.Context, interval time.Duration, what string, act func(context.Context, vault.Actor) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := act(ctx, w.actor); err != nil && ctx.Err() == nil {
			w.log.Warn("housekeeping failed, trying again later", "what", what, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// loop takes one job after the other and rests when there is none.
func (w *worker) loop(ctx context.Context) {
	for ctx.Err() == nil {
		job, err := w.parts.vault.ClaimJob(ctx, w.actor, leaseFor)
		if err != nil && ctx.Err() == nil {
			w.log.Warn("claiming a job failed, trying again", "error", err)
			rest(ctx, 2*time.Second)
		}
		if job == nil {
			rest(ctx, pollEvery)
			continue
		}
		w.do(ctx, job)
	}
}

// do runs one job while its lease is renewed. A job whose worker is told to
// stop is left to finish; one whose act fails is handed back with its cause.
func (w *worker) do(ctx context.Context, job *vault.Job) {
	stopping := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
	defer cancel()
	go w.renew(ctx, job)
	start, outcome := time.Now(), "ok"
	if err := w.act(ctx, job); err != nil {
		outcome = "failed"
		w.log.Warn("job failed", "kind", job.Kind, "job", string(job.ID), "attempt", job.Attempts, "error", err)
		w.handBack(ctx, stopping, job, err)
	}
	w.took.WithLabelValues(job.Kind, outcome).Observe(time.Since(start).Seconds())
}

// handBack gives a failed job back. Where the database is what failed it may be
// back in a moment, so this is tried until the lease has run out, or the worker
// is told to stop.
func (w *worker) handBack(ctx, stopping context.Context, job *vault.Job, cause error) {
	for deadline := time.Now().Add(leaseFor); ; rest(stopping, 2*time.Second) {
		err := w.parts.vault.FailJob(ctx, w.actor, job, cause, false)
		if err == nil {
			return
		}
		if !errors.Is(err, vault.ErrUnavailable) || stopping.Err() != nil || time.Now().After(deadline) {
			w.log.Warn("handing a job back failed; its lease will run out", "job", string(job.ID), "error", err)
			return
		}
	}
}

func (w *worker) act(ctx context.Context, job *vault.Job) error {
	switch job.Kind {
	case vault.JobProcess:
		return w.parts.vault.ProcessCapture(ctx, w.actor, job)
	case vault.JobDeliver:
		return w.parts.deliver.Deliver(ctx, w.parts.vault, w.actor, job)
	case vault.JobRetract:
		return w.parts.deliver.Retract(ctx, w.parts.vault, w.actor, job)
	case vault.JobErase:
		return w.parts.vault.FinishErasure(ctx, w.actor, job)
	case vault.JobHold:
		return w.parts.vault.CarryHold(ctx, w.actor, job)
	case vault.JobMerge:
		return w.parts.vault.MovePatient(ctx, w.actor, job)
	case vault.JobMessage:
		return w.parts.redo(ctx, job)
	case vault.JobNotify:
		return w.parts.notify.deliver(ctx, w.parts.vault, w.actor, job)
	}
	return fmt.Errorf("no worker for jobs of kind %q", job.Kind)
}

func (w *worker) renew(ctx context.Context, job *vault.Job) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := w.parts.vault.RenewJob(ctx, w.actor, job, leaseFor); err != nil && ctx.Err() == nil {
				w.log.Warn("renewing a lease failed", "job", string(job.ID), "error", err)
			}
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
