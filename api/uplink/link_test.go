package uplink

import (
	"bytes"
	"testing"
	"time"
)

// linkRig drives one link by hand.
type linkRig struct {
	t   *testing.T
	now time.Time
	out *outgoing
	*link
}

func newLinkRig(t *testing.T, size int64) *linkRig {
	r := &linkRig{t: t, now: time.Unix(5000, 0)}
	r.out = newOutgoing(0, Offer{Size: size}, zeros{}, uint64(size))
	r.link = newLink(r.now, &bundle{streams: []*outgoing{r.out}})
	r.pace.hint(r.now, 20*time.Millisecond)
	return r
}

// send lets everything leave that may within a while and returns the numbers of the packets.
func (r *linkRig) send(most int) (numbers []uint64) {
	buf := make([]byte, 0, maxPacket)
	for range 100 {
		for len(numbers) < most {
			b := r.next(r.now, buf)
			if b == nil {
				break
			}
			n, _, err := parsePacket(b)
			if err != nil {
				r.t.Fatalf("own packet: %v", err)
			}
			numbers = append(numbers, n)
		}
		r.now = r.now.Add(100 * time.Microsecond)
	}
	return numbers
}

var peerNumber uint64

// answer gives the link an acknowledgement.
func (r *linkRig) answer(ranges ...span) error {
	peerNumber++
	b := ack{ranges: ranges}.append(appendVarint(nil, peerNumber))
	_, err := r.receive(r.now, b, func([]frame) bool { return true })
	return err
}

func TestPacketsAreLostByNumber(t *testing.T) {
	r := newLinkRig(t, 100_000)
	if got := r.send(6); len(got) != 6 || got[5] != 5 {
		t.Fatalf("packets %v left, want 0 to 5", got)
	}
	r.now = r.now.Add(20 * time.Millisecond)
	if err := r.answer(span{2, 3}); err != nil || r.lostCount != 0 {
		t.Fatalf("overtaken by two: %d lost, %v; want none", r.lostCount, err)
	}
	if err := r.answer(span{2, 4}); err != nil || r.lostCount != 1 {
		t.Fatalf("overtaken by three: %d lost, %v; want one", r.lostCount, err)
	}
	if want := (span{0, r.out.again[0].hi}); len(r.out.again) != 1 || r.out.again[0] != want || want.hi < 1000 {
		t.Errorf("to be sent again: %v, want the first packet's bytes", r.out.again)
	}
	if got := r.send(1); len(got) != 1 || got[0] != 6 || len(r.out.again) != 0 {
		t.Errorf("sent again as %v with %v left, want as number 6", got, r.out.again)
	}
}

func TestLateAnswersMakeItWait(t *testing.T) {
	r := newLinkRig(t, 100_000)
	r.send(12)
	r.now = r.now.Add(20 * time.Millisecond)
	if err := r.answer(span{5, 7}); err != nil || r.lostCount != 4 { // 0 to 3
		t.Fatalf("%d lost, %v; want four", r.lostCount, err)
	}
	before := r.out.got.count()
	if err := r.answer(span{0, 4}); err != nil {
		t.Fatal(err)
	}
	if r.out.got.count() <= before || len(r.out.again) != 0 {
		t.Errorf("late answers: %d bytes answered, %v to be sent again; want more than %d and none", r.out.got.count(), r.out.again, before)
	}
	if r.flight.threshold != 7 || !r.flight.slack {
		t.Errorf("threshold %d, want 7: packet 0 was overtaken by six", r.flight.threshold)
	}
}

func TestPacketsAreLostByTime(t *testing.T) {
	r := newLinkRig(t, 3000)
	r.send(2)
	r.now = r.now.Add(20 * time.Millisecond)
	if err := r.answer(span{1, 2}); err != nil || r.lostCount != 0 {
		t.Fatalf("%d lost, %v; want none yet", r.lostCount, err)
	}
	at := r.flight.lossAt
	if d := at.Sub(r.now); d <= 0 || d > 10*time.Millisecond {
		t.Fatalf("to be woken in %v, want an eighth of the round trip", d)
	}
	r.timeout(at)
	if r.lostCount != 1 {
		t.Errorf("%d lost, want one", r.lostCount)
	}
}

func TestProbesRepeatTheOldest(t *testing.T) {
	r := newLinkRig(t, 2000)
	r.send(100)
	last := time.Duration(0)
	for i := range 4 {
		at := r.probeAt()
		wait := at.Sub(r.newest)
		if wait <= last || wait > maxPatience {
			t.Errorf("probe %d after %v, want longer than %v and at most %v", i, wait, last, maxPatience)
		}
		last = wait
		r.now = at
		r.timeout(r.now)
		if r.urgent != 2 {
			t.Fatalf("probe %d: %d packets may leave, want two", i, r.urgent)
		}
		if got := r.send(10); len(got) < 2 {
			t.Errorf("probe %d: %v left, want two packets", i, got)
		}
	}
	if err := r.answer(span{0, r.flight.next}); err != nil || r.ptos != 0 || !r.probeAt().IsZero() {
		t.Errorf("after an answer: %v, %d probes, next at %v; want none", err, r.ptos, r.probeAt())
	}
}

func TestAnswersToWhatWasNotSent(t *testing.T) {
	r := newLinkRig(t, 2000)
	n := uint64(len(r.send(100)))
	if err := r.answer(span{0, n + 1}); err == nil {
		t.Errorf("an answer to packet %d of %d: want an error", n, n)
	}
}

