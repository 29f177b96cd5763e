package uplink

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strings"
)

// A bodyReader reads a whole body: from memory, or from where its blocks were kept. At the end it compares the digest
// with the one that was offered, and fails instead of ending when they differ.
type bodyReader struct {
	ctx    context.Context
	in     *incoming
	up     Upload
	digest hash.Hash
	next   int
	rest   []byte
	err    error
}

func newDigest() hash.Hash { return sha256.New() }

// Read implements io.Reader.
func (r *bodyReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.rest, r.err = r.block()
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// block returns the next block, or io.EOF after the last of a body whose digest is right.
func (r *bodyReader) block() ([]byte, error) {
	in := r.in
	if r.next >= len(in.kept) {
		if [sha256.Size]byte(r.digest.Sum(nil)) != in.offer.Digest {
			return nil, &Error{Code: CodeDigest}
		}
		return nil, io.EOF
	}
	n := r.next
	r.next++
	in.party.session.mu.Lock()
	b := in.blocks[n]
	in.party.session.mu.Unlock()
	if b == nil {
		var err error
		if b, err = r.up.Block(r.ctx, n); err != nil {
			return nil, err
		}
	}
	if e := in.extent(n); uint64(len(b)) != e.hi-e.lo {
		return nil, errors.New("a kept block has another length")
	}
	r.digest.Write(b)
	return b, nil
}

// checkReceipt makes sure that a sink's receipt can be sent.
func checkReceipt(reply []byte) ([]byte, error) {
	if len(reply) == 0 || len(reply) > MaxReceipt {
		return nil, errors.New("receipt of unusable length")
	}
	return reply, nil
}

// toRefusal is what a client is told about err.
func toRefusal(err error) Error {
	var refusal *Error
	switch {
	case errors.As(err, &refusal):
		r := *refusal
		if r.Sentence == "" {
			r.Sentence = r.Code.Sentence()
		}
		r.Sentence = strings.ToValidUTF8(r.Sentence[:min(len(r.Sentence), maxSentence)], "")
		return r
	case errors.Is(err, context.Canceled):
		return Error{Code: CodeSuperseded, Sentence: CodeSuperseded.Sentence()}
	}
	return Error{Code: CodeInternal, Sentence: CodeInternal.Sentence(), RetryAfter: busyWait}
}

// codeOf is the code of err, CodeNone when there is none.
func codeOf(err error) Code {
	if err == nil {
		return CodeNone
	}
	return toRefusal(err).Code
}
