package imaging

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// leafSteps is how finely leaves are kept, to each side of zero: finer ones compress badly.
const leafSteps = 31

var update = flag.Bool("update", false, "write the files that tests compare with")

// packForest writes the first trees of a cascade for pigo as a forest. The last of them must have a threshold of its own.
func packForest(t *testing.T, file []byte, trees int) []byte {
	t.Helper()
	depth := binary.LittleEndian.Uint32(file[8:])
	file = file[16:]
	var tests, leaves, units, least []byte
	for range trees {
		n := 4 * (1<<depth - 1)
		tests, file = append(tests, file[:n]...), file[n:]
		values := make([]float32, 1<<depth)
		var most float64
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(file[4*i:]))
			most = max(most, math.Abs(float64(values[i])))
		}
		unit := float32(most / leafSteps)
		for _, v := range values {
			leaves = append(leaves, byte(int8(math.Round(float64(v/unit)))))
		}
		units = binary.LittleEndian.AppendUint32(units, math.Float32bits(unit))
		least = append(least, file[4<<depth:][:4]...)
		file = file[4<<depth+4:]
	}
	out := binary.LittleEndian.AppendUint16([]byte{forestVersion, byte(depth)}, uint16(trees))
	return bytes.Join([][]byte{out, tests, leaves, units, least}, nil)
}

// TestForests wants each embedded forest to be the cascade that it stands for: its first trees, which
// find what all of them find, and some more.
func TestForests(t *testing.T) {
	for _, tc := range []struct {
		name   string
		whole  *model
		file   []byte
		packed []byte
		trees  int
	}{
		{"facefinder", facefinder, facefinderFile, liveFaceFile, 308},
		{"eye", oneEye, eyeFile, liveEyeFile, 300},
		{"tattoo", tattooModel, tattooCascade, liveTattooFile, 450},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := packForest(t, tc.file, tc.trees)
			if *update {
				if err := os.WriteFile(filepath.Join("cascade", "live-"+tc.name), want, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(tc.packed, want) {
				t.Fatal("not what the cascade packs to; run this test with -update")
			}
			f, err := readForest(tc.packed)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := tc.whole.unpack()
			if err != nil {
				t.Fatal(err)
			}
			gray := lumaOf(face(t))
			key := func(h hit) [3]float64 { return [3]float64{h.x, h.y, h.side} }
			got := map[[3]float64]float64{}
			for _, h := range f.windows(gray, 24, 200, 0.04, 1.05) {
				got[key(h)] = h.q
			}
			all, kept := whole.windows(gray, 24, 200, 0.04, 1.05), 0
			for _, h := range all {
				if got[key(h)] > 0 {
					kept++
				}
			}
			if tc.name != "tattoo" && len(all) < 10 || 100*kept < 95*len(all) {
				t.Errorf("of %d windows of the cascade the forest finds %d, among %d", len(all), kept, len(got))
			}
		})
	}
}

// TestReadForestRefuses wants every cut and many changed files refused or read, never more.
func TestReadForestRefuses(t *testing.T) {
	small := packForest(t, facefinderFile, 308)
	for _, n := range []int{0, 1, 3, 4, 5, len(small) / 2, len(small) - 1} {
		if _, err := readForest(small[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a forest", n, len(small))
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		bad := bytes.Clone(small)
		bad[rng.IntN(4)] = byte(rng.UintN(256))
		if f, err := readForest(bad); err == nil && !bytes.Equal(bad, small) {
			t.Errorf("a changed head %x is read as %d trees", bad[:4], len(f.least))
		}
	}
}
