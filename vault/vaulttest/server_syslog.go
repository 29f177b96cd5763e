package vaulttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// CA signs certificates for tests; its files and theirs lie in one folder.
type CA struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a certification authority of the test's own.
func NewCA(t testing.TB) *CA {
	t.Helper()
	ca := &CA{dir: t.TempDir()}
	var err error
	if ca.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ca.key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, ca.File(), "CERTIFICATE", der)
	return ca
}

// File is the authority's own certificate, PEM.
func (ca *CA) File() string { return filepath.Join(ca.dir, "ca.pem") }

// Issue makes a certificate for a name that is also its DNS name, good for
// 127.0.0.1, client and server, and returns its files.
func (ca *CA) Issue(t testing.TB, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(ca.dir, name+".pem"), filepath.Join(ca.dir, name+".key")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
	return certFile, keyFile
}

// TLS is a server's configuration with a certificate of the authority, which
// asks clients for one of its certificates too.
func (ca *CA) TLS(t testing.TB) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(ca.Issue(t, "localhost"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Syslog is a real rsyslog that receives over TLS, asks for a client
// certificate of its CA with the name "clinivault", and writes each message as
// it came on a line of File before it reads on.
type Syslog struct {
	Address, File string
	conf, pid     string
	process       *process
}

// NewSyslog configures an rsyslog and starts it on loopback.
func NewSyslog(t testing.TB, ca *CA) *Syslog {
	t.Helper()
	requireRsyslog(t)
	dir := t.TempDir()
	cert, key := ca.Issue(t, "localhost")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	s := &Syslog{Address: fmt.Sprintf("127.0.0.1:%d", port), File: filepath.Join(dir, "received.log"),
		conf: filepath.Join(dir, "rsyslog.conf"), pid: filepath.Join(dir, "rsyslog.pid")}
	text := fmt.Sprintf(`global(workDirectory=%q maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
  DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile=%q DefaultNetstreamDriverCertFile=%q DefaultNetstreamDriverKeyFile=%q)
main_queue(queue.type="Direct")
module(load="imtcp")
template(name="raw" type="string" string="%%rawmsg%%\n")
input(type="imtcp" address="127.0.0.1" port="%d" StreamDriver.Name="gtls" StreamDriver.Mode="1"
  StreamDriver.AuthMode="x509/name" PermittedPeer=["clinivault"])
action(type="omfile" file=%q template="raw" sync="on" asyncWriting="off")
`, dir, ca.File(), cert, key, port, s.File)
	if err := os.WriteFile(s.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	t.Cleanup(func() {
		if s.process != nil {
			s.process.stop()
		}
	})
	return s
}

// Start runs the receiver and waits until it listens.
func (s *Syslog) Start(t testing.TB) {
	t.Helper()
	path, err := rsyslogd()
	if err != nil {
		t.Fatal(err)
	}
	p, err := spawn(exec.Command(path, "-n", "-f", s.conf, "-i", s.pid))
	if err != nil {
		t.Fatal(err)
	}
	err = p.await(func() error {
		c, err := net.DialTimeout("tcp", s.Address, time.Second)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		t.Fatalf("starting rsyslog: %v", err)
	}
	s.process = p
}

// Stop asks the receiver to end, as a restart of its machine does.
func (s *Syslog) Stop() {
	s.process.stop()
	s.process = nil
	_ = os.Remove(s.pid) // rsyslog refuses to start over one that a kill left behind
}

// Kill ends it without a word.
func (s *Syslog) Kill() {
	_ = s.process.cmd.Process.Kill()
	<-s.process.done
	s.process = nil
	_ = os.Remove(s.pid)
}

// rsyslogd is where Debian puts it, which is not on everybody's PATH.
func rsyslogd() (string, error) { return Tool("rsyslogd", "/usr/sbin/rsyslogd") }

func requireRsyslog(t testing.TB) {
	t.Helper()
	if _, err := rsyslogd(); err != nil {
		RequireTool(t, "rsyslogd")
	}
}
