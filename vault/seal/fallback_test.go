package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"testing"
	"testing/cryptotest"
)

// fallbackFacts carry measures, which the other vectors have not.
const fallbackFacts = `{"capture_id":"00112233445566778899aabbccddeeff","patient":"PATIENTAAAAAAAAAAAAAAAAAAA","encounter":"",` +
	`"body_site":"forearm","laterality":"left","author":"PERSONAAAAAAAAAAAAAAAAAAAA","device":"","media_type":"image/jpeg","note":"",` +
	`"consent":{"record":true,"teaching":false,"publication":false},"taken_at":"2026-11-21T09:30:00.120Z","measures":` + testMeasures + `}`

// refFallback derives the fallback key of an intake seed from FORMAT.md alone.
func refFallback(t *testing.T, seed []byte) hpke.PrivateKey {
	t.Helper()
	ikm, err := hkdf.Key(sha256.New, seed, nil, "clinivault/intake/fallback/v1\x00", 32)
	if err != nil {
		t.Fatal(err)
	}
	kem, err := hpke.NewKEM(0x0020)
	if err != nil {
		t.Fatal(err)
	}
	priv, err := kem.DeriveKeyPair(ikm)
	if err != nil {
		t.Fatal(err)
	}
	return priv
}

func TestVectorsFallback(t *testing.T) {
	otherKEM := func(b []byte) []byte { b[29] = 0x10; return b }
	sizeOfTheOther := func(b []byte) []byte { b[30], b[31] = 0x04, 0x90; return b }
	asTheOther := func(b []byte) []byte { b[5] = '1'; return append(b[:28], b[30:]...) }
	f := loadVectors(t, "fallback.json", func() refFile {
		cryptotest.SetGlobalRandom(t, 2)
		pub := refFallback(t, refSeed).PublicKey().Bytes()
		padded := append([]byte(fallbackFacts), bytes.Repeat([]byte(" "), 1024-len(fallbackFacts))...)
		v := refVector{Name: "three bytes", Plain: "ffd8ff", Key: hex.EncodeToString(refKey)}
		v.Sealed = hex.EncodeToString(refCapture(t, "CVCAP2\n\x00", 0x0020, pub, refKey, v.plain(), 1, testID, string(padded)))
		out := refFile{
			Comment: "captures sealed with DHKEM(X25519, HKDF-SHA256); key is the capture key inside, intake_private in the form of section 3",
			Given: map[string]string{"intake_private": "0100000001" + hex.EncodeToString(refSeed), "fallback_public": hex.EncodeToString(pub),
				"facts": fallbackFacts},
			Vectors: append([]refVector{v}, refused(v,
				map[string]func([]byte) []byte{"cut": cutEnd, "end altered": alterEnd, "more at the end": moreEnd, "other epoch": otherEpoch},
				map[string]string{"cut": "truncated", "end altered": "sealed", "more at the end": "sealed", "other epoch": "epoch"})...),
		}
		for _, c := range []struct {
			name, why string
			alter     func([]byte) []byte
		}{{"other encapsulation", "format", otherKEM}, {"size of the other", "format", sizeOfTheOther}, {"magic of the other", "truncated", asTheOther}} {
			out.Vectors = append(out.Vectors, refVector{Name: v.Name + ", " + c.name, Key: v.Key, Refused: c.why,
				Sealed: hex.EncodeToString(c.alter(bytes.Clone(unhex(v.Sealed))))})
		}
		return out
	})
	p, err := ParseIntakePrivate(unhex(f.Given["intake_private"]))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(p.Public().Fallback); got != f.Given["fallback_public"] {
		t.Errorf("fallback key %s, want %s", got, f.Given["fallback_public"])
	}
	checkCaptures(t, f, p)
	for _, v := range f.Vectors[:1] {
		head, err := ReadCaptureHead(bytes.NewReader(v.sealed(t)))
		if want := (CaptureHead{Epoch: 1, KEM: FallbackName, CaptureID: testID}); err != nil || head != want {
			t.Errorf("ReadCaptureHead: %+v, %v; want %+v", head, err, want)
		}
	}
}

// TestFallbackIsAKeyOfItsOwn: what is sealed to it says so, and the hybrid key has no part of it.
func TestFallbackIsAKeyOfItsOwn(t *testing.T) {
	p := testIntake(t, 1)
	if len(p.Public().Fallback) != FallbackPublicSize || bytes.Contains(p.Public().Key, p.Public().Fallback) {
		t.Errorf("fallback key of %d bytes inside the other: %v; want %d bytes of its own", len(p.Public().Fallback),
			bytes.Contains(p.Public().Key, p.Public().Fallback), FallbackPublicSize)
	}
}

// TestFallbackNotAllowed runs where X25519 alone is not allowed: captures sealed that way are not taken then.
func TestFallbackNotAllowed(t *testing.T) {
	if os.Getenv("CLINIVAULT_FALLBACK_CHILD") == "1" {
		p := testIntake(t, 1)
		if n := len(p.Public().Fallback); n != 0 {
			t.Errorf("a fallback key of %d bytes, want none", n)
		}
		_, err := p.unwrap(FallbackName, make([]byte, 80), nil)
		wantErr(t, err, ErrFormat)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFallbackNotAllowed$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", "CLINIVAULT_FALLBACK_CHILD=1")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestFallbackNotAllowed")) {
		t.Errorf("%v\n%s", err, out)
	}
}
