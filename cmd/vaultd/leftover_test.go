package main

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// noPictureIn searches a folder, every file of it, for the camera's frame at
// several offsets and for anything that decodes as a picture of some size.
func noPictureIn(t *testing.T, dir string, frame []byte) {
	t.Helper()
	var needles [][]byte
	for _, at := range []int{len(frame) / 5, len(frame) / 3, len(frame) / 2, len(frame) * 4 / 5} {
		needles = append(needles, frame[at:at+24])
	}
	icons := ownIcons(t)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for i, n := range needles {
			if bytes.Contains(b, n) {
				t.Errorf("%s holds the frame's bytes (piece %d)", filepath.Base(path), i)
			}
		}
		for _, icon := range icons {
			b = bytes.ReplaceAll(b, icon, nil)
		}
		if size, found := pictureIn(b); found {
			t.Errorf("%s holds a decodable picture of %v", filepath.Base(path), size)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 3 {
		t.Errorf("only %d files looked at in %s: the search is wrong", files, filepath.Base(dir))
	}
}

// ownIcons are the pictures that the program brings itself, which a browser may keep.
func ownIcons(t *testing.T) (icons [][]byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(vaulttest.Root(), "api", "web", "static", "icons", "*.png"))
	if err != nil || len(names) == 0 {
		t.Fatalf("the icons of the program: got %d, %v, want some", len(names), err)
	}
	for _, name := range names {
		icons = append(icons, readFile(t, name))
	}
	return icons
}

// pictureIn looks for a decodable JPEG, PNG or GIF of 100 pixels a side or more
// anywhere in b.
func pictureIn(b []byte) (image.Point, bool) {
	for _, start := range [][]byte{{0xff, 0xd8, 0xff}, []byte("\x89PNG\r\n\x1a\n"), []byte("GIF8")} {
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], start)
			if i < 0 {
				break
			}
			at += i
			config, _, err := image.DecodeConfig(bytes.NewReader(b[at:]))
			if err == nil && config.Width >= 100 && config.Height >= 100 {
				return image.Pt(config.Width, config.Height), true
			}
		}
	}
	return image.Point{}, false
}

// TestPictureIn proves that the search would find what it looks for.
func TestPictureIn(t *testing.T) {
	photo := photograph(t)
	if _, found := pictureIn(append([]byte("rubbish before"), photo...)); !found {
		t.Error("a photograph behind 14 bytes: got not found, want found")
	}
	if size, found := pictureIn(bytes.Repeat([]byte{0xff, 0xd8, 0xff, 0x00}, 100)); found {
		t.Errorf("noise: got a picture of %v, want none", size)
	}
}

// noSecretsInLog searches the service's log for what must never be there.
func (s *service) noSecretsInLog() {
	s.t.Helper()
	log := s.log.String()
	if log == "" {
		s.t.Error("the service logged nothing: the search is wrong")
	}
	for role, a := range s.accounts {
		if strings.Contains(log, a.Password) {
			s.t.Errorf("the log holds the %s's password", role)
		}
	}
	for _, word := range []string{"journey-note-to-be-sealed"} {
		if strings.Contains(log, word) {
			s.t.Errorf("the log holds the note of the photo")
		}
	}
}

func getJSON(t testing.TB, address string, answer any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/fhir+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		t.Fatalf("reading %s: status %d, %v", address, resp.StatusCode, err)
	}
}
