package seal

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func sealTest(t testing.TB, p *IntakePrivate, pic []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := SealCapture(&out, bytes.NewReader(pic), p.Public(), testFacts()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCaptureRoundTrip(t *testing.T) {
	p := testIntake(t, 7)
	for _, n := range sizes {
		pic := payload(n)
		env := sealTest(t, p, pic)
		if got, err := SealedSize(testFacts(), int64(n)); err != nil || got != int64(len(env)) {
			t.Errorf("SealedSize of %d bytes = %d, %v; want %d", n, got, err, len(env))
		}
		var out bytes.Buffer
		f, err := OpenCapture(&out, iotest.HalfReader(bytes.NewReader(env)), only(p))
		if err != nil {
			t.Fatalf("OpenCapture of %d bytes: %v", n, err)
		}
		if f != testFacts() || !bytes.Equal(out.Bytes(), pic) {
			t.Errorf("%d bytes: facts %+v, same picture %v", n, f, bytes.Equal(out.Bytes(), pic))
		}
		f, err = OpenCaptureFacts(bytes.NewReader(env[:min(len(env), MaxCaptureHeader)]), only(p))
		if err != nil || f != testFacts() {
			t.Errorf("OpenCaptureFacts: %+v, %v", f, err)
		}
		head, err := ReadCaptureHead(bytes.NewReader(env))
		if want := (CaptureHead{Epoch: 7, KEM: KEMName, CaptureID: testID}); err != nil || head != want {
			t.Errorf("ReadCaptureHead: %+v, %v; want %+v", head, err, want)
		}
	}
}

func TestCaptureHidesEverything(t *testing.T) {
	p := testIntake(t, 1)
	pic := bytes.Repeat([]byte("PIXELS and pixels "), 9000)
	env, again := sealTest(t, p, pic), sealTest(t, p, pic)
	f := testFacts()
	for _, s := range []string{f.Patient, f.Author, f.Encounter, f.Note, f.BodySite, f.Device, "PIXELS", "image/jpeg", "left"} {
		if bytes.Contains(env, []byte(s)) {
			t.Errorf("%q is readable in the envelope", s)
		}
	}
	if bytes.Equal(env[captureFixed:captureFixed+100], again[captureFixed:captureFixed+100]) {
		t.Error("two envelopes share their wrapped key")
	}
	f.Note = ""
	var short bytes.Buffer
	if err := SealCapture(&short, bytes.NewReader(pic), p.Public(), f); err != nil {
		t.Fatal(err)
	}
	if short.Len() != len(env) {
		t.Errorf("a note of 36 bytes shows in the size: %d and %d", len(env), short.Len())
	}
}

func TestCaptureRefusesChanges(t *testing.T) {
	p, stranger := testIntake(t, 1), testIntake(t, 1)
	pic := payload(2*ChunkSize + 9)
	env, other := sealTest(t, p, pic), sealTest(t, p, pic)
	one, err := SealedSize(testFacts(), 1)
	if err != nil {
		t.Fatal(err)
	}
	h := int(one) - 1 - overhead // where the header ends
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	change := func(at int, b byte) []byte {
		c := bytes.Clone(env)
		c[at] ^= b
		return c
	}
	sealedFacts := captureFixed + 2 + wrappedKey
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrTruncated},
		{"magic alone", env[:8], ErrTruncated},
		{"header without its end", env[:h-1], ErrTruncated},
		{"header alone", env[:h], ErrTruncated},
		{"a stored object", join([]byte(objectMagic), env[8:]), ErrFormat},
		{"another version", change(5, 1), ErrFormat},
		{"epoch nobody has", change(8, 1), ErrEpoch},
		{"epoch zero", change(11, 1), ErrFormat},
		{"another capture ID", change(12, 1), ErrSealed},
		{"wrong size of wrapped key", change(captureFixed, 1), ErrFormat},
		{"wrapped key altered", change(captureFixed+2, 1), ErrSealed},
		{"facts claimed huge", change(sealedFacts, 0xff), ErrFormat},
		{"facts claimed empty", join(env[:sealedFacts], []byte{0, 0, 0, 28}, env[sealedFacts+4:]), ErrFormat},
		{"facts altered", change(sealedFacts+30, 1), ErrSealed},
		{"facts of another capture", join(env[:sealedFacts], other[sealedFacts:]), ErrSealed},
		{"header of another capture", join(other[:h], env[h:]), ErrSealed},
		{"first chunk altered", change(h+100, 1), ErrSealed},
		{"chunks swapped", join(env[:h], env[h+sealedChunk:h+2*sealedChunk], env[h:h+sealedChunk], env[h+2*sealedChunk:]), ErrSealed},
		{"cut at a chunk", env[:h+2*sealedChunk], ErrTruncated},
		{"a byte more", join(env, []byte{1}), ErrSealed},
		{"a byte after a full chunk", join(sealTest(t, p, pic[:ChunkSize]), []byte{1}), ErrTrailing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			f, err := OpenCapture(&out, bytes.NewReader(tt.in), only(p))
			wantErr(t, err, tt.want)
			wantPrefix(t, out.Bytes(), pic)
			if f != (CaptureFacts{}) {
				t.Error("got facts with an error")
			}
		})
	}
	t.Run("key of another vault", func(t *testing.T) {
		_, err := OpenCapture(io.Discard, bytes.NewReader(env), only(stranger))
		wantErr(t, err, ErrSealed)
	})
	t.Run("no key", func(t *testing.T) {
		_, err := OpenCapture(io.Discard, bytes.NewReader(env), func(uint32) (*IntakePrivate, error) { return nil, nil })
		wantErr(t, err, ErrEpoch)
		later, err := ParseIntakePrivate(append([]byte{intakeVersion, 0, 0, 0, 2}, refSeed...))
		if err != nil {
			t.Fatal(err)
		}
		_, err = OpenCapture(io.Discard, bytes.NewReader(env), func(uint32) (*IntakePrivate, error) { return later, nil })
		wantErr(t, err, ErrEpoch)
		boom := errors.New("boom")
		_, err = OpenCapture(io.Discard, bytes.NewReader(env), func(uint32) (*IntakePrivate, error) { return nil, boom })
		wantErr(t, err, boom)
	})
}

