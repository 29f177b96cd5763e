package jpegcoef

// Causes that more than one decoding procedure meets.
var (
	errNoCode   = malformed("bits that are no Huffman code", "F.2.2.3")
	errPastEnd  = malformed("coefficient past the end of its block", "F.2.2.2")
	errACRange  = malformed("AC coefficient beyond 10 bits", "F.1.2.2.1")
	errDCRange  = malformed("DC coefficient beyond 11 bits", "F.1.2.1.1")
	errScanEnds = truncated("a scan ends before its last block")
)

// block decodes one block of a sequential scan into dst, which is all zero, and
// returns its DC coefficient and which AC coefficients are not zero, F.2.2.
func (b *bitReader) block(dst *[blockSize]int16, dc, ac *decodeTable, pred int32) (int32, uint64, error) {
	pred, err := b.dc(dc, pred)
	if err != nil {
		return 0, 0, err
	}
	dst[0] = int16(pred)
	var nz uint64
	acc, n := b.acc, b.n // kept in registers by the loop
	for k := uint(1); k < blockSize; {
		if n < 32 {
			b.acc, b.n = acc, n
			b.refill()
			acc, n = b.acc, b.n
		}
		e := ac.look[acc>>(64-lookBits)]
		if e&entryWhole != 0 {
			k += uint(e >> 12 & 15)
			if k >= blockSize {
				return 0, 0, b.broken(n, errPastEnd)
			}
			dst[k] = int16(e >> 16)
			nz |= 1 << k
			k++
			acc <<= e & entryLength
			n -= int(e & entryLength)
			continue
		}
		symbol, length := ac.decode(acc)
		if length == 0 {
			return 0, 0, b.broken(n, errNoCode)
		}
		acc <<= length
		n -= int(length)
		size := uint(symbol & 15)
		if size == 0 {
			if symbol != 0xF0 { // end of block
				break
			}
			k += 16
			continue
		}
		k += uint(symbol >> 4)
		if k >= blockSize {
			return 0, 0, b.broken(n, errPastEnd)
		}
		if size > maxACBits {
			return 0, 0, b.broken(n, errACRange)
		}
		v := int32(acc >> (64 - size))
		if v < 1<<(size-1) {
			v -= 1<<size - 1
		}
		acc <<= size
		n -= int(size)
		dst[k] = int16(v)
		nz |= 1 << k
		k++
	}
	b.acc, b.n = acc, n
	return pred, nz, nil
}

// dc decodes a DC difference and adds it to the prediction, F.2.2.1.
func (b *bitReader) dc(t *decodeTable, pred int32) (int32, error) {
	if b.n < 32 {
		b.refill()
	}
	if e := t.look[b.acc>>(64-lookBits)]; e&entryWhole != 0 && e>>8&0xFF <= maxDCBits {
		pred += int32(int16(e >> 16))
		b.acc <<= e & entryLength
		b.n -= int(e & entryLength)
	} else {
		size, ok := b.symbol(t)
		if !ok {
			return 0, errNoCode
		}
		if size > maxDCBits {
			return 0, errDCRange
		}
		if size > 0 {
			pred += b.extend(uint(size))
		}
	}
	if pred < minDC || pred > maxDC {
		return 0, errDCRange
	}
	return pred, nil
}
