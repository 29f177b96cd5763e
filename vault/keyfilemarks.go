package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"

	"github.com/clinivault/clinivault/vault/seal"
)

const (
	forgottenWord = "forgotten "
	maxForgotten  = 64 // forgotten versions that a key file still tells of
)

// rootFile is what a key file holds. A process that did not look between a rotation and the forgetting of what it has
// knows the file by the mark of the forgotten version.
type rootFile struct {
	rootKeys
	gone map[uint32]keyMark
}

// keyMark tells a version from every other key, and tells nothing of it.
type keyMark [sha256.Size]byte

func markOf(key seal.Key) (m keyMark) {
	raw := key.Bytes()
	defer clear(raw)
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte("clinivault/root-key-forgotten/v1"))
	mac.Sum(m[:0])
	return m
}

func (m keyMark) line(version uint32) []byte {
	out := append(strconv.AppendUint(nil, uint64(version), 10), ' ')
	return append(base64.StdEncoding.AppendEncode(append(out, forgottenWord...), m[:]), '\n')
}

// tells is whether the file has version with this very key, or its mark, and whether it has another in its place.
func (f rootFile) tells(version uint32, key seal.Key) (same, other bool) {
	if have, ok := f.rootKeys[version]; ok {
		return have == key, have != key
	}
	mark, ok := f.gone[version]
	same = ok && mark == markOf(key)
	return same, ok && !same
}

// agrees tells whether other is of the same root: it tells of a version that f has, and of none with another key.
func (f rootFile) agrees(other rootFile) bool {
	common := false
	for version, key := range f.rootKeys {
		same, wrong := other.tells(version, key)
		if wrong {
			return false
		}
		common = common || same
	}
	return common
}

// newer tells whether other can take the place of f: rotations add versions and forgetting leaves their marks, so that
// only an old copy does not tell of the newest; it may be the last not to know what f knows.
func (f rootFile) newer(other rootFile) bool {
	newest := f.newest()
	same, _ := other.tells(newest, f.rootKeys[newest])
	return same
}

// forget leaves the marks of versions before oldest, but for the newest version.
func (f rootFile) forget(oldest uint32) {
	newest := f.newest()
	for version, key := range f.rootKeys {
		if version < oldest && version != newest {
			f.gone[version] = markOf(key)
			delete(f.rootKeys, version)
		}
	}
	marks := slices.Sorted(maps.Keys(f.gone))
	for _, version := range marks[:max(0, len(marks)-maxForgotten)] {
		delete(f.gone, version)
	}
}

// text is what parseKeyFile reads; the caller clears it.
func (f rootFile) text() []byte {
	out := []byte(keyFileMagic + "\n")
	for _, version := range slices.Sorted(maps.Keys(f.gone)) {
		out = append(out, f.gone[version].line(version)...)
	}
	return append(out, f.rootKeys.lines()...)
}
