package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/clinivault/clinivault/imaging"
)

// The commands on picture files (strip, redact, inspect, verify-redaction) use
// the gate, the limited child and the checker of the service. They exit with 0
// when all went well, 2 when a picture was refused or does not verify, and 1
// for everything else.
const (
	statusFailed  = 1
	statusRefused = 2
)

// statusError is an error with the status that the program exits with.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// statusOf is what the program exits with after err.
func statusOf(err error) int {
	var s *statusError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &s):
		return s.status
	}
	return statusFailed
}

// causes are the names of what makes a picture refused.
var causes = []struct {
	err  error
	name string
}{
	{imaging.ErrNotPicture, "not_picture"}, {imaging.ErrTruncated, "truncated"}, {imaging.ErrTooLarge, "too_large"},
	{imaging.ErrUnsupported, "unsupported"}, {imaging.ErrProof, "not_proved"}, {imaging.ErrChild, "child"},
	{imaging.ErrMalformed, "malformed"},
}

// causeOf names why a picture was refused; empty when err is of another kind.
func causeOf(err error) string {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	return ""
}

// parseAnywhere parses flags before, between and after the names, and gives the
// names. What follows "--" is a name.
func parseAnywhere(flags *flag.FlagSet, args []string) (names []string, err error) {
	flags.SetOutput(io.Discard)
	var rest []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, rest = args[:i], args[i+1:]
	}
	for {
		if err := flags.Parse(args); err != nil {
			return nil, fmt.Errorf("%s: %w; %w", flags.Name(), err, errUsage)
		}
		if flags.NArg() == 0 {
			return append(names, rest...), nil
		}
		names, args = append(names, flags.Arg(0)), flags.Args()[1:]
	}
}

// newPool is the service's own way of reading pictures.
func newPool() (*imaging.Pool, error) {
	return imaging.NewPool(imaging.PoolConfig{Command: childCommand, Limits: imaging.DefaultLimits()})
}

// task is one picture to work on. out and name are empty where nothing is
// written; name is out's, below the folder when there is one.
type task struct{ in, out, name string }

// tasksInto plans from which file to which: one file to one file, or several
// files and whole folders into a folder. many says that out is a folder.
func tasksInto(ins []string, out string) (tasks []task, many bool, err error) {
	folder := func(path string) bool { s, err := os.Stat(path); return err == nil && s.IsDir() }
	if len(ins) == 1 && !folder(ins[0]) && !folder(out) && !strings.HasSuffix(out, string(filepath.Separator)) {
		return []task{{in: ins[0], out: out, name: filepath.Base(out)}}, false, nil
	}
	if s, err := os.Stat(out); err == nil && !s.IsDir() {
		return nil, true, fmt.Errorf("%s is a file; name a folder for several pictures", out)
	}
	files, err := findFiles(ins, out)
	if err != nil {
		return nil, true, err
	}
	taken := map[string]bool{}
	for i, f := range files {
		files[i].name = jpegName(f.name)
		files[i].out = filepath.Join(out, files[i].name)
		if taken[files[i].out] {
			return nil, true, fmt.Errorf("two pictures would become %s; take them one by one", files[i].out)
		}
		taken[files[i].out] = true
	}
	return files, true, nil
}

// findFiles lists the files, and those in the folders, that are named. Hidden
// files, links and whatever lies in the folder except are passed over.
func findFiles(names []string, except string) (found []task, err error) {
	skip, _ := os.Stat(except)
	for _, in := range names {
		s, err := os.Stat(in)
		if err != nil {
			return nil, fmt.Errorf("opening: %w", err)
		}
		if !s.IsDir() {
			found = append(found, task{in: in, name: filepath.Base(in)})
			continue
		}
		err = filepath.WalkDir(in, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			hidden := path != in && strings.HasPrefix(d.Name(), ".")
			if d.IsDir() {
				if s, err := d.Info(); hidden || (err == nil && path != in && skip != nil && os.SameFile(s, skip)) {
					return filepath.SkipDir
				}
				return nil
			}
			if hidden || !d.Type().IsRegular() {
				return nil
			}
			name, err := filepath.Rel(in, path)
			found = append(found, task{in: path, name: name})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("listing: %w", err)
		}
	}
	return found, nil
}

// jpegName is the name of the JPEG that a picture becomes.
func jpegName(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".jpe":
		return name
	}
	return name + ".jpg"
}

// forEach works on the tasks, as many at a time as there are cores, and has
// show print each result in the order of the tasks. With several it tells the
// progress on the error stream. The error sums up what was refused or failed.
func forEach[T any](ctx context.Context, tasks []task, work func(context.Context, task) (T, error), show func(task, T, error) error) error {
	type result struct {
		value T
		err   error
	}
	results := make([]chan result, len(tasks))
	slots := make(chan struct{}, runtime.NumCPU())
	for i := range tasks {
		results[i] = make(chan result, 1)
	}
	go func() {
		for i, t := range tasks {
			slots <- struct{}{}
			go func() {
				v, err := work(ctx, t)
				results[i] <- result{v, err}
				<-slots
			}()
		}
	}()
	var refused, failed int
	var last error // the last, in words
	for i, t := range tasks {
		r := <-results[i]
		if len(tasks) > 1 {
			fmt.Fprintf(os.Stderr, "%d of %d: %s\n", i+1, len(tasks), t.in)
		}
		if err := show(t, r.value, r.err); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		if r.err == nil {
			continue
		}
		if cause := causeOf(r.err); cause != "" {
			refused++
			last = fmt.Errorf("%s: refused (%s): %s", t.in, cause, imaging.Reason(r.err))
		} else {
			failed++
			last = fmt.Errorf("%s: %w", t.in, r.err)
		}
	}
	return summary(len(tasks), refused, failed, last)
}

// summary is the one error after several pictures.
func summary(all, refused, failed int, last error) error {
	if refused+failed == 0 {
		return nil
	}
	status := statusRefused
	if failed > 0 {
		status = statusFailed
	}
	if all == 1 {
		return &statusError{status, last}
	}
	return &statusError{status, fmt.Errorf("of %d pictures %d were refused and %d failed; the last: %w", all, refused, failed, last)}
}

// notDone is what is printed of a picture that came to nothing.
type notDone struct {
	In      string `json:"in"`
	Refused string `json:"refused,omitempty"` // the cause
	Reason  string `json:"reason"`
}

// printJSON prints one line for one picture.
func printJSON(out io.Writer, t task, value any, err error) error {
	if err != nil {
		n := notDone{In: t.in, Refused: causeOf(err), Reason: err.Error()}
		if n.Refused != "" {
			n.Reason = imaging.Reason(err)
		}
		value = n
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}
