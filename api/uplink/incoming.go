package uplink

import (
	"context"
	"errors"
	"time"
)

// incoming is one body on its way in. Its worker asks the sink; packets are put in meanwhile, and never wait for it.
type incoming struct {
	party    *serverParty
	stream   uint64
	offer    Offer
	key      uploadKey
	reserved int64
	whole    bool      // all blocks stay in memory until the end
	former   *incoming // the upload of the same body that this one takes over from; nil when there is none
	signal   chan struct{}
	done     chan struct{}
	ctx      context.Context         // ends when nobody wants the body any more
	stop     context.CancelCauseFunc // an *Error is told to the client, anything else as "superseded"

	// Guarded by the server's lock.
	since time.Time // since when it is up to the device to make a block whole; zero while it is up to the server
	out   bool      // put out for lack of memory

	// Guarded by the session's lock.
	limit   uint64
	got     spans
	blocks  [][]byte // nil where nothing arrived or the block was given back
	kept    []bool
	arrived int64 // bytes, repeats counted
	ready   []int // blocks that are whole and not kept
	ended   bool
}

func newIncoming(p *serverParty, o offer, key uploadKey, reserved int64, whole bool) *incoming {
	n := int((o.Size + BlockSize - 1) / BlockSize)
	in := &incoming{party: p, stream: o.stream, offer: o.Offer, key: key, reserved: reserved, whole: whole,
		signal: make(chan struct{}, 1), done: make(chan struct{}), limit: uint64(min(o.Size, BlockSize)),
		blocks: make([][]byte, n), kept: make([]bool, n)}
	in.ctx, in.stop = context.WithCancelCause(p.ctx)
	return in
}

func (in *incoming) wakeUp() {
	select {
	case in.signal <- struct{}{}:
	default:
	}
}

// extent is the bytes of block n.
func (in *incoming) extent(n int) span {
	lo := uint64(n) * BlockSize
	return span{lo, min(lo+BlockSize, uint64(in.offer.Size))}
}

// put takes in a piece of the body. Only bytes that were not there are written: a block that is whole never changes.
func (in *incoming) put(d data) error {
	s := span{d.offset, d.offset + uint64(len(d.bytes))}
	if s.hi > in.limit || s.lo == s.hi {
		return &Error{Code: CodeProtocol}
	}
	in.arrived += int64(len(d.bytes))
	if in.ended {
		return nil
	}
	for s.lo < s.hi {
		gap := in.got.missing(s.lo, s.hi)
		if gap.lo >= gap.hi {
			break
		}
		n := int(gap.lo / BlockSize)
		e := in.extent(n)
		gap.hi = min(gap.hi, e.hi)
		if in.blocks[n] == nil {
			in.blocks[n] = make([]byte, e.hi-e.lo)
		}
		copy(in.blocks[n][gap.lo-e.lo:], d.bytes[gap.lo-d.offset:gap.hi-d.offset])
		in.got.add(gap)
		if in.got.has(e) {
			in.ready = append(in.ready, n)
			in.wakeUp()
		}
		s.lo = gap.hi
	}
	return nil
}

// work runs the upload from the offer to the receipt.
func (in *incoming) work() {
	defer close(in.done)
	defer in.stop(nil)
	p := in.party
	reply, err := in.run()
	var told *Error
	if err != nil && errors.As(context.Cause(in.ctx), &told) {
		err = told
	}
	if err != nil && p.ctx.Err() != nil {
		err = &Error{Code: CodeShutdown}
	}
	p.server.disclaim(in)
	p.session.mu.Lock()
	in.ended, in.blocks, in.ready = true, nil, nil
	delete(p.open, in.stream)
	if err != nil {
		in.log(err)
		p.refuse(in.stream, err)
	} else {
		in.sendReceipt(reply)
	}
	arrived := in.arrived
	p.session.mu.Unlock()
	p.session.wakeUp()
	p.server.release(in)
	p.server.cfg.Observe(Event{Code: codeOf(err), Bytes: in.offer.Size, Arrived: arrived})
}

// log tells the operator what the client is told as "internal".
func (in *incoming) log(err error) {
	var refusal *Error
	if !errors.As(err, &refusal) && in.ctx.Err() == nil {
		in.party.server.cfg.Log.Error("uplink upload failed", "error", err)
	}
}