func TestAcknowledgements(t *testing.T) {
	l := newLink(time.Unix(5000, 0), nil)
	now := time.Unix(5000, 0)
	take := func(number uint64, f frame) {
		t.Helper()
		if _, err := l.receive(now, f.append(appendVarint(nil, number)), func([]frame) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	due := func() bool { return !l.ackAt.IsZero() && !now.Before(l.ackAt) }
	take(0, ping{})
	if due() {
		t.Error("due after one packet in order, want it to wait")
	}
	now = now.Add(maxAckDelay)
	if !due() {
		t.Errorf("not due after %v", maxAckDelay)
	}
	b := l.next(now, make([]byte, 0, maxPacket))
	_, frames, err := parsePacket(b)
	if err != nil || len(frames) != 1 || frames[0].(ack).ranges[0] != (span{0, 1}) || frames[0].(ack).delay != maxAckDelay {
		t.Fatalf("said %+v, %v; want an acknowledgement of 0 after %v", frames, err, maxAckDelay)
	}
	take(5, ping{})
	if !due() {
		t.Error("not due after a gap")
	}
	l.next(now, make([]byte, 0, maxPacket))
	take(6, ack{ranges: []span{{0, 1}}})
	if due() || l.unsaid != 0 {
		t.Error("an acknowledgement is to be acknowledged")
	}
	take(5, ping{})
	if l.unsaid != 0 {
		t.Error("a packet that came before counts again")
	}
}

// TestSeenNumbersAreBounded lets every second packet arrive for ever.
func TestSeenNumbersAreBounded(t *testing.T) {
	l := newLink(time.Unix(5000, 0), nil)
	for n := range uint64(5000) {
		b := ping{}.append(appendVarint(nil, 2*n))
		if _, err := l.receive(l.heard, b, func([]frame) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.seen) > seenRanges || l.seenFloor == 0 {
		t.Errorf("%d ranges are remembered from %d on, want at most %d", len(l.seen), l.seenFloor, seenRanges)
	}
	before := l.arrived
	if _, err := l.receive(l.heard, ping{}.append(appendVarint(nil, 1)), func([]frame) bool { return true }); err != nil || l.arrived != before {
		t.Errorf("a number below those remembered: %v, %d arrived; want it dropped", err, l.arrived)
	}
}

func TestControlIsBounded(t *testing.T) {
	l := newLink(time.Unix(5000, 0), nil)
	for range 10 * maxControl {
		l.say(ping{})
	}
	if len(l.control) != maxControl {
		t.Errorf("%d frames wait, want %d", len(l.control), maxControl)
	}
}

func TestRoundTrips(t *testing.T) {
	var c rttClock
	if got := c.now(); got != firstRTT {
		t.Errorf("before any answer: %v, want %v", got, firstRTT)
	}
	c.see(40*time.Millisecond, 0)
	c.see(60*time.Millisecond, 10*time.Millisecond) // 50 without the wait
	if c.latest != 50*time.Millisecond || c.smoothed != 41250*time.Microsecond || c.variation != 17500*time.Microsecond {
		t.Errorf("latest %v, smoothed %v, variation %v; want 50ms, 41.25ms, 17.5ms", c.latest, c.smoothed, c.variation)
	}
	if got := c.see(41*time.Millisecond, 30*time.Millisecond); got != 41*time.Millisecond {
		t.Errorf("a wait that undercuts the least: %v, want 41ms", got)
	}
}

func TestOutgoingTail(t *testing.T) {
	o := newOutgoing(0, Offer{Size: 20_000}, bytes.NewReader(make([]byte, 20_000)), 20_000)
	var pieces []data
	for f := o.fill(maxPacket); f != nil; f = o.fill(maxPacket) {
		pieces = append(pieces, f.(data))
	}
	sent := 0
	for _, p := range pieces {
		sent += len(p.bytes)
	}
	if extra := sent - 20_000; extra < 8*1000 || extra > 9*maxPacket {
		t.Errorf("%d bytes were sent twice, want those of the last %d packets", extra, tailPackets)
	}
	o.lost(pieces[0])
	for i := range 2 { // near the end, what was lost is said twice
		f := o.fill(maxPacket)
		if d, ok := f.(data); !ok || d.offset != 0 {
			t.Fatalf("time %d: got %+v, want the lost piece", i, f)
		}
	}
	if f := o.fill(maxPacket); f != nil {
		t.Errorf("a third time: got %+v, want nothing", f)
	}
	o.lost(pieces[0])
	o.acked(pieces[0])
	if f := o.fill(maxPacket); f != nil {
		t.Errorf("after it was answered: got %+v, want nothing", f)
	}
}

func TestReceiptInPieces(t *testing.T) {
	o := newOutgoing(0, Offer{Size: 10}, zeros{}, 10)
	for _, p := range []struct {
		piece receipt
		whole bool
	}{
		{receipt{0, 3, 5, []byte("45")}, false},
		{receipt{0, 3, 5, []byte("45")}, false},
		{receipt{0, 0, 6, []byte("123")}, false}, // another length: not believed
		{receipt{0, 4, 5, []byte("123")}, false}, // beyond the end
		{receipt{0, 0, 5, []byte("123")}, true},
	} {
		if got := o.keepReceipt(p.piece); got != p.whole {
			t.Errorf("%+v: whole is %v, want %v", p.piece, got, p.whole)
		}
	}
	if string(o.receipt) != "12345" {
		t.Errorf("receipt %q, want 12345", o.receipt)
	}
}
