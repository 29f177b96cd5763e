//go:build !js

package imaging

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// The checker. It reads a file that is about to be stored, knows nothing of how it was written, and refuses
// whatever is not on the list: SOI, JFIF or Adobe, an orientation alone, one of three colour profiles by
// digest, tables that are used, one frame, scans that together hold each coefficient once and end exactly where
// they must, EOI, and not one byte more. It shares no code with the writer; even the profiles are known here only
// by their digests.

// profileDigests are the SHA-256 of the three profiles that may stand in a file.
var profileDigests = map[string]profileKind{
	"6ac544a08d8c3c6cf93ca80268792daded086ea89187195a2ab55d39b10d722d": profileP3,
	"fa278ed83669ccb412f8d7ced26212b342b6919167839033e9b43fe2cd2c3957": profileAdobe,
	"6479277c5ca175c84db4da4e98a2370b5ac0aafd185321fb665d170ea5aba65c": profileGray,
}

// Verify reports whether a file is one that may leave this package. Any doubt is an error, an ErrMalformed.
func Verify(jpegBytes []byte) error {
	_, err := examine(jpegBytes)
	return err
}

// picture is what the checker saw in a file it passed.
type picture struct {
	width, height int // as stored
	orientation   int
	profile       profileKind
	baseline      bool
	progressive   bool
	adobe         bool
}

// grammar is the state of one pass over a file.
type grammar struct {
	data []byte
	at   int
	last int // place of the last segment in the order below
	pic  picture

	jfif    bool
	quant   [4]bool
	wide    bool          // a quantisation table of 16 bits, which baseline does not have
	huff    [8]*codeTable // DC 0 to 3, AC 4 to 7
	restart int
	comps   []frameComponent
	scans   int
	scan    scan // the one whose header was read last
}

// The order in which segments may come. Tables may repeat, the others may not.
const (
	placeSOI = iota
	placeJFIF
	placeExif
	placeAdobe
	placeProfile
	placeDQT
	placeFrame
	placeDHT
	placeDRI
	placeScan
)

func refuse(what string) error { return fmt.Errorf("%w: not clean: %s", ErrMalformed, what) }

var errShort = errors.New("imaging: short")

// examine is Verify, and tells what it saw.
func examine(data []byte) (picture, error) {
	if len(data) < 4 || data[0] != 0xff || data[1] != markSOI {
		return picture{}, refuse("no start of image")
	}
	g := &grammar{data: data, at: 2, pic: picture{orientation: 1}}
	for !g.complete() {
		if err := g.segment(); err != nil {
			if errors.Is(err, errShort) {
				err = refuse("a segment is short")
			}
			return picture{}, err
		}
		if g.last != placeScan {
			continue
		}
		if err := g.scanData(); err != nil {
			return picture{}, err
		}
		g.last = placeFrame // tables and a further scan may follow
	}
	if rest := data[g.at:]; len(rest) != 2 || rest[0] != 0xff || rest[1] != markEOI {
		return picture{}, refuse("bytes where the image must end")
	}
	return g.pic, nil
}

// segment checks one marker segment.
func (g *grammar) segment() error {
	if g.at+4 > len(g.data) || g.data[g.at] != 0xff {
		return refuse("no marker")
	}
	mark := g.data[g.at+1]
	size := int(binary.BigEndian.Uint16(g.data[g.at+2:]))
	if size < 2 || g.at+2+size > len(g.data) {
		return errShort
	}
	body := g.data[g.at+4 : g.at+2+size]
	g.at += 2 + size
	switch mark {
	case markAPP0:
		return g.step(placeJFIF, g.checkJFIF(body))
	case markAPP1:
		return g.step(placeExif, g.checkOrientation(body))
	case markAPP14:
		return g.step(placeAdobe, g.checkAdobe(body))
	case markAPP2:
		return g.step(placeProfile, g.checkProfile(body))
	case markDQT:
		return g.step(placeDQT, g.checkQuant(body))
	case markSOF0, markSOF1, markSOF2:
		g.pic.baseline, g.pic.progressive = mark == markSOF0, mark == markSOF2
		return g.step(placeFrame, g.checkFrame(body))
	case markDHT:
		return g.step(placeDHT, g.checkHuffman(body))
	case markDRI:
		return g.step(placeDRI, g.checkRestart(body))
	case markSOS:
		return g.step(placeScan, g.checkScan(body))
	}
	return refuse("a segment that is not on the list")
}

