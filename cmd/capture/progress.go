package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

const barWidth = 30

// progress shows on a terminal how much of an upload went out, and on which way; elsewhere it is silent.
type progress struct {
	w     io.Writer
	way   string // set before the first byte
	total int64

	mu    sync.Mutex
	sent  int64 // guarded by mu
	shown int   // guarded by mu
}

func newProgress(s surroundings, total int64) *progress {
	p := &progress{total: total, shown: -1, way: "HTTPS"}
	if s.terminal {
		p.w = s.stderr
	}
	return p
}

// Write counts bytes that went out.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(p.sent + int64(len(b)))
	return len(b), nil
}

// set says how much went out in all.
func (p *progress) set(sent int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(sent)
}

// show draws the bar where its last figure changed. The caller holds mu.
func (p *progress) show(sent int64) {
	p.sent = sent
	percent := int(min(sent, p.total) * 100 / max(p.total, 1))
	if p.w == nil || percent == p.shown {
		return
	}
	p.shown = percent
	full := percent * barWidth / 100
	fmt.Fprintf(p.w, "\rsending over %s [%s%s] %3d %%", p.way, strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), percent)
}

// done leaves the bar behind on a line of its own.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil && p.shown >= 0 {
		fmt.Fprintln(p.w)
	}
}
