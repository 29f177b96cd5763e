package uplink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		with  error
		code  Code
		retry time.Duration
	}{
		{"denied", &Error{Code: CodeDenied}, CodeDenied, 0},
		{"wrapped", fmt.Errorf("asking: %w", &Error{Code: CodeConflict}), CodeConflict, 0},
		{"busy", &Error{Code: CodeBusy, RetryAfter: 3 * time.Second}, CodeBusy, 3 * time.Second},
		{"another error", errors.New("secret of the database"), CodeInternal, busyWait},
	}
	w := newWorld(t)
	w.serve(nil)
	c := w.dial(w.config())
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.shelf.mu.Lock()
			w.shelf.refuse = tt.with
			w.shelf.mu.Unlock()
			b, o := bodyOf(uint64(i), 3*BlockSize)
			_, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil)
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != tt.code || refusal.RetryAfter != tt.retry {
				t.Fatalf("got %v, want %v after %v", err, tt.code, tt.retry)
			}
			if refusal.Sentence != tt.code.Sentence() || strings.Contains(refusal.Sentence, "secret") {
				t.Errorf("sentence %q, want %q", refusal.Sentence, tt.code.Sentence())
			}
		})
	}
	w.shelf.mu.Lock()
	w.shelf.refuse = nil
	w.shelf.mu.Unlock()
	w.upload(c, 99, 1000, nil) // the connection is none the worse
}

func TestSentencesArePrintable(t *testing.T) {
	long := strings.Repeat("ü", maxSentence)
	r := toRefusal(&Error{Code: CodeBusy, Sentence: long})
	if len(r.Sentence) > maxSentence || !utf8.ValidString(r.Sentence) {
		t.Errorf("%d bytes %q, want at most %d of whole letters", len(r.Sentence), r.Sentence, maxSentence)
	}
	if got, want := printable("later\x1b[2J\nplease\xff"), "later[2Jplease"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for code := CodeNone; code <= CodeSuperseded; code++ {
		if code.Sentence() == "" || len(code.Sentence()) > maxSentence || code.String() == "unknown" {
			t.Errorf("code %d: %q, %q", code, code, code.Sentence())
		}
	}
	if got := fmt.Sprintf("%v %s %#v", Token("secret"), Token("secret"), Offer{Token: "secret"}); strings.Contains(got, "secret") {
		t.Errorf("a token prints as %s", got)
	}
}

// TestOwnRefusals are those of the server itself: what was sent is not what was offered, or is too large.
func TestOwnRefusals(t *testing.T) {
	w := newWorld(t)
	w.limits = Limits{Size: 1 << 20}
	w.serve(nil)
	c := w.dial(w.config())
	b, o := bodyOf(1, 2000)
	b[1999] ^= 1
	var refusal *Error
	if _, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil); !errors.As(err, &refusal) || refusal.Code != CodeDigest {
		t.Errorf("another body than offered: got %v, want %v", err, CodeDigest)
	}
	if n := w.shelf.taken(); n != 0 {
		t.Errorf("%d bodies were taken in, want none", n)
	}
	b, o = bodyOf(2, 1<<20+1)
	if _, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil); !errors.As(err, &refusal) || refusal.Code != CodeTooLarge {
		t.Errorf("a body too large: got %v, want %v", err, CodeTooLarge)
	}
	short := io.NewSectionReader(bytes.NewReader(b), 0, 100)
	b, o = bodyOf(3, 5000)
	if _, err := c.Upload(t.Context(), o, short, nil); err == nil || errors.As(err, &refusal) && refusal.Code != CodeTooLarge {
		t.Errorf("a body shorter than offered: got %v, want an error of reading", err)
	}
	o.Token = ""
	if _, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil); !errors.As(err, &refusal) || refusal.Code != CodeUnauthenticated {
		t.Errorf("no session: got %v, want %v", err, CodeUnauthenticated)
	}
}

