package api

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiterGivesBurstThenOneEachRefill(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	l := newLimiter(3, 10*time.Second, func() time.Time { return now })
	for i := range 3 {
		if _, ok := l.take("a"); !ok {
			t.Fatalf("take %d of 3: got refused, want allowed", i+1)
		}
	}
	wait, ok := l.take("a")
	if ok || wait != 10*time.Second {
		t.Fatalf("fourth take: got ok=%v wait=%v, want refused for 10s", ok, wait)
	}
	if _, ok := l.take("b"); !ok {
		t.Error("take of another key: got refused, want allowed")
	}
	now = now.Add(4 * time.Second)
	if wait, ok := l.take("a"); ok || wait != 6*time.Second {
		t.Errorf("take 4s later: got ok=%v wait=%v, want refused for 6s", ok, wait)
	}
	now = now.Add(6 * time.Second)
	if _, ok := l.take("a"); !ok {
		t.Error("take after a refill: got refused, want allowed")
	}
	if _, ok := l.take("a"); ok {
		t.Error("second take after one refill: got allowed, want refused")
	}
}

func TestLimiterCountsOnlyFailures(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	l := newLimiter(2, time.Hour, func() time.Time { return now })
	for i := range 50 {
		if _, ok := l.take("a"); !ok {
			t.Fatalf("take %d after giving back: got refused, want allowed", i)
		}
		l.giveBack("a")
	}
	l.giveBack("a")
	for range 2 {
		l.take("a")
	}
	if _, ok := l.take("a"); ok {
		t.Error("giving back beyond the burst: got a third take, want refused")
	}
}

func TestLimiterForgetsAndStaysBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	l := newLimiter(1, time.Second, func() time.Time { return now })
	for i := range maxBuckets + 500 {
		l.take(fmt.Sprint("key ", i))
	}
	if n := len(l.buckets); n > maxBuckets+1 {
		t.Errorf("after %d keys: got %d buckets, want at most %d", maxBuckets+500, n, maxBuckets+1)
	}
	if _, ok := l.take("one more"); ok {
		t.Error("a new key when all buckets are in use: got a fresh bucket, want the shared one, which is empty")
	}
	now = now.Add(2 * time.Minute)
	l.take("later")
	if n := len(l.buckets); n > 1 {
		t.Errorf("after all buckets filled up again: got %d kept, want 1", n)
	}
}

func TestLimiterKeys(t *testing.T) {
	same := [][2]string{
		{remoteKey("2001:db8:1:2:3::4"), remoteKey("2001:db8:1:2::9")},
	}
	for _, p := range same {
		if p[0] != p[1] {
			t.Errorf("keys %q and %q: got different, want one", p[0], p[1])
		}
	}
	apart := [][2]string{
		{remoteKey("192.0.2.1"), remoteKey("192.0.2.2")},
		{remoteKey("2001:db8:1:2::1"), remoteKey("2001:db8:1:3::1")},
	}
	for _, p := range apart {
		if p[0] == p[1] {
			t.Errorf("keys %q: got one, want different", p[0])
		}
	}
}
