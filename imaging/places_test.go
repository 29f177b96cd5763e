package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"path/filepath"
	"regexp"
	"testing"
)

// A place is one way to hide a mark in a file that Read accepts.
type place struct {
	name string
	hide func(mark []byte) []byte
}

// jpegPlaces are the places of one JPEG: 45 of them in a baseline file.
func jpegPlaces(t testing.TB) (list []place) {
	jpg := photo(t, 64, 48)
	add := func(name string, hide func(mark []byte) []byte) { list = append(list, place{"JPEG " + name, hide}) }
	first := func(name string, mark byte, head string) {
		add(name, func(m []byte) []byte { return insert(jpg, segment(mark, append([]byte(head), m...)...)) })
	}
	for n := byte(0); n < 16; n++ {
		first("APP"+string('A'+rune(n)), markAPP0+n, "")
	}
	first("JFXX thumbnail", markAPP0, "JFXX\x00\x10")
	first("JFIF thumbnail", markAPP0, "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x03\x03")
	first("XMP", markAPP1, string(headXMP))
	first("extended XMP", markAPP1, string(headXMPMore))
	first("FlashPix", markAPP2, "FPXR\x00")
	first("MPF", markAPP2, string(headMPF))
	first("JUMBF of C2PA", markAPP11, "JP\x00\x01\x00\x00\x00\x01jumb")
	first("Ducky", 0xec, "Ducky\x00")
	first("Adobe with a tail", markAPP14, "Adobe\x00\x64\x00\x00\x00\x00\x01")
	for name, id := range map[string]uint16{"IPTC": 0x0404, "thumbnail 1033": 0x0409, "thumbnail 1036": 0x040c, "caption digest": 0x0425} {
		add("image resource "+name, func(m []byte) []byte {
			b := binary.BigEndian.AppendUint16([]byte("Photoshop 3.0\x008BIM"), id)
			b = binary.BigEndian.AppendUint32(append(b, 0, 0), uint32(len(m)))
			return insert(jpg, segment(markAPP13, append(append(b, m...), make([]byte, len(m)%2)...)...))
		})
	}
	for _, tag := range []string{"desc", "cprt", "priv"} {
		add("profile tag "+tag, func(m []byte) []byte {
			p := buildProfile("RGB ", []profileTag{{tag, m}, {"rXYZ", xyz(0.436, 0.222, 0.014)}})
			return insert(jpg, wrapProfile(p))
		})
	}
	add("behind a profile", func(m []byte) []byte {
		return insert(jpg, wrapProfile(append(bytes.Clone(profileSegment(profileP3)[18:]), m...)))
	})
	add("a profile's header", func(m []byte) []byte {
		p := bytes.Clone(profileSegment(profileP3)[18:])
		copy(p[84:128], m) // profile ID and reserved bytes
		return insert(jpg, wrapProfile(p))
	})
	for name, mark := range map[string]byte{"quantisation": markDQT, "frame": markSOF0, "codes": markDHT, "scan": markSOS} {
		at := bytes.Index(jpg, []byte{0xff, mark})
		add("comment at "+name, func(m []byte) []byte { return splice(jpg, at, segment(markCOM, m...)) })
		if at > 2 { // directly behind SOI it would be no JPEG
			add("bare bytes at "+name, func(m []byte) []byte { return splice(jpg, at, m) })
		}
	}
	scan, end := bytes.Index(jpg, []byte{0xff, markSOS}), len(jpg)-2
	add("unused quantisation", func(m []byte) []byte {
		return splice(jpg, scan, segment(markDQT, append([]byte{3}, append(m, bytes.Repeat([]byte{1}, 64-len(m))...)...)...))
	})
	add("unused codes", func(m []byte) []byte {
		return splice(jpg, scan, segment(markDHT, append(append([]byte{0x13}, append(make([]byte, 15), byte(len(m)))...), m...)...))
	})
	add("quantisation that is replaced", func(m []byte) []byte {
		at := bytes.Index(jpg, []byte{0xff, markDQT})
		return splice(jpg, at, segment(markDQT, append([]byte{0}, append(m, bytes.Repeat([]byte{1}, 64-len(m))...)...)...))
	})
	add("behind the last unit", func(m []byte) []byte { return splice(jpg, end, m) })
	add("behind a restart at the end", func(m []byte) []byte { return splice(jpg, end, append([]byte{0xff, markRST0}, m...)) })
	add("comment behind the scan", func(m []byte) []byte { return splice(jpg, end, segment(markCOM, m...)) })
	for name, head := range map[string]string{"": "", "JPEG ": string(jpg), "PNG ": "\x89PNG\r\n\x1a\n", "ZIP ": "PK\x03\x04",
		"motion video ": "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"} {
		add(name+"behind the end", func(m []byte) []byte { return append(append(bytes.Clone(jpg), head...), m...) })
	}
	return append(list, restartPlaces()...)
}

