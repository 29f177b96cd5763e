package imaging_test

import (
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/imaging/train"
)

// TestCalibrate prints, for each search for faces, the score that its clusters reach so many times a photo where there is
// no face: the points of the curves in faceplan.go. It runs with CLINIVAULT_CALIBRATE naming the folder of the data.
func TestCalibrate(t *testing.T) {
	root := os.Getenv("CLINIVAULT_CALIBRATE")
	if root == "" {
		t.Skip("SKIPPED: set CLINIVAULT_CALIBRATE to the folder of the data to calibrate the searches")
	}
	names := imaging.FaceSearches()
	scores := make([][]float64, len(names))
	photos := 0
	for _, set := range []string{"wounds/fuseg", "wounds/medetec"} {
		err := filepath.WalkDir(filepath.Join(root, set), func(name string, d os.DirEntry, err error) error {
			ext := strings.ToLower(filepath.Ext(name))
			if err != nil || d.IsDir() || (ext != ".png" && ext != ".jpg") || train.PartOf(set, filepath.ToSlash(name)) != train.Tune || photos >= 60 {
				return err
			}
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			img, _, err := image.Decode(f)
			if err != nil {
				return err
			}
			photos++
			for i, q := range imaging.FaceClusters(img) {
				scores[i] = append(scores[i], q...)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, q := range scores {
		slices.Sort(q)
		slices.Reverse(q)
		t.Logf("%s: %d clusters in %d photos", names[i], len(q), photos)
		for _, rate := range []float64{10, 3, 1, 0.3, 0.1, 0.03} {
			if n := int(rate * float64(photos)); n > 0 && n <= len(q) {
				t.Logf("  %5.2f a photo: %.2f", rate, q[n-1])
			}
		}
	}
}
