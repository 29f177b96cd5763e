package main

import (
	"database/sql"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/imaging/train"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// smallData lays out the least that a cascade of the face family can be learned from: discs on grey.
func smallData(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	picture := func(name string, disc bool) {
		m := image.NewGray(image.Rect(0, 0, 120, 120))
		draw.Draw(m, m.Rect, image.NewUniform(color.Gray{110}), image.Point{}, draw.Src)
		for i := range m.Pix {
			if x, y := i%120-60, i/120-60; disc && x*x+y*y < 900 {
				m.Pix[i] = 210
			}
		}
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := jpeg.Encode(f, m, nil); err != nil {
			t.Fatal(err)
		}
	}
	rows := "file,x1,y1,x2,y2,leye_x,leye_y,reye_x,reye_y,nose_x,nose_y,lmouth_x,lmouth_y,rmouth_x,rmouth_y\n"
	for i := range 24 {
		picture(fmt.Sprintf("faces/train/%d.jpg", i), true)
		rows += fmt.Sprintf("train/%d.jpg,30,30,90,90,45,50,75,50,60,62,50,75,70,75\n", i)
		picture(fmt.Sprintf("wounds/fuseg/%d.jpg", i), false)
	}
	picture("wounds/medetec/toes/toe.jpg", false)
	picture("negatives/general/thing.jpg", false)
	for name, text := range map[string]string{"train-boxes.csv": rows, "tones.csv": "file,age,sex,group_code,set\n"} {
		if err := os.WriteFile(filepath.Join(root, "faces", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestLearn learns from what a running service holds, beside it: a cascade comes out, the log says which photos were
// opened, and no picture is left anywhere.
func TestLearn(t *testing.T) {
	s := newService(t, nil)
	s.start()
	id := waitForReview(t, s, vaulttest.Picture(t, 640, 480, 9), func(*sql.DB, vault.PhotoID) {})
	reviewer := s.signIn("reviewer")
	var next struct{ Photo *vault.Photo }
	reviewer.must("POST", "/api/v1/review/next", nil, &next)
	reviewer.must("POST", "/api/v1/photos/"+string(id)+"/approve", map[string]any{"version": next.Photo.Version, "force": true,
		"regions": []map[string]any{{"kind": "face", "x0": 100, "y0": 100, "x1": 300, "y1": 320}}}, nil)
	out := filepath.Join(t.TempDir(), "face")
	said, err := runBinary(t, "learn", "face", "--config", s.config, "--data", smallData(t), "--out", out, "--trees", "3")
	if err != nil || !strings.Contains(said, "learning from 1 reviewed photos (1 opened)") || !strings.Contains(said, "sha256") {
		t.Fatalf("learning: %v\n%s", err, said)
	}
	c, err := train.Parse(readFile(t, out))
	if err != nil || c.Trees() < 1 || c.Trees() > 3 {
		t.Errorf("the cascade: %v, %v", c, err)
	}
	var opened int
	if err := s.open().QueryRow(`SELECT count(*) FROM audit_events WHERE act = 'photo.learn' AND outcome = 'ok' AND actor = 'operator' AND photo = $1`,
		string(id)).Scan(&opened); err != nil || opened != 1 {
		t.Errorf("%d events of the photo, %v, want 1", opened, err)
	}
	verifyLog(t, s)
	noPictureIn(t, s.data, vaulttest.Picture(t, 640, 480, 9))
	if _, err := runBinary(t, "learn", "face", "--config", s.config, "--data", smallData(t), "--out", out); err == nil {
		t.Error("a cascade that is there was replaced")
	}
	for name, args := range map[string][]string{
		"no data":              {"--data", filepath.Join(s.data, "absent"), "--out", out + "2"},
		"data without faces":   {"--data", t.TempDir(), "--out", out + "2"},
		"no place to write to": {"--data", smallData(t), "--out", filepath.Join(s.data, "absent", "face")},
	} {
		said, err := runBinary(t, append([]string{"learn", "face", "--config", s.config}, args...)...)
		if err == nil || !strings.Contains(said, "no such file") || strings.Contains(said, "opened") {
			t.Errorf("%s: got %v, want a refusal before any photo is opened:\n%s", name, err, said)
		}
	}
	for _, args := range [][]string{{}, {"ear"}, {"face", "eye"}, {"face", "--photos", "0"}} {
		if _, err := runBinary(t, append([]string{"learn", "--config", s.config, "--data", "x", "--out", "y"}, args...)...); err == nil {
			t.Errorf("learn %v: got no error", args)
		}
	}
}

// TestFaceIn takes off what imaging.Margin adds.
func TestFaceIn(t *testing.T) {
	face := imaging.Region{Kind: imaging.KindFace, Box: imaging.Box{X0: 400, Y0: 400, X1: 600, Y1: 610}}
	covered := imaging.Margin(face, 1280, 960)
	near := func(a, b imaging.Box) bool {
		d := func(x, y int) bool { return x-y <= 2 && y-x <= 2 }
		return d(a.X0, b.X0) && d(a.Y0, b.Y0) && d(a.X1, b.X1) && d(a.Y1, b.Y1)
	}
	for _, tt := range []struct {
		name   string
		region vault.Region
		want   imaging.Box
		ok     bool
	}{
		{"a detector's", vault.Region{Kind: imaging.KindFace, Source: "d", Fate: "kept", Box: covered}, face.Box, true},
		{"cut off by the edge", vault.Region{Kind: imaging.KindFace, Source: "d", Fate: "kept", Box: imaging.Box{X1: 100, Y1: 100}}, imaging.Box{}, false},
		{"a person's", vault.Region{Kind: imaging.KindFace, Source: imaging.SourcePerson, Fate: "added", Box: imaging.Box{X0: 0, Y0: 0, X1: 100, Y1: 100}},
			imaging.Box{X0: 12, Y0: 25, X1: 88, Y1: 95}, true},
		{"moved", vault.Region{Kind: imaging.KindFace, Source: imaging.SourcePerson, Fate: "moved", Box: covered}, imaging.Box{}, false},
		{"a tattoo", vault.Region{Kind: imaging.KindTattoo, Source: "d", Fate: "kept", Box: covered}, imaging.Box{}, false},
	} {
		if got, ok := faceIn(tt.region, 1280, 960); ok != tt.ok || !near(got, tt.want) {
			t.Errorf("%s: got %v %v, want %v %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}
