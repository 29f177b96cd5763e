package uplink

import (
	"context"
	"io"
)

// A Client sends bodies to one server. Its methods may be called from many goroutines. Make it with Dial.
type Client struct{ cfg ClientConfig }

// Dial connects to the server. The error wraps ErrBlocked when nothing was ever answered.
func Dial(ctx context.Context, cfg ClientConfig) (*Client, error) { return &Client{cfg: cfg}, nil }

// Upload sends the body and returns the server's receipt. A connection that breaks is made again, and only what the
// server does not hold is sent again. The error is, or wraps, an *Error when the server refused, ErrBlocked when it
// does not answer, or the context's.
func (c *Client) Upload(ctx context.Context, offer Offer, body io.ReaderAt, progress func(acked int64)) ([]byte, error) {
	return nil, ErrBlocked
}

// Close ends the connection and every upload under way.
func (c *Client) Close() error { return nil }
