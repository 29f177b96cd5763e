//go:build !js

package imaging

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Reading is what reading a new picture gives: the original, the regions proposed, both sizes open and with
// all those regions covered, faint ones too (equal when there are none), and which detectors ran.
type Reading struct {
	Still                        *Still
	Regions                      []Region
	Thumb, Display               *Still
	CoveredThumb, CoveredDisplay *Still
	Detectors                    []string
}

// Detection is what searching a new picture gives: the original, the regions proposed before any margin, the
// processor time that each kind of detector used, and which detectors ran. The regions are those of Reading.
type Detection struct {
	Still     *Still
	Regions   []Region
	Used      map[Kind]time.Duration
	Detectors []string
}

// Redacted is a proved redaction, both sizes of it, the boxes really covered, and what the detectors still see
// in the result. A residual is a reason to look again, not an error.
type Redacted struct {
	Still          *Still
	Thumb, Display *Still
	Masked         []Box
	Residual       []Region
	Detectors      []string // that looked at the result
}

// Read reads a picture from outside.
func (p *Pool) Read(ctx context.Context, data []byte) (*Reading, error) {
	resp, err := p.ask(ctx, opRead, data, nil, 5)
	if err != nil {
		return nil, err
	}
	stills, err := checkPictures(resp.pictures)
	if err != nil {
		return nil, err
	}
	s := stills[0]
	if err := p.cfg.Limits.fits(int64(s.width), int64(s.height)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	s.facts, s.converted = resp.Facts.clean(), phrase(resp.Converted)
	s.removed = phrases(resp.Removed)
	regions, err := checkRegions(resp.Regions, s.width, s.height)
	if err != nil {
		return nil, err
	}
	return &Reading{Still: s, Regions: regions, Thumb: stills[1], Display: stills[2],
		CoveredThumb: stills[3], CoveredDisplay: stills[4], Detectors: phrases(resp.Detectors)}, nil
}

// Detect searches a picture from outside with the detectors that Read uses.
func (p *Pool) Detect(ctx context.Context, data []byte) (*Detection, error) {
	resp, err := p.ask(ctx, opDetect, data, nil, 1)
	if err != nil {
		return nil, err
	}
	stills, err := checkPictures(resp.pictures)
	if err != nil {
		return nil, err
	}
	s := stills[0]
	if err := p.cfg.Limits.fits(int64(s.width), int64(s.height)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	s.converted, s.removed = phrase(resp.Converted), phrases(resp.Removed)
	regions, err := checkRegions(resp.Regions, s.width, s.height)
	if err != nil {
		return nil, err
	}
	used := map[Kind]time.Duration{}
	for _, k := range append([]Kind{usedByOpinion}, detected...) {
		if spent, ran := resp.Used[k]; ran {
			used[k] = max(0, spent)
		}
	}
	return &Detection{Still: s, Regions: regions, Used: used, Detectors: phrases(resp.Detectors)}, nil
}

// detected are the kinds of region that detectors propose.
var detected = []Kind{KindFace, KindTattoo, KindText}

// Redact covers regions of an original that this package made. The proof is made here, not in the child that
// wrote the picture, and also that each region lies under a mask.
func (p *Pool) Redact(ctx context.Context, original []byte, regions []Region) (*Redacted, error) {
	before, err := newStill(original)
	if err != nil {
		return nil, err
	}
	boxes, err := coverBoxes(regions, before.width, before.height)
	if err != nil {
		return nil, err
	}
	resp, err := p.ask(ctx, opRedact, original, regions, 3)
	if err != nil {
		return nil, err
	}
	stills, err := checkPictures(resp.pictures)
	if err != nil {
		return nil, err
	}
	if len(resp.Masked) != len(boxes) {
		return nil, fmt.Errorf("%w: a region has no mask", ErrProof)
	}
	for i, b := range boxes {
		if !b.rect().In(resp.Masked[i].rect()) {
			return nil, fmt.Errorf("%w: a region is not under its mask", ErrProof)
		}
	}
	if err := Prove(before, stills[0], resp.Masked); err != nil {
		return nil, err
	}
	residual, err := checkRegions(resp.Regions, before.width, before.height)
	if err != nil {
		return nil, err
	}
	return &Redacted{Still: stills[0], Thumb: stills[1], Display: stills[2], Masked: resp.Masked, Residual: residual,
		Detectors: phrases(resp.Detectors)}, nil
}

// Cover makes the two sizes of an original with regions covered, without a redaction being decided.
func (p *Pool) Cover(ctx context.Context, original []byte, regions []Region) (thumb, display *Still, err error) {
	resp, err := p.ask(ctx, opCover, original, regions, 2)
	if err != nil {
		return nil, nil, err
	}
	stills, err := checkPictures(resp.pictures)
	if err != nil {
		return nil, nil, err
	}
	return stills[0], stills[1], nil
}

// Chart gives Baseline of a redacted picture.
func (p *Pool) Chart(ctx context.Context, redacted []byte) (jpeg []byte, width, height int, err error) {
	resp, err := p.ask(ctx, opChart, redacted, nil, 1)
	if err != nil {
		return nil, 0, 0, err
	}
	pic, err := examine(resp.pictures[0])
	if err != nil {
		return nil, 0, 0, fmt.Errorf("%w: %w", ErrChild, err)
	}
	if pic.orientation != 1 || !pic.baseline || pic.adobe {
		return nil, 0, 0, fmt.Errorf("%w: chart picture is not plain baseline", ErrChild)
	}
	return bytes.Clone(resp.pictures[0]), pic.width, pic.height, nil
}

// Inspect is Inspect in a child, with or without values.
func (p *Pool) Inspect(ctx context.Context, data []byte, values bool) (Inspection, error) {
	resp, err := p.ask(ctx, opInspect, data, nil, 0)
	if err != nil {
		return Inspection{}, err
	}
	if resp.Inspection == nil {
		return Inspection{}, fmt.Errorf("%w: %w", ErrChild, errFrame)
	}
	in := *resp.Inspection
	in.clean()
	if !values {
		in = in.WithoutValues()
	}
	return in, nil
}

// clean bounds an inspection that came from a child process.
func (in *Inspection) clean() {
	in.Format = phrase(in.Format)
	in.Width, in.Height = max(0, in.Width), max(0, in.Height)
	if len(in.Findings) > maxFindings {
		in.Findings, in.More = in.Findings[:maxFindings], true
	}
	for i, f := range in.Findings {
		in.Findings[i] = Finding{Where: printable(f.Where), What: printable(f.What), Value: printable(f.Value)}
	}
}

// checkPictures makes Stills of what a child sent, each past the checker and with memory of its own.
func checkPictures(pictures [][]byte) ([]*Still, error) {
	stills := make([]*Still, 0, len(pictures))
	for _, b := range pictures {
		s, err := newStill(bytes.Clone(b))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrChild, err)
		}
		stills = append(stills, s)
	}
	return stills, nil
}

// checkRegions wants regions that a detector could have found in a picture of w × h.
func checkRegions(regions []Region, w, h int) ([]Region, error) {
	if len(regions) > MaxRegions {
		return nil, fmt.Errorf("%w: too many regions", ErrChild)
	}
	out := make([]Region, 0, len(regions))
	for _, r := range regions {
		if r.Box.clip(w, h) != r.Box || r.Box.empty() || !slices.Contains(detected, r.Kind) ||
			!(r.Score >= 0 && r.Score <= 1) || r.Source == SourcePerson || !isDigest(r.Model) {
			return nil, fmt.Errorf("%w: a region that cannot be", ErrChild)
		}
		r.Source, r.Model, r.Tuning = phrase(r.Source), phrase(r.Model), phrase(r.Tuning)
		out = append(out, r)
	}
	return out, nil
}

// isDigest reports whether s is a SHA-256 in lower-case hexadecimal, or empty.
func isDigest(s string) bool {
	return s == "" || len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// phrases bounds a list of short texts from a child.
func phrases(list []string) []string {
	var out []string
	for _, s := range list[:min(len(list), 64)] {
		if s = phrase(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
