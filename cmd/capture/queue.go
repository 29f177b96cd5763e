package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

const (
	sealedSuffix = ".cvcap"
	noteSuffix   = ".json"
	tempPrefix   = ".new-"
	maxNoteFile  = 16 << 10
	leftover     = 24 * time.Hour // after which an unfinished file is nobody's any more
)

// The states of a queued capture.
const (
	stateSealed  = "sealed"
	stateSending = "sending"
	stateFailed  = "failed" // refused by the server
)

// item is a sealed capture in the queue, as its .json file tells it: the same fields as the browser's queue, nothing of the
// facts in clear.
type item struct {
	CaptureID string    `json:"capture_id"`
	Size      int64     `json:"size"` // of the envelope
	SHA256    string    `json:"sha256"`
	Owner     string    `json:"owner"` // ID of the person who may send it
	CreatedAt time.Time `json:"created_at"`
	State     string    `json:"state"`
	Attempts  int       `json:"attempts"`
	LastError string    `json:"last_error"`
}

// queue is the folder of sealed captures. A capture is in it once its .cvcap file has its name; its .json is there before.
// Several runs may share the folder; sending happens under its lock.
type queue struct {
	dir string
	now func() time.Time
}

func openQueue(state string, now func() time.Time) (*queue, error) {
	q := &queue{dir: filepath.Join(state, "queue"), now: now}
	if err := makeFolder(q.dir); err != nil {
		return nil, fmt.Errorf("making the queue folder: %w", err)
	}
	return q, nil
}

// add lets write put an envelope straight into the queue folder and returns once it is durable. On an error nothing of it
// is left in the queue.
func (q *queue) add(captureID, owner string, write func(io.Writer) error) (it item, err error) {
	if !seal.IsCaptureID(captureID) {
		return item{}, errors.New("not a capture ID")
	}
	f, err := os.CreateTemp(q.dir, tempPrefix+"*")
	if err != nil {
		return item{}, fmt.Errorf("making a file in the queue: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	sum, size := sha256.New(), new(counter)
	if err := write(io.MultiWriter(f, sum, size)); err != nil {
		return item{}, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return item{}, fmt.Errorf("writing the sealed photo: %w", err)
	}
	it = item{
		CaptureID: captureID, Size: int64(*size), SHA256: hex.EncodeToString(sum.Sum(nil)), Owner: owner,
		CreatedAt: q.now().UTC().Truncate(time.Millisecond), State: stateSealed,
	}
	if err := q.note(it); err != nil {
		return item{}, err
	}
	if err := errors.Join(os.Rename(f.Name(), q.path(captureID)), syncDir(q.dir)); err != nil {
		os.Remove(q.path(captureID)) // the person is told that it failed, and will send the photo again
		return item{}, fmt.Errorf("keeping the sealed photo: %w", err)
	}
	return it, nil
}

// note writes how an item stands.
func (q *queue) note(it item) error {
	b, err := json.MarshalIndent(it, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding a queue note: %w", err)
	}
	if err := writeFile(q.dir, it.CaptureID+noteSuffix, append(b, '\n')); err != nil {
		return fmt.Errorf("writing a queue note: %w", err)
	}
	return nil
}

// items returns what is in the queue, oldest first. A sealed file whose note is damaged or missing is an error: it must not
// be forgotten.
func (q *queue) items() ([]item, error) {
	names, err := os.ReadDir(q.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the queue: %w", err)
	}
	var out []item
	for _, e := range names {
		id, ok := strings.CutSuffix(e.Name(), sealedSuffix)
		if !ok || !seal.IsCaptureID(id) {
			continue
		}
		it, err := q.item(id)
		if err != nil {
			return nil, err
		}
		out = append(out, it)
	}
	slices.SortFunc(out, func(a, b item) int {
		return strings.Compare(a.CreatedAt.Format(time.RFC3339Nano)+a.CaptureID, b.CreatedAt.Format(time.RFC3339Nano)+b.CaptureID)
	})
	return out, nil
}

func (q *queue) item(id string) (item, error) {
	f, err := os.Open(filepath.Join(q.dir, id+noteSuffix))
	if err != nil {
		return item{}, fmt.Errorf("reading the note of capture %s: %w", id, err)
	}
	defer f.Close()
	var it item
	if json.NewDecoder(io.LimitReader(f, maxNoteFile)).Decode(&it) != nil || it.CaptureID != id || it.Owner == "" || it.Size <= 0 {
		return item{}, fmt.Errorf("the note of capture %s in %s is damaged: keep the folder and tell your IT team", id, q.dir)
	}
	return it, nil
}

// open gives the envelope of an item, and refuses a file of another size.
func (q *queue) open(it item) (*os.File, error) {
	f, err := os.Open(q.path(it.CaptureID))
	if err != nil {
		return nil, fmt.Errorf("opening the sealed photo: %w", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != it.Size {
		f.Close()
		return nil, errors.Join(fmt.Errorf("the sealed photo of capture %s has another size than when it was sealed", it.CaptureID), err)
	}
	return f, nil
}

// drop removes the sealed copy of an item; r must be its verified receipt.
func (q *queue) drop(it item, r seal.Receipt) error {
	if r.CaptureID != it.CaptureID || r.Digest != it.SHA256 || r.Size != it.Size {
		return errors.New("the receipt is for another photo")
	}
	if err := (originals{filepath.Join(filepath.Dir(q.dir), "originals")}).sent(it.CaptureID); err != nil {
		return err
	}
	err := os.Remove(q.path(it.CaptureID))
	if err == nil {
		err = errors.Join(os.Remove(filepath.Join(q.dir, it.CaptureID+noteSuffix)), syncDir(q.dir))
	}
	if err != nil {
		return fmt.Errorf("removing the sealed copy: %w", err)
	}
	return nil
}

// sweep removes what runs that were cut short have left: unfinished files, and notes without a sealed photo.
func (q *queue) sweep() error {
	names, err := os.ReadDir(q.dir)
	if err != nil {
		return fmt.Errorf("reading the queue: %w", err)
	}
	for _, e := range names {
		info, err := e.Info()
		if err != nil || q.now().Sub(info.ModTime()) < leftover {
			continue
		}
		id, isNote := strings.CutSuffix(e.Name(), noteSuffix)
		if isNote {
			_, err := os.Stat(q.path(id))
			isNote = errors.Is(err, fs.ErrNotExist)
		}
		if !isNote && !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(q.dir, e.Name())); err != nil {
			return fmt.Errorf("sweeping the queue: %w", err)
		}
	}
	return nil
}

func (q *queue) path(id string) string { return filepath.Join(q.dir, id+sealedSuffix) }

// makeFolder makes a folder for this user alone, and those above it that are missing, and returns once their names are
// durable: a power cut must not take a whole queue along.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if above := filepath.Dir(dir); above != dir {
		if err := makeFolder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// writeFile replaces a file so that either the old or the new content is there after a crash; mode 0600.
func writeFile(dir, name string, content []byte) (err error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(f.Name(), filepath.Join(dir, name)), syncDir(dir))
}

// errHeld says that another run has a lock.
var errHeld = errors.New("another run of capture is at it")

// lock waits until no other run sends from this queue.
func (q *queue) lock(ctx context.Context, wait func(context.Context, time.Duration) error) (unlock func(), err error) {
	for {
		unlock, err := claim(q.dir, ".lock")
		if !errors.Is(err, errHeld) {
			if err != nil {
				err = fmt.Errorf("locking the queue: %w", err)
			}
			return unlock, err
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return nil, fmt.Errorf("waiting for another run to finish sending: %w", err)
		}
	}
}

// counter counts the bytes written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
