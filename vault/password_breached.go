package vault

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// The list of breached passwords is a file of the operator's: either lines of SHA-1 in hexadecimal, with or without a
// colon and a count behind it, as Have I Been Pwned gives them out, or lines of passwords. Its lines are sorted, byte by
// byte (LC_ALL=C sort), so that a list of any size is searched on the disk and never read as a whole. No password leaves
// the machine for it.

const maxListLine = 1024 // bytes

var hashLine = regexp.MustCompile(`^[0-9A-Fa-f]{40}(:[0-9]+)?\r?$`)

// sortedLines is a file of sorted lines.
type sortedLines struct {
	f      *os.File
	size   int64
	hashes bool // of SHA-1
}

func openBreached(path string) (*sortedLines, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the list of breached passwords: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &sortedLines{f: f, size: info.Size()}
	first, _, err := s.lineAt(0)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.hashes = hashLine.MatchString(first)
	return s, nil
}

// checkBreached refuses a list that cannot be searched, when the vault opens: one whose lines are not in order, as far as
// a few hundred of them show.
func checkBreached(path string) error {
	if path == "" {
		return nil
	}
	s, err := openBreached(path)
	if err != nil {
		return err
	}
	defer s.f.Close()
	const probes = 256
	last := ""
	for n := range int64(probes) {
		line, _, _, err := s.lineFrom(s.size / probes * n)
		if err != nil {
			return err
		}
		if line = s.key(line); line != "" && line < last {
			return errors.New("the list of breached passwords is not sorted; sort it byte by byte (LC_ALL=C sort)")
		} else if line != "" {
			last = line
		}
	}
	return nil
}

// breached looks a password up; without a list none is known.
func breached(path, password string) (bool, error) {
	if path == "" {
		return false, nil
	}
	s, err := openBreached(path)
	if err != nil {
		return false, err
	}
	defer s.f.Close()
	want := password
	if s.hashes {
		sum := sha1.Sum([]byte(password)) // what the list is made of; nothing is protected by it
		want = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	return s.holds(want)
}

// key is what a line is compared by.
func (s *sortedLines) key(line string) string {
	line = strings.TrimSuffix(line, "\r")
	if s.hashes {
		line, _, _ = strings.Cut(line, ":")
		line = strings.ToUpper(line)
	}
	return line
}

// holds searches for a line. Every line that begins before low is smaller, every line that begins at high or later is
// greater.
func (s *sortedLines) holds(want string) (bool, error) {
	for low, high := int64(0), s.size; low < high; {
		middle := low + (high-low)/2
		line, start, next, err := s.lineFrom(middle)
		if err != nil {
			return false, err
		}
		switch key := s.key(line); {
		case start >= high || key > want: // none begins between the middle and high, or none that is not greater
			high = middle
		case key == want:
			return true, nil
		default:
			low = next
		}
	}
	return false, nil
}

// lineFrom is the first line that begins at or after an offset, where it begins, and where the next does.
func (s *sortedLines) lineFrom(offset int64) (line string, start, next int64, err error) {
	if offset > 0 {
		if _, offset, err = s.lineAt(offset - 1); err != nil { // the rest of the line before
			return "", 0, 0, err
		}
	}
	line, next, err = s.lineAt(offset)
	return line, offset, next, err
}

// lineAt is the text from an offset to the end of its line, and where the next begins.
func (s *sortedLines) lineAt(offset int64) (string, int64, error) {
	buf := make([]byte, maxListLine)
	n, err := s.f.ReadAt(buf, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", 0, fmt.Errorf("reading the list of breached passwords: %w", err)
	}
	end := bytes.IndexByte(buf[:n], '\n')
	switch {
	case end >= 0:
		return string(buf[:end]), offset + int64(end) + 1, nil
	case n == maxListLine:
		return "", 0, errors.New("the list of breached passwords has a line of more than 1024 bytes")
	}
	return string(buf[:n]), s.size, nil
}
