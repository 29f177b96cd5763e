package uplink

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

// someFrames has one of each, with fields at their bounds.
func someFrames() []frame {
	var n [challengeSize]byte
	for i := range n {
		n[i] = byte(i)
	}
	o := offer{stream: 3, Offer: Offer{Size: 4 << 20, Token: Token(strings.Repeat("t", maxToken))}}
	o.ID[0], o.Digest[31] = 1, 2
	return []frame{
		ping{},
		ack{delay: 1500 * time.Microsecond, ranges: []span{{70, 100}, {40, 68}, {0, 1}}},
		ack{ranges: []span{{0, 1}}},
		hello{versions: []uint16{1, 0xFFFF}},
		welcome{version: 1, size: 64 << 20, idle: 30 * time.Second},
		o,
		accept{stream: 3, limit: 4 << 20, held: []byte{0b101}},
		accept{stream: 0, limit: maxVarint, held: []byte{}},
		window{stream: maxStream - 1, limit: 1 << 20},
		data{stream: 3, offset: 1 << 30, bytes: []byte("body")},
		receipt{stream: 3, offset: 900, total: 1500, bytes: bytes.Repeat([]byte("r"), 600)},
		refuse{stream: 3, code: CodeBusy, retry: time.Hour, sentence: strings.Repeat("s", maxSentence)},
		abandon{stream: 3},
		challenge{nonce: n, moved: true},
		response{nonce: n},
		closing{code: CodeShutdown},
	}
}

func TestFramesComeBack(t *testing.T) {
	for _, want := range someFrames() {
		number, frames, err := parsePacket(want.append(appendVarint(nil, 77)))
		if err != nil || number != 77 || len(frames) != 1 || !reflect.DeepEqual(frames[0], want) {
			t.Errorf("%T: got %d %+v %v, want %+v", want, number, frames, err, want)
		}
	}
}

// TestFramesCutOff parses every prefix of every frame: each is an error, or a shorter packet.
func TestFramesCutOff(t *testing.T) {
	for _, f := range someFrames() {
		whole := f.append(appendVarint(nil, 7))
		for n := range len(whole) {
			if _, frames, err := parsePacket(whole[:n]); err == nil {
				t.Errorf("%T cut to %d of %d bytes: got %+v, want an error", f, n, len(whole), frames)
			}
		}
	}
}

// A badFrame must be refused.
type badFrame struct {
	name  string
	frame []byte
}

func badFrames() []badFrame {
	long := func(n uint64) []byte { return append(appendVarint(nil, n), make([]byte, n)...) }
	return []badFrame{
		{"no frame", nil},
		{"unknown type", []byte{0x3F}},
		{"type zero", []byte{0}},
		{"ack of more below zero", []byte{typeAck, 5, 0, 0, 6}},
		{"ack gap below zero", []byte{typeAck, 5, 0, 1, 2, 3, 0}},
		{"ack ranges that touch", []byte{typeAck, 5, 0, 1, 3, 1, 0}},
		{"ack of too many ranges", append([]byte{typeAck, 5, 0}, appendVarint(nil, maxAckRanges)...)},
		{"hello without versions", []byte{typeHello, 0}},
		{"hello of too many versions", append([]byte{typeHello, maxVersions + 1}, make([]byte, 40)...)},
		{"offer of nothing", append(append([]byte{typeOffer, 0}, make([]byte, 48)...), 0, 0)},
		{"offer with a long token", append(append(append([]byte{typeOffer, 0}, make([]byte, 48)...), 9), long(maxToken+1)...)},
		{"accept with a long bitmap", append([]byte{typeAccept, 0, 9}, long(maxBitmap+1)...)},
		{"stream beyond its bound", append([]byte{typeAbandon}, appendVarint(nil, maxStream)...)},
		{"refusal to wait longer than an hour", append(appendVarint([]byte{typeRefuse, 0, 0, 9}, 3600_001), 0)},
		{"sentence too long", append([]byte{typeRefuse, 0, 0, 9, 0}, long(maxSentence+1)...)},
		{"receipt of nothing", []byte{typeReceipt, 0, 0, 0, 0}},
		{"receipt too long", append(appendVarint([]byte{typeReceipt, 0, 0}, MaxReceipt+1), 0)},
		{"flag of two", append([]byte{typeChallenge, 2}, make([]byte, challengeSize)...)},
	}
}

func TestFramesRefused(t *testing.T) {
	for _, tt := range badFrames() {
		t.Run(tt.name, func(t *testing.T) {
			if _, frames, err := parsePacket(append([]byte{1}, tt.frame...)); err == nil {
				t.Errorf("%x: got %+v, want an error", tt.frame, frames)
			}
		})
	}
}

func TestVarintsComeBack(t *testing.T) {
	tests := []struct {
		v     uint64
		bytes int
	}{{0, 1}, {1, 1}, {63, 1}, {64, 2}, {16383, 2}, {16384, 4}, {1<<30 - 1, 4}, {1 << 30, 8}, {maxVarint, 8}}
	for _, tt := range tests {
		b := appendVarint(nil, tt.v)
		r := &reader{b: b}
		if got := r.varint(); got != tt.v || r.err != nil || len(r.b) != 0 || len(b) != tt.bytes {
			t.Errorf("%d: got %d, %v, from %d bytes; want %d", tt.v, got, r.err, len(b), tt.bytes)
		}
	}
}

// TestLongestPacketsFit makes sure that whatever one end may say at once fits a packet.
func TestLongestPacketsFit(t *testing.T) {
	a := ack{delay: time.Second}
	for i := range uint64(ackRanges) {
		a.ranges = append([]span{{i*200 + 1<<40, i*200 + 1<<40 + 100}}, a.ranges...)
	}
	for _, f := range append(someFrames(), a) {
		if n := len(f.append(a.append(appendVarint(nil, 1<<40)))); n > maxPacket {
			t.Errorf("%T behind the longest acknowledgement takes %d bytes, want at most %d", f, n, maxPacket)
		}
	}
	if got, most := 40+8+overhead+maxPacket, 1280; got > most {
		t.Errorf("the longest packet makes %d bytes of IPv6, want at most %d", got, most)
	}
}
