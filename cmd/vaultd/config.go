package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clinivault/clinivault/api"
	"github.com/clinivault/clinivault/api/chart"
	"github.com/clinivault/clinivault/vault"
)

// Config is the one file vaultd reads: JSON, unknown fields refused. Paths that
// are not absolute are relative to the file's folder. Secrets are never in it:
// it names the files that hold them, each of which holds one secret and nothing
// else but white space around it.
type Config struct {
	// Listen is the address of HTTP(S), host:port. Plain HTTP is served on
	// loopback only; any other address needs TLS. Default 127.0.0.1:8440.
	Listen string `json:"listen"`
	// Data is the folder of the embedded database, the directory store, the key
	// file and the local CA. Required.
	Data string `json:"data"`
	// Hosts are the host names (with port where it is not the default one) that
	// requests may name, besides Listen itself.
	Hosts []string `json:"hosts"`
	// TrustedProxies are the addresses or networks (CIDR) of your own proxies, whose X-Forwarded-For is believed, so
	// that limits and the log see where requests really come from. Default none.
	TrustedProxies []string `json:"trusted_proxies"`
	// TLS holds the certificate, which may be renewed while the server runs.
	// Without it, and away from loopback, a local CA is made in Data and its
	// fingerprint and QR code are printed.
	TLS *TLSConfig `json:"tls"`
	// Database: without it SQLite in Data.
	Database *DatabaseConfig `json:"database"`
	// MinIO is the object store; without it a directory in Data.
	MinIO *MinIOConfig `json:"minio"`
	// RootKeyFile holds the root key, mode 0600; default Data/root.key, made on
	// the first start. Whoever loses it loses every photo: keep a copy apart.
	RootKeyFile string `json:"root_key_file"`
	// KMS is where the root key is when it is in no file of this machine.
	KMS *KMSConfig `json:"kms"`
	// IntakeGraceDays is how long devices that were offline may send what they
	// sealed before `vaultd keys rotate intake`; default 30.
	IntakeGraceDays int `json:"intake_grace_days"`
	// Tenant is bound into every sealed object and cannot change later; default "main".
	Tenant string `json:"tenant"`
	// Chart are the receivers of approved photos.
	Chart ChartConfig `json:"chart"`
	// Worker false makes `serve` leave processing and delivery to `vaultd work`
	// on other nodes; default true.
	Worker *bool `json:"worker"`
	// ClaimMinutes is how long a reviewer holds a photo; default 10.
	ClaimMinutes int `json:"claim_minutes"`
	// BreakGlassMinutes is how long a broken glass stays open, 5 to 480; default 60.
	BreakGlassMinutes int `json:"break_glass_minutes"`
	// SessionIdleMinutes and SessionMaxHours end sessions; defaults 30 and 12.
	SessionIdleMinutes int `json:"session_idle_minutes"`
	SessionMaxHours    int `json:"session_max_hours"`
	// BackupsKeptDays is how long backups of the database are kept, which may
	// hold keys that were destroyed since: certificates of erasure name the
	// date; default 35.
	BackupsKeptDays int `json:"backups_kept_days"`
	// Witness are the witnesses of the audit log: who keeps its checkpoints where
	// the administrators of the database cannot reach them.
	Witness []vault.WitnessConfig `json:"witness"`
	// SignIn is what people have to show when they sign in.
	SignIn *SignInConfig `json:"sign_in"`
	// Notices says how people are told outside the pages that something waits; not at all without it.
	Notices *NoticesConfig `json:"notices"`
	// OIDC is the hospital's OpenID provider, at which people sign in; without it they sign in here alone.
	OIDC *api.OIDCConfig `json:"oidc"`
	// ADT is the feed of the hospital's patient administration; none without it.
	ADT *ADTConfig `json:"adt"`
	// Wristband says what wristbands carry, and for how long devices know patients without a network.
	Wristband *WristbandConfig `json:"wristband"`
	// Uplink is a listener for devices that upload over UDP; none without it.
	Uplink *UplinkConfig `json:"uplink"`
	// SecondOpinion is a face model that looks at each photo too; none without it.
	SecondOpinion *OpinionConfig `json:"second_opinion"`
	// LogFormat is "text" (default) or "json".
	LogFormat string `json:"log_format"`

	acceptRollback string // the operator's reason for a database older than its witness
}

