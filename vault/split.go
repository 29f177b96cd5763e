package vault

import (
	"bufio"
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	curve "github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"

	"github.com/clinivault/clinivault/vault/seal"
)

// Split custody of the root key file: n shares of which any m bring it back,
// and fewer tell nothing. A random scalar of ristretto255 (RFC 9496) is shared
// as Shamir has it; a key derived from it (HKDF-SHA256, RFC 5869) seals the key
// file, and each share carries the sealed file. A share is a text of a few
// lines that can be printed:
//
//	clinivault-root-key-share-v1
//	set 0123456789abcdef       the same in all shares of one splitting
//	shares 5
//	threshold 3
//	index 2                    1 to shares
//	share …                    base64, 32 bytes
//	sealed …                   base64, the key file as a small sealed value
//	check 0123456789abcdef     of all lines above

const (
	shareMagic  = "clinivault-root-key-share-v1"
	shareDomain = "clinivault/root-key-share/v1"
	maxShare    = 128 << 10
	// MaxShares bounds how many shares a key file can be split into.
	MaxShares = 32
)

// KeyShare is one share as text, with the name of the file it is in for errors.
// It prints as [redacted].
type KeyShare struct {
	Name string
	Text []byte
}

// String keeps the share out of logs.
func (KeyShare) String() string { return "[redacted]" }

// GoString keeps the share out of logs.
func (KeyShare) GoString() string { return "[redacted]" }

// share is a share that was read.
type share struct {
	name                     string
	set                      string
	shares, threshold, index int
	value                    []byte
	sealed                   []byte
}

// SplitKeyFile splits the key file at path into n shares of which any m bring it
// back: 2 ≤ m ≤ n ≤ MaxShares. It has tried so before it answers.
func SplitKeyFile(path string, n, m int) ([]KeyShare, error) {
	if m < 2 || n < m || n > MaxShares {
		return nil, fmt.Errorf("the threshold must be at least 2, and the shares at least as many and at most %d", MaxShares)
	}
	k, err := OpenKeyFile(path, false)
	if err != nil {
		return nil, err
	}
	text := k.current().text()
	defer clear(text)
	raw := make([]byte, 8)
	rand.Read(raw) // never fails (crypto/rand)
	set := hex.EncodeToString(raw)
	secret := curve.Ristretto255.RandomNonZeroScalar(rand.Reader)
	key, err := shareKey(secret, set)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	sealed := seal.SealSmall(key, text, shareAAD(set, n, m))
	out := make([]KeyShare, n)
	for i, s := range secretsharing.New(rand.Reader, uint(m-1), secret).Share(uint(n)) {
		value, err := s.Value.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("encoding share: %w", err)
		}
		one := share{set: set, shares: n, threshold: m, index: i + 1, value: value, sealed: sealed}
		out[i] = KeyShare{fmt.Sprintf("root-key-share-%d-of-%d.txt", i+1, n), one.text()}
		clear(value)
	}
	for _, some := range [][]KeyShare{out[:m], out[n-m:]} {
		back, err := JoinKeyShares(some)
		if err != nil || !bytes.Equal(back, text) {
			return nil, errors.Join(errors.New("the shares do not bring the key file back, so none was handed out"), err)
		}
		clear(back)
	}
	return out, nil
}

func shareAAD(set string, n, m int) []byte {
	return bindText(shareDomain, set, strconv.Itoa(n), strconv.Itoa(m))
}

// shareKey derives the key that seals the key file.
func shareKey(secret curve.Scalar, set string) (seal.Key, error) {
	raw, err := secret.MarshalBinary()
	if err != nil {
		return seal.Key{}, fmt.Errorf("encoding secret: %w", err)
	}
	defer clear(raw)
	derived, err := hkdf.Key(sha256.New, raw, []byte(set), shareDomain, seal.KeySize)
	if err != nil {
		return seal.Key{}, fmt.Errorf("deriving key: %w", err)
	}
	defer clear(derived)
	return seal.KeyFromBytes(derived)
}

// text writes a share down.
func (s share) text() []byte {
	b := fmt.Appendf(nil, "%s\nset %s\nshares %d\nthreshold %d\nindex %d\nshare %s\nsealed %s\n", shareMagic, s.set, s.shares,
		s.threshold, s.index, base64.StdEncoding.EncodeToString(s.value), base64.StdEncoding.EncodeToString(s.sealed))
	return fmt.Appendf(b, "check %s\n", shareCheck(b))
}

func shareCheck(lines []byte) string {
	sum := sha256.Sum256(lines)
	return hex.EncodeToString(sum[:8])
}

