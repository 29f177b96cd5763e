package seal

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"testing"
)

// benchPhoto is the size of a 12-megapixel JPEG, in whole MB so that MB/s reads as per MB.
const benchPhoto = 4 << 20

func BenchmarkSealCapture(b *testing.B) {
	p, pic := testIntake(b, 1), payload(benchPhoto)
	b.SetBytes(benchPhoto)
	for b.Loop() {
		if err := SealCapture(io.Discard, bytes.NewReader(pic), p.Public(), testFacts()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenCapture(b *testing.B) {
	p := testIntake(b, 1)
	env := sealTest(b, p, payload(benchPhoto))
	b.SetBytes(benchPhoto)
	for b.Loop() {
		if _, err := OpenCapture(io.Discard, bytes.NewReader(env), only(p)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealObject(b *testing.B) {
	k, pic := NewKey(), payload(benchPhoto)
	b.SetBytes(benchPhoto)
	for b.Loop() {
		if err := SealObject(io.Discard, bytes.NewReader(pic), k, testBinding); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenObject(b *testing.B) {
	k := NewKey()
	sealed, err := SealBytes(payload(benchPhoto), k, testBinding)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchPhoto)
	for b.Loop() {
		if err := OpenObject(io.Discard, bytes.NewReader(sealed), k, testBinding); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewCaptureHeader(b *testing.B) {
	p := testIntake(b, 1)
	for b.Loop() {
		if _, _, err := NewCaptureHeader(p.Public(), testFacts()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrap(b *testing.B) {
	kek, k := NewKey(), NewKey()
	for b.Loop() {
		Wrap(kek, k, nil)
	}
}

// TestFIPSOnly runs the round trips in a process in which the standard library refuses everything but FIPS 140-3.
func TestFIPSOnly(t *testing.T) {
	if os.Getenv("GODEBUG") == "fips140=only" {
		t.Skip("already there")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=RoundTrip$|^TestWrap$|^TestSmall$|^TestIntakePrivate$|^TestReceipt$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in FIPS mode: %v\n%s", err, out)
	}
	for _, want := range []string{"--- PASS: TestCaptureRoundTrip", "--- PASS: TestObjectRoundTrip", "--- PASS: TestReceipt"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("in FIPS mode there was no %q", want)
		}
	}
}
