package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"
)

var update = flag.Bool("update", false, "write the vectors in testdata anew")

// The reference below is written from FORMAT.md alone and shares no code with the package: constants are spelled out,
// nonces are given. It makes the vectors; the package must open them.

type refVector struct {
	Name    string `json:"name"`
	Plain   string `json:"plain,omitempty"`       // hex; "" if plain_size is set
	Size    int    `json:"plain_size,omitempty"`  // byte i is i mod 251
	Key     string `json:"key"`                   // hex
	AAD     string `json:"aad,omitempty"`         // hex
	Sealed  string `json:"sealed,omitempty"`      // hex
	File    string `json:"sealed_file,omitempty"` // beside the vectors
	SHA256  string `json:"sealed_sha256,omitempty"`
	Refused string `json:"refused,omitempty"` // sealed, truncated, trailing, format, epoch
}

type refFile struct {
	Comment  string            `json:"comment"`
	Given    map[string]string `json:"given,omitempty"`
	Vectors  []refVector       `json:"vectors"`
	Receipts []json.RawMessage `json:"receipts,omitempty"`
}

func refGCM(key, nonce, plain, aad []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	g, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return append(bytes.Clone(nonce), g.Seal(nil, nonce, plain, aad)...)
}

func refNonce(b byte) []byte { return bytes.Repeat([]byte{b}, 12) }

func refChunks(key, plain []byte, domain string, header []byte) (out []byte) {
	for i := 0; i*65536 < len(plain); i++ {
		end := min((i+1)*65536, len(plain))
		last := byte(0)
		if end == len(plain) {
			last = 1
		}
		sum := sha256.Sum256(header)
		aad := append([]byte(domain), sum[:]...)
		aad = append(binary.BigEndian.AppendUint64(aad, uint64(i)), last)
		out = append(out, refGCM(key, refNonce(byte(0x10+i)), plain[i*65536:end], aad)...)
	}
	return out
}

func refObject(key, plain []byte, b Binding) []byte {
	head := append([]byte("CVOBJ1\n\x00"), bytes.Repeat([]byte{0x5a}, 16)...)
	bound := bytes.Clone(head)
	for _, s := range []string{b.Tenant, b.Patient, b.Photo, b.Rendition} {
		bound = append(append(bound, byte(len(s)>>8), byte(len(s))), s...)
	}
	bound = binary.BigEndian.AppendUint32(bound, b.Version)
	return append(head, refChunks(key, plain, "clinivault/object/v1\x00", bound)...)
}

func refCapture(t *testing.T, magic string, kemID uint16, pub, key, plain []byte, epoch uint32, id, facts string) []byte {
	h := binary.BigEndian.AppendUint32([]byte(magic), epoch)
	rawID, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	h = append(h, rawID...)
	if magic == "CVCAP2\n\x00" {
		h = binary.BigEndian.AppendUint16(h, kemID)
	}
	kem, err := hpke.NewKEM(kemID)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := kem.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := hpke.Seal(pk, hpke.HKDFSHA256(), hpke.AES256GCM(), append([]byte("clinivault/capture/key/v1\x00"), h...), key)
	if err != nil {
		t.Fatal(err)
	}
	h = append(binary.BigEndian.AppendUint16(h, uint16(len(wrapped))), wrapped...)
	sealed := refGCM(key, refNonce(0x0f), []byte(facts), append([]byte("clinivault/capture/facts/v1\x00"), h...))
	h = append(binary.BigEndian.AppendUint32(h, uint32(len(sealed))), sealed...)
	return append(h, refChunks(key, plain, "clinivault/capture/chunk/v1\x00", h)...)
}

// refused derives vectors that must not open from one that does.
func refused(v refVector, cuts map[string]func([]byte) []byte, why map[string]string) (out []refVector) {
	good := unhex(v.Sealed)
	for _, name := range sortedKeys(cuts) {
		r := v
		r.Name, r.Plain, r.Size, r.Refused = v.Name+", "+name, "", 0, why[name]
		r.Sealed = hex.EncodeToString(cuts[name](bytes.Clone(good)))
		out = append(out, r)
	}
	return out
}

