package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// fileTail is how much of a witness's file is looked at for lines that it has
// already: thousands of checkpoints.
const fileTail = 1 << 20

// fileWitness appends notes to a file, one line of JSON each, {"note":"…"}, and
// syncs it. It only ever appends, so the file may be on storage that allows no
// more (chattr +a, a write-once share).
type fileWitness struct{ path string }

// send appends what the file does not have. After a crash between the file and
// the database the line is found in the file and not written again.
func (w *fileWitness) send(_ context.Context, items []witnessItem) (had int, _ []cosignature, err error) {
	_, statErr := os.Stat(w.path)
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return 0, nil, fmt.Errorf("opening the witness's file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if errors.Is(statErr, os.ErrNotExist) {
		if err := syncFolder(filepath.Dir(w.path)); err != nil {
			return 0, nil, err
		}
	}
	tail, err := readTail(f)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the witness's file: %w", err)
	}
	var more bytes.Buffer
	if len(tail) > 0 && tail[len(tail)-1] != '\n' {
		more.WriteByte('\n') // a line was cut by a crash: it is left as it is
	}
	for _, i := range items {
		text, err := line(exportLine{Note: i.text})
		if err != nil {
			return 0, nil, err
		}
		if !bytes.Contains(tail, text) {
			more.Write(text)
		}
	}
	if more.Len() > 0 {
		if _, err := f.Write(more.Bytes()); err != nil {
			return 0, nil, fmt.Errorf("writing the witness's file: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, nil, fmt.Errorf("writing the witness's file: %w", err)
		}
	}
	return len(items), nil, nil
}

// readTail reads the end of the file.
func readTail(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-fileTail)
	return io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the witness's folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
