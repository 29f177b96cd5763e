package vaulttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/clinivault/clinivault/vault"
)

// TestBlobs holds a store to the contract of vault.Blobs. open gives an empty
// store, or one whose other objects do not begin with "conform/".
func TestBlobs(t *testing.T, open func(t *testing.T) vault.Blobs) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, b vault.Blobs)
	}{
		{"round trip", testRoundTrip},
		{"never overwrites", testNeverOverwrites},
		{"one of many writers wins", testOneWins},
		{"wrong sizes leave nothing", testWrongSizes},
		{"broken body leaves nothing", testBrokenBody},
		{"absent", testAbsent},
		{"delete", testDelete},
		{"list", testList},
		{"names", testNames},
		{"cancelled", testCancelled},
		{"ping", func(t *testing.T, b vault.Blobs) {
			if err := b.Ping(t.Context()); err != nil {
				t.Errorf("Ping: %v", err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// conformName is a fresh name.
func conformName() string { return "conform/" + strings.ToLower(rand.Text()) }

func put(t *testing.T, b vault.Blobs, name string, body []byte) {
	t.Helper()
	if err := b.Put(t.Context(), name, bytes.NewReader(body), int64(len(body))); err != nil {
		t.Fatalf("Put(%d bytes): %v", len(body), err)
	}
}

func get(t *testing.T, b vault.Blobs, name string) []byte {
	t.Helper()
	r, err := b.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return body
}

func wantAbsent(t *testing.T, b vault.Blobs, name string) {
	t.Helper()
	r, err := b.Get(t.Context(), name)
	if err == nil {
		r.Close()
	}
	if !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("Get of what is not there: got %v, want ErrAbsent", err)
	}
}

func testRoundTrip(t *testing.T, b vault.Blobs) {
	for _, size := range []int{0, 1, 4096, 64<<10 + 1, 6 << 20, 17 << 20} {
		body := make([]byte, size)
		rand.Read(body) // never fails (crypto/rand)
		name := conformName()
		// A reader that cannot seek, as a request body is.
		if err := b.Put(t.Context(), name, io.MultiReader(bytes.NewReader(body)), int64(size)); err != nil {
			t.Fatalf("Put of %d bytes: %v", size, err)
		}
		if got := get(t, b, name); !bytes.Equal(got, body) {
			t.Errorf("Get after Put of %d bytes: got %d other bytes", size, len(got))
		}
		if err := b.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
}

func testNeverOverwrites(t *testing.T, b vault.Blobs) {
	name := conformName()
	put(t, b, name, []byte("first"))
	for _, again := range []string{"other", "first", ""} {
		err := b.Put(t.Context(), name, strings.NewReader(again), int64(len(again)))
		if !errors.Is(err, vault.ErrExists) {
			t.Errorf("Put of %q over an object: got %v, want ErrExists", again, err)
		}
	}
	if got := get(t, b, name); string(got) != "first" {
		t.Errorf("object after refused Puts: got %q, want %q", got, "first")
	}
}

func testOneWins(t *testing.T, b vault.Blobs) {
	const writers = 8
	name := conformName()
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte(i)}, 1000)
			errs[i] = b.Put(t.Context(), name, bytes.NewReader(body), 1000)
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("writers %d and %d both stored the object", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, vault.ErrExists):
			t.Errorf("writer %d: got %v, want nil or ErrExists", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("no writer stored the object")
	}
	if got := get(t, b, name); !bytes.Equal(got, bytes.Repeat([]byte{byte(winner)}, 1000)) {
		t.Errorf("object is not what the winner, %d, wrote", winner)
	}
}

func testWrongSizes(t *testing.T, b vault.Blobs) {
	for _, c := range []struct {
		name string
		size int64
	}{{"shorter than announced", 9}, {"longer than announced", 3}} {
		name := conformName()
		if err := b.Put(t.Context(), name, io.MultiReader(strings.NewReader("sealed")), c.size); err == nil {
			t.Errorf("Put of a body %s: got nil, want an error", c.name)
		}
		wantAbsent(t, b, name)
	}
}

func testBrokenBody(t *testing.T, b vault.Blobs) {
	broken := errors.New("body broke")
	name := conformName()
	body := io.MultiReader(strings.NewReader("sea"), iotest.ErrReader(broken))
	if err := b.Put(t.Context(), name, body, 6); !errors.Is(err, broken) {
		t.Errorf("Put of a body that breaks: got %v, want its error", err)
	}
	wantAbsent(t, b, name)
	put(t, b, name, []byte("sealed"))
	if got := get(t, b, name); string(got) != "sealed" {
		t.Errorf("Put after a broken one: got %q, want %q", got, "sealed")
	}
}

func testAbsent(t *testing.T, b vault.Blobs) {
	wantAbsent(t, b, conformName())
	put(t, b, "conform/folder/object", []byte("x"))
	wantAbsent(t, b, "conform/folder")
	if err := b.Delete(t.Context(), "conform/folder"); err != nil {
		t.Errorf("Delete of a name's beginning: %v", err)
	}
	if got := get(t, b, "conform/folder/object"); string(got) != "x" {
		t.Errorf("object after Delete of its name's beginning: got %q", got)
	}
	if err := b.Delete(t.Context(), "conform/folder/object"); err != nil {
		t.Errorf("Delete: %v", err)
	}
}

func testDelete(t *testing.T, b vault.Blobs) {
	name := conformName()
	if err := b.Delete(t.Context(), name); err != nil {
		t.Errorf("Delete of what is not there: %v", err)
	}
	put(t, b, name, []byte("sealed"))
	put(t, b, name+"-other", []byte("other"))
	for range 2 {
		if err := b.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete: %v", err)
		}
		wantAbsent(t, b, name)
	}
	if got := get(t, b, name+"-other"); string(got) != "other" {
		t.Errorf("object with a longer name: got %q, want %q", got, "other")
	}
	put(t, b, name, []byte("again"))
	if got := get(t, b, name); string(got) != "again" {
		t.Errorf("object put again: got %q, want %q", got, "again")
	}
}

func testList(t *testing.T, b vault.Blobs) {
	dir := conformName()
	want := map[string]int64{}
	for i := range 30 {
		name := fmt.Sprintf("%s/%d/object-%d", dir, i%3, i)
		put(t, b, name, make([]byte, i))
		want[name] = int64(i)
	}
	put(t, b, dir+"-beside", []byte("x"))
	for prefix, count := range map[string]int{dir + "/": 30, dir + "/1/": 10, dir + "/2/object-2": 5, dir + "/9": 0, dir: 31} {
		got := 0
		err := b.List(t.Context(), prefix, func(name string, size int64) error {
			got++
			if n, ok := want[name]; ok && n != size {
				t.Errorf("List(%q): %s has size %d, want %d", prefix, name, size, n)
			}
			return nil
		})
		if err != nil || got != count {
			t.Errorf("List(%q): got %d objects and %v, want %d", prefix, got, err, count)
		}
	}
	stop := errors.New("enough")
	calls := 0
	err := b.List(t.Context(), dir, func(string, int64) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("List whose function fails: got %v after %d calls, want its error after 1", err, calls)
	}
}

func testNames(t *testing.T, b vault.Blobs) {
	for _, name := range []string{"", "/", "a/", "/a", "a//b", "..", "a/../b", "A", "a b", "a\x00", "ä", "a.b", strings.Repeat("a", 201)} {
		_, getErr := b.Get(t.Context(), name)
		for op, err := range map[string]error{
			"Put":    b.Put(t.Context(), name, strings.NewReader("x"), 1),
			"Get":    getErr,
			"Delete": b.Delete(t.Context(), name),
		} {
			if !errors.Is(err, vault.ErrInvalid) {
				t.Errorf("%s(%q): got %v, want ErrInvalid", op, name, err)
			}
		}
	}
	for _, name := range []string{"conform/a-b_c0", "conform/" + strings.Repeat("a", 192)} {
		put(t, b, name, []byte("x"))
		var found []string
		err := b.List(t.Context(), name, func(n string, _ int64) error { found = append(found, n); return nil })
		if err != nil || !slices.Equal(found, []string{name}) {
			t.Errorf("List of a name of %d bytes: got %d names and %v", len(name), len(found), err)
		}
		if err := b.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
}

func testCancelled(t *testing.T, b vault.Blobs) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	name := conformName()
	if err := b.Put(ctx, name, strings.NewReader("sealed"), 6); err == nil {
		t.Error("Put with a cancelled context: got nil")
	}
	wantAbsent(t, b, name)
}
