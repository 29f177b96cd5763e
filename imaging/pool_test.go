//go:build linux

package imaging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// children makes a pool whose children are this test binary in one of its roles.
func children(t testing.TB, role string, change func(*PoolConfig)) *Pool {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := PoolConfig{Command: []string{exe, role}, CPUSeconds: 60, Timeout: time.Minute}
	if change != nil {
		change(&cfg)
	}
	p, err := NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func inProcess(t testing.TB) *Pool {
	t.Helper()
	p, err := NewPool(PoolConfig{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNewPoolFailsClosed(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  PoolConfig
	}{
		{"nothing said", PoolConfig{}},
		{"both said", PoolConfig{Command: []string{"x"}, InProcess: true}},
	} {
		if p, err := NewPool(tc.cfg); err == nil {
			t.Errorf("%s: got pool %v, want an error", tc.name, p)
		}
	}
}

// TestPoolJourney reads, redacts, covers and charts, in a real child and in process, and wants the same.
func TestPoolJourney(t *testing.T) {
	ctx := context.Background()
	dirty := withOrientation(photo(t, 400, 301), 6)
	var digests [2][]string
	for i, p := range []*Pool{children(t, "child", nil), inProcess(t)} {
		r, err := p.Read(ctx, dirty)
		if err != nil {
			t.Fatal(err)
		}
		if r.Still.Width() != 301 || r.Still.Facts().Orientation != 6 || len(r.Detectors) == 0 {
			t.Errorf("got width %d, facts %+v, detectors %v", r.Still.Width(), r.Still.Facts(), r.Detectors)
		}
		if r.Thumb.Height() != 320 || r.Display.Height() != 400 {
			t.Errorf("got thumb %d, display %d high, want 320 and 400", r.Thumb.Height(), r.Display.Height())
		}
		region := []Region{{Kind: KindDrawn, Box: Box{20, 30, 60, 90}, Source: SourcePerson}}
		red, err := p.Redact(ctx, r.Still.Bytes(), region)
		if err != nil {
			t.Fatal(err)
		}
		thumb, display, err := p.Cover(ctx, r.Still.Bytes(), region)
		if err != nil {
			t.Fatal(err)
		}
		if display.Digest() != red.Display.Digest() || thumb.Digest() != red.Thumb.Digest() {
			t.Error("covering and redacting the same region look different")
		}
		chart, w, h, err := p.Chart(ctx, red.Still.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if w != 301 || h != 400 {
			t.Errorf("chart: got %d × %d, want 301 × 400", w, h)
		}
		for _, s := range []*Still{r.Still, r.Thumb, r.Display, r.CoveredThumb, r.CoveredDisplay, red.Still, thumb, mustRead(t, chart)} {
			d := s.Digest()
			digests[i] = append(digests[i], string(d[:]))
		}
	}
	if strings.Join(digests[0], "") != strings.Join(digests[1], "") {
		t.Error("a child and this process make different pictures")
	}
}

// TestPoolErrors wants errors about the picture to cross the pipe with their sentence.
func TestPoolErrors(t *testing.T) {
	p := children(t, "child", nil)
	for _, tc := range []struct {
		name string
		data []byte
		want error
	}{
		{"not a picture", []byte("hello, this is no picture"), ErrNotPicture},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00"), ErrUnsupported},
		{"cut short", photo(t, 64, 64)[:700], ErrTruncated},
		{"PNG bomb", pngHeader(1<<31-1, 1<<31-1), ErrTooLarge},
		{"too long", make([]byte, 32<<20+1), ErrTooLarge},
	} {
		_, want := Read(tc.data, Limits{})
		_, err := p.Read(context.Background(), tc.data)
		if !errors.Is(err, tc.want) || errors.Is(err, ErrChild) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
		if Reason(err) != Reason(want) {
			t.Errorf("%s: got %q, want %q", tc.name, Reason(err), Reason(want))
		}
	}
	if _, err := p.Redact(context.Background(), withOrientation(photo(t, 64, 64), 1), nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("redacting a picture that is not clean: got %v, want %v", err, ErrMalformed)
	}
}

// TestChildLimits wants a child that spins, hoards, hangs, dies or talks nonsense to cost itself only.
func TestChildLimits(t *testing.T) {
	for _, tc := range []struct {
		role  string
		cause string
	}{
		{"child-spin", "processor limit"},
		{"child-eat", "memory limit"},
		{"child-hang", "time limit"},
		{"child-exit", "status 7"},
		{"child-garbage", "garbled"},
		{"child-flood", "answer too long"},
	} {
		t.Run(tc.role, func(t *testing.T) {
			if underRace && tc.role == "child-eat" {
				t.Skip("SKIPPED: the race detector's own memory is beyond the limit")
			}
			p := children(t, tc.role, func(c *PoolConfig) {
				c.CPUSeconds, c.MemoryBytes, c.Timeout = 1, 256<<20, 20*time.Second
				c.Limits.MaxBytes = 1 << 20
				if tc.role == "child-eat" {
					c.CPUSeconds = 10 // so that on a busy machine memory still runs out first
				}
				if tc.role == "child-hang" {
					c.Timeout = 300 * time.Millisecond
				}
			})
			_, err := p.Read(context.Background(), photo(t, 64, 64))
			if !errors.Is(err, ErrChild) || !strings.Contains(err.Error(), tc.cause) {
				t.Errorf("got %v, want %v: %s", err, ErrChild, tc.cause)
			}
			if len(p.slots) != 0 {
				t.Error("the slot was not given back")
			}
		})
	}
}

// TestBombCostsItsChild sends real bombs and small photos through one pool at once: each bomb stops its own child
// at the memory limit, and the photos come through.
func TestBombCostsItsChild(t *testing.T) {
	if underRace {
		t.Skip("SKIPPED: the race detector's own memory is beyond the limit")
	}
	var bomb bytes.Buffer
	if err := png.Encode(&bomb, image.NewRGBA(image.Rect(0, 0, 7000, 7000))); err != nil {
		t.Fatal(err)
	}
	small := photo(t, 64, 48)
	p := children(t, "child", func(c *PoolConfig) { c.MemoryBytes, c.Size = 160<<20, 4 })
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			_, err := p.Read(context.Background(), bomb.Bytes())
			if !errors.Is(err, ErrChild) || !strings.Contains(err.Error(), "memory limit") {
				t.Errorf("%d bytes that become 49 megapixels: got %v, want the memory limit", bomb.Len(), err)
			}
			if got := Reason(err); !strings.Contains(got, "too much memory or time") {
				t.Errorf("got reason %q", got)
			}
		})
		wg.Go(func() {
			if _, err := p.Read(context.Background(), small); err != nil {
				t.Errorf("a small photo beside the bomb: got %v, want none", err)
			}
		})
	}
	wg.Wait()
}

// TestPoolSize counts the children that run at once.
func TestPoolSize(t *testing.T) {
	p := children(t, "child-hang", func(c *PoolConfig) { c.Size, c.Timeout = 2, 250*time.Millisecond })
	most := 0
	done := make(chan error)
	for range 5 {
		go func() {
			_, err := p.Read(context.Background(), []byte("x"))
			done <- err
		}()
	}
	for range 5 {
		most = max(most, len(p.slots))
		if err := <-done; !errors.Is(err, ErrChild) {
			t.Errorf("got %v, want %v", err, ErrChild)
		}
	}
	if most > 2 || cap(p.slots) != 2 {
		t.Errorf("got %d children at once, want at most 2", most)
	}
}

// TestChildMainRefuses gives a child requests that are none.
func TestChildMainRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": "", "noise": "GET / HTTP/1.1\r\n\r\n", "cut head": "CVF1\x00\x00\x00\x09{}",
		"head of 4 GB": "CVF1\xff\xff\xff\xff", "not JSON": "CVF1\x00\x00\x00\x02no",
	} {
		var out bytes.Buffer
		if got := ChildMain(strings.NewReader(in), &out); got == 0 || out.Len() != 0 {
			t.Errorf("%s: got status %d and %d bytes, want a failure and nothing said", name, got, out.Len())
		}
	}
}