// OpinionConfig names the weights of YuNet, an ONNX file of your own, and the
// SHA-256 (hex) that it must have.
type OpinionConfig struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// TLSConfig names the certificate chain and its key, PEM.
type TLSConfig struct {
	CertFile string `json:"cert_file"`
	KeyFile  string `json:"key_file"`
}

// DatabaseConfig names the file that holds PostgreSQL's connection string.
type DatabaseConfig struct {
	DSNFile string `json:"postgres_dsn_file"`
}

// MinIOConfig is where the object store is and which files hold its keys.
type MinIOConfig struct {
	Endpoint      string `json:"endpoint"` // host:port
	Bucket        string `json:"bucket"`
	AccessKeyFile string `json:"access_key_file"`
	SecretKeyFile string `json:"secret_key_file"`
	CAFile        string `json:"ca_file"` // PEM; default the system's
	// CertFile and KeyFile are this node's certificate, for a guard that asks for one.
	CertFile string `json:"cert_file"`
	KeyFile  string `json:"key_file"`
	// LockDays is how long the store must keep each rendition, also from its own administrators; default 0, no lock.
	// The bucket must have been made with object lock, which vaultd does where the store can. An erasure needs
	// credentials that may bypass a governance lock, or says in its certificate until when the object stays.
	LockDays int `json:"lock_days"`
}

// ChartConfig lists the receivers; each is optional.
type ChartConfig struct {
	FHIR  *chart.FHIRConfig  `json:"fhir"`
	DICOM *chart.DICOMConfig `json:"dicom"`
}

const defaultListen = "127.0.0.1:8440"

