package train

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/clinivault/clinivault/imaging"
)

const (
	tattooHidden = 0.3 // share of a tattoo's box that the regions together must cover
	tattooMet    = 0.1 // share of a tattoo's box that one region must cover to have met it
	inTattoo     = 0.5 // or share of a region that must lie in a tattoo's box
)

// TattooCase is one picture to be searched for tattoos. A set without tattoos has only false boxes.
type TattooCase struct {
	Name string
	Set  string
	make func() (scene, error)
}

// Picture makes the picture, the same at each call, and the boxes of its tattoos.
func (c TattooCase) Picture() (*image.RGBA, []imaging.Box, error) {
	s, err := c.make()
	if err != nil {
		return nil, nil, err
	}
	var boxes []imaging.Box
	for _, b := range s.tattoos {
		boxes = append(boxes, boxOf(b.x0, b.y0, b.x1, b.y1, s.img.Rect.Dx(), s.img.Rect.Dy()))
	}
	return s.img, boxes, nil
}

// TattooCases lists the pictures on which tattoos are measured, those of one part: phone photos, studio photos,
// made-up tattoos beside wounds, and pictures without any. Of each set at most perSet are kept; 0 keeps all. Drawings
// is the file of drawings, of which each part uses its own.
func TattooCases(root, drawings string, part Part, perSet int) ([]TattooCase, error) {
	var all []TattooCase
	for _, set := range []string{"bivtatt", "studio"} {
		labels, err := tattooLabels(root, set)
		if err != nil {
			return nil, err
		}
		files, err := pictures(root, "tattoo/"+set, part)
		if err != nil {
			return nil, err
		}
		for _, file := range thin(files, perSet) {
			all = append(all, TattooCase{file, "tattoo/" + set, func() (scene, error) { return loadScene(root, file, labels[file]) }})
		}
	}
	var grounds []string
	for _, set := range []string{"wounds/fuseg", "wounds/medetec", "negatives/general", "negatives/clothes"} {
		files, err := pictures(root, set, part)
		if err != nil {
			return nil, err
		}
		for _, file := range thin(files, perSet) {
			all = append(all, TattooCase{file, set, func() (scene, error) { return loadScene(root, file, nil) }})
		}
		if set == "wounds/fuseg" || set == "wounds/medetec" {
			grounds = append(grounds, files...)
		}
	}
	made, err := madeUpCases(root, drawings, part, grounds, perSet)
	return append(all, made...), err
}

// madeUpCases draws one tattoo on each wound photo that shows enough skin.
func madeUpCases(root, drawings string, part Part, grounds []string, perSet int) ([]TattooCase, error) {
	designs, err := newDesigns(drawings, part)
	if err != nil {
		return nil, err
	}
	var all []TattooCase
	for _, file := range thin(grounds, perSet) {
		all = append(all, TattooCase{file + " with a tattoo", "tattoo/made up", func() (scene, error) {
			s, err := loadScene(root, file, nil)
			if err != nil {
				return s, err
			}
			if box, ok := designs.tattoo(s.img, newSkinMap(s.img), random(file)); ok {
				s.tattoos = append(s.tattoos, box)
			}
			return s, nil
		}})
	}
	return all, nil
}

// thin keeps n of the names, evenly spread; all when n is 0 or fewer are there.
func thin(names []string, n int) []string {
	if n <= 0 || n >= len(names) {
		return names
	}
	kept := make([]string, n)
	for i := range kept {
		kept[i] = names[i*len(names)/n]
	}
	return kept
}

// TattooOutcome is what was found in one case.
type TattooOutcome struct {
	Case    TattooCase
	Labels  []imaging.Box
	Regions []imaging.Region
	Met     []bool // for each label: a region met it
	Firm    []bool // for each label: a region met it that is drawn firmly
	Hidden  []bool // for each label: the regions cover 30 % of it, before any margin
	False   []bool // for each region: it met none
}

