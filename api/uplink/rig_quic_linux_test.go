package uplink_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// buildQUIC builds the program of scripts/quic, whose module is its own.
func buildQUIC(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "quic")
	build := exec.Command("go", "build", "-C", filepath.Join("..", "..", "scripts", "quic"), "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building scripts/quic: %v\n%s", err, out)
	}
	return program
}

// serveQUIC runs the program's server on the wire's server until the wire
// ends, and returns the file that its clients need.
func serveQUIC(t testing.TB, w *wire, program string, port int) (digest string) {
	t.Helper()
	digest = filepath.Join(t.TempDir(), "digest")
	server := exec.Command(program, "serve", fmt.Sprintf("%s:%d", w.server.addr, port), digest)
	server.Stderr = os.Stderr
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.server.in(func() { err = server.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = server.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the QUIC server said %q, %v, want ready", line, err)
	}
	return digest
}

// sendQUIC sends a body of a size and returns the time the program took for
// it, from the first datagram to the answer, as the others are timed.
func sendQUIC(ctx context.Context, w *wire, program, digest string, port, size int) (time.Duration, error) {
	client := exec.CommandContext(ctx, program, "send", fmt.Sprintf("%s:%d", w.server.addr, port), strconv.Itoa(size), digest)
	var out, complaint bytes.Buffer
	client.Stdout, client.Stderr = &out, &complaint
	var err error
	w.client.in(func() { err = client.Start() })
	if err != nil {
		return 0, err
	}
	if err := client.Wait(); err != nil {
		return 0, errors.Join(err, ctx.Err(), errors.New(complaint.String()))
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
	return time.Duration(seconds * float64(time.Second)), err
}
