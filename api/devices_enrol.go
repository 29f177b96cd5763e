package api

import (
	"net/http"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

type deviceCodeRequest struct {
	Name   string `json:"name"`
	Shared bool   `json:"shared,omitempty"`
}

// deviceCodeAnswer is a one-time code, and the address that brings it to the device: what follows # is not sent to any server.
type deviceCodeAnswer struct {
	Code        secret     `json:"code"`
	ExpiresAt   vault.Time `json:"expires_at"`
	URL         secret     `json:"url"`
	Fingerprint string     `json:"fingerprint"` // SHA-256 of the server's certificate or of its authority's, hex; empty without TLS of our own
	QR          secret     `json:"qr"`          // URL as a picture, SVG
}

func (c *call) deviceCode() error {
	var in deviceCodeRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	code, err := c.s.vault.NewDeviceCode(c.r.Context(), c.actor, strings.TrimSpace(in.Name), in.Shared)
	if err != nil {
		return err
	}
	print := c.s.fingerprint()
	url := c.s.enrolAddress(c.r.Host, code.Code, print)
	picture, err := qrPicture(url)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, deviceCodeAnswer{Code: secret(code.Code), ExpiresAt: code.ExpiresAt, URL: secret(url), Fingerprint: print, QR: secret(picture)})
}

type codeDeviceRequest struct {
	Code secret `json:"code"`
}

// codeDeviceAnswer is null inside while no device has come.
type codeDeviceAnswer struct {
	Device *vault.Device `json:"device"`
}

func (c *call) deviceOfCode() error {
	var in codeDeviceRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	out, err := c.s.vault.DeviceOfCode(c.r.Context(), c.actor, string(in.Code))
	if err != nil {
		return err
	}
	return c.ok(codeDeviceAnswer{out})
}

// enrolAddress is where a device goes with a code, and whom it is to find there: host was checked to be one of ours.
func (s *Server) enrolAddress(host, code, fingerprint string) string {
	scheme := "http"
	if s.secure {
		scheme = "https"
	}
	if fingerprint != "" {
		code += "." + fingerprint
	}
	return scheme + "://" + host + "/enrol#" + code
}

type enrolRequest struct {
	Code       secret `json:"code"`
	Commitment []byte `json:"commitment"`
}

type enrolAnswer struct {
	Nonce string `json:"nonce"`
}

func (c *call) beginEnrolment() error {
	var in enrolRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.knock(); err != nil {
		return err
	}
	at := infoOf(c.r)
	nonce, err := c.s.vault.BeginEnrolment(c.r.Context(), string(in.Code), in.Commitment, at.remote, at.id)
	if err != nil {
		return err
	}
	return c.ok(enrolAnswer{nonce})
}

type enrolFinishRequest struct {
	Code      secret `json:"code"`
	Kind      string `json:"kind"`
	Key       []byte `json:"key"`
	Opening   []byte `json:"opening"`
	Signature []byte `json:"signature"`
}

type enrolledAnswer struct {
	Device vault.DeviceID `json:"device"`
}

// finishEnrolment answers without the number: the device works it out itself, or it would show what somebody in between
// wants it to.
func (c *call) finishEnrolment() error {
	var in enrolFinishRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.knock(); err != nil {
		return err
	}
	at := infoOf(c.r)
	fresh := vault.NewDevice{Key: in.Key, Kind: in.Kind, Signature: in.Signature}
	id, err := c.s.vault.FinishEnrolment(c.r.Context(), string(in.Code), fresh, in.Opening, at.remote, at.id)
	if err != nil {
		return err
	}
	return c.ok(enrolledAnswer{id})
}

type enrolStateRequest struct {
	Code    secret `json:"code"`
	Opening []byte `json:"opening"`
}

func (c *call) enrolmentState() error {
	var in enrolStateRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.knock(); err != nil {
		return err
	}
	at := infoOf(c.r)
	out, err := c.s.vault.EnrolmentState(c.r.Context(), string(in.Code), in.Opening, at.remote, at.id)
	if err != nil {
		return err
	}
	return c.ok(out)
}
