package vaulttest

import (
	"slices"
	"sync"
)

// Steps counts what a process does that is to last (writes, syncs, links,
// commits, stored objects), in the order in which it does it, and ends the
// process at one of these steps: before it is taken, or after it was taken and
// before the process can know. Run for 1, 2, … until nothing is ended, it shows
// every state that a crash can leave.
//
// A step is seen by something that stands between the process and what lasts:
// the kernel's own notification of a system call (Start), or a proxy before the
// database (Postgres) and the store (S3).
type Steps struct {
	// Every counts each step. Without it the same step again in a row (page
	// after page of one write-ahead log) counts once, reads and transactions
	// that wrote nothing not at all.
	Every bool

	mu       sync.Mutex // guards all below
	armed    bool
	at       int
	kill     func()
	seen     []string
	killed   bool
	unsynced map[string]bool
}

// Arm begins to count, from 1, and has kill called at step at; with 0 never.
func (s *Steps) Arm(at int, kill func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.at, s.kill, s.seen, s.killed = true, at, kill, nil, false
}

// Disarm ends the counting and tells the steps that were seen since Arm, and
// whether the last of them ended the process.
func (s *Steps) Disarm() (seen []string, killed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
	return slices.Clone(s.seen), s.killed
}

// step tells of a step that is about to be taken, or was; true means that the
// process has been ended and must see nothing of it any more.
func (s *Steps) step(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.armed {
		return false
	}
	if s.killed {
		return true // its last words: not taken
	}
	if n := len(s.seen); !s.Every && n > 0 && s.seen[n-1] == name {
		return false
	}
	s.seen = append(s.seen, name)
	if len(s.seen) != s.at {
		return false
	}
	s.killed = true
	s.kill()
	return true
}

// every tells whether also steps that leave nothing behind count.
func (s *Steps) every() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Every
}
