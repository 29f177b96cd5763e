package main

import (
	"context"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/imaging/train"
)

// perSheet is how many pictures a sheet holds.
const perSheet = 64

// show draws what the detectors propose.
func show(ctx context.Context, args []string, out io.Writer) error {
	var m measuring
	flags := flag.NewFlagSet("show", flag.ContinueOnError)
	m.flagsOf(flags)
	sheet := flags.String("sheet", "", "misses, false or all")
	kind := flags.String("kind", string(imaging.KindFace), "what sheets are of: face, tattoo or text")
	dir := flags.String("out", "", "the folder to write to")
	most := flags.Int("most", 2*perSheet, "at most so many pictures on sheets")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if *dir == "" || len(names) == 0 {
		return fmt.Errorf("show: name what to show, and --out; %w", errUsage)
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return fmt.Errorf("show: making the folder: %w", err)
	}
	if *sheet == "" {
		return showFiles(ctx, names, *dir, out)
	}
	if len(names) != 1 {
		return fmt.Errorf("show: a sheet is of one folder of data; %w", errUsage)
	}
	m.root = names[0]
	return m.showSheets(ctx, imaging.Kind(*kind), *sheet, *dir, *most, out)
}

// showFiles draws the boxes on a copy of each file, and prints where it is.
func showFiles(ctx context.Context, names []string, dir string, out io.Writer) error {
	taken := map[string]bool{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := readBounded(name, imaging.DefaultLimits().MaxBytes)
		if err != nil {
			return fmt.Errorf("show: %w", err)
		}
		still, err := imaging.Read(data, imaging.DefaultLimits())
		if err != nil {
			return fmt.Errorf("show: reading %s: %w", name, err)
		}
		regions, err := imaging.Detect(still)
		if err != nil {
			return fmt.Errorf("show: searching %s: %w", name, err)
		}
		upright, err := imaging.Upright(still)
		if err != nil {
			return fmt.Errorf("show: turning %s: %w", name, err)
		}
		rgba := image.NewRGBA(image.Rect(0, 0, upright.Bounds().Dx(), upright.Bounds().Dy()))
		draw.Draw(rgba, rgba.Rect, upright, upright.Bounds().Min, draw.Src)
		to := filepath.Join(dir, filepath.Base(name)+".png")
		for n := 2; taken[to]; n++ {
			to = filepath.Join(dir, fmt.Sprintf("%s-%d.png", filepath.Base(name), n))
		}
		taken[to] = true
		if err := writePNG(to, train.Draw(rgba, nil, regions)); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d boxes\n", to, len(regions))
	}
	return nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w: more than %d bytes", name, imaging.ErrTooLarge, limit)
	}
	return data, nil
}

// showSheets writes sheets of the outcomes that were asked for.
func (m measuring) showSheets(ctx context.Context, kind imaging.Kind, which, dir string, most int, out io.Writer) error {
	keep, known := map[string]func(train.Outcome) bool{
		"misses": train.Outcome.Missed,
		"false":  train.Outcome.FalselyFound,
		"all":    func(train.Outcome) bool { return true },
	}[which]
	if !known {
		return fmt.Errorf("show: a sheet is of misses, false or all; %w", errUsage)
	}
	outcomes, err := m.outcomes(ctx, kind)
	if err != nil {
		return fmt.Errorf("show: %w", err)
	}
	all := len(outcomes)
	outcomes = slices.DeleteFunc(outcomes, func(o train.Outcome) bool { return !keep(o) })
	fmt.Fprintf(out, "%d of %d pictures\n", len(outcomes), all)
	outcomes = outcomes[:min(len(outcomes), max(0, most))]
	for n := 1; len(outcomes) > 0; n++ {
		page := outcomes[:min(len(outcomes), perSheet)]
		outcomes = outcomes[len(page):]
		sheet, err := train.Sheet(page)
		if err != nil {
			return fmt.Errorf("show: %w", err)
		}
		to := filepath.Join(dir, fmt.Sprintf("%s-%d.png", which, n))
		if err := writePNG(to, sheet); err != nil {
			return err
		}
		fmt.Fprintln(out, to)
	}
	return nil
}

func writePNG(name string, img image.Image) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing a picture: %w", err)
	}
	defer func() {
		if closing := f.Close(); err == nil && closing != nil {
			err = fmt.Errorf("writing a picture: %w", closing)
		}
	}()
	if err := png.Encode(f, img); err != nil {
		return fmt.Errorf("writing a picture: %w", err)
	}
	return nil
}
