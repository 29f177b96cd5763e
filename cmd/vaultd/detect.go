package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clinivault/clinivault/imaging"
)

// searched is what is printed of a picture that was searched. Boxes are in
// upright pixels, before the margin that covering adds.
type searched struct {
	Path      string                   `json:"path"`
	Width     int                      `json:"width"` // upright pixels
	Height    int                      `json:"height"`
	Regions   []imaging.Region         `json:"regions"`
	CPUMillis map[imaging.Kind]float64 `json:"cpu_ms"` // of each kind of detector
	Drawn     string                   `json:"drawn,omitempty"`
}

// notSearched is what is printed of a file that could not be searched.
type notSearched struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

// searcher searches pictures as the service does: the same child, the same
// detectors, the same thresholds.
type searcher struct {
	pool *imaging.Pool
	draw string // a folder for pictures with the boxes drawn; empty for none
}

// detectCommand proposes regions of picture files. What cannot be searched has
// a line too, and makes the status 1 in the end.
func detectCommand(ctx context.Context, args []string, out io.Writer) error {
	s := &searcher{}
	flags := flag.NewFlagSet("detect", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print a line of JSON for each picture")
	flags.StringVar(&s.draw, "draw", "", "a folder for copies of the pictures with the boxes drawn")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("detect: name what to search; %w", errUsage)
	}
	tasks, err := s.plan(names)
	if err != nil {
		return fmt.Errorf("detect: %w", err)
	}
	if len(tasks) == 0 {
		return fmt.Errorf("detect: no file is in the folders")
	}
	if s.pool, err = newPool(); err != nil {
		return err
	}
	err = forEach(ctx, tasks, s.search, func(t task, v *searched, err error) error {
		if *asJSON {
			return printSearchedLine(out, t, v, err)
		}
		return printSearched(out, t, v, err)
	})
	if err != nil {
		return &statusError{statusFailed, err}
	}
	return nil
}

// plan lists the files that are named, those in folders too, and gives each a
// name of its own in the folder for drawings. A file that is missing stays in
// the list: its line says so.
func (s *searcher) plan(names []string) ([]task, error) {
	var tasks []task
	for _, name := range names {
		if is, err := os.Stat(name); err != nil || !is.IsDir() {
			tasks = append(tasks, task{in: name, name: filepath.Base(name)})
			continue
		}
		found, err := findFiles([]string{name}, s.draw)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, found...)
	}
	if s.draw == "" {
		return tasks, nil
	}
	taken := map[string]bool{}
	for i := range tasks {
		name := jpegName(tasks[i].name)
		for n := 2; taken[name]; n++ {
			ext := filepath.Ext(tasks[i].name)
			name = jpegName(fmt.Sprintf("%s-%d%s", strings.TrimSuffix(tasks[i].name, ext), n, ext))
		}
		taken[name] = true
		tasks[i].out = filepath.Join(s.draw, name)
	}
	return tasks, nil
}

// search does one picture.
func (s *searcher) search(ctx context.Context, t task) (*searched, error) {
	if s.draw != "" {
		if err := mayWrite(t.out, false); err != nil {
			return nil, err
		}
	}
	data, err := readPicture(t.in)
	if err != nil {
		return nil, err
	}
	d, err := s.pool.Detect(ctx, data)
	if err != nil {
		return nil, err
	}
	v := &searched{Path: t.in, Width: d.Still.Width(), Height: d.Still.Height(),
		Regions: append([]imaging.Region{}, d.Regions...), CPUMillis: map[imaging.Kind]float64{}, Drawn: t.out}
	for kind, used := range d.Used {
		v.CPUMillis[kind] = float64(used.Round(10*time.Microsecond)) / float64(time.Millisecond)
	}
	if s.draw == "" {
		return v, nil
	}
	drawing, err := s.drawing(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(t.out), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder: %w", err)
	}
	return v, publish(t.out, drawing, false, nil)
}

// printSearchedLine prints one line of JSON.
func printSearchedLine(out io.Writer, t task, v *searched, err error) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err != nil {
		return enc.Encode(notSearched{t.in, reasonOf(err)})
	}
	return enc.Encode(v)
}

// printSearched prints a table for a person. That nothing is proposed is said
// as that: it is no all-clear.
func printSearched(out io.Writer, t task, v *searched, err error) error {
	if err != nil {
		_, err = fmt.Fprintf(out, "%s: not searched: %s\n", t.in, reasonOf(err))
		return err
	}
	fmt.Fprintf(out, "%s: %d × %d upright\n", v.Path, v.Width, v.Height)
	w := tabwriter.NewWriter(out, 0, 4, 3, ' ', 0)
	for _, r := range v.Regions {
		sure := "firm"
		if r.Score < imaging.FaintScore {
			sure = "faint"
		}
		fmt.Fprintf(w, "  %s\t%d,%d – %d,%d\t%.3f %s\t%s\n", r.Kind, r.Box.X0, r.Box.Y0, r.Box.X1, r.Box.Y1, r.Score, sure, r.Source)
	}
	if len(v.Regions) == 0 {
		fmt.Fprintln(w, "  no proposal: the detectors miss things, so look for yourself")
	}
	var times []string
	for kind, millis := range v.CPUMillis {
		times = append(times, fmt.Sprintf("%s %.0f ms", kind, millis))
	}
	slices.Sort(times)
	fmt.Fprintf(w, "  processor time: %s\n", strings.Join(times, ", "))
	return w.Flush()
}
