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

// TestPoolProve looks again with a real child: at faces left open, and at the same picture with all covered.
func TestPoolProve(t *testing.T) {
	s := mustRead(t, moduleSample(t))
	p := children(t, "child", nil)
	found, err := Detect(s)
	if err != nil || len(found) == 0 {
		t.Fatalf("%d faces, %v, want some", len(found), err)
	}
	residual, err := p.Prove(t.Context(), s.data, s.data, nil)
	if err != nil || !slices.Equal(residual, found) {
		t.Errorf("nothing covered: still seen %d, %v, want the %d found before", len(residual), err, len(found))
	}
	redacted, masked, err := Redact(s, found)
	if err != nil {
		t.Fatal(err)
	}
	residual, err = p.Prove(t.Context(), s.data, redacted.data, masked)
	if err != nil || len(residual) != 0 {
		t.Errorf("all covered: still seen %v, %v, want nothing", residual, err)
	}
	if _, err := p.Prove(t.Context(), s.data, s.data, masked); !errors.Is(err, ErrProof) {
		t.Errorf("masks that are not there: got %v, want %v", err, ErrProof)
	}
	if _, err := children(t, "child-bigbox", nil).Prove(t.Context(), s.data, redacted.data, masked); !errors.Is(err, ErrChild) {
		t.Errorf("a child that lies: got %v, want %v", err, ErrChild)
	}
}

// TestThresholds wants each search's least score to be what its weakest hit would get.
func TestThresholds(t *testing.T) {
	got := Thresholds()
	if len(got) != 2 || got["face"] != 0.167 || got["face_tilted"] != 0.265 {
		t.Errorf("thresholds %v, want 0.167 upright and 0.265 tilted", got)
	}
}