func sortedKeys(m map[string]func([]byte) []byte) (names []string) {
	for _, n := range []string{"cut", "end altered", "more at the end", "other magic", "version 2", "other epoch"} {
		if m[n] != nil {
			names = append(names, n)
		}
	}
	return names
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func (v refVector) plain() []byte {
	if v.Size == 0 {
		return unhex(v.Plain)
	}
	b := make([]byte, v.Size)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func (v refVector) sealed(t *testing.T) []byte {
	if v.File == "" {
		return unhex(v.Sealed)
	}
	b, err := os.ReadFile(filepath.Join("testdata", v.File))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != v.SHA256 {
		t.Fatalf("%s has SHA-256 %x, want %s", v.File, sum, v.SHA256)
	}
	return b
}

var (
	refKey      = unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	refSeed     = unhex("202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f")
	refBinding  = Binding{Tenant: "main", Patient: "PATIENT1", Photo: "PHOTO1", Rendition: "original", Version: 1}
	cutEnd      = func(b []byte) []byte { return b[:len(b)-30] }
	alterEnd    = func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	moreEnd     = func(b []byte) []byte { return append(b, 0) }
	otherMagic  = func(b []byte) []byte { b[5] = '2'; return b }
	otherEpoch  = func(b []byte) []byte { b[11] = 2; return b }
	refMistakes = map[error]string{ErrSealed: "sealed", ErrTruncated: "truncated", ErrTrailing: "trailing", ErrFormat: "format", ErrEpoch: "epoch"}
)

func checkVector(t *testing.T, v refVector, open func(sealed []byte) ([]byte, error)) {
	t.Run(v.Name, func(t *testing.T) {
		got, err := open(v.sealed(t))
		why := ""
		for sentinel, name := range refMistakes {
			if errors.Is(err, sentinel) {
				why = name
			}
		}
		if why != v.Refused || (err == nil) != (v.Refused == "") {
			t.Fatalf("got error %v, want %q", err, v.Refused)
		}
		if err == nil && !bytes.Equal(got, v.plain()) {
			t.Errorf("got %d bytes that differ from the %d of the vector", len(got), len(v.plain()))
		}
	})
}

func loadVectors(t *testing.T, name string, make func() refFile) refFile {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		b, err := json.MarshalIndent(make(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f refFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors)+len(f.Receipts) < 3 {
		t.Fatalf("%s has only %d vectors", name, len(f.Vectors))
	}
	return f
}

// filed moves the sealed bytes of a long vector into a file of their own.
func filed(t *testing.T, v refVector, name string) refVector {
	b := unhex(v.Sealed)
	sum := sha256.Sum256(b)
	if err := os.WriteFile(filepath.Join("testdata", name), b, 0o644); err != nil {
		t.Fatal(err)
	}
	v.File, v.SHA256, v.Sealed = name, hex.EncodeToString(sum[:]), ""
	return v
}

func TestVectorsCapture(t *testing.T) {
	f := loadVectors(t, "capture.json", func() refFile {
		cryptotest.SetGlobalRandom(t, 1)
		kem, err := hpke.NewKEM(0x647a) // MLKEM768-X25519, draft-ietf-hpke-pq
		if err != nil {
			t.Fatal(err)
		}
		priv, err := kem.NewPrivateKey(refSeed)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := testFacts().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		padded := append(facts, bytes.Repeat([]byte(" "), 512-len(facts))...)
		pub := priv.PublicKey().Bytes()
		mk := func(v refVector) refVector {
			v.Key = hex.EncodeToString(refKey)
			v.Sealed = hex.EncodeToString(refCapture(t, "CVCAP1\n\x00", 0x647a, pub, refKey, v.plain(), 1, testID, string(padded)))
			return v
		}
		small := mk(refVector{Name: "three bytes", Plain: "ffd8ff"})
		long := filed(t, mk(refVector{Name: "two chunks", Size: 65536 + 100}), "two-chunks.cvcap")
		return refFile{
			Comment: "sealed captures; key is the capture key inside, intake_private in the form of section 3",
			Given: map[string]string{
				"intake_private": "0100000001" + hex.EncodeToString(refSeed),
				"intake_public":  hex.EncodeToString(pub),
				"facts":          string(facts),
			},
			Vectors: append([]refVector{small, long}, refused(small,
				map[string]func([]byte) []byte{"cut": cutEnd, "end altered": alterEnd, "more at the end": moreEnd, "other magic": otherMagic, "other epoch": otherEpoch},
				map[string]string{"cut": "truncated", "end altered": "sealed", "more at the end": "sealed", "other magic": "format", "other epoch": "epoch"})...),
		}
	})
	p, err := ParseIntakePrivate(unhex(f.Given["intake_private"]))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(p.Public().Key); got != f.Given["intake_public"] {
		t.Error("the intake public key differs from the vector")
	}
	checkCaptures(t, f, p)
}

func checkCaptures(t *testing.T, f refFile, p *IntakePrivate) {
	for _, v := range f.Vectors {
		checkVector(t, v, func(sealed []byte) ([]byte, error) {
			var out bytes.Buffer
			facts, err := OpenCapture(&out, bytes.NewReader(sealed), only(p))
			if err != nil {
				return nil, err
			}
			if b, err := facts.MarshalJSON(); err != nil || string(b) != f.Given["facts"] {
				t.Errorf("facts %s, %v; want %s", b, err, f.Given["facts"])
			}
			return out.Bytes(), nil
		})
	}
}

func TestVectorsObject(t *testing.T) {
	f := loadVectors(t, "object.json", func() refFile {
		mk := func(v refVector) refVector {
			v.Key = hex.EncodeToString(refKey)
			v.Sealed = hex.EncodeToString(refObject(refKey, v.plain(), refBinding))
			return v
		}
		small := mk(refVector{Name: "three bytes", Plain: "ffd8ff"})
		long := filed(t, mk(refVector{Name: "two chunks", Size: 2 * 65536}), "two-chunks.cvobj")
		return refFile{
			Comment: "stored objects, bound to main, PATIENT1, PHOTO1, original, version 1",
			Vectors: append([]refVector{small, long}, refused(small,
				map[string]func([]byte) []byte{"cut": cutEnd, "end altered": alterEnd, "more at the end": moreEnd, "other magic": otherMagic},
				map[string]string{"cut": "truncated", "end altered": "sealed", "more at the end": "sealed", "other magic": "format"})...),
		}
	})
	for _, v := range f.Vectors {
		k, err := KeyFromBytes(unhex(v.Key))
		if err != nil {
			t.Fatal(err)
		}
		checkVector(t, v, func(sealed []byte) ([]byte, error) { return OpenBytes(sealed, k, refBinding) })
	}
}

func TestVectorsSmall(t *testing.T) {
	version2 := func(b []byte) []byte { b[0] = 2; return b }
	f := loadVectors(t, "small.json", func() refFile {
		mk := func(name, domain, plain string) refVector {
			aad := []byte("patient PATIENT1")
			sealed := append([]byte{1}, refGCM(refKey, refNonce(0x33), unhex(plain), append([]byte(domain), aad...))...)
			return refVector{Name: name, Plain: plain, Key: hex.EncodeToString(refKey), AAD: hex.EncodeToString(aad), Sealed: hex.EncodeToString(sealed)}
		}
		wrap := mk("wrapped key", "clinivault/wrap/v1\x00", hex.EncodeToString(refSeed))
		small := mk("small value", "clinivault/small/v1\x00", "66616374")
		cuts := map[string]func([]byte) []byte{"end altered": alterEnd, "version 2": version2}
		why := map[string]string{"end altered": "sealed", "version 2": "format"}
		vs := append([]refVector{wrap, small}, refused(wrap, cuts, why)...)
		return refFile{Comment: "wrapped keys and small values", Vectors: append(vs, refused(small, cuts, why)...)}
	})
	for _, v := range f.Vectors {
		k, err := KeyFromBytes(unhex(v.Key))
		if err != nil {
			t.Fatal(err)
		}
		checkVector(t, v, func(sealed []byte) ([]byte, error) {
			if v.Name[0] == 's' {
				return OpenSmall(k, sealed, unhex(v.AAD))
			}
			inner, err := Unwrap(k, sealed, unhex(v.AAD))
			return inner.Bytes(), err
		})
	}
}

func TestVectorsReceipt(t *testing.T) {
	f := loadVectors(t, "receipt.json", func() refFile {
		priv := ed25519.NewKeyFromSeed(refSeed)
		pub := priv.Public().(ed25519.PublicKey)
		sum := sha256.Sum256(pub)
		digest := sha256.Sum256([]byte("envelope"))
		id := hex.EncodeToString(sum[:8])
		text := func(b []byte, s string) []byte { return append(append(b, 0, byte(len(s))), s...) }
		msg := text(text([]byte("clinivault/receipt/v1\x00"), testID), "PHOTO1")
		msg = binary.BigEndian.AppendUint64(append(msg, digest[:]...), 66000)
		msg = text(binary.BigEndian.AppendUint64(msg, 1795253462005), id) // 2026-11-21T09:31:02.005Z
		good := map[string]any{
			"capture_id": testID, "photo_id": "PHOTO1", "digest": hex.EncodeToString(digest[:]), "size": 66000,
			"received_at": "2026-11-21T09:31:02.005Z", "key_id": id, "signature": ed25519.Sign(priv, msg),
		}
		var out []json.RawMessage
		for _, size := range []int{66000, 66001, 65999} { // only the first is as signed
			good["size"] = size
			b, err := json.Marshal(good)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b)
		}
		return refFile{
			Comment: "receipts; only the first verifies",
			Given:   map[string]string{"public_key": hex.EncodeToString(pub), "signed": hex.EncodeToString(msg)}, Receipts: out,
		}
	})
	for i, raw := range f.Receipts {
		var r Receipt
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		err := VerifyReceipt(unhex(f.Given["public_key"]), r)
		if i == 0 {
			if err != nil {
				t.Errorf("the first receipt: %v", err)
			}
			if msg, err := r.signed(); err != nil || hex.EncodeToString(msg) != f.Given["signed"] {
				t.Errorf("signed bytes %x, %v; want %s", msg, err, f.Given["signed"])
			}
			continue
		}
		wantErr(t, err, ErrSignature)
	}
}
