package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/clinivault/clinivault/vault"
)

// labelsCommand prints what reviewers made of the detectors' proposals: this
// site's own miss rate. It holds counts alone.
func labelsCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("labels", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	months := flags.Int("months", 0, "count this month and those before it, so many in all; 0: all")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := parse(flags, args); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		labels, err := v.Labels(ctx, vault.Operator(), *months)
		if err != nil {
			return err
		}
		if *asJSON {
			enc := json.NewEncoder(out)
			enc.SetIndent("", "  ")
			return enc.Encode(labels)
		}
		return printLabels(out, labels)
	})
}

// printLabels prints the table for a person. Missed is known of a whole kind
// only: nobody can say which detector should have found what none did.
func printLabels(out io.Writer, l vault.Labels) error {
	if l.Photos == 0 {
		_, err := fmt.Fprintln(out, "no photo was approved in this time, so there are no labels yet")
		return err
	}
	fmt.Fprintf(out, "photos approved: %d. Covered regions that nothing had proposed are missed; shares with 95 %% intervals.\n\n", l.Photos)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "month\tkind\tdetector\tkept\tmoved\tremoved\tfaint, accepted\tfaint, passed\tmissed\tmiss rate\tfirm, but removed")
	for _, r := range l.Rows {
		month, detector, missed := r.Month, r.Detector, fmt.Sprint(r.Missed)
		if month == "" {
			month = "all"
		}
		if detector == "" {
			detector = "all"
		} else {
			missed = "–"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", month, r.Kind, detector, r.Kept, r.Moved, r.Removed,
			r.Accepted, r.Passed, missed, printShare(r.MissRate), printShare(r.Wrong))
	}
	return w.Flush()
}

func printShare(s vault.Share) string {
	if s.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f (%.3f–%.3f)", s.Rate, s.Low, s.High)
}
