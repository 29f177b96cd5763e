package train

import (
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"runtime"
)

// FaceConfig says how a cascade of the face family is learned; zero fields take the values that the shipped ones have.
type FaceConfig struct {
	Config
	Views     int // of each window of each face; default 6
	HoldEvery int // each such face sets thresholds and is not learned from; default 8
	Longest   int // side of the pictures that negatives are mined in; default 640
	Sample    int // only each such picture is used: for a quick try; default 1

	Reviewed []Reviewed // pictures of a site's own, beside those of the data
}

// Recipe gives the trees and rounds that the shipped cascade of a target was learned with.
func Recipe(target Target) FaceConfig {
	c := FaceConfig{Config: Config{Depth: 6, Tests: 640, Seed: 20261122, Loss: 0.15, Final: 0.2, Negatives: 24000,
		Rounds: []int{6, 16, 36, 70, 120, 190, 280, 390}}, Views: 8}
	switch target {
	case TargetFace:
		c.Rounds = append(c.Rounds, 520)
	case TargetEye:
		c.Views = 4
	}
	return c
}

func (c FaceConfig) orDefault() FaceConfig {
	if c.Views == 0 {
		c.Views = 6
	}
	if c.HoldEvery == 0 {
		c.HoldEvery = 8
	}
	if c.Longest == 0 {
		c.Longest = 640
	}
	if c.Sample == 0 {
		c.Sample = 1
	}
	return c
}

// LearnFace learns a cascade of the face family from the pictures under root: faces/train and the part of faces/tones that
// may be trained on, against wounds, clothes and general pictures, and the rest of each face.
func LearnFace(ctx context.Context, cfg FaceConfig, target Target, root string) (*Cascade, error) {
	cfg = cfg.orDefault()
	faces, err := readFacePictures(root, cfg.Sample)
	if err != nil {
		return nil, fmt.Errorf("reading faces: %w", err)
	}
	grounds, err := readGrounds(root, cfg.Longest, cfg.Sample)
	if err != nil {
		return nil, fmt.Errorf("reading negatives: %w", err)
	}
	faces = append(faces, reviewedFaces(cfg.Reviewed)...)
	grounds = append(grounds, reviewedGrounds(cfg.Reviewed, cfg.Longest)...)
	learned, held := examples(faces, target, cfg)
	cfg.Held = held
	m := miner{append(grounds, surroundings(faces, target, cfg)...), cfg.Seed, cfg.Workers}
	if m.workers == 0 {
		m.workers = runtime.GOMAXPROCS(0)
	}
	return Learn(ctx, cfg.Config, learned, m.mine)
}

func every[T any](all []T, n int) []T {
	var out []T
	for i := 0; i < len(all); i += n {
		out = append(out, all[i])
	}
	return out
}

// examples gives the patches to learn from and those to set thresholds on, of different faces.
func examples(faces []facePicture, target Target, cfg FaceConfig) (learned, held []Patch) {
	for i, f := range faces {
		rng := rand.New(rand.NewPCG(cfg.Seed, uint64(i)))
		for _, fr := range f.frames(target) {
			for range cfg.Views {
				p := augmented(f, target, fr, rng)
				if i%cfg.HoldEvery == cfg.HoldEvery-1 {
					held = append(held, p)
				} else {
					learned = append(learned, p)
				}
			}
		}
	}
	return learned, held
}

// surroundings gives the inside of labelled faces as ground for what a part is not; a whole face has its own picture's
// rest for that.
func surroundings(faces []facePicture, target Target, cfg FaceConfig) []ground {
	var out []ground
	for i, f := range faces {
		if !f.marked || i%3 != 0 || i%cfg.HoldEvery == cfg.HoldEvery-1 {
			continue
		}
		g := ground{gray: f.gray, keep: f.frames(target), only: image.Rect(int(f.x0), int(f.y0), int(f.x1), int(f.y1))}
		if target == TargetEye { // an eye seen half is no negative either
			for _, k := range f.frames(target) {
				g.keep = append(g.keep, frame{k.x, k.y, 2 * k.side}, frame{k.x, k.y, k.side / 2})
			}
		}
		out = append(out, g)
	}
	return out
}