// loadConfig reads and checks a configuration file.
func loadConfig(path string) (*Config, error) {
	if path == "" {
		return nil, errors.New("name the configuration file with --config FILE; `vaultd help` shows a small one")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return parseConfig(text, dir)
}

func parseConfig(text []byte, dir string) (*Config, error) {
	var c Config
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the configuration holds more than one JSON value")
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.Data == "" {
		return nil, errors.New(`the configuration needs "data", the folder that holds the vault`)
	}
	c.resolve(dir)
	return &c, c.check()
}

// resolve makes the file names absolute.
func (c *Config) resolve(dir string) {
	paths := append(c.KMS.paths(), &c.Data, &c.RootKeyFile)
	paths = append(paths, c.ADT.paths()...)
	if c.TLS != nil {
		paths = append(paths, &c.TLS.CertFile, &c.TLS.KeyFile)
	}
	if c.Database != nil {
		paths = append(paths, &c.Database.DSNFile)
	}
	if c.MinIO != nil {
		paths = append(paths, &c.MinIO.AccessKeyFile, &c.MinIO.SecretKeyFile, &c.MinIO.CAFile, &c.MinIO.CertFile, &c.MinIO.KeyFile)
	}
	for i := range c.Witness {
		w := &c.Witness[i]
		paths = append(paths, &w.Path, &w.CAFile, &w.CertFile, &w.KeyFile, &w.TokenFile)
	}
	if c.Notices != nil && c.Notices.SMTP != nil {
		paths = append(paths, &c.Notices.SMTP.PasswordFile, &c.Notices.SMTP.CAFile)
	}
	if c.SecondOpinion != nil {
		paths = append(paths, &c.SecondOpinion.Path)
	}
	if c.SignIn != nil {
		paths = append(paths, &c.SignIn.BreachedPasswordsFile)
	}
	if c.Chart.FHIR != nil {
		paths = append(paths, &c.Chart.FHIR.TokenFile, &c.Chart.FHIR.CAFile)
	}
	if c.Chart.DICOM != nil {
		paths = append(paths, &c.Chart.DICOM.PasswordFile, &c.Chart.DICOM.CAFile)
	}
	paths = append(paths, c.oidcFiles()...)
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if c.RootKeyFile == "" {
		c.RootKeyFile = filepath.Join(c.Data, "root.key")
	}
}

func (c *Config) check() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return errors.New(`"listen" must be host:port, such as 127.0.0.1:8440`)
	}
	if c.TLS != nil && (c.TLS.CertFile == "" || c.TLS.KeyFile == "") {
		return errors.New(`"tls" needs both "cert_file" and "key_file"`)
	}
	if c.Database != nil && c.Database.DSNFile == "" {
		return errors.New(`"database" needs "postgres_dsn_file"; leave "database" out for SQLite`)
	}
	if m := c.MinIO; m != nil && (m.Endpoint == "" || m.Bucket == "" || m.AccessKeyFile == "" || m.SecretKeyFile == "") {
		return errors.New(`"minio" needs "endpoint", "bucket", "access_key_file" and "secret_key_file"`)
	}
	if m := c.MinIO; m != nil && (m.LockDays < 0 || (m.CertFile == "") != (m.KeyFile == "")) {
		return errors.New(`"minio": "lock_days" must not be negative, and "cert_file" and "key_file" belong together`)
	}
	if o := c.SecondOpinion; o != nil && (o.Path == "" || o.SHA256 == "") {
		return errors.New(`"second_opinion" needs "path" and "sha256"`)
	}
	if err := c.checkSignIn(); err != nil {
		return err
	}
	for _, w := range c.Witness {
		if err := w.Check(); err != nil {
			return err
		}
	}
	if c.BreakGlassMinutes != 0 && (c.BreakGlassMinutes < 5 || c.BreakGlassMinutes > 480) {
		return errors.New("break_glass_minutes must be 5 to 480")
	}
	if c.ClaimMinutes < 0 || c.IntakeGraceDays < 0 || c.SessionIdleMinutes < 0 || c.SessionMaxHours < 0 || c.BackupsKeptDays < 0 {
		return errors.New("times in the configuration must not be negative")
	}
	if err := c.KMS.check(); err != nil {
		return err
	}
	if err := c.ADT.check(); err != nil {
		return err
	}
	if err := c.Wristband.check(); err != nil {
		return err
	}
	if err := c.checkUplink(); err != nil {
		return err
	}
	if err := c.checkOIDC(); err != nil {
		return err
	}
	if err := c.Notices.check(); err != nil {
		return err
	}
	if _, err := c.proxies(); err != nil {
		return err
	}
	switch c.LogFormat {
	case "", "text", "json":
		return nil
	}
	return errors.New(`"log_format" must be "text" or "json"`)
}

// works reports whether serve also runs the worker.
func (c *Config) works() bool { return c.Worker == nil || *c.Worker }

// loopback reports whether Listen is an address of this machine alone.
func (c *Config) loopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// secure reports whether HTTP runs over TLS.
func (c *Config) secure() bool { return c.TLS != nil || !c.loopback() }

func (c *Config) backupsKept() time.Duration {
	return time.Duration(c.BackupsKeptDays) * 24 * time.Hour
}
func (c *Config) breakGlassFor() time.Duration {
	return time.Duration(c.BreakGlassMinutes) * time.Minute
}
func (c *Config) claimFor() time.Duration { return time.Duration(c.ClaimMinutes) * time.Minute }
func (c *Config) sessionIdle() time.Duration {
	return time.Duration(c.SessionIdleMinutes) * time.Minute
}
func (c *Config) sessionMax() time.Duration { return time.Duration(c.SessionMaxHours) * time.Hour }

// readSecret returns the one secret a file holds.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", fmt.Errorf("the secret file %s is empty", path)
	}
	return secret, nil
}
