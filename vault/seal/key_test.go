package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	kek, k, aad := NewKey(), NewKey(), []byte("patient 1")
	w := Wrap(kek, k, aad)
	if len(w) != WrappedSize {
		t.Fatalf("wrapped key has %d bytes, want %d", len(w), WrappedSize)
	}
	if bytes.Equal(w, Wrap(kek, k, aad)) {
		t.Error("wrapping twice gave the same bytes: the nonce is not random")
	}
	got, err := Unwrap(kek, w, aad)
	if err != nil || got != k {
		t.Fatalf("Unwrap: error %v, same key %v", err, got == k)
	}
	flipped := bytes.Clone(w)
	flipped[20] ^= 1
	newer := bytes.Clone(w)
	newer[0] = 2
	tests := []struct {
		name string
		kek  Key
		in   []byte
		aad  string
		want error
	}{
		{"another key", NewKey(), w, "patient 1", ErrSealed},
		{"zero key", Key{}, w, "patient 1", ErrSealed},
		{"another patient", kek, w, "patient 2", ErrSealed},
		{"a flipped bit", kek, flipped, "patient 1", ErrSealed},
		{"another version", kek, newer, "patient 1", ErrFormat},
		{"cut", kek, w[:len(w)-1], "patient 1", ErrFormat},
		{"nothing", kek, nil, "patient 1", ErrFormat},
		{"a small value", kek, SealSmall(kek, k.Bytes(), aad), "patient 1", ErrSealed},
		{"a wrapped zero key", kek, sealShort(kek, wrapDomain, make([]byte, 32), aad), "patient 1", ErrFormat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Unwrap(tt.kek, tt.in, []byte(tt.aad))
			wantErr(t, err, tt.want)
			if !got.IsZero() {
				t.Error("got a key with an error")
			}
		})
	}
}

func TestSmall(t *testing.T) {
	k := NewKey()
	for _, plain := range []string{"", "x", strings.Repeat("facts ", 1000)} {
		sealed := SealSmall(k, []byte(plain), []byte("row"))
		if len(sealed) != len(plain)+SmallOverhead {
			t.Errorf("%d bytes became %d, want %d more", len(plain), len(sealed), SmallOverhead)
		}
		got, err := OpenSmall(k, sealed, []byte("row"))
		if err != nil || string(got) != plain {
			t.Errorf("%d bytes came back as %d, error %v", len(plain), len(got), err)
		}
		_, err = OpenSmall(k, sealed, []byte("other row"))
		wantErr(t, err, ErrSealed)
		_, err = OpenSmall(NewKey(), sealed, []byte("row"))
		wantErr(t, err, ErrSealed)
		_, err = OpenSmall(k, sealed[:SmallOverhead-1], []byte("row"))
		wantErr(t, err, ErrTruncated)
		sealed[0] = 9
		_, err = OpenSmall(k, sealed, []byte("row"))
		wantErr(t, err, ErrFormat)
	}
	w := Wrap(k, NewKey(), []byte("row"))
	_, err := OpenSmall(k, w, []byte("row"))
	wantErr(t, err, ErrSealed)
}

func TestKeyFromBytes(t *testing.T) {
	k := NewKey()
	got, err := KeyFromBytes(k.Bytes())
	if err != nil || got != k {
		t.Errorf("a key's bytes did not give it back: %v", err)
	}
	for _, b := range [][]byte{nil, make([]byte, 31), make([]byte, 33), make([]byte, 32)} {
		_, err := KeyFromBytes(b)
		wantErr(t, err, ErrFormat)
	}
	b := k.Bytes()
	clear(b)
	if k.IsZero() {
		t.Error("Bytes gave the key's own memory")
	}
	k.Wipe()
	if !k.IsZero() {
		t.Error("Wipe left something")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	k, p := NewKey(), testIntake(t, 1)
	raw, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("keys", "key", k, "pointer", &k, "intake", p)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
		fmt.Fprintf(&out, verb+"|"+verb+"|"+verb+"\n", k, &k, p)
		fmt.Fprintf(&out, verb+"\n", struct {
			K Key
			P *IntakePrivate
		}{k, p})
	}
	for _, secret := range [][]byte{k.b[:], raw[5:]} {
		for _, form := range []string{hex.EncodeToString(secret[:6]), fmt.Sprint(secret[:6])[1:], string(secret[:6])} {
			if strings.Contains(strings.ToLower(out.String()), strings.TrimSuffix(form, "]")) {
				t.Error("a secret was printed")
			}
		}
	}
	if n := strings.Count(out.String(), redacted); n < 40 {
		t.Errorf("[redacted] printed %d times, want at least 40", n)
	}
	if k.String() != redacted || k.GoString() != redacted || p.String() != redacted || p.GoString() != redacted {
		t.Error("String and GoString must give [redacted]")
	}
	for _, v := range []any{k, &k, p, map[string]any{"k": k}} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("a secret became %d bytes of JSON", len(b))
		}
	}
}

func TestSealingWithZeroKeyPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"wrap under":  func() { Wrap(Key{}, NewKey(), nil) },
		"wrap it":     func() { Wrap(NewKey(), Key{}, nil) },
		"small value": func() { SealSmall(Key{}, nil, nil) },
		"object":      func() { SealBytes([]byte("x"), Key{}, testBinding) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "seal: ") {
					t.Errorf("got panic %v, want one of this package", r)
				}
			}()
			f()
		})
	}
}
