package jpegcoef

import "encoding/binary"

// quantTables reads a DQT segment, B.2.4.1.
func (d *decoder) quantTables(body []byte) error {
	for len(body) > 0 {
		precision, id := body[0]>>4, body[0]&15
		if precision > 1 || id > 3 {
			return malformed("quantisation table that cannot be", "B.2.4.1")
		}
		size := blockSize * (1 + int(precision))
		body = body[1:]
		if len(body) < size {
			return malformed("quantisation table cut short", "B.2.4.1")
		}
		t := new([blockSize]uint16)
		for k := range t {
			if precision == 0 {
				t[k] = uint16(body[k])
			} else {
				t[k] = binary.BigEndian.Uint16(body[2*k:])
			}
			if t[k] == 0 {
				return malformed("quantisation by zero", "B.2.4.1")
			}
		}
		d.quant[id] = t
		body = body[size:]
	}
	return nil
}

// huffmanTables reads a DHT segment, B.2.4.2.
func (d *decoder) huffmanTables(body []byte) error {
	for len(body) > 0 {
		class, id := body[0]>>4, body[0]&15
		if class > 1 || id > 3 {
			return malformed("Huffman table that cannot be", "B.2.4.2")
		}
		if len(body) < 17 {
			return malformed("Huffman table cut short", "B.2.4.2")
		}
		s, total := huffmanSpec{defined: true}, 0
		for i, n := range body[1:17] {
			s.counts[i+1] = int(n)
			total += int(n)
		}
		body = body[17:]
		if total > 256 || total > len(body) {
			return malformed("Huffman table cut short", "B.2.4.2")
		}
		if !s.valid() {
			return malformed("Huffman codes that do not fit", "C.2")
		}
		s.symbols = body[:total]
		d.huffman[class][id] = s
		body = body[total:]
	}
	return nil
}

// restartInterval reads a DRI segment, B.2.4.4.
func (d *decoder) restartInterval(body []byte) error {
	if len(body) != 2 {
		return malformed("restart interval of a wrong length", "B.2.4.4")
	}
	d.restart = int(binary.BigEndian.Uint16(body))
	return nil
}
