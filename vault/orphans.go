package vault

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxSuspects bounds what a sweep remembers; what is beyond waits for a later one.
const maxSuspects = 100_000

// suspects are the objects that this process has seen without a row, and since
// when, by a clock that nobody sets. A write under way has its object before
// its row, so that one look says nothing; two looks an hour apart do, since no
// write lasts that long. The time of day would not do: a clock that is set
// forward makes a write of a minute ago look like one of yesterday.
type suspects struct {
	mu    sync.Mutex // guards since
	since map[string]time.Duration
}

// ripe notes that name has no row and tells whether that is so since an hour.
func (s *suspects) ripe(name string, now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, seen := s.since[name]
	if !seen {
		if s.since == nil {
			s.since = map[string]time.Duration{}
		}
		if len(s.since) < maxSuspects {
			s.since[name] = now
		}
		return false
	}
	return now-first >= orphanAge
}

// clear drops a suspect that has a row after all.
func (s *suspects) clear(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, name)
}

// forget drops all suspects but those that are still there.
func (s *suspects) forget(there []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.since) == 0 {
		return
	}
	there = slices.Sorted(slices.Values(there))
	for name := range s.since {
		if _, found := slices.BinarySearch(there, name); !found {
			delete(s.since, name)
		}
	}
}

// freeLeases makes the jobs due again in which the last process on this SQLite
// file died. Only who holds the lock beside the file may: no other worker can
// be alive. On PostgreSQL other nodes may be, and leases run out.
func (v *Vault) freeLeases(ctx context.Context) error {
	if v.lock == nil {
		return nil
	}
	return v.retry(ctx, false, func(t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE jobs SET leased_until = 0 WHERE state = 'leased'`)
		if err != nil {
			return fmt.Errorf("ending leases: %w", err)
		}
		return nil
	})
}
