//go:build !js

package imaging

import (
	"bytes"
	"encoding/binary"
	"math"
	"sync"
	"unicode/utf16"
)

// profileKind is a colour space that a picture may name, always by bytes of our own, since the text and private
// tags of a foreign profile can hold anything. sRGB is what a file without a profile means, so it is left out.
type profileKind int

const (
	profileNone profileKind = iota // sRGB, or not understood
	profileP3
	profileAdobe
	profileGray
)

// colourants are the red, green and blue primaries adapted to D50, as matrix profiles carry them
// (ICC.1 9.2.44, 9.2.34, 9.2.4).
type colourants [3][3]float64

var (
	colourantsP3   = colourants{{0.51512, 0.24120, -0.00105}, {0.29198, 0.69225, 0.04189}, {0.15710, 0.06657, 0.78407}}
	colourantsRG   = colourants{{0.60974, 0.31111, 0.01947}, {0.20528, 0.62567, 0.06087}, {0.14919, 0.06322, 0.74457}}
	colourantsSRGB = colourants{{0.43607, 0.22249, 0.01392}, {0.38515, 0.71687, 0.09708}, {0.14307, 0.06061, 0.71410}}
)

const (
	maxProfileTags     = 100
	profileHeaderBytes = 128 // ICC.1 7.2
)

// profileTags gives the bytes of each tag that lies inside the profile (ICC.1 7.3).
func profileTags(icc []byte) map[string][]byte {
	tags := map[string][]byte{}
	count := min(binary.BigEndian.Uint32(icc[profileHeaderBytes:]), maxProfileTags)
	for i := range int(count) {
		e := profileHeaderBytes + 4 + 12*i
		if e+12 > len(icc) {
			break
		}
		at, size := int64(binary.BigEndian.Uint32(icc[e+4:])), int64(binary.BigEndian.Uint32(icc[e+8:]))
		if at+size <= int64(len(icc)) {
			tags[string(icc[e:e+4])] = icc[at : at+size]
		}
	}
	return tags
}

// profileSegment is the APP2 segment for a colour space, or nil for sRGB.
func profileSegment(k profileKind) []byte {
	switch k {
	case profileP3:
		return segmentP3()
	case profileAdobe:
		return segmentAdobe()
	case profileGray:
		return segmentGray()
	}
	return nil
}

var (
	segmentP3 = sync.OnceValue(func() []byte {
		return wrapProfile(rgbProfile("Clinivault P3", colourantsP3, curveSRGB()))
	})
	segmentAdobe = sync.OnceValue(func() []byte {
		return wrapProfile(rgbProfile("Clinivault A98", colourantsRG, curveGamma(0x0233)))
	})
	segmentGray = sync.OnceValue(func() []byte {
		return wrapProfile(buildProfile("GRAY", []profileTag{
			{"desc", textMLUC("Clinivault Grey")}, {"cprt", textMLUC("CC0")},
			{"wtpt", xyz(0.9642, 1, 0.8249)}, {"kTRC", curveGamma(0x0233)},
		}))
	})
)

func wrapProfile(p []byte) []byte {
	body := append([]byte(headICC), 1, 1) // chunk 1 of 1
	body = append(body, p...)
	seg := binary.BigEndian.AppendUint16([]byte{0xff, markAPP2}, uint16(len(body)+2))
	return append(seg, body...)
}

type profileTag struct {
	name string
	data []byte
}

func rgbProfile(name string, c colourants, curve []byte) []byte {
	return buildProfile("RGB ", []profileTag{
		{"desc", textMLUC(name)}, {"cprt", textMLUC("CC0")}, {"wtpt", xyz(0.9642, 1, 0.8249)},
		{"chad", bradfordD65()},
		{"rXYZ", xyz(c[0][0], c[0][1], c[0][2])}, {"gXYZ", xyz(c[1][0], c[1][1], c[1][2])},
		{"bXYZ", xyz(c[2][0], c[2][1], c[2][2])},
		{"rTRC", curve}, {"gTRC", curve}, {"bTRC", curve},
	})
}

