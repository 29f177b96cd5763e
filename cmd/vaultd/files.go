package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/clinivault/clinivault/imaging"
)

// readPicture reads a file as far as the gate would.
func readPicture(path string) ([]byte, error) {
	return readBounded(path, imaging.DefaultLimits().MaxBytes)
}

// readBounded reads a regular file of at most limit bytes; a larger one is
// imaging.ErrTooLarge before anything of it is read.
func readBounded(path string, limit int64) ([]byte, error) {
	s, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !s.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if s.Size() > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", imaging.ErrTooLarge, s.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", imaging.ErrTooLarge, limit)
	}
	return b, nil
}

// errThere is the refusal to replace a file.
var errThere = errors.New("is there already")

// orForce names the way around errThere, where there is one.
func orForce(err error) error {
	if errors.Is(err, errThere) {
		return fmt.Errorf("%w; --force replaces it", err)
	}
	return err
}

// mayWrite refuses early what publish would refuse in the end.
func mayWrite(path string, force bool) error {
	switch s, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !s.Mode().IsRegular():
		return fmt.Errorf("%s is there and is no regular file", path)
	case !force:
		return fmt.Errorf("%s %w", path, errThere)
	}
	return nil
}

// publish writes a file whole or not at all, readable by its owner alone:
// beside its place first, then read back and checked, then under its name. An
// existing file is replaced only with force. It is durable on return.
func publish(path string, content []byte, force bool, check func(readBack []byte) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".vaultd-*.part")
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	part := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(part)
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	back, err := os.ReadFile(part)
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if !bytes.Equal(back, content) {
		return errors.New("what was written does not read back")
	}
	if check != nil {
		if err := check(back); err != nil {
			return err
		}
	}
	if force {
		return errors.Join(os.Rename(part, path), syncFolder(path))
	}
	if err := os.Link(part, path); err != nil { // unlike rename, never replaces
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s %w", path, errThere)
		}
		return fmt.Errorf("writing: %w", err)
	}
	return errors.Join(os.Remove(part), syncFolder(path))
}

// syncFolder makes the name of a file durable.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
