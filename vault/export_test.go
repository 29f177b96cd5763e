package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// exported is a log of 30 events and its own, with checkpoints after 15, 30 and
// 31, and the log's verifier key as published.
func exported(t *testing.T, b *vaulttest.Bench) (lines []string, key string) {
	t.Helper()
	fill(t, b, 30)
	var out bytes.Buffer
	if err := b.V.ExportLog(t.Context(), vault.Operator(), &out); err != nil {
		t.Fatal(err)
	}
	keys, err := b.V.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n"), keys.LogVerifier
}

func check(t *testing.T, lines []string, key string) vault.Verification {
	t.Helper()
	text := strings.Join(lines, "")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	got, err := vault.VerifyExport(strings.NewReader(text), key)
	if err != nil {
		t.Fatalf("VerifyExport: %v", err)
	}
	return got
}

func TestExportVerifies(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		lines, key := exported(t, b)
		if len(lines) != 1+31+3 {
			t.Fatalf("export: got %d lines, want a header, 31 events and 3 checkpoints", len(lines))
		}
		got := check(t, lines, key)
		if !got.OK || got.Size != 31 || got.Covered != 31 || got.Checkpoints != 3 || got.KeyFromExport {
			t.Errorf("VerifyExport with the published key: got %+v", got)
		}
		if got := check(t, lines, ""); !got.OK || !got.KeyFromExport {
			t.Errorf("VerifyExport with the key of the export: got %+v, want it said so", got)
		}
	})
}

func TestExportOfAnotherVaultIsRefused(t *testing.T) {
	lines, _ := exported(t, vaulttest.New(t))
	_, other := exported(t, vaulttest.New(t))
	got := check(t, lines, other)
	if got.OK || got.FirstBad != 1 || !strings.Contains(got.Problem, "not signed by the log's key") {
		t.Errorf("VerifyExport with another vault's key: got %+v", got)
	}
}

// event is the index among the lines of the line of event n, of 31.
func event(n int) int {
	switch {
	case n <= 15:
		return n
	case n <= 30:
		return n + 1
	}
	return n + 2
}

func TestTamperedExportIsCaught(t *testing.T) {
	lines, key := exported(t, vaulttest.New(t))
	edit := func(i int, old, now string) func([]string) []string {
		return func(l []string) []string {
			if !strings.Contains(l[i], old) {
				t.Fatalf("line %d does not contain %q", i, old)
			}
			l[i] = strings.Replace(l[i], old, now, 1)
			return l
		}
	}
	for _, c := range []struct {
		name     string
		do       func([]string) []string
		problem  string
		firstBad int64
	}{
		{"flipped byte in an event", edit(event(12), "job.list", "job.lisu"), "event 12 was altered", 12},
		{"flipped byte in a line's form", edit(event(12), `"seq"`, `"sdq"`), "cannot be read", 12},
		{"removed event", func(l []string) []string { return slices.Delete(l, event(20), event(20)+1) }, "event 20 is missing", 20},
		{"removed last event", func(l []string) []string { return slices.Delete(l, event(31), event(31)+1) }, "cut short", 31},
		{"reordered pair", func(l []string) []string {
			l[event(5)], l[event(6)] = l[event(6)], l[event(5)]
			return l
		}, "event 5 is missing", 5},
		{"reordered pair, renumbered", func(l []string) []string {
			l[event(5)], l[event(6)] = renumber(t, l[event(6)], 5), renumber(t, l[event(5)], 6)
			return l
		}, "event 6 stands where event 5 should", 5},
		{"doubled event", func(l []string) []string { return slices.Insert(l, event(5), l[event(5)]) }, "event 5 stands where event 6 should", 6},
		{"altered with its hash", func(l []string) []string { l[event(20)] = forge(t, l[event(20)]); return l }, "rewritten between event 16 and event 30", 16},
		{"cut in the middle", func(l []string) []string { return l[:event(10)] }, "cut short", 10},
		{"cut at an earlier checkpoint", func(l []string) []string { return l[:event(30)+2] }, "cut short", 31},
		{"cut in a line", func(l []string) []string { l[event(10)] = l[event(10)][:20]; return l[:event(10)+1] }, "cannot be read", 10},
		{"last checkpoint removed", func(l []string) []string { return l[:len(l)-1] }, "no checkpoint covers events 31 to 31", 31},
		{"flipped byte in a checkpoint", edit(event(15)+1, "clinivault/main", "clinivault/mail"), "not valid", 1},
		{"checkpoint moved", func(l []string) []string {
			l[event(15)], l[event(15)+1] = l[event(15)+1], l[event(15)]
			return l
		}, "cut short", 15},
		{"an event after the end", func(l []string) []string {
			l[len(l)-1] += "\n"
			return append(l, renumber(t, l[event(31)], 32))
		}, "after the last event", 32},
		{"header announces more", edit(0, `"size":31`, `"size":32`), "cut short", 32},
		{"header names another log", edit(0, `"origin":"clinivault/main"`, `"origin":"clinivault/else"`), "another log", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check(t, c.do(slices.Clone(lines)), key)
			if got.OK || !strings.Contains(got.Problem, c.problem) {
				t.Fatalf("VerifyExport: got OK %v, problem %q; want a problem with %q", got.OK, got.Problem, c.problem)
			}
			if c.firstBad != 0 && got.FirstBad != c.firstBad {
				t.Errorf("FirstBad: got %d, want %d (%s)", got.FirstBad, c.firstBad, got.Problem)
			}
		})
	}
}

