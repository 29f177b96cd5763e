package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the size of a Key in bytes; all keys are AES-256 keys.
const KeySize = 32

const (
	nonceSize = 12 // SP 800-38D, 8.2.2: 96-bit random nonce
	tagSize   = 16
	overhead  = nonceSize + tagSize

	smallVersion = 1
	wrapDomain   = "clinivault/wrap/v1\x00"
	smallDomain  = "clinivault/small/v1\x00"

	// SmallOverhead is by how many bytes SealSmall's answer is longer than its plaintext.
	SmallOverhead = 1 + overhead
	// WrappedSize is the size of a wrapped key in bytes.
	WrappedSize = SmallOverhead + KeySize
)

// Key is a secret AES-256 key. It prints as [redacted] under every verb and refuses to be encoded as JSON or text.
// The zero Key is not a key: sealing with it panics, opening with it gives ErrSealed.
type Key struct{ b [KeySize]byte }

// NewKey returns a fresh random key.
func NewKey() Key {
	var k Key
	rand.Read(k.b[:]) // never fails (crypto/rand)
	return k
}

// KeyFromBytes copies the 32 bytes of b, which must not be all zero.
func KeyFromBytes(b []byte) (Key, error) {
	var k Key
	if len(b) != KeySize {
		return Key{}, formatErr("a key has 32 bytes")
	}
	copy(k.b[:], b)
	if k == (Key{}) {
		return Key{}, formatErr("an all-zero key")
	}
	return k, nil
}

// Bytes returns a copy of the 32 secret bytes, for key stores and the browser module; the caller wipes it.
func (k Key) Bytes() []byte { return append([]byte(nil), k.b[:]...) }

// Wipe overwrites this copy of the key with zeros.
func (k *Key) Wipe() { clear(k.b[:]) }

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k == Key{} }

// String returns "[redacted]".
func (k Key) String() string { return redacted }

// GoString returns "[redacted]".
func (k Key) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (k Key) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// LogValue logs "[redacted]".
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails, so that no key ends up in JSON.
func (k Key) MarshalText() ([]byte, error) { return nil, errors.New("seal: a key has no text form") }

// aead returns AES-256-GCM that makes its own nonces and puts them before the ciphertext.
func (k Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.b[:])
	if err != nil {
		panic("seal: " + err.Error()) // only a wrong key size
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: " + err.Error()) // only a block that is not AES
	}
	return a
}

// Wrap seals k under kek, bound to aad (what the key is for). The answer has WrappedSize bytes.
func Wrap(kek, k Key, aad []byte) []byte {
	mustBeKey(kek)
	mustBeKey(k)
	return sealShort(kek, wrapDomain, k.b[:], aad)
}

// Unwrap opens what Wrap made with the same kek and aad.
// Errors: ErrFormat for a wrong size or version, ErrSealed for anything else.
func Unwrap(kek Key, wrapped, aad []byte) (Key, error) {
	if len(wrapped) != WrappedSize {
		return Key{}, formatErr("wrong size of a wrapped key")
	}
	b, err := openShort(kek, wrapDomain, wrapped, aad)
	if err != nil {
		return Key{}, err
	}
	defer clear(b)
	return KeyFromBytes(b)
}

// SealSmall seals a value that fits in memory, such as a database field, under k and bound to aad (which row and
// field it is). It may be empty. The answer is SmallOverhead bytes longer than plain.
func SealSmall(k Key, plain, aad []byte) []byte {
	mustBeKey(k)
	return sealShort(k, smallDomain, plain, aad)
}

// OpenSmall opens what SealSmall made with the same key and aad. Errors: ErrFormat, ErrTruncated, ErrSealed.
func OpenSmall(k Key, sealed, aad []byte) ([]byte, error) {
	return openShort(k, smallDomain, sealed, aad)
}

func mustBeKey(k Key) {
	if k.IsZero() {
		panic("seal: sealing with the zero key")
	}
}

func sealShort(k Key, domain string, plain, aad []byte) []byte {
	out := make([]byte, 1, SmallOverhead+len(plain))
	out[0] = smallVersion
	return k.aead().Seal(out, nil, plain, bind(domain, aad))
}

func openShort(k Key, domain string, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < SmallOverhead {
		return nil, ErrTruncated
	}
	if sealed[0] != smallVersion {
		return nil, formatErr("unknown version of a sealed value")
	}
	if k.IsZero() {
		return nil, ErrSealed
	}
	plain, err := k.aead().Open(nil, nil, sealed[1:], bind(domain, aad))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// bind is the additional data of short values: the domain keeps uses of one key apart, the rest says what it is for.
func bind(domain string, aad []byte) []byte {
	return append([]byte(domain), aad...)
}
