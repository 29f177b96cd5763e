package chart

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// maxResource bounds a resource other than Binary, in bytes. A Provenance holds
// a certificate of up to 1 MiB, in base64.
const maxResource = 4 << 20

// fhirTarget delivers to one FHIR R4 server.
type fhirTarget struct {
	*receiver
	cfg FHIRConfig
}

func newFHIR(c Config) (*fhirTarget, error) {
	if err := c.FHIR.check(); err != nil {
		return nil, err
	}
	r, err := newReceiver("the FHIR server", c.FHIR.BaseURL, c.FHIR.CAFile, c.Timeout, c.Log)
	if err != nil {
		return nil, err
	}
	if file := c.FHIR.TokenFile; file != "" {
		r.authorize = func(req *http.Request) error {
			token, err := readSecret(file)
			if err == nil {
				req.Header.Set("Authorization", "Bearer "+string(token))
			}
			return err
		}
		if err := r.authorize(&http.Request{Header: http.Header{}}); err != nil {
			return nil, err
		}
	}
	return &fhirTarget{receiver: r, cfg: *c.FHIR}, nil
}

// deliver brings one photo into the chart: patient, Binary, DocumentReference,
// Provenance, each proved before the next.
func (t *fhirTarget) deliver(ctx context.Context, e *entry, p *progress) ([sha256.Size]byte, error) {
	none := [sha256.Size]byte{}
	patientRef, err := t.findPatient(ctx, e)
	if err != nil {
		return none, err
	}
	if err := p.mark(ctx, func() { p.Patient = patientRef }); err != nil {
		return none, err
	}
	digest, err := t.deliverTo(ctx, e, patientRef, p)
	if err != nil && ctx.Err() == nil && !errors.Is(err, errVault) {
		if left := t.cleanUp(ctx, e, isPermanent(err)); left != nil {
			err = fmt.Errorf("%w; then %w", err, left)
		}
	}
	return digest, err
}

func (t *fhirTarget) deliverTo(ctx context.Context, e *entry, patientRef string, p *progress) ([sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	if err := t.ensure(ctx, t.picture(e, patientRef, &digest)); err != nil {
		return digest, err
	}
	if err := p.mark(ctx, func() { p.Binary = fhirID(idBinary, e.Attachment) }); err != nil {
		return digest, err
	}
	doc := t.cfg.writeDocument(e, patientRef)
	err := t.ensure(ctx, t.resource("the DocumentReference", "DocumentReference/"+doc.ID, doc, func(body []byte) bool {
		var got documentReference
		return json.Unmarshal(body, &got) == nil && t.sameDocument(doc, got)
	}))
	if err != nil {
		return digest, err
	}
	if err := p.mark(ctx, func() { p.Document = doc.ID }); err != nil {
		return digest, err
	}
	prov, kept := t.cfg.writeProvenance(e), false
	err = t.ensure(ctx, t.resource("the Provenance", "Provenance/"+prov.ID, prov, func(body []byte) bool {
		var got provenance
		if json.Unmarshal(body, &got) != nil {
			return false
		}
		kept = len(got.Signature) > 0
		return t.sameProvenance(prov, got)
	}))
	if err != nil {
		return digest, err
	}
	err = p.mark(ctx, func() {
		p.Provenance = prov.ID
		p.Certificate = fate(e, kept)
		p.Link = t.base.String() + "/DocumentReference/" + doc.ID
	})
	return digest, err
}

// resource is a thing that is written by PUT under our own id (R4 section
// 3.1.0.4.1, update as create) and read back as JSON.
func (t *fhirTarget) resource(name, path string, body any, same func([]byte) bool) thing {
	return thing{
		name: name,
		look: func(ctx context.Context) (held, error) {
			got, err := t.call(ctx, http.MethodGet, "/"+path, http.Header{"Accept": {fhirJSON}}, nil, maxResource)
			switch {
			case err != nil:
				return heldNothing, err
			case got.absent():
				return heldNothing, nil
			case !got.ok():
				return heldNothing, t.refused("the read-back of "+name, got)
			case same(got.body):
				return heldSame, nil
			}
			return heldOther, nil
		},
		write: func(ctx context.Context) error { return t.put(ctx, name, path, body) },
	}
}

func (t *fhirTarget) put(ctx context.Context, name, path string, resource any) error {
	body, err := json.Marshal(resource)
	if err != nil {
		return never("%s cannot be written as JSON", name)
	}
	header := http.Header{"Accept": {fhirJSON}, "Content-Type": {fhirJSON}, "Prefer": {"return=minimal"}}
	got, err := t.call(ctx, http.MethodPut, "/"+path, header, body, int64(len(body))+maxResource)
	if err == nil && !got.ok() {
		err = t.refused("the writing of "+name, got)
	}
	return err
}

// picture is the Binary. digest is set from the bytes the server gave back.
func (t *fhirTarget) picture(e *entry, patientRef string, digest *[sha256.Size]byte) thing {
	const name = "the picture"
	path := "Binary/" + fhirID(idBinary, e.Attachment)
	return thing{
		name: name,
		look: func(ctx context.Context) (held, error) {
			got, err := t.readPicture(ctx, path, len(e.Picture))
			if err != nil || got == nil {
				return heldNothing, err
			}
			*digest = sha256.Sum256(got)
			if bytes.Equal(got, e.Picture) {
				return heldSame, nil
			}
			return heldOther, nil
		},
		write: func(ctx context.Context) error { return t.put(ctx, name, path, t.cfg.writeBinary(e, patientRef)) },
	}
}

// readPicture fetches a Binary's bytes: native when the server can (R4 section
// 2.18.0, content by Accept), else out of the resource. Nil means absent.
func (t *fhirTarget) readPicture(ctx context.Context, path string, size int) ([]byte, error) {
	limit := int64(base64.StdEncoding.EncodedLen(size)) + maxResource
	got, err := t.call(ctx, http.MethodGet, "/"+path, http.Header{"Accept": {jpegType}}, nil, limit)
	if err == nil && got.status == http.StatusNotAcceptable {
		got, err = t.call(ctx, http.MethodGet, "/"+path, http.Header{"Accept": {fhirJSON}}, nil, limit)
	}
	if err != nil || got.absent() {
		return nil, err
	}
	if !got.ok() {
		return nil, t.refused("the read-back of the picture", got)
	}
	kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if kind != fhirJSON && kind != "application/json" {
		return nonNil(got.body), nil
	}
	var b fhirBinary
	if json.Unmarshal(got.body, &b) != nil || b.ResourceType != "Binary" {
		return nil, later("%s answered the read-back of the picture with something else than a Binary", t.name)
	}
	data, err := base64.StdEncoding.DecodeString(b.Data)
	if err != nil {
		return nil, later("%s gave back a Binary that is not base64", t.name)
	}
	return nonNil(data), nil
}

// nonNil tells a stored empty picture from an absent one.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
