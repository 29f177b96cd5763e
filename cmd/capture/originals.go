package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// What has become of an original.
const (
	originalSealing = "sealing" // sealed when its capture is in the queue
	originalWiping  = "wiping"  // sealed; its content may be half gone
	originalKept    = "kept"    // sealed, and left where it was
)

// sentSuffix marks an original whose capture has left the queue because the vault has it. It is a file of its own: whoever
// sends may be another run than the one that writes the note.
const sentSuffix = ".sent"

// original is what is kept of a file that is sealed and then wiped, from before its capture is in the queue until the file
// is gone: so that after a death at any moment it is neither lost nor sealed twice. It holds no name in clear.
type original struct {
	CaptureID string    `json:"capture_id"`
	Folder    string    `json:"folder"` // SHA-256 of the path of its folder, hex
	Name      string    `json:"name"`   // SHA-256 of its path, hex
	SHA256    string    `json:"sha256"` // of its content, hex
	Size      int64     `json:"size"`
	ModTime   time.Time `json:"mod_time"`
	State     string    `json:"state"`
}

// originals is the folder of these notes.
type originals struct{ dir string }

func openOriginals(state string) (originals, error) {
	o := originals{filepath.Join(state, "originals")}
	if err := makeFolder(o.dir); err != nil {
		return o, fmt.Errorf("making the folder for originals: %w", err)
	}
	return o, nil
}

// nameDigest names a file without telling its name.
func nameDigest(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:])
}

// put writes a note and returns once it is durable.
func (o originals) put(n original) error {
	b, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encoding a note of an original: %w", err)
	}
	if err := writeFile(o.dir, n.CaptureID+noteSuffix, append(b, '\n')); err != nil {
		return fmt.Errorf("noting an original: %w", err)
	}
	return nil
}

// get reads a note; nil where there is none.
func (o originals) get(captureID string) (*original, error) {
	b, err := os.ReadFile(filepath.Join(o.dir, captureID+noteSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the note of an original: %w", err)
	}
	var n original
	if json.Unmarshal(b, &n) != nil || n.CaptureID != captureID || len(n.SHA256) != 2*sha256.Size {
		return nil, fmt.Errorf("the note of an original in %s is damaged: keep the folder and tell your IT team", o.dir)
	}
	return &n, nil
}

// forget removes a note.
func (o originals) forget(captureID string) error {
	for _, suffix := range []string{noteSuffix, sentSuffix} {
		err := os.Remove(filepath.Join(o.dir, captureID+suffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the note of an original: %w", err)
		}
	}
	return syncDir(o.dir)
}

// sent notes that the capture of an original is leaving the queue because the vault has it.
func (o originals) sent(captureID string) error {
	noted := func() bool {
		_, err := os.Stat(filepath.Join(o.dir, captureID+noteSuffix))
		return !errors.Is(err, fs.ErrNotExist)
	}
	if !noted() {
		return nil
	}
	if err := writeFile(o.dir, captureID+sentSuffix, nil); err != nil {
		return fmt.Errorf("noting an original: %w", err)
	}
	if !noted() { // wiped and forgotten this moment
		return o.forget(captureID)
	}
	return nil
}

// all reads every note, having removed those of originals that never were sealed: whose capture is neither in the queue
// nor was sent. Nobody else may be sealing originals meanwhile.
func (o originals) all(q *queue) ([]original, error) {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the notes of originals: %w", err)
	}
	var out []original
	for _, e := range entries {
		if id, mark := strings.CutSuffix(e.Name(), sentSuffix); mark {
			if _, absent := os.Stat(filepath.Join(o.dir, id+noteSuffix)); errors.Is(absent, fs.ErrNotExist) {
				err = errors.Join(err, o.forget(id))
			}
			continue
		}
		id, isNote := strings.CutSuffix(e.Name(), noteSuffix)
		if !isNote || !seal.IsCaptureID(id) {
			continue
		}
		n, readErr := o.get(id)
		if readErr != nil {
			return nil, readErr
		}
		if n == nil { // forgotten this moment
			continue
		}
		sealed, readErr := o.sealed(n, q)
		if readErr != nil {
			return nil, readErr
		}
		if !sealed {
			err = errors.Join(err, o.forget(id))
			continue
		}
		out = append(out, *n)
	}
	return out, err
}

// sealed reports whether an original was sealed for sure.
func (o originals) sealed(n *original, q *queue) (bool, error) {
	if n.State != originalSealing {
		return true, nil
	}
	for _, path := range []string{q.path(n.CaptureID), filepath.Join(o.dir, n.CaptureID+sentSuffix)} { // in the order in which a capture goes
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	return false, nil
}
