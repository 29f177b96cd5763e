package uplink

import (
	"math"
	"slices"
	"time"
)

// The sender keeps a model of the path, after BBR (draft-ietf-ccwg-bbr): the most the path was seen to deliver, and the
// shortest time it took to answer. It sends at the rate it saw, tries more now and then, and bounds what is in flight by
// the product of the two. A lost packet alone says nothing here, since a ward's radio loses one in twenty. Loss while the
// queue stands, or loss beyond what a radio loses, says that the path is shared and full: then the ceiling of what may
// be in flight comes down, and grows again slowly.
const (
	startWindow   = 40 * (maxPacket + overhead) // bytes in flight before anything is known
	leastWindow   = 4 * (maxPacket + overhead)  // bytes that may always be in flight
	spareWindow   = 16 * (maxPacket + overhead) // bytes beyond the product, for answers that come in heaps
	startGain     = 2.885                       // 2/ln 2: doubles each round
	drainGain     = 1 / startGain
	windowGain    = 2.0
	fullGrowth    = 1.25                   // a round that delivers less than this much more is a sign that the path is full
	fullRounds    = 3                      // that many such rounds end the start
	rateRounds    = 10                     // rounds for which the best rate is believed
	rttLife       = 10 * time.Second       // for which the shortest answer is believed
	rttProbe      = 200 * time.Millisecond // how long little is sent to see the shortest answer again
	lossLeast     = 0.12                   // share of a round's packets that may be lost without a queue,
	lossMore      = 0.10                   // or this much more than the path always loses
	lossStart     = 0.25                   // share of a round that must be lost to end the start, when nothing queued
	lossAlways    = 0.15                   // the most a path is believed to lose always
	lossRounds    = 16                     // rounds with at least
	lossPacketsIn = 20                     // so many packets, of which the best tells what a path always loses
	queueGain     = 1.25                   // a round whose shortest answer took this much longer stood in a queue,
	queueFloor    = 4 * time.Millisecond   // if it is also at least this much longer
	ceilingCut    = 0.7
	recallLoss    = 0.1                  // share of a first round that may be lost for the former path to count
	tryGrowth     = 1.12                 // a try that found this much more is followed by another at once
	standRounds   = 10                   // rounds in a row: the queue is another's, who fills it until packets are lost; so do we
	ceilingStep   = maxPacket + overhead // bytes the ceiling grows by in a round without congestion,
	ceilingFaster = 4                    // and as much more for each of so many such rounds in a row
)

// gains is the cycle in which the sender tries more, gives back what queued, and goes on at what it saw.
var gains = [...]float64{1.25, 0.75, 1, 1, 1, 1, 1, 1}

type phase int

const (
	phaseStart phase = iota
	phaseDrain
	phaseCruise
	phaseProbe // little is sent, to see the shortest answer
)

func (p phase) String() string {
	return [...]string{"start", "drain", "cruise", "probe"}[p]
}

// pace decides when and how much may be sent. It knows no clock: every method is told the time.
type pace struct {
	meter
	phase    phase
	rates    [rateRounds]float64 // best rate of each of the last rounds, bytes per second
	minRTT   time.Duration
	minAt    time.Time
	full     float64 // rate at which the start last grew
	fullFor  int
	losses   [lossRounds]float64 // share of packets lost in each of the last rounds
	judged   int                 // rounds in losses
	cycle    int
	cycleAt  time.Time
	tried    float64 // rate before the last try
	probeEnd time.Time
	probeRTT time.Duration // shortest answer of this probe
	ceiling  float64       // bytes in flight, at most
	clean    int           // rounds in a row without congestion
	standing int           // rounds in a row in which the queue stood
	round    roundCount
	tokens   float64 // bytes that may leave now
	tokensAt time.Time
	former   pathMemory // of the path before this one
}

// A pathMemory is what is remembered of a path that the peer left.
type pathMemory struct {
	rate   float64
	minRTT time.Duration
}

// A roundCount is what happened since the packets of the former round were answered.
type roundCount struct {
	acked, lost int
	minRTT      time.Duration
	limited     bool
	peak        int64 // most bytes in flight
}

func newPace() *pace { return &pace{ceiling: math.Inf(1)} }

// hint tells how long the path took to answer the handshake: the first packets leave at a fitting rate, and a queue that
// stood from the first packet on is not taken for distance.
func (p *pace) hint(now time.Time, rtt time.Duration) { p.seeRTT(now, max(rtt, time.Millisecond)) }

// rate is the best rate of the last rounds in bytes per second; zero when nothing was seen.
func (p *pace) rate() (best float64) {
	for _, r := range p.rates {
		best = max(best, r)
	}
	return best
}

// product is what the path holds without a queue, in bytes.
func (p *pace) product() float64 { return p.rate() * p.minRTT.Seconds() }