func (in *incoming) run() ([]byte, error) {
	if err := in.takeOver(); err != nil {
		return nil, err
	}
	up, err := in.party.server.cfg.Sink.Begin(in.ctx, in.party.peer, in.offer)
	if err != nil {
		return nil, err
	}
	reply, held := up.Held()
	if reply != nil {
		return checkReceipt(reply)
	}
	in.begin(held)
	if err := in.collect(up); err != nil {
		return nil, err
	}
	// From here on the body is whole: it is taken in even if the client goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(in.ctx), finishTime)
	defer cancel()
	reply, err = up.Finish(ctx, &bodyReader{ctx: ctx, in: in, up: up, digest: newDigest()})
	if err != nil {
		return nil, err
	}
	return checkReceipt(reply)
}

// takeOver ends the upload of the same body over a former connection and waits until it has let go.
func (in *incoming) takeOver() error {
	if in.former == nil {
		return nil
	}
	in.former.stop(nil)
	select {
	case <-in.former.done:
		return nil
	case <-in.ctx.Done():
		return in.ctx.Err()
	case <-time.After(finishTime):
		return &Error{Code: CodeBusy, RetryAfter: busyWait}
	}
}

// begin notes what is held and lets the client send the rest.
func (in *incoming) begin(held []int) {
	s := in.party.session
	s.mu.Lock()
	defer s.mu.Unlock()
	bitmap := make([]byte, (len(in.kept)+7)/8)
	for _, n := range held {
		if n < 0 || n >= len(in.kept) {
			continue
		}
		bitmap[n/8] |= 1 << (n % 8)
		in.kept[n] = true
		in.got.add(in.extent(n))
		in.blocks[n] = nil
	}
	in.limit = in.reach()
	s.link.say(accept{in.stream, in.limit, bitmap})
	s.wakeUp()
}

// reach is how far the client may send: to the end when the body stays in memory whole, else as far as there is room for.
func (in *incoming) reach() uint64 {
	size := uint64(in.offer.Size)
	if in.whole {
		return size
	}
	room := spillBlocks
	for n := range in.kept {
		if !in.kept[n] {
			if room--; room == 0 {
				return max(in.limit, in.extent(n).hi)
			}
		}
	}
	return size
}

// collect keeps block after block until the whole body is there.
func (in *incoming) collect(up Upload) error {
	s, server := in.party.session, in.party.server
	server.awaitBlock(in)
	defer server.awaitNothing(in)
	for {
		s.mu.Lock()
		n, block := in.nextReady()
		all := in.got.count() == uint64(in.offer.Size)
		s.mu.Unlock()
		if all {
			return nil
		}
		if block == nil {
			select {
			case <-in.signal:
				continue
			case <-in.ctx.Done():
				return in.ctx.Err()
			}
		}
		server.awaitNothing(in)
		if err := up.Keep(in.ctx, n, block); err != nil {
			return err
		}
		in.markKept(n)
		server.awaitBlock(in)
	}
}

func (in *incoming) nextReady() (int, []byte) {
	for len(in.ready) > 0 {
		n := in.ready[0]
		in.ready = in.ready[1:]
		if !in.kept[n] && in.blocks[n] != nil {
			return n, in.blocks[n]
		}
	}
	return 0, nil
}

// markKept notes that block n outlives the connection, and gives its memory back when there is not enough for the body.
func (in *incoming) markKept(n int) {
	s := in.party.session
	s.mu.Lock()
	defer s.mu.Unlock()
	in.kept[n] = true
	if in.whole {
		return
	}
	in.blocks[n] = nil
	if reach := in.reach(); reach > in.limit {
		in.limit = reach
		s.link.say(window{in.stream, reach})
		s.wakeUp()
	}
}

// sendReceipt says the receipt in pieces that fit a packet.
func (in *incoming) sendReceipt(reply []byte) {
	const piece = 900
	for lo := 0; lo < len(reply); lo += piece {
		hi := min(lo+piece, len(reply))
		in.party.session.link.say(receipt{in.stream, uint64(lo), uint64(len(reply)), reply[lo:hi]})
	}
}
