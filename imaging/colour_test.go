package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// kindOf is the space of ours that a profile equals.
func kindOf(icc []byte) profileKind {
	kind, foreign, ok := chooseProfile(icc)
	if foreign != nil || !ok {
		return profileNone
	}
	return kind
}

// TestDifference checks CIEDE2000 against pairs published with it (Sharma, Wu, Dalal, Color Res. Appl. 30, 2005).
func TestDifference(t *testing.T) {
	for _, tc := range []struct {
		p, q [3]float64
		want float64
	}{
		{[3]float64{50, 2.6772, -79.7751}, [3]float64{50, 0, -82.7485}, 2.0425},
		{[3]float64{50, 3.1571, -77.2803}, [3]float64{50, 0, -82.7485}, 2.8615},
		{[3]float64{50, 2.5, 0}, [3]float64{50, 0, -2.5}, 4.3065},
		{[3]float64{50, 2.5, 0}, [3]float64{73, 25, -18}, 27.1492},
		{[3]float64{6.7747, -0.2908, -2.4247}, [3]float64{5.8714, -0.0985, -2.2286}, 0.6377},
		{[3]float64{2.0776, 0.0795, -1.135}, [3]float64{0.9033, -0.0636, -0.5514}, 0.9082},
	} {
		if got := difference(tc.p, tc.q); math.Abs(got-tc.want) > 0.00006 {
			t.Errorf("%v, %v: got %.4f, want %.4f", tc.p, tc.q, got, tc.want)
		}
	}
}

// Profiles as other people's software makes them.
var (
	genericRGB = func() []byte { // gamma 1.8, the primaries of an old monitor
		return foreignProfile("RGB ", colourants{{0.4543, 0.24191, 0.01489}, {0.35332, 0.67361, 0.0906}, {0.15662, 0.08447, 0.71953}}, curveGamma(0x01cd))
	}
	wideRGB = func() []byte { // gamma 1.8, wider than Display P3
		return foreignProfile("RGB ", colourants{{0.79767, 0.28804, 0}, {0.13519, 0.71188, 0}, {0.03134, 0.00009, 0.82491}}, curveGamma(0x01cd))
	}
	swappedRGB = func() []byte { // red and green exchanged
		return foreignProfile("RGB ", colourants{colourantsSRGB[1], colourantsSRGB[0], colourantsSRGB[2]}, curveSRGB())
	}
	linearP3 = func() []byte { return foreignProfile("RGB ", colourantsP3, curveGamma(0x0100)) }
	tableRGB = func() []byte { // sRGB with its curve as a table, as version 2 profiles have it
		curve := append([]byte("curv"), 0, 0, 0, 0, 0, 0, 4, 0)
		f := parseCurve(curveSRGB())
		for i := range 1024 {
			curve = binary.BigEndian.AppendUint16(curve, uint16(math.Round(65535*f(float64(i)/1023))))
		}
		return foreignProfile("RGB ", colourantsSRGB, curve)
	}
	darkGrey = func() []byte { return foreignProfile("GRAY", colourants{}, curveGamma(0x0100)) }
)

func foreignProfile(space string, c colourants, curve []byte) []byte {
	tags := []profileTag{{"desc", textMLUC("CANARY foreign")}, {"cprt", textMLUC("CANARY owner")}, {"wtpt", xyz(0.9642, 1, 0.8249)}}
	if space == "GRAY" {
		return buildProfile(space, append(tags, profileTag{"kTRC", curve}))
	}
	for i, n := range []string{"r", "g", "b"} {
		tags = append(tags, profileTag{n + "XYZ", xyz(c[i][0], c[i][1], c[i][2])}, profileTag{n + "TRC", curve})
	}
	return buildProfile(space, append(tags, profileTag{"prIV", []byte("CANARY private tag")}))
}

