package train

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/clinivault/clinivault/imaging"
)

const (
	overlapLeast = 0.3  // intersection over union of box and label that counts as overlap
	coverLeast   = 0.8  // share of the label that a margin must hide
	wideShare    = 0.6  // of the picture: a false box above it would hide what the photo was taken for
	coverMost    = 12.0 // area of that margin, in areas of the label, beyond which hiding is no finding
)

// Detector gives the regions of one kind in an upright picture, before any margin.
type Detector func(img image.Image) ([]imaging.Region, error)

// Outcome is what a detector did with one example.
type Outcome struct {
	Example Example
	Labels  []imaging.Box
	Regions []imaging.Region
	Overlap []bool // for each label: some box overlaps it
	Covered []bool // for each label: some margin hides it and not much else
	Firm    []bool // for each label: found by a region of imaging.FaintScore or more
	False   []bool // for each region: it met no label
	Wide    []bool // for each region: it takes most of the picture
}

// Found tells whether label i was met by either rule.
func (o Outcome) Found(i int) bool { return o.Overlap[i] || o.Covered[i] }

// Judge compares regions with the labels of a picture of w × h pixels. A label is met by a region whose box
// overlaps it (intersection over union ≥ 0.3) or whose margin hides 80 % of it, being at most twelve times its
// size. A region that meets none, and does not have its middle inside one, is false.
func Judge(labels []imaging.Box, regions []imaging.Region, w, h int) Outcome {
	o := Outcome{Labels: labels, Regions: regions,
		Overlap: make([]bool, len(labels)), Covered: make([]bool, len(labels)), Firm: make([]bool, len(labels)),
		False: make([]bool, len(regions)), Wide: make([]bool, len(regions))}
	for j, r := range regions {
		o.False[j] = true
		o.Wide[j] = area(r.Box) > wideShare*float64(w)*float64(h)
		margin := imaging.Margin(r, w, h)
		for i, l := range labels {
			both := area(meet(r.Box, l))
			overlaps := both >= overlapLeast*(area(r.Box)+area(l)-both)
			covers := area(meet(margin, l)) >= coverLeast*area(l) && area(margin) <= coverMost*area(l)
			if area(l) == 0 {
				continue
			}
			o.Overlap[i] = o.Overlap[i] || overlaps
			o.Covered[i] = o.Covered[i] || covers
			o.Firm[i] = o.Firm[i] || (overlaps || covers) && r.Score >= imaging.FaintScore
			x, y := (r.Box.X0+r.Box.X1)/2, (r.Box.Y0+r.Box.Y1)/2
			if overlaps || covers || (x >= l.X0 && x < l.X1 && y >= l.Y0 && y < l.Y1) {
				o.False[j] = false
			}
		}
	}
	return o
}

func meet(a, b imaging.Box) imaging.Box {
	return imaging.Box{X0: max(a.X0, b.X0), Y0: max(a.Y0, b.Y0), X1: min(a.X1, b.X1), Y1: min(a.Y1, b.Y1)}
}

func area(b imaging.Box) float64 {
	return float64(max(0, b.X1-b.X0)) * float64(max(0, b.Y1-b.Y0))
}

// Run searches the examples, as many at a time as there are processors to use, and gives their outcomes in
// their order.
func Run(ctx context.Context, examples []Example, detect Detector) ([]Outcome, error) {
	outcomes, failed := make([]Outcome, len(examples)), make([]error, len(examples))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				img, labels, err := examples[i].Picture()
				if failed[i] = err; err != nil {
					continue
				}
				regions, err := detect(img)
				if err != nil {
					failed[i] = fmt.Errorf("searching %s: %w", examples[i].Name, err)
					continue
				}
				outcomes[i] = Judge(labels, regions, img.Rect.Dx(), img.Rect.Dy())
				outcomes[i].Example = examples[i]
			}
		})
	}
	var stopped error
	for i := range examples {
		if stopped = ctx.Err(); stopped != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range append(failed, stopped) {
		if err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// falseSets begin the names of the sets that count false boxes alone; the others count labels.
const falseSets = "false/"

// Tally adds outcomes up into one result for each set they name, in the order of the names. False boxes count in
// pictures of Free examples only: the others may show what nobody labelled.
func Tally(kind imaging.Kind, part Part, outcomes []Outcome) []SetResult {
	results := map[string]*SetResult{}
	for _, o := range outcomes {
		for _, set := range o.Example.Sets {
			r := results[set]
			if r == nil {
				r = &SetResult{Set: set, Kind: kind, Part: part}
				results[set] = r
			}
			r.add(o)
		}
	}
	var sorted []SetResult
	for _, r := range results {
		sorted = append(sorted, *r)
	}
	slices.SortFunc(sorted, func(a, b SetResult) int { return cmp.Compare(a.Set, b.Set) })
	return sorted
}

func (r *SetResult) add(o Outcome) {
	r.Searched++
	r.Boxes += len(o.Regions)
	if strings.HasPrefix(r.Set, falseSets) {
		r.addFalse(o)
		return
	}
	for i := range o.Labels {
		r.Of++
		if o.Found(i) {
			r.Found++
		}
		if o.Overlap[i] {
			r.Overlap++
		}
		if o.Covered[i] {
			r.Covered++
		}
		if o.Firm[i] {
			r.Firm++
		}
	}
}

// addFalse counts one picture.
func (r *SetResult) addFalse(o Outcome) {
	if !o.Example.Free {
		return
	}
	wrong, firm := 0, 0
	for j, isFalse := range o.False {
		if isFalse {
			wrong++
			if o.Regions[j].Score >= imaging.FaintScore {
				firm++
			}
			if o.Wide != nil && o.Wide[j] {
				r.Wide++
			}
		}
	}
	r.Count(wrong, firm)
}

// Outcome gives an outcome of the search for tattoos the form of the others, to be shown.
func (o TattooOutcome) Outcome() Outcome {
	return Outcome{Example: Example{Name: o.Case.Name, Sets: []string{o.Case.Set}, Free: true, make: o.Case.Picture},
		Labels: o.Labels, Regions: o.Regions, Overlap: o.Met, Covered: o.Hidden, Firm: o.Met, False: o.False}
}
