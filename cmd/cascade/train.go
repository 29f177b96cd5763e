package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/clinivault/clinivault/imaging/train"
)

// learning is what `cascade train` was asked for.
type learning struct {
	target     string // a train.Target, or tattooTarget
	root       string
	out        string
	checkpoint string
	drawings   string
	cfg        train.FaceConfig // of which a tattoo takes the Config
}

const tattooTarget = "tattoo"

// learn learns a cascade from the data and writes its file.
func learn(ctx context.Context, args []string, out io.Writer) error {
	l, err := learningOf(args)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(l.out); err == nil {
		return fmt.Errorf("train: the output file exists; name another or remove it")
	}
	for _, name := range []string{l.out, l.checkpoint} { // not to find it out after hours
		if s, err := os.Stat(filepath.Dir(name)); err != nil {
			return fmt.Errorf("train: looking at where to write: %w", err)
		} else if !s.IsDir() {
			return fmt.Errorf("train: %s is not a folder", filepath.Dir(name))
		}
	}
	start := time.Now()
	l.cfg.Progress = func(p train.Progress) {
		fmt.Fprintf(out, "\r%s round %d of %d, tree %d of %d, %d wanted and %d mistaken windows, loss %.4f, %s ",
			l.target, p.Round, p.Rounds, p.Tree, p.Trees, p.Positives, p.Negatives, p.Loss, time.Since(start).Round(time.Second))
	}
	l.cfg.Checkpoint = func(s train.State) error {
		fmt.Fprintln(out)
		return l.keep(s)
	}
	if l.cfg.Resume, err = l.resume(); err != nil {
		return err
	}
	c, err := l.learn(ctx, out)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	data, err := c.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := writeWhole(l.out, data); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	fmt.Fprintf(out, "%s: %d trees, %d bytes, sha256 %x, in %s\n", l.target, c.Trees(), len(data), sha256.Sum256(data),
		time.Since(start).Round(time.Second))
	return nil
}

// learn learns the cascade of the target.
func (l learning) learn(ctx context.Context, out io.Writer) (*train.Cascade, error) {
	if l.target != tattooTarget {
		return train.LearnFace(ctx, l.cfg, train.Target(l.target), l.root)
	}
	if _, err := os.Stat(l.drawings); err != nil {
		fmt.Fprintf(out, "WITHOUT DRAWINGS: %s is not there, so tattoos are made up of lettering and ornaments alone; `scripts/tools.sh npm` brings it\n", train.Drawings)
		l.drawings = ""
	}
	return train.Tattoo(ctx, l.root, train.TattooConfig{Config: l.cfg.Config, Drawings: l.drawings})
}

func learningOf(args []string) (learning, error) {
	var l learning
	flags := flag.NewFlagSet("train", flag.ContinueOnError)
	flags.StringVar(&l.out, "out", "", "file to write the cascade to (default: the target's name)")
	flags.StringVar(&l.checkpoint, "checkpoint", "", "file that keeps each finished round; a run that finds it goes on from there")
	seed := flags.Uint64("seed", 0, "of the random choices; 0 for the recipe's")
	sample := flags.Int("sample", 1, "use only each such picture, for a quick try")
	trees := flags.Int("trees", 0, "stop after so many trees; 0 for the recipe's")
	flags.StringVar(&l.drawings, "drawings", train.Drawings, "file of the drawings that tattoos are made up from")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return l, err
	}
	if len(names) != 2 || *sample < 1 || *trees < 0 {
		return l, fmt.Errorf("train: name a target and the folder of the data; %w", errUsage)
	}
	l.target, l.root, l.cfg.Sample = names[0], names[1], *sample
	if l.target != tattooTarget {
		target, err := train.ParseTarget(l.target)
		if err != nil {
			return l, err
		}
		l.cfg = train.Recipe(target)
		l.cfg.Sample = *sample
	} else if *sample != 1 {
		return l, fmt.Errorf("train: tattoos are learned from all pictures; leave --sample out")
	}
	if *seed != 0 {
		l.cfg.Seed = *seed
	}
	if *trees > 0 {
		rounds := slices.DeleteFunc(l.cfg.Rounds, func(n int) bool { return n >= *trees })
		l.cfg.Rounds = append(rounds, *trees)
	}
	if l.out == "" {
		l.out = l.target
	}
	return l, nil
}

// keep writes a checkpoint: the length of the cascade (uint32, little-endian), the cascade, and the patches.
func (l learning) keep(s train.State) error {
	if l.checkpoint == "" {
		return nil
	}
	data, err := s.Cascade.AppendBinary(make([]byte, 4))
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(data, uint32(len(data)-4))
	for i := range s.Negatives {
		data = append(data, s.Negatives[i][:]...)
	}
	return writeWhole(l.checkpoint, data)
}

// resume reads the checkpoint, if there is one.
func (l learning) resume() (*train.State, error) {
	if l.checkpoint == "" {
		return nil, nil
	}
	data, err := os.ReadFile(l.checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("train: reading the checkpoint: %w", err)
	}
	errBad := errors.New("train: the checkpoint is damaged; remove it to begin anew")
	if len(data) < 4 {
		return nil, errBad
	}
	n := uint64(binary.LittleEndian.Uint32(data))
	rest := data[4:]
	if n > uint64(len(rest)) || (uint64(len(rest))-n)%uint64(len(train.Patch{})) != 0 {
		return nil, errBad
	}
	c, err := train.Parse(rest[:n])
	if err != nil {
		return nil, errBad
	}
	s := &train.State{Cascade: c}
	for rest = rest[n:]; len(rest) > 0; rest = rest[len(train.Patch{}):] {
		s.Negatives = append(s.Negatives, train.Patch(rest))
	}
	return s, nil
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(name string, data []byte) error {
	part := name + ".part"
	if err := os.WriteFile(part, data, 0o644); err != nil {
		return err
	}
	return os.Rename(part, name)
}
