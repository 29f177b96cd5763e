package vault

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

const (
	certificateFormat = "clinivault-certificate-v1"
	certificateDomain = "clinivault/certificate/v1\x00"
	certificatePolicy = "v2" // as v1, but what a detector is not sure of stops nothing
	strictPolicy      = "v1" // whole coded units, margins as proposed, whatever is still seen beside a mask needs the reviewer's word
	maxCertificate    = 1 << 20
)

// Certificate says what was covered in a photo, by whose decision. Pictures are named by commitments: SHA-256 of
// salt ‖ file. The salt of the redacted file stands beside it; that of the original stays sealed in the vault, so
// that nobody can test a guess at the original. LogPosition is the place in the log LogOrigin of the event that
// released the photo; a redaction made without a vault has neither, nor photo and reviewer.
type Certificate struct {
	Format      string             `json:"format"`
	Photo       PhotoID            `json:"photo"`
	Version     int64              `json:"version"`
	Policy      string             `json:"policy"`
	Original    Commitment         `json:"original"`
	Redacted    Commitment         `json:"redacted"`
	Width       int                `json:"width"` // upright pixels
	Height      int                `json:"height"`
	Masked      []imaging.Box      `json:"masked"`
	Regions     []Region           `json:"regions"`
	Detectors   []string           `json:"detectors"`  // that proposed regions, with their digests
	CheckedBy   []string           `json:"checked_by"` // that looked at the redacted picture again
	Thresholds  map[string]float64 `json:"thresholds"` // least scores: of each kind proposed, and "visible" of what stops a release
	Residual    []imaging.Region   `json:"residual"`   // what they see on it
	Forced      bool               `json:"forced"`     // the reviewer let something stay visible
	Reviewer    PersonID           `json:"reviewer"`
	DecidedAt   Time               `json:"decided_at"`
	LogOrigin   string             `json:"log_origin"`
	LogPosition int64              `json:"log_position"`
}

// Commitment is the SHA-256, in hexadecimal, of salt ‖ file. Salt is 32 bytes in hexadecimal, or empty where it is not
// given away.
type Commitment struct {
	SHA256 string `json:"sha256"`
	Salt   string `json:"salt,omitempty"`
}

// commit commits to a file. The salt stays with the caller.
func commit(file []byte) (c Commitment, salt string) {
	b := make([]byte, sha256.Size)
	rand.Read(b) // never fails (crypto/rand)
	salt = hex.EncodeToString(b)
	return Commitment{SHA256: commitment(b, file)}, salt
}

func commitment(salt, file []byte) string {
	sum := sha256.New()
	sum.Write(salt)
	sum.Write(file)
	return hex.EncodeToString(sum.Sum(nil))
}

// Opens reports whether the commitment is to file with this salt, in hexadecimal.
func (c Commitment) Opens(salt string, file []byte) bool {
	b, err := hex.DecodeString(salt)
	return err == nil && len(b) == sha256.Size && commitment(b, file) == c.SHA256
}

// Fits reports whether file is the redacted picture that the certificate is about.
func (c Certificate) Fits(file []byte) bool { return c.Redacted.Opens(c.Redacted.Salt, file) }

// proved reports whether the detectors are sure of nothing that is left to see, and nobody had to let anything pass.
// Under the first policy scores were on another scale, and everything seen counts.
func (c Certificate) proved() bool {
	for _, r := range c.Residual {
		if !inside(r.Box, c.Masked) && (c.Policy == strictPolicy || r.Score >= visibleScore) {
			return false
		}
	}
	return !c.Forced
}

// signedCertificate is a certificate as it is handed out; it is stored without the proof. The Ed25519 signature covers
// a domain text and the canonical text of the member "certificate".
type signedCertificate struct {
	Certificate json.RawMessage `json:"certificate"`
	Key         []byte          `json:"key"`
	KeyID       string          `json:"key_id"`
	Signature   []byte          `json:"signature"`
	Proof       *Proof          `json:"proof,omitempty"`
}

