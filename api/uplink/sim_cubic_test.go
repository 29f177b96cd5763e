package uplink

import (
	"math"
	"time"
)

// A cubic is a TCP sender with CUBIC (RFC 9438), enough of it to share a queue with: slow start, the cubic curve, the
// Reno-friendly line, one cut of 0.7 in a round that lost something, and selective acknowledgements.
type cubic struct {
	sim         *sim
	flow        int
	there, back *road
	window      float64 // packets
	threshold   float64
	most        float64 // window before the last cut
	cutAt       time.Time
	next        int // packet
	recover     int // packets below were sent before the last cut
	flying      map[int]time.Time
	largest     int
	rtt         time.Duration
	delivered   int64
	timer       int
}

const cubicPacket = 1500

func (s *sim) cubic(flow int, there, back *road) *cubic {
	return &cubic{sim: s, flow: flow, there: there, back: back, window: 10, threshold: math.Inf(1), flying: make(map[int]time.Time)}
}

func (c *cubic) pump() {
	for float64(len(c.flying)) < c.window {
		n := c.next
		c.next++
		c.flying[n] = c.sim.now
		c.there.send(c.flow, cubicPacket, func() {
			c.delivered += cubicPacket
			c.back.send(c.flow, 60, func() { c.answered(n) })
		})
	}
	c.timer++
	mine := c.timer
	c.sim.after(max(2*c.rtt, 300*time.Millisecond), func() {
		if c.timer == mine { // nothing came: start anew
			clear(c.flying)
			c.threshold, c.window = max(c.window/2, 2), 2
			c.pump()
		}
	})
}

func (c *cubic) answered(n int) {
	sent, ok := c.flying[n]
	if !ok {
		return
	}
	delete(c.flying, n)
	c.rtt = c.sim.now.Sub(sent)
	c.largest = max(c.largest, n)
	for m := range c.flying {
		if c.largest-m > 3 {
			delete(c.flying, m)
			if m >= c.recover {
				c.cut()
			}
		}
	}
	c.grow()
	c.pump()
}

func (c *cubic) cut() {
	c.most, c.cutAt, c.recover = c.window, c.sim.now, c.next
	c.window = max(c.window*0.7, 2)
	c.threshold = c.window
}

func (c *cubic) grow() {
	if c.window < c.threshold {
		c.window++
		return
	}
	t := c.sim.now.Sub(c.cutAt).Seconds()
	k := math.Cbrt(c.most * 0.3 / 0.4)
	target := 0.4*math.Pow(t-k, 3) + c.most
	friendly := c.most*0.7 + 3*0.3/1.7*t/c.rtt.Seconds()
	switch {
	case target > c.window:
		c.window += min((target-c.window)/c.window, 0.5)
	default:
		c.window += 0.01 / c.window
	}
	c.window = max(c.window, friendly)
}
