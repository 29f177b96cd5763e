package imaging

import (
	"bytes"
	"errors"
	"image"
	"os/exec"
	"testing"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// progressive writes a picture's coefficients in progressive form.
func progressive(t testing.TB, jpg []byte) []byte {
	t.Helper()
	c, err := jpegcoef.Read(jpg, jpegcoef.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Write(&out, jpegcoef.WriteOptions{Progressive: true}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// equalCoefficients reports whether two files hold one picture.
func equalCoefficients(t testing.TB, a, b []byte) bool {
	t.Helper()
	ca, err := jpegcoef.Read(a, jpegcoef.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	cb, err := jpegcoef.Read(b, jpegcoef.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return ca.EqualOutside(cb, nil)
}

// TestProgressiveKept wants a progressive source to stay progressive, in every form of it, and a chart's copy of it
// to be baseline with the same coefficients.
func TestProgressiveKept(t *testing.T) {
	sources := map[string]image.Image{"colour": scene(77, 53), "grey": image.NewGray(image.Rect(0, 0, 40, 33)), "tiny": scene(3, 2)}
	for i, name := range []string{"colour", "grey", "tiny"} {
		t.Run(name, func(t *testing.T) {
			jpg := encodeJPEG(t, sources[name])
			s := mustRead(t, progressive(t, jpg))
			p, err := examine(s.Bytes())
			if err != nil || !p.progressive || p.baseline {
				t.Fatalf("got %+v, %v, want a progressive picture", p, err)
			}
			if !equalCoefficients(t, jpg, s.Bytes()) {
				t.Error("coefficients differ from the source's")
			}
			redacted, masked, err := Redact(s, []Region{person(0, 0, 2, 2)})
			if err != nil || len(masked) != 1 {
				t.Fatalf("redacting: %v, %v", masked, err)
			}
			if p, err := examine(redacted.Bytes()); err != nil || !p.progressive {
				t.Errorf("redacted: got %+v, %v, want a progressive picture", p, err)
			}
			chart, _, _, err := Baseline(s)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := examine(chart); err != nil || !p.baseline || !equalCoefficients(t, jpg, chart) {
				t.Errorf("chart copy: got %+v, %v, want baseline with the source's coefficients", p, err)
			}
			turned := mustRead(t, withOrientation(progressive(t, jpg), 6+i%2))
			if p, err := examine(turned.Bytes()); err != nil || !p.progressive {
				t.Errorf("turned: got %+v, %v, want a progressive picture", p, err)
			}
		})
	}
}

// TestProgressiveByJpegtran reads what another encoder makes, restart markers and its own scan order included.
func TestProgressiveByJpegtran(t *testing.T) {
	judge := tool(t, "jpegtran")
	jpg := photo(t, 150, 90)
	for _, args := range [][]string{{}, {"-restart", "3B"}, {"-restart", "1"}, {"-grayscale"}} {
		cmd := exec.Command(judge, append([]string{"-copy", "none", "-progressive"}, args...)...)
		cmd.Stdin = bytes.NewReader(jpg)
		made, err := cmd.Output()
		if err != nil {
			t.Fatalf("jpegtran %v: %v", args, err)
		}
		s := mustRead(t, made)
		if p, err := examine(s.Bytes()); err != nil || !p.progressive || !equalCoefficients(t, made, s.Bytes()) {
			t.Errorf("jpegtran %v: got %+v, %v, want its coefficients in a progressive picture", args, p, err)
		}
	}
}

// TestVerifyRefusesProgressive spoils a clean progressive file in one way at a time.
func TestVerifyRefusesProgressive(t *testing.T) {
	clean := mustRead(t, progressive(t, photo(t, 64, 48))).Bytes()
	first, last, end := bytes.Index(clean, []byte{0xff, markSOS}), bytes.LastIndex(clean, []byte{0xff, markSOS}), len(clean)-2
	lastTable := bytes.LastIndex(clean, []byte{0xff, markDHT})
	with := func(at int, extra ...byte) []byte {
		return append(append(bytes.Clone(clean[:at]), extra...), clean[at:]...)
	}
	cases := map[string][]byte{
		"without its last scan":        append(bytes.Clone(clean[:lastTable]), 0xff, markEOI),
		"its last scan twice":          with(end, clean[lastTable:end]...),
		"a comment between scans":      with(lastTable, segment(markCOM, 'h', 'i')...),
		"a restart interval late":      with(lastTable, segment(markDRI, 0, 9)...),
		"quantisation late":            with(lastTable, segment(markDQT, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)...),
		"JFIF late":                    with(lastTable, clean[2:20]...),
		"a byte behind a scan":         with(lastTable, 0x55),
		"a byte behind the last scan":  with(end, 0x55),
		"a table nobody uses":          with(last, segment(markDHT, append(append([]byte{0x03, 1}, make([]byte, 15)...), 0)...)...),
		"a frame that says sequential": bytes.Replace(clean, []byte{0xff, markSOF2}, []byte{0xff, markSOF1}, 1),
		"twice the height":             bytes.Replace(clean, []byte{8, 0, 48, 0, 64}, []byte{8, 0, 96, 0, 64}, 1),
		"a byte behind the end":        append(bytes.Clone(clean), 0),
		"only a first scan":            append(bytes.Clone(clean[:first+200]), 0xff, markEOI),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			if err := Verify(data); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want %v", err, ErrMalformed)
			}
		})
	}
	// Whatever the checker passes, the codec must read to the same last byte.
	passed := 0
	step := 1
	if underRace {
		step = 20
	}
	for at := 0; at < len(clean); at += step {
		for _, bit := range []byte{1, 0x10} {
			data := bytes.Clone(clean)
			data[at] ^= bit
			if Verify(data) != nil {
				continue
			}
			passed++
			c, err := jpegcoef.Read(data, jpegcoef.DefaultLimits())
			if err != nil || c.Skipped() != 0 || c.Trailing() != 0 {
				t.Fatalf("bit %#x of byte %d turned: the checker passes what the codec reads as %v", bit, at, err)
			}
		}
	}
	t.Logf("%d of %d files with one bit turned still pass as other pictures", passed, 2*len(clean)/step)
}
