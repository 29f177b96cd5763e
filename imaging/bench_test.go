//go:build linux

package imaging

import (
	"bytes"
	"context"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/image/draw"
)

// twelveMegapixels scales a real photo, or a scene, to 4000 × 3000.
func twelveMegapixels(b *testing.B) []byte {
	b.Helper()
	dst := scene(4000, 3000)
	if src, err := jpeg.Decode(bytes.NewReader(moduleSample(b))); err == nil {
		draw.ApproxBiLinear.Scale(dst, dst.Rect, src, src.Bounds(), draw.Src, nil)
	}
	noise := rand.New(rand.NewPCG(3, 4)) // a sensor's, so that the file is as long as a camera's
	for i := range dst.Pix {
		if i%4 != 3 {
			dst.Pix[i] = uint8(min(255, max(0, int(dst.Pix[i])+noise.IntN(13)-6)))
		}
	}
	return insert(encodeJPEG(b, dst), segment(markCOM, bytes.Repeat([]byte("x"), 60000)...))
}

// BenchmarkReadDetect12MP reads, strips, checks and searches one photo.
func BenchmarkReadDetect12MP(b *testing.B) {
	data := twelveMegapixels(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := Read(data, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Detect(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead12MP is the same without the search.
func BenchmarkRead12MP(b *testing.B) {
	data := twelveMegapixels(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Read(data, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify12MP is the checker alone.
func BenchmarkVerify12MP(b *testing.B) {
	s, err := Read(twelveMegapixels(b), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(s.data)))
	for b.Loop() {
		if err := Verify(s.data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRedact12MP masks, writes and proves.
func BenchmarkRedact12MP(b *testing.B) {
	s, err := Read(twelveMegapixels(b), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(s.data)))
	for b.Loop() {
		if _, _, err := Redact(s, []Region{person(1000, 800, 2200, 2000)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPoolRead12MP is all that a new photo costs, renditions and process included.
func BenchmarkPoolRead12MP(b *testing.B) {
	data := twelveMegapixels(b)
	p := children(b, "child", nil)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := p.Read(context.Background(), data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadVersusJpegtran is everything that a photo goes through before it is kept (gate, survey, rebuild,
// checker, digest) beside jpegtran on the same file, turn and turn about, by processor time.
func BenchmarkReadVersusJpegtran(b *testing.B) {
	tool, err := exec.LookPath("jpegtran")
	if err != nil {
		b.Skip("SKIPPED: jpegtran is not installed (libjpeg-turbo-progs), so nothing was compared")
	}
	data := twelveMegapixels(b)
	file := filepath.Join(b.TempDir(), "in.jpg")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
	var ours, theirs time.Duration
	for b.Loop() {
		start := cpuTime(b)
		if _, err := Read(data, Limits{}); err != nil {
			b.Fatal(err)
		}
		ours += cpuTime(b) - start
		cmd := exec.Command(tool, "-copy", "none", "-outfile", os.DevNull, file)
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		theirs += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(float64(ours)/float64(theirs), "ratio:jpegtran")
}

// BenchmarkChildMemory12MP reports the most memory that a reading process held, program included: for reading with
// detection and all renditions, and for covering a region and making the renditions of the result.
func BenchmarkChildMemory12MP(b *testing.B) {
	data := twelveMegapixels(b)
	s, err := Read(data, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	for _, req := range []request{{Op: opInspect}, {Op: opRead}, {Op: opRedact, Regions: []Region{person(1000, 800, 2200, 2000)}}} {
		picture := data
		if req.Op == opRedact {
			picture = s.data
		}
		frame, err := appendFrame(req, picture)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(req.Op, func(b *testing.B) {
			most := 0
			for b.Loop() {
				cmd := exec.Command(os.Args[0], "child-peak")
				var said bytes.Buffer
				cmd.Stdin, cmd.Stderr = bytes.NewReader(frame), &said
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				kib, err := strconv.Atoi(said.String())
				if err != nil {
					b.Fatal(err)
				}
				most = max(most, kib)
			}
			b.ReportMetric(float64(most)/1024, "peak-MiB")
		})
	}
}