// TestEveryFlippedByteIsCaught: in the events and checkpoints, not in the header,
// whose key a reader replaces by the published one.
func TestEveryFlippedByteIsCaught(t *testing.T) {
	lines, key := exported(t, vaulttest.New(t))
	text := []byte(strings.Join(lines, "") + "\n")
	for i := len(lines[0]); i < len(text); i += 5 {
		flipped := slices.Clone(text)
		flipped[i] ^= 1 << (i % 8)
		got, err := vault.VerifyExport(bytes.NewReader(flipped), key)
		if err != nil || got.OK {
			t.Fatalf("byte %d (%q) flipped: got OK %v and %v, want a problem", i, text[max(0, i-10):i+1], got.OK, err)
		}
	}
}

type exportedEvent struct {
	Seq   int64  `json:"seq"`
	Hash  string `json:"hash"`
	Entry string `json:"entry"`
}

func parseLine(t *testing.T, text string) (l exportedEvent) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l exportedEvent) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func renumber(t *testing.T, text string, seq int64) string {
	t.Helper()
	l := parseLine(t, text)
	l.Seq = seq
	return l.text(t)
}

// forge alters an event and makes its hash fit.
func forge(t *testing.T, text string) string {
	t.Helper()
	l := parseLine(t, text)
	l.Entry = strings.Replace(l.Entry, "job.list", "job.lost", 1)
	h := tlog.RecordHash([]byte(l.Entry))
	l.Hash = base64.StdEncoding.EncodeToString(h[:])
	return l.text(t)
}

func TestVerifyExportRefusesWhatIsNoExport(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, text := range map[string]string{
		"empty":          "",
		"no line":        "{",
		"other JSON":     "{}\n",
		"other format":   `{"format":"x","origin":"o","verifier_key":"k","size":1}` + "\n",
		"no size":        `{"format":"clinivault-audit-v1","origin":"o","verifier_key":"k","size":0}` + "\n",
		"unknown field":  `{"format":"clinivault-audit-v1","origin":"o","verifier_key":"k","size":1,"x":1}` + "\n",
		"key is no key":  `{"format":"clinivault-audit-v1","origin":"o","verifier_key":"k","size":1}` + "\n",
		"endless line":   long,
		"twice a header": `{"format":"clinivault-audit-v1"}{}` + "\n",
	} {
		if _, err := vault.VerifyExport(strings.NewReader(text), ""); !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	broken := errors.New("disk broke")
	if _, err := vault.VerifyExport(iotest.ErrReader(broken), ""); !errors.Is(err, broken) {
		t.Errorf("reader that breaks: got %v, want its error", err)
	}
}

// TestExportWriterBreaks: a reader who goes away ends the export with an error.
func TestExportWriterBreaks(t *testing.T) {
	b := vaulttest.New(t)
	fill(t, b, 300)
	pr, pw := io.Pipe()
	pr.Close()
	if err := b.V.ExportLog(t.Context(), vault.Operator(), pw); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("ExportLog to a reader that is gone: got %v, want its error", err)
	}
}

func FuzzVerifyExport(f *testing.F) {
	f.Add([]byte(`{"format":"clinivault-audit-v1","origin":"o","verifier_key":"k","size":1}` + "\n" + `{"seq":1,"hash":"","entry":""}` + "\n"))
	f.Add([]byte("{}\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := vault.VerifyExport(bytes.NewReader(b), "")
		if err == nil && got.OK && got.Size == 0 {
			t.Errorf("%q verifies without an event", b)
		}
	})
}
