package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/imaging/train"
	"github.com/clinivault/clinivault/vault"
)

// lessons is what `vaultd learn` was asked for.
type lessons struct {
	config, data, out string
	months, most      int
	target            train.Target
	cfg               train.FaceConfig
}

// learnCommand learns a cascade of the face family from the pictures of the
// data and this site's own reviewed photos. The photos are opened by the vault,
// one event each, and never leave this process: what is written is the cascade.
func learnCommand(ctx context.Context, args []string, out io.Writer) error {
	l, err := lessonsOf(args)
	if err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	err = operate(ctx, l.config, out, func(v *vault.Vault) error {
		opened, err := v.Lessons(ctx, vault.Operator(), l.months, l.add)
		if errors.Is(err, errEnough) {
			err = nil
		}
		fmt.Fprintf(out, "learning from %d reviewed photos (%d opened) and the pictures of the data\n", len(l.cfg.Reviewed), opened)
		return err
	})
	if err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	start := time.Now()
	l.cfg.Progress = func(p train.Progress) {
		fmt.Fprintf(out, "\r%s: round %d of %d, tree %d of %d, %s ", l.target, p.Round, p.Rounds, p.Tree, p.Trees, time.Since(start).Round(time.Second))
	}
	c, err := train.LearnFace(ctx, l.cfg, l.target, l.data)
	fmt.Fprintln(out)
	if err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	file, err := c.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	if err := publish(l.out, file, false, nil); err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	fmt.Fprintf(out, "%s: %d trees, %d bytes, sha256 %x\n", l.out, c.Trees(), len(file), sha256.Sum256(file))
	return nil
}

// check finds before any photo is opened what would make the learning fail, or be lost in the end.
func (l *lessons) check() error {
	if err := mayWrite(l.out, false); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(l.out), l.data, filepath.Join(l.data, "faces")} {
		if s, err := os.Stat(dir); err != nil {
			return err
		} else if !s.IsDir() {
			return fmt.Errorf("%s is not a folder", dir)
		}
	}
	return nil
}

func lessonsOf(args []string) (*lessons, error) {
	l := &lessons{}
	flags := flag.NewFlagSet("learn", flag.ContinueOnError)
	flags.StringVar(&l.config, "config", "", "the configuration file")
	flags.StringVar(&l.data, "data", "", "the folder of labelled pictures")
	flags.StringVar(&l.out, "out", "", "the file to write the cascade to")
	flags.IntVar(&l.months, "months", 12, "photos approved in this month and those before it, so many in all; 0: all")
	flags.IntVar(&l.most, "photos", 2000, "as many photos at most, oldest first")
	trees := flags.Int("trees", 0, "stop after so many trees; 0: as the shipped cascade")
	sample := flags.Int("sample", 1, "use only each such picture of the data, for a quick try")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return nil, err
	}
	if len(names) != 1 || l.data == "" || l.out == "" || l.most < 1 || *trees < 0 || *sample < 1 {
		return nil, fmt.Errorf("learn: name one target, --data, and --out; %w", errUsage)
	}
	if l.target, err = train.ParseTarget(names[0]); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	l.cfg = train.Recipe(l.target)
	l.cfg.Sample = *sample
	if *trees > 0 {
		var rounds []int
		for _, n := range l.cfg.Rounds {
			if n < *trees {
				rounds = append(rounds, n)
			}
		}
		l.cfg.Rounds = append(rounds, *trees)
	}
	return l, nil
}

// errEnough ends the lessons once there are as many as may be kept in memory.
var errEnough = errors.New("enough photos")

// add keeps of a photo what is learned from: its luma, small, without what was
// covered but the faces.
func (l *lessons) add(lesson vault.Lesson) error {
	picture, err := jpeg.Decode(bytes.NewReader(lesson.JPEG)) // package imaging made and checked these bytes
	if err != nil {
		return fmt.Errorf("decoding a photo: %w", err)
	}
	var covered, faces []imaging.Box
	for _, r := range lesson.Covered {
		covered = append(covered, r.Box)
		if face, ok := faceIn(r, lesson.Width, lesson.Height); ok {
			faces = append(faces, face)
		}
	}
	reviewed, err := train.NewReviewed(picture, covered, faces)
	if err != nil {
		return err
	}
	if l.cfg.Reviewed = append(l.cfg.Reviewed, reviewed); len(l.cfg.Reviewed) >= l.most {
		return errEnough
	}
	return nil
}

// faceIn gives the face, from brow to chin, in a region that is covered. A detector's has its margin about it, unless the
// picture's edge cut that off. Who draws a missed face draws the head, of which the face is the inner part. What a person
// moved can be either and teaches nothing.
func faceIn(r vault.Region, w, h int) (imaging.Box, bool) {
	b := r.Box
	bw, bh := float64(b.X1-b.X0), float64(b.Y1-b.Y0)
	inner := func(left, up, right, down float64) (imaging.Box, bool) {
		return imaging.Box{X0: b.X0 + int(left*bw), Y0: b.Y0 + int(up*bh), X1: b.X1 - int(right*bw), Y1: b.Y1 - int(down*bh)}, true
	}
	switch {
	case r.Kind != imaging.KindFace || r.Fate == "moved":
	case r.Source == imaging.SourcePerson:
		return inner(0.12, 0.25, 0.12, 0.05)
	case b.X0 > 0 && b.Y0 > 0 && b.X1 < w && b.Y1 < h:
		return inner(0.25, 0.6/2.1, 0.25, 0.5/2.1) // what imaging.Margin adds
	}
	return imaging.Box{}, false
}
