package chart

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"time"
)

const (
	dicomType = "application/dicom"
	dicomJSON = "application/dicom+json"
	// maxOverhead is how much longer than what was sent an archive's answer may
	// be: other headers, attributes it added, the multipart envelope.
	maxOverhead = 1 << 20
)

// dicomTarget delivers to one DICOMweb archive.
type dicomTarget struct {
	*receiver
	writer  objectWriter
	orthanc *receiver // its own interface, when it is to delete; else nil
}

func newDICOM(c Config) (*dicomTarget, error) {
	if err := c.DICOM.check(); err != nil {
		return nil, err
	}
	r, err := newReceiver("the DICOM archive", c.DICOM.BaseURL, c.DICOM.CAFile, c.Timeout, c.Log)
	if err != nil {
		return nil, err
	}
	if user, file := c.DICOM.Username, c.DICOM.PasswordFile; file != "" {
		r.authorize = func(req *http.Request) error {
			password, err := readSecret(file)
			if err == nil {
				pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + string(password)))
				req.Header.Set("Authorization", "Basic "+pair)
			}
			return err
		}
		if err := r.authorize(&http.Request{Header: http.Header{}}); err != nil {
			return nil, err
		}
	}
	zone, err := time.LoadLocation(c.DICOM.Zone)
	if err != nil {
		return nil, err
	}
	t := &dicomTarget{receiver: r, writer: objectWriter{cfg: *c.DICOM, zone: zone}}
	if c.DICOM.Delete == deleteOrthanc {
		if t.orthanc, err = newReceiver(r.name, c.DICOM.OrthancURL, c.DICOM.CAFile, c.Timeout, c.Log); err != nil {
			return nil, fmt.Errorf("orthanc_url: %w", err)
		}
		t.orthanc.authorize = r.authorize
	}
	return t, nil
}

// deliver stores one object and proves it. The digest is that of the frame as
// the archive gave it back, without the padding byte.
func (t *dicomTarget) deliver(ctx context.Context, e *entry, p *progress) ([sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	object, err := t.writer.write(e)
	if err != nil {
		return digest, err
	}
	id := t.writer.uids(e)
	if err := p.mark(ctx, func() { p.Study, p.Series, p.Instance = id.study, id.series, id.instance }); err != nil {
		return digest, err
	}
	kept := false
	if err := t.ensure(ctx, t.object(e, id, object, &digest, &kept)); err != nil {
		return digest, err
	}
	err = p.mark(ctx, func() { p.Link, p.Certificate = t.base.String()+id.path(), fate(e, kept) })
	return digest, err
}

func (id uids) path() string {
	return "/studies/" + id.study + "/series/" + id.series + "/instances/" + id.instance
}

// object is the instance at the archive. The archive keeps the first content it
// got under a UID, whatever it answers later, so other content is never ours.
func (t *dicomTarget) object(e *entry, id uids, object []byte, digest *[sha256.Size]byte, kept *bool) thing {
	return thing{
		name:  "the DICOM object",
		fixed: true,
		look: func(ctx context.Context) (held, error) {
			got, err := t.retrieve(ctx, id, len(object))
			if err != nil || got == nil {
				return heldNothing, err
			}
			in, err := readInstance(got)
			if err != nil || !in.is(e, id) {
				return heldOther, nil
			}
			*kept = in.creator == certificateBlock && in.certificate != ""
			*digest = sha256.Sum256(in.frame[:len(e.Picture)])
			return heldSame, nil
		},
		write: func(ctx context.Context) error { return t.store(ctx, object) },
	}
}

// is compares the frame byte for byte, its padding included, and the attributes
// that put the object into one patient's folder.
func (in instance) is(e *entry, id uids) bool {
	return in.class == vlPhotographic && in.sop == id.instance && in.study == id.study && in.series == id.series &&
		in.patient == e.Patient.RecordNumber && in.keeps(e.Certificate) && bytes.Equal(in.frame, padded(e.Picture))
}

// retrieve fetches the instance (WADO-RS, PS3.18 10.4) in whatever transfer
// syntax it was stored: without the asterisk archives transcode. Nil: absent.
func (t *dicomTarget) retrieve(ctx context.Context, id uids, size int) ([]byte, error) {
	header := http.Header{"Accept": {`multipart/related; type="application/dicom"; transfer-syntax=*`}}
	got, err := t.call(ctx, http.MethodGet, id.path(), header, nil, int64(size)+maxOverhead)
	switch {
	case err != nil || got.absent():
		return nil, err
	case !got.ok():
		return nil, t.refused("the read-back of the DICOM object", got)
	}
	kind, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if err == nil && kind == dicomType {
		return nonNil(got.body), nil
	}
	if err != nil || kind != "multipart/related" || params["boundary"] == "" {
		return nil, later("%s gave the DICOM object back in an unknown form", t.name)
	}
	return t.onlyPart(multipart.NewReader(bytes.NewReader(got.body), params["boundary"]))
}

// onlyPart returns the single part of an answer.
func (t *dicomTarget) onlyPart(r *multipart.Reader) ([]byte, error) {
	wrong := later("%s gave the DICOM object back in a broken multipart answer", t.name)
	part, err := r.NextRawPart()
	if err != nil {
		return nil, wrong
	}
	file, err := io.ReadAll(part)
	if err != nil {
		return nil, wrong
	}
	if _, err := r.NextRawPart(); !errors.Is(err, io.EOF) {
		return nil, wrong
	}
	return nonNil(file), nil
}

// store sends the object (STOW-RS, PS3.18 10.5).
func (t *dicomTarget) store(ctx context.Context, object []byte) error {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {dicomType}})
	if err == nil {
		_, err = part.Write(object)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("forming the multipart request: %w", err)
	}
	header := http.Header{
		"Content-Type": {fmt.Sprintf(`multipart/related; type="%s"; boundary=%s`, dicomType, w.Boundary())},
		"Accept":       {dicomJSON},
	}
	got, err := t.call(ctx, http.MethodPost, "/studies", header, body.Bytes(), maxResource)
	if err != nil {
		return err
	}
	return t.storeRefused(got)
}

// Failure Reason (0008,1197), PS3.18 table 10.5.3-2 and PS3.7 annex C. These
// say that the same object will be refused again.
var hopeless = map[int]bool{
	0x0122: true, // SOP class not supported
	0xA900: true, // data set does not match SOP class
}

// storeRefused reads the answer to a store (PS3.18 10.5.3). Success here is
// only the archive's word; the read-back decides.
func (t *dicomTarget) storeRefused(got answer) error {
	var reply struct {
		Failed struct {
			Value []struct {
				Reason struct{ Value []int } `json:"00081197"`
			}
		} `json:"00081198"`
	}
	if json.Unmarshal(got.body, &reply) == nil {
		if failed := reply.Failed.Value; len(failed) > 0 { // one object was sent, so one can fail
			reason := 0
			if item := failed[0]; len(item.Reason.Value) > 0 {
				reason = item.Reason.Value[0]
			}
			return &refusal{text: fmt.Sprintf("%s refused the DICOM object with reason %04XH", t.name, reason),
				permanent: hopeless[reason] || reason>>12 == 0xC}
		}
	}
	if !got.ok() {
		return t.refused("the storing of the DICOM object", got)
	}
	return nil
}
