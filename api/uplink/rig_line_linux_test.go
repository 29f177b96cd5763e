package uplink_test

import (
	"container/heap"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A line says what one direction of a wire does to packets, in this order:
// a drop-tail queue before a link of fixed rate; loss by chance after it, so
// that what is lost has used the link, as on the air; then the way itself.
type line struct {
	Delay  time.Duration // one way
	Rate   int64         // bits per second; 0 is without limit
	Queue  int           // bytes that wait before the link at most
	Loss   float64       // the chance that a packet is lost
	Late   float64       // the chance that a packet comes Behind the others
	Behind time.Duration
	Twice  float64 // the chance that a packet comes twice
}

// bandwidthDelay is the product of the rate and a way there and back, the size of
// queue that the rig uses, and 100 packets at least.
func (l line) bandwidthDelay() int {
	return max(100*1500, int(float64(l.Rate)/8*(2*l.Delay).Seconds()))
}

// A lane is a line at work.
type lane struct {
	line
	pass  func(packet []byte) [][]byte // what becomes of a packet that came through: rewritten, none, several
	mu    sync.Mutex
	luck  *rand.Rand // guarded by mu
	free  time.Time  // when the link has sent all that waits; guarded by mu
	under underway   // guarded by mu
	order int        // guarded by mu
	more  chan struct{}
	bytes [256]atomic.Int64 // delivered, by the packet's IP protocol
	lost  atomic.Int64      // packets: by chance
	full  atomic.Int64      // packets: the queue was full
}

func newLane(l line, seed uint64, pass func([]byte) [][]byte) *lane {
	return &lane{line: l, luck: rand.New(rand.NewPCG(seed, 1)), pass: pass, more: make(chan struct{}, 1)}
}

// take puts a packet on its way. It reports whether anything of it will arrive.
func (l *lane) take(now time.Time, packet []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Drawn in any case: with one seed, the same packets are lost whatever else is set.
	lost, late, twice := l.luck.Float64() < l.Loss, l.luck.Float64() < l.Late, l.luck.Float64() < l.Twice
	if l.free.Before(now) {
		l.free = now
	}
	if l.Rate > 0 {
		if waiting := l.free.Sub(now).Seconds() * float64(l.Rate) / 8; int(waiting)+len(packet) > l.Queue {
			l.full.Add(1)
			return false
		}
		l.free = l.free.Add(time.Duration(float64(len(packet)) * 8 / float64(l.Rate) * float64(time.Second)))
	}
	if lost {
		l.lost.Add(1)
		return false
	}
	due := l.free.Add(l.Delay)
	if late {
		due = due.Add(l.Behind)
	}
	l.push(due, packet)
	if twice {
		l.push(due.Add(l.Behind), packet)
	}
	return true
}

// push is called with mu held.
func (l *lane) push(due time.Time, packet []byte) {
	l.order++
	heap.Push(&l.under, parcel{due, l.order, packet})
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// next gives a packet that is due, or how long there is to wait: negative when nothing is on its way.
func (l *lane) next(now time.Time) ([]byte, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.under) == 0 {
		return nil, -1
	}
	if wait := l.under[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&l.under).(parcel).packet, 0
}

// read takes what comes out of one end until that end is closed.
func (l *lane) read(from *os.File) {
	buffer := make([]byte, 2048)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if n >= 20 && buffer[0]>>4 == 4 { // IPv4 alone
			l.take(time.Now(), append([]byte(nil), buffer[:n]...))
		}
	}
}

// write hands over what is due until stop is closed.
func (l *lane) write(to *os.File, stop <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		packet, wait := l.next(time.Now())
		if packet == nil {
			if wait < 0 {
				wait = time.Hour
			}
			timer.Reset(wait)
			select {
			case <-l.more:
			case <-timer.C:
			case <-stop:
				return
			}
			continue
		}
		for _, p := range l.pass(packet) {
			if _, err := to.Write(p); err == nil {
				l.bytes[p[9]].Add(int64(len(p)))
			}
		}
	}
}

// A parcel is a packet and when it is due; those due at once keep their order.
type parcel struct {
	due    time.Time
	order  int
	packet []byte
}

type underway []parcel

func (u underway) Len() int { return len(u) }
func (u underway) Less(i, j int) bool {
	return u[i].due.Before(u[j].due) || u[i].due.Equal(u[j].due) && u[i].order < u[j].order
}
func (u underway) Swap(i, j int) { u[i], u[j] = u[j], u[i] }
func (u *underway) Push(p any)   { *u = append(*u, p.(parcel)) }
func (u *underway) Pop() any {
	last := (*u)[len(*u)-1]
	*u = (*u)[:len(*u)-1]
	return last
}