// window is how many bytes may be in flight.
func (p *pace) window() int64 {
	if p.rate() == 0 || p.minRTT == 0 {
		return startWindow
	}
	gain := windowGain
	switch p.phase {
	case phaseStart, phaseDrain:
		gain = startGain
	case phaseProbe:
		return max(leastWindow, int64(p.product()/2))
	}
	w := min(gain*p.product()+spareWindow, p.ceiling)
	if p.standing >= standRounds {
		w = p.ceiling
	}
	return max(leastWindow, int64(w))
}

// pacing is how fast packets may leave, in bytes per second.
func (p *pace) pacing() float64 {
	r := p.rate()
	if r == 0 {
		rtt := p.minRTT
		if rtt == 0 {
			rtt = firstRTT
		}
		return startGain * startWindow / rtt.Seconds()
	}
	switch p.phase {
	case phaseStart:
		return startGain * r
	case phaseDrain:
		return drainGain * r
	case phaseCruise:
		return gains[p.cycle] * r
	}
	return r
}

// burst is how many bytes may leave at once after a rest: what leaves in 2 ms, and at least ten packets.
func (p *pace) burst() float64 {
	return max(10*(maxPacket+overhead), p.pacing()*0.002)
}

// mayAt says when the next packet may leave, as far as pacing goes.
func (p *pace) mayAt(now time.Time) time.Time {
	p.refill(now)
	if p.tokens > 0 {
		return now
	}
	wait := time.Duration((-p.tokens + 1) / p.pacing() * float64(time.Second))
	return now.Add(max(wait, time.Millisecond))
}

func (p *pace) refill(now time.Time) {
	if p.tokensAt.IsZero() {
		p.tokens, p.tokensAt = p.burst(), now
		return
	}
	if d := now.Sub(p.tokensAt); d > 0 {
		p.tokens = min(p.tokens+p.pacing()*d.Seconds(), p.burst())
		p.tokensAt = now
	}
}

// sent notes that size bytes leave now and returns what their answer will be measured against.
func (p *pace) sent(now time.Time, size int) mark {
	p.refill(now)
	p.tokens -= float64(size)
	m := p.meter.sent(now, size)
	p.round.peak = max(p.round.peak, p.inflight)
	return m
}

// A delivery is a packet that was answered.
type delivery struct {
	mark
	at   time.Time // when it left
	size int
}

// acked takes in an answer: the packets it newly covers, how many were found lost by it, and the time it took (zero when
// it cannot be told).
func (p *pace) acked(now time.Time, got []delivery, rtt time.Duration) {
	got = slices.DeleteFunc(got, func(d delivery) bool { return !p.here(d.mark) })
	if rtt > 0 && len(got) > 0 {
		p.seeRTT(now, rtt)
	}
	ended := false
	for _, d := range got {
		ended = p.meter.acked(now, d) || ended
		p.round.acked++
	}
	if rate, limited := p.meter.sample(now, got); rate > 0 {
		if !limited || rate > p.rate() {
			p.rates[0] = max(p.rates[0], rate)
		}
		p.round.limited = p.round.limited || limited
	}
	if ended {
		p.endRound(now)
	}
	p.step(now)
}

func (p *pace) seeRTT(now time.Time, rtt time.Duration) {
	if p.round.minRTT == 0 || rtt < p.round.minRTT {
		p.round.minRTT = rtt
	}
	if p.phase == phaseProbe && (p.probeRTT == 0 || rtt < p.probeRTT) {
		p.probeRTT = rtt
	}
	if p.minRTT == 0 || rtt <= p.minRTT {
		p.minRTT, p.minAt = rtt, now
	}
}

// lost notes that a packet of size bytes did not arrive.
func (p *pace) lost(k mark, size int) {
	if !p.here(k) {
		return
	}
	p.inflight -= int64(size)
	p.round.lost++
}

// endRound judges the round that ended and begins the next.
func (p *pace) endRound(now time.Time) {
	r := p.round
	p.round = roundCount{peak: p.inflight}
	p.judge(r)
	if p.phase == phaseStart && !r.limited {
		p.judgeStart(r)
	}
	p.recall(r)
	copy(p.rates[1:], p.rates[:])
	p.rates[0] = 0
}

// judge lowers the ceiling after a round that met congestion and lifts it after one that did not.
func (p *pace) judge(r roundCount) {
	congested := p.congested(r)
	if p.standing++; !p.stood(r) {
		p.standing = 0
	}
	if p.standing == standRounds {
		p.ceiling = min(p.ceiling, float64(r.peak))
	}
	if all := r.acked + r.lost; all >= lossPacketsIn {
		p.losses[p.judged%lossRounds] = float64(r.lost) / float64(all)
		p.judged++
	}
	if all := r.acked + r.lost; p.phase == phaseStart && !(congested && (p.stood(r) || all >= lossPacketsIn && float64(r.lost) > lossStart*float64(all))) {
		return // growth is wanted, and losing much of a small first round says little
	}
	if p.phase == phaseStart {
		p.phase = phaseDrain
	}
	if !congested {
		if !math.IsInf(p.ceiling, 1) {
			p.clean++
			p.ceiling += float64(ceilingStep * (1 + p.clean/ceilingFaster))
		}
		return
	}
	p.clean = 0
	p.ceiling = max(min(p.ceiling, float64(r.peak))*ceilingCut, leastWindow)
}

