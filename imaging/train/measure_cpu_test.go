package train

import (
	"context"
	"errors"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

func TestCPU(t *testing.T) {
	root := plainData(t)
	results, err := CPU(context.Background(), root, imaging.KindFace, Report, 2, []int{96, 480})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || results[0].Set != "cpu/96 px" || results[1].Set != "cpu/480 px" {
		t.Fatalf("two sizes: got %+v", results)
	}
	for _, r := range results {
		if r.Searched != 2 || r.CPUPerPicture() > r.CPU || r.Kind != imaging.KindFace {
			t.Errorf("%s: got %+v, want two pictures", r.Set, r)
		}
	}
	if results[1].CPU <= results[0].CPU {
		t.Errorf("480 px took %v, 96 px took %v: want the larger to take longer", results[1].CPU, results[0].CPU)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := CPU(ctx, root, imaging.KindFace, Report, 1, []int{96}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestStillOf(t *testing.T) {
	img, _, err := wholeExamples(plainData(t), []labelled{{file: "faces/dev/1.jpg"}})[0].Picture()
	if err != nil {
		t.Fatal(err)
	}
	still, err := stillOf(img, 400)
	if err != nil || still.Width() != 400 || still.Height() != 400 {
		t.Errorf("160 × 160 scaled to 400: got %v, %v", still, err)
	}
}
