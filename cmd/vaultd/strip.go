package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/clinivault/clinivault/imaging"
)

// stripped is what is printed of a picture that was stripped.
type stripped struct {
	In          string   `json:"in"`
	Out         string   `json:"out"`
	Width       int      `json:"width"` // upright pixels
	Height      int      `json:"height"`
	Orientation int      `json:"orientation"`         // the tag that was kept, 1 when the picture itself was turned
	Converted   string   `json:"converted,omitempty"` // from which format the pixels were encoded anew
	Removed     []string `json:"removed"`             // by name, never by value
	BytesIn     int      `json:"bytes_in"`
	BytesOut    int      `json:"bytes_out"`
}

// stripCommand rebuilds pictures without anything but the picture.
func stripCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("strip", flag.ContinueOnError)
	force := flags.Bool("force", false, "replace files that are there already")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) < 2 {
		return fmt.Errorf("strip: name what to read and where to write; %w", errUsage)
	}
	tasks, many, err := tasksInto(names[:len(names)-1], names[len(names)-1])
	if err != nil {
		return fmt.Errorf("strip: %w", err)
	}
	pool, err := newPool()
	if err != nil {
		return err
	}
	work := func(ctx context.Context, t task) (*stripped, error) {
		r, err := prepare(ctx, pool, t, many, *force)
		if err != nil {
			return nil, err
		}
		s, file := r.still, r.still.Bytes()
		if err := orForce(publish(t.out, file, *force, imaging.Verify)); err != nil {
			return nil, err
		}
		return &stripped{In: t.in, Out: t.out, Width: s.Width(), Height: s.Height(), Orientation: s.Orientation(),
			Converted: s.Converted(), Removed: append([]string{}, s.Removed()...), BytesIn: r.size, BytesOut: len(file)}, nil
	}
	return forEach(ctx, tasks, work, func(t task, s *stripped, err error) error { return printJSON(out, t, s, err) })
}

// ready is a picture that was read and whose place to write is free.
type ready struct {
	still *imaging.Still
	size  int // of the source
}

// prepare reads a picture through gate, child and checker, once it is clear
// that the result can be written.
func prepare(ctx context.Context, pool *imaging.Pool, t task, many, force bool) (*ready, error) {
	if err := orForce(mayWrite(t.out, force)); err != nil {
		return nil, err
	}
	data, err := readPicture(t.in)
	if err != nil {
		return nil, err
	}
	r, err := pool.Read(ctx, data)
	if err != nil {
		return nil, err
	}
	if many {
		if err := os.MkdirAll(filepath.Dir(t.out), 0o700); err != nil {
			return nil, fmt.Errorf("making the folder: %w", err)
		}
	}
	return &ready{r.Still, len(data)}, nil
}
