package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// errFindings is a check that went well and found something: exit 2.
var errFindings = errors.New("the store is not as it should be")

// fsckCommand compares the store with the database. It may run next to the
// server. It exits with 0 when nothing was found or all was repaired, with 2
// when something is left, with 1 when it could not run.
func fsckCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("fsck", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	deep := flags.Bool("deep", false, "open every object and compare every byte")
	repair := flags.Bool("repair", false, "mend what can be mended")
	asJSON := flags.Bool("json", false, "write the report as JSON")
	if err := parse(flags, args); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		r, err := v.CheckStore(ctx, vault.Operator(), vault.CheckOptions{Deep: *deep, Repair: *repair, Progress: tellProgress(os.Stderr)})
		if err != nil {
			return err
		}
		write := writeReport
		if *asJSON {
			write = writeReportJSON
		}
		if err := write(out, r); err != nil {
			return err
		}
		if left := r.Findings - r.Repaired; left > 0 {
			return &statusError{statusRefused, fmt.Errorf("%w: %d findings, %d repaired", errFindings, r.Findings, r.Repaired)}
		}
		return nil
	})
}

// tellProgress says how far a long check is.
func tellProgress(w io.Writer) func(vault.CheckProgress) {
	return func(p vault.CheckProgress) {
		of := ""
		if p.Of > 0 {
			of = fmt.Sprintf(" of %d", p.Of)
		}
		fmt.Fprintf(w, "%s: %d%s, %d findings, %d repaired\n", p.Step, p.Done, of, p.Findings, p.Repairs)
	}
}

func writeReportJSON(out io.Writer, r vault.StoreReport) error {
	if r.List == nil {
		r.List = []vault.StoreFinding{}
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func writeReport(out io.Writer, r vault.StoreReport) error {
	for _, f := range r.List {
		what := "object " + f.Object
		if f.Photo != "" {
			what = fmt.Sprintf("photo %s, %s (object %s)", f.Photo, f.Rendition, f.Object)
		}
		end := "REPAIRED"
		if !f.Repaired {
			end = "-> " + f.Remedy
		}
		if _, err := fmt.Fprintf(out, "%-8s %s %s\n         %s\n", f.Found, what, f.Meaning, end); err != nil {
			return err
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintln(out, "note:", note)
	}
	kind := "names and sizes"
	if r.Deep {
		kind = "every byte"
	}
	_, err := fmt.Fprintf(out, "checked %d objects, %s, in %s: %d findings, %d repaired\n", r.Objects, kind,
		(time.Duration(r.TookMS) * time.Millisecond).Round(time.Millisecond), r.Findings, r.Repaired)
	return err
}
