package jpegcoef

import "encoding/binary"

// Progress of a coefficient through the scans, G.1.1.1.1: unseen, or how many
// low bits are still missing.
const unseen = -1

// frame reads a frame header, B.2.2, and bounds the picture.
func (d *decoder) frame(m byte, body []byte) error {
	if len(d.c.comps) > 0 {
		return malformed("a second frame", "B.2.1")
	}
	if len(body) < 6 {
		return malformed("frame header cut short", "B.2.2")
	}
	height, width := int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	count := int(body[5])
	switch {
	case body[0] == 12 && m != markerSOF0:
		return &UnsupportedError{Feature: "12 bits a sample"}
	case body[0] != 8:
		return malformed("sample precision that cannot be", "table B.2")
	case count == 4:
		return &UnsupportedError{Feature: "four components (CMYK)"}
	case count != 1 && count != 3:
		return &UnsupportedError{Feature: "other than one or three components"}
	case len(body) != 6+3*count:
		return malformed("frame header of a wrong length", "B.2.2")
	case height == 0:
		return &UnsupportedError{Feature: refused[markerDNL]}
	case width == 0:
		return malformed("no width", "B.2.2")
	case width > d.lim.MaxSide || height > d.lim.MaxSide:
		return tooLarge("a side longer than allowed")
	case int64(width)*int64(height) > d.lim.MaxPixels:
		return tooLarge("more pixels than allowed")
	}
	comps := make([]component, count)
	for i := range comps {
		if err := comps[i].specify(body[6+3*i:], comps[:i]); err != nil {
			return err
		}
	}
	c := d.c
	c.width, c.height, c.comps = width, height, comps
	c.progressive = m == markerSOF2
	c.layOut()
	d.progress = make([][blockSize]int8, count)
	for i := range d.progress {
		for k := range d.progress[i] {
			d.progress[i][k] = unseen
		}
	}
	return nil
}

// specify reads the parameters of one component; the ones before it must have
// other identifiers.
func (p *component) specify(b []byte, before []component) error {
	p.id, p.h, p.v, p.tq = b[0], int(b[1]>>4), int(b[1]&15), b[2]
	if p.h < 1 || p.h > maxSampling || p.v < 1 || p.v > maxSampling || p.tq > 3 {
		return malformed("component that cannot be", "table B.2")
	}
	for _, o := range before {
		if o.id == p.id {
			return malformed("two components of one name", "B.2.2")
		}
	}
	return nil
}

// complete reports whether every component has had its first scan. What a
// progressive picture then lacks is detail only.
func (d *decoder) complete() bool {
	for i := range d.progress {
		if d.progress[i][0] == unseen {
			return false
		}
	}
	return len(d.progress) > 0
}
