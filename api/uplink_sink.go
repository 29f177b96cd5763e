package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// UplinkSink takes what devices send over the uplink into the vault. Each call asks anew who stands behind certificate
// and token: a device that was taken out of use, or a leaver, is out at the next block.
func (s *Server) UplinkSink() uplink.Sink { return uplinkSink{s} }

type uplinkSink struct{ s *Server }

// Begin implements uplink.Sink.
func (k uplinkSink) Begin(ctx context.Context, peer uplink.Peer, offer uplink.Offer) (uplink.Upload, error) {
	u := &uplinkUpload{s: k.s, peer: peer, offer: offer, request: rand.Text(), id: vault.CaptureID(hex.EncodeToString(offer.ID[:]))}
	a, err := u.actor(ctx)
	if err != nil {
		return nil, u.refused(err)
	}
	if u.held, err = u.s.vault.BeginUpload(ctx, a, vault.UploadOffer{CaptureID: u.id, Digest: offer.Digest, Size: offer.Size}); err != nil {
		return nil, u.refused(err)
	}
	if u.held.Receipt == nil {
		return u, nil
	}
	k.s.metrics.capture("repeated")
	u.receipt, err = json.Marshal(u.held.Receipt)
	return u, err
}

// uplinkUpload is one capture on its way over the uplink.
type uplinkUpload struct {
	s       *Server
	peer    uplink.Peer
	offer   uplink.Offer
	request string // the ID under which its events are found
	id      vault.CaptureID
	held    vault.CaptureUpload
	receipt []byte
}

// actor asks the vault who sends.
func (u *uplinkUpload) actor(ctx context.Context) (vault.Actor, error) {
	a, err := u.s.vault.AuthenticateDevice(ctx, u.peer.Certificate, string(u.offer.Token))
	if err != nil {
		return vault.Actor{}, err
	}
	return a.From(u.peer.Addr.Addr().Unmap().WithZone("").String(), u.request), nil
}

// Held implements uplink.Upload: the receipt, or the blocks that are held whole.
func (u *uplinkUpload) Held() (receipt []byte, blocks []int) {
	for _, p := range u.held.Held {
		for n := (p.Offset + uplink.BlockSize - 1) / uplink.BlockSize; n*uplink.BlockSize < p.Offset+p.Size; n++ {
			if end := min((n+1)*uplink.BlockSize, u.offer.Size); end <= p.Offset+p.Size {
				blocks = append(blocks, int(n))
			}
		}
	}
	return u.receipt, blocks
}

// Block implements uplink.Upload. What was kept over HTTPS may lie in several parts.
func (u *uplinkUpload) Block(ctx context.Context, n int) ([]byte, error) {
	a, err := u.actor(ctx)
	if err != nil {
		return nil, u.refused(err)
	}
	from := int64(n) * uplink.BlockSize
	want := min(uplink.BlockSize, u.offer.Size-from)
	if n < 0 || want <= 0 {
		return nil, fmt.Errorf("block %d of a capture: %w", n, vault.ErrInvalid)
	}
	out := make([]byte, 0, want)
	for have := int64(0); have < want; have = int64(len(out)) {
		part, err := u.s.vault.ReadPart(ctx, a, u.id, from+have)
		if errors.Is(err, vault.ErrNotFound) { // the store has lost it, and the vault forgot it: the client sends it again
			return nil, &uplink.Error{Code: uplink.CodeBusy, RetryAfter: time.Second}
		}
		if err != nil {
			return nil, u.refused(err)
		}
		out = append(out, part[:min(int64(len(part)), want-have)]...)
	}
	return out, nil
}

// Keep implements uplink.Upload.
func (u *uplinkUpload) Keep(ctx context.Context, n int, b []byte) error {
	a, err := u.actor(ctx)
	if err == nil {
		err = u.s.vault.KeepPart(ctx, a, u.id, int64(n)*uplink.BlockSize, b)
	}
	return u.refused(err)
}

