//go:build !js

package imaging

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// What parent and child say to each other: "CVF1", the length of a JSON head and the head, then pictures, each
// behind its length, and nothing after. Lengths are big-endian.
const (
	frameMagic   = "CVF1"
	maxHeadBytes = 1 << 20
	maxPictures  = 5
)

// The questions a child answers.
const (
	opRead    = "read"
	opRedact  = "redact"
	opCover   = "cover"
	opChart   = "chart"
	opInspect = "inspect"
	opDetect  = "detect"
)

// request asks a child for one thing. Its limits apply to the child before it reads the picture.
type request struct {
	Op          string   `json:"op"`
	Limits      Limits   `json:"limits"`
	MemoryBytes uint64   `json:"memory_bytes"`
	CPUSeconds  uint64   `json:"cpu_seconds"`
	Regions     []Region `json:"regions,omitempty"`
	Opinion     string   `json:"opinion,omitempty"` // SHA-256 of the weights that follow the picture; empty: none follow

	weights []byte
}

// pictures are what follows the head of a request about data.
func (r *request) pictures(data []byte) [][]byte {
	if r.Opinion == "" {
		return [][]byte{data}
	}
	return [][]byte{data, r.weights}
}

// response is a child's answer. The parent believes none of it that it can check.
type response struct {
	Code      string   `json:"code,omitempty"` // empty, or which sentinel
	Cause     string   `json:"cause,omitempty"`
	Name      string   `json:"name,omitempty"` // of a refused format
	Advice    string   `json:"advice,omitempty"`
	Facts     Facts    `json:"facts"`
	Removed   []string `json:"removed,omitempty"`
	Converted string   `json:"converted,omitempty"`
	Regions   []Region `json:"regions,omitempty"`
	Masked    []Box    `json:"masked,omitempty"`
	Detectors []string `json:"detectors,omitempty"`

	Used map[Kind]time.Duration `json:"used,omitempty"` // processor time of each kind of detector, and of the second opinion

	Inspection *Inspection `json:"inspection,omitempty"`

	pictures [][]byte
	ask      *request // what is being answered
}

// appendFrame encodes a head and its pictures.
func appendFrame(head any, pictures ...[]byte) ([]byte, error) {
	body, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("imaging: encoding frame: %w", err)
	}
	if len(body) > maxHeadBytes {
		return nil, fmt.Errorf("%w: frame head", ErrTooLarge)
	}
	size := len(frameMagic) + 4 + len(body)
	for _, p := range pictures {
		size += 8 + len(p)
	}
	out := make([]byte, 0, size)
	out = append(out, frameMagic...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	out = append(out, body...)
	for _, p := range pictures {
		out = binary.BigEndian.AppendUint64(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out, nil
}

var errFrame = errors.New("imaging: garbled frame")

// readHead reads a frame's head and leaves r before the first picture.
func readHead(r io.Reader, head any) error {
	var fixed [len(frameMagic) + 4]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil || string(fixed[:len(frameMagic)]) != frameMagic {
		return errFrame
	}
	size := binary.BigEndian.Uint32(fixed[len(frameMagic):])
	if size > maxHeadBytes {
		return errFrame
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return errFrame
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(head); err != nil {
		return errFrame
	}
	return nil
}

// readPicture reads one picture of at most limit bytes. The buffer grows with what arrives, not with what is
// announced.
func readPicture(r io.Reader, limit int64) ([]byte, error) {
	var fixed [8]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return nil, errFrame
	}
	size := binary.BigEndian.Uint64(fixed[:])
	if size > uint64(limit) {
		return nil, ErrTooLarge
	}
	var buf bytes.Buffer
	n, err := io.CopyN(&buf, r, int64(size))
	if err != nil || n != int64(size) {
		return nil, errFrame
	}
	return buf.Bytes(), nil
}

// parseResponse takes a whole answer apart. The pictures share out's memory.
func parseResponse(out []byte) (*response, error) {
	r := bytes.NewReader(out)
	resp := &response{}
	if err := readHead(r, resp); err != nil {
		return nil, err
	}
	for r.Len() > 0 {
		if len(resp.pictures) == maxPictures || r.Len() < 8 {
			return nil, errFrame
		}
		at := len(out) - r.Len()
		size := binary.BigEndian.Uint64(out[at:])
		if size > uint64(r.Len()-8) {
			return nil, errFrame
		}
		resp.pictures = append(resp.pictures, out[at+8:at+8+int(size):at+8+int(size)])
		if _, err := r.Seek(8+int64(size), io.SeekCurrent); err != nil {
			return nil, errFrame
		}
	}
	return resp, nil
}

// codes are the sentinels that travel.
var codes = []struct {
	code string
	err  error
}{
	{"not_picture", ErrNotPicture}, {"truncated", ErrTruncated}, {"too_large", ErrTooLarge},
	{"unsupported", ErrUnsupported}, {"proof", ErrProof}, {"malformed", ErrMalformed},
}

// fail puts an error into an answer.
func (r *response) fail(err error) {
	*r = response{Code: "malformed", Cause: err.Error()}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			r.Code = c.code
			break
		}
	}
	if named := (*refusal)(nil); errors.As(err, &named) {
		r.Name, r.Advice = named.name, named.advice
	}
}

// err gives the error in an answer, or nil. A code that nobody knows is a garbled answer.
func (r *response) err() error {
	if r.Code == "" {
		return nil
	}
	if r.Code == "unsupported" && r.Name != "" {
		return &refusal{phrase(r.Name), phrase(r.Advice)}
	}
	for _, c := range codes {
		if c.code == r.Code {
			return &childRefusal{c.err, phrase(r.Cause)}
		}
	}
	return fmt.Errorf("%w: %w", ErrChild, errFrame)
}

// childRefusal is a sentinel with the words of the child that met it.
type childRefusal struct {
	sentinel error
	cause    string
}

func (e *childRefusal) Error() string {
	if strings.HasPrefix(e.cause, e.sentinel.Error()) {
		return e.cause
	}
	return e.sentinel.Error() + ": " + e.cause
}
func (e *childRefusal) Unwrap() error { return e.sentinel }

// phrase keeps at most 160 plain ASCII characters of what a child says.
func phrase(s string) string {
	s = strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s[:min(len(s), 160)])
	return s
}
