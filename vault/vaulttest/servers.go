package vaulttest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Real servers for tests: PostgreSQL, MinIO, versitygw, Orthanc and a FHIR R4
// server. Each is started at most once in a test binary, on a free loopback
// port in a temporary directory, and stopped by Main.
//
// A package that uses them has
//
//	func TestMain(m *testing.M) { os.Exit(vaulttest.Main(m)) }
//
// Where a program is missing the test is skipped and says so; with
// CLINIVAULT_TOOLS=required, as `make test` sets it, it fails instead.

// readyWithin is how long a server may take to answer; a cold, busy machine
// with two cores has needed twenty seconds.
const readyWithin = 90 * time.Second

var farm struct {
	mu      sync.Mutex
	running bool
	stops   []func()
	servers map[string]any
}

// Main runs the tests of a package and then stops the servers they started.
// It returns the exit code for os.Exit.
func Main(m *testing.M) int {
	launchTrapped() // in a process that Steps.Start began; it does not return
	launchTransit() // in a process that StartTransit began; it does not return
	farm.mu.Lock()
	farm.running = true
	farm.servers = map[string]any{}
	farm.mu.Unlock()
	code := m.Run()
	farm.mu.Lock()
	defer farm.mu.Unlock()
	for i := len(farm.stops) - 1; i >= 0; i-- {
		farm.stops[i]()
	}
	return code
}

// errMissing says that a program the server needs is not on this machine.
var errMissing = errors.New("program missing; scripts/tools.sh installs it")

// shared starts the named server on first use and gives the same to later tests.
func shared[T any](t testing.TB, name string, start func(dir string) (T, func(), error)) T {
	t.Helper()
	farm.mu.Lock()
	defer farm.mu.Unlock()
	if !farm.running {
		t.Fatal("vaulttest: the package's TestMain must call vaulttest.Main")
	}
	if s, ok := farm.servers[name]; ok {
		return s.(T)
	}
	dir, err := os.MkdirTemp("", "clinivault-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	s, stop, err := start(dir)
	if err != nil {
		os.RemoveAll(dir)
		if errors.Is(err, errMissing) && os.Getenv("CLINIVAULT_TOOLS") != "required" {
			t.Skipf("SKIPPED, %s not tested: %v", name, err)
		}
		t.Fatalf("starting %s: %v", name, err)
	}
	farm.servers[name] = s
	farm.stops = append(farm.stops, func() {
		stop()
		os.RemoveAll(dir)
	})
	return s
}

// Root returns the project's root folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Tool finds a program: first in the project's own .cache/bin, then in the
// given places, then on PATH. The error wraps errMissing.
func Tool(name string, places ...string) (string, error) {
	places = append([]string{filepath.Join(Root(), ".cache", "bin", name)}, places...)
	for _, pattern := range places {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s: %w", name, errMissing)
}

// awaitBuild waits while scripts/tools.sh is building a program: MinIO takes
// minutes the first time, beside the tests that do not need it.
func awaitBuild(name string) {
	for deadline := time.Now().Add(25 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		if building, _ := filepath.Glob(filepath.Join(Root(), ".cache", "bin", name+".building.*")); len(building) == 0 {
			return
		}
	}
}

// RequireTool is Tool for tests: it skips loudly, or fails where the tools are
// required.
func RequireTool(t testing.TB, name string) string {
	t.Helper()
	path, err := Tool(name)
	if err != nil && os.Getenv("CLINIVAULT_TOOLS") == "required" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	return path
}

// RequireModule is RequireTool for a module of npm: it gives the node that can load it, and the folder of the scripts.
func RequireModule(t testing.TB, name string) (node, scripts string) {
	t.Helper()
	node, scripts = RequireTool(t, "node"), filepath.Join(Root(), "scripts")
	_, err := os.Stat(filepath.Join(scripts, "node_modules", filepath.FromSlash(name)))
	switch {
	case err == nil:
	case os.Getenv("CLINIVAULT_TOOLS") == "required":
		t.Fatalf("%s: %v", name, errMissing)
	default:
		t.Skipf("SKIPPED: %s: %v", name, errMissing)
	}
	return node, scripts
}

// process is a child that dies with the test binary.
type process struct {
	cmd  *exec.Cmd
	log  *tail
	done chan struct{}
}

// spawn starts a command. Pdeathsig is tied to the starting thread, so that
// thread is kept until the child has ended.
func spawn(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, log: &tail{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// stop asks the child to end and insists after ten seconds.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// await polls ready until it is nil; it gives up when the child has ended.
func (p *process) await(ready func() error) error {
	deadline := time.After(readyWithin)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %s", p.log)
		case <-deadline:
			p.stop()
			return fmt.Errorf("not ready: %w: %s", err, p.log)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tail keeps the last 4 KiB a child printed.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	if over := len(l.buf) - 4096; over > 0 {
		l.buf = append(l.buf[:0], l.buf[over:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.buf))
}

// freePort returns a loopback TCP port that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// secret returns a fresh random text for a server's password.
func secret() string { return rand.Text() }
