package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// exportStands verifies an export with the real command, and sees each forgery
// of it caught.
func exportStands(t *testing.T, file string) {
	t.Helper()
	good := readFile(t, file)
	lines := bytes.SplitAfter(good, []byte("\n"))
	at := bytes.Index(good, []byte(`capture.accept`))
	if at < 0 || len(lines) < 10 {
		t.Fatalf("the export holds no capture.accept in %d lines", len(lines))
	}
	flipped := bytes.Clone(good)
	flipped[at] ^= 1
	removed := bytes.Join(append(append([][]byte{}, lines[:3]...), lines[4:]...), nil)
	swapped := append([][]byte{}, lines...)
	swapped[3], swapped[4] = swapped[4], swapped[3]
	for _, c := range []struct {
		name string
		text []byte
		want string // what the command says; "verifies" when the export is good
	}{
		{"as exported", good, "the log verifies"},
		{"one byte flipped", flipped, "does NOT verify"},
		{"one row removed", removed, "does NOT verify"},
		{"two rows exchanged", bytes.Join(swapped, nil), "does NOT verify"},
		{"history rewritten", rewritten(t, lines), "does NOT verify"},
	} {
		t.Run("verify-audit "+c.name, func(t *testing.T) {
			forged := filepath.Join(t.TempDir(), "log.jsonl")
			if err := os.WriteFile(forged, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := runBinary(t, "verify-audit", forged)
			if !strings.Contains(out, c.want) || (err == nil) != (c.text != nil && bytes.Equal(c.text, good)) {
				t.Errorf("got %q, %v; want %q", out, err, c.want)
			}
		})
	}
}

// rewritten tells another story: in the event of the capture, the actor becomes
// another, and the line's own hash is made to fit. Only the signed checkpoints
// can tell.
func rewritten(t *testing.T, lines [][]byte) []byte {
	t.Helper()
	out := append([][]byte{}, lines...)
	for i, text := range out {
		if !bytes.Contains(text, []byte("capture.accept")) {
			continue
		}
		var line struct {
			Seq   int64  `json:"seq"`
			Hash  string `json:"hash"`
			Entry string `json:"entry"`
		}
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatal(err)
		}
		story := strings.Replace(line.Entry, "person:", "person:X", 1)
		if story == line.Entry {
			t.Fatal("the entry names no person")
		}
		line.Entry, line.Hash = story, tlog.RecordHash([]byte(story)).String()
		forged, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = append(forged, '\n')
		return bytes.Join(out, nil)
	}
	t.Fatal("no line holds capture.accept")
	return nil
}
