package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestRedactAndVerify covers a region of a file that lies on its side, in both
// codings, and verifies the result with and without the original.
func TestRedactAndVerify(t *testing.T) {
	for name, picture := range map[string][]byte{
		"on its side":      tagged(t, 6, 160, 96),
		"on its side, odd": tagged(t, 6, 163, 101),
		"progressive":      progressive(t, vaulttest.Picture(t, 96, 160, 2)),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			in := b.put("in.jpg", picture)
			printed, said := b.wants(0, "redact", "--region", "face:10,100,40,130", in, "out.jpg", "--certificate", "cert.json",
				"--key", "key.pem", "--region", "drawn:60,20,61,21")
			got := lines[redacted](t, printed)[0]
			if got.Width > got.Height || len(got.Masked) != 2 || got.Masked[0].Y1 < 130 || got.Masked[0].Y0 > 100 || len(got.OriginalSalt) != 64 {
				t.Fatalf("printed %+v", got)
			}
			_, public, _ := strings.Cut(said, "verify-redaction --key: ")
			public, _, _ = strings.Cut(public, "\n")
			black(t, readFile(t, b.path("out.jpg")), got.Masked)
			for what, args := range map[string][]string{
				"alone":             nil,
				"with the key":      {"--key", public},
				"with the key file": {"--key", "key.pem"},
				"with the original": {"--original", in},
				"with all":          {"--original", in, "--salt", got.OriginalSalt, "--key", "key.pem"},
			} {
				out, _ := b.wants(0, append([]string{"verify-redaction", "out.jpg", "cert.json"}, args...)...)
				if !strings.HasSuffix(out, "VERIFIED\n") || strings.Contains(out, "pass --key") == slices.Contains(args, "--key") {
					t.Errorf("%s:\n%s", what, out)
				}
			}
			b.wants(0, "strip", in, "original.jpg")
			b.wants(0, "verify-redaction", "out.jpg", "cert.json", "--original", "original.jpg", "--salt", got.OriginalSalt)
		})
	}
}

