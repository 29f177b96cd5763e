package train

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRasterise(t *testing.T) {
	for _, c := range []struct {
		name, path string
		share      float64 // of the square that is filled
	}{
		{"square", "M2 2h6v6h-6z", 0.36},
		{"absolute square", "M2,2 L8,2 L8,8 L2,8 Z", 0.36},
		{"lines without letters", "M2 2 8 2 8 8 2 8z", 0.36},
		{"relative moves", "m2 2h3v6h-3zm3 0h3v6h-3z", 0.36},
		{"H and V", "M2 2H8V8H2Z", 0.36},
		{"glued numbers", "M2.0.0L8.0.0 8 6 2 6Z", 0.36},
		{"circle of two arcs", "M1 5a4 4 0 1 1 8 0a4 4 0 1 1 -8 0z", 0.16 * math.Pi},
		{"circle with glued flags", "M1 5a4 4 0 118 0a4 4 0 11-8 0z", 0.16 * math.Pi},
		{"an arc too small is widened", "M1 5a1 1 0 1 1 8 0z", 0.08 * math.Pi},
		{"parabola", "M0 10Q5 0 10 10Z", 1.0 / 3},
		{"smooth curve", "M0 5c2 -4 3 -4 5 0s3 4 5 0z", 0.192},
		{"smooth parabola", "M0 5q2.5 -5 5 0t5 0z", 2.0 / 12},
		{"exponent", "M2e0 2h6v6h-6z", 0.36},
		{"empty", "", 0},
	} {
		a, err := rasterise(c.path, 10, 200)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		sum := 0.0
		for _, v := range a.Pix {
			sum += float64(v) / 255
		}
		if got := sum / (200 * 200); math.Abs(got-c.share) > 0.02 {
			t.Errorf("%s: got %.3f filled, want %.3f", c.name, got, c.share)
		}
	}
}

func TestRasteriseRefuses(t *testing.T) {
	for name, path := range map[string]string{
		"unknown command": "M0 0 X5 5", "number first": "5 5", "cut short": "M0 0 L5", "no number": "M0 0 Lx y",
		"after close": "M0 0z5 5", "bad flag": "M0 0a1 1 0 2 1 3 3", "too large": "M0 0L9e9 0", "no digits": "M-.e 0",
		"too long": strings.Repeat("M0 0", maxPath), "too many steps": "M0 0" + strings.Repeat("h1", maxSteps+10),
	} {
		if _, err := rasterise(path, 10, 16); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzRasterise(f *testing.F) {
	f.Add("M2 2h6v6h-6zm3 0a4 4 0 118 0q1 1 2 2t1-1c1 1 2 2 3 3s1 1 2 2")
	f.Fuzz(func(t *testing.T, path string) {
		if a, err := rasterise(path, 512, 24); err == nil && len(a.Pix) != 24*24 {
			t.Errorf("%q: a picture of %d bytes", path, len(a.Pix))
		}
	})
}

// drawingsFile writes a few drawings in the format of the package.
func drawingsFile(t *testing.T) string {
	t.Helper()
	icons := map[string]map[string]string{"not-a-path": {"body": "<g><circle r=\"3\"/></g>"}}
	for i := range 15 {
		icons[fmt.Sprintf("icon-%02d", i)] = map[string]string{"body": fmt.Sprintf(
			`<path fill="currentColor" d="M%d 60h300v90h-90v300h-%dz"/>`, 80+i, 90+i)}
	}
	data, err := json.Marshal(map[string]any{"prefix": "made-up", "icons": icons})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "icons.json")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDesignsAreDivided(t *testing.T) {
	file := drawingsFile(t)
	train, err := newDesigns(file, Train)
	if err != nil {
		t.Fatal(err)
	}
	report, err := newDesigns(file, Report)
	if err != nil {
		t.Fatal(err)
	}
	if len(train.paths) != 12 || len(report.paths) != 1 {
		t.Errorf("got %d drawings to train on and %d to report, want 12 and 1", len(train.paths), len(report.paths))
	}
	for _, p := range report.paths {
		for _, q := range train.paths {
			if p == q {
				t.Errorf("drawing %q is in both parts", p)
			}
		}
	}
	for name, content := range map[string]string{"no JSON": "{", "no icons": "{}"} {
		bad := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newDesigns(bad, Train); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := newDesigns(filepath.Join(t.TempDir(), "absent.json"), Train); err == nil {
		t.Error("absent file: accepted")
	}
}

func TestDesignsDraw(t *testing.T) {
	for name, file := range map[string]string{"with drawings": drawingsFile(t), "without": ""} {
		d, err := newDesigns(file, Train)
		if err != nil {
			t.Fatal(err)
		}
		blank := 0
		for i := range 60 {
			m := d.draw(rand.New(rand.NewPCG(1, uint64(i))))
			again := d.draw(rand.New(rand.NewPCG(1, uint64(i))))
			total := float32(0)
			for j, v := range m.ink {
				if v < 0 || v > 1.001 {
					t.Fatalf("%s, %d: ink %v", name, i, v)
				}
				if again.ink[j] != v {
					t.Fatalf("%s, %d: another design at the second time", name, i)
				}
				total += v
			}
			if len(m.ink) != m.w*m.h || total < 20 {
				blank++
			}
		}
		if blank > 3 {
			t.Errorf("%s: %d of 60 designs have next to no ink", name, blank)
		}
	}
}

func TestMaskOutlineAndTrim(t *testing.T) {
	m := newMask(40, 40)
	for y := 10; y < 30; y++ {
		for x := 5; x < 25; x++ {
			m.ink[y*40+x] = 1
		}
	}
	line := m.outline(2)
	if line.at(15, 20) != 0 || line.at(5, 20) != 1 || line.at(24, 29) != 1 {
		t.Errorf("outline: got %v in the middle, %v and %v at the edges", line.at(15, 20), line.at(5, 20), line.at(24, 29))
	}
	if c := m.trim(); c.w != 20 || c.h != 20 || c.at(0, 0) != 1 {
		t.Errorf("trim: got %d × %d", c.w, c.h)
	}
	if c := newMask(7, 9).trim(); c.w != 7 || c.h != 9 {
		t.Errorf("trim of nothing: got %d × %d", c.w, c.h)
	}
	small, scale := m.shrink(0.2)
	if small.w != 10 || math.Abs(scale-0.8) > 1e-9 {
		t.Errorf("shrink by 0.2: got %d pixels a side and scale %v, want 10 and 0.8", small.w, scale)
	}
	shaded := m.shade(rand.New(rand.NewPCG(1, 1)))
	for i := range m.ink {
		if shaded.ink[i] > m.ink[i] {
			t.Fatal("shading added ink")
		}
	}
}
