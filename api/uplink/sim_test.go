package uplink

import (
	"bytes"
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"
)

// A sim is a network in simulated time: the same seed gives the same run, and seconds pass in milliseconds.
type sim struct {
	now    time.Time
	random *rand.Rand
	events events
	serial int
}

type event struct {
	at     time.Time
	serial int
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].serial < e[j].serial
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func newSim(seed uint64) *sim {
	return &sim{now: time.Unix(1_000_000, 0), random: rand.New(rand.NewPCG(seed, 7))}
}

func (s *sim) after(d time.Duration, do func()) {
	s.serial++
	heap.Push(&s.events, event{s.now.Add(d), s.serial, do})
}

// run lets time pass until done says so or limit has passed, and returns how much time passed.
func (s *sim) run(limit time.Duration, done func() bool) time.Duration {
	start := s.now
	for len(s.events) > 0 && !done() {
		e := heap.Pop(&s.events).(event)
		if e.at.Sub(start) > limit {
			return limit
		}
		s.now = e.at
		e.do()
	}
	return s.now.Sub(start)
}

// A road is one direction of a path: a rate with a drop-tail queue, a delay, and what radios do to packets.
type road struct {
	sim     *sim
	rate    float64 // bytes per second; 0 is boundless
	queue   float64 // bytes
	delay   time.Duration
	loss    float64
	double  float64 // share of packets that arrive twice
	jitter  time.Duration
	free    time.Time
	carried map[int]int64 // bytes by flow
}

func (r *road) send(flow, size int, arrive func()) {
	s := r.sim
	wait := time.Duration(0)
	if r.rate > 0 {
		if r.free.Before(s.now) {
			r.free = s.now
		}
		if r.free.Sub(s.now).Seconds()*r.rate+float64(size) > r.queue {
			return
		}
		r.free = r.free.Add(time.Duration(float64(size) / r.rate * float64(time.Second)))
		wait = r.free.Sub(s.now)
	}
	if r.carried != nil {
		r.carried[flow] += int64(size)
	}
	if s.random.Float64() < r.loss {
		return
	}
	late := time.Duration(0)
	if r.jitter > 0 {
		late = time.Duration(s.random.Int64N(int64(r.jitter)))
	}
	s.after(wait+r.delay+late, arrive)
	if s.random.Float64() < r.double {
		s.after(wait+r.delay+late+time.Millisecond, arrive)
	}
}

// A simEnd is one end of a connection in simulated time.
type simEnd struct {
	sim   *sim
	link  *link
	flow  int
	out   *road
	peer  *simEnd
	timer int
	take  func(frame)
	fail  func(error)
}

// pump sends what is due and sets the timer.
func (e *simEnd) pump() {
	e.timer++
	mine := e.timer
	buf := make([]byte, 0, maxPacket)
	e.link.timeout(e.sim.now)
	for {
		p := e.link.next(e.sim.now, buf)
		if p == nil {
			break
		}
		packet := bytes.Clone(p)
		e.out.send(e.flow, len(packet)+overhead+28, func() { e.peer.arrive(packet) })
	}
	at := e.link.wake(e.sim.now)
	if at.IsZero() {
		return
	}
	e.sim.after(max(at.Sub(e.sim.now), 50*time.Microsecond), func() {
		if e.timer == mine {
			e.pump()
		}
	})
}

func (e *simEnd) arrive(packet []byte) {
	frames, err := e.link.receive(e.sim.now, packet, func([]frame) bool { return true })
	if err != nil {
		e.fail(err)
	}
	for _, f := range frames {
		e.take(f)
	}
	e.pump()
}

// A simFlow is one body on its way.
type simFlow struct {
	from, to *simEnd
	out      *outgoing
	got      spans
	sent     uint64 // bytes of the body that left, repeats counted
}

func (f *simFlow) done() bool { return f.out.got.count() == f.out.size }

// zeros is an endless body.
type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) { return len(b), nil }

func (s *sim) flow(t testing.TB, id int, size int64, there, back *road) *simFlow {
	f := &simFlow{out: newOutgoing(0, Offer{Size: size}, zeros{}, uint64(size))}
	b := &bundle{streams: []*outgoing{f.out}}
	fail := func(err error) { t.Fatalf("a packet was refused: %v", err) }
	f.from = &simEnd{sim: s, link: newLink(s.now, b), flow: id, out: there, take: func(frame) {}, fail: fail}
	f.to = &simEnd{sim: s, link: newLink(s.now, nil), flow: id, out: back, fail: fail, take: func(x frame) {
		d, ok := x.(data)
		if !ok {
			return // a ping
		}
		f.sent += uint64(len(d.bytes))
		f.got.add(span{d.offset, d.offset + uint64(len(d.bytes))})
	}}
	f.out.tolerant = f.from.link.pace.tolerant
	f.from.peer, f.to.peer = f.to, f.from
	f.from.link.pace.hint(s.now, there.delay+back.delay)
	return f
}

const fifty = 50e6 / 8 // bytes per second

// ward is the path of the measurements: 50 Mbit/s with a queue of one product, at least 150 kB.
func (s *sim) ward(rtt time.Duration, loss float64) (there, back *road) {
	queue := max(150e3, fifty*rtt.Seconds())
	return &road{sim: s, rate: fifty, queue: queue, delay: rtt / 2, loss: loss},
		&road{sim: s, rate: fifty, queue: queue, delay: rtt / 2, loss: loss}
}
