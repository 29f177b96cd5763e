package vault_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// fallbackEnvelope seals as a browser without WebAssembly does, from FORMAT.md alone.
func (w *world) fallbackEnvelope(facts seal.CaptureFacts, picture []byte) []byte {
	w.t.Helper()
	in := must(w.V.IntakeKeys(w.t.Context(), w.author))(w.t)
	if in.FallbackKEM != "DHKEM-X25519" || len(in.FallbackKey) != 32 {
		w.t.Fatalf("intake offers %q with a key of %d bytes", in.FallbackKEM, len(in.FallbackKey))
	}
	kem := must(hpke.NewKEM(0x0020))(w.t)
	pub := must(kem.NewPublicKey(in.FallbackKey))(w.t)
	key := make([]byte, 32)
	rand.Read(key)
	gcm := must(cipher.NewGCMWithRandomNonce(must(aes.NewCipher(key))(w.t)))(w.t)
	h := binary.BigEndian.AppendUint32([]byte("CVCAP2\n\x00"), in.Epoch)
	h = append(h, must(hex.DecodeString(facts.CaptureID))(w.t)...)
	h = binary.BigEndian.AppendUint16(h, 0x0020)
	wrapped := must(hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), append([]byte("clinivault/capture/key/v1\x00"), h...), key))(w.t)
	h = append(binary.BigEndian.AppendUint16(h, uint16(len(wrapped))), wrapped...)
	sealed := gcm.Seal(nil, nil, must(facts.MarshalJSON())(w.t), append([]byte("clinivault/capture/facts/v1\x00"), h...))
	h = append(binary.BigEndian.AppendUint32(h, uint32(len(sealed))), sealed...)
	bound := sha256.Sum256(h)
	aad := append([]byte("clinivault/capture/chunk/v1\x00"), bound[:]...)
	return append(h, gcm.Seal(nil, nil, picture, append(aad, 0, 0, 0, 0, 0, 0, 0, 0, 1))...) // one chunk
}

// TestFallbackIsTakenAndSaid: a photo sealed without ML-KEM is received and readable; row, log and health say how it came.
func TestFallbackIsTakenAndSaid(t *testing.T) {
	w := newWorld(t)
	seals := func() string {
		for _, p := range must(w.V.Health(t.Context(), w.admin))(t) {
			if p.Name == "seal" {
				return p.Detail
			}
		}
		return ""
	}
	w.waiting()
	if got := seals(); got != "" {
		t.Errorf("health speaks of seals (%q) where none is of the older kind", got)
	}
	sharp := 0.75
	var facts seal.CaptureFacts
	w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
		f.Measures = &seal.Measures{PixelsPerMM: 12.5, Sharpness: &sharp, Overruled: []string{"blur", "face"}}
		facts = *f
	})
	picture := vaulttest.Picture(t, 160, 120, 3)
	b := w.fallbackEnvelope(facts, picture)
	receipt, created, err := w.V.Accept(t.Context(), w.author, vault.AcceptRequest{CaptureID: vault.CaptureID(facts.CaptureID),
		Digest: sha256.Sum256(b), Size: int64(len(b)), Body: bytes.NewReader(b)})
	if err != nil || !created {
		t.Fatalf("accepting: created %v, %v", created, err)
	}
	w.Work(t)
	photo := must(w.V.PhotoByID(t.Context(), w.author, vault.PhotoID(receipt.PhotoID)))(t)
	if photo.State != vault.StateInReview {
		t.Errorf("the photo is %s (%s), want in review", photo.State, photo.Reason)
	}
	if m := photo.Measures; m == nil || m.PixelsPerMM != 12.5 || m.Sharpness == nil || *m.Sharpness != sharp || strings.Join(m.Overruled, " ") != "blur face" {
		t.Errorf("measures %+v, want those of the capture", m)
	}
	if n := w.count(`SELECT count(*) FROM photos WHERE kem = 'DHKEM-X25519' AND id = '` + receipt.PhotoID + `'`); n != 1 {
		t.Error("the row does not say how the photo was sealed")
	}
	if got := seals(); !strings.HasPrefix(got, "1 photos") {
		t.Errorf("health says %q, want one photo of the older kind", got)
	}
	said := 0
	for _, e := range must(w.V.AuditRecent(t.Context(), w.privacy, 0, 100))(t) {
		if e.Detail["kem"] == "DHKEM-X25519" {
			said++
		}
	}
	if said != 1 {
		t.Errorf("%d events name the older seal, want one", said)
	}
	w.verified()
}
