package chart

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
)

// nullification is the Provenance of the retraction: what was marked, when and
// why (v3 DataOperation: NULLIFY, treat as though it had never existed).
func (t *fhirTarget) nullification(r *retraction) thing {
	doc := "DocumentReference/" + fhirID(idDocument, r.Attachment)
	sent := provenance{
		ResourceType: "Provenance", ID: fhirID(idRetraction, r.Attachment),
		Target:   []reference{{Reference: doc}},
		Recorded: instant(r.At),
		Reason:   []concept{{Text: r.reason()}},
		Activity: coded(systemOperation, "NULLIFY", "nullify"),
		Agent: []agent{{Type: coded(systemAgent, "performer", "Performer"),
			Who: reference{Type: "Device", Display: "Clinivault"}}},
	}
	return t.resource("the Provenance of the retraction", "Provenance/"+sent.ID, sent, func(body []byte) bool {
		var got provenance
		return json.Unmarshal(body, &got) == nil && got.ID == sent.ID && len(got.Target) == 1 &&
			t.sameReference(doc, got.Target[0].Reference) && got.Activity != nil && len(got.Activity.Coding) == 1 &&
			got.Activity.Coding[0].Code == "NULLIFY" && sameTime(sent.Recorded, got.Recorded)
	})
}

// errKept marks that a server does not let a resource go.
var errKept = errors.New("the server keeps it")

func isKept(err error) bool { return errors.Is(err, errKept) }

// takeAway deletes a resource and asks whether it is gone; was says whether it
// had been there. A server that refuses
// gets the replacement in its place, when there is one; earlier versions may
// stay in its history.
func (t *fhirTarget) takeAway(ctx context.Context, name, path string, replacement *fhirBinary) (was bool, err error) {
	if was, err = t.stillThere(ctx, name, path); err != nil || !was {
		return was, err
	}
	got, sent := t.call(ctx, http.MethodDelete, "/"+path, http.Header{"Accept": {fhirJSON}}, nil, maxResource)
	there, err := t.stillThere(ctx, name, path)
	switch {
	case err != nil || !there:
		return true, err
	case sent != nil:
		return true, sent
	case got.ok() || got.absent():
		return true, later("%s says that it deleted %s and still has it", t.name, name)
	case !refusesDeletion[got.status]:
		return true, t.refused("the deletion of "+name, got)
	case replacement == nil:
		return true, &refusal{text: t.name + " does not delete " + name, permanent: true, cause: errKept}
	}
	if err := t.put(ctx, name, path, replacement); err != nil {
		return true, err
	}
	if there, err = t.stillThere(ctx, name, path); err == nil && there {
		err = later("%s took the replacement of %s and still gives the old", t.name, name)
	}
	return true, err
}

// refusesDeletion are answers by which servers say that they do not delete this,
// or not while something points to it.
var refusesDeletion = map[int]bool{
	http.StatusBadRequest: true, http.StatusForbidden: true, http.StatusMethodNotAllowed: true, http.StatusConflict: true,
	http.StatusPreconditionFailed: true, http.StatusUnprocessableEntity: true, http.StatusNotImplemented: true,
}

// stillThere asks whether the server gives the resource; an emptied picture
// counts as gone. The picture's own bytes are not read.
func (t *fhirTarget) stillThere(ctx context.Context, name, path string) (bool, error) {
	got, err := t.peek(ctx, http.MethodGet, "/"+path, http.Header{"Accept": {fhirJSON}}, nil, 4<<10)
	switch {
	case err != nil || got.absent():
		return false, err
	case !got.ok():
		return false, t.refused("the question for "+name, got)
	}
	return !isEmptied(got.body), nil
}

func isEmptied(body []byte) bool {
	var b fhirBinary
	if string(body) == emptied {
		return true
	}
	return json.Unmarshal(body, &b) == nil && b.ResourceType == "Binary" &&
		b.Data == base64.StdEncoding.EncodeToString([]byte(emptied))
}
