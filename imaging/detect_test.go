package imaging

import (
	"encoding/csv"
	"image"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// labelled reads a file of face boxes, in pixels of the stored picture.
func labelled(t testing.TB, name string) map[string][]Box {
	t.Helper()
	f, err := os.Open(filepath.Join(shared(t, "faces"), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	boxes := map[string][]Box{}
	for _, row := range rows[1:] {
		var v [4]int
		for i := range v {
			x, err := strconv.ParseFloat(row[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			v[i] = int(math.Round(x))
		}
		boxes[row[0]] = append(boxes[row[0]], Box{v[0], v[1], v[2], v[3]})
	}
	return boxes
}

// covers reports whether the margins of regions together hide nearly all of a face.
func covers(regions []Region, face Box, w, h int) bool {
	for _, r := range regions {
		in := Margin(r, w, h).rect().Intersect(face.rect())
		if float64(in.Dx()*in.Dy()) >= 0.95*float64(face.rect().Dx()*face.rect().Dy()) {
			return true
		}
	}
	return false
}

// TestFaceRecall looks for some of the labelled faces at hand. The floor is below what was measured, so that it
// catches a broken detector and not a changed sample; the figures stand in DETECTION.md.
func TestFaceRecall(t *testing.T) {
	if underRace {
		t.Skip("SKIPPED: recall does not depend on the race detector")
	}
	found, faces, n := 0, 0, 0
	for file, boxes := range labelled(t, "dev-boxes.csv") {
		if id, err := strconv.Atoi(file[4:8]); err != nil || id%10 != 0 || n == 16 {
			continue
		}
		n++
		s := mustRead(t, load(t, filepath.Join(shared(t, "faces"), file)))
		regions, err := Detect(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range boxes {
			faces++
			if covers(regions, b, s.Width(), s.Height()) {
				found++
			}
		}
	}
	t.Logf("%d of %d labelled faces covered", found, faces)
	if faces < 16 || found < faces*80/100 {
		t.Errorf("got %d of %d faces, want at least 80 %% of 16 or more", found, faces)
	}
}

// face gives a real photo of a face with room around it, from whichever source there is.
func face(t testing.TB) *image.RGBA {
	t.Helper()
	up, err := Upright(mustRead(t, moduleSample(t)))
	if err != nil {
		t.Fatal(err)
	}
	return opaqueRGBA(up)
}

// TestDetectTurned turns a photo of a face every way and wants the same face found, where it then is.
func TestDetectTurned(t *testing.T) {
	upright := face(t)
	base := DetectImage(upright)
	if len(base) == 0 {
		t.Fatal("no face found in the upright photo")
	}
	w, h := upright.Rect.Dx(), upright.Rect.Dy()
	for _, o := range []int{3, 6, 8} {
		turned := turnRGBA(o, upright)
		regions := DetectImage(turned)
		tw, th := turnedSize(o, w, h)
		want := turnBox(o, w, h, base[0].Box)
		if !covers(regions, want, tw, th) {
			t.Errorf("turned by %d: got %v, want one over %v", o, regions, want)
		}
	}
	// A Still whose file says that it lies on its side: the region is upright all the same.
	s := mustRead(t, withOrientation(encodeJPEG(t, turnRGBA(8, upright)), 6))
	regions, err := Detect(s)
	if err != nil {
		t.Fatal(err)
	}
	if s.Width() != w || !covers(regions, base[0].Box, s.Width(), s.Height()) {
		t.Errorf("lying file: got %v in %d × %d, want one over %v", regions, s.Width(), s.Height(), base[0].Box)
	}
}

// TestDetectTilted tilts the face by the angles of the search.
func TestDetectTilted(t *testing.T) {
	if underRace {
		t.Skip("SKIPPED: what is found does not depend on the race detector")
	}
	gray := grayOf(face(t))
	base := DetectImage(gray)
	if len(base) == 0 {
		t.Fatal("no face found in the upright photo")
	}
	b := base[0].Box
	for _, degrees := range []int{30, 330} {
		turned, back := rotateGray(gray, degrees)
		found := false
		for _, r := range DetectImage(turned) {
			x, y := back(float64(r.Box.X0+r.Box.X1)/2, float64(r.Box.Y0+r.Box.Y1)/2)
			found = found || image.Pt(int(x), int(y)).In(b.rect())
		}
		if !found {
			t.Errorf("tilted by %d: the face was not found", degrees)
		}
	}
}

// TestRotateBack wants the way back to point at the same pixel.
func TestRotateBack(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 90, 60))
	draw.Draw(m, image.Rect(70, 10, 74, 14), image.White, image.Point{}, draw.Src)
	for _, degrees := range append(upright, tilted...) {
		turned, back := rotateGray(m, degrees)
		var sx, sy, n float64
		for y := range turned.Rect.Dy() {
			for x := range turned.Rect.Dx() {
				if turned.GrayAt(x, y).Y == 255 {
					sx, sy, n = sx+float64(x)+0.5, sy+float64(y)+0.5, n+1
				}
			}
		}
		if n == 0 {
			t.Errorf("%d degrees: the mark is gone", degrees)
			continue
		}
		if x, y := back(sx/n, sy/n); math.Abs(x-72) > 1 || math.Abs(y-12) > 1 {
			t.Errorf("%d degrees: the mark goes back to %.1f, %.1f, want 72, 12", degrees, x, y)
		}
	}
}

// TestDetectOddPictures wants no panic and no region beyond the picture, whatever its shape.
func TestDetectOddPictures(t *testing.T) {
	for _, m := range []image.Image{
		image.NewGray(image.Rect(0, 0, 0, 0)), image.NewGray(image.Rect(0, 0, 1, 1)), image.NewRGBA(image.Rect(5, 5, 30, 900)),
		image.NewYCbCr(image.Rect(3, 3, 40, 40), image.YCbCrSubsampleRatio420), image.NewGray(image.Rect(0, 0, 3000, 4)),
		scene(300, 20),
	} {
		b := m.Bounds()
		for _, r := range DetectImage(m) {
			if r.Box.clip(b.Dx(), b.Dy()) != r.Box || r.Score < 0 || r.Score > 1 {
				t.Errorf("%v: got %v", b, r)
			}
		}
	}
}

// TestCascadeDigest wants a cascade that is not the measured one refused before it is unpacked.
func TestCascadeDigest(t *testing.T) {
	const name = "pigo/facefinder"
	if _, err := unpackCascade(name, facefinder.digest, facefinderFile); err != nil {
		t.Errorf("the embedded cascade: %v", err)
	}
	for what, bad := range map[string][]byte{"nothing": nil, "cut": facefinderFile[:20], "changed": flip(facefinderFile, 5000)} {
		if _, err := unpackCascade(name, facefinder.digest, bad); err == nil {
			t.Errorf("%s: got no error", what)
		}
	}
}
