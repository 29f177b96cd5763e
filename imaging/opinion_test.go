package imaging

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"strings"
	"testing"
)

// The few messages of ONNX that a network of convolutions takes, written by hand.
func onnxBytes(to []byte, number int, b []byte) []byte {
	to = binary.AppendUvarint(to, uint64(number<<3|2))
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}

func onnxNumber(to []byte, number int, v int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(to, uint64(number<<3)), uint64(v))
}

func onnxNode(op, out string, in []string, lists map[string][]int64) (b []byte) {
	for _, name := range in {
		b = onnxBytes(b, 1, []byte(name))
	}
	b = onnxBytes(onnxBytes(b, 2, []byte(out)), 4, []byte(op))
	for name, list := range lists {
		a := onnxBytes(nil, 1, []byte(name))
		for _, v := range list {
			a = onnxNumber(a, 8, v)
		}
		b = onnxBytes(b, 5, a)
	}
	return b
}

func onnxConstant(name string, shape []int64, values any) (b []byte) {
	for _, d := range shape {
		b = onnxNumber(b, 1, d)
	}
	kind := int64(1)
	if _, whole := values.([]int64); whole {
		kind = 7
	}
	raw, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		panic(err)
	}
	return onnxBytes(onnxBytes(onnxNumber(b, 2, kind), 8, []byte(name)), 9, raw)
}

func onnxPort(name string, shape ...int64) []byte {
	var dims []byte
	for _, d := range shape {
		dims = onnxBytes(dims, 1, onnxNumber(nil, 1, d))
	}
	return onnxBytes(onnxBytes(nil, 1, []byte(name)), 2, onnxBytes(nil, 1, onnxBytes(onnxNumber(nil, 1, 1), 2, dims)))
}

