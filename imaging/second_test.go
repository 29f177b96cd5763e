//go:build linux

package imaging

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestWithOpinion is the whole rule on what a second opinion changes.
func TestWithOpinion(t *testing.T) {
	region := func(kind Kind, x, y int, score float64, source string) Region {
		return Region{Kind: kind, Box: Box{x, y, x + 100, y + 100}, Score: score, Source: source}
	}
	firm, faint := region(KindFace, 0, 0, 0.8, "a"), region(KindFace, 300, 0, 0.3, "a")
	tattoo := region(KindTattoo, 600, 0, 0.3, "a")
	have := []Region{firm, faint, tattoo}
	for _, tc := range []struct {
		name string
		said Region
		want []Region
	}{
		{"a face that is firm already", region(KindFace, 20, 20, 0.9, "o"), have},
		{"a faint one", region(KindFace, 320, 20, 0.9, "o"), []Region{firm, region(KindFace, 320, 20, 0.9, "o"), tattoo}},
		{"a faint one, fainter", region(KindFace, 320, 20, 0.2, "o"), have},
		{"one that nobody saw", region(KindFace, 0, 500, 0.7, "o"), append(slices.Clone(have), region(KindFace, 0, 500, 0.7, "o"))},
		{"a face over a tattoo", region(KindFace, 600, 0, 0.7, "o"), append(slices.Clone(have), region(KindFace, 600, 0, 0.7, "o"))},
		{"a face beside a firm one", region(KindFace, 90, 0, 0.7, "o"), append(slices.Clone(have), region(KindFace, 90, 0, 0.7, "o"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := withOpinion(slices.Clone(have), tc.said); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if full := slices.Repeat([]Region{tattoo}, MaxRegions); len(withOpinion(full, firm)) != MaxRegions {
		t.Error("more regions than a picture may have")
	}
}

// TestPoolRefusesWeights: what is not the network that was named is refused before any picture.
func TestPoolRefusesWeights(t *testing.T) {
	junk := bytes.Repeat([]byte("no network"), 100)
	sum := sha256.Sum256(junk)
	for _, tc := range []struct {
		name    string
		weights []byte
		digest  string
	}{
		{"another digest", junk, strings.Repeat("0", 64)},
		{"no network", junk, hex.EncodeToString(sum[:])},
		{"nothing", nil, hex.EncodeToString(sum[:])},
		{"too large", make([]byte, MaxOpinionBytes+1), strings.Repeat("0", 64)},
	} {
		if _, err := NewPool(PoolConfig{InProcess: true, Opinion: tc.weights, OpinionSHA256: tc.digest}); !errors.Is(err, ErrWeights) {
			t.Errorf("%s: got %v, want ErrWeights", tc.name, err)
		}
	}
}

// TestSecondOpinion asks a network made by hand, in a real child, about a picture that lies on its side: what it sees is
// proposed where it then is, upright, beside what the detectors propose, and its name, digest and time are told.
func TestSecondOpinion(t *testing.T) {
	weights := whiteFinder("")
	upright := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	draw.Draw(upright, upright.Rect, image.NewUniform(color.Gray{20}), image.Point{}, draw.Src)
	patch := image.Rect(800, 400, 920, 520) // three cells of 16 pixels a side at 640 pixels
	draw.Draw(upright, patch, image.White, image.Point{}, draw.Src)
	p := children(t, "child", func(c *PoolConfig) { c.Opinion, c.OpinionSHA256 = weights, digestOf(weights) })
	for name, file := range map[string][]byte{"upright": encodeJPEG(t, upright), "on its side": withOrientation(encodeJPEG(t, turnRGBA(8, upright)), 6)} {
		d, err := p.Detect(context.Background(), file)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, r := range d.Regions {
			if r.Source != opinionPrefix+opinionSource {
				continue
			}
			seen++
			middle := image.Pt((r.Box.X0+r.Box.X1)/2, (r.Box.Y0+r.Box.Y1)/2)
			if r.Kind != KindFace || r.Model != digestOf(weights) || r.Tuning == "" || !middle.In(patch) {
				t.Errorf("%s: %+v, want a face in %v", name, r, patch)
			}
		}
		if seen == 0 || d.Used[usedByOpinion] <= 0 || !slices.ContainsFunc(d.Detectors, func(s string) bool { return strings.HasPrefix(s, opinionPrefix+"yunet sha256:") }) {
			t.Errorf("%s: %d faces by %v in %v", name, seen, d.Detectors, d.Used)
		}
		red, err := p.Redact(context.Background(), d.Still.Bytes(), d.Regions)
		if err != nil || !slices.Equal(red.Detectors, d.Detectors) {
			t.Errorf("%s: looked at again by %v, %v, want %v", name, red, err, d.Detectors)
		}
	}
}

// TestOpinionThatCannotBeAsked costs the picture nothing, and is not among the detectors. The weights cross the pipe
// behind the picture.
func TestOpinionThatCannotBeAsked(t *testing.T) {
	picture := encodeJPEG(t, face(t))
	plain, err := inProcess(t).Detect(context.Background(), picture)
	if err != nil {
		t.Fatal(err)
	}
	req := request{Op: opDetect, MemoryBytes: defaultMemory, CPUSeconds: 60, Opinion: strings.Repeat("0", 64), weights: []byte("no network")}
	frame, err := appendFrame(req, req.pictures(picture)...)
	if err != nil {
		t.Fatal(err)
	}
	out := askChild(t, frame)
	resp, err := parseResponse(out)
	if err != nil || resp.err() != nil {
		t.Fatalf("%v, %v", err, resp.err())
	}
	if !slices.Equal(resp.Regions, plain.Regions) || slices.ContainsFunc(resp.Detectors, func(d string) bool { return strings.HasPrefix(d, opinionPrefix) }) {
		t.Errorf("got %v by %v, want %v without a second opinion", resp.Regions, resp.Detectors, plain.Regions)
	}
	if _, used := resp.Used[usedByOpinion]; used {
		t.Error("the time of an opinion that was not given is told")
	}
	if resp, err := parseResponse(askChild(t, frame[:len(frame)-3])); err != nil || resp.err() == nil {
		t.Errorf("weights cut short: got %v, want a refusal", err)
	}
}

// askChild has a child of its own answer a frame.
func askChild(t *testing.T, frame []byte) []byte {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "child")
	cmd.Stdin = bytes.NewReader(frame)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the child: %v", err)
	}
	return out
}
