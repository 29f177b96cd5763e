package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// asProgram is the first argument with which this test program is the capture program.
const asProgram = "as-capture"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		os.Args = slices.Delete(os.Args, 1, 2)
		main()
	}
	os.Exit(vaulttest.Main(m))
}

// camera is the folder of a tethered camera, watched by the real program in a process of its own.
type camera struct {
	*bench
	dir, folder, state string
}

func newCamera(b *bench) *camera {
	b.t.Helper()
	c := &camera{bench: b, dir: b.t.TempDir()}
	c.folder, c.state = filepath.Join(c.dir, "camera"), filepath.Join(c.dir, "state")
	for _, dir := range []string{c.folder, c.state} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			b.t.Fatal(err)
		}
	}
	session, err := os.ReadFile(filepath.Join(b.state, "clinivault", accountFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(c.state, accountFile), session, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// program is the watching program.
func (c *camera) program(ctx context.Context) *exec.Cmd {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, asProgram, "watch", "--state", c.state, "--folder", c.folder, "--patient", "1001",
		"--site", "neck", "--settle", "100ms", "--existing", "--transport", "https")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// left are the files of the folder, what waits in the queue, and the notes of originals.
func (c *camera) left() (files, waiting, notes []string) {
	c.t.Helper()
	entries, err := os.ReadDir(c.folder)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, e.Name())
	}
	waiting, err = filepath.Glob(filepath.Join(c.state, "queue", "*"+sealedSuffix))
	if err == nil {
		notes, err = filepath.Glob(filepath.Join(c.state, "originals", "*"+noteSuffix))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return files, waiting, notes
}

// done reports whether the photo is received, and nothing of it is left here.
func (c *camera) done(picture []byte) bool {
	files, waiting, notes := c.left()
	n, _ := c.server.has(picture)
	return len(files)+len(waiting)+len(notes) == 0 && n > 0
}

// whole reports whether the original is as it was.
func (c *camera) whole(picture []byte) bool {
	got, err := os.ReadFile(filepath.Join(c.folder, "IMG_0001.jpg"))
	return err == nil && bytes.Equal(got, picture)
}

// rounds is how many rounds a drill runs.
func rounds(t *testing.T, usual int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("CLINIVAULT_DRILL"))
	if err != nil || n < 1 {
		return usual
	}
	return n
}

// TestWatchKilled ends the watching program at each step that changes its folders, a few of them when nobody asks for
// more, as the loss of power would. The photo is then the untouched original, or sealed; and after a run that is left
// alone it is received once, and nothing of it is left.
func TestWatchKilled(t *testing.T) {
	b := newBench(t)
	b.signIn()
	seen := killedAt(t, b, 0, 0)
	if len(seen) < 20 {
		t.Fatalf("only %d steps were seen: the watching is wrong: %s", len(seen), strings.Join(seen, ", "))
	}
	t.Logf("%d steps", len(seen))
	all := min(rounds(t, 12), len(seen))
	points := []int{1 + slices.IndexFunc(seen, func(s string) bool { return strings.HasPrefix(s, "write camera/") })}
	for i := range all {
		points = append(points, 1+i*len(seen)/all)
	}
	for i, at := range points {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			b.t = t
			if i == 0 { // nothing leaves the queue meanwhile
				b.server.down(true)
			}
			killedAt(t, b, at, byte(i+1))
		})
	}
}

// killedAt runs one round with a picture of its own and gives the steps that were taken.
func killedAt(t *testing.T, b *bench, at int, seed byte) []string {
	t.Helper()
	c := newCamera(b)
	picture := vaulttest.Picture(t, 96, 64, seed)
	if err := os.WriteFile(filepath.Join(c.folder, "IMG_0001.jpg"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
	steps := &vaulttest.Steps{}
	cmd := c.program(t.Context())
	steps.Arm(at, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	if err := steps.Start(cmd, c.dir); err != nil {
		t.Skipf("steps cannot be counted here: %v", err)
	}
	wait(t, cmd, func() bool { return c.done(picture) })
	seen, killed := steps.Disarm()
	b.server.down(false)
	if killed != (at > 0) && at < len(seen) { // how often the queue is looked at differs by one
		t.Fatalf("killed %v at step %d of %d", killed, at, len(seen))
	}
	files, waiting, _ := c.left()
	if n, _ := b.server.has(picture); killed && !c.whole(picture) && len(waiting) == 0 && n == 0 {
		t.Fatalf("killed after %q: the photo is neither whole nor sealed; folder %q", seen[max(0, len(seen)-3):], files)
	}
	if killed && strings.HasPrefix(seen[len(seen)-1], "write camera/") {
		for _, path := range steps.Unsynced() {
			sending := strings.Contains(path, "/"+tempPrefix) || strings.HasPrefix(path, "state/queue/") && strings.Contains(path, noteSuffix)
			if strings.HasPrefix(path, "state/") && !sending { // the sender notes its tries meanwhile
				t.Errorf("the original is overwritten while %s is not durable", path)
			}
		}
	}
	if killed {
		again := c.program(t.Context())
		if err := again.Start(); err != nil {
			t.Fatal(err)
		}
		wait(t, again, func() bool { return c.done(picture) })
	}
	files, waiting, notes := c.left()
	if n, _ := b.server.has(picture); n != 1 || len(files)+len(waiting)+len(notes) > 0 {
		t.Errorf("killed after %q: received %d times, left %q, waiting %q, %d notes; want once and nothing", seen[max(0, len(seen)-3):], n, files, waiting, len(notes))
	}
	return seen
}

// down has the server take no photo for a while, or take them again.
func (s *intakeServer) down(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults = nil; is {
		s.faults = slices.Repeat([]func(http.ResponseWriter){busy("600")}, 20)
	}
}

// wait ends a program once it is done, if it does not die before.
func wait(t *testing.T, cmd *exec.Cmd, done func() bool) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			return
		default:
		}
		if done() || time.Now().After(deadline) {
			break
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-ended
}
