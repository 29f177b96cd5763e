package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// maxPhoto is the largest picture taken, in bytes; the vault's own limit for pictures.
const maxPhoto = 32 << 20

var (
	errNoPicture = errors.New("not a JPEG, PNG or HEIC picture; nothing was sealed")
	errTooLarge  = errors.New("the photo is larger than 32 MiB")
)

// mediaTypeOf tells the formats that the vault takes by their first bytes, "" for others.
func mediaTypeOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xd8, 0xff}): // ITU-T T.81, B.1.1.3: SOI and the next marker
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")): // PNG 3rd edition, 5.2
		return "image/png"
	case len(head) >= 12 && string(head[4:8]) == "ftyp" && // ISO/IEC 23008-12, annex B
		slices.Contains([]string{"heic", "heix", "heim", "heis", "mif1"}, string(head[8:12])):
		return "image/heic"
	}
	return ""
}

// whole reports whether a picture has come to its end: a camera that pauses while it writes leaves a file that looks
// finished, and whose rest would be lost with the original. It reads markers and lengths alone, and decodes nothing.
func whole(r io.Reader, mediaType string) bool {
	b := bufio.NewReaderSize(r, 64<<10)
	switch mediaType {
	case "image/jpeg":
		return jpegEnds(b)
	case "image/png":
		return pngEnds(b)
	case "image/heic":
		return boxesEnd(b)
	}
	return false
}

// jpegEnds looks for EOI behind the segments and scans of a JPEG (ITU-T T.81, B.1.1), not for that of a thumbnail inside.
func jpegEnds(b *bufio.Reader) bool {
	if _, err := b.Discard(2); err != nil { // SOI
		return false
	}
	for scan := false; ; {
		c, err := b.ReadByte()
		switch {
		case err != nil:
			return false
		case c != 0xff && scan:
			continue
		case c != 0xff:
			return false
		}
		for c == 0xff { // fill bytes, B.1.1.2
			if c, err = b.ReadByte(); err != nil {
				return false
			}
		}
		switch {
		case c == 0xd9: // EOI
			return true
		case c == 0 && scan, c >= 0xd0 && c <= 0xd7: // a stuffed byte, RSTm
			continue
		}
		scan = c == 0xda // SOS: entropy-coded data follow its header
		if skipped, err := skip16(b); err != nil || !skipped {
			return false
		}
	}
}

// skip16 passes over a segment with a length of two bytes that counts itself.
func skip16(b *bufio.Reader) (ok bool, err error) {
	var size [2]byte
	if _, err := io.ReadFull(b, size[:]); err != nil {
		return false, err
	}
	n := int(binary.BigEndian.Uint16(size[:])) - 2
	if n < 0 {
		return false, nil
	}
	_, err = b.Discard(n)
	return err == nil, err
}

// pngEnds looks for the chunk IEND (PNG 3rd edition, 5.3 and 11.2.5).
func pngEnds(b *bufio.Reader) bool {
	if _, err := b.Discard(8); err != nil {
		return false
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(b, head[:]); err != nil {
			return false
		}
		n := int64(binary.BigEndian.Uint32(head[:4])) + 4 // and its CRC
		if got, err := io.CopyN(io.Discard, b, n); err != nil || got != n {
			return false
		}
		if string(head[4:]) == "IEND" {
			return true
		}
	}
}

// boxesEnd reports whether the boxes of a HEIC file (ISO/IEC 14496-12, 4.2) end where the file does, with the picture's
// data and what tells how to read them (8.11.1) among them, in any order.
func boxesEnd(b *bufio.Reader) bool {
	data, meta := false, false
	for {
		var head [8]byte
		_, err := io.ReadFull(b, head[:])
		if errors.Is(err, io.EOF) {
			return data && meta
		}
		if err != nil {
			return false
		}
		n := int64(binary.BigEndian.Uint32(head[:4])) - 8
		switch n {
		case 0 - 8: // to the end of the file, which nothing tells
			return meta && string(head[4:]) == "mdat"
		case 1 - 8: // a size of eight bytes follows
			var large [8]byte
			if _, err := io.ReadFull(b, large[:]); err != nil {
				return false
			}
			n = int64(min(binary.BigEndian.Uint64(large[:]), maxPhoto<<1)) - 16
		}
		if n < 0 {
			return false
		}
		if _, err := io.CopyN(io.Discard, b, n); err != nil {
			return false
		}
		data = data || string(head[4:]) == "mdat"
		meta = meta || string(head[4:]) == "meta"
	}
}

// limited ends with an error where more than left bytes come.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, bare(err)
}
