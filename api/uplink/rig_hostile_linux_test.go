package uplink_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// A pest answers each datagram that goes up with attacks on its receiver. It
// is called by one goroutine.
type pest struct {
	luck  *rand.Rand
	past  [][]byte // some of what went up, to be replayed
	tried int
}

// attack returns the packet and, before or behind it, what a stranger on the
// path would add.
func (p *pest) attack(packet []byte) [][]byte {
	header := int(packet[0]&15) * 4
	if packet[9] != protocolUDP || len(packet) < header+9 {
		return [][]byte{packet}
	}
	if len(p.past) < 256 {
		p.past = append(p.past, append([]byte(nil), packet...))
	}
	bad := append([]byte(nil), packet...)
	switch p.luck.IntN(10) {
	case 0: // a bit turned over
		bad[header+8+p.luck.IntN(len(bad)-header-8)] ^= 1 << p.luck.IntN(8)
	case 1: // cut short: the lengths say so, or a receiver would never see it
		bad = shorten(bad, header+8+p.luck.IntN(len(bad)-header-8))
	case 2: // noise in place of the record
		for i := header + 8; i < len(bad); i++ {
			bad[i] = byte(p.luck.Uint32())
		}
	case 3: // the record's head, then noise
		for i := min(header+8+22, len(bad)-1); i < len(bad); i++ {
			bad[i] = byte(p.luck.Uint32())
		}
	case 4: // something that was sent before
		bad = append([]byte(nil), p.past[p.luck.IntN(len(p.past))]...)
	case 5: // something that was sent before, from somebody else's address
		bad = append([]byte(nil), p.past[p.luck.IntN(len(p.past))]...)
		bad[14] = 77
		shiftPort(bad, 0, uint16(p.luck.Uint32()))
	case 6: // this one, from somebody else's address, ahead of itself
		bad[14] = 78
		shiftPort(bad, 0, uint16(p.luck.Uint32()))
		p.tried++
		return [][]byte{bad, packet}
	case 7: // a plaintext alert: close_notify (RFC 5246, section 7.2)
		bad = append(bad[:header+8], 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 0)
		bad = shorten(bad, len(bad))
	default:
		return [][]byte{packet}
	}
	zeroSum(bad, header)
	p.tried++
	if p.luck.IntN(2) == 0 {
		return [][]byte{bad, packet}
	}
	return [][]byte{packet, bad}
}

// shorten cuts an IP packet that carries a datagram and makes its lengths right.
func shorten(packet []byte, n int) []byte {
	header := int(packet[0]&15) * 4
	packet = packet[:n]
	packet[2], packet[3] = byte(n>>8), byte(n)
	packet[header+4], packet[header+5] = byte((n-header)>>8), byte(n-header)
	return packet
}

// zeroSum leaves UDP's checksum out and makes the IP header's right.
func zeroSum(packet []byte, header int) { shiftPort(packet[:max(len(packet), header+8)], 0, 0) }

// TestHostileWire has strangers on the path add garbage, replays, truncated
// datagrams, forged alerts and datagrams from other addresses, in both
// directions, and the path itself double and reorder, while a photo is sent:
// it arrives, once, over the one connection. The attacks begin when the
// handshake is over: whoever is on the path can garble that, as can whoever
// cuts the wire, and the client then connects anew or uses HTTPS.
func TestHostileWire(t *testing.T) {
	needRig(t)
	for round := range rounds(2) {
		seed := uint64(round + 1)
		l := ward(20*time.Millisecond, 0.02)
		l.Late, l.Behind, l.Twice = 0.05, 8*time.Millisecond, 0.02
		w := newWire(t, l, seed)
		s := newStation(t, w)
		ctx := patience(t, limit)
		client, err := s.dial(ctx)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		pests := []*pest{{luck: rand.New(rand.NewPCG(seed, 5))}, {luck: rand.New(rand.NewPCG(seed, 6))}}
		up, down := pests[0].attack, pests[1].attack
		w.meddle.Store(&up)
		w.meddleDown.Store(&down)
		d := took(func() { err = sendOver(ctx, client, photo(1<<20), nil) })
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if bodies, begun := s.shelf.count(); bodies != 1 || begun != 1 {
			t.Errorf("seed %d: %d photos taken in and begun %d times, want 1 and 1", seed, bodies, begun)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		s.stop()
		w.end()
		t.Logf("seed %d: 1 MiB in %v among %d attacks up and %d down", seed, d.Round(time.Millisecond), pests[0].tried, pests[1].tried)
		if pests[0].tried < 100 || pests[1].tried < 20 {
			t.Errorf("seed %d: only %d attacks up and %d down", seed, pests[0].tried, pests[1].tried)
		}
	}
}

// TestStrangersCostLittle floods the server with first flights from addresses
// that never answer, while a photo is sent: it arrives, and what the server
// sends to those addresses is less than three times what came from them.
func TestStrangersCostLittle(t *testing.T) {
	needRig(t)
	w := newWire(t, ward(20*time.Millisecond, 0), 1)
	var mu sync.Mutex
	var hello []byte // the first datagram that the client ever sends: a ClientHello without a cookie
	var came, went int
	luck := rand.New(rand.NewPCG(3, 3))
	up := func(packet []byte) [][]byte {
		if packet[9] != protocolUDP {
			return [][]byte{packet}
		}
		mu.Lock()
		defer mu.Unlock()
		if hello == nil {
			hello = append([]byte(nil), packet...)
		}
		out := [][]byte{packet}
		for range 3 {
			forged := append([]byte(nil), hello...)
			forged[14], forged[15] = 99, byte(luck.Uint32())
			shiftPort(forged, 0, uint16(luck.Uint32()))
			came += len(forged)
			out = append(out, forged)
		}
		return out
	}
	down := func(packet []byte) [][]byte {
		if packet[9] == protocolUDP && packet[18] == 99 {
			mu.Lock()
			went += len(packet)
			mu.Unlock()
			return nil
		}
		return [][]byte{packet}
	}
	w.meddle.Store(&up)
	w.meddleDown.Store(&down)
	s := newStation(t, w)
	if err := s.send(patience(t, limit), photo(1<<20), nil); err != nil {
		t.Errorf("among strangers: %v", err)
	}
	time.Sleep(300 * time.Millisecond) // what was answered late counts too
	s.stop()
	mu.Lock()
	defer mu.Unlock()
	t.Logf("strangers sent %d bytes and were sent %d: %.2f times", came, went, float64(went)/float64(came))
	if came == 0 || went == 0 || went >= 3*came {
		t.Errorf("strangers sent %d bytes and were sent %d, want an answer and less than three times as much", came, went)
	}
}
