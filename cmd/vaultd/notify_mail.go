package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// SMTPConfig is the mail server that takes notices. Away from loopback TLS is required.
type SMTPConfig struct {
	Host string `json:"host"`
	Port int    `json:"port"` // default 587, or 465 with "tls": "implicit"
	// TLS is "starttls" (default), "implicit", or "none", which is for loopback only.
	TLS    string `json:"tls"`
	CAFile string `json:"ca_file"` // PEM; default the system's
	From   string `json:"from"`
	// User and PasswordFile sign in to the server; without them it is not signed in to.
	User         string `json:"user"`
	PasswordFile string `json:"password_file"`
}

func (c *SMTPConfig) check() error {
	from, err := mail.ParseAddress(c.From)
	if c.Host == "" || err != nil || from.Address != c.From {
		return errors.New(`"smtp" needs "host" and "from", a plain mail address`)
	}
	if (c.User == "") != (c.PasswordFile == "") || c.Port < 0 || c.Port > 65535 {
		return errors.New(`"smtp": "user" and "password_file" belong together, and "port" is at most 65535`)
	}
	switch c.TLS {
	case "", "starttls", "implicit":
		return nil
	case "none":
		if ip := net.ParseIP(c.Host); c.Host == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
		return errors.New(`"smtp": "tls": "none" is for loopback only`)
	}
	return errors.New(`"smtp": "tls" must be "starttls", "implicit" or "none"`)
}

// mailer sends one fixed sentence. Nothing in the mail depends on what it is about, and the only thing that depends on the
// person is where it goes.
type mailer struct {
	c        SMTPConfig
	password string
	page     string // where the person signs in
	tls      *tls.Config
}

func newMailer(c SMTPConfig, address string) (*mailer, error) {
	m := &mailer{c: c, page: strings.TrimSuffix(address, "/") + "/notices", tls: &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}}
	if c.Port == 0 {
		m.c.Port = 587
		if c.TLS == "implicit" {
			m.c.Port = 465
		}
	}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the mail server's CA: %w", err)
		}
		m.tls.RootCAs = x509.NewCertPool()
		if !m.tls.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("the mail server's CA file holds no certificate")
		}
	}
	if c.PasswordFile == "" {
		return m, nil
	}
	var err error
	m.password, err = readSecret(c.PasswordFile)
	return m, err
}

// String keeps the password out of logs.
func (m *mailer) String() string { return "[redacted]" }

// GoString keeps the password out of logs.
func (m *mailer) GoString() string { return "[redacted]" }

// send mails to one address. Only a word of the server about that address itself (5yz to RCPT, RFC 5321 section 4.2.1) is
// final: everything else may be mended, and is tried again.
func (m *mailer) send(ctx context.Context, to string) vault.Told {
	ctx, cancel := context.WithTimeout(ctx, tellFor)
	defer cancel()
	outcome, err := m.hand(ctx, to)
	if err == nil {
		return vault.Told{Outcome: vault.TellSent}
	}
	var code *textproto.Error
	if errors.As(err, &code) { // what the server says may name the address
		return vault.Told{Outcome: outcome, Cause: fmt.Errorf("the mail server answered %d", code.Code)}
	}
	if errors.Is(err, errNoTLS) {
		return vault.Told{Outcome: outcome, Cause: errNoTLS}
	}
	return vault.Told{Outcome: outcome, Cause: unnamed("asking the mail server", err)}
}

var errNoTLS = errors.New("the mail server offers no TLS")

// hand gives the mail to the server, and says how to take an error.
func (m *mailer) hand(ctx context.Context, to string) (vault.TellOutcome, error) {
	c, err := m.dial(ctx)
	if err != nil {
		return vault.TellLater, err
	}
	defer c.Close()
	if m.c.User != "" {
		if err := c.Auth(smtp.PlainAuth("", m.c.User, m.password, m.c.Host)); err != nil {
			return vault.TellLater, err
		}
	}
	if err := c.Mail(m.c.From); err != nil {
		return vault.TellLater, err
	}
	if err := c.Rcpt(to); err != nil { // refuses line ends itself
		var code *textproto.Error
		if errors.As(err, &code) && code.Code >= 500 {
			return vault.TellRefused, err
		}
		return vault.TellLater, err
	}
	w, err := c.Data()
	if err != nil {
		return vault.TellLater, err
	}
	if _, err := w.Write(m.text(to)); err != nil {
		return vault.TellLater, err
	}
	if err := w.Close(); err != nil {
		return vault.TellLater, err
	}
	_ = c.Quit() // the server has the mail already
	return vault.TellSent, nil
}

// dial connects and begins TLS.
func (m *mailer) dial(ctx context.Context) (*smtp.Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(m.c.Host, strconv.Itoa(m.c.Port)))
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if m.c.TLS == "implicit" {
		conn = tls.Client(conn, m.tls)
	}
	c, err := smtp.NewClient(conn, m.c.Host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := m.begin(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (m *mailer) begin(c *smtp.Client) error {
	if err := c.Hello("localhost"); err != nil {
		return err
	}
	if m.c.TLS == "none" || m.c.TLS == "implicit" {
		return nil
	}
	if offered, _ := c.Extension("STARTTLS"); !offered {
		return errNoTLS
	}
	return c.StartTLS(m.tls)
}

// text is the mail (RFC 5322): fixed, but for date, ID and address.
func (m *mailer) text(to string) []byte {
	_, domain, _ := strings.Cut(m.c.From, "@")
	var b bytes.Buffer
	for _, line := range []string{
		"From: Clinivault <" + m.c.From + ">", "To: <" + to + ">", "Subject: Something waits in Clinivault",
		"Date: " + time.Now().UTC().Format(time.RFC1123Z), "Message-ID: <" + rand.Text() + "@" + domain + ">",
		"Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "",
		"Something waits for you in Clinivault. Sign in to see it:", "", m.page, "",
		"A program sent this. It never says more than that; you can choose on that page what it tells you of.",
	} {
		b.WriteString(line + "\r\n")
	}
	return b.Bytes()
}
