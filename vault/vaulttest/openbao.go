package vaulttest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// OpenBao starts the program that CLINIVAULT_OPENBAO names (bao or vault) in its
// development mode with TLS, with a fresh Transit key. Without the variable the
// test is skipped and says so.
func OpenBao(t testing.TB) vault.TransitConfig {
	t.Helper()
	program := os.Getenv("CLINIVAULT_OPENBAO")
	if program == "" {
		t.Skip("SKIPPED, OpenBao not tested: CLINIVAULT_OPENBAO names no program")
	}
	dir, root := t.TempDir(), secret()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "server", "-dev-tls", "-dev-tls-cert-dir="+dir, "-dev-root-token-id="+root,
		fmt.Sprintf("-dev-listen-address=127.0.0.1:%d", port))
	cmd.Env = append(os.Environ(), "HOME="+dir)
	p, err := spawn(cmd)
	if err != nil {
		t.Fatalf("starting OpenBao: %v", err)
	}
	t.Cleanup(p.stop)
	address := fmt.Sprintf("https://127.0.0.1:%d", port)
	ask := func(path, body string) error { return askBao(dir, address+path, root, body) }
	if err := p.await(func() error { return ask("/v1/sys/mounts/transit", `{"type":"transit"}`) }); err != nil {
		t.Fatalf("starting OpenBao: %v", err)
	}
	if err := ask("/v1/transit/keys/clinivault", `{"type":"aes256-gcm96"}`); err != nil {
		t.Fatalf("making a key: %v", err)
	}
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(root), 0o600); err != nil {
		t.Fatal(err)
	}
	return vault.TransitConfig{Address: address, Key: "clinivault", TokenFile: token, CAFile: baoCA(dir), Memory: -1}
}

// baoCA is the file in which the development mode leaves its authority.
func baoCA(dir string) string {
	found, err := filepath.Glob(filepath.Join(dir, "*-ca.pem"))
	if err != nil || len(found) == 0 {
		return filepath.Join(dir, "vault-ca.pem")
	}
	return found[0]
}

func askBao(dir, address, token, body string) error {
	pem, err := os.ReadFile(baoCA(dir))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodPost, address, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("X-Vault-Token", token)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}
