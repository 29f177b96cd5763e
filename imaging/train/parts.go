package train

import (
	"crypto/sha256"
	"encoding/binary"
	"path"
	"strings"
)

// Part is the use a picture may be put to.
type Part string

// The parts. A picture is in one of them for good: what is trained on is never tuned on, and neither is reported.
const (
	Train  Part = "train"
	Tune   Part = "tune"
	Report Part = "report"
)

// shares are the parts of a set that may be trained on and tuned on; the rest is reported.
var shares = map[string]struct{ train, tune float64 }{
	"faces/train":       {1, 0},
	"faces/dev":         {0, 0.5},
	"faces/tones":       {0.6, 0},
	"faces/masked":      {0, 0.3},
	"faces/groups":      {0, 0},
	"tattoo/bivtatt":    {0.65, 0.1},
	"tattoo/studio":     {0, 0.5},
	"wounds/fuseg":      {0.7, 0.15},
	"negatives/general": {0.6, 0.15},
	"negatives/clothes": {0.6, 0.15},
	"negatives/people":  {0.6, 0.15},
}

// medetec shows one wound in several views, so its folders, one a kind of wound, stay whole.
var medetec = map[string]Part{
	"leg-ulcer-images": Train, "foot-ulcers": Train,
	"toes": Tune, "abdominal-wounds": Tune,
	"pressure-ulcer-images-a": Report, "burns": Report,
}

// PartOf tells what a picture of a set ("faces/dev", "wounds/fuseg", …) may be used for. The last element of
// file decides, its folder for wounds/medetec, by a hash, so that a picture keeps its part when others come or
// go. Views of one tattoo share a part. A set that is not known is only reported.
func PartOf(set, file string) Part {
	name := path.Base(file)
	switch set {
	case "wounds/medetec":
		if p, ok := medetec[path.Base(path.Dir(file))]; ok {
			return p
		}
		return Report
	case "tattoo/bivtatt":
		name, _, _ = strings.Cut(name, "_")
	}
	sum := sha256.Sum256([]byte(set + "/" + name))
	at := float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32)
	switch s := shares[set]; {
	case at < s.train:
		return Train
	case at < s.train+s.tune:
		return Tune
	}
	return Report
}
