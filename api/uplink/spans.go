package uplink

import "slices"

// A span is the numbers from lo up to, but not including, hi.
type span struct{ lo, hi uint64 }

// spans is a set of numbers: sorted, apart from each other, none empty.
type spans []span

// at finds the first span that ends at or beyond v.
func (s spans) at(v uint64) int {
	i, _ := slices.BinarySearchFunc(s, v, func(e span, v uint64) int {
		if e.hi < v {
			return -1
		}
		return 1
	})
	return i
}

// add puts the numbers of n in and says how many of them are new.
func (s *spans) add(n span) (fresh uint64) {
	if n.lo >= n.hi {
		return 0
	}
	i := s.at(n.lo)
	j, joined := i, n
	fresh = n.hi - n.lo
	for j < len(*s) && (*s)[j].lo <= n.hi {
		e := (*s)[j]
		if lo, hi := max(e.lo, n.lo), min(e.hi, n.hi); lo < hi {
			fresh -= hi - lo
		}
		joined = span{min(joined.lo, e.lo), max(joined.hi, e.hi)}
		j++
	}
	*s = slices.Replace(*s, i, j, joined)
	return fresh
}

// remove takes the numbers of n out.
func (s *spans) remove(n span) {
	if n.lo >= n.hi {
		return
	}
	var rest []span
	i := s.at(n.lo)
	j := i
	for j < len(*s) && (*s)[j].lo < n.hi {
		e := (*s)[j]
		if e.lo < n.lo {
			rest = append(rest, span{e.lo, min(e.hi, n.lo)})
		}
		if e.hi > n.hi {
			rest = append(rest, span{max(e.lo, n.hi), e.hi})
		}
		j++
	}
	*s = slices.Replace(*s, i, j, rest...)
}

// has says whether every number of n is in the set.
func (s spans) has(n span) bool {
	i := s.at(n.lo + 1)
	return i < len(s) && s[i].lo <= n.lo && s[i].hi >= n.hi
}

// missing returns the first numbers below limit, from from on, that are not in the set.
func (s spans) missing(from, limit uint64) span {
	for i := s.at(from + 1); i < len(s) && s[i].lo <= from; i++ {
		from = s[i].hi
	}
	if i := s.at(from + 1); i < len(s) {
		limit = min(limit, s[i].lo)
	}
	return span{from, max(from, limit)}
}

// count is how many numbers are in the set.
func (s spans) count() (n uint64) {
	for _, e := range s {
		n += e.hi - e.lo
	}
	return n
}
