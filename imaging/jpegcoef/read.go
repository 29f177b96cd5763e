package jpegcoef

import "errors"

// Read returns the coefficients of the JPEG in data: baseline, extended
// sequential or progressive, Huffman-coded, 8 bits a sample, 1 or 3 components
// with any sampling factors. Everything else T.81 knows is an ErrUnsupported.
//
// A missing end marker and missing last scans of a progressive picture are
// accepted once every component has its first scan; bytes behind the end, and
// between segments, are skipped and counted. A scan that ends early is
// ErrTruncated, whatever follows it, and a scan with impossible codes is
// ErrMalformed: there is no resynchronisation.
func Read(data []byte, lim Limits) (*Coefficients, error) {
	if int64(len(data)) > lim.MaxBytes {
		return nil, tooLarge("more bytes than allowed")
	}
	d := &decoder{data: data, lim: lim, c: new(Coefficients)}
	if len(data) < 2 {
		return nil, truncated("no room for a start marker")
	}
	if data[0] != 0xFF || data[1] != markerSOI {
		return nil, malformed("no start marker", "B.2.1")
	}
	d.pos = 2
	if err := d.segments(); err != nil {
		return nil, err
	}
	for i := range d.c.comps {
		d.finish(&d.c.comps[i])
	}
	d.c.transform = d.transform()
	d.c.trailing = len(data) - d.pos
	return d.c, nil
}

// decoder is the state of one Read.
type decoder struct {
	data []byte
	pos  int
	lim  Limits
	c    *Coefficients

	quant    [4]*[blockSize]uint16
	huffman  [2][4]huffmanSpec // DC, AC
	restart  int               // MCUs between restart markers, or 0
	jfif     bool
	adobe    bool
	adobeSet uint8 // colour transform of the Adobe segment

	segmentCount int
	scanCount    int
	scanWork     int64
	progress     [][blockSize]int8 // per component and coefficient: see frame.go
}

// segments walks the markers up to the end of the picture.
func (d *decoder) segments() error {
	for {
		m, err := d.nextMarker()
		if err == nil && m == markerEOI {
			if !d.complete() {
				return truncated("the end comes before every component has a scan")
			}
			return nil
		}
		if err == nil {
			err = d.segment(m)
		}
		if err != nil {
			if errors.Is(err, errCut) && d.complete() {
				return nil // only the end marker, or what stood before it, is missing
			}
			return err
		}
	}
}

// errCut is a file that ends between or inside segments; inside a scan it is
// errScanEnds.
var errCut = truncated("the file ends before the picture does")

// nextMarker skips to the next marker and returns its code, B.1.1.2.
func (d *decoder) nextMarker() (byte, error) {
	for {
		for d.pos < len(d.data) && d.data[d.pos] != 0xFF {
			d.pos++
			d.c.skipped++
		}
		for d.pos < len(d.data) && d.data[d.pos] == 0xFF {
			d.pos++
		}
		if d.pos >= len(d.data) {
			return 0, errCut
		}
		m := d.data[d.pos]
		d.pos++
		if m != 0 {
			d.segmentCount++
			if d.segmentCount > d.lim.MaxSegments {
				return 0, tooLarge("more segments than allowed")
			}
			return m, nil
		}
		d.c.skipped += 2
	}
}

// segment reads the segment that marker m starts.
func (d *decoder) segment(m byte) error {
	if name, ok := refused[m]; ok {
		return &UnsupportedError{Feature: name}
	}
	if m == markerTEM || m >= markerRST0 && m <= markerRST7 {
		return nil // stands alone; a stray one means nothing
	}
	if m == markerSOI {
		return malformed("a second start marker", "B.2.1")
	}
	body, err := d.body()
	if err != nil {
		return err
	}
	switch {
	case m >= markerSOF0 && m <= markerSOF2:
		return d.frame(m, body)
	case m == markerDHT:
		return d.huffmanTables(body)
	case m == markerDQT:
		return d.quantTables(body)
	case m == markerDRI:
		return d.restartInterval(body)
	case m == markerSOS:
		return d.scan(body)
	case m >= markerAPP0 && m <= markerAPP15:
		d.application(m, body)
		return nil
	case m == markerCOM:
		return nil
	}
	return malformed("a reserved marker", "table B.1")
}

// body returns the parameters of a segment and steps over them, B.1.1.4.
func (d *decoder) body() ([]byte, error) {
	if len(d.data)-d.pos < 2 {
		return nil, errCut
	}
	n := int(d.data[d.pos])<<8 | int(d.data[d.pos+1])
	if n < 2 {
		return nil, malformed("a segment shorter than its length", "B.1.1.4")
	}
	if len(d.data)-d.pos < n {
		return nil, errCut
	}
	body := d.data[d.pos+2 : d.pos+n]
	d.pos += n
	return body, nil
}

// finish settles a component after its last scan.
func (d *decoder) finish(p *component) {
	if d.c.progressive {
		p.markNonZero()
	}
	p.settlePadding()
}

// markNonZero finds out which AC coefficients are not zero.
func (p *component) markNonZero() {
	for i := range p.nz {
		var nz uint64
		for k, v := range p.block(i) {
			if v != 0 {
				nz |= 1 << k
			}
		}
		p.nz[i] = nz &^ 1
	}
}
