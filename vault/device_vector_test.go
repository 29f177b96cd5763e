package vault

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDeviceVector: what FORMAT.md section 13 says, by the vector that other readers check themselves with.
func TestDeviceVector(t *testing.T) {
	var v struct {
		Key        []byte `json:"key"`
		Purpose    string `json:"purpose"`
		Nonce      string `json:"nonce"`
		Signed     string `json:"signed"`
		Signature  []byte `json:"signature"`
		Code       string `json:"code"`
		Opening    []byte `json:"opening"`
		Commitment []byte `json:"commitment"`
		Number     string `json:"number"`
	}
	text, err := os.ReadFile(filepath.Join("testdata", "device.json"))
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := deviceKey(v.Key)
	if err != nil {
		t.Fatalf("the vector's key: %v", err)
	}
	if got := string(proofText(v.Purpose, v.Nonce)); got != v.Signed {
		t.Errorf("signed text: got %q, want %q", got, v.Signed)
	}
	if err := signedBy(key, v.Purpose, v.Nonce, v.Signature); err != nil {
		t.Errorf("the vector's signature: %v", err)
	}
	for i := range v.Signature {
		bad := bytes.Clone(v.Signature)
		bad[i] ^= 0x10
		if signedBy(key, v.Purpose, v.Nonce, bad) == nil {
			t.Errorf("a signature with byte %d changed was taken", i)
		}
	}
	if got := DeviceCommitment(v.Opening, v.Key); !bytes.Equal(got, v.Commitment) {
		t.Errorf("commitment: got %x, want %x", got, v.Commitment)
	}
	if got := DeviceNumber(v.Code, v.Nonce, v.Opening, v.Key); got != v.Number {
		t.Errorf("number: got %s, want %s", got, v.Number)
	}
}

// TestDeviceAuthorityStored: what is sealed of an authority opens as it was made, and nothing that was cut or exchanged does.
func TestDeviceAuthorityStored(t *testing.T) {
	v := &Vault{cfg: Config{Tenant: "test", Now: func() time.Time { return time.UnixMilli(1_800_000_000_000) }}}
	public, private, err := v.newDeviceCA(3)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := v.newDeviceCA(4)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		half            []byte
		destroyed, good bool
	}{
		"whole":            {private, false, true},
		"certificate":      {public, true, true},
		"empty":            {nil, false, false},
		"short key":        {private[:31], false, false},
		"key alone":        {private[:32], false, false},
		"zero key":         {append(make([]byte, 32), public...), false, false},
		"other's":          {append(bytes.Clone(private[:32]), other...), false, false},
		"cut":              {private[:len(private)-1], false, false},
		"trailing byte":    {append(bytes.Clone(private), 0), false, false},
		"key as destroyed": {private, true, false},
	} {
		ca, err := parseDeviceCA(3, c.half, c.destroyed)
		if (err == nil) != c.good {
			t.Errorf("%s: got error %v, want good %v", name, err, c.good)
		}
		if err == nil && (!bytes.Equal(ca.cert.Raw, public) || (ca.key == nil) != c.destroyed) {
			t.Errorf("%s: not the authority that was made", name)
		}
	}
}
