package uplink

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// under is the upload on a stream once its server waits for the device, and since when it does.
func (r *partyRig) under(stream uint64) (*incoming, time.Time) {
	r.t.Helper()
	for range 2000 {
		r.session.mu.Lock()
		in := r.open[stream]
		r.session.mu.Unlock()
		if in != nil {
			r.server.mu.Lock()
			since := in.since
			r.server.mu.Unlock()
			if !since.IsZero() {
				return in, since
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.t.Fatalf("stream %d does not wait for its device", stream)
	return nil, time.Time{}
}

func ended(t *testing.T, in *incoming) {
	t.Helper()
	select {
	case <-in.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("the upload on stream %d goes on", in.stream)
	}
}

func refusedBusy(stream uint64) func(frame) bool {
	return func(f frame) bool {
		v, ok := f.(refuse)
		return ok && v.stream == stream && v.code == CodeBusy && v.retry > 0
	}
}

// TestStalledUploadsMakeRoom offers a body when there is no memory for it. All but the first case have none to put out.
func TestStalledUploadsMakeRoom(t *testing.T) {
	const soon, late = time.Nanosecond, time.Hour
	tests := []struct {
		name   string
		limits Limits
		want   bool // whether the upload under way is put out
	}{
		{"it stalls, and another lacks the memory", Limits{Memory: 2 * BlockSize, Stall: soon}, true},
		{"it does not stall for long enough", Limits{Memory: 2 * BlockSize, Stall: late}, false},
		{"there is memory for both", Limits{Memory: 9 * BlockSize, Stall: soon}, false},
		{"the other lacks something else", Limits{Memory: 2 * BlockSize, UploadsPerPeer: 1, Stall: soon}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newPartyRig(t, tt.limits)
			_, first := offerOf(1, 2*BlockSize)
			_, other := offerOf(2, BlockSize)
			if err := r.say(hello{[]uint16{Version}}, offer{0, first}); err != nil {
				t.Fatal(err)
			}
			in, _ := r.under(0)
			if err := r.say(offer{1, other}); err != nil {
				t.Fatal(err)
			}
			if got := in.ctx.Err() != nil; got != tt.want {
				t.Fatalf("put out: got %v, want %v", got, tt.want)
			}
			if !tt.want {
				return
			}
			if !r.heard(refusedBusy(0)) || !r.heard(refusedBusy(1)) {
				t.Errorf("who was put out, and who asked, are not told to try again: %+v", r.session.link.control)
			}
			ended(t, in)
			r.server.mu.Lock()
			memory, leaving := r.server.memory, r.server.leaving
			r.server.mu.Unlock()
			if memory != 0 || leaving != 0 {
				t.Errorf("%d bytes are reserved and %d are leaving, want none", memory, leaving)
			}
			if err := r.say(offer{2, other}); err != nil || !r.heard(func(f frame) bool { v, ok := f.(accept); return ok && v.stream == 2 }) {
				t.Errorf("the other is not let in when it tries again: %v", err)
			}
		})
	}
}

// TestOneStalledUploadIsEnough has two uploads stall: the one that has stalled for longest goes, and no second one for the
// same memory.
func TestOneStalledUploadIsEnough(t *testing.T) {
	r := newPartyRig(t, Limits{Memory: 4 * BlockSize, Stall: time.Nanosecond})
	r.shelf.hold = make(chan struct{})
	body, older := offerOf(1, 3*BlockSize)
	_, younger := offerOf(2, 3*BlockSize)
	if err := r.say(hello{[]uint16{Version}}, offer{0, older}); err != nil {
		t.Fatal(err)
	}
	one, _ := r.under(0)
	if err := r.say(offer{1, younger}); err != nil {
		t.Fatal(err)
	}
	two, since := r.under(1)
	for lo := 0; lo < BlockSize; lo += 1024 { // the older one gets on: its block is being kept, which is not its device's doing
		if err := r.say(data{0, uint64(lo), body[lo : lo+1024]}); err != nil {
			t.Fatal(err)
		}
	}
	for busy := false; !busy; time.Sleep(time.Millisecond) {
		r.server.mu.Lock()
		busy = one.since.IsZero()
		r.server.mu.Unlock()
	}
	for i := range 3 {
		_, o := offerOf(uint64(10+i), 2*BlockSize)
		if err := r.say(offer{uint64(10 + i), o}); err != nil {
			t.Fatal(err)
		}
		ended(t, two)
		if one.ctx.Err() != nil {
			t.Fatalf("offer %d put out an upload that got on", i)
		}
	}
	if two.ctx.Err() == nil || since.IsZero() {
		t.Error("the upload that stalled was not put out")
	}
	close(r.shelf.hold)
	if _, again := r.under(0); !again.After(since) {
		t.Errorf("after a block was kept it waits since %v, want a later time than %v", again, since)
	}
}

// TestOfferingAgainIsNoProgress offers a body anew on another stream: the time since its last block goes on.
func TestOfferingAgainIsNoProgress(t *testing.T) {
	r := newPartyRig(t, Limits{})
	_, o := offerOf(1, 2*BlockSize)
	if err := r.say(hello{[]uint16{Version}}, offer{0, o}); err != nil {
		t.Fatal(err)
	}
	_, since := r.under(0)
	if err := r.say(offer{1, o}); err != nil {
		t.Fatal(err)
	}
	in, again := r.under(1)
	if !again.Equal(since) {
		t.Errorf("offered again it waits since %v, want %v as before", again, since)
	}
	r.server.awaitBlock(in) // as its worker does once it was let in
	if _, again := r.under(1); !again.Equal(since) {
		t.Errorf("let in again it waits since %v, want %v as before", again, since)
	}
}

// TestMemoryOnItsWayBackCounts has several offers in one packet lack memory, so that nothing is given back between them.
func TestMemoryOnItsWayBackCounts(t *testing.T) {
	tests := []struct {
		name   string
		memory int64
		size   int  // of each of the two uploads that stall
		both   bool // whether both must go for one of two blocks
	}{
		{"one is enough", 4 * BlockSize, 2 * BlockSize, false},
		{"one is not enough", 2 * BlockSize, BlockSize, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newPartyRig(t, Limits{Memory: tt.memory, Stall: time.Nanosecond})
			if err := r.say(hello{[]uint16{Version}}); err != nil {
				t.Fatal(err)
			}
			var stalled []*incoming
			for i := range uint64(2) {
				_, o := offerOf(i, tt.size)
				if err := r.say(offer{i, o}); err != nil {
					t.Fatal(err)
				}
				in, _ := r.under(i)
				stalled = append(stalled, in)
			}
			var asks []frame
			for i := range uint64(3) {
				_, o := offerOf(10+i, 2*BlockSize)
				asks = append(asks, offer{10 + i, o})
			}
			if err := r.say(asks...); err != nil {
				t.Fatal(err)
			}
			one, two := stalled[0].ctx.Err() != nil, stalled[1].ctx.Err() != nil
			if !one || two != tt.both {
				t.Errorf("put out: got %v and %v, want true and %v", one, two, tt.both)
			}
		})
	}
}

// allowance makes a hook that lets that many bytes through, then a trickle, and drops the rest.
func allowance(free int, rate float64) func([]byte) [][]byte {
	last := time.Now()
	tokens := float64(free)
	return func(b []byte) [][]byte {
		now := time.Now()
		tokens += rate * now.Sub(last).Seconds()
		last = now
		if tokens < float64(len(b)) {
			return nil
		}
		tokens -= float64(len(b))
		return [][]byte{b}
	}
}

// persist uploads a body, again each time the server is busy, and counts how often it was.
func persist(ctx context.Context, c *Client, b []byte, o Offer, busy *atomic.Int64) error {
	for {
		_, err := c.Upload(ctx, o, bytes.NewReader(b), nil)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != CodeBusy {
			return err
		}
		busy.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
}

// waits waits until the server has kept blocks of o and then waited for its device for long enough to put it out.
func (w *world) waits(o Offer, blocks int) {
	w.t.Helper()
	for range 4000 {
		w.shelf.mu.Lock()
		kept := len(w.shelf.blocks[o.ID])
		w.shelf.mu.Unlock()
		w.server.mu.Lock()
		for key, in := range w.server.uploads {
			if key.id == o.ID && kept >= blocks && !in.since.IsZero() && time.Since(in.since) > w.limits.Stall {
				w.server.mu.Unlock()
				return
			}
		}
		w.server.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatal("the upload did not stall")
}

// TestTricklesGiveMemoryBack lets two devices hold all memory with uploads that trickle. A third gets in, the one that
// trickled for longest is told to try again, and the block of it that was kept is not taken in again.
func TestTricklesGiveMemoryBack(t *testing.T) {
	w := newWorld(t)
	w.limits = Limits{Memory: 6 * BlockSize, Stall: 300 * time.Millisecond}
	w.serve(nil)
	home := w.addr
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	var busy [3]atomic.Int64
	over := make(chan error, 2)
	var lines []*relay
	for i, free := range []int{BlockSize * 3 / 2, 40_000} { // the first stays in memory whole and gets one block through
		w.addr = home
		lines = append(lines, w.relay())
		c := w.dial(w.config())
		lines[i].set(allowance(free, 5e3), nil)
		b, o := bodyOf(uint64(i), 3*BlockSize)
		go func() { over <- persist(ctx, c, b, o, &busy[i]) }()
		w.waits(o, 1-i)
	}
	w.addr = home
	b, o := bodyOf(2, 2*BlockSize)
	if err := persist(ctx, w.dial(w.config()), b, o, &busy[2]); err != nil {
		t.Fatalf("the third upload: %v", err)
	}
	w.arrived(b, o, receiptOf(o))
	for _, r := range lines {
		r.set(nil, nil)
	}
	for range lines {
		if err := <-over; err != nil {
			t.Errorf("an upload that trickled: %v", err)
		}
	}
	for i := range lines {
		b, o := bodyOf(uint64(i), 3*BlockSize)
		w.arrived(b, o, receiptOf(o))
	}
	if one, two, three := busy[0].Load(), busy[1].Load(), busy[2].Load(); one != 1 || two != 0 || three == 0 {
		t.Errorf("told to try again %d, %d and %d times; want 1, none, and some: without it there was no lack of memory", one, two, three)
	}
	w.shelf.mu.Lock()
	defer w.shelf.mu.Unlock()
	if w.shelf.again != 0 {
		t.Errorf("%d blocks were taken in twice, want none", w.shelf.again)
	}
}

// TestWholeBodiesDoNotStall makes a body whole: from then on it is the server's turn.
func TestWholeBodiesDoNotStall(t *testing.T) {
	r := newPartyRig(t, Limits{})
	b, o := offerOf(1, 1000)
	if err := r.say(hello{[]uint16{Version}}, offer{0, o}); err != nil {
		t.Fatal(err)
	}
	in, _ := r.under(0)
	if err := r.say(data{0, 0, b}); err != nil {
		t.Fatal(err)
	}
	ended(t, in)
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if !in.since.IsZero() {
		t.Errorf("a whole body waits for its device since %v, want not at all", in.since)
	}
}
