package api

import (
	"github.com/clinivault/clinivault/vault"
)

var wristbandRoutes = []route{
	{method: "POST", path: "/api/v1/patients/scan", summary: "Find the patient who wears a scanned wristband", roles: only(clinician), in: scanRequest{}, out: vault.Patient{}, do: (*call).scanPatient},
	{method: "POST", path: "/api/v1/ward-list", summary: "The list of one's patients, signed, for the time without a network, sealed to a key of the page", roles: only(clinician), in: wardListRequest{}, out: vault.WardList{}, do: (*call).wardList},
}

// scanRequest is what a scanner read. Symbology is its identifier (ISO/IEC 15424), such as "]d2"; empty for a scanner that
// types, which may put it before the text.
type scanRequest struct {
	Symbology string `json:"symbology"`
	Text      string `json:"text"`
}

// String keeps patients out of logs.
func (scanRequest) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (scanRequest) GoString() string { return "[redacted]" }

const maxSymbology = 8 // characters

// scanPatient is a POST, because an address ends in logs and histories and a number must not.
func (c *call) scanPatient() error {
	var in scanRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if len(in.Symbology) > maxSymbology {
		return say(vault.ErrInvalid, "The symbology is an identifier such as ]d2.")
	}
	p, err := c.s.vault.ScanPatient(c.r.Context(), c.actor, in.Symbology, in.Text)
	if err != nil {
		return err
	}
	return c.ok(p)
}

// wardListRequest holds an X25519 public key (RFC 7748), 32 bytes, whose private half the page keeps in memory.
type wardListRequest struct {
	PublicKey []byte `json:"public_key"`
}

func (c *call) wardList() error {
	var in wardListRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	list, err := c.s.vault.WardList(c.r.Context(), c.actor, in.PublicKey)
	if err != nil {
		return err
	}
	return c.ok(list)
}
