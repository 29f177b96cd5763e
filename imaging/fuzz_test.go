//go:build linux

package imaging

import (
	"encoding/binary"
	"errors"
	"image"
	"runtime"
	"testing"
	"time"
)

// within ends the process when an input takes too long (the fuzzer itself would wait for it and report success), and
// fails it when it allocates more than memory bytes in all.
func within(t *testing.T, limit time.Duration, memory uint64, f func()) {
	t.Helper()
	timer := time.AfterFunc(limit, func() { panic("imaging test: input takes too long") })
	defer timer.Stop()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > memory {
		t.Errorf("allocated %d KiB, want at most %d", got>>10, memory>>10)
	}
}

// fuzzTime bounds an input. It is long because the machine may be busy; what hangs takes for ever.
const fuzzTime = 10 * time.Second

func FuzzVerify(f *testing.F) {
	clean := mustRead(f, photo(f, 24, 17)).Bytes()
	f.Add(clean)
	f.Add(mustRead(f, progressive(f, photo(f, 24, 17))).Bytes())
	f.Add(clean[:len(clean)/2])
	f.Add(insertAfterJFIF(clean, orientationSegment(6)))
	f.Add(jpegHeader(65535, 65535))
	f.Fuzz(func(t *testing.T, data []byte) {
		within(t, fuzzTime, 64<<20, func() {
			p, err := examine(data)
			if err != nil {
				return
			}
			// What passes must be readable, and read as the checker saw it.
			if int64(p.width)*int64(p.height) > 1<<20 {
				return
			}
			s, err := newStill(data)
			if err != nil {
				t.Fatalf("passed once, then: %v", err)
			}
			c, err := s.coefficients()
			if err != nil {
				t.Fatalf("passed but not readable: %v", err)
			}
			if c.Width() != p.width || c.Height() != p.height || c.Trailing() != 0 || c.Skipped() != 0 {
				t.Fatalf("checker saw %d × %d, codec %d × %d with %d and %d foreign bytes",
					p.width, p.height, c.Width(), c.Height(), c.Trailing(), c.Skipped())
			}
		})
	})
}

func FuzzOrientation(f *testing.F) {
	f.Add(orientationSegment(6)[10:])
	f.Add(overlapping())
	f.Add(ifd(binary.LittleEndian, 8, [4]uint32{tagOrientation, typeShort, 1, 3}))
	f.Add(ifd(binary.BigEndian, 0, [4]uint32{tagMake, 2, 1 << 30, 8}, [4]uint32{tagGPSIFD, typeLong, 1, 8}))
	f.Fuzz(func(t *testing.T, data []byte) {
		within(t, fuzzTime, 16<<20, func() {
			facts, s := readFacts(data, nil)
			if s.orientation < 1 || s.orientation > 8 || facts.Orientation != s.orientation {
				t.Fatalf("got orientation %d", s.orientation)
			}
			if facts.clean() != facts {
				t.Fatalf("got facts that are not clean")
			}
		})
	})
}

func FuzzRead(f *testing.F) {
	f.Add(photo(f, 24, 17))
	f.Add(withOrientation(photo(f, 17, 24), 7))
	f.Add(pngHeader(10, 10))
	f.Add(heicHeader(10, 10))
	f.Add(ftyp("mif1", "heic"))
	f.Fuzz(func(t *testing.T, data []byte) {
		within(t, fuzzTime, 64<<20, func() {
			if kind, _ := gate(data, DefaultLimits()); kind == heicFile {
				// The HEIC decoder is foreign code and slow to start; the boxes before it are ours.
				_, _ = surveyHEIC(data, DefaultLimits(), nil)
				return
			}
			s, err := Read(data, Limits{MaxPixels: 1 << 18, MaxBytes: 1 << 20})
			if err != nil {
				if !knownError(err) {
					t.Fatalf("unknown error %v", err)
				}
				return
			}
			if err := Verify(s.Bytes()); err != nil {
				t.Fatalf("accepted but not clean: %v", err)
			}
		})
	})
}

func FuzzResponse(f *testing.F) {
	whole, err := appendFrame(&response{Facts: Facts{Orientation: 1}, Removed: []string{"XMP"},
		Regions: []Region{{Kind: KindFace, Box: Box{1, 2, 3, 4}, Source: facefinder.name}}}, []byte("picture"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:20])
	f.Add([]byte("CVF1\x00\x00\x00\x02{}\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		within(t, fuzzTime, 16<<20, func() {
			resp, err := parseResponse(data)
			if err != nil {
				return
			}
			if err := resp.err(); err != nil && !knownError(err) && !errors.Is(err, ErrProof) && !errors.Is(err, ErrChild) {
				t.Fatalf("unknown error %v", err)
			}
			total := 0
			for _, p := range resp.pictures {
				total += len(p)
			}
			if total > len(data) || len(resp.pictures) > maxPictures {
				t.Fatalf("got %d pictures of %d bytes from %d bytes", len(resp.pictures), total, len(data))
			}
			if regions, err := checkRegions(resp.Regions, 100, 100); err == nil {
				for _, r := range regions {
					if !r.Box.rect().In(image.Rect(0, 0, 100, 100)) {
						t.Fatalf("got region %v outside the picture", r)
					}
				}
			}
		})
	})
}

// FuzzGate gives any bytes to the gate and to the surveys of every format.
func FuzzGate(f *testing.F) {
	var p planter
	f.Add(p.plant(photo(f, 24, 17), 6))
	f.Add(progressive(f, photo(f, 17, 24)))
	f.Add(pngWith(8, 8, pngChunk("tEXt", []byte("a\x00b")), pngChunk("IDAT", []byte("x"))))
	f.Add(heicHeader(10, 10))
	f.Add(rawTIFF("NIKON CORPORATION", 0x014a))
	f.Add(scanFlood(100, 100, 60))
	f.Add(ftyp("qt  "))
	f.Fuzz(func(t *testing.T, data []byte) {
		within(t, fuzzTime, 32<<20, func() {
			in, err := Inspect(data)
			if err != nil {
				if !knownError(err) || Reason(err) == "" {
					t.Fatalf("unknown error %v", err)
				}
				return
			}
			same := in
			same.Findings = append([]Finding{}, in.Findings...)
			same.clean()
			for i, finding := range same.Findings {
				if finding != in.Findings[i] {
					t.Fatalf("finding %d is not clean", i)
				}
			}
		})
	})
}

// FuzzProfile gives any bytes as a colour profile, and converts with what is understood.
func FuzzProfile(f *testing.F) {
	f.Add(profileSegment(profileP3)[18:])
	f.Add(genericRGB())
	f.Add(tableRGB())
	f.Add(darkGrey())
	pixels := scene(4, 4)
	grey := image.NewGray(image.Rect(0, 0, 4, 4))
	f.Fuzz(func(t *testing.T, data []byte) {
		within(t, fuzzTime, 32<<20, func() {
			kind, foreign, ok := chooseProfile(data)
			if foreign == nil {
				return
			}
			var img image.Image = pixels
			if foreign.grey {
				img = grey
			}
			if out := foreign.convert(img, kind); !ok || out.Bounds() != img.Bounds() {
				t.Fatalf("converted to %v", out.Bounds())
			}
			_ = profileName(data)
		})
	})
}
