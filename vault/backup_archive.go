package vault

import (
	"archive/tar"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

// What is inside the encryption of a backup: a tar (POSIX.1-2001) of a head, the database, the root key where asked
// for, each object, and an end that counts and hashes them all. See section "Backup" of FORMAT.md.
const (
	backupFormat = "clinivault-backup-v1"

	partHead    = "backup.json"
	partDB      = "vault.db"
	partRootKey = "root.key"
	partObjects = "objects/" // and the name in the store
	partEnd     = "end.json"

	digestRecord = "CLINIVAULT.sha256" // PAX record of each part
	maxSmallPart = 4 << 20             // bytes of head, end and root key
	maxMissing   = 1000                // objects that an end lists; more are only counted
)

// BackupInfo is the head of a backup: what it is of, and when.
type BackupInfo struct {
	Format  string `json:"format"`
	ID      string `json:"id"`       // of this backup, as in its event backup.make
	Vault   string `json:"vault"`    // ID of the vault
	Tenant  string `json:"tenant"`   // bound into every sealed object
	Origin  string `json:"origin"`   // name of the log
	MadeAt  Time   `json:"made_at"`  // when the database was copied
	Schema  int64  `json:"schema"`   // of the database; 0 without one
	LogSize int64  `json:"log_size"` // events in the database; 0 without one
	RootKey bool   `json:"root_key"` // the root key file is inside
}

// Whole tells whether the backup holds the database too, and not the objects alone.
func (i BackupInfo) Whole() bool { return i.Schema > 0 }

// MissingObject is an object that the database names and that the store did not give as it was stored.
type MissingObject struct {
	Name  string `json:"name"`
	Photo string `json:"photo,omitempty"`
}

// backupEnd closes a backup: whoever has read it has read all.
type backupEnd struct {
	Objects int64           `json:"objects"`
	Bytes   int64           `json:"bytes"` // of the objects
	Chain   string          `json:"chain"` // SHA-256 over all parts before, hex
	Missing []MissingObject `json:"missing"`
	Lost    int64           `json:"lost"` // number of missing objects, listed or not
}

// chain hashes the parts in their order: text name ‖ u64 size ‖ SHA-256 of the content, each.
type chain struct{ hash.Hash }

func newChain() chain { return chain{sha256.New()} }

func (c chain) add(name string, size int64, digest [sha256.Size]byte) {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint64(b, uint64(size))
	c.Write(append(b, digest[:]...))
}

func (c chain) String() string { return hex.EncodeToString(c.Sum(nil)) }

// archiveWriter writes the parts of a backup.
type archiveWriter struct {
	tar   *tar.Writer
	chain chain
	at    Time
}

func (w *archiveWriter) part(name string, size int64, digest [sha256.Size]byte, content io.Reader) error {
	err := w.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.at.Std().Truncate(time.Second), Format: tar.FormatPAX,
		PAXRecords: map[string]string{digestRecord: hex.EncodeToString(digest[:])},
	})
	if err != nil {
		return fmt.Errorf("writing backup: %w", err)
	}
	n, err := io.Copy(w.tar, content)
	if err != nil {
		return fmt.Errorf("writing backup: %w", err)
	}
	if n != size {
		return fmt.Errorf("writing backup: a part changed while it was read: %w", ErrConflict)
	}
	w.chain.add(name, size, digest)
	return nil
}

// small writes a part that is in memory.
func (w *archiveWriter) small(name string, content []byte) error {
	return w.part(name, int64(len(content)), sha256.Sum256(content), strings.NewReader(string(content)))
}

func (w *archiveWriter) json(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return w.small(name, text)
}

// errBackup is what a reader says of a backup that is not as it was written.
var errBackup = errors.New("the backup is damaged or cut short: use another copy of it")

// archiveSink takes the parts of a backup as they come. What object and database read is what was written, or reading
// ends with an error.
type archiveSink interface {
	head(BackupInfo) error
	database(size int64, content io.Reader) error
	rootKey(content []byte) error
	object(name string, size int64, content io.Reader) error
}

// readArchive hands the parts of a backup to sink and returns its head and end once all of it was read and agrees.
func readArchive(r io.Reader, sink archiveSink) (info BackupInfo, end backupEnd, err error) {
	in := archiveReader{tar: tar.NewReader(r), chain: newChain()}
	name, _, content, err := in.next()
	if err != nil {
		return info, end, err
	}
	if name != partHead || decodeSmall(content, &info) != nil || info.Format != backupFormat {
		return info, end, errors.New("this is no backup that this program can read: use a newer program")
	}
	if err := sink.head(info); err != nil {
		return info, end, err
	}
	for {
		sum := in.chain.String()
		name, size, content, err := in.next()
		if err != nil {
			return info, end, err
		}
		if name == partEnd {
			if decodeSmall(content, &end) != nil || end.Chain != sum || end.Objects != in.objects || end.Bytes != in.bytes {
				return info, end, errBackup
			}
			break
		}
		if err := in.hand(sink, name, size, content); err != nil {
			return info, end, err
		}
	}
	if _, err := in.tar.Next(); !errors.Is(err, io.EOF) {
		return info, end, errBackup
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // to the last chunk, which is authenticated too
		return info, end, errBackup
	}
	return info, end, nil
}

// archiveReader reads the parts of a backup.
type archiveReader struct {
	tar            *tar.Reader
	chain          chain
	objects, bytes int64
}

// next moves to the next part and adds it to the chain.
func (in *archiveReader) next() (name string, size int64, content *checkedReader, err error) {
	h, err := in.tar.Next()
	if err != nil {
		return "", 0, nil, readError(err)
	}
	sum, err := hex.DecodeString(h.PAXRecords[digestRecord])
	if err != nil || len(sum) != sha256.Size || h.Typeflag != tar.TypeReg || h.Size < 0 {
		return "", 0, nil, errBackup
	}
	digest := [sha256.Size]byte(sum)
	in.chain.add(h.Name, h.Size, digest)
	return h.Name, h.Size, &checkedReader{r: in.tar, sum: sha256.New(), want: digest}, nil
}

func (in *archiveReader) hand(sink archiveSink, name string, size int64, content *checkedReader) error {
	blob, isObject := strings.CutPrefix(name, partObjects)
	switch {
	case isObject && CheckBlobName(blob) == nil && size <= maxObject:
		in.objects, in.bytes = in.objects+1, in.bytes+size
		return sink.object(blob, size, content)
	case name == partDB:
		return sink.database(size, content)
	case name == partRootKey && size <= maxKeyFile:
		key, err := io.ReadAll(content)
		defer clear(key)
		if err != nil {
			return err
		}
		return sink.rootKey(key)
	}
	return errBackup
}

// checkedReader gives errBackup in place of the end of what does not have the digest that was announced.
type checkedReader struct {
	r    io.Reader
	sum  hash.Hash
	want [sha256.Size]byte
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, readError(err)
	case subtle.ConstantTimeCompare(c.sum.Sum(nil), c.want[:]) != 1:
		return n, errBackup
	}
	return n, io.EOF
}

// readError keeps a broken disk apart from a broken backup.
func readError(err error) error {
	if disk := diskError(err); errors.Is(disk, ErrUnavailable) {
		return fmt.Errorf("reading the backup: %w", disk)
	}
	return errBackup
}

func decodeSmall(content io.Reader, into any) error {
	text, err := io.ReadAll(io.LimitReader(content, maxSmallPart+1))
	if err != nil || len(text) > maxSmallPart {
		return errBackup
	}
	return json.Unmarshal(text, into)
}
