// Command cascade learns the cascades of package imaging, measures what the detectors find, and shows it: boxes on
// pictures, and sheets of what was missed and what was taken for something it is not.
//
// Pictures to learn from and to measure on are never part of this project; their folder is named on the command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

const usage = `cascade learns, measures and shows the detectors of faces, tattoos and text.

  cascade train face|eye|mouth|tattoo [--out FILE] [--checkpoint FILE] [--seed N] [--sample N] [--trees N] DATA
                                     learn a cascade; with a checkpoint, an ended run goes on
  cascade eval face|tattoo|text [--part report|tune|train] [--set PREFIX] [--sample N] [--cpu N]
               [--drawings FILE] [--json|--markdown] DATA
                                     found, covered and false boxes of each set, with 95 % intervals
  cascade show FILE ... --out DIR    draw the proposed boxes on pictures
  cascade show --sheet misses|false|all [--kind K] [--set PREFIX] [--part P] [--sample N] [--most N] --out DIR DATA
                                     sheets of what was missed, what was falsely found, or all

DATA is a folder laid out as imaging/DETECTION.md says.
`

var errUsage = errors.New("see `cascade help`")

// verb is one of the commands.
type verb func(ctx context.Context, args []string, out io.Writer) error

var verbs = map[string]verb{"train": learn, "eval": eval, "show": show}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cascade:", err)
		stop()
		os.Exit(1)
	}
}

// command runs what args name and writes its output to out.
func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	if slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		_, err := io.WriteString(out, usage)
		return err
	}
	run, known := verbs[args[0]]
	if !known {
		return fmt.Errorf("no command of that name; %w", errUsage)
	}
	err := run(ctx, args[1:], out)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(out, usage)
	}
	return err
}

// parseAnywhere parses flags that may stand before, between and after the other arguments, which it gives.
func parseAnywhere(flags *flag.FlagSet, args []string) (names []string, err error) {
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); err != nil {
			return nil, fmt.Errorf("%s: %w; %w", flags.Name(), err, errUsage)
		}
		if flags.NArg() == 0 {
			return names, nil
		}
		names, args = append(names, flags.Arg(0)), flags.Args()[1:]
	}
}
