package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/clinivault/clinivault/vault"
)

// verifyAuditCommand checks an export without a vault, a network or a key file,
// and compares it with checkpoints that others kept.
func verifyAuditCommand(_ context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("verify-audit", flag.ContinueOnError)
	key := flags.String("key", "", "one of the log's verifier keys, from a source other than the export")
	var files []string
	flags.Func("checkpoint", "a file of a witness, or one signed checkpoint; may be given several times", func(path string) error {
		files = append(files, path)
		return nil
	})
	export, err := fileAndFlags(flags, args)
	if err != nil {
		return fmt.Errorf("verify-audit: %w; %w", err, errUsage)
	}
	kept, err := readKept(files)
	if err != nil {
		return err
	}
	f, err := os.Open(export)
	if err != nil {
		return fmt.Errorf("opening the export: %w", err)
	}
	defer f.Close()
	v, err := vault.VerifyExport(f, *key, kept...)
	if err != nil {
		return fmt.Errorf("verifying the export: %w", err)
	}
	if !v.OK {
		if v.FirstBad > 0 {
			return fmt.Errorf("the log does NOT verify: %s (first bad event: %d)", v.Problem, v.FirstBad)
		}
		return fmt.Errorf("the log does NOT verify: %s", v.Problem)
	}
	fmt.Fprintf(out, "the log verifies: %d events, %d signed checkpoints, the last of %s, root %s\n", v.Size, v.Checkpoints, v.LastCheckpoint, v.Root)
	for _, r := range v.RolledBack {
		fmt.Fprintf(out, "WARNING: events %d to %d are not those that a witness knew: event %d says that the operator put the database back to an earlier state (%d kept notes)\n",
			r.First, r.Last, r.Event, r.Kept)
	}
	if v.Kept > 0 {
		fmt.Fprintf(out, "compared with %d notes that others kept\n", v.Kept)
	} else {
		fmt.Fprintln(out, "no checkpoint of a witness was given (--checkpoint FILE): an export cut back to an earlier state would verify too")
	}
	if v.KeyFromExport {
		fmt.Fprintln(out, "the verifier key was taken from the export itself; compare it with the one published by the service, or pass --key")
	}
	return nil
}

// fileAndFlags parses flags around the one file that a command is about.
func fileAndFlags(flags *flag.FlagSet, args []string) (file string, err error) {
	flags.SetOutput(io.Discard)
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return "", err
		}
		if args = flags.Args(); len(args) > 0 {
			if file != "" {
				return "", errors.New("name one file")
			}
			file, args = args[0], args[1:]
		}
	}
	if file == "" {
		return "", errors.New("name the exported file")
	}
	return file, nil
}

// readKept reads what witnesses kept.
func readKept(files []string) (kept []string, err error) {
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("opening a witness's file: %w", err)
		}
		notes, err := vault.ReadKept(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		kept = append(kept, notes...)
	}
	return kept, nil
}
