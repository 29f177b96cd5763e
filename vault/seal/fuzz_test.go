package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
)

// known fails unless err is nil or one that the package promises for bad input.
func known(t *testing.T, err error) {
	t.Helper()
	for _, want := range []error{nil, ErrSealed, ErrTruncated, ErrTrailing, ErrFormat, ErrEpoch} {
		if errors.Is(err, want) {
			return
		}
	}
	t.Errorf("got an error outside the package's own: %v", err)
}

func seeds(f *testing.F, file string) (vs []refVector) {
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		f.Fatal(err)
	}
	var all refFile
	if err := json.Unmarshal(b, &all); err != nil {
		f.Fatal(err)
	}
	for _, v := range all.Vectors {
		if v.File == "" {
			f.Add(unhex(v.Sealed))
		}
	}
	return all.Vectors
}

func FuzzOpenCapture(f *testing.F) {
	seeds(f, "capture.json")
	p, err := ParseIntakePrivate(append([]byte{1, 0, 0, 0, 1}, refSeed...))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := OpenCapture(io.Discard, bytes.NewReader(b), only(p))
		known(t, err)
		_, headErr := ReadCaptureHead(bytes.NewReader(b))
		known(t, headErr)
		if err == nil && headErr != nil {
			t.Errorf("opens, but its head does not read: %v", headErr)
		}
	})
}

func FuzzOpenObject(f *testing.F) {
	k, err := KeyFromBytes(unhex(seeds(f, "object.json")[0].Key))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := OpenBytes(b, k, refBinding)
		known(t, err)
	})
}

func FuzzOpenSmall(f *testing.F) {
	k, err := KeyFromBytes(unhex(seeds(f, "small.json")[0].Key))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := OpenSmall(k, b, nil)
		known(t, err)
		_, err = Unwrap(k, b, nil)
		known(t, err)
		_, err = ParseIntakePrivate(b)
		known(t, err)
	})
}

func FuzzParseFacts(f *testing.F) {
	good, err := testFacts().MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"capture_id":"x","consent":{"record":true}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := ParseFacts(b)
		known(t, err)
		if err != nil {
			return
		}
		again, err := facts.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > MaxFacts {
			return // shorter escapes were used on the way in
		}
		if back, err := ParseFacts(again); err != nil || back != facts {
			t.Errorf("facts changed on their way: %v", err)
		}
	})
}

func FuzzReceipt(f *testing.F) {
	pub, r := testReceipt(f)
	good, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Receipt
		if got.UnmarshalJSON(b) == nil && VerifyReceipt(pub, got) == nil && (got.Size != r.Size || got.PhotoID != r.PhotoID) {
			t.Error("another receipt verified")
		}
	})
}