// restartPlaces are before each restart marker of a flat picture made by hand: eight units, a marker after each.
func restartPlaces() (list []place) {
	table := append(append([]byte{1}, make([]byte, 15)...), 0) // one code of one bit, for symbol 0
	head := bytes.Join([][]byte{{0xff, markSOI},
		segment(markDQT, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...), segment(markSOF0, 8, 0, 8, 0, 32, 1, 1, 0x11, 0),
		segment(markDHT, append([]byte{0}, table...)...), segment(markDHT, append([]byte{0x10}, table...)...),
		segment(markDRI, 0, 1), segment(markSOS, 1, 1, 0, 0, 63, 0)}, nil)
	for n := range byte(3) {
		list = append(list, place{"JPEG before restart " + string('0'+rune(n)), func(m []byte) []byte {
			out := bytes.Clone(head)
			for i := range byte(4) {
				out = append(out, 0x3f)
				if i == n {
					out = append(out, m...)
				}
				if i < 3 {
					out = append(out, 0xff, markRST0+i)
				}
			}
			return append(out, 0xff, markEOI)
		}})
	}
	return list
}

// progressivePlaces are between and behind the scans of a progressive file.
func progressivePlaces(t testing.TB) (list []place) {
	jpg := progressive(t, photo(t, 64, 48))
	scans := bytes.Count(jpg, []byte{0xff, markSOS})
	if scans < 8 {
		t.Fatalf("got %d scans, want a progressive file", scans)
	}
	second := bytes.Index(jpg[bytes.Index(jpg, []byte{0xff, markSOS})+2:], []byte{0xff, markDHT}) + bytes.Index(jpg, []byte{0xff, markSOS}) + 2
	last, end := bytes.LastIndex(jpg, []byte{0xff, markSOS}), len(jpg)-2
	for name, at := range map[string]int{"second scan": second, "last scan": last, "end": end} {
		for what, hide := range map[string]func(m []byte) []byte{
			"comment": func(m []byte) []byte { return segment(markCOM, m...) },
			"Exif":    func(m []byte) []byte { return segment(markAPP1, append(bytes.Clone(headExif), m...)...) },
			"bytes":   func(m []byte) []byte { return m },
			"codes": func(m []byte) []byte {
				return segment(markDHT, append(append([]byte{0x13}, append(make([]byte, 15), byte(len(m)))...), m...)...)
			},
		} {
			list = append(list, place{"progressive " + what + " at " + name, func(m []byte) []byte { return splice(jpg, at, hide(m)) }})
		}
	}
	return list
}