func TestCaptureHeaderEveryByte(t *testing.T) {
	p := testIntake(t, 1)
	env := sealTest(t, p, payload(10))
	for i := range env {
		env[i] ^= 0x10
		if _, err := OpenCapture(io.Discard, bytes.NewReader(env), only(p)); err == nil {
			t.Errorf("opened with byte %d altered", i)
		}
		env[i] ^= 0x10
	}
}

func TestSealCaptureRefuses(t *testing.T) {
	p, boom := testIntake(t, 1), errors.New("boom")
	facts := testFacts()
	facts.Laterality = "upper"
	wantErr(t, SealCapture(io.Discard, strings.NewReader("x"), p.Public(), facts), ErrFormat)
	if _, err := SealedSize(facts, 1); !errors.Is(err, ErrFormat) {
		t.Errorf("SealedSize of bad facts: %v", err)
	}
	wantErr(t, SealCapture(io.Discard, strings.NewReader(""), p.Public(), testFacts()), ErrFormat)
	wantErr(t, SealCapture(&fullWriter{5, boom}, strings.NewReader("x"), p.Public(), testFacts()), boom)
	wantErr(t, SealCapture(io.Discard, brokenReader{strings.NewReader("x"), boom}, p.Public(), testFacts()), boom)
	for name, to := range map[string]IntakePublic{
		"nothing":   {},
		"no epoch":  {Key: p.Public().Key},
		"cut key":   {Epoch: 1, Key: p.Public().Key[:100]},
		"wrong key": {Epoch: 1, Key: bytes.Repeat([]byte{0xff}, IntakePublicSize)},
	} {
		t.Run(name, func(t *testing.T) {
			wantErr(t, SealCapture(io.Discard, strings.NewReader("x"), to, testFacts()), ErrFormat)
		})
	}
}

func TestFactsInsideMustMatch(t *testing.T) {
	p := testIntake(t, 1)
	build := func(facts string) []byte {
		k := NewKey()
		h := append([]byte(encapsulations[0].magic), 0, 0, 0, 1)
		h = append(h, payload(captureID)...)
		wrapped, err := p.Public().wrapTo(k, bind(keyDomain, h))
		if err != nil {
			t.Fatal(err)
		}
		h = append(append(h, byte(len(wrapped)>>8), byte(len(wrapped))), wrapped...)
		sealed := k.aead().Seal(nil, nil, []byte(facts), bind(factsDomain, h))
		return append(append(h, 0, 0, byte(len(sealed)>>8), byte(len(sealed))), sealed...)
	}
	good, err := testFacts().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, facts := range map[string]string{"another capture": string(good), "not JSON": "facts", "empty object": "{}"} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenCaptureFacts(bytes.NewReader(build(facts)), only(p))
			wantErr(t, err, ErrFormat)
		})
	}
}

func TestIntakePrivate(t *testing.T) {
	p := testIntake(t, 9)
	raw, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseIntakePrivate(raw)
	if err != nil {
		t.Fatal(err)
	}
	if q.Epoch() != 9 || !bytes.Equal(q.Public().Key, p.Public().Key) || len(p.Public().Key) != IntakePublicSize {
		t.Error("the key changed on its way through MarshalBinary")
	}
	if _, err := OpenCapture(io.Discard, bytes.NewReader(sealTest(t, p, payload(50))), only(q)); err != nil {
		t.Errorf("opening with the parsed key: %v", err)
	}
	zero := bytes.Clone(raw)
	copy(zero[1:], make([]byte, 4))
	newer := bytes.Clone(raw)
	newer[0] = 2
	for name, in := range map[string][]byte{"nothing": nil, "cut": raw[:36], "long": append(bytes.Clone(raw), 0), "epoch 0": zero, "version 2": newer} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseIntakePrivate(in)
			wantErr(t, err, ErrFormat)
		})
	}
	_, err = NewIntake(0)
	wantErr(t, err, ErrFormat)
}
