package main

import (
	"fmt"
	"io"
	"strings"
)

const barWidth = 30

// progress shows on a terminal how much of an upload went out; elsewhere it is silent. It is written to by one goroutine at
// a time.
type progress struct {
	w           io.Writer
	total, sent int64
	shown       int
}

func newProgress(s surroundings, total int64) *progress {
	p := &progress{total: total, shown: -1}
	if s.terminal {
		p.w = s.stderr
	}
	return p
}

// Write counts bytes that went out.
func (p *progress) Write(b []byte) (int, error) {
	p.sent += int64(len(b))
	if percent := int(min(p.sent, p.total) * 100 / max(p.total, 1)); p.w != nil && percent != p.shown {
		p.shown = percent
		full := percent * barWidth / 100
		fmt.Fprintf(p.w, "\rsending [%s%s] %3d %%", strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), percent)
	}
	return len(b), nil
}

// done leaves the bar behind on a line of its own.
func (p *progress) done() {
	if p.w != nil && p.shown >= 0 {
		fmt.Fprintln(p.w)
	}
}