// TestUnknownQuestion wants a question nobody knows refused, and a picture that is not clean refused in all but
// the first reading.
func TestUnknownQuestion(t *testing.T) {
	clean := mustRead(t, photo(t, 16, 16)).Bytes()
	if _, err := handle(request{Op: "delete"}, clean); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want %v", err, ErrMalformed)
	}
	for _, op := range []string{opRedact, opCover, opChart} {
		if _, err := handle(request{Op: op}, photo(t, 16, 16)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s of a picture that is not clean: got %v, want %v", op, err, ErrMalformed)
		}
	}
}

// TestSubvertedChild wants the parent to believe nothing.
func TestSubvertedChild(t *testing.T) {
	ctx := context.Background()
	clean := mustRead(t, photo(t, 64, 64)).Bytes()
	if _, err := children(t, "child-dirty", nil).Read(ctx, clean); !errors.Is(err, ErrChild) {
		t.Errorf("a comment in the answer: got %v, want %v", err, ErrChild)
	}
	if _, err := children(t, "child-bigbox", nil).Read(ctx, clean); !errors.Is(err, ErrChild) {
		t.Errorf("a region outside: got %v, want %v", err, ErrChild)
	}
	region := []Region{{Kind: KindDrawn, Box: Box{8, 8, 40, 40}, Source: SourcePerson}}
	if _, err := children(t, "child-unmasked", nil).Redact(ctx, clean, region); !errors.Is(err, ErrProof) {
		t.Errorf("nothing masked: got %v, want %v", err, ErrProof)
	}
}

