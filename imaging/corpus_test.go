package imaging

import (
	"bytes"
	"errors"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// sentinels are all that Read may answer with.
var sentinels = []error{ErrNotPicture, ErrTruncated, ErrTooLarge, ErrUnsupported, ErrMalformed}

func knownError(err error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// TestRealPhotos reads every camera file at hand: what a stock decoder takes we take, every coefficient is kept,
// what comes out has the size that its orientation says, and an independent tool finds nothing in it but what is
// allowed.
func TestRealPhotos(t *testing.T) {
	out := t.TempDir()
	accepted, turned, needless, facts, gps, converted, kept := 0, 0, 0, 0, 0, 0, 0
	names := files(t, filepath.Join(shared(t, "metadata"), "photos"))
	for _, name := range names {
		data := load(t, name)
		s, err := Read(data, Limits{})
		if err != nil {
			if !knownError(err) {
				t.Errorf("%s: unknown error %v", filepath.Base(name), err)
			}
			if _, stock := jpeg.Decode(bytes.NewReader(data)); stock == nil {
				needless++
				t.Logf("%s: refused though a stock decoder takes it: %v", filepath.Base(name), err)
			}
			continue
		}
		accepted++
		if f := s.Facts(); f.TakenAt != "" && f.Make != "" {
			facts++
		}
		if s.Facts().HadGPS {
			gps++
		}
		if p, err := examine(s.data); err == nil && p.progressive {
			kept++
		}
		if s.Converted() != "" {
			converted++
			checkConverted(t, filepath.Base(name), data, s)
		} else if checkExact(t, filepath.Base(name), data, s) {
			turned++
		}
		if err := os.WriteFile(filepath.Join(out, filepath.Base(name)), s.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("accepted %d of %d files, %d turned upright, %d progressive, %d with colours converted, %d refused without need; "+
		"time and make read from %d, position noted in %d", accepted, len(names), turned, kept, converted, needless, facts, gps)
	if accepted < len(names)*2/3 || needless > 1+accepted/50 || converted > accepted/10 || (kept == 0 && !underRace) {
		t.Errorf("accepted %d of %d, %d progressive, %d converted, refused %d without need; want two thirds, some, at most "+
			"one in 10, and at most one in 50", accepted, len(names), kept, converted, needless)
	}
	t.Run("exiftool", func(t *testing.T) { leftovers(t, out) })
}

// checkConverted wants a picture whose colours were converted to be whole and upright.
func checkConverted(t *testing.T, name string, data []byte, s *Still) {
	t.Helper()
	source, err := jpegcoef.Read(data, jpegcoef.DefaultLimits())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	w, h := turnedSize(s.Facts().Orientation, source.Width(), source.Height())
	if s.Width() != w || s.Height() != h || s.Orientation() != 1 {
		t.Errorf("%s: got %d × %d with orientation %d, want %d × %d upright", name, s.Width(), s.Height(), s.Orientation(), w, h)
	}
}

// checkExact wants the coefficients of a photo kept: those of the source as it is, or, where it was turned, the
// source's own turned coefficients. It reports whether it was turned.
func checkExact(t *testing.T, name string, data []byte, s *Still) (turned bool) {
	t.Helper()
	source, err := jpegcoef.Read(data, jpegcoef.DefaultLimits())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	if w, h := turnedSize(s.Facts().Orientation, source.Width(), source.Height()); s.Width() != w || s.Height() != h {
		t.Errorf("%s: got %d × %d, want %d × %d", name, s.Width(), s.Height(), w, h)
	}
	written, err := reread(s)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	if o := s.Facts().Orientation; o != 1 && s.Orientation() == 1 {
		if source, turned = source.Turn(o); !turned {
			t.Errorf("%s: turned by %d though that is not exact", name, o)
		}
	}
	if !source.EqualOutside(written, nil) {
		t.Errorf("%s: coefficients differ from the source's", name)
	}
	return turned
}

// allowedTags are what may be said about a file of ours: its own frame, and the segments of DESIGN section 5.
func allowedTag(line string) bool {
	group, rest, _ := strings.Cut(strings.TrimPrefix(line, "["), "]")
	name, _, _ := strings.Cut(rest, ":")
	name = strings.TrimSpace(name)
	switch strings.TrimSpace(group) {
	case "ExifTool", "System", "File", "Composite", "ICC-header", "ICC_Profile":
		return group != "File" || (name != "Comment" && !strings.HasPrefix(name, "Trailer"))
	case "JFIF", "Adobe":
		return !strings.Contains(name, "Thumbnail")
	case "IFD0":
		return name == "Orientation"
	}
	return false
}

// leftovers asks exiftool what is in each file of a folder.
func leftovers(t *testing.T, dir string) {
	judge := tool(t, "exiftool")
	said, err := exec.Command(judge, "-a", "-u", "-U", "-ee", "-G1", "-s", "-r", dir).Output()
	if err != nil {
		t.Fatalf("exiftool: %v", err)
	}
	file, lines, bad := "", 0, 0
	for line := range strings.Lines(string(said)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "========") {
			file = filepath.Base(line)
			continue
		}
		if !strings.HasPrefix(line, "[") {
			continue
		}
		lines++
		if !allowedTag(line) || strings.HasPrefix(line, "[ExifTool]      Warning") {
			bad++
			t.Errorf("%s: left over: %s", file, line)
		}
	}
	if lines == 0 && !underRace {
		t.Fatal("exiftool said nothing, so nothing was checked")
	}
	t.Logf("exiftool listed %d tags, %d of them not allowed", lines, bad)
}

// TestOtherFormats reads the HEIC and PNG files at hand.
func TestOtherFormats(t *testing.T) {
	out := t.TempDir()
	count := map[string]int{}
	for _, name := range files(t, filepath.Join(shared(t, "metadata"), "other")) {
		start := time.Now()
		s, err := Read(load(t, name), Limits{})
		ext := filepath.Ext(name)
		if err != nil {
			count[ext+" refused: "+Reason(err)]++
			if !knownError(err) {
				t.Errorf("%s: unknown error %v", filepath.Base(name), err)
			}
			continue
		}
		count[ext+" accepted"]++
		if s.Converted() == "" && (ext == ".png" || ext == ".heic") {
			t.Errorf("%s: not recorded as converted", filepath.Base(name))
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Logf("%s took %v", filepath.Base(name), d)
		}
		if err := os.WriteFile(filepath.Join(out, filepath.Base(name)+".jpg"), s.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%v", count)
	if (count[".png accepted"] == 0 || count[".heic accepted"] == 0) && !underRace {
		t.Errorf("got %v, want PNG and HEIC accepted", count)
	}
	t.Run("exiftool", func(t *testing.T) { leftovers(t, out) })
}

// TestMalformed gives every damaged file a chance to panic, hang or hoard.
func TestMalformed(t *testing.T) {
	accepted := 0
	names := files(t, filepath.Join(shared(t, "metadata"), "malformed"))
	for _, name := range names {
		data := load(t, name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		s, err := Read(data, Limits{MaxPixels: 4_000_000})
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if took > 5*time.Second {
			t.Errorf("%s: took %v", filepath.Base(name), took)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 400<<20 {
			t.Errorf("%s: allocated %d MiB for %d bytes", filepath.Base(name), got>>20, len(data))
		}
		if err == nil {
			accepted++
			if err := Verify(s.Bytes()); err != nil {
				t.Errorf("%s: accepted but not clean: %v", filepath.Base(name), err)
			}
		} else if !knownError(err) {
			t.Errorf("%s: unknown error %v", filepath.Base(name), err)
		}
	}
	t.Logf("%d of %d damaged files still held a picture", accepted, len(names))
}
