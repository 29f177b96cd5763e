package uplink

import "time"

// A clock of answers, after RFC 9002, section 5: how long the path takes, smoothed, and how much that varies.
type rttClock struct {
	smoothed, variation, latest, least time.Duration
}

// see takes in one answer that took d, of which the peer says it waited for delay.
func (c *rttClock) see(d, delay time.Duration) time.Duration {
	if c.least == 0 || d < c.least {
		c.least = d
	}
	if d-delay >= c.least {
		d -= delay
	}
	c.latest = d
	if c.smoothed == 0 {
		c.smoothed, c.variation = d, d/2
		return d
	}
	off := c.smoothed - d
	if off < 0 {
		off = -off
	}
	c.variation = (3*c.variation + off) / 4
	c.smoothed = (7*c.smoothed + d) / 8
	return d
}

// now is the longer of the smoothed and the latest, the base of the time threshold for loss.
func (c *rttClock) now() time.Duration {
	if c.smoothed == 0 {
		return firstRTT
	}
	return max(c.smoothed, c.latest)
}

// patience is how long to wait for an answer before asking again (RFC 9002, section 6.2.1).
func (c *rttClock) patience() time.Duration {
	if c.smoothed == 0 {
		return 2 * firstRTT
	}
	return c.smoothed + max(4*c.variation, timerGrain) + maxAckDelay
}
