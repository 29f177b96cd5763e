package vault

import (
	"crypto/sha256"
	"sync"
)

// maxStrangers bounds the logins that are remembered; with more, all are forgotten.
const maxStrangers = 10_000

// strangers counts wrong sign-ins for logins that nobody has, or nobody may use any more, and locks them as accounts
// are locked: an answer that only accounts get would tell who works here. It forgets at a restart, and keeps digests,
// since people type passwords where the login belongs.
type strangers struct {
	mu    sync.Mutex
	tries map[[sha256.Size]byte]tried // guarded by mu
}

type tried struct{ failures, until int64 }

// failed counts one wrong sign-in at a time (unix milliseconds) and reports whether the login is locked.
func (s *strangers) failed(login string, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries == nil || len(s.tries) >= maxStrangers {
		s.tries = map[[sha256.Size]byte]tried{}
	}
	key := sha256.Sum256([]byte(login))
	t := s.tries[key]
	if t.until > now {
		return true
	}
	if t.failures++; t.failures >= maxFailures {
		t = tried{until: now + lockFor.Milliseconds()}
	}
	s.tries[key] = t
	return t.until > now
}