// step keeps the order: forward always, in place only for tables.
func (g *grammar) step(place int, err error) error {
	if err != nil {
		return err
	}
	if place < g.last || (place == g.last && place != placeDQT && place != placeDHT) {
		return refuse("a segment out of order or repeated")
	}
	g.last = place
	return nil
}

// checkJFIF wants JFIF 1.1 or 1.2 without units, density or thumbnail.
func (g *grammar) checkJFIF(b []byte) error {
	if len(b) != 14 || string(b[:6]) != "JFIF\x00\x01" || b[6] > 2 || !bytes.Equal(b[7:], []byte{0, 0, 1, 0, 1, 0, 0}) {
		return refuse("application data 0 is not the plain JFIF header")
	}
	g.jfif = true
	return nil
}

// checkOrientation wants the one Exif block that holds an orientation from 2 to 8 and nothing else.
func (g *grammar) checkOrientation(b []byte) error {
	const before = "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"
	const after = "\x00\x00\x00\x00\x00\x00"
	if len(b) != len(before)+1+len(after) || string(b[:len(before)]) != before || string(b[len(before)+1:]) != after {
		return refuse("application data 1 is not an orientation alone")
	}
	o := int(b[len(before)])
	if o < 2 || o > 8 {
		return refuse("orientation")
	}
	g.pic.orientation = o
	return nil
}

// checkAdobe wants the marker that says red, green and blue, which JFIF would contradict.
func (g *grammar) checkAdobe(b []byte) error {
	if string(b) != "Adobe\x00\x64\x00\x00\x00\x00\x00" || g.jfif {
		return refuse("application data 14 is not the plain colour transform")
	}
	g.pic.adobe = true
	return nil
}

func (g *grammar) checkProfile(b []byte) error {
	const head = "ICC_PROFILE\x00\x01\x01"
	if len(b) <= len(head) || string(b[:len(head)]) != head {
		return refuse("application data 2 is not a colour profile")
	}
	sum := sha256.Sum256(b[len(head):])
	kind, ok := profileDigests[hex.EncodeToString(sum[:])]
	if !ok {
		return refuse("a colour profile that is not ours")
	}
	g.pic.profile = kind
	return nil
}

// checkQuant reads quantisation tables (T.81 B.2.4.1).
func (g *grammar) checkQuant(b []byte) error {
	for len(b) > 0 {
		precision, id := b[0]>>4, b[0]&15
		size := 64 * (1 + int(precision))
		if precision > 1 || id > 3 || g.quant[id] || len(b) < 1+size {
			return refuse("quantisation table")
		}
		for i := 1; i <= size; i += 1 + int(precision) {
			if b[i] == 0 && (precision == 0 || b[i+1] == 0) {
				return refuse("quantisation by zero")
			}
		}
		g.quant[id], g.wide = true, g.wide || precision == 1
		b = b[1+size:]
	}
	return nil
}

// checkFrame reads the frame header (T.81 B.2.2): 8 bits, one or three components, tables all used.
func (g *grammar) checkFrame(b []byte) error {
	if len(b) < 6 || b[0] != 8 || (b[5] != 1 && b[5] != 3) || len(b) != 6+3*int(b[5]) {
		return refuse("frame header")
	}
	g.pic.height, g.pic.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if g.pic.width == 0 || g.pic.height == 0 {
		return refuse("no pixels")
	}
	var used [4]bool
	for c := b[6:]; len(c) > 0; c = c[3:] {
		f := frameComponent{id: c[0], h: int(c[1] >> 4), v: int(c[1] & 15), tq: c[2]}
		if f.h < 1 || f.h > 4 || f.v < 1 || f.v > 4 || f.tq > 3 || !g.quant[f.tq] {
			return refuse("frame component")
		}
		for _, other := range g.comps {
			if other.id == f.id {
				return refuse("frame component repeated")
			}
		}
		used[f.tq] = true
		g.comps = append(g.comps, f)
	}
	if g.wide && g.pic.baseline {
		return refuse("quantisation of 16 bits in a baseline frame")
	}
	if used != g.quant {
		return refuse("a quantisation table that is not used")
	}
	if len(g.comps) == 3 && !g.jfif && !g.pic.adobe {
		return refuse("colours without a meaning")
	}
	return g.layOut()
}

// checkRestart reads the restart interval (T.81 B.2.4.4), which all scans share.
func (g *grammar) checkRestart(b []byte) error {
	if len(b) != 2 || (b[0] == 0 && b[1] == 0) || g.scans > 0 {
		return refuse("restart interval")
	}
	g.restart = int(binary.BigEndian.Uint16(b))
	return nil
}
