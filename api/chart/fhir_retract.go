package chart

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// retract marks the DocumentReference as entered in error, empties it, says so
// in a Provenance, and takes the picture and the Provenance of the release
// away. The mark comes first: from then on no chart shows the entry. A server
// without the DocumentReference may still hold the other two, left by half a
// delivery; they go as well.
func (t *fhirTarget) retract(ctx context.Context, r *retraction) (string, error) {
	how := r.gone()
	mark := &tombstone{target: t, of: r}
	before, err := mark.look(ctx)
	if err != nil {
		return "", err
	}
	if before != heldNothing {
		how = howMarked
		if err := t.ensure(ctx, thing{name: "the retraction", look: mark.look, write: mark.write}); err != nil {
			return "", err
		}
		if err := t.ensure(ctx, t.nullification(r)); err != nil {
			return "", err
		}
	}
	// Some servers keep every Provenance. This one names people but no patient,
	// and what it points to is empty: it may stay.
	told, err := t.takeAway(ctx, "the Provenance", "Provenance/"+fhirID(idProvenance, r.Attachment), nil)
	if err != nil && !isKept(err) {
		return "", err
	}
	id := fhirID(idBinary, r.Attachment)
	shown, err := t.takeAway(ctx, "the picture", "Binary/"+id, &fhirBinary{ResourceType: "Binary", ID: id,
		ContentType: "text/plain", Data: base64.StdEncoding.EncodeToString([]byte(emptied))})
	if err != nil {
		return "", err
	}
	if how == howNever && (told || shown) {
		how = howDeleted
	}
	return how, nil
}

// emptied stands where a server does not let a picture be deleted.
const emptied = "Retracted.\n"

// tombstone is the DocumentReference as it is left behind. It is made from what
// the server holds, since the vault may know the patient no more.
type tombstone struct {
	target  *fhirTarget
	of      *retraction
	found   map[string]any // as the server gave it at the last look
	version string
	full    bool // the server refuses the emptied form: the mark alone has to do
}

// masked says in place of an address why there is none (R4 section 2.24.0.1,
// extension data-absent-reason): profiles ask for an address or its absence.
var masked = map[string]any{"extension": []any{map[string]any{
	"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}}}

func (m *tombstone) path() string { return "/DocumentReference/" + fhirID(idDocument, m.of.Attachment) }

func (m *tombstone) look(ctx context.Context) (held, error) {
	t := m.target
	got, err := t.call(ctx, http.MethodGet, m.path(), http.Header{"Accept": {fhirJSON}}, nil, maxResource)
	m.found, m.version = nil, ""
	switch {
	case err != nil || got.absent():
		return heldNothing, err
	case !got.ok():
		return heldNothing, t.refused("the reading of the entry", got)
	}
	d := json.NewDecoder(bytes.NewReader(got.body))
	d.UseNumber()
	if d.Decode(&m.found) != nil || m.found["resourceType"] != "DocumentReference" {
		return heldNothing, later("%s answered the reading of the entry with something else than a DocumentReference", t.name)
	}
	if !m.isOurs() {
		return heldNothing, never("%s holds something else under the identifier of the entry", t.name)
	}
	if meta, ok := m.found["meta"].(map[string]any); ok {
		m.version, _ = meta["versionId"].(string)
	}
	if m.found["status"] == "entered-in-error" && (m.full || m.isEmpty()) {
		return heldSame, nil
	}
	return heldOther, nil
}

// isOurs: a delivery gave the entry two identifiers that follow from the attachment's ID.
func (m *tombstone) isOurs() bool {
	ours := []any{"urn:uuid:" + fhirID(idDocument, m.of.Attachment), "urn:uuid:" + fhirID(idBinary, m.of.Attachment)}
	all, _ := m.found["identifier"].([]any)
	return slices.ContainsFunc(append(all, m.found["masterIdentifier"]), func(one any) bool {
		id, _ := one.(map[string]any)
		return slices.Contains(ours, id["value"])
	})
}

// isEmpty: neither picture nor address of one, and nothing of the body.
func (m *tombstone) isEmpty() bool {
	content, _ := m.found["content"].([]any)
	if m.found["context"] != nil || len(content) != 1 {
		return false
	}
	one, _ := content[0].(map[string]any)
	attachment, _ := one["attachment"].(map[string]any)
	return attachment["url"] == nil && attachment["data"] == nil && attachment["title"] == nil && attachment["hash"] == nil
}

// write sends the mark for the version that was read, so that what the server's
// own people changed meanwhile is not overwritten (R4 section 3.1.0.5, If-Match).
func (m *tombstone) write(ctx context.Context) error {
	if m.found == nil {
		return later("%s had the entry and has it no more", m.target.name)
	}
	err := m.send(ctx, m.empty())
	if isPermanent(err) {
		m.full = true
		if mark := m.send(ctx, m.marked()); mark != nil {
			return mark
		}
		return nil
	}
	return err
}

// marked is what was found with another status.
func (m *tombstone) marked() map[string]any {
	out := map[string]any{}
	for name, value := range m.found {
		out[name] = value
	}
	delete(out, "text") // the narrative says what the entry said before
	out["status"] = "entered-in-error"
	if out["docStatus"] != nil {
		out["docStatus"] = "entered-in-error"
	}
	return out
}

// empty keeps who and what kind, and drops what was to be seen.
func (m *tombstone) empty() map[string]any {
	out := m.marked()
	delete(out, "context")
	out["description"] = m.of.reason() + "."
	out["content"] = []any{map[string]any{"attachment": map[string]any{"contentType": jpegType, "_url": masked}}}
	return out
}

func (m *tombstone) send(ctx context.Context, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return never("the retraction cannot be written as JSON")
	}
	header := http.Header{"Accept": {fhirJSON}, "Content-Type": {fhirJSON}, "Prefer": {"return=minimal"}}
	if m.version != "" {
		header.Set("If-Match", fmt.Sprintf("W/%q", m.version))
	}
	got, err := m.target.call(ctx, http.MethodPut, m.path(), header, text, int64(len(text))+maxResource)
	if err == nil && !got.ok() {
		err = m.target.refused("the retraction of the entry", got)
	}
	return err
}