// readShare reads a share; white space at the ends of lines does not count, so
// that a share can be typed in.
func readShare(from KeyShare) (share, error) {
	bad := func(what string) (share, error) { return share{}, fmt.Errorf("%s %s", from.Name, what) }
	if len(from.Text) > maxShare {
		return bad("is too long for a share of a root key")
	}
	var fields []string
	var above []byte
	lines := bufio.NewScanner(bytes.NewReader(from.Text))
	lines.Buffer(nil, maxShare)
	for _, name := range []string{shareMagic, "set", "shares", "threshold", "index", "share", "sealed", "check"} {
		if !lines.Scan() {
			return bad("is cut short: bring an undamaged copy of this share")
		}
		line := strings.TrimSpace(lines.Text())
		if name == shareMagic && line != name {
			return bad("is no share of a root key")
		}
		word, value, _ := strings.Cut(line, " ")
		if word != name {
			return bad("is damaged: bring an undamaged copy of this share")
		}
		fields = append(fields, value)
		if name != "check" {
			above = append(append(above, line...), '\n')
		}
	}
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) != "" {
			return bad("has something after its last line: bring an undamaged copy of this share")
		}
	}
	s := share{name: from.Name, set: fields[1]}
	var errs [5]error
	s.shares, errs[0] = strconv.Atoi(fields[2])
	s.threshold, errs[1] = strconv.Atoi(fields[3])
	s.index, errs[2] = strconv.Atoi(fields[4])
	s.value, errs[3] = base64.StdEncoding.Strict().DecodeString(fields[5])
	s.sealed, errs[4] = base64.StdEncoding.Strict().DecodeString(fields[6])
	if errors.Join(errs[:]...) != nil || fields[7] != shareCheck(above) || s.threshold < 2 || s.shares < s.threshold ||
		s.shares > MaxShares || s.index < 1 || s.index > s.shares || len(s.value) != 32 {
		return bad("is damaged: bring an undamaged copy of this share")
	}
	return s, nil
}

// JoinKeyShares brings the text of a key file back from its shares. More than
// are needed may be given.
func JoinKeyShares(from []KeyShare) ([]byte, error) {
	if len(from) > MaxShares {
		return nil, fmt.Errorf("at most %d shares belong to one root key", MaxShares)
	}
	var all []share
	for _, f := range from {
		s, err := readShare(f)
		if err != nil {
			return nil, err
		}
		twice := slices.IndexFunc(all, func(o share) bool { return o.index == s.index })
		switch {
		case len(all) > 0 && (s.set != all[0].set || s.shares != all[0].shares || s.threshold != all[0].threshold):
			return nil, fmt.Errorf("%s and %s are of different splittings: bring shares of one set", all[0].name, s.name)
		case len(all) > 0 && !bytes.Equal(s.sealed, all[0].sealed):
			return nil, fmt.Errorf("%s and %s do not carry the same key file: one of them was altered", all[0].name, s.name)
		case twice >= 0:
			return nil, fmt.Errorf("%s and %s are the same share: bring another one", all[twice].name, s.name)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, errors.New("name the files of the shares")
	}
	if missing := all[0].threshold - len(all); missing > 0 {
		return nil, fmt.Errorf("%d of %d shares are needed and %d are here: bring %d more of set %s",
			all[0].threshold, all[0].shares, len(all), missing, all[0].set)
	}
	return combine(all)
}

// combine computes the secret and opens the key file. Which of the shares was
// altered cannot be told.
func combine(all []share) ([]byte, error) {
	altered := errors.New("the shares do not open the key file: one of them was altered; try it with others")
	points := make([]secretsharing.Share, len(all))
	for i, s := range all {
		points[i] = secretsharing.Share{ID: curve.Ristretto255.NewScalar().SetUint64(uint64(s.index)), Value: curve.Ristretto255.NewScalar()}
		if err := points[i].Value.UnmarshalBinary(s.value); err != nil {
			return nil, fmt.Errorf("%s is damaged: bring an undamaged copy of this share", s.name)
		}
	}
	secret, err := secretsharing.Recover(uint(all[0].threshold-1), points)
	if err != nil {
		return nil, altered
	}
	key, err := shareKey(secret, all[0].set)
	if err != nil {
		return nil, altered
	}
	defer key.Wipe()
	text, err := seal.OpenSmall(key, all[0].sealed, shareAAD(all[0].set, all[0].shares, all[0].threshold))
	if err != nil {
		return nil, altered
	}
	if _, err := parseKeyFile(text); err != nil {
		clear(text)
		return nil, err
	}
	return text, nil
}
