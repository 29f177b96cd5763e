package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
)

// SessionKeySize is the size of the X25519 public key (RFC 7748) of a page's session.
const SessionKeySize = 32

// ToSession seals plain for the page of one session, whose private key never leaves the memory of that page: HPKE
// (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, one message. info names what it is
// for, and aad is authenticated beside it. enc has 32 bytes. Errors: ErrFormat for what is no public key.
func ToSession(publicKey []byte, info string, plain, aad []byte) (enc, cipher []byte, err error) {
	pub, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(publicKey)
	if err != nil {
		return nil, nil, formatErr("not a session key")
	}
	enc, sender, err := hpke.NewSender(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, nil, formatErr("not a session key") // of low order
	}
	cipher, err = sender.Seal(aad, plain)
	return enc, cipher, err
}

// OpenInSession is what the page does; here for tests and for clients that are no browser. Errors: ErrFormat, ErrSealed.
func OpenInSession(privateKey []byte, enc []byte, info string, cipher, aad []byte) ([]byte, error) {
	key, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(privateKey)
	if err != nil {
		return nil, formatErr("not a session key")
	}
	r, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, formatErr("not sealed to a session key")
	}
	plain, err := r.Open(aad, cipher)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
