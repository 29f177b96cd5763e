package vaulttest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// Server is a real server of one test's own, which the test may end at any time
// and start again on the same data and address.
type Server struct {
	t       testing.TB
	command func() *exec.Cmd
	ready   func() error
	p       *process // nil while it is down
}

// Start starts the server and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.begin()
	s.await()
}

func (s *Server) begin() {
	s.t.Helper()
	p, err := spawn(s.command())
	if err != nil {
		s.t.Fatal(err)
	}
	s.p = p
}

func (s *Server) await() {
	s.t.Helper()
	if err := s.p.await(s.ready); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the server as a crash would, with a signal that it cannot put off.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Crash has PostgreSQL end at once and without a shutdown, so that it recovers
// from its write-ahead log at the next start (SIGQUIT, its documentation section
// 19.5). A SIGKILL would leave its children behind, and its memory with them.
func (s *Server) Crash() { s.end(syscall.SIGQUIT) }

func (s *Server) end(signal syscall.Signal) {
	if s.p == nil {
		return
	}
	_ = s.p.cmd.Process.Signal(signal)
	<-s.p.done
	s.p = nil
}

// startServer starts a server that the end of the test ends.
func startServer(t testing.TB, command func() *exec.Cmd, ready func() error) *Server {
	t.Helper()
	s := &Server{t: t, command: command, ready: ready}
	t.Cleanup(func() {
		if s.p != nil {
			s.p.stop()
		}
	})
	return s
}

// PostgresServer starts a PostgreSQL of the test's own and returns the DSN of a
// database on it.
func PostgresServer(t testing.TB) (*Server, string) {
	t.Helper()
	initdb := requireAt(t, "initdb", "/usr/lib/postgresql/*/bin/initdb")
	dir, err := os.MkdirTemp("", "clinivault-postgres-") // not below t.TempDir: PostgreSQL's account must get there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr, err := postgresUser(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, pwfile, password := filepath.Join(dir, "data"), filepath.Join(dir, "password"), secret()
	if err := os.WriteFile(pwfile, []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
	init := exec.Command(initdb, "-D", data, "-U", "clinivault", "--auth=scram-sha-256", "--pwfile="+pwfile, "-E", "UTF8", "--locale=C")
	init.SysProcAttr, init.Dir = attr, dir
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dsn := fmt.Sprintf("postgres://clinivault:%s@127.0.0.1:%d/postgres", password, port)
	s := startServer(t, func() *exec.Cmd {
		cmd := exec.Command(filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", strconv.Itoa(port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
		attr := *attr
		cmd.SysProcAttr, cmd.Dir = &attr, dir
		return cmd
	}, func() error { return pingPostgres(dsn) })
	s.Start()
	return s, dsn
}

// requireAt is RequireTool for a program that is not on PATH.
func requireAt(t testing.TB, name string, places ...string) string {
	t.Helper()
	path, err := Tool(name, places...)
	if err != nil && os.Getenv("CLINIVAULT_TOOLS") == "required" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	return path
}

// MinIOServers starts MinIO servers of the test's own: one, or several that form
// an erasure set of one drive each. The configuration is that of the first.
func MinIOServers(t testing.TB, n int) ([]*Server, vault.MinIOConfig) {
	t.Helper()
	awaitBuild("minio")
	minio := RequireTool(t, "minio")
	dir := t.TempDir()
	certs := filepath.Join(dir, "certs")
	c, port, err := s3Config(dir, filepath.Join("certs", "public.crt"), filepath.Join("certs", "private.key"))
	if err != nil {
		t.Fatal(err)
	}
	trustOneAnother(t, certs)
	ports := []int{port}
	for len(ports) < n {
		if port, err = freePort(); err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	drives := []string{filepath.Join(dir, "drive1")}
	if n > 1 {
		drives = nil
		for i, port := range ports {
			drives = append(drives, fmt.Sprintf("https://127.0.0.1:%d%s", port, filepath.Join(dir, "drive"+strconv.Itoa(i+1))))
		}
	}
	var servers []*Server
	for _, port := range ports {
		servers = append(servers, minioServer(t, minio, dir, port, drives, c))
	}
	for _, s := range servers {
		s.begin() // a set answers only when enough of it is there
	}
	for _, s := range servers {
		s.await()
	}
	c.Bucket = "b" + strings.ToLower(secret())
	return servers, c
}

// trustOneAnother has the servers trust their common certificate.
func trustOneAnother(t testing.TB, certs string) {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(certs, "public.crt"))
	if err == nil {
		err = os.Mkdir(filepath.Join(certs, "CAs"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(certs, "CAs", "public.crt"), pem, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func minioServer(t testing.TB, minio, dir string, port int, drives []string, c vault.MinIOConfig) *Server {
	t.Helper()
	client, err := trusting(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	return startServer(t, func() *exec.Cmd {
		cmd := exec.Command(minio, append([]string{"server", "--quiet", "--address", address, "--certs-dir", filepath.Join(dir, "certs")}, drives...)...)
		cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+c.AccessKey, "MINIO_ROOT_PASSWORD="+c.SecretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off", "HOME="+dir,
			"MINIO_CI_CD=on",               // drives of a set may lie on the system's own disk
			"_MINIO_SERVER_LOCAL="+address) // in a container a set may not find itself on loopback
		return cmd
	}, func() error {
		resp, err := client.Get("https://" + address + "/minio/health/cluster")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New("the set is not complete")
		}
		return nil
	})
}
