package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// VerifyBackup reads a backup to its end and checks every part of it, without writing anything. It says what the backup
// is and how much it holds; Missing of the report are objects that the store did not give when it was made.
func VerifyBackup(r io.Reader, ids Identities, progress func(BackupProgress)) (BackupReport, error) {
	counted := &countingReader{r: r, sum: sha256.New()}
	plain, err := ids.decrypt(counted)
	if err != nil {
		return BackupReport{}, err
	}
	sink := &verifySink{progress: progress}
	info, end, err := readArchive(plain, sink)
	if err != nil {
		return BackupReport{}, err
	}
	if info.Whole() != sink.hasDatabase || info.RootKey != sink.hasKey {
		return BackupReport{}, errBackup
	}
	return BackupReport{Info: info, Objects: end.Objects, Bytes: end.Bytes, Missing: end.Missing, Lost: end.Lost,
		Size: counted.n, SHA256: hex.EncodeToString(counted.sum.Sum(nil))}, nil
}

// verifySink reads parts and keeps nothing.
type verifySink struct {
	hasDatabase, hasKey bool
	so                  BackupProgress
	progress            func(BackupProgress)
}

func (*verifySink) head(BackupInfo) error { return nil }

func (s *verifySink) database(size int64, content io.Reader) error {
	if s.hasDatabase {
		return errBackup
	}
	s.hasDatabase = true
	return drain(size, content)
}

func (s *verifySink) rootKey(content []byte) error {
	if _, err := parseKeyFile(content); err != nil || s.hasKey {
		return errBackup
	}
	s.hasKey = true
	return nil
}

func (s *verifySink) object(_ string, size int64, content io.Reader) error {
	if err := drain(size, content); err != nil {
		return err
	}
	s.so.Objects++
	s.so.Bytes += size
	if s.progress != nil {
		s.progress(s.so)
	}
	return nil
}

// drain reads a part to its end, where its digest is checked.
func drain(size int64, content io.Reader) error {
	n, err := io.Copy(io.Discard, content)
	if err != nil {
		return err
	}
	if n != size {
		return errBackup
	}
	return nil
}

// countingReader counts and hashes what went through.
type countingReader struct {
	r   io.Reader
	n   int64
	sum hash.Hash
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.sum.Write(p[:n])
	return n, err
}

// newestSchema is the schema that this program brings a database to.
func newestSchema() (int64, error) {
	names, err := schemaFiles.ReadDir("schema")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("reading schema: %w", err)
	}
	var newest int64
	for _, n := range names {
		var version int64
		if _, err := fmt.Sscanf(n.Name(), "%d_", &version); err != nil {
			return 0, fmt.Errorf("reading schema: %w", err)
		}
		newest = max(newest, version)
	}
	return newest, nil
}
