package imaging

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestOrientationAsExiftool wants each camera file to come out as an independent tool says it must be shown. The one
// exception is a value that the standard has not: there our answer is upright.
func TestOrientationAsExiftool(t *testing.T) {
	judge := tool(t, "exiftool")
	dir := filepath.Join(shared(t, "metadata"), "photos")
	// Only the first directory counts; the thumbnail's own orientation says nothing of the picture.
	said, err := exec.Command(judge, "-q", "-q", "-n", "-f", "-p", "$FileName $IFD0:Orientation", dir).Output()
	if len(said) == 0 {
		t.Fatalf("exiftool: %v", err)
	}
	want := map[string]int{}
	for line := range strings.Lines(string(said)) {
		if f := strings.Fields(line); len(f) == 2 {
			want[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	rotated, compared := 0, 0
	for _, name := range files(t, dir) {
		s, err := Read(load(t, name), Limits{})
		if err != nil {
			continue
		}
		o := max(1, want[filepath.Base(name)])
		if o > 8 {
			o = 1
		}
		compared++
		if o > 1 {
			rotated++
		}
		if got := s.Facts().Orientation; got != o {
			t.Errorf("%s: got orientation %d, exiftool says %d", filepath.Base(name), got, o)
		}
	}
	t.Logf("%d compared, %d of them rotated", compared, rotated)
	if rotated == 0 && !underRace {
		t.Error("no rotated picture was compared")
	}
}
