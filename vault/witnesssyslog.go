package vault

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Syslog over TLS (RFC 5425: frames of RFC 6587 3.4.1 with messages of RFC
// 5424) has no acknowledgement. We make one: a session carries one page of
// messages, then we close our half (close_notify) and wait for the receiver to
// close his in the same way, which he does when he has read everything before
// it. A session that ends otherwise counts for nothing, and its messages are
// sent again, byte for byte the same: a receiver that took some of them before
// it died has those twice, as equal lines, and "sort -u" or the number in
// seqId tells them apart. A receiver must write before it reads on (rsyslog:
// main_queue(queue.type="Direct"), omfile with sync="on"); what it holds in its
// own memory when it is killed is lost without anybody's knowing.

const (
	syslogPriority = 13<<3 | 5          // facility log audit, severity notice (RFC 5424, 6.2.1)
	syslogID       = "clinivault@32473" // the enterprise number for examples (RFC 5612)
	syslogBye      = 20 * time.Second
)

type syslogWitness struct {
	cfg    WitnessConfig
	origin string
}

// send sends the items in one session. All of them arrived, or none counts.
func (w *syslogWitness) send(ctx context.Context, items []witnessItem) (had int, _ []cosignature, err error) {
	config, err := w.cfg.tls()
	if err != nil {
		return 0, nil, err
	}
	raw, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", w.cfg.Address)
	if err != nil {
		return 0, nil, fmt.Errorf("connecting: %w", err)
	}
	conn := raw.(*tls.Conn)
	defer conn.Close() // nothing of ours is in it any more, or it is given up
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return 0, nil, err
		}
	}
	out := bufio.NewWriter(conn)
	for _, i := range items {
		m := w.message(i)
		if _, err := out.WriteString(strconv.Itoa(len(m)) + " " + m); err != nil {
			return 0, nil, fmt.Errorf("sending: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return 0, nil, fmt.Errorf("sending: %w", err)
	}
	if err := bye(conn); err != nil {
		return 0, nil, err
	}
	return len(items), nil, nil
}

// bye closes our half and waits until the receiver has read all and says so.
func bye(conn *tls.Conn) error {
	if err := conn.CloseWrite(); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(syslogBye)); err != nil {
		return err
	}
	n, err := conn.Read(make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("the receiver answered, which syslog does not do")
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the receiver closed without close_notify, so it is not known what it has read")
	}
	return fmt.Errorf("waiting for the receiver to close: %w", err)
}

// message is one message, always the same for the same item.
func (w *syslogWitness) message(i witnessItem) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s - clinivault - %s [%s origin=\"%s\" seqId=\"%s-%d\"", syslogPriority,
		Time(i.at), i.kind, syslogID, w.origin, i.kind, i.mark)
	if i.kind == "event" {
		b.WriteString("] ")
		if strings.IndexFunc(i.text, func(r rune) bool { return r > 126 }) >= 0 {
			b.WriteString("\ufeff") // RFC 5424, 6.4
		}
		return b.String() + i.text
	}
	fmt.Fprintf(&b, " size=\"%d\"", i.size)
	if s := strings.SplitN(i.text, "\n", 5); i.kind == "checkpoint" && len(s) == 5 {
		fmt.Fprintf(&b, " root=\"%s\"", s[2])
	}
	return b.String() + "] note=" + base64.StdEncoding.EncodeToString([]byte(i.text))
}

// tls reads the files that say who both sides are.
func (c WitnessConfig) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if host, _, err := net.SplitHostPort(c.Address); err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the witness's CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("the witness's CA file holds no certificate")
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading our certificate for the witness: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
