package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
)

// The ways to the server.
const (
	transportAuto   = "auto"   // the uplink where it works, else HTTPS
	transportUplink = "uplink" // DTLS over UDP alone
	transportHTTPS  = "https"
)

const (
	transportFile = "transport.json"
	avoidFor      = 10 * time.Minute // that an uplink which did not work is left alone
)

func checkTransport(t string) error {
	switch t {
	case transportAuto, transportUplink, transportHTTPS:
		return nil
	}
	return usageError{"--transport takes auto, uplink or https"}
}

// avoided remembers, from run to run, that the uplink of a server did not work.
type avoided struct {
	Server string    `json:"server"`
	Until  time.Time `json:"until"`
	Why    string    `json:"why"`
}

// avoids reads whether the uplink is left alone now, and why. A file that cannot be read says no.
func avoids(dir, server string, now time.Time) (why string) {
	b, err := os.ReadFile(filepath.Join(dir, transportFile))
	var a avoided
	if err != nil || json.Unmarshal(b, &a) != nil || a.Server != server || !now.Before(a.Until) || a.Until.Sub(now) > avoidFor {
		return ""
	}
	return a.Why
}

func avoid(dir string, a avoided) error {
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding the transport file: %w", err)
	}
	if err := writeFile(dir, transportFile, append(b, '\n')); err != nil {
		return fmt.Errorf("keeping the transport file: %w", err)
	}
	return nil
}

// uplinkPort asks where the uplink is; 0 where the server offers none.
func (c *client) uplinkPort(ctx context.Context) (uint16, error) {
	var answer struct {
		Port uint16 `json:"port"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/uplink", nil, nil, &answer)
	var told *refusal
	if errors.As(err, &told) && told.status == http.StatusNotFound {
		return 0, nil
	}
	return answer.Port, err
}

// dial connects to the uplink with the device's certificate.
func (c *client) dial(ctx context.Context, port uint16) (*uplink.Client, error) {
	cert, err := c.device.certificate()
	if err != nil {
		return nil, err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", c.base.Hostname())
	if err != nil || len(addrs) == 0 {
		return nil, &silence{errors.Join(errors.New("its name is not known"), err)}
	}
	return uplink.Dial(ctx, uplink.ClientConfig{
		Addr: netip.AddrPortFrom(addrs[0].Unmap(), port), ServerName: c.base.Hostname(), Roots: c.roots, Certificate: cert,
	})
}

// uplink gives the connection that this run sends over; nil means HTTPS. It asks and dials once.
func (r *session) uplink(ctx context.Context) (*uplink.Client, error) {
	if r.up != nil || r.transport == transportHTTPS || r.transport == transportAuto && r.direct {
		return r.up, nil
	}
	if !r.client.shown {
		if r.transport == transportUplink {
			return nil, fmt.Errorf("the uplink needs an enrolled device with a certificate: run capture enrol, or capture status (%w)", errKept)
		}
		return nil, nil
	}
	if r.transport == transportAuto && avoids(r.dir(), r.account.Server, r.now()) != "" {
		r.direct = true
		return nil, nil
	}
	port, err := r.client.uplinkPort(ctx)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		if r.transport == transportUplink {
			return nil, fmt.Errorf("this server offers no uplink: use --transport auto (%w)", errKept)
		}
		r.direct = true
		return nil, nil
	}
	up, err := r.client.dial(ctx, port)
	if err != nil {
		return nil, r.withoutUplink(ctx, err)
	}
	r.up = up
	return up, nil
}

// withoutUplink says why HTTPS is used from here on, and remembers it for a while. The error comes back where HTTPS is
// not to be used, or would help nothing.
func (r *session) withoutUplink(ctx context.Context, err error) error {
	var told *uplink.Error
	refused := errors.As(err, &told)
	passing := refused && (told.Code == uplink.CodeBusy || told.Code == uplink.CodeInternal)
	if r.transport != transportAuto || ctx.Err() != nil || refused && !passing && told.Code != uplink.CodeVersion && told.Code != uplink.CodeProtocol {
		return uplinkError(err)
	}
	why := "UDP is blocked here"
	if !errors.Is(err, uplink.ErrBlocked) {
		why = "the uplink does not work (" + clean(err.Error()) + ")"
	}
	fmt.Fprintln(r.stderr, why+"; sending over HTTPS instead")
	r.direct = true
	r.closeUplink()
	if passing { // the next run asks it again
		return nil
	}
	if err := avoid(r.dir(), avoided{Server: r.account.Server, Until: r.now().Add(avoidFor), Why: why}); err != nil && !noRoom(err) {
		return err
	}
	return nil
}

// closeUplink ends the connection, if there is one.
func (r *session) closeUplink() {
	if r.up != nil {
		_ = r.up.Close() // what it had to say was said with the receipts
		r.up = nil
	}
}

// dir is the state folder.
func (r *session) dir() string { return filepath.Dir(r.queue.dir) }

// uplinkStatus is what each refusal of the uplink would be over HTTPS, so that both have the same fate.
var uplinkStatus = map[uplink.Code]int{
	uplink.CodeUnauthenticated: http.StatusUnauthorized, uplink.CodeDenied: http.StatusForbidden, uplink.CodeInvalid: http.StatusUnprocessableEntity,
	uplink.CodeTooLarge: http.StatusRequestEntityTooLarge, uplink.CodeConflict: http.StatusConflict,
}

// uplinkError is an error of the uplink as sending knows errors.
func uplinkError(err error) error {
	var told *uplink.Error
	switch {
	case errors.As(err, &told):
		r := &refusal{status: uplinkStatus[told.Code], detail: clean(told.Sentence), after: told.RetryAfter}
		if r.status == 0 {
			r.status = http.StatusServiceUnavailable
		}
		if r.detail == "" {
			r.detail = told.Code.Sentence()
		}
		return r
	case errors.Is(err, uplink.ErrBlocked):
		return &silence{errors.New("nothing comes back over UDP; use --transport auto to send over HTTPS")}
	}
	return &silence{err}
}

// carry uploads an envelope on the way that works and returns the receipt as it came.
func (r *session) carry(ctx context.Context, it item, f *os.File) ([]byte, error) {
	up, err := r.uplink(ctx)
	if err != nil {
		return nil, err
	}
	bar := newProgress(r.surroundings, it.Size)
	defer bar.done()
	if up == nil {
		return r.client.upload(ctx, it, f, bar)
	}
	bar.way = "the uplink"
	offer := uplink.Offer{Size: it.Size, Token: uplink.Token(r.client.token)}
	if err := errors.Join(decodeHex(offer.ID[:], it.CaptureID), decodeHex(offer.Digest[:], it.SHA256)); err != nil {
		return nil, fmt.Errorf("the queue note is damaged (%w): %w", errKept, err)
	}
	receipt, err := up.Upload(ctx, offer, f, bar.set)
	if err == nil {
		return receipt, nil
	}
	if err := r.withoutUplink(ctx, err); err != nil || r.up != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the sealed photo: %w", err)
	}
	bar.way = "HTTPS"
	return r.client.upload(ctx, it, f, bar)
}

func decodeHex(dst []byte, text string) error {
	if len(text) != 2*len(dst) {
		return errors.New("a number of the wrong length")
	}
	_, err := hex.Decode(dst, []byte(text))
	return err
}
