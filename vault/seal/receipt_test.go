package seal

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func testReceipt(t testing.TB) (ed25519.PublicKey, Receipt) {
	t.Helper()
	priv := ed25519.NewKeyFromSeed(payload(32))
	r := SignReceipt(priv, "", Receipt{
		CaptureID: testID, PhotoID: "PHOTOAAAAAAAAAAAAAAAAAAAAA", Digest: strings.Repeat("ab", 32), Size: 123456,
		ReceivedAt: time.Date(2026, 11, 21, 9, 31, 2, 5e6+789, time.UTC),
	})
	return priv.Public().(ed25519.PublicKey), r
}

func TestReceipt(t *testing.T) {
	pub, r := testReceipt(t)
	if err := VerifyReceipt(pub, r); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Receipt
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if err := VerifyReceipt(pub, back); err != nil {
		t.Errorf("after JSON: %v", err)
	}
	if !strings.Contains(string(b), `"received_at":"2026-11-21T09:31:02.005Z"`) {
		t.Errorf("got %s", b)
	}
	change := map[string]struct {
		set  func(*Receipt)
		want error
	}{
		"capture":         {func(r *Receipt) { r.CaptureID = "f" + testID[1:] }, ErrSignature},
		"photo":           {func(r *Receipt) { r.PhotoID = "PHOTOB" }, ErrSignature},
		"digest":          {func(r *Receipt) { r.Digest = strings.Repeat("ac", 32) }, ErrSignature},
		"size":            {func(r *Receipt) { r.Size++ }, ErrSignature},
		"time":            {func(r *Receipt) { r.ReceivedAt = r.ReceivedAt.Add(time.Millisecond) }, ErrSignature},
		"key ID":          {func(r *Receipt) { r.KeyID = strings.Repeat("0", 16) }, ErrSignature},
		"signature":       {func(r *Receipt) { r.Signature = make([]byte, 64) }, ErrSignature},
		"no signature":    {func(r *Receipt) { r.Signature = nil }, ErrSignature},
		"upper-case sum":  {func(r *Receipt) { r.Digest = strings.ToUpper(r.Digest) }, ErrFormat},
		"no capture":      {func(r *Receipt) { r.CaptureID = "" }, ErrFormat},
		"no photo":        {func(r *Receipt) { r.PhotoID = "" }, ErrFormat},
		"no size":         {func(r *Receipt) { r.Size = 0 }, ErrFormat},
		"no time":         {func(r *Receipt) { r.ReceivedAt = time.Time{} }, ErrFormat},
		"no key ID":       {func(r *Receipt) { r.KeyID = "" }, ErrFormat},
		"half the digest": {func(r *Receipt) { r.Digest = r.Digest[:32] }, ErrFormat},
	}
	for name, c := range change {
		t.Run(name, func(t *testing.T) {
			r := r
			c.set(&r)
			wantErr(t, VerifyReceipt(pub, r), c.want)
		})
	}
	other := ed25519.NewKeyFromSeed(payload(33)[:32]).Public().(ed25519.PublicKey)
	wantErr(t, VerifyReceipt(other, r), ErrSignature)
	t.Run("signed under another key's ID", func(t *testing.T) {
		r := r
		r.KeyID = KeyID(other)
		msg, err := r.signed()
		if err != nil {
			t.Fatal(err)
		}
		r.Signature = ed25519.Sign(ed25519.NewKeyFromSeed(payload(32)), msg)
		wantErr(t, VerifyReceipt(pub, r), ErrSignature)
	})
	wantErr(t, VerifyReceipt(nil, r), ErrFormat)
}

func TestReceiptJSONIsStrict(t *testing.T) {
	_, r := testReceipt(t)
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, in := range map[string]string{
		"unknown field": strings.Replace(good, `"size"`, `"more":1,"size"`, 1),
		"missing field": strings.Replace(good, `"size":123456,`, ``, 1),
		"doubled":       strings.Replace(good, `"size"`, `"size":1,"size"`, 1),
		"size as text":  strings.Replace(good, `123456`, `"123456"`, 1),
		"bad time":      strings.Replace(good, `.005Z`, `Z`, 1),
		"bad base64":    strings.Replace(good, `==`, `=`, 1),
		"loose base64":  loosen(good),
		"long":          "{" + strings.Repeat(" ", maxReceipt) + good[1:],
		"list":          `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			if in == good {
				t.Fatal("nothing was changed")
			}
			var r Receipt
			if err := json.Unmarshal([]byte(in), &r); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func TestSignReceiptPanicsOnImpossible(t *testing.T) {
	priv := ed25519.NewKeyFromSeed(payload(32))
	_, r := testReceipt(t)
	for name, f := range map[string]func(){
		"empty":            func() { SignReceipt(priv, "", Receipt{}) },
		"another key's ID": func() { SignReceipt(priv, strings.Repeat("0", 16), r) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			f()
		})
	}
	if got := SignReceipt(priv, r.KeyID, r); got.KeyID != r.KeyID || string(got.Signature) != string(r.Signature) {
		t.Error("signing again gave another receipt")
	}
}

// loosen sets bits of the signature's last base64 digit that say nothing.
func loosen(receipt string) string {
	at := strings.LastIndex(receipt, `=="`) - 1
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return receipt[:at] + string(digits[strings.IndexByte(digits, receipt[at])|1]) + receipt[at+1:]
}
