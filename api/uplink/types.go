package uplink

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net/netip"
)

// BlockSize is the unit in which a server keeps a body across connections: 512 KiB. The last block of a body is as
// long as what is left.
const BlockSize = 512 << 10

// A Peer is a device that has shown its certificate and proved that it holds the key.
type Peer struct {
	Certificate *x509.Certificate
	Addr        netip.AddrPort // where it spoke from when it was asked for; it may move
}

// A Token is the session of the person who sends. It prints [redacted].
type Token string

// String never shows the token.
func (Token) String() string { return "[redacted]" }

// GoString never shows the token.
func (Token) GoString() string { return "[redacted]" }

// LogValue never shows the token.
func (Token) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// An Offer is what a client wants to send: a body of Size bytes with this SHA-256 digest, under an ID the client chose
// once and keeps for every attempt.
type Offer struct {
	ID     [16]byte
	Digest [32]byte
	Size   int64 // bytes, at least 1
	Token  Token // at most 512 bytes
}

// A Sink takes in what arrives. Its methods may be called from many goroutines. Errors that are *Error are told to the
// client as they are; all others are told as "internal" and logged.
type Sink interface {
	// Begin decides whether the peer may send this, and says what a former connection left.
	Begin(ctx context.Context, peer Peer, offer Offer) (Upload, error)
}

// An Upload is one offer that was let in. The server calls Keep from one goroutine, never after Finish.
type Upload interface {
	// Held says what is there already: the receipt when the body was taken in before, else the numbers of whole blocks.
	Held() (receipt []byte, blocks []int)
	// Block reads back a block that Held named or Keep kept.
	Block(ctx context.Context, n int) ([]byte, error)
	// Keep makes block n outlive the connection. It must not hold on to b.
	Keep(ctx context.Context, n int, b []byte) error
	// Finish takes in the whole body and returns the receipt, at most MaxReceipt bytes. Reading body fails with an
	// *Error when its digest is not the one that was offered; it must be read to its end. Then the blocks that were kept
	// are worth nothing and must not be held any more.
	Finish(ctx context.Context, body io.Reader) (receipt []byte, err error)
}

// MaxReceipt is the longest receipt a server sends, in bytes.
const MaxReceipt = 16 << 10
