package train

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clinivault/clinivault/imaging"
)

// SetResult is what a detector did on one set of pictures. Counts only: shares and their intervals follow.
type SetResult struct {
	Set     string       `json:"set"`
	Part    Part         `json:"part,omitempty"`
	Kind    imaging.Kind `json:"kind"`
	Of      int          `json:"of"`      // labelled objects
	Found   int          `json:"found"`   // of those, how many a region met
	Firm    int          `json:"firm"`    // of those, how many a region met that scores imaging.FaintScore or more
	Overlap int          `json:"overlap"` // of those, how many by the overlap of the boxes alone
	Covered int          `json:"covered"` // of those, how many a region would hide; the set's measure says what that takes

	Pictures     int           `json:"pictures"`      // pictures in which false boxes were counted
	False        int           `json:"false"`         // regions that met no labelled object
	FalseFirm    int           `json:"false_firm"`    // of those, how many score imaging.FaintScore or more
	Wide         int           `json:"wide"`          // of the false ones, how many take more than 60 % of their picture
	FalseSquares int           `json:"false_squares"` // sum of the squares of the false boxes of each picture
	Hit          int           `json:"hit"`           // pictures with a false box
	CPU          time.Duration `json:"cpu_ns"`        // processor time of all pictures searched, where it was taken
	Searched     int           `json:"searched"`      // pictures searched
	Boxes        int           `json:"boxes"`         // regions in all of them, right or false
	Note         string        `json:"note,omitempty"`
}

// Count adds one picture with so many false boxes, of which firm ones.
func (r *SetResult) Count(falseBoxes, firm int) {
	r.Pictures++
	r.False += falseBoxes
	r.FalseFirm += firm
	r.FalseSquares += falseBoxes * falseBoxes
	if falseBoxes > 0 {
		r.Hit++
	}
}

// Recall is the share of labelled objects found, 0 where there were none.
func (r SetResult) Recall() float64 { return ratio(r.Found, r.Of) }

// Covers is the share of labelled objects that a region would hide, 0 where there were none.
func (r SetResult) Covers() float64 { return ratio(r.Covered, r.Of) }

// Interval is the 95 % Wilson interval of Recall.
func (r SetResult) Interval() (lo, hi float64) { return Wilson(r.Found, r.Of) }

// CoversInterval is the 95 % Wilson interval of Covers.
func (r SetResult) CoversInterval() (lo, hi float64) { return Wilson(r.Covered, r.Of) }

// FalsePerPicture is the mean count of false boxes in a picture.
func (r SetResult) FalsePerPicture() float64 { return ratio(r.False, r.Pictures) }

// FalseInterval is the 95 % interval of FalsePerPicture, from the spread between pictures (normal, not below 0).
func (r SetResult) FalseInterval() (lo, hi float64) {
	if r.Pictures < 2 {
		return 0, math.Inf(1)
	}
	n, mean := float64(r.Pictures), r.FalsePerPicture()
	spread := (float64(r.FalseSquares) - n*mean*mean) / (n - 1)
	half := z95 * math.Sqrt(max(0, spread)/n)
	return max(0, mean-half), mean + half
}

// CPUPerPicture is the mean processor time of a picture.
func (r SetResult) CPUPerPicture() time.Duration {
	return r.CPU / time.Duration(max(1, r.Searched))
}

func ratio(k, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(k) / float64(n)
}

const z95 = 1.959964 // standard normal, two-sided 95 %

// Wilson gives the 95 % score interval of k successes in n trials (Wilson 1927): unlike the textbook interval it
// is neither empty nor outside 0 to 1 when all or none succeed. Without trials it is 0 to 1.
func Wilson(k, n int) (lo, hi float64) {
	if n <= 0 {
		return 0, 1
	}
	p, m := float64(k)/float64(n), float64(n)
	middle := p + z95*z95/(2*m)
	half := z95 * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m))
	scale := 1 + z95*z95/m
	return max(0, (middle-half)/scale), min(1, (middle+half)/scale)
}

// columns are the heads of a table of results.
var columns = []string{"set", "of", "found", "95 %", "firmly", "overlap", "covered", "95 %",
	"boxes/picture", "pictures", "false/picture", "95 %", "firm ones", "wide ones", "CPU ms"}

// cells prints a result: found, overlap and covered in per cent, false boxes per picture, processor milliseconds
// per picture, "-" for what was not measured.
func (r SetResult) cells() []string {
	cells := slices.Repeat([]string{"-"}, len(columns))
	cells[0] = r.Set
	if r.Of > 0 {
		lo, hi := r.Interval()
		clo, chi := r.CoversInterval()
		cells[1], cells[2], cells[3] = fmt.Sprint(r.Of), percent(r.Recall()), span(lo, hi)
		cells[6], cells[7] = percent(r.Covers()), span(clo, chi)
		cells[4] = percent(ratio(r.Firm, r.Of))
		if r.Kind != imaging.KindTattoo { // whose measure does not know it
			cells[5] = percent(ratio(r.Overlap, r.Of))
		}
	}
	if r.Boxes > 0 {
		cells[8] = fmt.Sprintf("%.1f", ratio(r.Boxes, r.Searched))
	}
	if r.Pictures > 0 {
		lo, hi := r.FalseInterval()
		cells[9], cells[10] = fmt.Sprint(r.Pictures), fmt.Sprintf("%.2f", r.FalsePerPicture())
		cells[11] = fmt.Sprintf("%.2f–%.2f", lo, hi)
		cells[12] = fmt.Sprintf("%.2f", ratio(r.FalseFirm, r.Pictures))
		cells[13] = fmt.Sprintf("%.2f", ratio(r.Wide, r.Pictures))
	}
	if r.CPU > 0 {
		cells[14] = fmt.Sprint(r.CPUPerPicture().Milliseconds())
	}
	return cells
}

// WriteTable prints results as aligned columns, with their notes.
func WriteTable(w io.Writer, results []SetResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t")+"\t")
	for _, r := range results {
		fmt.Fprintln(t, strings.Join(append(r.cells(), r.Note), "\t"))
	}
	return t.Flush()
}

// WriteMarkdown prints results as a table of Markdown, without the columns in which nothing was measured.
func WriteMarkdown(w io.Writer, results []SetResult) error {
	rows := [][]string{columns, slices.Repeat([]string{"---"}, len(columns))}
	used := make([]bool, len(columns))
	for _, r := range results {
		cells := r.cells()
		rows = append(rows, cells)
		for i, c := range cells {
			used[i] = used[i] || c != "-"
		}
	}
	for _, row := range rows {
		var kept []string
		for i, c := range row {
			if used[i] {
				kept = append(kept, c)
			}
		}
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(kept, " | ")); err != nil {
			return err
		}
	}
	return nil
}

func percent(share float64) string { return fmt.Sprintf("%.1f", 100*share) }

func span(lo, hi float64) string { return fmt.Sprintf("%.1f–%.1f", 100*lo, 100*hi) }
