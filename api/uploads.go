package api

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

const (
	partType = "application/partial-upload" // draft-ietf-httpbis-resumable-upload
	maxParts = 64                           // of all uploads that are read at once; each is in memory
	ownParts = 8                            // of one person
)

var partParams = []param{{name: "Content-Digest", in: "header", about: "sha-256=:BASE64: of the part (RFC 9530)", required: true}}

// uploadRoutes take a sealed capture in by parts: from a session, and from a device by its certificate.
var uploadRoutes = []route{
	{method: "POST", path: "/api/v1/uploads", summary: "Begin to send a sealed capture in parts, or find what is held of it; 200 when the photo is received already", roles: only(clinician), in: uploadRequest{}, out: uploadAnswer{}, status: 201, also: 200, do: (*call).beginUpload},
	{method: "GET", path: "/api/v1/uploads/{id}", summary: "What is held of an upload", roles: only(clinician), out: uploadAnswer{}, do: (*call).upload},
	{method: "PUT", path: "/api/v1/uploads/{id}/{offset}", summary: "Send a part, several at once if one likes", roles: only(clinician), inType: partType, params: partParams, status: 204, do: (*call).keepPart},
	{method: "POST", path: "/api/v1/uploads/{id}/finish", summary: "Have the photo received once all parts are held; 201 new, 200 before", roles: only(clinician), out: seal.Receipt{}, status: 201, also: 200, do: (*call).finishUpload},
	{method: "DELETE", path: "/api/v1/uploads/{id}", summary: "Throw away what is held of an upload", roles: only(clinician), status: 204, do: (*call).dropUpload},

	{method: "POST", path: "/api/v1/device/uploads", summary: "Begin to send a sealed capture in parts, for the person signed in on the device", device: true, in: uploadRequest{}, out: uploadAnswer{}, status: 201, also: 200, do: (*call).beginUpload},
	{method: "GET", path: "/api/v1/device/uploads/{id}", summary: "What is held of an upload", device: true, out: uploadAnswer{}, do: (*call).upload},
	{method: "PUT", path: "/api/v1/device/uploads/{id}/{offset}", summary: "Send a part, several at once if one likes", device: true, inType: partType, params: partParams, status: 204, do: (*call).keepPart},
	{method: "POST", path: "/api/v1/device/uploads/{id}/finish", summary: "Have the photo received once all parts are held; 201 new, 200 before", device: true, out: seal.Receipt{}, status: 201, also: 200, do: (*call).finishUpload},
	{method: "DELETE", path: "/api/v1/device/uploads/{id}", summary: "Throw away what is held of an upload", device: true, status: 204, do: (*call).dropUpload},
}

type uploadRequest struct {
	CaptureID vault.CaptureID `json:"capture_id"`
	Digest    string          `json:"digest"` // SHA-256 of the envelope, 64 lowercase hexadecimal digits
	Size      int64           `json:"size"`
}

// uploadAnswer says how far an upload is. Parts begin at multiples of PartUnit and are as long as one, MaxPart at most.
type uploadAnswer struct {
	CaptureID vault.CaptureID     `json:"capture_id"`
	Size      int64               `json:"size"`
	Held      []vault.CapturePart `json:"held"`
	PartUnit  int64               `json:"part_unit"`
	MaxPart   int64               `json:"max_part"`
	Receipt   *seal.Receipt       `json:"receipt"` // null until the photo is received
}

func (c *call) beginUpload() error {
	var in uploadRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	offer := vault.UploadOffer{CaptureID: in.CaptureID, Size: in.Size}
	digest, err := hex.DecodeString(in.Digest)
	if err != nil || len(digest) != sha256.Size {
		offer.Size = 0 // refused below, once it is clear that this person may ask
	} else {
		offer.Digest = [sha256.Size]byte(digest)
	}
	up, err := c.s.vault.BeginUpload(c.r.Context(), c.actor, offer)
	if err != nil {
		return err
	}
	if up.Receipt != nil {
		c.s.metrics.capture("repeated")
		return c.answerUpload(http.StatusOK, up)
	}
	c.w.Header().Set("Location", c.r.URL.Path+"/"+string(up.CaptureID))
	return c.answerUpload(http.StatusCreated, up)
}

