package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// redacted is what is printed of a picture that was redacted.
type redacted struct {
	In           string           `json:"in"`
	Out          string           `json:"out"`
	Width        int              `json:"width"` // upright pixels
	Height       int              `json:"height"`
	Removed      []string         `json:"removed"`
	Masked       []imaging.Box    `json:"masked"`   // what is really covered
	Residual     []imaging.Region `json:"residual"` // what the detectors still see
	Certificate  string           `json:"certificate,omitempty"`
	OriginalSalt string           `json:"original_salt,omitempty"` // keep it apart from the certificate
}

// regionFlags collects the regions of repeated flags: kind:x0,y0,x1,y1.
type regionFlags []imaging.Region

func (r *regionFlags) String() string { return "" }

func (r *regionFlags) Set(text string) error {
	kind, corners, _ := strings.Cut(text, ":")
	known := []imaging.Kind{imaging.KindFace, imaging.KindTattoo, imaging.KindText, imaging.KindDrawn}
	if !slices.Contains(known, imaging.Kind(kind)) {
		return errors.New("a region is face, tattoo, text or drawn, then :x0,y0,x1,y1")
	}
	var n []int
	for part := range strings.SplitSeq(corners, ",") {
		v, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return errors.New("a region needs four whole numbers, x0,y0,x1,y1")
		}
		n = append(n, v)
	}
	if len(n) != 4 || n[0] < 0 || n[1] < 0 || n[0] >= n[2] || n[1] >= n[3] {
		return errors.New("a region needs x0 < x1 and y0 < y1, none below 0")
	}
	*r = append(*r, imaging.Region{Kind: imaging.Kind(kind), Box: imaging.Box{X0: n[0], Y0: n[1], X1: n[2], Y1: n[3]},
		Score: 1, Source: imaging.SourcePerson})
	return nil
}

// redactor covers the same regions in each picture.
type redactor struct {
	pool        *imaging.Pool
	regions     regionFlags
	margin      bool
	force       bool
	many        bool
	certificate string // a file, or with several pictures a folder
	key         ed25519.PrivateKey
}

// redactCommand covers regions of pictures and proves it.
func redactCommand(ctx context.Context, args []string, out io.Writer) error {
	r := &redactor{}
	flags := flag.NewFlagSet("redact", flag.ContinueOnError)
	flags.Var(&r.regions, "region", "kind:x0,y0,x1,y1 in upright pixels; may be repeated")
	flags.BoolVar(&r.margin, "margin", false, "add the margin that a detector's region gets")
	flags.BoolVar(&r.force, "force", false, "replace files that are there already")
	flags.StringVar(&r.certificate, "certificate", "", "where to write the certificate; for several pictures a folder")
	key := flags.String("key", "", "a file with the Ed25519 key that signs it; made when it is absent")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) < 2 || len(r.regions) == 0 {
		return fmt.Errorf("redact: name what to read, where to write, and at least one --region; %w", errUsage)
	}
	if (r.certificate == "") != (*key == "") {
		return fmt.Errorf("redact: --certificate and --key go together; %w", errUsage)
	}
	var tasks []task
	if tasks, r.many, err = tasksInto(names[:len(names)-1], names[len(names)-1]); err != nil {
		return fmt.Errorf("redact: %w", err)
	}
	if *key != "" {
		if r.key, err = signingKey(*key, os.Stderr); err != nil {
			return fmt.Errorf("redact: %w", err)
		}
	}
	if r.pool, err = newPool(); err != nil {
		return err
	}
	return forEach(ctx, tasks, r.redact, func(t task, v *redacted, err error) error {
		if err == nil && len(v.Residual) > 0 {
			fmt.Fprintf(os.Stderr, "%s: the detectors still see something in %d places; look at it before it leaves\n", t.out, len(v.Residual))
		}
		return printJSON(out, t, v, err)
	})
}

// redact does one picture: read, cover, write beside its place, prove what
// reads back, give it its name, certify.
func (r *redactor) redact(ctx context.Context, t task) (*redacted, error) {
	certificate := r.certificateFor(t)
	if certificate != "" {
		if err := orForce(mayWrite(certificate, r.force)); err != nil {
			return nil, err
		}
	}
	read, err := prepare(ctx, r.pool, t, r.many, r.force)
	if err != nil {
		return nil, err
	}
	original := read.still.Bytes()
	regions, err := r.fit(read.still)
	if err != nil {
		return nil, err
	}
	result, err := r.pool.Redact(ctx, original, regions)
	if err != nil {
		return nil, err
	}
	err = orForce(publish(t.out, result.Still.Bytes(), r.force, func(back []byte) error { return result.ProveBack(original, back) }))
	if err != nil {
		return nil, err
	}
	done := &redacted{In: t.in, Out: t.out, Width: read.still.Width(), Height: read.still.Height(),
		Removed: append([]string{}, read.still.Removed()...), Masked: result.Masked,
		Residual: append([]imaging.Region{}, result.Residual...), Certificate: certificate}
	if certificate == "" {
		return done, nil
	}
	if done.OriginalSalt, err = r.certify(certificate, original, result, regions); err != nil {
		return nil, errors.Join(err, os.Remove(t.out)) // no redaction without the certificate that was asked for
	}
	return done, nil
}

// certificateFor is where a picture's certificate goes.
func (r *redactor) certificateFor(t task) string {
	if r.certificate == "" || !r.many {
		return r.certificate
	}
	return filepath.Join(r.certificate, t.name+".json")
}

// fit gives the regions for one picture, which must hold them whole.
func (r *redactor) fit(s *imaging.Still) ([]imaging.Region, error) {
	out := slices.Clone(r.regions)
	for i, one := range out {
		if one.Box.X1 > s.Width() || one.Box.Y1 > s.Height() {
			return nil, fmt.Errorf("a region reaches beyond the picture, which is %d × %d upright", s.Width(), s.Height())
		}
		if r.margin {
			out[i].Box = imaging.Margin(one, s.Width(), s.Height())
		}
	}
	return out, nil
}

// certify signs and writes the certificate.
func (r *redactor) certify(path string, original []byte, result *imaging.Redacted, regions []imaging.Region) (salt string, err error) {
	var listed []vault.Region
	for i, one := range regions {
		listed = append(listed, vault.Region{ID: vault.RegionID(strconv.Itoa(i + 1)), Kind: one.Kind, Box: one.Box,
			Score: one.Score, Source: one.Source, Fate: "added"})
	}
	text, salt, err := vault.CertifyRedaction(r.key, original, result, listed, vault.TimeOf(time.Now()))
	if err != nil {
		return "", err
	}
	if r.many {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", fmt.Errorf("making the folder: %w", err)
		}
	}
	return salt, orForce(publish(path, append(text, '\n'), r.force, nil))
}
