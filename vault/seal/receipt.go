package seal

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"time"
)

const (
	receiptDomain = "clinivault/receipt/v1\x00"
	maxReceipt    = 4 << 10 // bytes of JSON
)

// Receipt is the vault's signed word that a capture is durable; only with it may a client drop its sealed copy.
// Digest is the SHA-256 of the envelope as 64 lowercase hexadecimal digits, Size its length in bytes, ReceivedAt UTC
// to the millisecond, KeyID names the signing key (KeyID function), Signature is Ed25519 (RFC 8032).
type Receipt struct {
	CaptureID  string
	PhotoID    string
	Digest     string
	Size       int64
	ReceivedAt time.Time
	KeyID      string
	Signature  []byte
}

type wireReceipt struct {
	CaptureID  string `json:"capture_id"`
	PhotoID    string `json:"photo_id"`
	Digest     string `json:"digest"`
	Size       int64  `json:"size"`
	ReceivedAt string `json:"received_at"`
	KeyID      string `json:"key_id"`
	Signature  string `json:"signature"`
}

var receiptNames = []string{"capture_id", "photo_id", "digest", "size", "received_at", "key_id", "signature"}

// KeyID names a signing key: the first 16 hexadecimal digits of the SHA-256 of its 32 public bytes.
func KeyID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:8])
}

// SignReceipt returns r with KeyID and Signature set; keyID must be that of the key (empty: it is worked out).
// It panics on values that no receipt can have, since those are the vault's own.
func SignReceipt(priv ed25519.PrivateKey, keyID string, r Receipt) Receipt {
	want := KeyID(priv.Public().(ed25519.PublicKey))
	if keyID != "" && keyID != want {
		panic("seal: key ID of another signing key")
	}
	r.KeyID = want
	msg, err := r.signed()
	if err != nil {
		panic("seal: signing an impossible receipt")
	}
	r.ReceivedAt = r.ReceivedAt.UTC().Truncate(time.Millisecond)
	r.Signature = ed25519.Sign(priv, msg)
	return r
}

// VerifyReceipt checks that pub signed r. That r is about the right capture (CaptureID, Digest, Size) is the caller's
// to compare. Errors: ErrSignature, ErrFormat.
func VerifyReceipt(pub ed25519.PublicKey, r Receipt) error {
	if len(pub) != ed25519.PublicKeySize {
		return formatErr("not a receipt key")
	}
	msg, err := r.signed()
	if err != nil {
		return err
	}
	if r.KeyID != KeyID(pub) || !ed25519.Verify(pub, msg, r.Signature) {
		return ErrSignature
	}
	return nil
}

// signed is what the signature covers: domain ‖ text capture ID ‖ text photo ID ‖ 32-byte digest ‖ u64 size ‖
// u64 received at in unix milliseconds ‖ text key ID, each text with a u16 length before it.
func (r Receipt) signed() ([]byte, error) {
	digest, err := hex.DecodeString(r.Digest)
	at := r.ReceivedAt.UnixMilli()
	switch {
	case !IsCaptureID(r.CaptureID):
		return nil, formatErr("receipt without a capture ID")
	case !isID(r.PhotoID):
		return nil, formatErr("receipt without a photo ID")
	case err != nil || len(digest) != sha256.Size || hex.EncodeToString(digest) != r.Digest:
		return nil, formatErr("receipt without a SHA-256 digest")
	case r.Size <= 0 || at <= 0 || !isID(r.KeyID):
		return nil, formatErr("receipt without size, time or key ID")
	}
	out := appendText([]byte(receiptDomain), r.CaptureID)
	out = appendText(out, r.PhotoID)
	out = append(out, digest...)
	out = binary.BigEndian.AppendUint64(out, uint64(r.Size))
	out = binary.BigEndian.AppendUint64(out, uint64(at))
	return appendText(out, r.KeyID), nil
}

// MarshalJSON writes snake_case names, the time in UTC with milliseconds, the signature in base64 (RFC 4648, 4).
func (r Receipt) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireReceipt{
		CaptureID: r.CaptureID, PhotoID: r.PhotoID, Digest: r.Digest, Size: r.Size,
		ReceivedAt: formatTime(r.ReceivedAt), KeyID: r.KeyID, Signature: base64.StdEncoding.EncodeToString(r.Signature),
	})
}

// UnmarshalJSON is strict: every field once, no other field, at most 4 KiB. It does not verify.
func (r *Receipt) UnmarshalJSON(b []byte) error {
	if len(b) > maxReceipt {
		return formatErr("receipt longer than 4 KiB")
	}
	var w wireReceipt
	if err := strictObject(b, receiptNames, nil, &w); err != nil {
		return err
	}
	at, err := parseTime(w.ReceivedAt)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(w.Signature)
	if err != nil || len(sig) != ed25519.SignatureSize {
		return formatErr("not an Ed25519 signature")
	}
	*r = Receipt{
		CaptureID: w.CaptureID, PhotoID: w.PhotoID, Digest: w.Digest, Size: w.Size,
		ReceivedAt: at, KeyID: w.KeyID, Signature: sig,
	}
	return nil
}