// judgeTattoos compares regions with labels. A region meets a tattoo when it covers a tenth of its box, or lies in it with
// half of its own area.
func judgeTattoos(labels []imaging.Box, regions []imaging.Region) TattooOutcome {
	o := TattooOutcome{Labels: labels, Regions: regions, Met: make([]bool, len(labels)), Firm: make([]bool, len(labels)), Hidden: make([]bool, len(labels)),
		False: make([]bool, len(regions))}
	for j := range o.False {
		o.False[j] = true
	}
	for i, l := range labels {
		for j, r := range regions {
			both := area(meet(l, r.Box))
			if both >= tattooMet*area(l) || both >= inTattoo*area(r.Box) {
				o.Met[i], o.False[j] = true, false
				o.Firm[i] = o.Firm[i] || r.Score >= imaging.FaintScore
			}
		}
		o.Hidden[i] = coveredShare(l, regions) >= tattooHidden
	}
	return o
}

// coveredShare is the part of a box that lies under any region, on a grid of 32 × 32 points.
func coveredShare(l imaging.Box, regions []imaging.Region) float64 {
	const n = 32
	covered := 0
	for i := range n * n {
		x := float64(l.X0) + (float64(i%n)+0.5)/n*float64(l.X1-l.X0)
		y := float64(l.Y0) + (float64(i/n)+0.5)/n*float64(l.Y1-l.Y0)
		if slices.ContainsFunc(regions, func(r imaging.Region) bool {
			return x >= float64(r.Box.X0) && x < float64(r.Box.X1) && y >= float64(r.Box.Y0) && y < float64(r.Box.Y1)
		}) {
			covered++
		}
	}
	return float64(covered) / (n * n)
}

// RunTattoos searches the cases one after the other.
func RunTattoos(ctx context.Context, cases []TattooCase) ([]TattooOutcome, error) {
	var all []TattooOutcome
	for _, c := range cases {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		img, labels, err := c.Picture()
		if err != nil {
			return nil, err
		}
		regions, err := imaging.DetectTattoos(img)
		if err != nil {
			return nil, fmt.Errorf("searching %s: %w", c.Name, err)
		}
		o := judgeTattoos(labels, regions)
		o.Case = c
		all = append(all, o)
	}
	return all, nil
}

// TallyTattoos adds outcomes up, in the order in which sets first appear. Photos of tattoos give two lines: one that counts
// photos in which a tattoo was met, and one that counts tattoos. Made-up tattoos that found no place count nowhere.
func TallyTattoos(part Part, outcomes []TattooOutcome) []SetResult {
	var results []SetResult
	line := func(set string) *SetResult {
		for i := range results {
			if results[i].Set == set {
				return &results[i]
			}
		}
		results = append(results, SetResult{Set: set, Part: part, Kind: imaging.KindTattoo})
		return &results[len(results)-1]
	}
	for _, o := range outcomes {
		photo := o.Case.Set == "tattoo/bivtatt" || o.Case.Set == "tattoo/studio"
		if !photo && len(o.Labels) == 0 && o.Case.Set == "tattoo/made up" {
			continue
		}
		if photo {
			r := line(o.Case.Set + " photos")
			r.Of++
			r.Found += count(slices.Contains(o.Met, true))
			r.Firm += count(slices.Contains(o.Firm, true))
			r.Covered += count(slices.Contains(o.Hidden, true))
		}
		r := line(o.Case.Set)
		r.Searched++
		r.Boxes += len(o.Regions)
		for i := range o.Labels {
			r.Of++
			r.Found += count(o.Met[i])
			r.Firm += count(o.Firm[i])
			r.Covered += count(o.Hidden[i])
		}
		wrong, firm := 0, 0
		for j, region := range o.Regions {
			wrong += count(o.False[j])
			firm += count(o.False[j] && region.Score >= imaging.FaintScore)
		}
		r.Count(wrong, firm)
	}
	return results
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
