package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/clinivault/clinivault/imaging"
)

// TattooConfig says how the tattoo cascade is learned. The zero value is how the one in the program was.
type TattooConfig struct {
	Config              // zero fields take the defaults of the tattoo cascade
	Drawings     string // file of drawings, see Drawings; "" for lettering and ornaments alone
	PhotoCopies  int    // how often each photo of a tattoo is varied; default 12
	MadeUp       int    // synthetic scenes; default 2600
	TilesOfScene int    // windows taken of each; default 6
	MinePasses   int    // how often the pictures without tattoos are gone through; default 4
}

func (cfg TattooConfig) orDefault() TattooConfig {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&cfg.PhotoCopies, 12)
	set(&cfg.MadeUp, 2600)
	set(&cfg.TilesOfScene, 6)
	set(&cfg.MinePasses, 4)
	set(&cfg.Depth, 5)
	set(&cfg.Tests, 600)
	set(&cfg.Negatives, 40000)
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	if len(cfg.Rounds) == 0 {
		cfg.Rounds = []int{30, 80, 150, 250, 380, 520, 650}
	}
	if cfg.Loss == 0 {
		cfg.Loss = 0.12
	}
	if cfg.Pair == nil {
		cfg.Pair = tattooPair
	}
	return cfg
}

// tattooPair draws two values of a tile: half the time one and a constant, else two of the same channel or kind, rarely any
// two.
func tattooPair(r *rand.Rand) (a, b int) {
	from, to := imaging.TileRamp()
	value := func() int {
		for {
			if i := r.IntN(imaging.TileSize); i < from || i >= to {
				return i
			}
		}
	}
	a = value()
	switch k := r.IntN(10); {
	case k < 6:
		b = from + r.IntN(to-from)
	case k < 9:
		b = imaging.TileLike(a, r.IntN(1<<16))
	default:
		b = value()
	}
	if r.IntN(2) == 0 {
		return b, a
	}
	return a, b
}

// source is a picture that scenes are made of.
type source struct {
	file    string
	tattoos []rect // as shares
}

// tattooData is what the tattoo cascade is learned from: photos of tattoos, skin to draw made-up ones on, and pictures
// without any.
type tattooData struct {
	root    string
	seed    uint64
	designs *designs
	photos  []source // with tattoos
	skins   []source // wounds, and photos of people as ground alone
	without []source // negatives: wounds, clothes, anything
}

// newTattooData lists the pictures of a part.
func newTattooData(root, drawings string, part Part, seed uint64) (*tattooData, error) {
	d := &tattooData{root: root, seed: seed}
	var err error
	if d.designs, err = newDesigns(drawings, part); err != nil {
		return nil, err
	}
	labels, err := tattooLabels(root, "bivtatt")
	if err != nil {
		return nil, err
	}
	for _, set := range []string{"tattoo/bivtatt", "wounds/fuseg", "wounds/medetec", "negatives/clothes", "negatives/general", "negatives/people"} {
		files, err := pictures(root, set, part)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			s := source{file, labels[file]}
			switch set {
			case "tattoo/bivtatt":
				d.photos = append(d.photos, s)
			case "wounds/fuseg", "wounds/medetec":
				d.skins, d.without = append(d.skins, s), append(d.without, s)
			case "negatives/people": // not checked for tattoos
				d.skins = append(d.skins, s)
			default:
				d.without = append(d.without, s)
			}
		}
	}
	if len(d.photos) == 0 || len(d.skins) == 0 || len(d.without) == 0 {
		return nil, fmt.Errorf("train: no pictures of tattoos, or none without, for %s", part)
	}
	return d, nil
}

func (d *tattooData) rng(use, i uint64) *rand.Rand { return rand.New(rand.NewPCG(d.seed+use<<32, i)) }