// whiteFinder is a network with the in- and outputs of YuNet that takes each white cell of its grids for a face: 1.4
// cells wide, 1.9 high, in the middle of its cell. Only the grid of steps of 16 is sure of it.
func whiteFinder(leaveOut string) []byte {
	var graph []byte
	for _, s := range []int64{8, 16, 32} {
		for _, part := range []struct {
			name string
			wide int64
			bias []float32
		}{
			{"cls", 1, []float32{-30}}, {"obj", 1, []float32{-30}},
			{"bbox", 4, []float32{0.5, 0.5, float32(math.Log(1.4)), float32(math.Log(1.9))}}, {"kps", 10, make([]float32, 10)},
		} {
			weights := make([]float32, part.wide*3*s*s)
			if part.wide == 1 {
				sure := float32(33)
				if s != 16 {
					sure = 28
				}
				for i := range weights {
					weights[i] = sure / float32(255*3*s*s)
				}
			}
			id := func(what string) string { return fmt.Sprint(what, part.name, s) }
			graph = onnxBytes(graph, 5, onnxConstant(id("w"), []int64{part.wide, 3, s, s}, weights))
			graph = onnxBytes(graph, 5, onnxConstant(id("b"), []int64{part.wide}, part.bias))
			graph = onnxBytes(graph, 5, onnxConstant(id("r"), []int64{3}, []int64{1, -1, part.wide}))
			graph = onnxBytes(graph, 1, onnxNode("Conv", id("c"), []string{"input", id("w"), id("b")}, map[string][]int64{"strides": {s, s}}))
			graph = onnxBytes(graph, 1, onnxNode("Transpose", id("t"), []string{id("c")}, map[string][]int64{"perm": {0, 2, 3, 1}}))
			out := fmt.Sprintf("%s_%d", part.name, s)
			flat := out
			if part.wide == 1 {
				flat = id("f")
				graph = onnxBytes(graph, 1, onnxNode("Reshape", flat, []string{id("t"), id("r")}, nil))
				graph = onnxBytes(graph, 1, onnxNode("Sigmoid", out, []string{flat}, nil))
			} else {
				graph = onnxBytes(graph, 1, onnxNode("Reshape", flat, []string{id("t"), id("r")}, nil))
			}
			if out != leaveOut {
				graph = onnxBytes(graph, 12, onnxPort(out))
			}
		}
	}
	graph = onnxBytes(graph, 11, onnxPort("input", 1, 3, 640, 640))
	return onnxBytes(onnxBytes(nil, 8, onnxNumber(nil, 2, 11)), 7, graph)
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestOpinionFaces(t *testing.T) {
	weights := whiteFinder("")
	o, err := OpenOpinion(weights, strings.ToUpper(digestOf(weights)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		w, h  int
		white image.Rectangle
		want  []Box
	}{
		{"small", 200, 100, image.Rect(48, 32, 64, 48), []Box{{44, 24, 68, 56}}},
		{"neither side a multiple", 90, 75, image.Rect(16, 16, 32, 32), []Box{{12, 8, 36, 40}}},
		{"at the edge", 64, 64, image.Rect(0, 0, 16, 16), []Box{{0, 0, 20, 24}}},
		{"twice too large", 1280, 960, image.Rect(320, 640, 352, 672), []Box{{313, 625, 359, 687}}},
		{"nothing", 320, 320, image.Rectangle{}, nil},
		{"a pixel", 1, 1, image.Rect(0, 0, 1, 1), nil},
		{"empty", 0, 0, image.Rectangle{}, nil},
		{"a panorama", 3000, 9, image.Rectangle{}, nil},
	} {
		m := image.NewRGBA(image.Rect(0, 0, c.w, c.h))
		draw.Draw(m, m.Rect, image.Black, image.Point{}, draw.Src)
		draw.Draw(m, c.white, image.White, image.Point{}, draw.Src)
		regions, err := o.Faces(m)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []Box
		for _, r := range regions {
			got = append(got, r.Box)
			if r.Kind != KindFace || r.Source != opinionSource || r.Model != digestOf(weights) || r.Tuning != opinionTuning ||
				r.Score < opinionLeast || r.Score > 1 {
				t.Errorf("%s: got %+v", c.name, r)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestOpinionPlanes wants blue first, rows kept, and black beyond the picture.
func TestOpinionPlanes(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 3, 2))
	m.SetRGBA(2, 1, color.RGBA{10, 20, 30, 255})
	got := planesOf(m, 4, 3)
	want := make([]float32, 36)
	want[6], want[18], want[30] = 30, 20, 10
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOpenOpinionRefuses(t *testing.T) {
	good := whiteFinder("")
	for name, c := range map[string]struct {
		weights []byte
		digest  string
	}{
		"nothing":          {nil, digestOf(nil)},
		"no digest":        {good, ""},
		"another digest":   {good, digestOf(nil)},
		"a changed byte":   {flip(good, len(good)/2), digestOf(good)},
		"cut":              {good[:len(good)-9], digestOf(good[:len(good)-9])},
		"a lacking answer": {whiteFinder("kps_16"), digestOf(whiteFinder("kps_16"))},
		"another network":  {otherNetwork(), digestOf(otherNetwork())},
	} {
		o, err := OpenOpinion(c.weights, c.digest)
		if !errors.Is(err, ErrWeights) || o != nil {
			t.Errorf("%s: got %v, %v, want %v", name, o, err, ErrWeights)
		}
	}
}

// otherNetwork asks for no picture.
func otherNetwork() []byte {
	graph := onnxBytes(nil, 1, onnxNode("Relu", "out", []string{"in"}, nil))
	graph = onnxBytes(onnxBytes(graph, 11, onnxPort("in", 5)), 12, onnxPort("out"))
	return onnxBytes(onnxBytes(nil, 8, onnxNumber(nil, 2, 11)), 7, graph)
}

func TestDecodeFace(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		class, object float32
		box           []float32
		want          bool
	}{
		"sure":           {0.9, 0.9, []float32{0, 0, 1, 1}, true},
		"beyond one":     {7, 1.5, []float32{0, 0, 1, 1}, true},
		"unsure":         {0.9, 0.3, []float32{0, 0, 1, 1}, false},
		"below nought":   {-1, -1, []float32{0, 0, 1, 1}, false},
		"no score":       {nan, 1, []float32{0, 0, 1, 1}, false},
		"no place":       {1, 1, []float32{nan, 0, 1, 1}, false},
		"an endless one": {1, 1, []float32{0, 0, inf, 1}, false},
		"a huge one":     {1, 1, []float32{0, 0, 80, 1}, false},
	} {
		f, ok := decodeFace(c.class, c.object, c.box, 2, 3, 8)
		if ok != c.want || ok && (f.score > 1 || f.x0 >= f.x1) {
			t.Errorf("%s: got %+v, %v, want %v", name, f, ok, c.want)
		}
	}
}

func TestDistinct(t *testing.T) {
	at := func(x, score float64) finding { return finding{x0: x, y0: 0, x1: x + 10, y1: 10, score: score} }
	got := distinct([]finding{at(0, 0.7), at(2, 0.9), at(30, 0.8), at(37, 0.6), at(31, 0.65)})
	want := []finding{at(2, 0.9), at(30, 0.8), at(37, 0.6)}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	many := make([]finding, 5000)
	for i := range many {
		many[i] = at(float64(20*i), 0.9)
	}
	if got := distinct(many); len(got) != MaxRegions {
		t.Errorf("got %d, want %d", len(got), MaxRegions)
	}
}
