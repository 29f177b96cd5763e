//go:build linux

package jpegcoef

import (
	"bytes"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Both tools on one file in one run, turn and turn about, by processor time: theirs is that of their whole process,
// ours that of this one, garbage collection included. Ratios are the benchmark's figures.

// cpu is the processor time of this process so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// versus times f against a tool of libjpeg-turbo on a file of 12 megapixels and reports how often theirs ours is.
func versus(b *testing.B, data []byte, f func() error, name string, variants ...[]string) {
	b.Helper()
	tool, err := exec.LookPath(name)
	if err != nil {
		b.Skipf("SKIPPED: %s is not installed (libjpeg-turbo-progs), so nothing was compared", name)
	}
	file := filepath.Join(b.TempDir(), "in.jpg")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
	var ours time.Duration
	theirs := make([]time.Duration, len(variants))
	runs := 0
	for b.Loop() {
		runs++
		start := cpu(b)
		if err := f(); err != nil {
			b.Fatal(err)
		}
		ours += cpu(b) - start
		for i, args := range variants {
			cmd := exec.Command(tool, append(append([]string{}, args...), "-outfile", os.DevNull, file)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%s: %v: %s", name, err, bytes.TrimSpace(out))
			}
			theirs[i] += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		}
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(runs), "our-cpu-ms")
	for i, args := range variants {
		label := args[len(args)-1]
		b.ReportMetric(float64(theirs[i].Milliseconds())/float64(runs), "cpu-ms:"+name+label)
		b.ReportMetric(float64(ours)/float64(theirs[i]), "ratio:"+name+label)
	}
}

// strip reads and writes, as every photo is.
func strip(data []byte) error {
	c, err := Read(data, DefaultLimits())
	if err != nil {
		return err
	}
	return c.Write(io.Discard, WriteOptions{})
}

// BenchmarkVersusJpegtran strips. Ours always writes optimal codes, jpegtran only with -optimize.
func BenchmarkVersusJpegtran(b *testing.B) {
	data := twelveMegapixels()
	versus(b, data, func() error { return strip(data) }, "jpegtran",
		[]string{"-copy", "none"}, []string{"-copy", "none", "-optimize"})
}

// BenchmarkVersusJpegtranProgressive strips a progressive file, which stays one.
func BenchmarkVersusJpegtranProgressive(b *testing.B) {
	data, _ := rewrite(b, mustRead(b, twelveMegapixels()), WriteOptions{Progressive: true})
	versus(b, data, func() error {
		c, err := Read(data, DefaultLimits())
		if err != nil {
			return err
		}
		return c.Write(io.Discard, WriteOptions{Progressive: true})
	}, "jpegtran", []string{"-copy", "none", "-progressive"})
}

// BenchmarkVersusDjpeg reads and decodes at a quarter of the size, as for detection.
func BenchmarkVersusDjpeg(b *testing.B) {
	data := twelveMegapixels()
	versus(b, data, func() error {
		c, err := Read(data, DefaultLimits())
		if err != nil {
			return err
		}
		_, err = c.DecodeScaled(4)
		return err
	}, "djpeg", []string{"-scale", "1/4"})
}

// BenchmarkMaskVersusStrip covers a tenth of the picture and writes it, beside a strip of the same file.
func BenchmarkMaskVersusStrip(b *testing.B) {
	data := twelveMegapixels()
	var plain, masked time.Duration
	for b.Loop() {
		start := cpu(b)
		if err := strip(data); err != nil {
			b.Fatal(err)
		}
		middle := cpu(b)
		c := mustRead(b, data)
		c.Mask(image.Rect(1000, 800, 2200, 1800), [3]uint8{0, 0, 0})
		if err := c.Write(io.Discard, WriteOptions{}); err != nil {
			b.Fatal(err)
		}
		plain, masked = plain+middle-start, masked+cpu(b)-middle
	}
	b.ReportMetric(float64(masked)/float64(plain), "ratio:strip")
}

// BenchmarkStripMemory reports the most heap in use at any time of a strip, the file itself included.
func BenchmarkStripMemory(b *testing.B) {
	data := twelveMegapixels()
	most := uint64(0)
	for b.Loop() {
		runtime.GC()
		c := mustRead(b, data)
		var out bytes.Buffer
		if err := c.Write(&out, WriteOptions{}); err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
		runtime.KeepAlive(c)
	}
	b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
}
