package chart

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
)

// target is one kind of receiver: FHIR or DICOM.
type target interface {
	// deliver brings the entry into the chart and proves it; the digest is the
	// SHA-256 of the rendition as the receiver gave it back.
	deliver(ctx context.Context, e *entry, p *progress) ([sha256.Size]byte, error)
	// retract takes the entry back and proves that it is; it says how, in one of
	// the vault's words. Nothing at the receiver is as good as deleted.
	retract(ctx context.Context, r *retraction) (how string, err error)
	// ping asks whether the receiver answers and takes our credentials.
	ping(ctx context.Context) error
}

// Deliverer delivers attachments to the configured receivers. It is safe for
// use by many goroutines and keeps nothing between deliveries.
type Deliverer struct {
	targets map[string]target
	log     *slog.Logger
}

// New checks the configuration. It does not reach out to the receivers; Ping does.
func New(c Config) (*Deliverer, error) {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Deliverer{targets: map[string]target{}, log: c.Log}
	if c.FHIR != nil {
		t, err := newFHIR(c)
		if err != nil {
			return nil, fmt.Errorf("fhir: %w", err)
		}
		d.targets[TargetFHIR] = t
	}
	if c.DICOM != nil {
		t, err := newDICOM(c)
		if err != nil {
			return nil, fmt.Errorf("dicom: %w", err)
		}
		d.targets[TargetDICOM] = t
	}
	return d, nil
}

// Targets names the configured receivers in alphabetical order, as
// vault.Config.ChartTargets wants them.
func (d *Deliverer) Targets() []string { return slices.Sorted(maps.Keys(d.targets)) }

// Ping asks one receiver whether it answers and takes our credentials. It sends
// no patient data.
func (d *Deliverer) Ping(ctx context.Context, name string) error {
	t, ok := d.targets[name]
	if !ok {
		return fmt.Errorf("no receiver of kind %q is configured", name)
	}
	return t.ping(ctx)
}

func (t *fhirTarget) ping(ctx context.Context) error {
	// A server answers 404 for an unknown id only to those whom it lets read.
	return t.reach(ctx, "/Binary/"+fhirID("ping", ""), fhirJSON)
}

func (t *dicomTarget) ping(ctx context.Context) error {
	if t.orthanc != nil {
		if err := t.orthanc.reach(ctx, "/system", "application/json"); err != nil {
			return err
		}
	}
	return t.reach(ctx, "/studies?limit=1&StudyInstanceUID="+dicomUID("", "ping", ""), dicomJSON)
}

func (r *receiver) reach(ctx context.Context, path, accept string) error {
	got, err := r.call(ctx, http.MethodGet, path, http.Header{"Accept": {accept}}, nil, maxResource)
	if err == nil && !got.ok() && !got.absent() {
		err = r.refused("a test request", got)
	}
	return err
}
