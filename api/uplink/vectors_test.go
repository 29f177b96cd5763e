package uplink

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

var update = flag.Bool("update", false, "write testdata/packets.json anew")

// A vector is a packet and, unless it must be refused, what is in it: numbers as decimals, bytes as hex.
type vector struct {
	Name   string           `json:"name"`
	Packet string           `json:"packet"`
	Number string           `json:"number,omitempty"`
	Frames []map[string]any `json:"frames,omitempty"`
}

// TestVectors compares the packets of testdata with what the package writes, and has a reader that shares no code with it
// read them.
func TestVectors(t *testing.T) {
	var all struct {
		Packets []vector `json:"packets"`
		Refused []vector `json:"refused"`
	}
	whole := appendVarint(nil, 1<<20)
	var inside []map[string]any
	for i, f := range someFrames() {
		if _, long := f.(offer); !long {
			whole, inside = f.append(whole), append(inside, told(f))
		}
		all.Packets = append(all.Packets, vector{fmt.Sprintf("%T", f)[len("uplink."):], hex.EncodeToString(f.append(appendVarint(nil, uint64(i)))),
			fmt.Sprint(i), []map[string]any{told(f)}})
	}
	all.Packets = append(all.Packets, vector{"many frames", hex.EncodeToString(whole), fmt.Sprint(1 << 20), inside})
	for _, bad := range badFrames() {
		all.Refused = append(all.Refused, vector{Name: bad.name, Packet: hex.EncodeToString(append([]byte{1}, bad.frame...))})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "packets.json")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(kept, b.Bytes()) {
		t.Fatalf("%s is not what the package writes (%v): a change of the bytes needs a new version", file, err)
	}
	node := vaulttest.RequireTool(t, "node")
	out, err := exec.CommandContext(t.Context(), node, filepath.Join("..", "..", "scripts", "uplink-reader.mjs"), file).CombinedOutput()
	want := fmt.Sprintf(`{"read":%d,"refused":%d}`, len(all.Packets), len(all.Refused))
	if err != nil || strings.TrimSpace(string(out)) != want {
		t.Fatalf("the independent reader says %s (%v), want %s", out, err, want)
	}
}

// told says what is in a frame in the words of PROTOCOL.md.
func told(f frame) map[string]any {
	n := func(v any) string { return fmt.Sprintf("%d", v) }
	ms := func(d time.Duration) string { return n(d.Milliseconds()) }
	switch v := f.(type) {
	case ack:
		var ranges [][2]string
		for _, s := range v.ranges {
			ranges = append(ranges, [2]string{n(s.lo), n(s.hi - 1)})
		}
		return map[string]any{"frame": "ACK", "delay": n(v.delay.Microseconds()), "ranges": ranges}
	case hello:
		var versions []string
		for _, x := range v.versions {
			versions = append(versions, n(x))
		}
		return map[string]any{"frame": "HELLO", "versions": versions}
	case welcome:
		return map[string]any{"frame": "WELCOME", "version": n(v.version), "largest": n(v.size), "idle": ms(v.idle)}
	case offer:
		return map[string]any{"frame": "OFFER", "stream": n(v.stream), "id": hex.EncodeToString(v.ID[:]),
			"digest": hex.EncodeToString(v.Digest[:]), "size": n(v.Size), "token": hex.EncodeToString([]byte(v.Token))}
	case accept:
		return map[string]any{"frame": "ACCEPT", "stream": n(v.stream), "limit": n(v.limit), "held": hex.EncodeToString(v.held)}
	case window:
		return map[string]any{"frame": "WINDOW", "stream": n(v.stream), "limit": n(v.limit)}
	case data:
		return map[string]any{"frame": "DATA", "stream": n(v.stream), "offset": n(v.offset), "bytes": hex.EncodeToString(v.bytes)}
	case receipt:
		return map[string]any{"frame": "RECEIPT", "stream": n(v.stream), "offset": n(v.offset), "total": n(v.total),
			"bytes": hex.EncodeToString(v.bytes)}
	case refuse:
		return map[string]any{"frame": "REFUSE", "stream": n(v.stream), "code": n(v.code), "retry": ms(v.retry),
			"sentence": hex.EncodeToString([]byte(v.sentence))}
	}
	return toldShort(f)
}

func toldShort(f frame) map[string]any {
	switch v := f.(type) {
	case abandon:
		return map[string]any{"frame": "ABANDON", "stream": fmt.Sprint(v.stream)}
	case challenge:
		moved := map[bool]string{true: "1", false: "0"}[v.moved]
		return map[string]any{"frame": "PATH_CHALLENGE", "moved": moved, "nonce": hex.EncodeToString(v.nonce[:])}
	case response:
		return map[string]any{"frame": "PATH_RESPONSE", "nonce": hex.EncodeToString(v.nonce[:])}
	case closing:
		return map[string]any{"frame": "CLOSE", "code": fmt.Sprintf("%d", v.code)}
	}
	return map[string]any{"frame": "PING"}
}
