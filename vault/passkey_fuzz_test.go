package vault

import (
	"testing"
)

// FuzzPasskeyAnswer: whatever a page sends as the answer of an authenticator is refused, and nothing panics.
func FuzzPasskeyAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA"}}`))
	f.Add([]byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AAAA","signature":"AAAA","userHandle":"AAAA"}}`))
	f.Add([]byte(`{}`))
	v := &Vault{cfg: Config{WebAuthn: WebAuthnConfig{RPID: "photos.test", Name: "Test", Origins: []string{"https://photos.test"}}}}
	rp, err := v.relyingParty()
	if err != nil {
		f.Fatal(err)
	}
	u := &passkeyUser{person: "p", handle: []byte("handle"), login: "login", name: "Test Person"}
	_, remembered, err := askNew(rp, u)
	if err != nil {
		f.Fatal(err)
	}
	_, asked, err := askFor(rp, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if k, _, err := readNew(rp, u, string(remembered), answer); err == nil {
			t.Errorf("made the passkey %+v of %q", k, answer)
		}
		_, _, err := readAnswer(rp, nil, string(asked), answer, func([]byte) (*passkeyUser, error) { return u, nil })
		if err == nil {
			t.Errorf("signed in by %q", answer)
		}
	})
}