// madeUp draws one to three tattoos on the i-th piece of skin. It reports false where no skin is found.
func (d *tattooData) madeUp(i int) (scene, bool, error) {
	r := d.rng(1, uint64(i))
	s, err := loadScene(d.root, d.skins[r.IntN(len(d.skins))].file, nil)
	if err != nil {
		return scene{}, false, err
	}
	if w, h := s.img.Rect.Dx(), s.img.Rect.Dy(); max(w, h) > 640 {
		s = s.resample(640/float64(max(w, h)), false, 0)
	}
	skin := newSkinMap(s.img)
	for range 1 + r.IntN(3) {
		if box, ok := d.designs.tattoo(s.img, skin, r); ok {
			s.tattoos = append(s.tattoos, box)
		}
	}
	return s, len(s.tattoos) > 0, nil
}

// tiles joins what cut gives for 0 to n−1, in order, on several workers.
func tiles(ctx context.Context, workers, n int, cut func(i int) ([]Patch, error)) ([]Patch, error) {
	found, errs := make([][]Patch, n), make([]error, n)
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			for i := k; i < n; i += workers {
				if errs[i] = ctx.Err(); errs[i] == nil {
					found[i], errs[i] = cut(i)
				}
			}
		})
	}
	wg.Wait()
	var all []Patch
	for i, part := range found {
		if errs[i] != nil {
			return nil, errs[i]
		}
		all = append(all, part...)
	}
	return all, nil
}

// positives describes windows of every photo, varied copies times, and of madeUp synthetic scenes.
func (d *tattooData) positives(ctx context.Context, copies, madeUp, each, workers int) ([]Patch, error) {
	photos, err := tiles(ctx, workers, copies*len(d.photos), func(i int) ([]Patch, error) {
		p := d.photos[i%len(d.photos)]
		s, err := loadScene(d.root, p.file, p.tattoos)
		if err != nil {
			return nil, err
		}
		r := d.rng(2, uint64(i))
		if i >= len(d.photos) {
			s = s.vary(r, 0.4, 1.3)
		}
		return s.wantedTiles(each, r), nil
	})
	if err != nil {
		return nil, err
	}
	drawn, err := tiles(ctx, workers, madeUp, func(i int) ([]Patch, error) {
		s, ok, err := d.madeUp(i)
		if err != nil || !ok {
			return nil, err
		}
		r := d.rng(3, uint64(i))
		if i%3 != 0 {
			s = s.vary(r, 0.8, 1.3)
		}
		return s.wantedTiles(each, r), nil
	})
	return append(photos, drawn...), err
}

// Tattoo learns the tattoo cascade from the pictures below root: tattoos of the part Train; pictures without any of Train and
// Tune, since the thresholds of the search are chosen by what it finds; soft thresholds by the tattoos of Tune.
func Tattoo(ctx context.Context, root string, cfg TattooConfig) (*Cascade, error) {
	cfg = cfg.orDefault()
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	data, err := newTattooData(root, cfg.Drawings, Train, cfg.Seed)
	if err != nil {
		return nil, err
	}
	held, err := newTattooData(root, cfg.Drawings, Tune, cfg.Seed+1)
	if err != nil {
		return nil, err
	}
	data.without = append(data.without, held.without...)
	positives, err := data.positives(ctx, cfg.PhotoCopies, cfg.MadeUp, cfg.TilesOfScene, cfg.Workers)
	if err != nil {
		return nil, fmt.Errorf("describing tattoos: %w", err)
	}
	if len(cfg.Held) == 0 {
		if cfg.Held, err = held.positives(ctx, 4, cfg.MadeUp/8, cfg.TilesOfScene, cfg.Workers); err != nil {
			return nil, fmt.Errorf("describing held tattoos: %w", err)
		}
	}
	if len(cfg.Held) == 0 {
		cfg.Held = positives
	}
	m := &tattooMiner{data: data, cfg: cfg}
	return Learn(ctx, cfg.Config, positives, m.mine)
}
