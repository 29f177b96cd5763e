package train

import (
	"cmp"
	"hash/fnv"
	"image"
	"math"
	"math/rand/v2"
	"path"
	"slices"

	"github.com/clinivault/clinivault/imaging"
)

// Example is one picture to be searched, with what is known of it.
type Example struct {
	Name string   // the file it was made of and how, below the folder of the data
	Sets []string // the results it counts towards: "partial", "partial/lower"
	// Free says that nothing but the labels is in the picture, as far as is known: any other box is false.
	Free bool
	make func() (*image.RGBA, []imaging.Box, error)
}

// Picture makes the picture, the same at each call, and the visible part of each labelled face in it.
func (e Example) Picture() (*image.RGBA, []imaging.Box, error) { return e.make() }

// random gives the example's own source of chance, the same whatever else is measured.
func random(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(h.Sum64(), 4))
}

// sample keeps the n examples whose names have the least hashes, all when n is 0 or fewer are there.
func sample(all []Example, n int) []Example {
	if n <= 0 || n >= len(all) {
		return all
	}
	key := func(e Example) uint64 {
		h := fnv.New64a()
		h.Write([]byte(e.Name))
		return h.Sum64() * 0x9E3779B97F4A7C15 // the low digits of FNV spread badly
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Example) int { return cmp.Compare(key(a), key(b)) })
	return all[:n]
}

// FaceExamples makes the pictures on which faces are measured, from the data under root, those of one part. Of
// each group of sets at most perSet examples are kept, by a hash of their names; 0 keeps all.
//
// What a person labelled stays what it was in whole, groups, masked, tones and in the sets of false boxes. The
// others are made of faces/dev (faces/train for the part Train) by turning, cutting, spoiling and pasting, so they tell how a detector bears
// these, not how often they happen; "clinical" stands in for faces in clinical photographs.
func FaceExamples(root string, part Part, perSet int) ([]Example, error) {
	set := "dev"
	if part == Train {
		set = "train"
	}
	dev, err := readFaces(root, set)
	if err != nil {
		return nil, err
	}
	dev = slices.DeleteFunc(dev, func(f labelled) bool { return PartOf("faces/"+set, f.file) != part })
	others := []func() ([]Example, error){
		func() ([]Example, error) { return boxedExamples(root, "masked", part) },
		func() ([]Example, error) { return boxedExamples(root, "groups", part) },
		func() ([]Example, error) { return toneExamples(root, part) },
		func() ([]Example, error) { return clinicalExamples(root, dev, part) },
	}
	examples := sample(wholeExamples(root, dev), perSet)
	examples = append(examples, sample(rolledExamples(root, dev), perSet)...)
	for _, cut := range cuts {
		examples = append(examples, sample(cutExamples(root, dev, cut), perSet)...)
	}
	for _, spoil := range spoilers {
		examples = append(examples, sample(spoiltExamples(root, dev, spoil), perSet)...)
	}
	for _, other := range others {
		more, err := other()
		if err != nil {
			return nil, err
		}
		examples = append(examples, sample(more, perSet)...)
	}
	for _, set := range []string{"wounds/fuseg", "wounds/medetec", "negatives/general"} {
		more, err := freeExamples(root, set, part)
		if err != nil {
			return nil, err
		}
		more = slices.DeleteFunc(more, func(e Example) bool { return Peopled(e.Name) })
		examples = append(examples, sample(more, perSet)...)
	}
	return append(examples, realExamples(root, part)...), nil
}

// boxOf rounds a labelled rectangle outwards and clips it to a picture of w × h.
func boxOf(x0, y0, x1, y1 float64, w, h int) imaging.Box {
	return imaging.Box{
		X0: min(max(int(math.Floor(x0)), 0), w), Y0: min(max(int(math.Floor(y0)), 0), h),
		X1: min(max(int(math.Ceil(x1)), 0), w), Y1: min(max(int(math.Ceil(y1)), 0), h)}
}

// wholeExamples are the labelled web photos as they are; the fifth with the largest yaw counts as most turned.
func wholeExamples(root string, dev []labelled) []Example {
	var yaws []float64
	for _, f := range dev {
		yaws = append(yaws, f.yaw())
	}
	slices.Sort(yaws)
	var all []Example
	for _, f := range dev {
		set := "whole/frontal"
		if f.yaw() >= yaws[len(yaws)*4/5] {
			set = "whole/most turned"
		}
		all = append(all, Example{Name: f.file, Sets: []string{"whole", set},
			make: func() (*image.RGBA, []imaging.Box, error) {
				img, err := load(root, f.file)
				if err != nil {
					return nil, nil, err
				}
				return img, []imaging.Box{boxOf(f.x0, f.y0, f.x1, f.y1, img.Rect.Dx(), img.Rect.Dy())}, nil
			}})
	}
	return all
}

// boxedExamples are the sets with several labelled faces a picture: "masked" and "groups".
func boxedExamples(root, set string, part Part) ([]Example, error) {
	faces, err := readFaces(root, set)
	if err != nil {
		return nil, err
	}
	byFile := map[string][]labelled{}
	var files []string
	for _, f := range faces {
		if part != "" && PartOf("faces/"+set, f.file) != part {
			continue
		}
		if byFile[f.file] == nil {
			files = append(files, f.file)
		}
		byFile[f.file] = append(byFile[f.file], f)
	}
	var all []Example
	for _, file := range files {
		sets := []string{set}
		if class := byFile[file][0].class; class != "" {
			sets = append(sets, set+"/"+class)
		}
		all = append(all, Example{Name: file, Sets: sets,
			make: func() (*image.RGBA, []imaging.Box, error) {
				img, err := load(root, file)
				if err != nil {
					return nil, nil, err
				}
				var boxes []imaging.Box
				for _, f := range byFile[file] {
					boxes = append(boxes, boxOf(f.x0, f.y0, f.x1, f.y1, img.Rect.Dx(), img.Rect.Dy()))
				}
				return img, boxes, nil
			}})
	}
	return all, nil
}

// toneExamples are the aligned faces, the face being the inner 76 % of the picture: by group from 3 years on,
// and infants, up to 2 years, apart.
func toneExamples(root string, part Part) ([]Example, error) {
	faces, err := readTones(root)
	if err != nil {
		return nil, err
	}
	var all []Example
	for _, f := range faces {
		if PartOf("faces/tones", f.file) != part {
			continue
		}
		sets := []string{"tones", "tones/" + f.group, "age/" + f.ages()}
		if f.age <= 2 {
			sets = []string{"infants"}
		}
		all = append(all, Example{Name: f.file, Sets: sets,
			make: func() (*image.RGBA, []imaging.Box, error) {
				img, err := load(root, f.file)
				if err != nil {
					return nil, nil, err
				}
				w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
				return img, []imaging.Box{boxOf(0.12*w, 0.12*h, 0.88*w, 0.88*h, int(w), int(h))}, nil
			}})
	}
	return all, nil
}

// freeExamples are the pictures of a set, taken to show nothing that is looked for.
func freeExamples(root, set string, part Part) ([]Example, error) {
	files, err := pictures(root, set, part)
	var all []Example
	for _, file := range files {
		all = append(all, Example{Name: file, Sets: []string{"false/" + path.Base(set)}, Free: true,
			make: func() (*image.RGBA, []imaging.Box, error) {
				img, err := load(root, file)
				return img, nil, err
			}})
	}
	return all, err
}
