package chart

import "context"

// held is what a receiver has under one of our identifiers.
type held int

const (
	heldNothing held = iota
	heldSame
	heldOther
)

// thing is one object at a receiver: its identifier is ours, so writing it
// twice is writing it once.
type thing struct {
	name  string // "the picture", for sentences
	look  func(context.Context) (held, error)
	write func(context.Context) error
	// fixed: the receiver keeps the first content it got under an identifier
	// (DICOM), so other content there is never ours to replace.
	fixed bool
}

// ensure makes the receiver hold the thing and proves it by reading it back. A
// write that reports failure but took effect counts; a write that reports
// success without effect does not.
func (r *receiver) ensure(ctx context.Context, t thing) error {
	before, err := t.look(ctx)
	switch {
	case err != nil:
		return err
	case before == heldSame:
		return nil
	case before == heldOther && t.fixed:
		return never("%s holds something else under the identifier of %s", r.name, t.name)
	}
	written := t.write(ctx)
	after, err := t.look(ctx)
	switch {
	case err == nil && after == heldSame:
		return nil
	case written != nil:
		return written
	case err != nil:
		return err
	case after == heldNothing:
		return later("%s took %s but does not have it", r.name, t.name)
	case t.fixed:
		return never("%s gives back something else than %s", r.name, t.name)
	default:
		return later("%s gives back something else than %s", r.name, t.name)
	}
}
