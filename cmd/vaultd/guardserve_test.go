package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestGuardCommand runs the real program from its configuration file: it guards, tells its numbers, and stops cleanly.
func TestGuardCommand(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	cert, key := certFiles(t)
	secrets := writeFiles(t, cfg.AccessKey+"\n", cfg.SecretKey+"\n")
	listen, metrics := freeAddress(t), freeAddress(t)
	text, err := json.Marshal(GuardConfig{Listen: listen, TLS: &TLSConfig{CertFile: cert, KeyFile: key}, Store: cfg.Endpoint,
		StoreCAFile: cfg.CAFile, Bucket: cfg.Bucket, AccessKeyFile: secrets[0], SecretKeyFile: secrets[1], MetricsListen: metrics})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "guard.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(path, "guard", "--config", file)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped := false
	defer func() {
		if !stopped {
			_ = cmd.Process.Kill()
			<-ended
		}
	}()
	answers := func(url string) (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			return 0, ""
		}
		return resp.StatusCode, b.String()
	}
	eventually(t, "the guard's health", 30*time.Second, func() bool {
		status, _ := answers("http://" + metrics + "/healthz")
		return status == http.StatusNoContent
	})
	guarded := cfg
	guarded.Endpoint, guarded.CAFile = listen, cert
	openStore(t, guarded)
	if _, body := answers("http://" + metrics + "/metrics"); !strings.Contains(body, `call="object.make"`) {
		t.Error("the numbers do not tell of the object that was made")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		stopped = true
		if err != nil || !strings.Contains(said.String(), fmt.Sprintf("guarding %s at https://%s", cfg.Endpoint, listen)) {
			t.Errorf("the guard ended with %v and said %s", err, said.String())
		}
	case <-time.After(30 * time.Second):
		t.Error("the guard does not stop")
	}
}
