package uplink

import (
	"bytes"
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// upload sends a body of size bytes and checks that exactly it arrived, once; during runs when a third is acknowledged.
func (w *world) upload(c *Client, seed uint64, size int, during func()) time.Duration {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	b, o := bodyOf(seed, size)
	before := w.shelf.taken()
	start := time.Now()
	reply, err := c.Upload(ctx, o, bytes.NewReader(b), func(n int64) {
		if during != nil && n > int64(size)/3 {
			during()
			during = nil
		}
	})
	if err != nil {
		w.t.Fatalf("uploading: %v", err)
	}
	took := time.Since(start)
	w.arrived(b, o, reply)
	if got := w.shelf.taken() - before; got != 1 {
		w.t.Fatalf("taken in %d times, want once", got)
	}
	if during != nil && size > BlockSize {
		w.t.Fatal("the upload ended before it was disturbed")
	}
	return took
}

func (s *shelf) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receipts
}

// TestWireMeddling runs uploads while a man in the middle does what anybody on the path can.
func TestWireMeddling(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	var kept [][]byte
	var held []byte
	garbage := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b
	}
	tests := []struct {
		name string
		hook func(b []byte) [][]byte
	}{
		{"loses one in ten", func(b []byte) [][]byte {
			if random.IntN(10) == 0 {
				return nil
			}
			return [][]byte{b}
		}},
		{"repeats each", func(b []byte) [][]byte { return [][]byte{b, b} }},
		{"replays old ones", func(b []byte) [][]byte {
			kept = append(kept, b)
			return [][]byte{b, kept[random.IntN(len(kept))]}
		}},
		{"reorders", func(b []byte) [][]byte {
			if held == nil && random.IntN(4) == 0 {
				held = b
				return nil
			}
			out := [][]byte{b}
			if held != nil && random.IntN(4) == 0 {
				out, held = append(out, held), nil
			}
			return out
		}},
		{"adds garbage", func(b []byte) [][]byte { return [][]byte{garbage(1 + random.IntN(1400)), b} }},
		{"adds damaged copies", func(b []byte) [][]byte {
			if b[0] != recordCID {
				return [][]byte{b} // before the handshake is over, anybody on the path can end it
			}
			bad := bytes.Clone(b)
			bad[random.IntN(min(len(bad), 40))] ^= 1 << random.IntN(8) // the header, most often
			return [][]byte{bad, b}
		}},
		{"adds cut copies", func(b []byte) [][]byte { return [][]byte{b[:random.IntN(len(b))], b} }},
		{"adds records in plaintext", func(b []byte) [][]byte {
			alert := []byte{21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40}
			data := []byte{23, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 98, 0, 2, 1, 2}
			if b[0] != recordCID {
				return [][]byte{b}
			}
			return [][]byte{alert, data, b}
		}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.serve(nil)
			r := w.relay()
			kept, held = nil, nil
			r.set(tt.hook, tt.hook)
			w.upload(w.dial(w.config()), uint64(i), 1<<20, nil)
		})
	}
}

// TestSpoofedSource sends what was captured from another address: the upload goes on undisturbed.
func TestSpoofedSource(t *testing.T) {
	w := newWorld(t)
	w.serve(nil)
	r := w.relay()
	spoof, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spoof.Close() }()
	var sent, got atomic.Int64
	go func() {
		buf := make([]byte, 4096)
		for {
			n, _, err := spoof.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			got.Add(int64(n))
		}
	}()
	c := w.dial(w.config())
	r.set(func(b []byte) [][]byte { // the copy overtakes the true one: the strongest thing an eavesdropper can do
		if sent.Load() < 50_000 {
			sent.Add(int64(len(b)))
			_, _ = spoof.WriteToUDPAddrPort(b, r.server)
			return nil
		}
		return [][]byte{b}
	}, nil)
	w.upload(c, 1, 2<<20, nil)
	if got.Load() > amplifyLimit*sent.Load() {
		t.Errorf("the server sent %d bytes to an address that sent %d", got.Load(), sent.Load())
	}
	t.Logf("a forged address that sent %d bytes got %d", sent.Load(), got.Load())
}

// TestAddressChange gives the client another address in the middle.
func TestAddressChange(t *testing.T) {
	w := newWorld(t)
	w.serve(nil)
	r := w.relay()
	r.set(slowly(10e6), nil)
	c := w.dial(w.config())
	calm := w.upload(c, 1, 3<<20, func() {})
	moved := w.upload(c, 2, 3<<20, r.rebind)
	t.Logf("undisturbed %v, with another address in the middle %v", calm, moved)
	w.shelf.mu.Lock()
	defer w.shelf.mu.Unlock()
	if w.shelf.begun != 2 {
		t.Errorf("%d uploads were begun, want 2: the connection should have gone on", w.shelf.begun)
	}
}

// TestServerRestart ends the server in the middle and starts another: the upload goes on and only what is missing is
// sent again.
func TestServerRestart(t *testing.T) {
	for _, how := range []string{"told", "silent"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			w.serve(nil)
			home := w.addr
			r := w.relay()
			r.set(slowly(10e6), nil)
			c := w.dial(w.config())
			stop := w.stop
			took := w.upload(c, 1, 3<<20, func() {
				if how == "silent" {
					r.set(func([]byte) [][]byte { return nil }, func([]byte) [][]byte { return nil })
				}
				stop()
				time.Sleep(100 * time.Millisecond) // what the old server said last is lost, when it is to be lost
				pc, err := net.ListenPacket("udp", home.String())
				if err != nil {
					t.Errorf("listening again: %v", err)
					return
				}
				w.serve(pc)
				r.set(slowly(10e6), nil)
			})
			w.shelf.mu.Lock()
			kept := w.shelf.kept
			w.shelf.mu.Unlock()
			t.Logf("took %v; %d blocks kept", took, kept)
			if how == "silent" && took < silence {
				t.Errorf("took %v: the client was told, though nothing was to reach it", took)
			}
			if kept < 2 || kept > 6 {
				t.Errorf("%d blocks were kept, want each at most once, and those of the first connection", kept)
			}
		})
	}
}

// TestForgedAlertBeforeTheHandshakeIsOver injects what anybody who knows the addresses can: plaintext alerts.
func TestForgedAlertBeforeTheHandshakeIsOver(t *testing.T) {
	w := newWorld(t)
	w.serve(nil)
	r := w.relay()
	forge := func(b []byte) [][]byte {
		return [][]byte{{21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40}, b}
	}
	r.set(forge, forge)
	w.upload(w.dial(w.config()), 1, BlockSize, nil)
}
