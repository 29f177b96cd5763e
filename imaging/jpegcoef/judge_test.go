package jpegcoef

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// judge runs a tool of libjpeg-turbo on data, or skips where it is not installed.
func judge(t *testing.T, data []byte, name string, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CLINIVAULT_TOOLS") == "required" {
		t.Fatalf("%s is not installed; scripts/tools.sh installs it", name)
	}
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed (libjpeg-turbo-progs)", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(data)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	err = cmd.Run()
	if err == nil && msg.Len() > 0 {
		err = fmt.Errorf("%s warns: %s", name, bytes.TrimSpace(msg.Bytes()))
	}
	return out.Bytes(), err
}

// pnm parses a binary PGM or PPM.
func pnm(t *testing.T, data []byte) (pix []byte, w, h int) {
	t.Helper()
	fields := bytes.Fields(data[:min(len(data), 40)])
	if len(fields) < 4 {
		t.Fatalf("djpeg wrote %d bytes that are no PNM", len(data))
	}
	w, _ = strconv.Atoi(string(fields[1]))
	h, _ = strconv.Atoi(string(fields[2]))
	n := w * h
	if string(fields[0]) == "P6" {
		n *= 3
	}
	return data[len(data)-n:], w, h
}

// TestDjpegSeesTheSamples compares the first component, and chroma of whole
// size, with libjpeg's, to the bit.
func TestDjpegSeesTheSamples(t *testing.T) {
	for _, s := range samplings {
		tr := YCbCr
		if len(s.f) == 1 {
			tr = Gray
		}
		c := synthetic(157, 103, s.f, tr)
		for _, progressive := range []bool{false, true} {
			data, _ := rewrite(t, c, WriteOptions{Progressive: progressive})
			out, err := judge(t, data, "djpeg", "-dct", "int", "-nosmooth", "-grayscale", "-pnm")
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			pix, w, h := pnm(t, out)
			if image.Pt(w, h) != dims(c) {
				t.Errorf("%s: djpeg sees %d × %d, want %v", s.name, w, h, dims(c))
				continue
			}
			if s.f[0] != [2]int{c.hmax, c.vmax} {
				continue // djpeg enlarges such luma in its own way
			}
			got := luma(t, c)
			for i, want := range pix {
				if g := got(i%w, i/w); g != want {
					t.Fatalf("%s: luma at %d,%d is %d, djpeg says %d", s.name, i%w, i/w, g, want)
				}
			}
		}
	}
}

// TestJpegtranTurnsAlike compares turned coefficients with jpegtran's.
func TestJpegtranTurnsAlike(t *testing.T) {
	flags := [9][]string{
		2: {"-flip", "horizontal"}, 3: {"-rotate", "180"}, 4: {"-flip", "vertical"}, 5: {"-transpose"},
		6: {"-rotate", "90"}, 7: {"-transverse"}, 8: {"-rotate", "270"},
	}
	for _, s := range samplings {
		if s.name == "4x4 1x1 2x2" {
			continue // jpegtran writes interleaved scans only
		}
		tr := YCbCr
		if len(s.f) == 1 {
			tr = Gray
		}
		c := synthetic(192, 96, s.f, tr)
		data, _ := rewrite(t, c, WriteOptions{})
		for o := 2; o <= 8; o++ {
			out, err := judge(t, data, "jpegtran", append(flags[o], "-copy", "none", "-perfect")...)
			if err != nil {
				t.Errorf("%s, orientation %d: %v", s.name, o, err)
				continue
			}
			turned, ok := c.Turn(o)
			if !ok || !mustRead(t, out).EqualOutside(turned, nil) {
				t.Errorf("%s, orientation %d: jpegtran turns to other coefficients", s.name, o)
			}
		}
	}
}

// TestJpegtranForms reads what jpegtran makes of a picture: optimised,
// progressive, with restarts.
func TestJpegtranForms(t *testing.T) {
	for _, s := range samplings[:9] {
		tr := YCbCr
		if len(s.f) == 1 {
			tr = Gray
		}
		c := synthetic(157, 103, s.f, tr)
		data, _ := rewrite(t, c, WriteOptions{})
		for _, args := range [][]string{
			{}, {"-optimize"}, {"-progressive"}, {"-restart", "2B"}, {"-restart", "1", "-progressive"},
		} {
			out, err := judge(t, data, "jpegtran", append(args, "-copy", "none")...)
			if err != nil {
				t.Errorf("%s %v: %v", s.name, args, err)
				continue
			}
			got, err := Read(out, DefaultLimits())
			if err != nil {
				t.Errorf("%s %v: Read = %v", s.name, args, err)
				continue
			}
			if !got.EqualOutside(c, nil) || got.Skipped() != 0 {
				t.Errorf("%s %v: other coefficients, %d skipped", s.name, args, got.Skipped())
			}
		}
	}
}

// TestDjpegSeesPhotosUnchanged decodes each photo and its rewritten form, which
// is progressive where the photo is, and for one photo in four where it is not.
func TestDjpegSeesPhotosUnchanged(t *testing.T) {
	compared, refused := 0, 0
	for name, data := range corpus(t, "photos", 16) {
		c, err := Read(data, DefaultLimits())
		if err != nil {
			if _, judged := judge(t, data, "djpeg", "-fast", "-outfile", "/dev/null"); judged == nil {
				t.Errorf("%s: Read = %v, but djpeg decodes it without a word", name, err)
			}
			refused++
			continue
		}
		want, err := judge(t, data, "djpeg", "-dct", "int", "-pnm")
		if len(want) == 0 {
			t.Logf("%s: %v", name, err)
			continue
		}
		compared++
		progressive := c.Progressive() || name[0]&3 == 0
		out, _ := rewrite(t, c, WriteOptions{Progressive: progressive})
		got, err := judge(t, out, "djpeg", "-dct", "int", "-pnm")
		if err != nil {
			t.Errorf("%s, progressive=%v: %v", name, progressive, err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s, progressive=%v: djpeg sees other pixels", name, progressive)
		}
	}
	t.Logf("%d photos compared, %d refused", compared, refused)
}
