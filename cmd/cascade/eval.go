package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/imaging/train"
)

// measuring says what to measure on.
type measuring struct {
	root   string
	part   train.Part
	set    string // results whose name starts so
	sample int    // pictures of each set, 0 for all
	cpu    int    // photographs of each size to time, 0 for none

	drawings string // file of drawings that made-up tattoos are of; none with ""
}

// flagsOf defines the flags that eval and show share.
func (m *measuring) flagsOf(flags *flag.FlagSet) {
	flags.Func("part", "train, tune or report (default report)", func(s string) error {
		m.part = train.Part(s)
		if !slices.Contains([]train.Part{train.Train, train.Tune, train.Report}, m.part) {
			return fmt.Errorf("no such part")
		}
		return nil
	})
	m.part = train.Report
	flags.StringVar(&m.drawings, "drawings", train.Drawings, "file of drawings for made-up tattoos; empty to do without")
	flags.StringVar(&m.set, "set", "", "only sets whose name starts so")
	flags.IntVar(&m.sample, "sample", 0, "at most so many pictures of each set, the same ones each time; 0 for all")
}

// timedSides are the longest sides of the photographs whose search is timed; the last are of 12 megapixels.
var timedSides = []int{640, 1280, 4032}

// eval prints what a kind of detector finds.
func eval(ctx context.Context, args []string, out io.Writer) error {
	var m measuring
	flags := flag.NewFlagSet("eval", flag.ContinueOnError)
	m.flagsOf(flags)
	flags.IntVar(&m.cpu, "cpu", 0, "time the search of so many photographs of each size")
	asJSON := flags.Bool("json", false, "print a line of JSON for each set")
	asMarkdown := flags.Bool("markdown", false, "print a table of Markdown")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 2 || *asJSON && *asMarkdown {
		return fmt.Errorf("eval: name what to find and the folder of the data; %w", errUsage)
	}
	m.root = names[1]
	results, err := m.measure(ctx, imaging.Kind(names[0]))
	if err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	results = slices.DeleteFunc(results, func(r train.SetResult) bool { return !m.wants(r.Set) })
	switch {
	case len(results) == 0:
		return fmt.Errorf("eval: nothing was measured: no set of that part begins with %q", m.set)
	case *asJSON:
		return printResults(out, results)
	case *asMarkdown:
		return train.WriteMarkdown(out, results)
	}
	return train.WriteTable(out, results)
}

func (m measuring) measure(ctx context.Context, kind imaging.Kind) (results []train.SetResult, err error) {
	if kind == imaging.KindTattoo {
		outcomes, err := m.tattoos(ctx)
		if err != nil {
			return nil, err
		}
		results = train.TallyTattoos(m.part, outcomes)
	} else {
		outcomes, err := m.outcomes(ctx, kind)
		if err != nil {
			return nil, err
		}
		results = train.Tally(kind, m.part, outcomes)
	}
	if m.cpu > 0 {
		timed, err := train.CPU(ctx, m.root, kind, m.part, m.cpu, timedSides)
		if err != nil {
			return nil, err
		}
		results = append(results, timed...)
	}
	return results, nil
}

// outcomes searches the pictures of the sets asked for.
func (m measuring) outcomes(ctx context.Context, kind imaging.Kind) ([]train.Outcome, error) {
	var examples []train.Example
	var detect train.Detector
	var err error
	switch kind {
	case imaging.KindTattoo:
		outcomes, err := m.tattoos(ctx)
		var all []train.Outcome
		for _, o := range outcomes {
			all = append(all, o.Outcome())
		}
		return all, err
	case imaging.KindFace:
		examples, err = train.FaceExamples(m.root, m.part, m.sample)
		detect = detectFaces
	case imaging.KindText:
		examples, err = train.TextExamples(m.root, m.part, m.sample)
		detect = imaging.DetectText
	default:
		return nil, fmt.Errorf("there is no measure of that kind; %w", errUsage)
	}
	if err != nil {
		return nil, err
	}
	examples = slices.DeleteFunc(examples, func(e train.Example) bool { return !slices.ContainsFunc(e.Sets, m.wants) })
	return train.Run(ctx, examples, detect)
}

// wants tells whether a set was asked for.
func (m measuring) wants(set string) bool { return strings.HasPrefix(set, m.set) }

// tattoos searches the pictures of the sets of tattoos asked for.
func (m measuring) tattoos(ctx context.Context) ([]train.TattooOutcome, error) {
	cases, err := train.TattooCases(m.root, m.drawings, m.part, m.sample)
	if err != nil {
		return nil, err
	}
	cases = slices.DeleteFunc(cases, func(c train.TattooCase) bool { return !m.wants(c.Set) })
	return train.RunTattoos(ctx, cases)
}

func detectFaces(img image.Image) ([]imaging.Region, error) {
	return imaging.DetectImage(img, imaging.KindFace), nil
}

// result is a SetResult with the shares and intervals that a program would otherwise work out itself.
type result struct {
	train.SetResult
	Recall        float64    `json:"recall"`
	Interval      [2]float64 `json:"interval"`
	Covers        float64    `json:"covers"`
	FalseEach     float64    `json:"false_per_picture"`
	FalseInterval [2]float64 `json:"false_interval"`
	CPUMillis     int64      `json:"cpu_ms"`
}

func printResults(out io.Writer, results []train.SetResult) error {
	enc := json.NewEncoder(out)
	for _, r := range results {
		v := result{SetResult: r, Recall: r.Recall(), Covers: r.Covers(), FalseEach: r.FalsePerPicture(),
			CPUMillis: r.CPUPerPicture().Milliseconds()}
		v.Interval[0], v.Interval[1] = r.Interval()
		if r.Pictures > 1 {
			v.FalseInterval[0], v.FalseInterval[1] = r.FalseInterval()
		}
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("printing results: %w", err)
		}
	}
	return nil
}
