package api

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// maxBuckets bounds what a limiter remembers; with more keys than that, new ones share one bucket.
const maxBuckets = 20_000

// limiter is a set of token buckets: each key has burst tries, and gets one back every refill. It keeps digests
// of keys, not the keys.
type limiter struct {
	burst  float64
	refill time.Duration
	now    func() time.Time

	mu      sync.Mutex
	buckets map[uint64]*bucket // guarded by mu
	swept   time.Time          // guarded by mu
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(burst int, refill time.Duration, now func() time.Time) *limiter {
	return &limiter{burst: float64(burst), refill: refill, now: now, buckets: map[uint64]*bucket{}}
}

// take uses up one try of key. When none is left it says how long until there is one.
func (l *limiter) take(key string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	if b.left >= 1 {
		b.left--
		return 0, true
	}
	return time.Duration((1 - b.left) * float64(l.refill)), false
}

// giveBack returns the try that succeeded: only failures count.
func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.left = min(l.burst, b.left+1)
}

// bucket finds or makes the bucket of key, filled up to now. The caller holds mu.
func (l *limiter) bucket(key string) *bucket {
	now := l.now()
	sum := sha256.Sum256([]byte(key))
	k := binary.BigEndian.Uint64(sum[:])
	l.sweep(now)
	b := l.buckets[k]
	if b == nil && len(l.buckets) >= maxBuckets {
		k = 0
		b = l.buckets[k]
	}
	if b == nil {
		b = &bucket{left: l.burst, at: now}
		l.buckets[k] = b
	}
	b.left = min(l.burst, b.left+float64(now.Sub(b.at))/float64(l.refill))
	b.at = now
	return b
}

// sweep forgets full buckets, now and then. The caller holds mu.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	for k, b := range l.buckets {
		if b.left+float64(now.Sub(b.at))/float64(l.refill) >= l.burst {
			delete(l.buckets, k)
		}
	}
}

// shares keeps one person, or whoever has their token, from taking every place that all share.
type shares struct {
	each int // places of one person

	mu   sync.Mutex
	held map[vault.PersonID]chan struct{} // guarded by mu; as many as there are people
}

// of gives the places of one person.
func (s *shares) of(p vault.PersonID) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[vault.PersonID]chan struct{}{}
	}
	if s.held[p] == nil {
		s.held[p] = make(chan struct{}, s.each)
	}
	return s.held[p]
}

// remoteKey is one key for what one guest can choose: an IPv4 address, or the /64 of an IPv6 address.
func remoteKey(remote string) string {
	addr, err := netip.ParseAddr(remote)
	if err != nil || addr.Is4() {
		return "remote " + remote
	}
	net, err := addr.Prefix(64)
	if err != nil {
		return "remote " + remote
	}
	return "remote " + net.String()
}
