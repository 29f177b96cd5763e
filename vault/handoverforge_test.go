package vault

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func forgedEntry(seq int64) string { return fmt.Sprintf(`{"act":"forged","seq":%d}`, seq) }

// forgedExport is an export of n events that an old key signs, with the handovers of the true log in its header.
func (c testChain) forgedExport(t *testing.T, n int64) string {
	t.Helper()
	var out bytes.Buffer
	put := func(v any) {
		text, err := line(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	put(exportHeader{exportFormat, "test/log", c.vkeys[2], n, c.handovers})
	var f frontier
	for seq := int64(1); seq <= n; seq++ {
		text := forgedEntry(seq)
		leaf := tlog.RecordHash([]byte(text))
		f.add(leaf)
		put(exportLine{Seq: seq, Hash: leaf.String(), Entry: text})
	}
	root, err := f.root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.keys[max(0, n-2)].signCheckpoint("test/log", statement{tlog.Tree{N: n, Hash: root}, 1000})
	if err != nil {
		t.Fatal(err)
	}
	put(exportLine{Note: text})
	return out.String()
}

// TestRetiredKeyRewritesNothing: whoever has a key that was handed over long ago cannot make another history of the events
// that it signed, nor cut the log back to them.
func TestRetiredKeyRewritesNothing(t *testing.T) {
	c := newTestChain(t)
	for _, n := range []int64{1, 2, 3} {
		for i, key := range c.vkeys {
			got, err := VerifyExport(strings.NewReader(c.forgedExport(t, n)), key)
			if err != nil {
				t.Fatal(err)
			}
			if got.OK || got.FirstBad == 0 {
				t.Errorf("%d events forged with an old key, trusting key %d: OK %v, first bad %d, %s", n, i+1, got.OK, got.FirstBad, got.Problem)
			}
		}
	}
}

// TestRetiredKeyProvesNothing: nor can they prove an event in a log of that size that is not the one that was handed over.
func TestRetiredKeyProvesNothing(t *testing.T) {
	c := newTestChain(t)
	var f frontier
	for seq := int64(1); seq <= 2; seq++ {
		f.add(tlog.RecordHash([]byte(forgedEntry(seq))))
	}
	root, err := f.root()
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := c.keys[0].signCheckpoint("test/log", statement{tlog.Tree{N: 2, Hash: root}, 1000})
	if err != nil {
		t.Fatal(err)
	}
	p := Proof{Seq: 2, Entry: forgedEntry(2), Size: 2, Hashes: []string{tlog.RecordHash([]byte(forgedEntry(1))).String()},
		Checkpoint: checkpoint, Verifier: c.vkeys[0]}
	for i, key := range c.vkeys {
		_, err := p.checkEvent("test/log", 2, key, func(logEntry) bool { return true }, c.handovers...)
		if !errors.Is(err, ErrIntegrity) {
			t.Errorf("trusting key %d: got %v, want ErrIntegrity", i+1, err)
		}
	}
	if _, err := p.checkEvent("test/log", 2, c.vkeys[0], func(logEntry) bool { return true }); err != nil {
		t.Errorf("without the handovers: got %v, want the proof to hold, or this test proves nothing", err)
	}
}
