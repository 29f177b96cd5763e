package seal

import "crypto/ed25519"

const (
	wardListDomain = "clinivault/ward-list/v1\x00"

	// WardListInfo is the info of HPKE by which a signed ward list is sealed to a page (ToSession).
	WardListInfo = "clinivault/ward-list-seal/v1"
)

// SignWardList signs the text of a ward list (FORMAT.md, section 14) with a receipt key and names the key.
func SignWardList(priv ed25519.PrivateKey, list []byte) (keyID string, signature []byte) {
	return KeyID(priv.Public().(ed25519.PublicKey)), ed25519.Sign(priv, append([]byte(wardListDomain), list...))
}

// VerifyWardList checks that pub signed the text of a ward list. Errors: ErrSignature, ErrFormat.
func VerifyWardList(pub ed25519.PublicKey, list, signature []byte) error {
	if len(pub) != ed25519.PublicKeySize {
		return formatErr("not a receipt key")
	}
	if !ed25519.Verify(pub, append([]byte(wardListDomain), list...), signature) {
		return ErrSignature
	}
	return nil
}
