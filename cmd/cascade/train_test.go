package main

import (
	"bytes"
	"context"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pigo "github.com/esimov/pigo/core"

	"github.com/clinivault/clinivault/imaging/train"
)

// data gives the folder of the pictures to learn from, which are not part of this project.
func data(t *testing.T) string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(root); err != nil {
		t.Skip("SKIPPED: no pictures to learn from at ../shared/data")
	}
	return root
}

// TestTrainSmall learns an eye from every eightieth picture, breaks off and goes on, and has pigo find eyes with it.
func TestTrainSmall(t *testing.T) {
	root, dir := data(t), t.TempDir()
	run := func(name string, more ...string) []byte {
		t.Helper()
		out := filepath.Join(dir, name)
		args := append([]string{"train", "eye", "--sample", "80", "--out", out}, more...)
		if err := command(context.Background(), append(args, root), &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := run("whole", "--trees", "20")
	kept := filepath.Join(dir, "kept")
	run("part", "--trees", "16", "--checkpoint", kept)
	if again := run("again", "--trees", "20", "--checkpoint", kept); len(again) != len(whole) {
		t.Errorf("gone on: got %d bytes, want %d", len(again), len(whole))
	}
	if _, err := train.Parse(whole); err != nil {
		t.Fatal(err)
	}
	cascade, err := pigo.NewPigo().Unpack(whole)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(root, "faces", "dev", "1002_0_0.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	y := img.(*image.YCbCr)
	found := cascade.RunCascade(pigo.CascadeParams{MinSize: 40, MaxSize: 90, ShiftFactor: 0.1, ScaleFactor: 1.1,
		ImageParams: pigo.ImageParams{Pixels: y.Y, Rows: y.Rect.Dy(), Cols: y.Rect.Dx(), Dim: y.YStride}}, 0)
	atEye := 0
	for _, d := range found {
		for _, eye := range []image.Point{{125, 105}, {198, 109}} {
			if dx, dy := d.Col-eye.X, d.Row-eye.Y; dx*dx+dy*dy < 20*20 {
				atEye++
			}
		}
	}
	if atEye == 0 {
		t.Errorf("got %d windows, none at an eye", len(found))
	}
}

// TestTrainRefuses names what is wrong, and leaves files alone.
func TestTrainRefuses(t *testing.T) {
	dir := t.TempDir()
	there, bad := filepath.Join(dir, "there"), filepath.Join(dir, "bad")
	for _, name := range []string{there, bad} {
		if err := os.WriteFile(name, []byte("something else"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no target":            {[]string{dir}, "name a target"},
		"unknown target":       {[]string{"nose", dir}, "no target"},
		"tattoo by sample":     {[]string{"tattoo", "--sample", "3", dir}, "all pictures"},
		"output there":         {[]string{"eye", "--out", there, dir}, "exists"},
		"damaged checkpoint":   {[]string{"eye", "--out", filepath.Join(dir, "new"), "--checkpoint", bad, dir}, "damaged"},
		"no folder to write":   {[]string{"eye", "--out", filepath.Join(dir, "absent", "new"), dir}, "where to write"},
		"no folder to keep":    {[]string{"eye", "--out", filepath.Join(dir, "new"), "--checkpoint", filepath.Join(there, "kept"), dir}, "not a folder"},
		"no data":              {[]string{"eye", "--out", filepath.Join(dir, "new"), dir}, "reading"},
		"a sample of nothing":  {[]string{"eye", "--sample", "0", dir}, "name a target"},
		"a number that is not": {[]string{"eye", "--trees", "many", dir}, "trees"},
	} {
		err := command(context.Background(), append([]string{"train"}, tc.args...), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want it to say %q", name, err, tc.want)
		}
	}
	if got, err := os.ReadFile(there); err != nil || string(got) != "something else" {
		t.Errorf("the file that was there: got %q, %v", got, err)
	}
}
