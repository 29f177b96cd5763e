package imaging_test

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	photos, most := 0, 40
	for _, set := range []string{"wounds/fuseg", "wounds/medetec"} {
		err := filepath.WalkDir(filepath.Join(root, set), func(name string, d os.DirEntry, err error) error {
			ext := strings.ToLower(filepath.Ext(name))
			if err != nil || d.IsDir() || (ext != ".png" && ext != ".jpg") || train.PartOf(set, filepath.ToSlash(name)) != train.Tune || photos >= most {
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

// TestEvidence prints, for each set of faces set aside for tuning, the share found at each least evidence, and the false
// boxes of each set without faces. It runs with CLINIVAULT_CALIBRATE naming the folder of the data,
// and CLINIVAULT_SETS the beginning of the names of the sets, if not all.
func TestEvidence(t *testing.T) {
	root := os.Getenv("CLINIVAULT_CALIBRATE")
	if root == "" {
		t.Skip("SKIPPED: set CLINIVAULT_CALIBRATE to the folder of the data to choose the least evidence")
	}
	examples, err := train.FaceExamples(root, train.Tune, 20)
	if err != nil {
		t.Fatal(err)
	}
	least := []float64{0.2, 0.5, 0.8, 0.95, 1.1, 1.3, 1.5, 1.8, 2.2}
	type counts struct {
		labels, pictures int
		found, wrong     []int
	}
	sets := map[string]*counts{}
	var mu sync.Mutex // guards sets
	var wg sync.WaitGroup
	next := make(chan train.Example)
	for range 2 {
		wg.Go(func() {
			for e := range next {
				img, labels, err := e.Picture()
				if err != nil {
					t.Error(err)
					continue
				}
				all := imaging.FaceProposals(img, least[0])
				mu.Lock()
				for _, set := range e.Sets {
					c := sets[set]
					if c == nil {
						c = &counts{found: make([]int, len(least)), wrong: make([]int, len(least))}
						sets[set] = c
					}
					c.labels, c.pictures = c.labels+len(labels), c.pictures+1
					for i, l := range least {
						var regions []imaging.Region
						for _, p := range all {
							if p.Evidence >= l-1e-9 {
								regions = append(regions, p.Region)
							}
						}
						o := train.Judge(labels, regions, img.Rect.Dx(), img.Rect.Dy())
						for k := range labels {
							if o.Found(k) {
								c.found[i]++
							}
						}
						for _, f := range o.False {
							if f {
								c.wrong[i]++
							}
						}
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, e := range examples {
		if !strings.HasPrefix(e.Sets[0], os.Getenv("CLINIVAULT_SETS")) {
			continue
		}
		next <- e
	}
	close(next)
	wg.Wait()
	var names []string
	for name := range sets {
		names = append(names, name)
	}
	slices.Sort(names)
	t.Logf("%-28s %5s %6.1f", "least evidence", "", least)
	for _, name := range names {
		c := sets[name]
		line := fmt.Sprintf("%-28s %5d", name, c.labels)
		for i := range least {
			if c.labels > 0 {
				line += fmt.Sprintf(" %6.3f", float64(c.found[i])/float64(c.labels))
			}
		}
		line += "  false"
		for i := range least {
			line += fmt.Sprintf(" %5.2f", float64(c.wrong[i])/float64(c.pictures))
		}
		t.Log(line)
	}
}
