//go:build !js

package imaging

import "bytes"

// maxCheckedScans and maxCheckedBlocks bound what the checker will follow and remember: 50 scans, and the blocks of
// a picture of half a gigapixel at 8 bytes each.
const (
	maxCheckedScans  = 50
	maxCheckedBlocks = 1 << 23
)

// frameComponent is one entry of the frame header (T.81 B.2.2) and what its scans have told so far.
type frameComponent struct {
	id, tq  byte
	h, v    int
	w, rows int // blocks that hold samples of the picture (T.81 A.2.4)

	missing [64]int8 // per coefficient: low bits still to come, or unseen
	filled  []uint64 // progressive: per block, which AC coefficients are not zero
	dc, ac  *codeTable
	level   int32 // the DC so far
}

const notSeen = -1

// scan is a scan header (T.81 B.2.3).
type scan struct {
	comps          []*frameComponent
	ss, se, ah, al int
	run            int // blocks still to come in an end-of-band run (T.81 G.1.2.2)
}

// layOut counts the blocks of each component.
func (g *grammar) layOut() error {
	if len(g.comps) == 1 {
		g.comps[0].h, g.comps[0].v = 1, 1 // a single component is never interleaved (A.2.2)
	}
	hmax, vmax := g.maxSampling()
	total := 0
	for i := range g.comps {
		c := &g.comps[i]
		c.w = ceil(ceil(g.pic.width*c.h, hmax), 8)
		c.rows = ceil(ceil(g.pic.height*c.v, vmax), 8)
		total += c.w * c.rows
		for k := range c.missing {
			c.missing[k] = notSeen
		}
	}
	if g.pic.progressive && total > maxCheckedBlocks {
		return refuse("more blocks than are checked")
	}
	return nil
}

func (g *grammar) maxSampling() (h, v int) {
	for _, c := range g.comps {
		h, v = max(h, c.h), max(v, c.v)
	}
	return h, v
}

func ceil(a, b int) int { return (a + b - 1) / b }

// complete reports whether each bit of each coefficient has come.
func (g *grammar) complete() bool {
	for _, c := range g.comps {
		if c.missing != [64]int8{} {
			return false
		}
	}
	return len(g.comps) > 0
}

// checkScan reads a scan header (T.81 B.2.3): components in order, a band whose turn it is, tables all used.
func (g *grammar) checkScan(b []byte) error {
	if g.scans++; g.scans > maxCheckedScans || len(b) < 6 || len(b) != 4+2*int(b[0]) || int(b[0]) > len(g.comps) {
		return refuse("scan header")
	}
	n := int(b[0])
	tail := b[1+2*n:]
	s := scan{ss: int(tail[0]), se: int(tail[1]), ah: int(tail[2] >> 4), al: int(tail[2] & 15)}
	if !g.pic.progressive && !bytes.Equal(tail, []byte{0, 63, 0}) {
		return refuse("scan header")
	}
	if g.pic.progressive && (s.se > 63 || s.ss > s.se || s.al > 10 || (s.ss == 0) != (s.se == 0) || (s.ss > 0 && n != 1)) {
		return refuse("scan header")
	}
	var used [8]bool
	next := 0
	for i := range n {
		for next < len(g.comps) && g.comps[next].id != b[1+2*i] {
			next++
		}
		if next == len(g.comps) {
			return refuse("scan component")
		}
		c := &g.comps[next]
		next++
		if err := g.chooseTables(c, s, b[2+2*i]>>4, b[2+2*i]&15, &used); err != nil {
			return err
		}
		if !c.advance(s) {
			return refuse("scan out of turn")
		}
		s.comps = append(s.comps, c)
	}
	for i, t := range g.huff {
		if (t != nil) != used[i] {
			return refuse("a code table that is not used")
		}
	}
	g.scan = s
	return nil
}

// chooseTables finds the code tables of one component; a selector that means nothing must be 0.
func (g *grammar) chooseTables(c *frameComponent, s scan, dc, ac byte, used *[8]bool) error {
	needDC, needAC := s.ss == 0 && s.ah == 0, s.se > 0
	if dc > 3 || ac > 3 || (!needDC && dc != 0) || (!needAC && ac != 0) {
		return refuse("scan component")
	}
	if needDC {
		c.dc, used[dc] = g.huff[dc], true
	}
	if needAC {
		c.ac, used[4+ac] = g.huff[4+ac], true
	}
	if (needDC && c.dc == nil) || (needAC && c.ac == nil) {
		return refuse("a code table that is not there")
	}
	return nil
}

// advance records a scan and reports whether it was its turn (T.81 G.1.1.1.1): first bits once, then each lower bit
// in order, and no AC before its DC.
func (c *frameComponent) advance(s scan) bool {
	if s.ss > 0 && c.missing[0] == notSeen {
		return false
	}
	for k := s.ss; k <= s.se; k++ {
		if s.ah == 0 && c.missing[k] != notSeen || s.ah != 0 && (int(c.missing[k]) != s.ah || s.ah != s.al+1) {
			return false
		}
		c.missing[k] = int8(s.al)
	}
	return true
}

// scanData follows the scan whose header was just read, up to the marker that ends it.
func (g *grammar) scanData() error {
	counts, units := g.units()
	follow := g.follower()
	b := &bits{data: g.data, at: g.at}
	for _, c := range g.scan.comps {
		c.level = 0
	}
	for n, next := 0, byte(0); n < units; n++ {
		if g.restart > 0 && n > 0 && n%g.restart == 0 {
			if g.scan.run > 0 || !b.align() || b.at+2 > len(b.data) || b.data[b.at] != 0xff || b.data[b.at+1] != markRST0+next {
				return refuse("restart marker")
			}
			b.at, next = b.at+2, (next+1)&7
			for _, c := range g.scan.comps {
				c.level = 0
			}
		}
		for i, c := range g.scan.comps {
			for range counts[i] {
				if !follow(b, c, n) {
					return refuse("picture data")
				}
			}
		}
	}
	if g.scan.run > 0 || !b.align() {
		return refuse("bits after the picture data")
	}
	g.at = b.at
	for _, t := range g.huff {
		if t != nil && !t.allUsed() {
			return refuse("a code that does not occur")
		}
	}
	g.huff = [8]*codeTable{} // each scan brings its own
	return nil
}

// units counts the blocks of each component in a unit of the scan, and the units (T.81 A.2).
func (g *grammar) units() (counts [3]int, units int) {
	if c := g.scan.comps[0]; len(g.scan.comps) == 1 {
		counts[0] = 1
		return counts, c.w * c.rows
	}
	for i, c := range g.scan.comps {
		counts[i] = c.h * c.v
	}
	hmax, vmax := g.maxSampling()
	return counts, ceil(g.pic.width, 8*hmax) * ceil(g.pic.height, 8*vmax)
}
