package vault

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// An export is the log as lines of JSON, checkable with nothing but itself and,
// better, a verifier key from elsewhere: one header, then each event, and each
// checkpoint right after the last event it covers. The last line is a
// checkpoint over all of it.

const (
	exportFormat = "clinivault-audit-v1"
	maxLine      = 64 << 10
	maxHeader    = 128 << 10 // the longest line of all: it has the handovers
)

type exportHeader struct {
	Format      string `json:"format"`
	Origin      string `json:"origin"`
	VerifierKey string `json:"verifier_key"`
	Size        int64  `json:"size"`
	// Handovers lead from the log's first key to VerifierKey, the newest.
	Handovers []string `json:"handovers,omitempty"`
}

type exportLine struct {
	Seq   int64  `json:"seq,omitempty"`
	Hash  string `json:"hash,omitempty"`  // of the entry as a leaf (RFC 6962, 2.1), base64
	Entry string `json:"entry,omitempty"` // the exact text that was hashed
	Note  string `json:"note,omitempty"`  // a checkpoint, in place of the other three
}

// exporter writes the lines of a log.
type exporter struct{ w *bufio.Writer }

func (e exporter) event(r logRow) error {
	return e.write(exportLine{Seq: r.seq, Hash: r.leaf.String(), Entry: r.text})
}

func (e exporter) checkpoint(text string) error { return e.write(exportLine{Note: text}) }

func (e exporter) write(v any) error {
	text, err := line(v)
	if err != nil {
		return err
	}
	_, err = e.w.Write(text)
	return err
}

// ExportLog writes the whole log, with this export's own event in it, and a
// checkpoint over all of it. It streams: the log may be of any length.
func (v *Vault) ExportLog(ctx context.Context, a Actor, w io.Writer) error {
	var size int64
	err := v.do(ctx, a, actAuditExport, object{Kind: "log"}, func(*tx) error { return nil })
	if err != nil {
		return err
	}
	err = v.retry(ctx, true, func(t *tx) (err error) {
		size, err = t.checkpoint(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("signing the export: %w", err)
	}
	keys, notes, err := v.logChain(ctx, v.db)
	if err != nil {
		return dbError(err)
	}
	out := exporter{bufio.NewWriterSize(w, maxLine)}
	err = out.write(exportHeader{exportFormat, v.cfg.LogOrigin, keys.newest(), size, notes})
	if err == nil {
		err = v.walkLog(ctx, size, out)
	}
	if err == nil {
		err = out.w.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing export: %w", err)
	}
	return nil
}

// VerifyExport checks an export offline. verifierKey is any of the log's keys as
// it was published or written down earlier; empty, the key in the export itself
// is taken, and the result says so. kept are checkpoints and handovers that
// somebody else holds, such as a witness. It finds altered, missing, added and
// reordered events, rewritten history and a cut end, and names the first event
// concerned. The error is for input that is no export, or that cannot be read
// at all: ErrInvalid.
//
// An export that was cut back to an earlier checkpoint, its header changed to
// match, is what an export of that time looked like: only a later checkpoint
// among kept can tell.
func VerifyExport(r io.Reader, verifierKey string, kept ...string) (Verification, error) {
	lines := bufio.NewReaderSize(r, maxHeader)
	var head exportHeader
	first, err := readLine(lines)
	if err == nil && (strict(first, &head) != nil || head.Format != exportFormat || head.Size < 1) {
		err = ErrInvalid
	}
	if errors.Is(err, io.EOF) || errors.Is(err, errLine) || errors.Is(err, ErrInvalid) {
		return Verification{}, fmt.Errorf("this is not an audit export: %w", ErrInvalid)
	}
	if err != nil {
		return Verification{}, fmt.Errorf("reading export: %w", err)
	}
	check := &checker{}
	if check.result.KeyFromExport = verifierKey == ""; check.result.KeyFromExport {
		verifierKey = head.VerifierKey
	}
	check.keys, err = openChain(verifierKey, head.Handovers)
	if errors.Is(err, ErrIntegrity) {
		return check.verification(check.bad(0, "%s", strings.TrimSuffix(err.Error(), ": "+ErrIntegrity.Error())))
	}
	if err != nil {
		return Verification{}, err
	}
	if err := check.hold(kept); err != nil {
		return check.verification(err)
	}
	return check.verification(checkLines(check, lines, head))
}

// checkLines hands the lines of an export to the checker.
func checkLines(c *checker, lines *bufio.Reader, head exportHeader) error {
	if head.Origin != c.keys.name() {
		return c.bad(0, "the export is of another log than the key")
	}
	for {
		text, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, errLine) {
			return fmt.Errorf("reading export: %w", err)
		}
		var l exportLine
		if err != nil || strict(text, &l) != nil {
			return c.bad(c.tree.size+1, "the line after event %d cannot be read", c.tree.size)
		}
		if err := c.line(l, head.Size); err != nil {
			return err
		}
	}
	if err := c.done(head.Size); err != nil {
		return err
	}
	if c.keys.newest() != head.VerifierKey && !c.result.KeyFromExport {
		return c.bad(0, "the export names a newest key to which no handover leads")
	}
	if c.result.Covered < head.Size {
		return c.bad(c.result.Covered+1, "the export is cut short: no checkpoint covers events %d to %d", c.result.Covered+1, head.Size)
	}
	return nil
}

// line checks one line after the header.
func (c *checker) line(l exportLine, size int64) error {
	if l.Note != "" {
		if l.Seq != 0 || l.Entry != "" || l.Hash != "" {
			return c.bad(c.tree.size+1, "the line after event %d is both event and checkpoint", c.tree.size)
		}
		return c.checkpoint(l.Note)
	}
	if c.tree.size == size {
		return c.bad(size+1, "there is something after the last event, %d", size)
	}
	leaf, err := tlog.ParseHash(l.Hash)
	if err != nil || leaf.String() != l.Hash {
		return c.bad(c.tree.size+1, "the hash of event %d cannot be read", c.tree.size+1)
	}
	return c.event(logRow{l.Seq, l.Entry, leaf})
}

var errLine = errors.New("line is too long or has no end")

// readLine returns the next line without its end. The slice is valid until the
// next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF) && len(line) > 0:
		return nil, errLine
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}

// strict decodes a line and refuses any that the exporter would have written
// differently: other fields, other spellings, anything after the object.
func strict(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	again, err := line(into)
	if err != nil {
		return err
	}
	if !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), text) {
		return errors.New("not the exporter's spelling")
	}
	return nil
}

// line is a line of an export.
func line(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
