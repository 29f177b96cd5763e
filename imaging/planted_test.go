package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// planter hides marked bytes wherever a JPEG lets one, and knows what it hid.
type planter struct{ canaries []string }

func (p *planter) canary(place string) []byte {
	c := fmt.Sprintf("CANARY-%02d-%s", len(p.canaries), place)
	p.canaries = append(p.canaries, c)
	return []byte(c)
}

// exif builds an Exif block with text, GPS, a maker note and a thumbnail, all marked, and an orientation.
func (p *planter) exif(orientation uint16, thumb []byte) []byte {
	var order = binary.BigEndian
	type entry struct {
		tag, typ uint16
		value    []byte
	}
	text := func(place string) []byte { return append(p.canary(place), 0) }
	short := func(v uint16) []byte { return order.AppendUint16(nil, v) }
	long := func(v int) []byte { return order.AppendUint32(nil, uint32(v)) }
	out := []byte("MM\x00*\x00\x00\x00\x08")
	// directory writes entries behind one another with their values after the directory.
	directory := func(next int, list ...entry) {
		at := len(out) + 2 + 12*len(list) + 4
		head, values := order.AppendUint16(nil, uint16(len(list))), []byte(nil)
		for _, e := range list {
			size := map[uint16]int{2: 1, 3: 2, 4: 4, 7: 1}[e.typ]
			head = order.AppendUint16(order.AppendUint16(head, e.tag), e.typ)
			head = order.AppendUint32(head, uint32(len(e.value)/size))
			if len(e.value) <= 4 {
				head = append(head, append(bytes.Clone(e.value), make([]byte, 4-len(e.value))...)...)
				continue
			}
			head = order.AppendUint32(head, uint32(at+len(values)))
			values = append(values, e.value...)
		}
		if next != 0 {
			next = at + len(values)
		}
		out = append(append(append(out, head...), long(next)...), values...)
	}
	sub := 8 + 2 + 12*5 + 4 + 3*18
	makeText, modelText, note := text("make"), text("model"), text("artist")
	for len(makeText)+len(modelText)+len(note) > 3*18 {
		panic("imaging test: planted text grew")
	}
	pad := make([]byte, 3*18-len(makeText)-len(modelText)-len(note))
	directory(0, entry{tagMake, 2, makeText}, entry{tagModel, 2, modelText}, entry{tagArtist, 2, append(note, pad...)},
		entry{tagOrientation, 3, short(orientation)}, entry{tagExifIFD, 4, long(sub)})
	if len(out) != sub {
		panic(fmt.Sprintf("imaging test: directory ends at %d, want %d", len(out), sub))
	}
	directory(0, entry{0x9003, 2, []byte("2026:11:21 10:20:30\x00")}, entry{tagMakerNote, 7, p.canary("makernote")},
		entry{tagBodySerial, 2, text("serial")}, entry{tagOwner, 2, text("owner")})
	// A second directory with a thumbnail, chained from the first by hand.
	order.PutUint32(out[8+2+12*5:], uint32(len(out)))
	directory(0, entry{tagThumbnail, 4, long(len(out) + 2 + 12*2 + 4)}, entry{0x0202, 4, long(len(thumb))})
	return append(append(append(bytes.Clone(headExif), out...), thumb...), p.canary("exif-tail")...)
}

// plant hides canaries in every kind of segment, between segments, and behind the end.
func (p *planter) plant(jpg []byte, orientation uint16) []byte {
	var segs [][]byte
	segs = append(segs, segment(markAPP1, p.exif(orientation, p.canary("thumbnail"))...))
	for n := byte(0); n < 16; n++ {
		segs = append(segs, segment(markAPP0+n, p.canary(fmt.Sprintf("app%d", n))...))
	}
	segs = append(segs,
		segment(markCOM, p.canary("comment")...),
		segment(markAPP1, append(bytes.Clone(headXMP), p.canary("xmp")...)...),
		segment(markAPP1, append(bytes.Clone(headXMPMore), p.canary("xmp-more")...)...),
		segment(markAPP2, append(append(bytes.Clone(headICC), 1, 1), p.canary("icc")...)...),
		segment(markAPP2, append(bytes.Clone(headMPF), p.canary("mpf")...)...),
		segment(markAPP13, append(bytes.Clone(headPhotoIRB), p.canary("irb")...)...),
	)
	out := insert(jpg, segs...)
	at := bytes.LastIndex(out, []byte{0xff, markSOS})
	out = append(out[:at:at], append(append(segment(markCOM, p.canary("before-scan")...), p.canary("between")...), out[at:]...)...)
	return append(out, p.canary("trailer")...)
}

// TestPlanted plants in every place at once and wants none to survive, in the original or anything made of it.
func TestPlanted(t *testing.T) {
	for o := uint16(1); o <= 8; o++ {
		for _, size := range [][2]int{{64, 48}, {61, 47}} {
			t.Run(fmt.Sprintf("orientation %d, %d × %d", o, size[0], size[1]), func(t *testing.T) {
				var p planter
				dirty := p.plant(photo(t, size[0], size[1]), o)
				for _, c := range p.canaries {
					if !bytes.Contains(dirty, []byte(c)) {
						t.Fatalf("planter did not plant %s", c)
					}
				}
				s := mustRead(t, dirty)
				redacted, _, err := Redact(s, []Region{{Kind: KindDrawn, Box: Box{4, 4, 20, 20}, Source: SourcePerson}})
				if err != nil {
					t.Fatal(err)
				}
				thumb, err := Render(s, SizeThumb, nil)
				if err != nil {
					t.Fatal(err)
				}
				chart, _, _, err := Baseline(s)
				if err != nil {
					t.Fatal(err)
				}
				for name, b := range map[string][]byte{"original": s.Bytes(), "redacted": redacted.Bytes(), "thumbnail": thumb.Bytes(), "chart": chart} {
					if i := bytes.Index(b, []byte("CANARY")); i >= 0 {
						t.Errorf("%s: planted bytes survive at %d", name, i)
					}
				}
				if err := Verify(dirty); err == nil {
					t.Error("the checker passes the planted file")
				}
				checkFacts(t, s, int(o))
			})
		}
	}
}

func checkFacts(t *testing.T, s *Still, orientation int) {
	t.Helper()
	f := s.Facts()
	if f.TakenAt != "2026-11-21T10:20:30" || !strings.HasPrefix(f.Make, "CANARY") || f.Orientation != orientation {
		t.Errorf("got facts %+v, want the planted time, make and orientation %d", f, orientation)
	}
	removed := strings.Join(s.Removed(), "|")
	for _, want := range []string{"camera serial", "camera owner", "maker note", "thumbnail", "XMP", "IPTC", "second picture",
		"comment", "trailing bytes", "colour profile", "author"} {
		if !strings.Contains(removed, want) {
			t.Errorf("got removed %s, want %q in it", removed, want)
		}
	}
	if strings.Contains(removed, "CANARY") {
		t.Error("the list of what was removed holds values")
	}
}

// TestPlantedIsExact wants the pixels untouched by all of that.
func TestPlantedIsExact(t *testing.T) {
	jpg := photo(t, 64, 48)
	var p planter
	s := mustRead(t, p.plant(jpg, 1))
	want, err := jpegcoef.Read(jpg, jpegcoef.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	got, err := jpegcoef.Read(s.Bytes(), jpegcoef.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if !want.EqualOutside(got, nil) {
		t.Error("got other coefficients than the source's, want the same")
	}
	if s.Converted() != "" {
		t.Errorf("got converted %q, want none", s.Converted())
	}
}