// TestChooseProfile wants spaces told apart by what they mean, not by their names or primaries alone.
func TestChooseProfile(t *testing.T) {
	lut := foreignProfile("RGB ", colourantsSRGB, curveSRGB())
	copy(lut[bytes.Index(lut, []byte("prIV")):], "A2B0")
	broken := foreignProfile("RGB ", colourantsSRGB, []byte("curv\x00\x00\x00\x00\xff\xff\xff\xff"))
	for _, tc := range []struct {
		name    string
		icc     []byte
		kind    profileKind
		convert bool
		ok      bool
	}{
		{"sRGB by table", tableRGB(), profileNone, false, true},
		{"P3", profileSegment(profileP3)[18:], profileP3, false, true},
		{"Adobe RGB", profileSegment(profileAdobe)[18:], profileAdobe, false, true},
		{"grey 2.2", profileSegment(profileGray)[18:], profileGray, false, true},
		{"grey linear", darkGrey(), profileNone, true, true},
		{"generic", genericRGB(), profileP3, true, true},
		{"wide", wideRGB(), profileP3, true, true},
		{"swapped", swappedRGB(), profileNone, true, true},
		{"P3 primaries, linear", linearP3(), profileP3, true, true},
		{"tables of colours", lut, profileNone, false, false},
		{"curve of 4 GB", broken, profileNone, false, false},
		{"nonsense", []byte("?"), profileNone, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kind, foreign, ok := chooseProfile(tc.icc)
			if kind != tc.kind || (foreign != nil) != tc.convert || ok != tc.ok {
				t.Errorf("got %d, converted %v, understood %v, want %d, %v, %v", kind, foreign != nil, ok, tc.kind, tc.convert, tc.ok)
			}
			for n := range len(tc.icc) { // none may panic
				if n%7 == 0 {
					chooseProfile(tc.icc[:n])
				}
			}
		})
	}
}

