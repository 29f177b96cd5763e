package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	tests := []struct {
		name, text, problem string
	}{
		{"the smallest", `{"data": "d"}`, ""},
		{"empty", ``, "reading the configuration"},
		{"unknown field", `{"data": "d", "dta": 1}`, "dta"},
		{"two values", `{"data": "d"} {"data": "e"}`, "more than one"},
		{"no data", `{}`, `"data"`},
		{"listen without port", `{"data": "d", "listen": "localhost"}`, "host:port"},
		{"half a certificate", `{"data": "d", "tls": {"cert_file": "c"}}`, "key_file"},
		{"database without file", `{"data": "d", "database": {}}`, "postgres_dsn_file"},
		{"store without bucket", `{"data": "d", "minio": {"endpoint": "h:1", "access_key_file": "a", "secret_key_file": "s"}}`, "bucket"},
		{"secret in the file", `{"data": "d", "minio": {"secret_key": "x"}}`, "secret_key"},
		{"a glass broken for too long", `{"data": "d", "break_glass_minutes": 481}`, "break_glass_minutes"},
		{"a glass broken for no time", `{"data": "d", "break_glass_minutes": 4}`, "break_glass_minutes"},
		{"wristbands of another kind", `{"data": "d", "wristband": {"plain": "gtin"}}`, "record_number"},
		{"a ward list for two days", `{"data": "d", "wristband": {"list_hours": 48}}`, "list_hours"},
		{"wristbands", `{"data": "d", "wristband": {"plain": "nhs", "list_hours": 4}}`, ""},
		{"negative time", `{"data": "d", "claim_minutes": -1}`, "negative"},
		{"second opinion without a digest", `{"data": "d", "second_opinion": {"path": "w.onnx"}}`, "sha256"},
		{"log format", `{"data": "d", "log_format": "xml"}`, "log_format"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseConfig([]byte(tt.text), "/base")
			switch {
			case tt.problem == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
				t.Errorf("got %v, want an error that names %q", err, tt.problem)
			}
		})
	}
}

func TestConfigPathsAreRelativeToTheFile(t *testing.T) {
	c, err := parseConfig([]byte(`{"data": "d", "tls": {"cert_file": "/abs/c", "key_file": "k"},
		"second_opinion": {"path": "w.onnx", "sha256": "0"}}`), "/base")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ got, want string }{
		{c.Data, "/base/d"}, {c.RootKeyFile, "/base/d/root.key"}, {c.TLS.CertFile, "/abs/c"}, {c.TLS.KeyFile, "/base/k"},
		{c.SecondOpinion.Path, "/base/w.onnx"},
	} {
		if p.got != p.want {
			t.Errorf("got %s, want %s", p.got, p.want)
		}
	}
}

// TestSecondOpinionIsChecked: the service does not start with weights that are missing or not those named.
func TestSecondOpinionIsChecked(t *testing.T) {
	weights := filepath.Join(t.TempDir(), "w.onnx")
	for _, tt := range []struct{ name, says string }{{"missing", "no such file"}, {"not those", "SHA-256"}} {
		_, err := (&Config{SecondOpinion: &OpinionConfig{Path: weights, SHA256: strings.Repeat("0", 64)}}).newPool()
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.says)
		}
		if err := os.WriteFile(weights, []byte("something else"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlainHTTPOnLoopbackOnly: away from loopback there is always TLS.
func TestPlainHTTPOnLoopbackOnly(t *testing.T) {
	for listen, secure := range map[string]bool{
		"127.0.0.1:1": false, "[::1]:1": false, "localhost:1": false, "127.9.9.9:1": false,
		"0.0.0.0:1": true, ":1": true, "192.0.2.7:1": true, "ward.example:1": true, "[::]:1": true,
	} {
		c := &Config{Listen: listen}
		if got := c.secure(); got != secure {
			t.Errorf("%s: got TLS %v, want %v", listen, got, secure)
		}
	}
}

func TestOIDCConfig(t *testing.T) {
	with := func(more string) string {
		return `{"data":"d","oidc":{"issuer":"https://login.example","client_id":"c","client_secret_file":"oidc.secret","ca_file":"ca.pem","address":"https://photos.example"` + more + `}}`
	}
	c, err := parseConfig([]byte(with(`,"only":true,"claims":{"groups":"roles"}`)), "/etc/clinivault")
	if err != nil {
		t.Fatal(err)
	}
	if c.OIDC.ClientSecretFile != "/etc/clinivault/oidc.secret" || c.OIDC.CAFile != "/etc/clinivault/ca.pem" || !c.oidcOnly() || c.OIDC.Claims.Groups != "roles" {
		t.Errorf("got %+v", c.OIDC)
	}
	if names := hostNames(c); !slices.Contains(names, "photos.example") {
		t.Errorf("host names %v lack the address that people come back to", names)
	}
	for name, more := range map[string]string{
		"a field that is not known": `,"client_secret":"in the file"`, "more skew than is sound": `,"clock_skew_seconds":600`, "plain http": `,"address":"http://photos.example"`,
	} {
		if _, err := parseConfig([]byte(with(more)), "/etc/clinivault"); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, text, want string }{
		{"plain", "s3cret", "s3cret"}, {"line end", " s3cret\n", "s3cret"}, {"empty", "\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(dir, tt.name)
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readSecret(file)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if _, err := readSecret(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing file: got no error")
	}
}
