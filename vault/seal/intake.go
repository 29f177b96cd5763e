package seal

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const (
	// KEMName is how the API names the key encapsulation of captures (draft-ietf-hpke-pq; also called X-Wing).
	KEMName = "MLKEM768-X25519"

	// IntakePublicSize is the size of an intake public key: ML-KEM-768 (FIPS 203, table 3) and X25519 (RFC 7748).
	IntakePublicSize = 1184 + 32

	// FallbackName is how the API names the key encapsulation of clients that have no other: DHKEM(X25519, HKDF-SHA256)
	// of RFC 9180. It falls to a quantum computer, which is why the envelope says so.
	FallbackName = "DHKEM-X25519"

	// FallbackPublicSize is the size of its public key and of what it encapsulates.
	FallbackPublicSize = 32

	fallbackDomain = "clinivault/intake/fallback/v1\x00"

	intakeVersion = 1
	intakeSeed    = 32 // draft-ietf-hpke-pq: the private key is its seed
	intakePrivate = 1 + 4 + intakeSeed
)

// IntakePublic is what a client needs to seal a capture for the vault. Key has IntakePublicSize bytes, Epoch is at
// least 1. Fallback has FallbackPublicSize bytes, or none where captures sealed that way are not taken.
type IntakePublic struct {
	Epoch    uint32
	Key      []byte
	Fallback []byte
}

// IntakePrivate opens the captures of one epoch. It prints as [redacted].
type IntakePrivate struct {
	epoch    uint32
	key      hpke.PrivateKey
	fallback hpke.PrivateKey // nil where X25519 alone is not allowed (GODEBUG=fips140=only)
}

// NewIntake makes the key pair of an epoch, which starts at 1.
func NewIntake(epoch uint32) (*IntakePrivate, error) {
	if epoch == 0 {
		return nil, formatErr("epochs start at 1")
	}
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("making intake key: %w", err)
	}
	return withFallback(epoch, key)
}

// withFallback adds the key for clients without ML-KEM, which follows from the seed: whoever destroys one destroys both.
func withFallback(epoch uint32, key hpke.PrivateKey) (*IntakePrivate, error) {
	seed, err := key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding intake key: %w", err)
	}
	ikm, err := hkdf.Key(sha256.New, seed, nil, fallbackDomain, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving intake key: %w", err)
	}
	defer clear(ikm)
	fallback, err := hpke.DHKEM(ecdh.X25519()).DeriveKeyPair(ikm)
	if err != nil {
		fallback = nil
	}
	return &IntakePrivate{epoch: epoch, key: key, fallback: fallback}, nil
}

// ParseIntakePrivate reads what MarshalBinary made.
func ParseIntakePrivate(b []byte) (*IntakePrivate, error) {
	if len(b) != intakePrivate || b[0] != intakeVersion {
		return nil, formatErr("not an intake private key")
	}
	epoch := binary.BigEndian.Uint32(b[1:])
	if epoch == 0 {
		return nil, formatErr("epochs start at 1")
	}
	key, err := hpke.MLKEM768X25519().NewPrivateKey(b[5:])
	if err != nil {
		return nil, formatErr("not an intake private key")
	}
	return withFallback(epoch, key)
}

// MarshalBinary returns u8 version 1 ‖ u32 epoch ‖ 32-byte seed: secret, to be wrapped at once.
func (p *IntakePrivate) MarshalBinary() ([]byte, error) {
	seed, err := p.key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding intake key: %w", err)
	}
	out := binary.BigEndian.AppendUint32([]byte{intakeVersion}, p.epoch)
	return append(out, seed...), nil
}

// Epoch is the number of this key.
func (p *IntakePrivate) Epoch() uint32 { return p.epoch }

// Public is the half for clients.
func (p *IntakePrivate) Public() IntakePublic {
	out := IntakePublic{Epoch: p.epoch, Key: p.key.PublicKey().Bytes()}
	if p.fallback != nil {
		out.Fallback = p.fallback.PublicKey().Bytes()
	}
	return out
}

// String returns "[redacted]".
func (p *IntakePrivate) String() string { return redacted }

// GoString returns "[redacted]".
func (p *IntakePrivate) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (p *IntakePrivate) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// LogValue logs "[redacted]".
func (p *IntakePrivate) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON always fails, so that no private key ends up in JSON.
func (p *IntakePrivate) MarshalJSON() ([]byte, error) {
	return nil, errors.New("seal: an intake private key has no JSON form")
}

// wrapTo seals a capture key to the intake key; info binds it to its envelope (RFC 9180, 5.1).
func (to IntakePublic) wrapTo(k Key, info []byte) ([]byte, error) {
	if to.Epoch == 0 || len(to.Key) != IntakePublicSize {
		return nil, formatErr("not an intake public key")
	}
	pub, err := hpke.MLKEM768X25519().NewPublicKey(to.Key)
	if err != nil {
		return nil, formatErr("not an intake public key")
	}
	out, err := hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), info, k.b[:])
	if err != nil {
		return nil, fmt.Errorf("wrapping capture key: %w", err)
	}
	return out, nil
}

// unwrap opens a capture key that was sealed with the named encapsulation.
func (p *IntakePrivate) unwrap(kem string, wrapped, info []byte) (Key, error) {
	key := p.key
	if kem == FallbackName {
		key = p.fallback
	}
	if key == nil {
		return Key{}, formatErr("an encapsulation that is not taken here")
	}
	b, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, wrapped)
	if err != nil {
		return Key{}, ErrSealed
	}
	defer clear(b)
	return KeyFromBytes(b)
}
