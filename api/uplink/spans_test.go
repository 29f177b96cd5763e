package uplink

import (
	"math/rand/v2"
	"testing"
)

// TestSpansAgainstMap does the same to spans and to a plain set and compares.
func TestSpansAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		var s spans
		set := map[uint64]bool{}
		for range 50 {
			lo := random.Uint64N(60)
			n := span{lo, lo + random.Uint64N(9)}
			fresh := uint64(0)
			if random.IntN(3) > 0 {
				for v := n.lo; v < n.hi; v++ {
					if !set[v] {
						fresh++
					}
					set[v] = true
				}
				if got := s.add(n); got != fresh {
					t.Fatalf("round %d: add %v: got %d fresh, want %d", round, n, got, fresh)
				}
			} else {
				s.remove(n)
				for v := n.lo; v < n.hi; v++ {
					delete(set, v)
				}
			}
			compareSpans(t, s, set)
		}
	}
}

func compareSpans(t *testing.T, s spans, set map[uint64]bool) {
	t.Helper()
	for i, e := range s {
		if e.lo >= e.hi || i > 0 && s[i-1].hi >= e.lo {
			t.Fatalf("not sorted, apart and filled: %v", s)
		}
	}
	if got := s.count(); got != uint64(len(set)) {
		t.Fatalf("%v: got %d numbers, want %d", s, got, len(set))
	}
	for v := range uint64(70) {
		if got := s.has(span{v, v + 1}); got != set[v] {
			t.Fatalf("%v has %d: got %v, want %v", s, v, got, set[v])
		}
		want := v
		for set[want] && want < 65 {
			want++
		}
		if got := s.missing(v, 65); v < 65 && got.lo < got.hi && got.lo != want {
			t.Fatalf("%v: first missing from %d: got %v, want %d", s, v, got, want)
		}
	}
}