// black fails the test unless the boxes of a picture, turned as its tag says, are black.
func black(t *testing.T, file []byte, boxes []imaging.Box) {
	t.Helper()
	s, err := imaging.Read(file, imaging.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	upright, err := imaging.Upright(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range boxes {
		for y := m.Y0; y < m.Y1; y++ {
			for x := m.X0; x < m.X1; x++ {
				if r, g, b, _ := upright.At(x, y).RGBA(); r>>8 > 3 || g>>8 > 3 || b>>8 > 3 {
					t.Fatalf("pixel %d,%d of mask %v is not black", x, y, m)
				}
			}
		}
	}
}

// TestVerifyRedactionRefuses spoils each part of a verification; the status is 2
// where something does not hold and 1 where nothing could be checked.
func TestVerifyRedactionRefuses(t *testing.T) {
	b := newBench(t)
	in := b.put("in.jpg", tagged(t, 1, 160, 96))
	other := b.put("other.jpg", tagged(t, 1, 176, 96))
	b.wants(0, "redact", in, "out.jpg", "--region", "face:10,10,40,40", "--certificate", "cert.json", "--key", "key.pem")
	printed, _ := b.wants(0, "redact", in, "second.jpg", "--region", "face:60,10,90,40", "--certificate", "second.json", "--key", "other.pem")
	wrongSalt := lines[redacted](t, printed)[0].OriginalSalt
	whole, text := readFile(t, b.path("out.jpg")), readFile(t, b.path("cert.json"))
	b.put("flipped.jpg", flip(whole, len(whole)/2))
	b.put("longer.jpg", append(slices.Clone(whole), 0))
	b.put("cut.jpg", whole[:len(whole)-9])
	b.put("altered.json", bytes.Replace(text, []byte(`"x0":0`), []byte(`"x0":8`), 1))
	b.put("nonsense.json", []byte("{}"))
	b.put("long.json", bytes.Repeat([]byte(" "), 2<<20))
	b.put("copied.jpg", readFile(t, b.path("second.jpg")))
	for _, tt := range []struct {
		name   string
		status int
		says   string
		args   []string
	}{
		{"a picture with a bit turned", 2, "not the one", []string{"flipped.jpg", "cert.json"}},
		{"a picture with a byte more", 2, "not the one", []string{"longer.jpg", "cert.json"}},
		{"a picture cut short", 2, "not the one", []string{"cut.jpg", "cert.json"}},
		{"another redaction of the picture", 2, "not the one", []string{"copied.jpg", "cert.json"}},
		{"the original for the redaction", 2, "not the one", []string{"in.jpg", "cert.json"}},
		{"a certificate altered", 2, "signature", []string{"out.jpg", "altered.json"}},
		{"no certificate", 2, "not a certificate", []string{"out.jpg", "nonsense.json"}},
		{"another's key", 2, "another key", []string{"out.jpg", "cert.json", "--key", "other.pem"}},
		{"another picture as original", 2, "compared with the original", []string{"out.jpg", "cert.json", "--original", other}},
		{"a redaction as original", 2, "compared with the original", []string{"out.jpg", "cert.json", "--original", "second.jpg"}},
		{"another's salt", 2, "salt", []string{"out.jpg", "cert.json", "--original", in, "--salt", wrongSalt}},
		{"a salt that is none", 2, "salt", []string{"out.jpg", "cert.json", "--original", in, "--salt", "x"}},
		{"an original that is no picture", 2, "cannot be read", []string{"out.jpg", "cert.json", "--original", "cert.json"}},
		{"a salt without original", 1, "--original", []string{"out.jpg", "cert.json", "--salt", wrongSalt}},
		{"no picture", 1, "reading the picture", []string{"absent.jpg", "cert.json"}},
		{"no certificate file", 1, "reading the certificate", []string{"out.jpg", "absent.json"}},
		{"a certificate too long", 1, "reading the certificate", []string{"out.jpg", "long.json"}},
		{"a key that is none", 1, "no Ed25519 key", []string{"out.jpg", "cert.json", "--key", "x"}},
		{"a picture as key", 1, "PEM", []string{"out.jpg", "cert.json", "--key", "out.jpg"}},
		{"one name", 1, "name the picture", []string{"out.jpg"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs := b.wants(tt.status, append([]string{"verify-redaction"}, tt.args...)...)
			if strings.Contains(out, "\nVERIFIED") || !strings.Contains(errs, tt.says) || strings.Contains(errs, "NOT VERIFIED") != (tt.status == 2) {
				t.Errorf("printed %q and %q, want %q", out, errs, tt.says)
			}
		})
	}
}

// TestVerifyRedactionLooksItself: a certificate can be signed by whoever likes; what it says of the picture is checked.
func TestVerifyRedactionLooksItself(t *testing.T) {
	b := newBench(t)
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := imaging.Read(vaulttest.Picture(t, 160, 96, 5), imaging.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for name, masked := range map[string][]imaging.Box{
		"a mask that is not there": {{X0: 0, Y0: 0, X1: 32, Y1: 32}},
		"a mask beyond":            {{X0: 0, Y0: 0, X1: 320, Y1: 320}},
		"a mask of half units":     {{X0: 1, Y0: 1, X1: 31, Y1: 31}},
	} {
		text, _, err := vault.CertifyRedaction(key, s.Bytes(), &imaging.Redacted{Still: s, Masked: masked}, nil, vault.TimeOf(vaulttest.Start))
		if err != nil {
			t.Fatal(err)
		}
		_, errs := b.wants(2, "verify-redaction", b.put("open.jpg", s.Bytes()), b.put("cert.json", text))
		if !strings.Contains(errs, "the masks do not hold") {
			t.Errorf("%s: %q", name, errs)
		}
	}
}

func flip(b []byte, at int) []byte {
	out := slices.Clone(b)
	out[at] ^= 1
	return out
}

// TestVerifyReleased checks the published vector: a picture that a vault
// released, with its certificate and the proof from the log.
func TestVerifyReleased(t *testing.T) {
	b := newBench(t)
	dir, err := filepath.Abs(filepath.Join("..", "..", "vault", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Key         string          `json:"key"`
		LogVerifier string          `json:"log_verifier"`
		Salt        string          `json:"original_salt"`
		Certificate json.RawMessage `json:"certificate"`
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "certificate.json")), &v); err != nil {
		t.Fatal(err)
	}
	picture, original := filepath.Join(dir, "certificate-redacted.jpg"), filepath.Join(dir, "certificate-original.jpg")
	b.put("cert.json", v.Certificate) // laid out over many lines
	out, _ := b.wants(0, "verify-redaction", picture, "cert.json", "--key", v.Key, "--log-key", v.LogVerifier, "--original", original, "--salt", v.Salt)
	if strings.Contains(out, "note") || !strings.Contains(out, "event") || !strings.Contains(out, "clinivault/main") {
		t.Errorf("with everything:\n%s", out)
	}
	published := b.put("keys.json", []byte(`{"log_verifier": "`+v.LogVerifier+`", "certificates": [{"key_id": "", "public_key": "`+v.Key+`"}]}`))
	if out, _ = b.wants(0, "verify-redaction", picture, "cert.json", "--keys", published); strings.Contains(out, "pass --key") {
		t.Errorf("with the published keys:\n%s", out)
	}
	b.wants(1, "verify-redaction", picture, "cert.json", "--keys", published, "--key", v.Key)
	b.wants(1, "verify-redaction", picture, "cert.json", "--keys", "cert.json")
	other := b.put("other.json", bytes.Replace(readFile(t, filepath.Join(b.dir, "keys.json")), []byte(v.Key), []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), 1))
	b.wants(2, "verify-redaction", picture, "cert.json", "--keys", other)
	out, _ = b.wants(0, "verify-redaction", picture, "cert.json")
	if !strings.Contains(out, "pass --key") || !strings.Contains(out, "--log-key") {
		t.Errorf("with its own keys:\n%s", out)
	}
	for what, text := range map[string][]byte{
		"an entry rewritten":   bytes.Replace(v.Certificate, []byte("review.approve"), []byte("review.reject!"), 1),
		"a place moved":        bytes.Replace(v.Certificate, []byte(`"seq": `), []byte(`"seq": 1`), 1),
		"a checkpoint altered": bytes.Replace(v.Certificate, []byte(`clinivault/main\n`), []byte(`clinivault/mais\n`), 1),
	} {
		if bytes.Equal(text, v.Certificate) {
			t.Fatalf("%s: the vector has no such text", what)
		}
		if _, errs := b.wants(2, "verify-redaction", picture, b.put("bad.json", text)); !strings.Contains(errs, "NOT VERIFIED") {
			t.Errorf("%s: %q", what, errs)
		}
	}
}

func TestRedactRefuses(t *testing.T) {
	b := newBench(t)
	in := b.put("in.jpg", tagged(t, 1, 160, 96))
	b.put("there.json", []byte("mine"))
	b.put("open.pem", []byte("x"))
	if err := os.Chmod(b.path("open.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.put("odd.pem", []byte("no key"))
	for _, tt := range []struct {
		name   string
		status int
		says   string
		args   []string
	}{
		{"no region", 1, "--region", nil},
		{"a kind that is none", 1, "face, tattoo, text or drawn", []string{"--region", "nose:0,0,8,8"}},
		{"three corners", 1, "x0", []string{"--region", "face:0,0,8"}},
		{"words", 1, "whole numbers", []string{"--region", "face:a,b,c,d"}},
		{"no size", 1, "x0 < x1", []string{"--region", "face:8,0,8,8"}},
		{"below zero", 1, "none below 0", []string{"--region", "face:-8,0,8,8"}},
		{"beyond the picture", 1, "160 × 96", []string{"--region", "face:0,0,161,8"}},
		{"certificate without key", 1, "go together", []string{"--region", "face:0,0,8,8", "--certificate", "c.json"}},
		{"key without certificate", 1, "go together", []string{"--region", "face:0,0,8,8", "--key", "k.pem"}},
		{"certificate that is there", 1, "--force", []string{"--region", "face:0,0,8,8", "--certificate", "there.json", "--key", "k.pem"}},
		{"certificate nowhere", 1, "writing", []string{"--region", "face:0,0,8,8", "--certificate", "absent/c.json", "--key", "k.pem"}},
		{"key that others can read", 1, "chmod 600", []string{"--region", "face:0,0,8,8", "--certificate", "c.json", "--key", "open.pem"}},
		{"key that is none", 1, "PEM", []string{"--region", "face:0,0,8,8", "--certificate", "c.json", "--key", "odd.pem"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, errs := b.wants(tt.status, append([]string{"redact", in, "out.jpg"}, tt.args...)...)
			if !strings.Contains(errs, tt.says) || slices.Contains(b.files(), "out.jpg") || string(readFile(t, b.path("there.json"))) != "mine" {
				t.Errorf("said %q with files %v, want %q and no out.jpg", errs, b.files(), tt.says)
			}
		})
	}
	b.wants(2, "redact", b.put("x.gif", []byte("GIF89a\x01\x00\x01\x00")), "out.jpg", "--region", "face:0,0,8,8")
}

// TestRedactFolder covers the same corner of several pictures.
func TestRedactFolder(t *testing.T) {
	b := newBench(t)
	b.put("in/a.jpg", tagged(t, 1, 64, 48))
	b.put("in/sub/b.png", pngPicture(t))
	b.wants(0, "redact", "in", "out", "--margin", "--region", "face:8,8,16,16", "--certificate", "certs", "--key", "key.pem")
	for _, c := range []struct{ in, out string }{{"in/a.jpg", "a.jpg"}, {"in/sub/b.png", "sub/b.png.jpg"}} {
		out, _ := b.wants(0, "verify-redaction", "out/"+c.out, "certs/"+c.out+".json", "--original", c.in, "--key", "key.pem")
		if !strings.Contains(out, "VERIFIED") {
			t.Errorf("%s: %s", c.in, out)
		}
	}
}

// TestRedactSaysWhatIsStillSeen leaves a face open.
func TestRedactSaysWhatIsStillSeen(t *testing.T) {
	b := newBench(t)
	printed, errs := b.wants(0, "redact", b.put("in.jpg", photograph(t)), "out.jpg", "--region", "drawn:0,0,8,8", "--certificate", "c.json", "--key", "k.pem")
	got := lines[redacted](t, printed)[0]
	if len(got.Residual) == 0 || !strings.Contains(errs, "still see something") {
		t.Fatalf("printed %+v and %q, want the face", got, errs)
	}
	if out, _ := b.wants(0, "verify-redaction", "out.jpg", "c.json"); !strings.Contains(out, "still see something") {
		t.Errorf("verified without a word of the face:\n%s", out)
	}
}

// TestSigningKeys reads keys in each form that a person may have them.
func TestSigningKeys(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	path := filepath.Join(dir, "key.pem")
	key, err := signingKey(path, &said)
	if err != nil {
		t.Fatal(err)
	}
	again, err := signingKey(path, &said)
	if err != nil || !again.Equal(key) || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("read again: %v, said %q", err, said.String())
	}
	public := key.Public().(ed25519.PublicKey)
	for name, text := range map[string]string{
		"base64": base64.StdEncoding.EncodeToString(public), "hexadecimal": hex.EncodeToString(public), "private PEM": path,
	} {
		if got, err := publicKey(text); err != nil || !got.Equal(public) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if openssl, err := exec.LookPath("openssl"); err == nil { // another program's files
		for _, args := range [][]string{
			{"pkey", "-in", path, "-pubout", "-out", filepath.Join(dir, "public.pem")},
			{"genpkey", "-algorithm", "ed25519", "-out", filepath.Join(dir, "theirs.pem")},
		} {
			if out, err := exec.CommandContext(t.Context(), openssl, args...).CombinedOutput(); err != nil {
				t.Fatalf("openssl %v: %v: %s", args, err, out)
			}
		}
		if got, err := publicKey(filepath.Join(dir, "public.pem")); err != nil || !got.Equal(public) {
			t.Errorf("public half by openssl: %v", err)
		}
		if err := os.Chmod(filepath.Join(dir, "theirs.pem"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := signingKey(filepath.Join(dir, "theirs.pem"), &said); err != nil {
			t.Errorf("key by openssl: %v", err)
		}
	}
}
