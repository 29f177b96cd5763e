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
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clinivault/clinivault/vault/seal"
)

const (
	keyFileMagic = "clinivault-root-key-v1"
	maxKeyFile   = 64 << 10
)

// KeyFile is KMS with the root key in a file of this machine that only its
// owner can read. Its first line is "clinivault-root-key-v1"; each further line
// is a version, a space and 32 bytes in base64. The highest version wraps;
// all unwrap.
type KeyFile struct {
	keys   map[uint32]seal.Key
	newest uint32
}

// OpenKeyFile reads the file. With create, a file that does not exist is made
// with a fresh key; one that exists is never changed. A file that others can
// read is refused, and so is what is not a key file.
func OpenKeyFile(path string, create bool) (*KeyFile, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil, errors.New("the root key file does not exist: restore it from its backup; " +
				"without it no photo can be read (a new one is made only for a new vault)")
		}
		if err := makeKeyFile(path); err != nil {
			return nil, fmt.Errorf("making root key file: %w", err)
		}
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening root key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening root key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("the root key file is not a regular file")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the root key file can be read by others (mode %04o): run chmod 600 on it", info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading root key file: %w", err)
	}
	defer clear(text)
	return parseKeyFile(text)
}

// parseKeyFile never repeats what it reads in an error.
func parseKeyFile(text []byte) (*KeyFile, error) {
	if len(text) > maxKeyFile {
		return nil, errors.New("the root key file is longer than 64 KiB")
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	if !lines.Scan() || lines.Text() != keyFileMagic {
		return nil, fmt.Errorf("the root key file does not begin with the line %s: check its path", keyFileMagic)
	}
	k := &KeyFile{keys: map[uint32]seal.Key{}}
	for n := 2; lines.Scan(); n++ {
		version, encoded, _ := strings.Cut(lines.Text(), " ")
		number, err := strconv.ParseUint(version, 10, 32)
		raw, err64 := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || err64 != nil || number == 0 || len(raw) != seal.KeySize {
			return nil, fmt.Errorf("the root key file is damaged in line %d: restore it from its backup", n)
		}
		key, err := seal.KeyFromBytes(raw)
		clear(raw)
		if err != nil || key.IsZero() {
			return nil, fmt.Errorf("the root key file is damaged in line %d: restore it from its backup", n)
		}
		if _, twice := k.keys[uint32(number)]; twice {
			return nil, fmt.Errorf("the root key file has version %d twice", number)
		}
		k.keys[uint32(number)] = key
		k.newest = max(k.newest, uint32(number))
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("the root key file is damaged: a line is too long")
	}
	if k.newest == 0 {
		return nil, errors.New("the root key file holds no key: restore it from its backup")
	}
	return k, nil
}

// makeKeyFile writes a fresh key; it is durable on return, and never replaces a
// file that appeared meanwhile.
func makeKeyFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	key := seal.NewKey()
	defer key.Wipe()
	raw := key.Bytes()
	defer clear(raw)
	_, err = fmt.Fprintf(f, "%s\n1 %s\n", keyFileMagic, base64.StdEncoding.EncodeToString(raw))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) { // never replaces
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Wrap is KMS.Wrap.
func (k *KeyFile) Wrap(_ context.Context, plain seal.Key, aad []byte) ([]byte, uint32, error) {
	return seal.Wrap(k.keys[k.newest], plain, aad), k.newest, nil
}

// Unwrap is KMS.Unwrap.
func (k *KeyFile) Unwrap(_ context.Context, wrapped []byte, version uint32, aad []byte) (seal.Key, error) {
	root, ok := k.keys[version]
	if !ok {
		return seal.Key{}, fmt.Errorf("root key version %d is not in the key file: %w", version, ErrNotFound)
	}
	key, err := seal.Unwrap(root, wrapped, aad)
	if err != nil {
		return seal.Key{}, fmt.Errorf("wrapped key: %w", ErrIntegrity)
	}
	return key, nil
}

// Ping is KMS.Ping; the keys are in memory.
func (*KeyFile) Ping(context.Context) error { return nil }

// String keeps the keys out of logs.
func (*KeyFile) String() string { return "[redacted]" }

// GoString keeps the keys out of logs.
func (*KeyFile) GoString() string { return "[redacted]" }
