package imaging_test

import (
	"fmt"
	"image"
	"maps"
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

// leastEvidence are the thresholds that TestEvidence compares.
var leastEvidence = []float64{0.2, 0.5, 0.8, 1.05, 1.3, 1.6, 1.9, 2.2}

// evidenceCounts are one set's faces found and false boxes at each of leastEvidence.
type evidenceCounts struct {
	labels, pictures int
	found, wrong     []int
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
	sets := map[string]*evidenceCounts{}
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
				all := imaging.FaceProposals(img, leastEvidence[0])
				mu.Lock()
				for _, set := range e.Sets {
					if sets[set] == nil {
						sets[set] = &evidenceCounts{found: make([]int, len(leastEvidence)), wrong: make([]int, len(leastEvidence))}
					}
					sets[set].add(img, labels, all)
				}
				mu.Unlock()
			}
		})
	}
	for _, e := range examples {
		if strings.HasPrefix(e.Sets[0], os.Getenv("CLINIVAULT_SETS")) {
			next <- e
		}
	}
	close(next)
	wg.Wait()
	t.Logf("%-28s %5s %6.2f", "least evidence", "", leastEvidence)
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		t.Logf("%-28s %s", name, sets[name])
	}
}

// add counts one picture.
func (c *evidenceCounts) add(img image.Image, labels []imaging.Box, all []imaging.Proposal) {
	c.labels, c.pictures = c.labels+len(labels), c.pictures+1
	for i, least := range leastEvidence {
		var regions []imaging.Region
		for _, p := range all {
			if p.Evidence >= least-1e-9 {
				regions = append(regions, p.Region)
			}
		}
		o := train.Judge(labels, regions, img.Bounds().Dx(), img.Bounds().Dy())
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

func (c *evidenceCounts) String() string {
	line := fmt.Sprintf("%5d", c.labels)
	for _, n := range c.found {
		if c.labels > 0 {
			line += fmt.Sprintf(" %6.3f", float64(n)/float64(c.labels))
		}
	}
	line += "  false"
	for _, n := range c.wrong {
		line += fmt.Sprintf(" %5.2f", float64(n)/float64(c.pictures))
	}
	return line
}
