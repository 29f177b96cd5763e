package main

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha3"
	"errors"
)

// The hybrid key encapsulation of captures, MLKEM768-X25519 of draft-ietf-hpke-pq (also called X-Wing, kem_id 0x647a),
// sender's side alone. crypto/hpke has it too, but brings three more curves and both sides of each along, which a browser
// would load at every start; a test holds the two against each other.
const (
	kemPublic = mlkem.EncapsulationKeySize768 + 32 // bytes of an intake public key
	kemLabel  = `\./` + `/^\`                      // draft-connolly-cfrg-xwing-kem, 5.3
)

var errIntakeKey = errors.New("not an intake public key")

// encapsulate makes a fresh shared secret of 32 bytes and enc, the 1,120 bytes from which only the holder of the private
// key learns it. Who called wipes shared.
func encapsulate(public []byte) (enc, shared []byte, err error) {
	if len(public) != kemPublic {
		return nil, nil, errIntakeKey
	}
	lattice, err := mlkem.NewEncapsulationKey768(public[:mlkem.EncapsulationKeySize768])
	if err != nil {
		return nil, nil, errIntakeKey
	}
	curve, err := ecdh.X25519().NewPublicKey(public[mlkem.EncapsulationKeySize768:])
	if err != nil {
		return nil, nil, errIntakeKey
	}
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, errors.New("no randomness for a key")
	}
	agreed, err := own.ECDH(curve) // refuses points of low order (RFC 7748, 6.1)
	if err != nil {
		return nil, nil, errIntakeKey
	}
	defer clear(agreed)
	secret, enc := lattice.Encapsulate()
	defer clear(secret)
	share := own.PublicKey().Bytes()
	h := sha3.New256()
	for _, part := range [][]byte{secret, agreed, share, curve.Bytes(), []byte(kemLabel)} {
		h.Write(part)
	}
	return append(enc, share...), h.Sum(nil), nil
}