// TestChildSeesNothing asks a child for its environment, directory, files and network.
func TestChildSeesNothing(t *testing.T) {
	t.Setenv("CLINIVAULT_TEST_SECRET", "x")
	_, err := children(t, "child-spy", nil).Read(context.Background(), []byte("x"))
	if err == nil || !errors.Is(err, ErrUnsupported) {
		t.Fatalf("got %v, want the spy's report", err)
	}
	for _, want := range []string{"env=0", "dir=/ ", "wrote=no"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	t.Logf("%v", err)
}

// TestStartThatFailsKeepsNamespaces: whoever makes one start fail, say by using up the files, must not have every
// later child run without namespaces.
func TestStartThatFailsKeepsNamespaces(t *testing.T) {
	p, err := NewPool(PoolConfig{Command: []string{filepath.Join(t.TempDir(), "absent"), "child"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(context.Background(), []byte("x")); err == nil || errors.Is(err, ErrChild) {
		t.Errorf("starting what is not there: got %v, want an error that says nothing of the picture", err)
	}
	if p.plain.Load() {
		t.Error("later children would start without namespaces")
	}
	for err, want := range map[error]bool{syscall.EPERM: true, syscall.ENOSYS: true, syscall.EINVAL: true, syscall.ENOSPC: true,
		syscall.EMFILE: false, syscall.ENFILE: false, syscall.EAGAIN: false, syscall.ENOMEM: false, syscall.ENOENT: false} {
		if got := refusesNamespaces(&os.PathError{Op: "fork/exec", Err: err}); got != want {
			t.Errorf("%v: got %v, want %v", err, got, want)
		}
	}
}

// TestPoolContext wants an ended context to be no fault of the picture.
func TestPoolContext(t *testing.T) {
	p := children(t, "child-hang", func(c *PoolConfig) { c.Size = 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 2 { // one runs, one waits
		wg.Go(func() {
			if _, err := p.Read(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrChild) {
				t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
			}
		})
	}
	wg.Wait()
	missing, err := NewPool(PoolConfig{Command: []string{filepath.Join(t.TempDir(), "nothing")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := missing.Read(context.Background(), []byte("x")); err == nil || errors.Is(err, ErrChild) {
		t.Errorf("no such program: got %v, want an error that is not the picture's", err)
	}
}

// TestPoolHEIC reads a real HEIC under the default limits of a child.
func TestPoolHEIC(t *testing.T) {
	p := children(t, "child", func(c *PoolConfig) { c.CPUSeconds = 20 })
	read := 0
	for _, name := range files(t, filepath.Join(shared(t, "metadata"), "other")) {
		if ext := filepath.Ext(name); read == 1 || (ext != ".heic" && ext != ".heif") {
			continue
		}
		r, err := p.Read(context.Background(), load(t, name))
		if errors.Is(err, ErrChild) {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
		if err == nil {
			read++
			if r.Still.Converted() != "HEIC" {
				t.Errorf("%s: got converted %q, want HEIC", filepath.Base(name), r.Still.Converted())
			}
		}
	}
	if read == 0 && !underRace {
		t.Error("no HEIC was read in a child")
	}
}

func TestFrames(t *testing.T) {
	whole, err := appendFrame(&response{Facts: Facts{Make: "Maker"}}, []byte("one"), []byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseResponse(whole)
	if err != nil || got.Facts.Make != "Maker" || len(got.pictures) != 2 || string(got.pictures[1]) != "two" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for cut := range len(whole) {
		if r, err := parseResponse(whole[:cut]); err == nil && len(r.pictures) == 2 {
			t.Errorf("cut at %d: taken for whole", cut)
		}
	}
	for name, data := range map[string][]byte{
		"trailing bytes": append(bytes.Clone(whole), 1),
		"long head":      []byte("CVF1\xff\xff\xff\xff"),
		"unknown field":  []byte("CVF1\x00\x00\x00\x09{\"new\":1}"),
		"long picture":   append([]byte("CVF1\x00\x00\x00\x02{}"), bytes.Repeat([]byte{0xff}, 12)...),
	} {
		if _, err := parseResponse(data); !errors.Is(err, errFrame) {
			t.Errorf("%s: got %v, want %v", name, err, errFrame)
		}
	}
}

// TestErrorsCarryNoInput wants what a child says bounded and plain.
func TestErrorsCarryNoInput(t *testing.T) {
	evil := &response{Code: "malformed", Cause: "bad\nthing \x1b[31m" + strings.Repeat("x", 500)}
	b, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	var back response
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if got := back.err().Error(); len(got) > 250 || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("got %d bytes of %q", len(got), got)
	}
}