// Finish implements uplink.Upload: the capture is taken in as over HTTPS, for the same receipt.
func (u *uplinkUpload) Finish(ctx context.Context, body io.Reader) ([]byte, error) {
	receipt, created, err := u.accept(ctx, body)
	switch {
	case err != nil:
		u.s.metrics.capture("refused")
		return nil, u.refused(err)
	case created:
		u.s.metrics.capture("accepted")
	default:
		u.s.metrics.capture("repeated")
	}
	u.s.log.Info("capture taken in over the uplink", "request", u.request, "created", created)
	return json.Marshal(receipt)
}

func (u *uplinkUpload) accept(ctx context.Context, body io.Reader) (receipt seal.Receipt, created bool, err error) {
	a, err := u.actor(ctx)
	if err != nil {
		return receipt, false, err
	}
	own := u.s.share.of(a.Person())
	for _, room := range []chan struct{}{own, u.s.uploads} {
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
		case <-ctx.Done():
			return receipt, false, ctx.Err()
		}
	}
	receipt, created, err = u.s.vault.Accept(ctx, a, vault.AcceptRequest{CaptureID: u.id, Digest: u.offer.Digest, Size: u.offer.Size, Body: body})
	var told *uplink.Error
	if errors.Is(err, vault.ErrDigest) || errors.As(err, &told) && told.Code == uplink.CodeDigest {
		err = errors.Join(err, u.s.vault.DropUpload(ctx, a, u.id)) // else what is wrong would be held against each further try
	}
	return receipt, created, err
}

// uplinkCodes is the one table from errors to the uplink's codes, with the sentences of HTTP. The first row whose error is
// in the chain wins; what matches none is told as internal.
var uplinkCodes = []struct {
	is   error
	code uplink.Code
}{
	{vault.ErrUnauthenticated, uplink.CodeUnauthenticated},
	{vault.ErrDeviceProof, uplink.CodeUnauthenticated},
	{vault.ErrStepUp, uplink.CodeUnauthenticated},
	{vault.ErrSecondFactor, uplink.CodeUnauthenticated},
	{vault.ErrSessionLocked, uplink.CodeUnauthenticated},
	{vault.ErrWrongFactor, uplink.CodeUnauthenticated},
	{vault.ErrDenied, uplink.CodeDenied},
	{vault.ErrNotFound, uplink.CodeDenied}, // a patient whom the person does not treat
	{vault.ErrConflict, uplink.CodeConflict},
	{vault.ErrTooLarge, uplink.CodeTooLarge},
	{vault.ErrDigest, uplink.CodeDigest},
	{vault.ErrInvalid, uplink.CodeInvalid},
	{vault.ErrLocked, uplink.CodeBusy},
	{vault.ErrUnavailable, uplink.CodeInternal},
	{context.DeadlineExceeded, uplink.CodeInternal},
}

// refused is err as it crosses the wire; what is our own fault is logged here, once.
func (u *uplinkUpload) refused(err error) error {
	var already *uplink.Error
	if err == nil || errors.As(err, &already) || errors.Is(err, context.Canceled) {
		return err
	}
	e := uplinkError(err)
	if e.Code == uplink.CodeInternal {
		u.s.log.Error("upload failed", "request", u.request, "err", err)
	}
	return e
}

// uplinkError looks err up in the table.
func uplinkError(err error) *uplink.Error {
	p := problemOf(err, "")
	for _, row := range uplinkCodes {
		if errors.Is(err, row.is) {
			return &uplink.Error{Code: row.code, Sentence: p.Detail, RetryAfter: p.After}
		}
	}
	return &uplink.Error{Code: uplink.CodeInternal, RetryAfter: time.Minute}
}

// Uplink is what the server says of the listener beside it.
type Uplink struct {
	Port  int           // UDP; what clients are told
	State func() string // for an operator: how it is used
}

// part is the line of the health page.
func (u *Uplink) part() vault.Part {
	return vault.Part{Name: "uplink", OK: true, Detail: u.State()}
}

type uplinkAnswer struct {
	Port int `json:"port"` // UDP, on the host that was asked
}

// uplink tells a client where the uplink is.
func (c *call) uplink() error {
	if c.s.uplink == nil {
		return say(vault.ErrNotFound, "This server offers no uplink. Send over HTTPS.")
	}
	return c.ok(uplinkAnswer{c.s.uplink.Port})
}