// pngPlaces are the chunks of a PNG, and what follows it.
func pngPlaces(t testing.TB) (list []place) {
	var buf bytes.Buffer
	if err := png.Encode(&buf, scene(24, 20)); err != nil {
		t.Fatal(err)
	}
	plain := buf.Bytes()
	end := len(plain) - 12
	for kind, head := range map[string]string{"tEXt": "Author\x00", "iTXt": "Title\x00\x00\x00en\x00\x00", "zTXt": "k\x00\x00", "eXIf": "MM\x00*",
		"iCCP": "name\x00\x00", "sPLT": "p\x00\x08", "prVt": "", "acTL": "", "fdAT": "", "caBX": "", "tIME": ""} {
		list = append(list,
			place{"PNG " + kind, func(m []byte) []byte { return splice(plain, 33, pngChunk(kind, append([]byte(head), m...))) }})
		if kind != "iCCP" && kind != "sPLT" {
			list = append(list, place{"PNG late " + kind, func(m []byte) []byte { return splice(plain, end, pngChunk(kind, append([]byte(head), m...))) }})
		}
	}
	return append(list,
		place{"PNG XMP", func(m []byte) []byte {
			return splice(plain, 33, pngChunk("iTXt", append([]byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"), m...)))
		}},
		place{"PNG behind the end", func(m []byte) []byte { return append(bytes.Clone(plain), m...) }},
		place{"PNG JPEG behind the end", func(m []byte) []byte { return append(append(bytes.Clone(plain), 0xff, 0xd8, 0xff), m...) }})
}

// splice puts bytes into a file.
func splice(file []byte, at int, extra []byte) []byte {
	return append(append(bytes.Clone(file[:at]), extra...), file[at:]...)
}

// clean wants a picture of ours to hold no mark, and no start of another file but its own.
func clean(t *testing.T, what string, data []byte) {
	t.Helper()
	for _, sign := range []string{"CANARY", "\x89PNG", "ftyp", "PK\x03\x04", "8BIM", "http", "moov"} {
		if i := bytes.Index(data, []byte(sign)); i >= 0 {
			t.Errorf("%s: %q survives at %d", what, sign, i)
		}
	}
	for sign, most := range map[string]int{"\xff\xd8": 1, "\xff\xd9": 1, "JFIF": 1, "Exif": 1, "acsp": 1} {
		if n := bytes.Count(data, []byte(sign)); n > most {
			t.Errorf("%s: %q stands %d times", what, sign, n)
		}
	}
	if !bytes.HasPrefix(data, []byte{0xff, 0xd8}) || !bytes.HasSuffix(data, []byte{0xff, 0xd9}) {
		t.Errorf("%s: does not start and end as a JPEG", what)
	}
}

// unsaid are places inside what every picture has, such as tables.
var unsaid = regexp.MustCompile("codes|quantisation$|quantisation that|Adobe|sPLT")

// TestPlaces hides a mark in each place in turn, and a last time in an upright and a turned picture, and wants none
// in anything made of it.
func TestPlaces(t *testing.T) {
	list := append(append(jpegPlaces(t), progressivePlaces(t)...), pngPlaces(t)...)
	seen := map[string]bool{}
	for _, p := range list {
		if seen[p.name] {
			t.Fatalf("%s: a place twice", p.name)
		}
		seen[p.name] = true
		t.Run(p.name, func(t *testing.T) {
			dirty := p.hide([]byte("CANARY-1234567890"))
			if !bytes.Contains(dirty, []byte("CANARY")) {
				t.Fatal("nothing was hidden")
			}
			s, err := Read(dirty, Limits{})
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if len(s.Removed()) == 0 && !unsaid.MatchString(p.name) {
				t.Error("nothing is said to be removed")
			}
			all, err := everyForm(s)
			if err != nil {
				t.Fatal(err)
			}
			for what, data := range all {
				clean(t, what, data)
			}
		})
	}
	if len(list) < 60 {
		t.Errorf("got %d places, want at least 60", len(list))
	}
	t.Logf("%d places", len(list))
}

// everyForm makes everything that is ever made of a picture.
func everyForm(s *Still) (map[string][]byte, error) {
	out := map[string][]byte{"original": s.Bytes()}
	cover := []Region{person(0, 0, 9, 9)}
	redacted, _, err := Redact(s, cover)
	if err != nil {
		return nil, err
	}
	out["redacted"] = redacted.Bytes()
	for _, size := range []Size{SizeThumb, SizeDisplay} {
		small, err := Render(s, size, cover)
		if err != nil {
			return nil, err
		}
		out[string(size)] = small.Bytes()
	}
	out["chart"], _, _, err = Baseline(s)
	return out, err
}

// TestEdgeBlocks hides levels in the blocks that only pad a picture's edge, and wants them gone.
func TestEdgeBlocks(t *testing.T) {
	whole := photo(t, 64, 48)
	at := bytes.Index(whole, []byte{0xff, markSOF0})
	smaller := bytes.Clone(whole)
	copy(smaller[at+5:], []byte{0, 40, 0, 56}) // the same units, of which the last blocks are not shown
	a, b := mustRead(t, whole), mustRead(t, smaller)
	if len(b.Bytes()) >= len(a.Bytes()) || b.Width() != 56 || b.Height() != 40 {
		t.Errorf("got %d bytes of %d × %d for less picture, %d for more", len(b.Bytes()), b.Width(), b.Height(), len(a.Bytes()))
	}
	c, err := b.coefficients()
	if err != nil {
		t.Fatal(err)
	}
	img, err := c.Decode()
	if err != nil {
		t.Fatal(err)
	}
	m := img.(*image.YCbCr)
	for y := range 8 {
		for x := 56; x < 64; x++ { // the plane holds the hidden block: it must be flat
			if m.Y[y*m.YStride+x] != m.Y[56] {
				t.Fatalf("hidden pixel %d,%d: got %d beside %d, want one level", x, y, m.Y[y*m.YStride+x], m.Y[56])
			}
		}
	}
}

// TestHEICPlaces hides marks in the boxes of real HEIC pictures.
func TestHEICPlaces(t *testing.T) {
	tried := 0
	for _, name := range files(t, filepath.Join(shared(t, "metadata"), "other")) {
		data := load(t, name)
		if filepath.Ext(name) != ".heic" && filepath.Ext(name) != ".heif" {
			continue
		}
		if _, err := Read(data, Limits{}); err != nil || tried == 2 {
			continue
		}
		tried++
		mark := []byte("CANARY-1234567890")
		for _, kind := range []string{"free", "skip", "uuid", "mdat", "moov", "mpvd", "sefd", "JUNK"} {
			data = append(data, bmffBox(kind, mark...)...)
		}
		item := append(bytes.Clone(headExif), ifd(binary.BigEndian, 0, [4]uint32{tagMake, 2, 18, 26})...)
		data = append(data, bmffBox("mdat", append(append(item, mark...), 0)...)...)
		data = append(data, bmffBox("mdat", append([]byte("<x:xmpmeta>"), mark...)...)...)
		s, err := Read(data, Limits{})
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		all, err := everyForm(s)
		if err != nil {
			t.Fatal(err)
		}
		for what, data := range all {
			clean(t, what, data)
		}
	}
	if tried == 0 && !underRace {
		t.Error("no HEIC was read")
	}
}