// cms asks littlecms what values mean in a profile: L*a*b* under D50.
func cms(t *testing.T, profile string, values [][3]uint8) [][3]float64 {
	t.Helper()
	var in bytes.Buffer
	for _, v := range values {
		fmt.Fprintf(&in, "%d\n%d\n%d\n", v[0], v[1], v[2])
	}
	cmd := exec.Command("transicc", "-i"+profile, "-o*Lab", "-t1", "-c0", "-n")
	cmd.Stdin = &in
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("transicc: %v", err)
	}
	fields := strings.Fields(string(said))
	if len(fields) < 3*len(values) {
		t.Fatalf("transicc: %d numbers for %d colours", len(fields), len(values))
	}
	out := make([][3]float64, len(values))
	for i := range out {
		for j := range 3 {
			if out[i][j], err = strconv.ParseFloat(fields[3*i+j], 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// patches is a picture of flat colours, 16 pixels each, that both sRGB and its neighbours can show.
func patches() (*image.RGBA, [][3]uint8) {
	var list [][3]uint8
	for r := 60; r <= 210; r += 50 {
		for g := 60; g <= 210; g += 50 {
			for b := 60; b <= 210; b += 50 {
				list = append(list, [3]uint8{uint8(r), uint8(g), uint8(b)})
			}
		}
	}
	list = append(list, [3]uint8{}, [3]uint8{255, 255, 255}, [3]uint8{128, 128, 128}, [3]uint8{170, 60, 55}) // a wound's red
	m := image.NewRGBA(image.Rect(0, 0, 16*len(list), 16))
	for i, c := range list {
		draw.Draw(m, image.Rect(16*i, 0, 16*i+16, 16), image.NewUniform(color.RGBA{c[0], c[1], c[2], 255}), image.Point{}, draw.Src)
	}
	return m, list
}

// TestColourJudged wants every colour of a picture to mean the same before and after, as another colour engine
// computes it: in the original, the thumbnail and the display size.
func TestColourJudged(t *testing.T) {
	tool(t, "transicc")
	dir := t.TempDir()
	put := func(name string, icc []byte) string {
		name = filepath.Join(dir, name+".icc")
		if err := os.WriteFile(name, icc, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	ours := map[profileKind]string{profileNone: "*sRGB", profileP3: put("p3", profileSegment(profileP3)[18:]), profileAdobe: put("a98", profileSegment(profileAdobe)[18:])}
	source, _ := patches()
	for _, tc := range []struct {
		name string
		icc  []byte
		want profileKind
	}{
		{"P3", profileSegment(profileP3)[18:], profileP3}, {"Adobe RGB", profileSegment(profileAdobe)[18:], profileAdobe},
		{"sRGB by table", tableRGB(), profileNone}, {"generic", genericRGB(), profileP3},
		{"swapped", swappedRGB(), profileNone}, {"linear P3", linearP3(), profileP3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			jpg := encodeJPEG(t, source)
			s := mustRead(t, insert(jpg, wrapProfile(tc.icc)))
			if bytes.Contains(s.Bytes(), []byte("CANARY")) || s.profile != tc.want {
				t.Fatalf("got profile %d, want %d and nothing of the source's", s.profile, tc.want)
			}
			plain := mustRead(t, jpg)
			before := cms(t, put("source", tc.icc), middles(t, plain, 16))
			for _, size := range []Size{"", SizeDisplay, SizeThumb} {
				picture, step := s, 16
				if size != "" {
					small, err := Render(s, size, nil)
					if err != nil {
						t.Fatal(err)
					}
					picture, step = small, 16*small.Width()/s.Width()
				}
				if step < 8 {
					continue // patches melt into one another
				}
				after := cms(t, ours[picture.profile], middles(t, picture, step))
				worst := 0.0
				for i := range before {
					worst = max(worst, difference(before[i], after[i]))
				}
				t.Logf("%s %s: largest difference %.2f", tc.name, size, worst)
				if worst > 1 {
					t.Errorf("%s: got a colour that differs by %.2f, want at most 1", size, worst)
				}
			}
		})
	}
}

// middles gives the colour in the middle of each patch.
func middles(t *testing.T, s *Still, step int) (list [][3]uint8) {
	t.Helper()
	img, err := Upright(s)
	if err != nil {
		t.Fatal(err)
	}
	for x := step / 2; x < s.Width(); x += step {
		r, g, b, _ := img.At(x, s.Height()/2).RGBA()
		list = append(list, [3]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)})
	}
	return list
}

// TestConvertedJPEG wants a conversion recorded, upright, and grey to stay grey.
func TestConvertedJPEG(t *testing.T) {
	s := mustRead(t, insert(withOrientation(photo(t, 61, 40), 6), wrapProfile(genericRGB())))
	if s.Converted() == "" || s.Orientation() != 1 || s.Width() != 40 {
		t.Errorf("got converted %q, orientation %d, width %d, want a record, 1, 40", s.Converted(), s.Orientation(), s.Width())
	}
	grey := image.NewGray(image.Rect(0, 0, 16, 16))
	draw.Draw(grey, grey.Rect, image.NewUniform(color.Gray{128}), image.Point{}, draw.Src)
	g := mustRead(t, insert(encodeJPEG(t, grey), wrapProfile(darkGrey())))
	img, err := Upright(g)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := img.(*image.Gray); !ok || math.Abs(float64(m.GrayAt(8, 8).Y)-188) > 1 { // half the light
		t.Errorf("got %T with %v, want grey 188", img, img.At(8, 8))
	}
	kept := mustRead(t, insert(photo(t, 20, 20), wrapProfile([]byte("not a profile"))))
	if kept.Converted() != "" || !strings.Contains(strings.Join(kept.Removed(), "|"), "colour meaning") {
		t.Errorf("got converted %q, removed %v, want the loss of meaning recorded", kept.Converted(), kept.Removed())
	}
}

// TestInteropAdobe wants a camera's word for Adobe RGB, which is two letters and digits in Exif, to become a profile.
func TestInteropAdobe(t *testing.T) {
	for index, want := range map[string]profileKind{"R03\x00": profileAdobe, "R98\x00": profileNone} {
		block := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\xa0\x05\x00\x04\x00\x00\x00\x01\x00\x00\x00\x1a\x00\x00\x00\x00" +
			"\x00\x01\x00\x01\x00\x02\x00\x00\x00\x04" + index + "\x00\x00\x00\x00")
		s := mustRead(t, insert(photo(t, 20, 20), segment(markAPP1, append(bytes.Clone(headExif), block...)...)))
		if s.profile != want {
			t.Errorf("%q: got profile %d, want %d", index, s.profile, want)
		}
	}
}