// TestSecondUploadGetsTheSameReceipt offers a body that is there already.
func TestSecondUploadGetsTheSameReceipt(t *testing.T) {
	w := newWorld(t)
	w.serve(nil)
	c := w.dial(w.config())
	w.upload(c, 1, 3*BlockSize, nil)
	b, o := bodyOf(1, 3*BlockSize)
	reply, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil)
	if err != nil {
		t.Fatalf("uploading again: %v", err)
	}
	w.arrived(b, o, reply)
	if n := w.shelf.taken(); n != 1 {
		t.Errorf("taken in %d times, want once", n)
	}
}

func TestBlocked(t *testing.T) {
	w := newWorld(t)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0") // nobody answers there
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	w.addr = pc.LocalAddr().(*net.UDPAddr).AddrPort()
	start := time.Now()
	_, err = Dial(t.Context(), w.config())
	if !errors.Is(err, ErrBlocked) {
		t.Fatalf("got %v, want ErrBlocked", err)
	}
	if took := time.Since(start); took < blockedAfter-time.Second || took > blockedAfter+2*time.Second {
		t.Errorf("took %v, want about %v", took, blockedAfter)
	}
}

// TestCertificates dials with each end showing a certificate the other must not believe.
func TestCertificates(t *testing.T) {
	w := newWorld(t)
	w.serve(nil)
	stranger := newAuthority(t)
	tests := []struct {
		name   string
		change func(c *ClientConfig)
		want   error
	}{
		{"device of a stranger", func(c *ClientConfig) {
			c.Certificate = stranger.issue(t, "device-2", time.Now().Add(time.Hour))
		}, ErrRefused},
		{"device's certificate is over", func(c *ClientConfig) {
			c.Certificate = w.ca.issue(t, "device-1", time.Now().Add(-time.Minute))
		}, ErrRefused},
		{"server of a stranger", func(c *ClientConfig) { c.Roots = stranger.pool }, ErrUntrusted},
		{"server of another name", func(c *ClientConfig) { c.ServerName = "elsewhere" }, ErrUntrusted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := w.config()
			tt.change(&cfg)
			c, err := Dial(t.Context(), cfg)
			if err == nil {
				// The refusal of a device may come after the handshake looked done: then nothing can be sent.
				b, o := bodyOf(1, 100)
				_, err = c.Upload(t.Context(), o, bytes.NewReader(b), nil)
				_ = c.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if n := w.shelf.taken(); n != 0 {
		t.Errorf("%d bodies were taken in, want none", n)
	}
}

// TestNothingIsLeftRunning counts goroutines after uploads that ended in every way.
func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("uploads", func(t *testing.T) {
		w := newWorld(t)
		w.serve(nil)
		c := w.dial(w.config())
		w.upload(c, 1, 1<<20, nil)
		w.shelf.hold = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		b, o := bodyOf(2, 4<<20)
		r := w.relay()
		r.set(slowly(1e6), nil)
		cfg := w.config()
		c2 := w.dial(cfg)
		if _, err := c2.Upload(ctx, o, bytes.NewReader(b), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		if err := c2.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		if _, err := c2.Upload(t.Context(), o, bytes.NewReader(b), nil); !errors.Is(err, ErrClosed) {
			t.Errorf("after closing: got %v, want ErrClosed", err)
		}
	})
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines are left, want %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// TestSlowSink makes the sink so slow that it would stop everything if packets waited for it.
func TestSlowSink(t *testing.T) {
	for _, memory := range []int64{0, 4 * BlockSize} {
		t.Run(fmt.Sprintf("memory %d", memory), func(t *testing.T) {
			w := newWorld(t)
			w.limits = Limits{Memory: memory}
			w.shelf.slow = 50 * time.Millisecond
			w.serve(nil)
			c := w.dial(w.config())
			done := make(chan struct{})
			go func() {
				defer close(done)
				b, o := bodyOf(2, 700)
				if _, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil); err != nil {
					t.Errorf("the small one: %v", err)
				}
			}()
			b, o := bodyOf(1, 5*BlockSize+17)
			reply, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil)
			if err != nil {
				t.Fatalf("uploading: %v", err)
			}
			w.arrived(b, o, reply)
			<-done
		})
	}
}
