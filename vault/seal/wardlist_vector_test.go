package seal

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var updateWard = flag.Bool("update-ward", false, "write the vector of the ward list anew")

const wardVectorFile = "../testdata/wardlist.json"

// wardVector is the published vector of FORMAT.md, section 14.
type wardVector struct {
	About          string `json:"about"`
	Person         string `json:"person"`
	Device         string `json:"device"`
	KeyID          string `json:"key_id"`
	PublicKey      []byte `json:"public_key"`
	SessionPrivate []byte `json:"session_private"`
	SessionPublic  []byte `json:"session_public"`
	List           string `json:"list"`
	Enc            []byte `json:"enc"`
	Sealed         []byte `json:"sealed"`
}

const wardVectorList = `{"version":1,"person":"WARDPERSONAAAAAAAAAAAAAAAA","device":"WARDDEVICEAAAAAAAAAAAAAAAA","issued_at":"2026-11-22T08:00:00.000Z","expires_at":"2026-11-22T16:00:00.000Z","plain":"","complete":true,"patients":[{"id":"WARDPATIENTAAAAAAAAAAAAAAA","record_number":"DEMO-0001","name":"Sample Alder","birth_date":"1951-03-14","encounters":[{"id":"WARDVISITAAAAAAAAAAAAAAAAA","label":"Ward 4, stay","started_at":"2026-11-20T07:00:00.000Z","ended_at":null}],"identifiers":[{"kind":"gsrn","value":"950110123456700172"}]},{"id":"WARDPATIENTBAAAAAAAAAAAAAA","record_number":"DEMO-0002","name":"Sample Birch","birth_date":"1968-11-02","encounters":null,"identifiers":[{"kind":"nhs","value":"9990123454"},{"kind":"record_number","value":"OLD-2"}]}]}`

func newWardVector(t *testing.T) wardVector {
	t.Helper()
	seed, secret := sha256.Sum256([]byte("ward list vector, signing key")), sha256.Sum256([]byte("ward list vector, session key"))
	priv := ed25519.NewKeyFromSeed(seed[:])
	session, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	v := wardVector{About: "A ward list, signed and sealed to the key of a page (vault/FORMAT.md, section 14). The keys are the SHA-256 of two sentences; the patients are invented.",
		Person: "WARDPERSONAAAAAAAAAAAAAAAA", Device: "WARDDEVICEAAAAAAAAAAAAAAAA", PublicKey: priv.Public().(ed25519.PublicKey),
		SessionPrivate: session.Bytes(), SessionPublic: session.PublicKey().Bytes(), List: wardVectorList}
	id, signature := SignWardList(priv, []byte(v.List))
	v.KeyID = id
	plain, err := json.Marshal(map[string]any{"list": v.List, "key_id": id, "signature": signature})
	if err != nil {
		t.Fatal(err)
	}
	if v.Enc, v.Sealed, err = ToSession(v.SessionPublic, WardListInfo, plain, nil); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestWardListVector opens the published vector with nothing but what FORMAT.md says.
func TestWardListVector(t *testing.T) {
	if *updateWard {
		text, err := json.MarshalIndent(newWardVector(t), "", " ")
		if err == nil {
			err = os.WriteFile(wardVectorFile, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(wardVectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v wardVector
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	plain, err := OpenInSession(v.SessionPrivate, v.Enc, "clinivault/ward-list-seal/v1", v.Sealed, nil)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	var signed struct {
		List      string `json:"list"`
		KeyID     string `json:"key_id"`
		Signature []byte `json:"signature"`
	}
	if err := json.Unmarshal(plain, &signed); err != nil {
		t.Fatal(err)
	}
	if signed.List != v.List || signed.KeyID != v.KeyID || KeyID(v.PublicKey) != v.KeyID {
		t.Errorf("list of %d bytes by key %s, want %d by %s", len(signed.List), signed.KeyID, len(v.List), v.KeyID)
	}
	if !ed25519.Verify(v.PublicKey, append([]byte("clinivault/ward-list/v1\x00"), signed.List...), signed.Signature) {
		t.Error("the signature does not fit")
	}
	if err := VerifyWardList(v.PublicKey, []byte(signed.List), signed.Signature); err != nil {
		t.Errorf("VerifyWardList: %v", err)
	}
}
