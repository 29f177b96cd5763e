package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/clinivault/clinivault/imaging"
)

// inspected is what is printed, as JSON, of what a picture carries.
type inspected struct {
	In string `json:"in"`
	imaging.Inspection
}

// inspectCommand tells what picture files carry beside the picture.
func inspectCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	values := flags.Bool("values", false, "show the values too: personal data")
	asJSON := flags.Bool("json", false, "print a line of JSON for each picture")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("inspect: name what to read; %w", errUsage)
	}
	tasks, err := findFiles(names, "")
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	pool, err := newPool()
	if err != nil {
		return err
	}
	work := func(ctx context.Context, t task) (imaging.Inspection, error) {
		data, err := readPicture(t.in)
		if err != nil {
			return imaging.Inspection{}, err
		}
		return pool.Inspect(ctx, data, *values)
	}
	return forEach(ctx, tasks, work, func(t task, in imaging.Inspection, err error) error {
		if *asJSON {
			return printJSON(out, t, inspected{t.in, in}, err)
		}
		return printInspection(out, t, in, err)
	})
}

// printInspection prints a list for a person. Values hold printable characters
// only.
func printInspection(out io.Writer, t task, in imaging.Inspection, err error) error {
	if err != nil {
		_, err = fmt.Fprintf(out, "%s: %s\n", t.in, reasonOf(err))
		return err
	}
	fmt.Fprintf(out, "%s: %s, %d × %d as stored, %d bytes\n", t.in, in.Format, in.Width, in.Height, in.Bytes)
	w := tabwriter.NewWriter(out, 0, 4, 3, ' ', 0)
	for _, f := range in.Findings {
		fmt.Fprintf(w, "  %s\t%s", f.Where, f.What)
		if f.Value != "" {
			fmt.Fprintf(w, "\t%s", f.Value)
		}
		fmt.Fprintln(w)
	}
	if len(in.Findings) == 0 {
		fmt.Fprintln(w, "  nothing but the picture")
	}
	if in.More {
		fmt.Fprintln(w, "  … and more: the list is cut")
	}
	return w.Flush()
}

// reasonOf is a sentence on why a picture could not be read.
func reasonOf(err error) string {
	if causeOf(err) != "" {
		return imaging.Reason(err)
	}
	return err.Error()
}
