package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"
)

func sessionKey(t *testing.T) (private, public []byte) {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Bytes(), key.PublicKey().Bytes()
}

func TestToSession(t *testing.T) {
	private, public := sessionKey(t)
	other, _ := sessionKey(t)
	plain, aad := []byte("a list of the ward"), []byte("photo")
	enc, cipher, err := ToSession(public, WardListInfo, plain, aad)
	if err != nil || len(enc) != 32 || bytes.Contains(cipher, plain) {
		t.Fatalf("sealing: %d bytes enc, %v", len(enc), err)
	}
	changed := bytes.Clone(cipher)
	changed[3] ^= 1
	tests := map[string]struct {
		private, enc []byte
		info         string
		cipher, aad  []byte
		want         error
	}{
		"as sealed":        {private, enc, WardListInfo, cipher, aad, nil},
		"another key":      {other, enc, WardListInfo, cipher, aad, ErrSealed},
		"for another use":  {private, enc, "clinivault/ghost/v1", cipher, aad, ErrSealed},
		"other aad":        {private, enc, WardListInfo, cipher, nil, ErrSealed},
		"altered":          {private, enc, WardListInfo, changed, aad, ErrSealed},
		"cut":              {private, enc, WardListInfo, cipher[:9], aad, ErrSealed},
		"enc cut":          {private, enc[:31], WardListInfo, cipher, aad, ErrFormat},
		"no private key":   {private[:31], enc, WardListInfo, cipher, aad, ErrFormat},
		"enc of low order": {private, make([]byte, 32), WardListInfo, cipher, aad, ErrFormat},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := OpenInSession(test.private, test.enc, test.info, test.cipher, test.aad)
			if !errors.Is(err, test.want) || test.want == nil && !bytes.Equal(got, plain) {
				t.Errorf("got %q, %v, want %v", got, err, test.want)
			}
		})
	}
	for name, key := range map[string][]byte{"short": public[:31], "long": append(bytes.Clone(public), 0), "none": nil, "of low order": make([]byte, 32)} {
		if _, _, err := ToSession(key, WardListInfo, plain, nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%s key: %v, want ErrFormat", name, err)
		}
	}
}

func TestSignWardList(t *testing.T) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	otherPub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	list := []byte(`{"version":1}`)
	id, signature := SignWardList(priv, list)
	if id != KeyID(pub) {
		t.Errorf("key ID %s, want %s", id, KeyID(pub))
	}
	tests := map[string]struct {
		pub             ed25519.PublicKey
		list, signature []byte
		want            error
	}{
		"as signed":        {pub, list, signature, nil},
		"another key":      {otherPub, list, signature, ErrSignature},
		"another list":     {pub, []byte(`{"version":2}`), signature, ErrSignature},
		"another domain":   {pub, list, ed25519.Sign(priv, append([]byte(receiptDomain), list...)), ErrSignature},
		"signature cut":    {pub, list, signature[:63], ErrSignature},
		"not a key":        {pub[:31], list, signature, ErrFormat},
		"without a domain": {pub, list, ed25519.Sign(priv, list), ErrSignature},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := VerifyWardList(test.pub, test.list, test.signature); !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}
