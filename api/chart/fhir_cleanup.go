package chart

import (
	"context"
	"net/http"
)

// cleanUp leaves no orphan after a failed try. A Binary that no
// DocumentReference of ours points to is removed. After a permanent failure the
// DocumentReference goes too, since nothing will complete it. When the server
// does not say what it holds, nothing is removed: the next try looks again.
func (t *fhirTarget) cleanUp(ctx context.Context, e *entry, permanent bool) error {
	doc := "/DocumentReference/" + fhirID(idDocument, e.Attachment)
	got, err := t.call(ctx, http.MethodGet, doc, http.Header{"Accept": {fhirJSON}}, nil, maxResource)
	if err != nil || !got.ok() && !got.absent() {
		return nil
	}
	if got.ok() {
		if !permanent {
			return nil
		}
		if err := t.remove(ctx, "/Provenance/"+fhirID(idProvenance, e.Attachment)); err != nil {
			return err
		}
		if err := t.remove(ctx, doc); err != nil {
			return err
		}
	}
	return t.remove(ctx, "/Binary/"+fhirID(idBinary, e.Attachment))
}

// remove deletes a resource; one that is not there is as good as deleted.
func (t *fhirTarget) remove(ctx context.Context, path string) error {
	got, err := t.call(ctx, http.MethodDelete, path, http.Header{"Accept": {fhirJSON}}, nil, maxResource)
	if err == nil && !got.ok() && !got.absent() {
		err = t.refused("the removal of an unfinished attachment", got)
	}
	return err
}
