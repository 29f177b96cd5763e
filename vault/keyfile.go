package vault

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/clinivault/clinivault/vault/seal"
)

const (
	keyFileMagic = "clinivault-root-key-v1"
	maxKeyFile   = 64 << 10
)

// KeyFile is KMS with the root key in a file of this machine that only its
// owner can read. Its first line is "clinivault-root-key-v1"; each further line
// is a version, a space and 32 bytes in base64, or the mark that a forgotten
// version leaves. The highest version wraps; all unwrap. A file that is replaced is read anew at the next call, so that a
// rotation by a command reaches the server beside it; one that is gone, damaged
// or older leaves the keys in memory in use, and Ping says so.
type KeyFile struct {
	path string

	mu   sync.Mutex // guards what follows
	keys rootFile
	seen os.FileInfo // the file that keys were read from
	last error       // why it could not be read again
}

// rootKeys are the versions of a key file.
type rootKeys map[uint32]seal.Key

func (k rootKeys) newest() uint32 { return slices.Max(slices.Collect(maps.Keys(k))) }
func (k rootKeys) oldest() uint32 { return slices.Min(slices.Collect(maps.Keys(k))) }

// OpenKeyFile reads the file. With create, a file that does not exist is made
// with a fresh key; one that exists is never changed. A file that others can
// read is refused, and so is what is not a key file.
func OpenKeyFile(path string, create bool) (*KeyFile, error) {
	keys, seen, err := loadRootKeys(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil, errors.New("the root key file does not exist: restore it from its backup; " +
				"without it no photo can be read (a new one is made only for a new vault)")
		}
		if err := makeKeyFile(path); err != nil {
			return nil, fmt.Errorf("making root key file: %w", err)
		}
		keys, seen, err = loadRootKeys(path)
	}
	if err != nil {
		return nil, err
	}
	return &KeyFile{path: path, keys: keys, seen: seen}, nil
}

