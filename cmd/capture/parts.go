package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	partSize  = 512 << 10        // bytes; the most that the vault takes at once
	partTime  = 2 * time.Minute  // for one part
	uploadAll = 15 * time.Minute // for all parts in one run
	inFlight  = 3                // parts on their way at once
	attempts  = 3                // times that an upload is begun in one run
)

// upload sends an envelope over HTTPS: a small one at once, a larger one in parts, of which the server keeps those that
// came, also for the next try. It returns the receipt as it came.
func (c *client) upload(ctx context.Context, it item, f *os.File, bar *progress) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadAll)
	defer cancel()
	if it.Size > partSize {
		receipt, err := c.inParts(ctx, it, f, bar)
		var told *refusal
		if !errors.As(err, &told) || told.status != http.StatusNotFound || told.kind != "no-such-address" {
			return receipt, err
		}
	}
	return c.atOnce(ctx, it, io.TeeReader(f, bar))
}

// way is the address for captures of a session, or of a device that shows its certificate.
func (c *client) way(what string) string {
	if c.shown {
		return "/api/v1/device/" + what
	}
	return "/api/v1/" + what
}

// atOnce posts an envelope and returns the answer's body.
func (c *client) atOnce(ctx context.Context, it item, body io.Reader) ([]byte, error) {
	digest, err := contentDigest(it.SHA256)
	if err != nil {
		return nil, err
	}
	if c.device != nil && !c.shown {
		if err := c.prove(ctx); err != nil { // the bytes can be sent once
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath(c.way("captures")).String(), io.NopCloser(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	req.ContentLength = it.Size
	req.Header.Set("Content-Type", "application/vnd.clinivault.capture")
	req.Header.Set("Capture-Id", it.CaptureID)
	req.Header.Set("Content-Digest", digest)
	req.Header.Set("Expect", "100-continue") // a refusal comes before the bytes go
	return c.answer(req)
}

// contentDigest writes a digest as RFC 9530, 2 has it.
func contentDigest(sum string) (string, error) {
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("the queue note holds no digest: %w", errKept)
	}
	return "sha-256=:" + base64.StdEncoding.EncodeToString(raw) + ":", nil
}

// uploadState is an upload in parts, as the server has it.
type uploadState struct {
	Held []struct {
		Offset int64 `json:"offset"`
		Size   int64 `json:"size"`
	} `json:"held"`
	Receipt json.RawMessage `json:"receipt"`
}

// inParts uploads in parts. What the server no longer holds when it is to put them together is sent again; and where the
// photo was received on another way meanwhile, the answer is its receipt.
func (c *client) inParts(ctx context.Context, it item, f io.ReaderAt, bar *progress) (receipt []byte, err error) {
	for range attempts {
		if receipt, err = c.partsOnce(ctx, it, f, bar); !lostParts(err) {
			break
		}
	}
	return receipt, err
}

// errFinish marks what the server says once all parts were sent.
var errFinish = errors.New("putting the parts together")

// lostParts reports whether an upload is to be begun anew: the server holds no parts, not all, or not those of the photo.
func lostParts(err error) bool {
	var told *refusal
	return errors.Is(err, errFinish) && errors.As(err, &told) && (told.status == http.StatusNotFound || told.status == http.StatusConflict ||
		told.status == http.StatusUnprocessableEntity && told.kind == "digest")
}

// partsOnce begins or resumes an upload in parts, sends what is missing and asks for the receipt.
func (c *client) partsOnce(ctx context.Context, it item, f io.ReaderAt, bar *progress) ([]byte, error) {
	in := map[string]any{"capture_id": it.CaptureID, "digest": it.SHA256, "size": it.Size}
	var state uploadState
	if err := c.call(ctx, http.MethodPost, c.way("uploads"), nil, in, &state); err != nil {
		return nil, err
	}
	if len(state.Receipt) > 0 && string(state.Receipt) != "null" {
		return state.Receipt, nil
	}
	missing := state.missing(it.Size)
	left := int64(0)
	for _, p := range missing {
		left += p.size
	}
	bar.set(it.Size - left)
	if err := c.sendParts(ctx, it, f, missing, bar); err != nil {
		return nil, err
	}
	var receipt json.RawMessage
	if err := c.call(ctx, http.MethodPost, c.way("uploads/"+it.CaptureID+"/finish"), nil, nil, &receipt); err != nil {
		return nil, fmt.Errorf("%w: %w", errFinish, err)
	}
	return receipt, nil
}

// part is a run of bytes of an envelope.
type part struct{ offset, size int64 }

// missing cuts what the server does not hold into parts, each in one block of the vault's grid.
func (s uploadState) missing(size int64) (out []part) {
	for at := int64(0); at < size; {
		end := min(at-at%partSize+partSize, size)
		for _, h := range s.Held {
			if h.Offset <= at && at < h.Offset+h.Size {
				end = at // held: go on behind it
				at = h.Offset + h.Size
				break
			}
			if at < h.Offset {
				end = min(end, h.Offset)
			}
		}
		if end > at {
			out = append(out, part{at, end - at})
			at = end
		}
	}
	return out
}

// sendParts sends parts, several at once, and stops at the first that is refused.
func (c *client) sendParts(ctx context.Context, it item, f io.ReaderAt, missing []part, bar *progress) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan part)
	var sending sync.WaitGroup
	for range min(inFlight, len(missing)) {
		sending.Go(func() {
			for p := range todo {
				if err := c.sendPart(ctx, it, f, p); err != nil {
					cancel(err)
					return
				}
				bar.Write(make([]byte, p.size))
			}
		})
	}
	for _, p := range missing {
		select {
		case todo <- p:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(todo)
	sending.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// sendPart sends one part, with its own digest.
func (c *client) sendPart(ctx context.Context, it item, f io.ReaderAt, p part) error {
	b := make([]byte, p.size)
	if _, err := f.ReadAt(b, p.offset); err != nil {
		return fmt.Errorf("reading the sealed photo: %w (%w)", bare(err), errKept)
	}
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	path := c.way("uploads/" + it.CaptureID + "/" + strconv.FormatInt(p.offset, 10))
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.base.JoinPath(path).String(), bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	sum := sha256.Sum256(b)
	req.Header.Set("Content-Type", "application/partial-upload")
	req.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	_, err = c.proved(ctx, req)
	return err
}