// signRedaction gives the canonical text of a signed certificate, and the digest of its member "certificate".
func signRedaction(key ed25519.PrivateKey, c Certificate) (text []byte, digest string, err error) {
	body, err := canonical(c)
	if err != nil {
		return nil, "", err
	}
	pub := key.Public().(ed25519.PublicKey)
	text, err = canonical(signedCertificate{Certificate: body, Key: pub, KeyID: seal.KeyID(pub),
		Signature: ed25519.Sign(key, append([]byte(certificateDomain), body...))})
	return text, digestOf(body), err
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// canonical is the text of a value in the manner of RFC 8785: members sorted, no white space, numbers as ECMAScript
// writes them. Our texts are printable ASCII, for which its rules for strings and order are those of encoding/json.
func canonical(v any) ([]byte, error) {
	var plain any
	text, err := json.Marshal(v)
	if err == nil {
		plain, err = decodePlain(text)
	}
	var out bytes.Buffer
	if err == nil {
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		err = enc.Encode(plain)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding certificate: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// decodePlain decodes one JSON value with its numbers as they are written, and nothing after it.
func decodePlain(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrInvalid
	}
	return v, nil
}

// strictJSON decodes one value without unknown fields and with nothing after it.
func strictJSON(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrInvalid
	}
	return nil
}

// Trust is what a certificate is checked with: keys that come from another source than the certificate. An empty one
// is taken from the certificate itself, which then shows that it was not altered, but not who made it.
type Trust struct {
	Key         ed25519.PublicKey // of certificates
	Keys        []PublicKey       // of certificates, of all epochs: one of them, or Key, must have signed
	LogVerifier string            // of the log's checkpoints, in the form of golang.org/x/mod/sumdb/note
	// LogHandovers are those of the whole log, oldest first: needed where LogVerifier is newer than the certificate's proof.
	LogHandovers []string
}

// Trusting is the trust in the keys that a vault publishes, fetched from the vault itself.
func Trusting(k PublicKeys) Trust {
	return Trust{Keys: k.Certificates, LogVerifier: k.LogVerifier, LogHandovers: k.LogHandovers}
}

// knows checks that a certificate's key is trusted; its own word is all there is where none is given.
func (t Trust) knows(key ed25519.PublicKey) (own bool, err error) {
	if t.Key == nil && len(t.Keys) == 0 {
		return true, nil
	}
	same := func(k PublicKey) bool { return bytes.Equal(k.Key, key) }
	if !bytes.Equal(t.Key, key) && !slices.ContainsFunc(t.Keys, same) {
		return false, fmt.Errorf("it is signed with another key: %w", ErrIntegrity)
	}
	return false, nil
}

// Verified is a certificate that was checked.
type Verified struct {
	Certificate
	KeyID     string
	InLog     bool  // its release is in the log; false only where there was no vault
	LogSize   int64 // of the checkpoint that covers the release
	SignedAt  Time  // when that checkpoint was signed
	OwnKey    bool  // the certificate's key is its own word
	OwnLogKey bool  // the log's key is its own word
}

// VerifyCertificate checks a certificate as Vault.Certificate hands it out, however it is spaced, and reads it: the
// signature, and that the log holds the release. It needs neither vault nor network. Errors: ErrInvalid when it is not
// a certificate, ErrIntegrity when signature or proof do not hold.
func VerifyCertificate(text []byte, trust Trust) (Verified, error) {
	var s signedCertificate
	if len(text) > maxCertificate {
		return Verified{}, fmt.Errorf("not a certificate: %w", ErrInvalid)
	}
	plain, err := decodePlain(text)
	if err == nil {
		text, err = canonical(plain)
	}
	if err != nil || strictJSON(text, &s) != nil || len(s.Key) != ed25519.PublicKeySize || s.KeyID != seal.KeyID(s.Key) {
		return Verified{}, fmt.Errorf("not a certificate: %w", ErrInvalid)
	}
	own, err := trust.knows(s.Key)
	if err != nil {
		return Verified{}, err
	}
	v := Verified{KeyID: s.KeyID, OwnKey: own}
	if !ed25519.Verify(s.Key, append([]byte(certificateDomain), s.Certificate...), s.Signature) {
		return Verified{}, fmt.Errorf("the signature does not hold: %w", ErrIntegrity)
	}
	if err := strictJSON(s.Certificate, &v.Certificate); err != nil || v.Format != certificateFormat {
		return Verified{}, fmt.Errorf("not a certificate of a known format: %w", ErrInvalid)
	}
	if err := v.checkLog(s, trust); err != nil {
		return Verified{}, err
	}
	return v, nil
}

// checkLog checks the proof beside a certificate; one that names no log has none.
func (v *Verified) checkLog(s signedCertificate, trust Trust) error {
	if v.LogOrigin == "" && v.LogPosition == 0 && s.Proof == nil {
		return nil
	}
	if s.Proof == nil {
		return fmt.Errorf("the proof that the release is in the log is missing: %w", ErrIntegrity)
	}
	v.OwnLogKey = trust.LogVerifier == ""
	if v.OwnLogKey {
		trust.LogVerifier = s.Proof.Verifier
	}
	says, err := s.Proof.check(v.Certificate, digestOf(s.Certificate), trust)
	if err != nil {
		return err
	}
	v.InLog, v.LogSize, v.SignedAt = true, says.N, says.at
	return nil
}

// CertifyRedaction signs a certificate for a redaction that was made without a vault, of pictures that package imaging
// made. Whoever keeps salt can show later that original is what was redacted. Residual is what was still seen.
func CertifyRedaction(key ed25519.PrivateKey, original []byte, result *imaging.Redacted, regions []Region, at Time) (text []byte, salt string, err error) {
	c := newCertificate(result, regions)
	c.DecidedAt, c.Detectors = at, []string{}
	c.Original, salt = commit(original)
	c.Redacted, c.Redacted.Salt = commit(result.Still.Bytes())
	text, _, err = signRedaction(key, c)
	return text, salt, err
}

// newCertificate says what all certificates say of a redaction.
func newCertificate(result *imaging.Redacted, regions []Region) Certificate {
	least := imaging.Thresholds()
	least["visible"] = visibleScore
	return Certificate{Format: certificateFormat, Policy: certificatePolicy,
		Width: result.Still.Width(), Height: result.Still.Height(), Masked: append([]imaging.Box{}, result.Masked...),
		Regions: append([]Region{}, regions...), CheckedBy: append([]string{}, result.Detectors...), Thresholds: least,
		Residual: append([]imaging.Region{}, result.Residual...)}
}
