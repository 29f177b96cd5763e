package vault

import (
	"crypto/ed25519"
	"errors"
	"math"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// testChain is a log of four records whose key changes after the second and after the third.
type testChain struct {
	keys      []signing
	vkeys     []string
	handovers []string
	notes     map[int64]string // by the key that was the log's then
	trees     map[int64]tlog.Hash
}

func newTestChain(t *testing.T) testChain {
	t.Helper()
	c := testChain{notes: map[int64]string{}, trees: map[int64]tlog.Hash{}}
	for range 3 {
		_, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		key := signing{private: private}
		vkey, err := verifierKey("test/log", key.public())
		if err != nil {
			t.Fatal(err)
		}
		c.keys, c.vkeys = append(c.keys, key), append(c.vkeys, vkey)
	}
	var f frontier
	for n, by := range []int{0, 0, 1, 2} {
		f.add(tlog.RecordHash([]byte{byte(n)}))
		root, err := f.root()
		if err != nil {
			t.Fatal(err)
		}
		size := f.size
		c.trees[size] = root
		if c.notes[size], err = c.keys[by].signCheckpoint("test/log", statement{tlog.Tree{N: size, Hash: root}, 1000}); err != nil {
			t.Fatal(err)
		}
	}
	for i, size := range []int64{2, 3} {
		h := handover{statement: statement{tlog.Tree{N: size, Hash: c.trees[size]}, 1000}}
		text, err := h.sign("test/log", c.keys[i], c.keys[i+1])
		if err != nil {
			t.Fatal(err)
		}
		c.handovers = append(c.handovers, text)
	}
	return c
}

// TestChainFromAnyKey: whichever key of the log one trusts, each checkpoint opens with the key that was the log's then.
func TestChainFromAnyKey(t *testing.T) {
	c := newTestChain(t)
	for i, trusted := range c.vkeys {
		chain, err := openChain(trusted, c.handovers)
		if err != nil {
			t.Fatalf("trusting key %d: %v", i+1, err)
		}
		if chain.newest() != c.vkeys[2] || chain.name() != "test/log" || chain[2].last != math.MaxInt64 {
			t.Errorf("trusting key %d: newest is %s", i+1, chain.newest())
		}
		for size, text := range c.notes {
			if s, err := chain.open(text); err != nil || s.N != size {
				t.Errorf("trusting key %d, checkpoint of %d: %v", i+1, size, err)
			}
		}
	}
}

func TestChainRefuses(t *testing.T) {
	c, other := newTestChain(t), newTestChain(t)
	for _, one := range []struct {
		name      string
		trusted   string
		handovers []string
	}{
		{"a foreign key", other.vkeys[0], c.handovers},
		{"a foreign log's handovers", c.vkeys[0], other.handovers},
		{"its beginning left out", c.vkeys[0], c.handovers[1:]},
		{"its end left out", c.vkeys[2], c.handovers[:1]},
		{"reordered", c.vkeys[0], []string{c.handovers[1], c.handovers[0]}},
		{"twice", c.vkeys[0], []string{c.handovers[0], c.handovers[0]}},
		{"two logs joined", c.vkeys[0], []string{c.handovers[0], other.handovers[1]}},
		{"a byte changed", c.vkeys[0], []string{strings.Replace(c.handovers[0], "\n2\n", "\n3\n", 1)}},
		{"one signature missing", c.vkeys[0], []string{c.handovers[0][:strings.LastIndex(strings.TrimSuffix(c.handovers[0], "\n"), "\n")+1]}},
		{"a checkpoint in its place", c.vkeys[0], []string{c.notes[2]}},
		{"nothing", c.vkeys[0], []string{""}},
		{"too many", c.vkeys[0], make([]string, maxHandovers+1)},
	} {
		chain, err := openChain(one.trusted, one.handovers)
		if err == nil {
			t.Errorf("%s: got a chain of %d keys", one.name, len(chain))
		}
		if !errors.Is(err, ErrIntegrity) && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrIntegrity or ErrInvalid", one.name, err)
		}
	}
}

// TestOldKeySignsNothingMore: what the old key signs after its handover does not count, nor what the new one signs of
// before.
func TestOldKeySignsNothingMore(t *testing.T) {
	c := newTestChain(t)
	chain, err := openChain(c.vkeys[0], c.handovers)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		size int64
		by   int
	}{{3, 0}, {4, 0}, {4, 1}, {2, 1}, {1, 2}, {3, 2}} {
		text, err := c.keys[one.by].signCheckpoint("test/log", statement{tlog.Tree{N: one.size, Hash: c.trees[one.size]}, 1000})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chain.open(text); err == nil || !strings.Contains(err.Error(), "was not the log's then") {
			t.Errorf("checkpoint of %d by key %d: got %v, want it refused", one.size, one.by+1, err)
		}
	}
}

func TestFrontierIsKept(t *testing.T) {
	var f frontier
	for size := range int64(70) {
		got, ok := parseFrontier(size, f.encode())
		want, errWant := f.root()
		have, errHave := got.root()
		if !ok || errWant != nil || errHave != nil || want != have || got.size != size {
			t.Fatalf("frontier of %d: read back %v, %v", size, ok, got)
		}
		if _, ok := parseFrontier(size+1, f.encode()); ok {
			t.Errorf("frontier of %d passes for one of %d", size, size+1)
		}
		f.add(tlog.RecordHash([]byte{byte(size)}))
	}
	for _, b := range [][]byte{nil, {0}, make([]byte, 7)} {
		if _, ok := parseFrontier(0, b); ok {
			t.Errorf("%v passes for a frontier", b)
		}
	}
}

// TestFrontierFromStoredHashes: a head without a frontier, as older databases have it, finds it in the tree.
func TestFrontierFromStoredHashes(t *testing.T) {
	var f frontier
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(ids []int64) (out []tlog.Hash, err error) {
		for _, id := range ids {
			out = append(out, hashes[id])
		}
		return out, nil
	})
	for n := range int64(100) {
		got, err := readFrontier(n, stored)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.encode()) != string(f.encode()) {
			t.Fatalf("frontier of %d read from the tree differs", n)
		}
		hashes = append(hashes, f.add(tlog.RecordHash([]byte{byte(n)}))...)
	}
}

func FuzzHandover(f *testing.F) {
	f.Add("o\nhandover\n1\nAAAA\n2026-01-01T00:00:00.000Z\nk\nk\n\n— o x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := openHandover(text); err == nil {
			t.Errorf("%q passes for a handover of %d events", text, h.N) // nobody guesses two signatures
		}
		_, _, _, _ = parseAddCheckpoint(text)
		_ = keptNote(text)
	})
}
