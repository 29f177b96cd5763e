package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/clinivault/clinivault/vault"
)

const (
	certEvery  = 10 * time.Second // how often handshakes look at the files at most
	certSettle = 2 * time.Second  // a file written more recently may change again without another time
	certNotice = 14 * 24 * time.Hour
	maxPEM     = 1 << 20 // bytes of a certificate or key file
)

// certSource is the certificate that the server shows, to browsers, to devices and over the uplink alike. Certificates
// are renewed while the server runs: at a handshake, every ten seconds at most, it looks whether the files changed, and
// shows what is in them from the next handshake on; connections that stand go on. A pair that does not parse, does not
// match, is half written or is not valid now is refused, and the one before stays. The certificate of the local CA is
// issued again when two thirds of its life are over.
type certSource struct {
	log   *slog.Logger
	now   func() time.Time
	pair  *TLSConfig                       // where the files are; nil for the local CA
	issue func() (*tls.Certificate, error) // by the local CA; nil for files

	shown atomic.Pointer[tls.Certificate] // its Leaf is set

	mu      sync.Mutex    // guards what follows, held while the files are read
	looked  time.Time     // when the files were looked at last
	seen    []os.FileInfo // of the files that are shown; nil: read them again
	refused error         // why what is in the files now is not shown
}

// open reads the first pair. One that is over is shown all the same, since there is none before it; the log says so.
func (s *certSource) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked = s.now()
	cert, err := s.read()
	if err != nil {
		return err
	}
	if err := validAt(cert.Leaf, s.looked); err != nil {
		s.log.Error("the certificate is shown though nobody will trust it", "error", err)
	}
	s.shown.Store(cert)
	return nil
}

// get is tls.Config's GetCertificate. Whoever finds the files being read by another handshake shows what there is.
func (s *certSource) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s.mu.TryLock() {
		defer s.mu.Unlock()
		if s.now().Sub(s.looked).Abs() >= certEvery {
			s.look()
		}
	}
	return s.shown.Load(), nil
}

// reload looks at the files at once, whatever their times, and says whether what is in them is shown.
func (s *certSource) reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.refused = nil, nil
	s.look()
	return s.refused
}

// look takes up what is in the files, or keeps what is shown and says why; mu is held.
func (s *certSource) look() {
	s.looked = s.now()
	before := s.shown.Load()
	if !s.changed(before) {
		return
	}
	cert, err := s.read()
	if err == nil {
		err = validAt(cert.Leaf, s.looked)
	}
	if err != nil {
		s.seen = nil // it may become good without a change of the files: by its date, or by who may read them
		if s.refused == nil || s.refused.Error() != err.Error() {
			s.log.Error("the new certificate is refused and the one before stays", "error", err, "ends", before.Leaf.NotAfter)
		}
		s.refused = err
		return
	}
	s.refused = nil
	if slices.EqualFunc(cert.Certificate, before.Certificate, bytes.Equal) {
		return
	}
	s.shown.Store(cert)
	s.log.Info("showing a renewed certificate", "ends", cert.Leaf.NotAfter, "serial", cert.Leaf.SerialNumber.Text(16))
}

// changed reports whether there may be something new: files other than those shown, or a leaf of the local CA that has
// lived two thirds of its life.
func (s *certSource) changed(shown *tls.Certificate) bool {
	if s.pair == nil {
		return s.looked.After(shown.Leaf.NotAfter.Add(-leafLife / 3))
	}
	infos, err := s.pair.stat()
	return err != nil || s.seen == nil || !slices.EqualFunc(infos, s.seen, func(a, b os.FileInfo) bool {
		return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
	})
}

// read reads the files, or issues a certificate. Files are remembered as seen only when they were left alone for a while.
func (s *certSource) read() (*tls.Certificate, error) {
	if s.pair == nil {
		return s.issue()
	}
	infos, err := s.pair.stat()
	if err != nil {
		return nil, err
	}
	cert, err := s.pair.load()
	s.seen = infos
	for _, i := range infos {
		if s.looked.Sub(i.ModTime()) < certSettle {
			s.seen = nil
		}
	}
	return cert, err
}

// part is the line of the health page; none where there is no certificate.
func (s *certSource) part() vault.Part {
	cert, _ := s.get(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := vault.Part{Name: "certificate", OK: true, Detail: remaining(cert.Leaf, s.now())}
	if err := validAt(cert.Leaf, s.now()); err != nil {
		p.OK, p.Detail = false, err.Error()+": browsers and devices refuse it"
	}
	if s.refused != nil {
		p.Warn = true
		p.Detail += "; a newer one in its files is not shown: " + s.refused.Error()
	}
	p.Warn = p.Warn || endsSoon(cert.Leaf, s.now())
	return p
}

// stat looks at both files.
func (c *TLSConfig) stat() ([]os.FileInfo, error) {
	var infos []os.FileInfo
	for _, file := range []string{c.CertFile, c.KeyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("looking at %s: %w", file, underlying(err))
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// load reads a chain and its key, both whole.
func (c *TLSConfig) load() (*tls.Certificate, error) {
	var texts [2][]byte
	for i, file := range []string{c.CertFile, c.KeyFile} {
		text, err := readBounded(file, maxPEM)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, underlying(err))
		}
		if !wholePEM(text) {
			return nil, fmt.Errorf("%s is half written, or not PEM", file)
		}
		texts[i] = text
	}
	cert, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return nil, fmt.Errorf("certificate and key: %w", err)
	}
	for _, der := range cert.Certificate[1:] {
		if _, err := x509.ParseCertificate(der); err != nil {
			return nil, errors.New("the certificate's chain holds one that cannot be read")
		}
	}
	return &cert, nil
}

// wholePEM reports whether every block that begins also ends (RFC 7468, section 2); pem.Decode passes over others.
func wholePEM(text []byte) bool {
	begun, whole := bytes.Count(text, []byte("-----BEGIN ")), 0
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return whole > 0 && whole == begun
		}
		whole, text = whole+1, rest
	}
}

// validAt says why a certificate does not hold at a time.
func validAt(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate ended on %s", day(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate begins at %s only, or the clock is wrong", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// remaining says until when a certificate holds.
func remaining(leaf *x509.Certificate, now time.Time) string {
	return fmt.Sprintf("good until %s, %d days left", day(leaf.NotAfter), max(0, int(leaf.NotAfter.Sub(now)/(24*time.Hour))))
}

// endsSoon reports whether a renewal is late: the last quarter of a certificate's life has begun, or its last two weeks
// where its life is long.
func endsSoon(leaf *x509.Certificate, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < min(certNotice, leaf.NotAfter.Sub(leaf.NotBefore)/4)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// health is part for the health page; nil where there is no certificate.
func (s *certSource) health() func() vault.Part {
	if s == nil {
		return nil
	}
	return s.part
}

// reloadOnHangup looks at the files at each SIGHUP until ctx ends, and says in the log what came of it. Without files
// of its own a server leaves the signal as it is: it ends what runs in a terminal that is closed.
func (s *certSource) reloadOnHangup(ctx context.Context, working *sync.WaitGroup) {
	if s == nil || s.pair == nil {
		return
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	working.Go(func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				if s.reload() == nil {
					s.log.Info("told to look at the certificate's files: what they hold is shown", "ends", s.shown.Load().Leaf.NotAfter)
				}
			}
		}
	})
}