func loadRootKeys(path string) (rootFile, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return rootFile{}, nil, fmt.Errorf("opening root key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return rootFile{}, nil, fmt.Errorf("opening root key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return rootFile{}, nil, errors.New("the root key file is not a regular file")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return rootFile{}, nil, fmt.Errorf("the root key file can be read by others (mode %04o): run chmod 600 on it", info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return rootFile{}, nil, fmt.Errorf("reading root key file: %w", err)
	}
	defer clear(text)
	keys, err := parseKeyFile(text)
	return keys, info, err
}

// parseKeyFile never repeats what it reads in an error.
func parseKeyFile(text []byte) (rootFile, error) {
	if len(text) > maxKeyFile {
		return rootFile{}, errors.New("the root key file is longer than 64 KiB")
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	if !lines.Scan() || lines.Text() != keyFileMagic {
		return rootFile{}, fmt.Errorf("the root key file does not begin with the line %s: check its path", keyFileMagic)
	}
	keys := rootFile{rootKeys{}, map[uint32]keyMark{}}
	for n := 2; lines.Scan(); n++ {
		version, encoded, _ := strings.Cut(lines.Text(), " ")
		number, err := strconv.ParseUint(version, 10, 32)
		encoded, gone := strings.CutPrefix(encoded, forgottenWord)
		raw, err64 := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || err64 != nil || number == 0 || len(raw) != seal.KeySize {
			return rootFile{}, fmt.Errorf("the root key file is damaged in line %d: restore it from its backup", n)
		}
		_, twice := keys.rootKeys[uint32(number)]
		if _, marked := keys.gone[uint32(number)]; twice || marked {
			return rootFile{}, fmt.Errorf("the root key file has version %d twice", number)
		}
		if gone {
			keys.gone[uint32(number)] = keyMark(raw)
			continue
		}
		key, err := seal.KeyFromBytes(raw)
		clear(raw)
		if err != nil || key.IsZero() {
			return rootFile{}, fmt.Errorf("the root key file is damaged in line %d: restore it from its backup", n)
		}
		keys.rootKeys[uint32(number)] = key
	}
	if err := lines.Err(); err != nil {
		return rootFile{}, errors.New("the root key file is damaged: a line is too long")
	}
	if len(keys.rootKeys) == 0 {
		return rootFile{}, errors.New("the root key file holds no key: restore it from its backup")
	}
	return keys, nil
}

// lines are the versions as the file has them; the caller clears them.
func (k rootKeys) lines() (out []byte) {
	for _, version := range slices.Sorted(maps.Keys(k)) {
		raw := k[version].Bytes()
		out = append(strconv.AppendUint(out, uint64(version), 10), ' ')
		out = append(base64.StdEncoding.AppendEncode(out, raw), '\n')
		clear(raw)
	}
	return out
}

// makeKeyFile writes a fresh key; it is durable on return, and never replaces a
// file that appeared meanwhile.
func makeKeyFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	key := seal.NewKey()
	defer key.Wipe()
	return writeKeyFile(path, rootFile{rootKeys: rootKeys{1: key}}, func(temp string) error {
		err := os.Link(temp, path)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	})
}

// writeKeyFile writes keys durably beside path, mode 0600, and then has place
// give them their name.
func writeKeyFile(path string, keys rootFile, place func(temp string) error) error {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	text := keys.text()
	defer clear(text)
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := place(temp); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// current are the keys as the file has them now.
func (k *KeyFile) current() rootFile {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.path)
	if err == nil && sameFile(info, k.seen) {
		k.last = nil
		return k.keys
	}
	var keys rootFile
	if err == nil {
		keys, info, err = loadRootKeys(k.path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.last = errors.New("the root key file is gone: restore it before this process ends")
	case err != nil:
		k.last = err
	case !k.keys.agrees(keys):
		k.last = errors.New("the root key file is another vault's, or one that this process does not know any more: make a copy of it before you restore another, or start this process again")
	case !k.keys.newer(keys):
		k.last = fmt.Errorf("the root key file was replaced by an older copy without version %d: restore the newer one before this process ends",
			k.keys.newest())
	default:
		k.keys, k.seen, k.last = keys, info, nil
	}
	return k.keys
}

// sameFile tells whether nothing says that a file was replaced or written.
func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// Wrap is KMS.Wrap.
func (k *KeyFile) Wrap(_ context.Context, plain seal.Key, aad []byte) ([]byte, uint32, error) {
	keys := k.current()
	newest := keys.newest()
	return seal.Wrap(keys.rootKeys[newest], plain, aad), newest, nil
}

// Unwrap is KMS.Unwrap.
func (k *KeyFile) Unwrap(_ context.Context, wrapped []byte, version uint32, aad []byte) (seal.Key, error) {
	root, ok := k.current().rootKeys[version]
	if !ok {
		return seal.Key{}, fmt.Errorf("root key version %d is not in the key file: %w", version, ErrNotFound)
	}
	key, err := seal.Unwrap(root, wrapped, aad)
	if err != nil {
		return seal.Key{}, fmt.Errorf("wrapped key: %w", ErrIntegrity)
	}
	return key, nil
}

// Versions is KMS.Versions.
func (k *KeyFile) Versions(context.Context) (oldest, newest uint32, err error) {
	keys := k.current()
	return keys.oldest(), keys.newest(), nil
}

// Rotate is KMS.Rotate: the file gets one more line.
func (k *KeyFile) Rotate(context.Context) (newest uint32, err error) {
	err = k.rewrite(func(keys rootFile) {
		newest = keys.newest() + 1
		keys.rootKeys[newest] = seal.NewKey()
	})
	return newest, err
}

// Forget is KMS.Forget: the file keeps only marks of its older lines. Copies of the file, and
// what a disk keeps of its old bytes, are the operator's to destroy.
func (k *KeyFile) Forget(_ context.Context, oldest uint32) error {
	return k.rewrite(func(keys rootFile) { keys.forget(oldest) })
}

// rewrite replaces the file by one with other versions. Two processes that do so
// at once take turns: the lock is on the file itself, and whoever waited looks
// whether it still is the one with the name.
//
// A link is followed: replaced itself, it would leave the old versions where it
// points, and whoever sets it again would lose the new ones.
func (k *KeyFile) rewrite(change func(rootFile)) error {
	path, err := filepath.EvalSymlinks(k.path)
	if err != nil {
		return fmt.Errorf("opening root key file: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening root key file: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process is changing the root key file: %w", ErrConflict)
	}
	keys, now, err := loadRootKeys(path)
	if err != nil {
		return err
	}
	held, err := f.Stat()
	if err != nil {
		return fmt.Errorf("opening root key file: %w", err)
	}
	if mine := k.current(); !os.SameFile(held, now) || !mine.agrees(keys) || !mine.newer(keys) {
		return fmt.Errorf("the root key file was replaced meanwhile: %w", ErrConflict)
	}
	change(keys)
	if len(keys.text()) > maxKeyFile {
		return fmt.Errorf("the root key file holds too many versions, forget the old ones: %w", ErrConflict)
	}
	if err := writeKeyFile(path, keys, func(temp string) error { return os.Rename(temp, path) }); err != nil {
		return fmt.Errorf("writing root key file: %w", err)
	}
	k.current()
	return nil
}

// Ping is KMS.Ping: the keys are in memory, and the file must still be there for
// the next start.
func (k *KeyFile) Ping(context.Context) error {
	k.current()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// String keeps the keys out of logs.
func (*KeyFile) String() string { return "[redacted]" }

// GoString keeps the keys out of logs.
func (*KeyFile) GoString() string { return "[redacted]" }
