package main

import (
	"fmt"
	"net/http"
	"time"
)

// clockSlack is how far this machine's clock may be off before a photo's time is corrected and the person told.
const clockSlack = 2 * time.Minute

// readClock compares the server's clock (RFC 9110, 6.6.1) with this machine's. The answer's own time on the way is at
// most what the call took.
func (c *client) readClock(h http.Header, sent, got time.Time) {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil || got.Sub(sent) > clockSlack {
		return
	}
	c.clock.Lock()
	defer c.clock.Unlock()
	c.ahead = at.Sub(sent.Add(got.Sub(sent) / 2))
	c.clockRead = true
}

// presume takes over by how much the server's clock was ahead when it was last heard, as long as it is not heard now.
func (c *client) presume(ahead time.Duration) {
	c.clock.Lock()
	defer c.clock.Unlock()
	if !c.clockRead {
		c.ahead, c.clockRead = ahead, true
	}
}

// offBy is by how much the server's clock is ahead of this machine's; 0 when that is little, or not known.
func (c *client) offBy() time.Duration {
	c.clock.Lock()
	defer c.clock.Unlock()
	if !c.clockRead || c.ahead.Abs() < clockSlack {
		return 0
	}
	return c.ahead
}

// rightTime is a time of this machine's clock by the server's.
func (c *client) rightTime(t time.Time) time.Time { return t.Add(c.offBy()) }

// wrongClock says that this machine's clock is wrong; empty when it is not.
func (c *client) wrongClock() string {
	off := c.offBy()
	if off == 0 {
		return ""
	}
	way := "behind"
	if off < 0 {
		way = "ahead of"
	}
	return fmt.Sprintf("this machine's clock is %s %s the server's: photos get the server's time; set the clock", off.Abs().Round(time.Minute), way)
}
