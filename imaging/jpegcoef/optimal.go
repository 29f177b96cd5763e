package jpegcoef

import "slices"

// histogram counts the symbols of one Huffman table.
type histogram [256]int

// optimal returns the table of shortest codes, at most 16 bits long, for the
// counted symbols, K.2. The code of all ones stays unused, as C.2 demands.
func (h *histogram) optimal() *huffmanSpec {
	lengths := h.codeLengths()
	var counts [258]int // by length, with the reserved symbol
	for _, l := range lengths {
		if l > 0 {
			counts[l]++
		}
	}
	shorten(counts[:])
	longest := 16
	for longest > 0 && counts[longest] == 0 {
		longest--
	}
	counts[longest]-- // the reserved symbol has the last of the longest codes

	s := new(huffmanSpec)
	copy(s.counts[1:], counts[1:17])
	for i := range h {
		if lengths[i] > 0 {
			s.symbols = append(s.symbols, uint8(i))
		}
	}
	slices.SortStableFunc(s.symbols, func(a, b uint8) int { return lengths[a] - lengths[b] })
	return s
}

// codeLengths returns the length of each symbol's code in an unbounded Huffman
// code, and at 256 that of a reserved symbol rarer than any other, figure K.1.
func (h *histogram) codeLengths() [257]int {
	var freq, lengths, next [257]int
	copy(freq[:], h[:])
	freq[256] = 1
	for i := range next {
		next[i] = -1
	}
	for {
		a, b := rarest(&freq, -1), -1
		if a >= 0 {
			b = rarest(&freq, a)
		}
		if b < 0 {
			return lengths
		}
		freq[a] += freq[b]
		freq[b] = 0
		lengths[a]++
		for next[a] >= 0 {
			a = next[a]
			lengths[a]++
		}
		next[a] = b
		lengths[b]++
		for next[b] >= 0 {
			b = next[b]
			lengths[b]++
		}
	}
}

// rarest returns the symbol other than not with the smallest count above 0, the
// last of several, or -1.
func rarest(freq *[257]int, not int) int {
	best := -1
	for i, f := range freq {
		if f > 0 && i != not && (best < 0 || f <= freq[best]) {
			best = i
		}
	}
	return best
}

// shorten moves codes longer than 16 bits up the tree, figure K.3.
func shorten(counts []int) {
	for i := len(counts) - 1; i > 16; i-- {
		for counts[i] > 0 {
			j := i - 2
			for counts[j] == 0 {
				j--
			}
			counts[i] -= 2
			counts[i-1]++
			counts[j+1] += 2
			counts[j]--
		}
	}
}
