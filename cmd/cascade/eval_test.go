package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

// realData is the folder of real pictures, or skips the test: they are not part of the project.
func realData(t *testing.T) string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(root, "faces", "dev-boxes.csv")); err != nil {
		t.Skip("SKIPPED: no folder of pictures at ../shared/data: nothing real was measured")
	}
	return root
}

// greyData is a folder of data in which every picture is grey: whatever is labelled must be missed.
func greyData(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	grey := func(name string) {
		m := image.NewRGBA(image.Rect(0, 0, 90, 90))
		draw.Draw(m, m.Rect, image.NewUniform(color.Gray{120}), image.Point{}, draw.Src)
		var file bytes.Buffer
		if err := jpeg.Encode(&file, m, nil); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(root, filepath.FromSlash(name)), file.Bytes())
	}
	const marks = ",leye_x,leye_y,reye_x,reye_y,nose_x,nose_y,lmouth_x,lmouth_y,rmouth_x,rmouth_y"
	rows := "file,x1,y1,x2,y2" + marks + "\n"
	for i := range 12 {
		name := fmt.Sprintf("dev/%d.jpg", i)
		grey("faces/" + name)
		grey(fmt.Sprintf("wounds/fuseg/%d.jpg", i))
		rows += name + ",20,20,70,70,35,38,55,38,45,48,38,58,52,58\n"
	}
	put(t, filepath.Join(root, "faces", "dev-boxes.csv"), []byte(rows))
	put(t, filepath.Join(root, "faces", "masked-boxes.csv"), []byte("file,x1,y1,x2,y2,class\n"))
	put(t, filepath.Join(root, "faces", "groups-boxes.csv"), []byte("file,x1,y1,x2,y2\n"))
	put(t, filepath.Join(root, "faces", "tones.csv"), []byte("file,age,sex,group_code,set\n"))
	grey("wounds/fuseg/0015.jpg") // reported
	grey("wounds/medetec/burns/1.jpg")
	grey("negatives/general/n1_thing.jpg")
	return root
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestUsage(t *testing.T) {
	root := greyData(t)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"nothing", nil},
		{"no such command", []string{"guess"}},
		{"eval without data", []string{"eval", "face"}},
		{"eval of another kind", []string{"eval", "drawn", root}},
		{"eval of no part", []string{"eval", "face", "--part", "all", root}},
		{"no such flag", []string{"eval", "face", root, "--fast"}},
		{"show without a folder to write to", []string{"show", "a.jpg"}},
		{"show of nothing", []string{"show", "--out", t.TempDir()}},
		{"a sheet of something else", []string{"show", "--sheet", "hits", "--out", t.TempDir(), root}},
		{"a sheet of two folders", []string{"show", "--sheet", "misses", "--out", t.TempDir(), root, root}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := command(context.Background(), c.args, &out); !errors.Is(err, errUsage) {
				t.Errorf("cascade %v: got %v, want a word on the usage", c.args, err)
			}
		})
	}
	for _, args := range [][]string{{"help"}, {"eval", "-h"}} {
		var out bytes.Buffer
		if err := command(context.Background(), args, &out); err != nil || out.String() != usage {
			t.Errorf("cascade %v: got %q and %v, want the usage", args, out.String(), err)
		}
	}
}

