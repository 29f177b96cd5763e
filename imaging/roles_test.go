//go:build !js

package imaging

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary is its own child: called with one of these words it does what a reading process does, or
// what a broken or subverted one might.
func TestMain(m *testing.M) {
	if len(os.Args) != 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "child":
		os.Exit(ChildMain(os.Stdin, os.Stdout))
	case "child-peak":
		status := ChildMain(os.Stdin, os.Stdout)
		tellPeak()
		os.Exit(status)
	case "child-hang":
		time.Sleep(time.Hour)
	case "child-spin", "child-eat":
		misbehave(os.Args[1])
	case "child-exit":
		os.Exit(7)
	case "child-garbage":
		_, _ = os.Stdout.Write(bytes.Repeat([]byte("CVF1 nonsense"), 100))
		os.Exit(0)
	case "child-flood":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
				os.Exit(1)
			}
		}
	case "child-dirty", "child-unmasked", "child-bigbox":
		os.Exit(lie(os.Args[1]))
	case "child-spy":
		os.Exit(spy())
	}
	os.Exit(m.Run())
}

// tellPeak writes on the error stream how many KiB this process held at most.
func tellPeak() {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Fprint(os.Stderr, strings.Fields(kib)[0])
		}
	}
}

// misbehave takes the request's limits and then breaks them.
func misbehave(how string) {
	var req request
	if err := readHead(os.Stdin, &req); err != nil {
		os.Exit(3)
	}
	if err := limitSelf(req.MemoryBytes, req.CPUSeconds); err != nil {
		os.Exit(4)
	}
	hoard := map[int][]byte{}
	for n := 0; ; n++ {
		if how == "child-eat" {
			hoard[n] = bytes.Repeat([]byte{byte(n)}, 16<<20)
		}
	}
}

// lie answers as a subverted child might: with metadata in a picture, with nothing masked, or with a region
// that lies outside.
func lie(how string) int {
	var req request
	if err := readHead(os.Stdin, &req); err != nil {
		return 3
	}
	data, err := readPicture(os.Stdin, 1<<30)
	if err != nil {
		return 3
	}
	out, err := serve(req, data)
	if err != nil {
		return 5
	}
	resp, err := parseResponse(out)
	if err != nil {
		return 5
	}
	switch how {
	case "child-dirty":
		p := resp.pictures[0]
		resp.pictures[0] = append(append(bytes.Clone(p[:2]), 0xff, markCOM, 0, 6, 'h', 'a', 'h', 'a'), p[2:]...)
	case "child-unmasked":
		resp.pictures[0] = data
	case "child-bigbox":
		resp.Regions = []Region{{Kind: KindFace, Box: Box{0, 0, 1 << 30, 5}, Source: "x"}}
	}
	out, err = appendFrame(resp, resp.pictures...)
	if err != nil {
		return 5
	}
	_, _ = os.Stdout.Write(out)
	return 0
}

// spy reports, as the name of a refused format, what a child can see and do.
func spy() int {
	var req request
	if err := readHead(os.Stdin, &req); err != nil {
		return 3
	}
	if err := limitSelf(req.MemoryBytes, req.CPUSeconds); err != nil {
		return 4
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	dir, _ := os.Getwd()
	_, errFile := os.Create(filepath.Join(os.TempDir(), "clinivault-spy"))
	wrote := "no"
	if errFile == nil {
		if os.WriteFile(filepath.Join(os.TempDir(), "clinivault-spy"), []byte("x"), 0o600) == nil {
			wrote = "yes"
		}
		_ = os.Remove(filepath.Join(os.TempDir(), "clinivault-spy"))
	}
	links := "unknown"
	if b, err := os.ReadFile("/proc/net/route"); err == nil {
		links = fmt.Sprint(strings.Count(string(b), "\n") - 1)
	}
	out, err := appendFrame(&response{Code: "unsupported",
		Name: fmt.Sprintf("env=%d dir=%s wrote=%s routes=%s", len(os.Environ()), dir, wrote, links), Advice: "none"})
	if err != nil {
		return 5
	}
	_, _ = os.Stdout.Write(out)
	return 0
}
