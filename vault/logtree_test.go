package vault

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/mod/sumdb/tlog"
)

// TestFrontier compares the streaming root with the library's for each size.
func TestFrontier(t *testing.T) {
	var f frontier
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(ids []int64) (out []tlog.Hash, err error) {
		for _, id := range ids {
			out = append(out, hashes[id])
		}
		return out, nil
	})
	for n := range int64(130) {
		want, err := tlog.TreeHash(n, stored)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.root(); err != nil || got != want || f.size != n {
			t.Fatalf("root of %d records: got %v of %d, %v; want %v", n, got, f.size, err, want)
		}
		record := fmt.Appendf(nil, "record %d", n)
		more, err := tlog.StoredHashes(n, record, stored)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
		f.add(tlog.RecordHash(record))
	}
}

func TestShape(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"KQ3VZ5W2T7MPDJ6XAYB4N8HFRC": "KQ3VZ5W2T7MPDJ6XAYB4N8HFRC",
		"person:KQ3VZ5":              "person:KQ3VZ5",
		"127.0.0.1:8443":             "127.0.0.1:8443",
		"fe80::1%eth0":               "fe80::1%eth0",
		"a b":                        "(malformed)",
		"a\nb":                       "(malformed)",
		`"`:                          "(malformed)",
		"Ä":                          "(malformed)",
		strings.Repeat("a", 81):      "(malformed)",
	} {
		if got := shape(in); got != want {
			t.Errorf("shape(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestEntryBounds(t *testing.T) {
	e := logEntry{Act: "x", Detail: map[string]string{"long": strings.Repeat("ä", 500), "odd": "a\xffb", "tag": "<b>"}}
	text, err := e.encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"act":"x","actor":"","at":0,"detail":{"long":"` + strings.Repeat("ä", 100) + `","odd":"ab","tag":"<b>"},"outcome":"","seq":0}`
	if string(text) != want {
		t.Errorf("encode: got %s, want %s", text, want)
	}
	if len(e.Detail["long"]) != 1000 {
		t.Error("encode changed the caller's entry")
	}
	for i := range 100 {
		e.Detail[fmt.Sprint(i)] = strings.Repeat("x", 200)
	}
	if _, err := e.encode(); err == nil {
		t.Error("encode of 20 kB: got nil, want an error")
	}
}

func TestBackoff(t *testing.T) {
	for attempt, want := range map[int]time.Duration{
		-1: 5 * time.Second, 0: 5 * time.Second, 1: 5 * time.Second, 2: 10 * time.Second, 8: 640 * time.Second,
		9: 1280 * time.Second, 10: 30 * time.Minute, 17: 30 * time.Minute, 1 << 30: 30 * time.Minute,
	} {
		if got := backoff(attempt); got != want {
			t.Errorf("backoff(%d): got %v, want %v", attempt, got, want)
		}
	}
}

func TestDatabaseErrors(t *testing.T) {
	pg := func(code string) error { return fmt.Errorf("reading: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		name                   string
		err                    error
		transient, unavailable bool
	}{
		{"serialization failure", pg("40001"), true, false},
		{"deadlock", pg("40P01"), true, false},
		{"connection lost", pg("08006"), false, true},
		{"shutting down", pg("57P01"), false, true},
		{"too many connections", pg("53300"), false, true},
		{"disk full", pg("53100"), false, true},
		{"read-only standby", pg("25006"), false, true},
		{"lock timeout", pg("55P03"), false, true},
		{"unique violation", pg("23505"), false, false},
		{"bad connection", driver.ErrBadConn, false, true},
		{"cut off", io.ErrUnexpectedEOF, false, true},
		{"deadline", context.DeadlineExceeded, false, true},
		{"cancelled", context.Canceled, false, false},
		{"ours", ErrConflict, false, false},
	} {
		if got := transient(c.err); got != c.transient {
			t.Errorf("transient(%s): got %v, want %v", c.name, got, c.transient)
		}
		if got := errors.Is(dbError(c.err), ErrUnavailable); got != c.unavailable {
			t.Errorf("dbError(%s) is ErrUnavailable: got %v, want %v", c.name, got, c.unavailable)
		}
		if !errors.Is(dbError(c.err), c.err) {
			t.Errorf("dbError(%s) lost its cause", c.name)
		}
	}
}