func TestEvalOfGreyPictures(t *testing.T) {
	root := greyData(t)
	var out bytes.Buffer
	err := command(context.Background(), []string{"eval", "face", root, "--json", "--sample", "1"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]result{}
	dec := json.NewDecoder(&out)
	for dec.More() {
		var r result
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		sets[r.Set] = r
	}
	for _, set := range []string{"whole", "roll", "clinical", "partial/upper"} {
		if r := sets[set]; r.Of != 1 || r.Found != 0 || r.Interval[1] < 0.7 || r.Part != "report" {
			t.Errorf("%s: got %+v, want one label, missed, with a wide interval", set, r)
		}
	}
	if r := sets["partial"]; r.Of != 5 {
		t.Errorf("partial: got %d labels, want one of each of five cuts", r.Of)
	}
	if r := sets["false/fuseg"]; r.Pictures != 1 || r.False != 0 {
		t.Errorf("false/fuseg: got %+v, want one picture without boxes", r)
	}
}

func TestEvalKeepsToTheSetAskedFor(t *testing.T) {
	var out bytes.Buffer
	err := command(context.Background(), []string{"eval", "face", "--set", "partial/half", greyData(t), "--part", "tune"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	none := []string{"eval", "face", "--set", "partial/non", greyData(t)}
	if err := command(context.Background(), none, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), `"partial/non"`) {
		t.Errorf("a set that is none: got %v, want an error that names it", err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "set ") || !strings.HasPrefix(lines[1], "partial/half ") {
		t.Errorf("table: got\n%swant a head and one line, partial/half", out.String())
	}
}

func TestEvalOfRealFaces(t *testing.T) {
	root := realData(t)
	var out bytes.Buffer
	err := command(context.Background(), []string{"eval", "face", "--set", "whole", "--sample", "6", "--json", root}, &out)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.NewDecoder(&out).Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Set != "whole" || r.Of != 6 || r.Found < 4 {
		t.Errorf("six whole faces: got %d of %d found, want 4 at least", r.Found, r.Of)
	}
}

func TestShowFiles(t *testing.T) {
	root, dir := greyData(t), filepath.Join(t.TempDir(), "drawn")
	var out bytes.Buffer
	name := filepath.Join(root, "wounds", "fuseg", "3.jpg")
	if err := command(context.Background(), []string{"show", name, "--out", dir}, &out); err != nil {
		t.Fatal(err)
	}
	if m := decode(t, filepath.Join(dir, "3.jpg.png")); m.Bounds() != image.Rect(0, 0, 90, 90) {
		t.Errorf("drawn copy: got %v, want 90 × 90", m.Bounds())
	}
	if !strings.Contains(out.String(), "3.jpg.png: 0 boxes") {
		t.Errorf("output: got %q, want the file and its 0 boxes", out.String())
	}
	same := filepath.Join(root, "wounds", "same", "3.jpg")
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	put(t, same, file)
	out.Reset()
	if err := command(context.Background(), []string{"show", name, same, "--out", dir}, &out); err != nil ||
		!strings.Contains(out.String(), "3.jpg.png: ") || !strings.Contains(out.String(), "3.jpg-2.png: ") {
		t.Errorf("two of the same name: got %q and %v, want two names", out.String(), err)
	}
	decode(t, filepath.Join(dir, "3.jpg-2.png"))
	if _, err := readBounded(name, int64(len(file))-1); !errors.Is(err, imaging.ErrTooLarge) {
		t.Errorf("a file over the limit: got %v", err)
	}
	put(t, filepath.Join(root, "none.jpg"), []byte("no picture"))
	for _, bad := range []string{filepath.Join(root, "absent.jpg"), filepath.Join(root, "none.jpg")} {
		if err := command(context.Background(), []string{"show", bad, "--out", dir}, &out); err == nil {
			t.Errorf("show %s: got no error", filepath.Base(bad))
		}
	}
}

func TestShowSheets(t *testing.T) {
	root := greyData(t)
	for _, c := range []struct {
		sheet, set string
		pages      int
		says       string
	}{
		{"misses", "partial", 1, "5 of 5 pictures"},
		{"false", "false", 0, "0 of 2 pictures"},
		{"all", "false/fuseg", 1, "1 of 1 pictures"},
	} {
		t.Run(c.sheet, func(t *testing.T) {
			dir := t.TempDir()
			var out bytes.Buffer
			err := command(context.Background(), []string{"show", "--sheet", c.sheet, "--set", c.set, "--sample", "1", "--out", dir, root}, &out)
			if err != nil {
				t.Fatal(err)
			}
			pages, err := filepath.Glob(filepath.Join(dir, c.sheet+"-*.png"))
			if err != nil || len(pages) != c.pages || !strings.HasPrefix(out.String(), c.says) {
				t.Errorf("got %d pages, %v and %q, want %d pages and %q", len(pages), err, out.String(), c.pages, c.says)
			}
			for _, p := range pages {
				decode(t, p)
			}
		})
	}
}

func decode(t *testing.T, name string) image.Image {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEvalOfEachKind(t *testing.T) {
	root := realData(t)
	for _, c := range []struct{ kind, set, want string }{
		{"text", "mark", "mark"},
		{"tattoo", "tattoo/studio", "tattoo/studio photos"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			var out bytes.Buffer
			args := []string{"eval", c.kind, "--set", c.set, "--sample", "3", "--json", "--drawings", "", root}
			if err := command(context.Background(), args, &out); err != nil {
				t.Fatal(err)
			}
			var r result
			if err := json.NewDecoder(&out).Decode(&r); err != nil {
				t.Fatal(err)
			}
			if r.Set != c.want || r.Of != 3 || string(r.Kind) != c.kind || r.Found == 0 {
				t.Errorf("three of %s: got %+v, want one found at least", c.set, r)
			}
			var sheet bytes.Buffer
			err := command(context.Background(), []string{"show", "--sheet", "all", "--kind", c.kind, "--set", c.set, "--sample", "1",
				"--drawings", "", "--out", t.TempDir(), root}, &sheet)
			if err != nil || !strings.HasPrefix(sheet.String(), "1 of 1 pictures") {
				t.Errorf("a sheet of one picture: got %v and %q", err, sheet.String())
			}
		})
	}
}
