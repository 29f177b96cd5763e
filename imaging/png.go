//go:build !js

package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
)

// readPNG walks the chunks for what they say, bounds the picture by its header, and decodes it.
// A PNG becomes a JPEG, encoded from its pixels.
func readPNG(data []byte, lim Limits) (*Still, error) {
	src, err := surveyPNG(data, lim, nil)
	if err != nil {
		return nil, err
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: PNG", ErrTruncated)
		}
		return nil, fmt.Errorf("%w: PNG", ErrMalformed)
	}
	return src.fromPixels(img, src.facts.Orientation, lim, "PNG")
}

// fromPixels turns decoded pixels by the orientation found and encodes them.
func (s *source) fromPixels(img image.Image, orientation int, lim Limits, from string) (*Still, error) {
	b := img.Bounds()
	if err := lim.fits(int64(b.Dx()), int64(b.Dy())); err != nil {
		return nil, err
	}
	flat := flatten(img)
	if s.foreign != nil {
		flat = s.foreign.convert(flat, s.profile)
	}
	if orientation != 1 {
		if g, ok := flat.(*image.Gray); ok {
			flat = turnGray(orientation, g)
		} else {
			flat = turnRGBA(orientation, opaqueRGBA(flat))
		}
	}
	c, err := encodePixels(flat, fullQuality)
	if err != nil {
		return nil, err
	}
	return s.still(c, 1, from)
}

// maxDeflate is more than a deflated stream can shrink (RFC 1951: 258 bytes from 2 bits, 1,032 times).
const maxDeflate = 1040

// surveyPNG walks the chunks (PNG 5.3). It checks the header, and that there is enough data for a picture of that
// size at all, before any decoder sees the file.
func surveyPNG(data []byte, lim Limits, in *Inspection) (source, error) {
	s := newSource(in)
	var icc []byte
	var raw, packed int64
	at := 8
	for n := 0; ; n++ {
		if n > lim.MaxSegments {
			return s, fmt.Errorf("%w: too many chunks", ErrTooLarge)
		}
		if at+12 > len(data) {
			return s, fmt.Errorf("%w: PNG", ErrTruncated)
		}
		size := int64(binary.BigEndian.Uint32(data[at:]))
		kind := string(data[at+4 : at+8])
		if size > int64(len(data)-at-12) {
			return s, fmt.Errorf("%w: PNG chunk", ErrTruncated)
		}
		body := data[at+8 : at+8+int(size)]
		at += 12 + int(size)
		if n == 0 {
			if kind != "IHDR" || size != 13 {
				return s, fmt.Errorf("%w: PNG header", ErrMalformed)
			}
			w, h := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
			s.inspect.size(int64(w), int64(h))
			if err := lim.fits(int64(w), int64(h)); err != nil {
				return s, err
			}
			raw = pngBytes(int64(w), int64(h), body[8], body[9])
		}
		if kind == "IEND" {
			break
		}
		if kind == "IDAT" {
			packed += size
		}
		icc = s.chunk(kind, body, icc)
	}
	if at < len(data) {
		s.tail("after IEND", data[at:])
	}
	if packed*maxDeflate < raw {
		return s, fmt.Errorf("%w: PNG pixels", ErrTruncated)
	}
	s.useProfile("iCCP", icc)
	return s, nil
}

// pngBytes is how many bytes the rows of a picture have at least (PNG 11.2.2, table 11.1); 0 for types unknown.
func pngBytes(w, h int64, depth, kind byte) int64 {
	samples := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
	return (w*samples*int64(depth)/8 + 1) * h
}

// chunk notes an ancillary chunk and gives the colour profile.
func (s *source) chunk(kind string, body, icc []byte) []byte {
	switch kind {
	case "IHDR", "PLTE", "IDAT", "tRNS", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD", "pHYs", "hIST", "sPLT", "cICP":
	case "eXIf":
		s.exif(kind, body)
	case "iCCP":
		if icc = inflateProfile(body); icc == nil {
			return []byte("?") // something that is no profile
		}
		return icc
	case "iTXt":
		if bytes.HasPrefix(body, []byte("XML:com.adobe.xmp\x00")) {
			s.xmp(kind, body)
		} else {
			s.found(kind, "comment", func() string { return printable(string(body)) })
		}
	case "tEXt":
		s.found(kind, "comment", func() string { return printable(string(body)) })
	case "zTXt":
		s.found(kind, "comment", size(body))
	case "tIME":
		s.found(kind, "time", size(body))
	case "acTL", "fcTL", "fdAT":
		s.found(kind, "animation frames", size(body))
	default:
		s.found("chunk "+printable(kind), "application data", size(body))
	}
	return icc
}

// inflateProfile opens an iCCP chunk (PNG 11.3.2.3) into at most maxProfile bytes.
func inflateProfile(body []byte) []byte {
	name := bytes.IndexByte(body, 0)
	if name < 0 || name > 79 || name+2 > len(body) || body[name+1] != 0 {
		return nil
	}
	r, err := zlib.NewReader(bytes.NewReader(body[name+2:]))
	if err != nil {
		return nil
	}
	icc, err := io.ReadAll(io.LimitReader(r, maxProfile))
	if err != nil {
		return nil
	}
	return icc
}