func (c *call) upload() error {
	up, err := c.held()
	if err != nil {
		return err
	}
	return c.answerUpload(http.StatusOK, up)
}

// held asks for the upload that the address names; another person's is not found.
func (c *call) held() (vault.CaptureUpload, error) {
	return c.s.vault.HeldParts(c.r.Context(), c.actor, vault.CaptureID(chi.URLParam(c.r, "id")))
}

// answerUpload answers with the headers of the draft too: how many bytes from the first on are held without a gap.
func (c *call) answerUpload(status int, up vault.CaptureUpload) error {
	from, complete := int64(0), "?0"
	if up.Receipt != nil {
		from, complete = up.Size, "?1"
	} else if len(up.Held) > 0 && up.Held[0].Offset == 0 {
		from = up.Held[0].Size
	}
	h := c.w.Header()
	h.Set("Upload-Offset", strconv.FormatInt(from, 10))
	h.Set("Upload-Complete", complete)
	h.Set("Upload-Length", strconv.FormatInt(up.Size, 10))
	return c.answer(status, uploadAnswer{CaptureID: up.CaptureID, Size: up.Size, Held: some(up.Held), PartUnit: vault.PartUnit, MaxPart: vault.MaxPart,
		Receipt: up.Receipt})
}

// keepPart asks the vault before it reads a byte: a client that waits for "100 Continue" sends nothing in vain.
func (c *call) keepPart() error {
	if _, err := c.held(); err != nil {
		return err
	}
	if err := takes(c.r, partType); err != nil {
		return err
	}
	offset, err := strconv.ParseInt(chi.URLParam(c.r, "offset"), 10, 64)
	if err != nil || offset < 0 {
		return vault.ErrNotFound
	}
	digest, err := contentDigest(c.r.Header)
	if err != nil {
		return err
	}
	switch n := c.r.ContentLength; {
	case n < 0:
		return errLength
	case n == 0:
		return say(vault.ErrInvalid, "The part is empty.")
	case n > vault.MaxPart:
		return say(vault.ErrTooLarge, "A part has at most 524,288 bytes.")
	}
	own := c.s.partShare.of(c.actor.Person())
	for _, room := range []chan struct{}{own, c.s.parts} {
		if err := hold(c, room, 2*time.Second); err != nil {
			return err
		}
		defer func() { <-room }()
	}
	part := make([]byte, c.r.ContentLength)
	if _, err := io.ReadFull(&moving{c: c, r: c.r.Body, until: time.Now().Add(slowest)}, part); err != nil {
		return say(vault.ErrInvalid, "The part ended early.")
	}
	if sha256.Sum256(part) != digest {
		return vault.ErrDigest
	}
	if err := c.s.vault.KeepPart(c.r.Context(), c.actor, vault.CaptureID(chi.URLParam(c.r, "id")), offset, part); err != nil {
		return err
	}
	return c.done()
}

// finishUpload takes one of the places for whole captures, since it holds one in memory.
func (c *call) finishUpload() error {
	own := c.s.share.of(c.actor.Person())
	for _, room := range []chan struct{}{own, c.s.uploads} {
		if err := hold(c, room, 2*time.Second); err != nil {
			return err
		}
		defer func() { <-room }()
	}
	c.patience(stalled)
	receipt, created, err := c.s.vault.FinishUpload(c.r.Context(), c.actor, vault.CaptureID(chi.URLParam(c.r, "id")))
	return c.received(receipt, created, err)
}

func (c *call) dropUpload() error {
	if err := c.s.vault.DropUpload(c.r.Context(), c.actor, vault.CaptureID(chi.URLParam(c.r, "id"))); err != nil {
		return err
	}
	return c.done()
}