// buildProfile lays out an ICC.1:2010 (version 4.3) display profile. Its date and text are fixed, so each
// colour space has exactly one byte string.
func buildProfile(space string, tags []profileTag) []byte {
	head := make([]byte, profileHeaderBytes)
	binary.BigEndian.PutUint32(head[8:], 0x04300000)
	copy(head[12:], "mntr")
	copy(head[16:], space)
	copy(head[20:], "XYZ ")
	for i, v := range []uint16{2026, 1, 1, 0, 0, 0} {
		binary.BigEndian.PutUint16(head[24+2*i:], v)
	}
	copy(head[36:], "acsp")
	copy(head[68:], xyz(0.9642, 1, 0.8249)[8:]) // the D50 illuminant (7.2.16)
	out := binary.BigEndian.AppendUint32(head, uint32(len(tags)))
	var body bytes.Buffer
	base := len(out) + 12*len(tags)
	placed := map[string]int{}
	for _, t := range tags {
		at, ok := placed[string(t.data)]
		if !ok {
			at = base + body.Len()
			placed[string(t.data)] = at
			body.Write(t.data)
			body.Write(make([]byte, (4-len(t.data)%4)%4))
		}
		out = append(out, t.name...)
		out = binary.BigEndian.AppendUint32(out, uint32(at))
		out = binary.BigEndian.AppendUint32(out, uint32(len(t.data)))
	}
	out = append(out, body.Bytes()...)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
}

func s15(v float64) uint32 { return uint32(int32(math.Round(v * 65536))) }

func numbers(kind string, vs ...float64) []byte {
	out := append([]byte(kind), 0, 0, 0, 0)
	for _, v := range vs {
		out = binary.BigEndian.AppendUint32(out, s15(v))
	}
	return out
}

func xyz(x, y, z float64) []byte { return numbers("XYZ ", x, y, z) }

// bradfordD65 is the adaptation from D65 to D50 (ICC.1 annex E).
func bradfordD65() []byte {
	return numbers("sf32", 1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168)
}

// curveSRGB is the parametric curve of IEC 61966-2-1 (ICC.1 10.18, function type 3).
func curveSRGB() []byte {
	out := append([]byte("para"), 0, 0, 0, 0, 0, 3, 0, 0)
	for _, v := range []float64{2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045} {
		out = binary.BigEndian.AppendUint32(out, s15(v))
	}
	return out
}

func curveGamma(u8Fixed8 uint16) []byte {
	out := append([]byte("curv"), 0, 0, 0, 0, 0, 0, 0, 1)
	return binary.BigEndian.AppendUint16(out, u8Fixed8)
}

// textMLUC is one string in English (ICC.1 10.15).
func textMLUC(s string) []byte {
	out := append([]byte("mluc"), 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12, 'e', 'n', 'U', 'S')
	out = binary.BigEndian.AppendUint32(out, uint32(2*len(s)))
	out = binary.BigEndian.AppendUint32(out, 28)
	for _, r := range s {
		out = binary.BigEndian.AppendUint16(out, uint16(r))
	}
	return out
}

// profileName is the description that a profile carries (ICC.1 9.2.41; version 2 has a text type of its own).
func profileName(icc []byte) string {
	if len(icc) < profileHeaderBytes+4 {
		return ""
	}
	t := profileTags(icc)["desc"]
	switch {
	case len(t) >= 12 && string(t[:4]) == "desc":
		n := int64(binary.BigEndian.Uint32(t[8:]))
		return printable(string(t[12:min(int64(len(t)), 12+n)]))
	case len(t) >= 28 && string(t[:4]) == "mluc":
		n, at := int64(binary.BigEndian.Uint32(t[20:])), int64(binary.BigEndian.Uint32(t[24:]))
		if at+n > int64(len(t)) {
			return ""
		}
		var units []uint16
		for i := at; i+2 <= at+min(n, 512); i += 2 {
			units = append(units, binary.BigEndian.Uint16(t[i:]))
		}
		return printable(string(utf16.Decode(units)))
	}
	return ""
}
