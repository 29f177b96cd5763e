//go:build !js

package imaging

import (
	"errors"
	"slices"
	"testing"
)

// TestProveFiles spoils a proved redaction in each way that a proof must notice.
func TestProveFiles(t *testing.T) {
	s := mustRead(t, photo(t, 160, 120))
	redacted, masked, err := Redact(s, []Region{person(40, 40, 90, 80)})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, _, err := Redact(s, []Region{person(40, 40, 90, 80), person(0, 0, 9, 9)})
	if err != nil {
		t.Fatal(err)
	}
	other := mustRead(t, photo(t, 176, 120))
	dirty := slices.Concat(redacted.data[:2], []byte{0xff, markCOM, 0, 6, 'h', 'a', 'h', 'a'}, redacted.data[2:])
	for _, tt := range []struct {
		name                string
		original, file      []byte
		masked              []Box
		want, wantMaskAlone error
	}{
		{"as it should be", s.data, redacted.data, masked, nil, nil},
		{"nothing masked", s.data, s.data, masked, ErrProof, ErrProof},
		{"a mask not told", s.data, redacted.data, nil, ErrProof, nil},
		{"more masked than told", s.data, elsewhere.data, masked, ErrProof, nil},
		{"a mask of half units", s.data, redacted.data, []Box{{masked[0].X0 + 1, masked[0].Y0, masked[0].X1, masked[0].Y1}}, ErrProof, ErrProof},
		{"a mask beyond the picture", s.data, redacted.data, []Box{{0, 0, 4096, 4096}}, ErrProof, ErrProof},
		{"an empty mask", s.data, redacted.data, []Box{{}}, ErrProof, ErrProof},
		{"another original", other.data, redacted.data, masked, ErrProof, nil},
		{"a comment", s.data, dirty, masked, ErrProof, ErrProof},
		{"no file", s.data, nil, masked, ErrProof, ErrProof},
		{"no original", nil, redacted.data, masked, ErrProof, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := ProveFiles(tt.original, tt.file, tt.masked); !errors.Is(err, tt.want) {
				t.Errorf("ProveFiles: got %v, want %v", err, tt.want)
			}
			if err := ProveMasked(tt.file, tt.masked); !errors.Is(err, tt.wantMaskAlone) {
				t.Errorf("ProveMasked: got %v, want %v", err, tt.wantMaskAlone)
			}
		})
	}
}

// TestProveBack wants what came back to be what was covered, and proved.
func TestProveBack(t *testing.T) {
	s := mustRead(t, moduleSample(t))
	one := Region{Kind: KindDrawn, Box: Box{64, 64, 128, 128}, Source: SourcePerson}
	two := Region{Kind: KindDrawn, Box: Box{160, 160, 192, 192}, Source: SourcePerson}
	redacted, masked, err := Redact(s, []Region{one})
	if err != nil {
		t.Fatal(err)
	}
	more, _, err := Redact(s, []Region{one, two})
	if err != nil {
		t.Fatal(err)
	}
	good := &Redacted{Still: redacted, Masked: masked}
	for _, tt := range []struct {
		name     string
		r        *Redacted
		original []byte
		back     []byte
		want     error
	}{
		{"as covered", good, s.data, redacted.data, nil},
		{"the original", good, s.data, s.data, ErrProof},
		{"covered otherwise", good, s.data, more.data, ErrProof},
		{"nothing", good, s.data, nil, ErrProof},
		{"masks that are not there", &Redacted{Still: s, Masked: masked}, s.data, s.data, ErrProof},
		{"of another original", good, more.data, redacted.data, ErrProof},
		{"no result", &Redacted{}, s.data, nil, ErrProof},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.r.ProveBack(tt.original, tt.back); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestThresholds wants a threshold for each kind that is looked for, under which a proposal is faint.
func TestThresholds(t *testing.T) {
	got := Thresholds()
	for _, kind := range []Kind{KindFace, KindTattoo, KindText} {
		if v, ok := got[string(kind)]; !ok || v <= 0 || v >= FaintScore {
			t.Errorf("%s: got %v, want more than 0 and less than %v", kind, v, FaintScore)
		}
	}
	if len(got) != 3 || got["face"] != 0.305 {
		t.Errorf("thresholds %v, want three, and 0.305 for a face", got)
	}
}