// congested says whether a round met a full queue: packets were lost while all answers were late, or more were lost than
// this path always loses.
func (p *pace) congested(r roundCount) bool {
	all := float64(r.acked + r.lost)
	if r.lost < 2 || all == 0 {
		return false
	}
	always := p.always()
	noise := 2 * math.Sqrt(always/all)
	return p.stood(r) || float64(r.lost)/all > max(lossLeast, always+lossMore+noise)
}

// stood says whether all packets of a round waited in a queue.
func (p *pace) stood(r roundCount) bool {
	return r.minRTT > time.Duration(queueGain*float64(p.minRTT)) && r.minRTT > p.minRTT+queueFloor
}

// always is the share of packets that the path loses whatever is sent.
func (p *pace) always() float64 {
	least := lossAlways
	for _, share := range p.losses[:min(p.judged, lossRounds)] {
		least = min(least, share)
	}
	if p.judged == 0 {
		return 0
	}
	return least
}

// judgeStart ends the start when the path no longer delivers more each round: after one such round if its packets queued,
// else after three.
func (p *pace) judgeStart(r roundCount) {
	if rate := p.rate(); rate >= p.full*fullGrowth {
		p.full, p.fullFor = rate, 0
		return
	}
	if p.fullFor++; p.fullFor >= fullRounds || p.stood(r) {
		p.phase = phaseDrain
	}
}

// step moves between the phases.
func (p *pace) step(now time.Time) {
	switch p.phase {
	case phaseDrain:
		if float64(p.inflight) <= p.product()+spareWindow {
			p.cruise(now, 2)
		}
	case phaseCruise:
		p.stepCruise(now)
	case phaseProbe:
		if now.After(p.probeEnd) {
			if p.probeRTT > 0 {
				p.minRTT = p.probeRTT
			}
			p.minAt = now
			p.cruise(now, 2)
		}
	}
}

func (p *pace) cruise(now time.Time, cycle int) {
	p.phase, p.cycle, p.cycleAt = phaseCruise, cycle, now
}

func (p *pace) stepCruise(now time.Time) {
	if now.Sub(p.minAt) > rttLife {
		p.phase, p.probeEnd = phaseProbe, now.Add(rttProbe+p.minRTT)
		p.probeRTT = 0
		return
	}
	if now.Sub(p.cycleAt) < max(p.minRTT, time.Millisecond) {
		return
	}
	if gains[p.cycle] < 1 && float64(p.inflight) > p.product()+spareWindow &&
		now.Sub(p.cycleAt) < 2*p.minRTT {
		return // what the try had queued is not gone yet
	}
	next := (p.cycle + 1) % len(gains)
	if p.cycle == 1 && p.paid() {
		next = 0 // there is more to be had: a start that bad luck ended goes on so
	}
	if next == 0 {
		p.tried = p.rate()
	}
	p.cycle, p.cycleAt = next, now
}

// paid says whether the last try found the path to deliver more, without a queue in its way.
func (p *pace) paid() bool {
	return p.tried > 0 && p.rate() >= tryGrowth*p.tried && p.standing == 0
}

// tolerant says whether losses look like a radio's, so that saying things twice does no harm.
func (p *pace) tolerant() bool { return !p.congested(p.round) }

// reset begins anew, because the peer moved to another path: packets of the former one are no longer in flight here, and
// what becomes of them says nothing.
func (p *pace) reset() {
	former := pathMemory{p.rate(), p.minRTT}
	if former.rate == 0 {
		former = p.former
	}
	paths := p.paths + 1
	*p = *newPace()
	p.paths, p.former = paths, former
}

// recall jumps to half of what the former path delivered once a first round over the new one lost next to nothing and
// took about as long as there: most moves are to another access point of the same network (after
// draft-ietf-tsvwg-careful-resume).
func (p *pace) recall(r roundCount) {
	if p.former.rate == 0 {
		return
	}
	alike := p.minRTT > p.former.minRTT/2 && p.minRTT < 2*p.former.minRTT
	if p.phase == phaseStart && alike && float64(r.lost) <= recallLoss*float64(r.acked+r.lost) {
		p.rates[0] = max(p.rates[0], p.former.rate/2)
	}
	p.former = pathMemory{}
}
