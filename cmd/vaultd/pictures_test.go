package main

import (
	"bytes"
	bigendian "encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/imaging/jpegcoef"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// bench is a folder with picture files, in which the real program is run.
type bench struct {
	t   *testing.T
	dir string
}

func newBench(t *testing.T) *bench { return &bench{t, t.TempDir()} }

// put writes a file and gives its path.
func (b *bench) put(name string, content []byte) string {
	b.t.Helper()
	path := b.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// run runs the program in the folder and gives what it printed and its status.
func (b *bench) run(args ...string) (out, errs string, status int) {
	b.t.Helper()
	program, err := binary()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// wants runs the program and fails the test unless it ends with status.
func (b *bench) wants(status int, args ...string) (out, errs string) {
	b.t.Helper()
	out, errs, got := b.run(args...)
	if got != status {
		b.t.Fatalf("vaultd %s: got status %d, want %d\n%s%s", strings.Join(args, " "), got, status, out, errs)
	}
	return out, errs
}

// files lists what is in the folder, without what was there before.
func (b *bench) files() []string {
	b.t.Helper()
	var found []string
	err := filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(b.dir, path)
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// lines decodes printed lines of JSON.
func lines[T any](t *testing.T, out string) []T {
	t.Helper()
	var all []T
	for text := range strings.Lines(out) {
		var one T
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&one); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		all = append(all, one)
	}
	return all
}

// tagged is a JPEG with camera data: an orientation, a make, and a comment.
func tagged(t *testing.T, orientation byte, w, h int) []byte {
	t.Helper()
	picture := vaulttest.Picture(t, w, h, 5)
	tiff := []byte("MM\x00\x2a\x00\x00\x00\x08\x00\x02")
	tiff = append(tiff, 0x01, 0x0f, 0, 2, 0, 0, 0, 10, 0, 0, 0, 38)         // Make, at 38
	tiff = append(tiff, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0) // Orientation
	tiff = append(tiff, 0, 0, 0, 0)
	tiff = append(tiff, "TestMaker\x00"...)
	out := slices.Clone(picture[:2])
	for _, s := range []struct {
		mark byte
		body string
	}{{0xe1, "Exif\x00\x00" + string(tiff)}, {0xfe, "canary in a comment"}} {
		out = append(out, 0xff, s.mark)
		out = bigendian.BigEndian.AppendUint16(out, uint16(len(s.body)+2))
		out = append(out, s.body...)
	}
	return append(append(out, picture[2:]...), "canary after the end"...)
}

// progressive is the same picture, coded in several scans.
func progressive(t *testing.T, picture []byte) []byte {
	t.Helper()
	c, err := jpegcoef.Read(picture, jpegcoef.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Write(&out, jpegcoef.WriteOptions{Progressive: true}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bomb is a short file that announces 3.6 thousand million pixels.
func bomb(t *testing.T) []byte {
	t.Helper()
	b := vaulttest.Picture(t, 64, 64, 1)
	at := bytes.Index(b, []byte{0xff, 0xc0}) // SOF0 (ITU-T T.81, B.2.2)
	if at < 0 {
		t.Fatal("no frame header")
	}
	copy(b[at+5:], []byte{0xea, 0x60, 0xea, 0x60})
	return b
}

func TestStripOne(t *testing.T) {
	b := newBench(t)
	for _, tt := range []struct {
		name          string
		picture       []byte
		width, height int
		removed       []string
	}{
		{"upright.jpg", tagged(t, 1, 64, 48), 64, 48, []string{"camera make", "comment", "trailing bytes"}},
		{"on-its-side.jpg", tagged(t, 6, 64, 48), 48, 64, []string{"camera make", "comment"}},
		{"on-its-side-odd.jpg", tagged(t, 6, 61, 43), 43, 61, []string{"camera make", "comment"}},
		{"progressive.jpg", progressive(t, vaulttest.Picture(t, 64, 48, 2)), 64, 48, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, out := b.put(tt.name, tt.picture), b.path("clean-"+tt.name)
			printed, _ := b.wants(0, "strip", in, out)
			got := lines[stripped](t, printed)[0]
			if got.Width != tt.width || got.Height != tt.height || got.In != in || got.Out != out || got.BytesIn != len(tt.picture) {
				t.Errorf("printed %+v, want %d × %d", got, tt.width, tt.height)
			}
			for _, r := range tt.removed {
				if !slices.Contains(got.Removed, r) {
					t.Errorf("removed %v, want %q among them", got.Removed, r)
				}
			}
			clean := readFile(t, out)
			if err := imaging.Verify(clean); err != nil || bytes.Contains(clean, []byte("canary")) || bytes.Contains(clean, []byte("TestMaker")) {
				t.Errorf("the result is not clean: %v", err)
			}
			s, _ := os.Stat(out)
			if s.Mode().Perm() != 0o600 || len(clean) != got.BytesOut {
				t.Errorf("mode %o, %d bytes, want 600 and the %d printed", s.Mode().Perm(), len(clean), got.BytesOut)
			}
		})
	}
}

// TestStripRefuses wants status 2 and the cause by name, and nothing written.
func TestStripRefuses(t *testing.T) {
	b := newBench(t)
	whole := vaulttest.Picture(t, 64, 48, 3)
	for _, tt := range []struct {
		name, cause, says string
		picture           []byte
	}{
		{"cut.jpg", "truncated", "cut short", whole[:len(whole)/2]},
		{"moving.gif", "unsupported", "GIF is not accepted", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")},
		{"bomb.jpg", "too_large", "larger than", bomb(t)},
		{"notes.txt", "not_picture", "not a picture", []byte("no picture at all")},
		{"empty.jpg", "not_picture", "not a picture", nil},
		{"huge.jpg", "too_large", "larger than", append(whole, make([]byte, 33<<20)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := b.put(tt.name, tt.picture)
			before := b.files()
			printed, errs := b.wants(2, "strip", in, "out.jpg")
			got := lines[notDone](t, printed)[0]
			if got.Refused != tt.cause || !strings.Contains(got.Reason, tt.says) || !strings.Contains(errs, tt.says) || !strings.Contains(errs, tt.cause) {
				t.Errorf("printed %+v and %q, want the cause %s and %q", got, errs, tt.cause, tt.says)
			}
			if after := b.files(); !slices.Equal(after, before) {
				t.Errorf("left %v, before %v", after, before)
			}
		})
	}
}

// TestStripKeepsWhatIsThere: no file is replaced unasked, and none is left half.
func TestStripKeepsWhatIsThere(t *testing.T) {
	b := newBench(t)
	in := b.put("in.jpg", tagged(t, 1, 64, 48))
	b.put("there.jpg", []byte("mine"))
	for _, tt := range []struct {
		name string
		out  string
		says string
	}{
		{"a file that is there", "there.jpg", "--force"},
		{"itself", "in.jpg", "--force"},
		{"no such folder", "absent/out.jpg", "no such file"},
		{"below a file", "in.jpg/out.jpg", "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := b.files()
			_, errs := b.wants(1, "strip", in, tt.out)
			if !strings.Contains(errs, tt.says) || !slices.Equal(b.files(), before) || string(readFile(t, b.path("there.jpg"))) != "mine" {
				t.Errorf("said %q and left %v, want %q and nothing changed", errs, b.files(), tt.says)
			}
		})
	}
	b.wants(0, "strip", in, "--force", "there.jpg")
	if err := imaging.Verify(readFile(t, b.path("there.jpg"))); err != nil {
		t.Errorf("replaced with --force: %v", err)
	}
	b.wants(0, "strip", "--force", "in.jpg", "in.jpg")
	if err := imaging.Verify(readFile(t, in)); err != nil {
		t.Errorf("replaced itself with --force: %v", err)
	}
	if _, errs := b.wants(1, "strip", "there.jpg", "in.jpg", "there.jpg"); !strings.Contains(errs, "name a folder") {
		t.Errorf("several into a file: %q", errs)
	}
}

// TestStripUnwritable writes where nobody can make a file.
func TestStripUnwritable(t *testing.T) {
	b := newBench(t)
	in := b.put("in.jpg", tagged(t, 1, 64, 48))
	_, errs := b.wants(1, "strip", in, "/proc/clean.jpg")
	if !strings.Contains(errs, "writing") {
		t.Errorf("said %q, want that writing failed", errs)
	}
}

// pngPicture is a PNG of random-looking pixels.
func pngPicture(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range m.Pix {
		m.Pix[i] = byte(i) | 0xff*byte(i%4/3) // opaque
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestStripFolder(t *testing.T) {
	b := newBench(t)
	b.put("in/a.jpg", tagged(t, 1, 64, 48))
	b.put("in/sub/b.JPG", tagged(t, 6, 64, 48))
	b.put("in/sub/c.png", pngPicture(t))
	b.put("in/.hidden.jpg", tagged(t, 1, 64, 48))
	b.put("in/notes.txt", []byte("no picture"))
	printed, errs := b.wants(2, "strip", "in", "out")
	if !strings.Contains(errs, "4 of 4") || !strings.Contains(errs, "of 4 pictures 1 were refused and 0 failed") {
		t.Errorf("progress: %q", errs)
	}
	if n := strings.Count(printed, "\n"); n != 4 || strings.Count(printed, `"refused":"not_picture"`) != 1 {
		t.Errorf("printed %d lines:\n%s", n, printed)
	}
	want := []string{"out/a.jpg", "out/sub/b.JPG", "out/sub/c.png.jpg"}
	got := slices.DeleteFunc(b.files(), func(f string) bool { return !strings.HasPrefix(f, "out/") })
	if !slices.Equal(got, want) {
		t.Errorf("wrote %v, want %v", got, want)
	}
	for _, f := range got {
		if err := imaging.Verify(readFile(t, b.path(f))); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	if _, errs := b.wants(1, "strip", "in/a.jpg", "in/sub/b.JPG", "out"); !strings.Contains(errs, "failed") {
		t.Errorf("again, where a.jpg is: %q", errs)
	}
	if len(b.files()) != 9 {
		t.Errorf("files are %v, want b.JPG beside the eight before", b.files())
	}
	b.wants(0, "strip", "in/a.jpg", "made/")
	if !slices.Contains(b.files(), "made/a.jpg") {
		t.Errorf("one file into a folder to be made: %v", b.files())
	}
	b.put("other/a.jpg", tagged(t, 1, 64, 48))
	if _, errs := b.wants(1, "strip", "in/a.jpg", "other/a.jpg", "new"); !strings.Contains(errs, "would become") {
		t.Errorf("two of one name: %q", errs)
	}
}

func TestInspect(t *testing.T) {
	b := newBench(t)
	in := b.put("in.jpg", tagged(t, 6, 64, 48))
	b.put("clean.jpg", vaulttest.Picture(t, 64, 48, 4))
	out, _ := b.wants(0, "inspect", in)
	if !strings.Contains(out, "64 × 48") || !strings.Contains(out, "camera make") || !strings.Contains(out, "comment") || strings.Contains(out, "TestMaker") {
		t.Errorf("without values:\n%s", out)
	}
	for _, args := range [][]string{{"inspect", "--values", in}, {"inspect", in, "--values"}} {
		if out, _ := b.wants(0, args...); !strings.Contains(out, "TestMaker") {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	out, errs := b.wants(0, "inspect", "--json", "in.jpg", "clean.jpg")
	all := lines[inspected](t, out)
	if len(all) != 2 || all[0].Format != "JPEG" || len(all[0].Findings) == 0 || all[0].Findings[0].Value != "" || !strings.Contains(errs, "2 of 2") {
		t.Errorf("as JSON: %+v, progress %q", all, errs)
	}
	if out, _ := b.wants(2, "inspect", b.put("x.gif", []byte("GIF89a\x01\x00\x01\x00"))); !strings.Contains(out, "GIF is not accepted") {
		t.Errorf("a GIF: %q", out)
	}
	b.wants(1, "inspect", "absent.jpg")
	b.wants(1, "inspect")
}
