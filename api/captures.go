package api

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

const (
	captureType = "application/vnd.clinivault.capture"
	stalled     = 30 * time.Second // without a byte, after which an upload is given up
	slowest     = 15 * time.Minute // that a whole upload may take
	maxDigests  = 1024             // characters of a Content-Digest header
)

// takeCapture takes in one sealed capture (vault/FORMAT.md).
func (c *call) takeCapture() error {
	receipt, created, err := c.accept()
	return c.received(receipt, created, err)
}

// received answers with the receipt of a capture and counts what became of it.
func (c *call) received(receipt seal.Receipt, created bool, err error) error {
	switch {
	case err != nil:
		c.s.metrics.capture("refused")
		return err
	case !created:
		c.s.metrics.capture("repeated")
		return c.ok(receipt)
	}
	c.s.metrics.capture("accepted")
	return c.answer(http.StatusCreated, receipt)
}

// accept checks all that the headers can tell before the first byte of the body is read, so that a client that
// waits for "100 Continue" sends nothing in vain.
func (c *call) accept() (receipt seal.Receipt, created bool, err error) {
	if err := takes(c.r, captureType); err != nil {
		return receipt, false, err
	}
	id := c.r.Header.Get("Capture-Id")
	if !seal.IsCaptureID(id) {
		return receipt, false, say(vault.ErrInvalid, "The header Capture-Id must be 32 lowercase hexadecimal digits.")
	}
	digest, err := contentDigest(c.r.Header)
	if err != nil {
		return receipt, false, err
	}
	switch n := c.r.ContentLength; {
	case n < 0:
		return receipt, false, errLength
	case n == 0:
		return receipt, false, say(vault.ErrInvalid, "The capture is empty.")
	case n > c.s.maxCapture:
		return receipt, false, say(vault.ErrTooLarge, "The photo is larger than the vault takes.")
	}
	own := c.s.share.of(c.actor.Person())
	for _, room := range []chan struct{}{own, c.s.uploads} {
		if err := hold(c, room, 2*time.Second); err != nil {
			return receipt, false, err
		}
		defer func() { <-room }()
	}
	return c.s.vault.Accept(c.r.Context(), c.actor, vault.AcceptRequest{
		CaptureID: vault.CaptureID(id), Digest: digest, Size: c.r.ContentLength,
		Body: &moving{c: c, r: http.MaxBytesReader(c.w, c.r.Body, c.s.maxCapture), until: time.Now().Add(slowest)},
	})
}

// contentDigest reads the sha-256 member of Content-Digest (RFC 9530 section 2): sha-256=:BASE64:.
func contentDigest(h http.Header) (sum [sha256.Size]byte, err error) {
	refused := say(vault.ErrInvalid, "The header Content-Digest must hold sha-256=:BASE64: of the body.")
	all := strings.Join(h.Values("Content-Digest"), ",")
	if len(all) > maxDigests {
		return sum, refused
	}
	found := false
	for member := range strings.SplitSeq(all, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if name != "sha-256" {
			continue
		}
		inner, ok := strings.CutPrefix(value, ":")
		inner, closed := strings.CutSuffix(inner, ":")
		b, err := base64.StdEncoding.Strict().DecodeString(inner)
		if !ok || !closed || err != nil || len(b) != sha256.Size || found {
			return sum, refused
		}
		copy(sum[:], b)
		found = true
	}
	if !found {
		return sum, refused
	}
	return sum, nil
}

// moving reads an upload and lets it go on as long as bytes come, but not past until: a slow ward network is
// waited for, a client that only holds the place is not.
type moving struct {
	c     *call
	r     io.Reader
	until time.Time
}

func (m *moving) Read(p []byte) (int, error) {
	left := time.Until(m.until)
	if left <= 0 {
		return 0, say(errBusy, "The upload took too long. It is kept on your device; try again on a better network.")
	}
	m.c.patience(min(stalled, left))
	return m.r.Read(p)
}

type photosAnswer struct {
	Photos []vault.Photo `json:"photos"`
}

func (c *call) myCaptures() error {
	q, err := c.query("limit")
	if err != nil {
		return err
	}
	limit, err := whole(q, "limit", 100, maxLimit)
	if err != nil {
		return err
	}
	photos, err := c.s.vault.MyCaptures(c.r.Context(), c.actor, int(limit))
	if err != nil {
		return err
	}
	return c.ok(photosAnswer{some(photos)})
}

// some makes an empty listing of none at all, since programs expect an array.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// intake gives what a client seals to, and the keys that check its receipts.
func (c *call) intake() error {
	in, err := c.s.vault.IntakeKeys(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(in)
}

type bodySitesAnswer struct {
	BodySites []vault.BodySite `json:"body_sites"`
}

func (c *call) bodySites() error { return c.ok(bodySitesAnswer{vault.BodySites}) }
