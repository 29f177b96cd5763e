package train

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

// TestLiveRates measures the live checks on real pictures, and prints a table of how often each set gets each warning.
func TestLiveRates(t *testing.T) {
	root := sharedData(t)
	n := 24
	if all, err := strconv.Atoi(os.Getenv("CLINIVAULT_DRILL")); err == nil {
		n = all
	}
	examples, err := LiveExamples(root, Report, n)
	if err != nil {
		t.Fatal(err)
	}
	rates, err := LiveRates(t.Context(), examples)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-18s %4s", "set", "of")
	for _, code := range imaging.LiveCodes {
		fmt.Fprintf(&table, " %9s", code)
	}
	for _, r := range rates {
		fmt.Fprintf(&table, "\n%-18s %4d", r.Set, r.Of)
		for _, code := range imaging.LiveCodes {
			mark := ""
			if code == r.Want {
				mark = "*"
			}
			fmt.Fprintf(&table, " %8.1f%1s", 100*float64(r.Told[code])/float64(r.Of), mark)
		}
	}
	for _, r := range rates {
		fmt.Fprintf(&table, "\n%-18s", r.Set)
		for _, code := range imaging.LiveCodes {
			s := r.Scores[code]
			fmt.Fprintf(&table, " %s %.2f/%.2f/%.2f", code, s[len(s)*5/100], s[len(s)/2], s[len(s)*95/100])
		}
	}
	t.Log(table.String())
}
