package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

var deviceRoutes = []route{
	{method: "POST", path: "/api/v1/device/challenge", summary: "A number for the device to sign, once within a minute", public: true, in: challengeRequest{}, out: vault.Challenge{}, do: (*call).deviceChallenge},
	{method: "POST", path: "/api/v1/device/bind", summary: "Bind one's new session to the device that signs", in: bindRequest{}, out: vault.Device{}, do: (*call).bindSession},
	{method: "POST", path: "/api/v1/device/prove", summary: "Show that the session is still on its device", in: vault.DeviceProof{}, out: provedAnswer{}, do: (*call).proveDevice},
	{method: "POST", path: "/api/v1/device/enrol", summary: "A device's commitment, under a one-time code", public: true, in: enrolRequest{}, out: enrolAnswer{}, do: (*call).beginEnrolment},
	{method: "POST", path: "/api/v1/device/enrol/finish", summary: "The key that a device committed to", public: true, in: enrolFinishRequest{}, out: enrolledAnswer{}, do: (*call).finishEnrolment},
	{method: "POST", path: "/api/v1/device/enrol/state", summary: "How far an enrolled device has come; its certificate", public: true, in: enrolStateRequest{}, out: vault.DeviceEnrolment{}, do: (*call).enrolmentState},
	{method: "POST", path: "/api/v1/device/certificate", summary: "A device's next certificate", device: true, out: certificateAnswer{}, do: (*call).certifyDevice},
	{method: "POST", path: "/api/v1/device/captures", summary: "Send a sealed capture for the person signed in on the device; 201 new, 200 the same bytes again", device: true,
		inType: captureType, out: seal.Receipt{}, status: 201, also: 200, do: (*call).takeCapture, params: captureParams},
	{method: "GET", path: "/api/v1/uplink", summary: "Where the uplink for devices is; 404 where there is none", out: uplinkAnswer{}, do: (*call).uplink},
	{method: "GET", path: "/api/v1/devices", summary: "One's own devices", out: devicesAnswer{}, do: (*call).myDevices},
	{method: "GET", path: "/api/v1/devices/all", summary: "All devices", roles: only(admin), out: devicesAnswer{}, do: (*call).allDevices, params: []param{
		{name: "state", in: "query", about: "pending, approved or revoked"}, {name: "q", in: "query", about: "part of the name, or of the person's who enrolled it"}}},
	{method: "POST", path: "/api/v1/devices/codes", summary: "A one-time code to add a device with", in: deviceCodeRequest{}, out: deviceCodeAnswer{}, status: 201, do: (*call).deviceCode},
	{method: "POST", path: "/api/v1/devices/codes/device", summary: "Which device came with one's code, and its number", in: codeDeviceRequest{}, out: codeDeviceAnswer{}, do: (*call).deviceOfCode},
	{method: "POST", path: "/api/v1/devices/certificate", summary: "A certificate for the device that one is signed in on, where the last one has ended", out: certificateAnswer{}, do: (*call).certifyDevice},
	{method: "POST", path: "/api/v1/devices/{id}", summary: "Rename a device; as admin also: say that several people use it", in: deviceRequest{}, status: 204, do: (*call).changeDevice},
	{method: "POST", path: "/api/v1/devices/{id}/approve", summary: "Vouch for a device that waits", roles: only(admin), status: 204, do: (*call).approveDevice},
	{method: "POST", path: "/api/v1/devices/{id}/revoke", summary: "Take a device out of use, at once", status: 204, do: (*call).revokeDevice},
	{method: "POST", path: "/api/v1/devices/{id}/sign-out", summary: "End one's own sessions on a device", status: 204, do: (*call).leaveDevice},
}

// challengeRequest says with door that the number is for an act at a locked screen, which belongs to no session.
type challengeRequest struct {
	Door bool `json:"door,omitempty"`
}

// deviceChallenge gives whoever is signed in a number for their session, and everybody else one for the door.
func (c *call) deviceChallenge() error {
	var in challengeRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if actor, err := c.s.authenticate(c.r); err == nil && !in.Door {
		out, err := c.s.vault.DeviceChallenge(c.r.Context(), actor)
		if err != nil {
			return err
		}
		return c.ok(out)
	} else if err != nil && !errors.Is(err, vault.ErrUnauthenticated) {
		return err
	}
	if err := c.knock(); err != nil {
		return err
	}
	at := infoOf(c.r)
	out, err := c.s.vault.DoorChallenge(c.r.Context(), at.remote, at.id)
	if err != nil {
		return err
	}
	return c.ok(out)
}

// knock bounds what strangers may have us write.
func (c *call) knock() error {
	if wait, ok := c.s.byDoor.take(remoteKey(infoOf(c.r).remote)); !ok {
		return &said{kind: errTooMany, text: "Too many tries from here. Please wait a moment and try again.", after: wait}
	}
	return nil
}

type bindRequest struct {
	Key       []byte `json:"key"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Nonce     string `json:"nonce"`
	Signature []byte `json:"signature"`
}

func (c *call) bindSession() error {
	var in bindRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	out, err := c.s.vault.BindSession(c.r.Context(), c.actor, vault.NewDevice(in))
	if err != nil {
		return err
	}
	return c.ok(out)
}

// provedAnswer tells how long the proof counts, also in seconds: the device's clock may be wrong.
type provedAnswer struct {
	Until   vault.Time `json:"until"`
	Seconds int        `json:"seconds"`
}

func (c *call) proveDevice() error {
	var in vault.DeviceProof
	if err := c.decode(&in); err != nil {
		return err
	}
	until, every, err := c.s.vault.ProveDevice(c.r.Context(), c.actor, in)
	if err != nil {
		return err
	}
	return c.ok(provedAnswer{until, int(every / time.Second)})
}

type devicesAnswer struct {
	Devices []vault.Device `json:"devices"`
}

func (c *call) myDevices() error {
	out, err := c.s.vault.MyDevices(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(devicesAnswer{some(out)})
}

func (c *call) allDevices() error {
	q, err := c.query("state", "q")
	if err != nil {
		return err
	}
	out, err := c.s.vault.Devices(c.r.Context(), c.actor, vault.DeviceFilter{State: q["state"], Text: q["q"]})
	if err != nil {
		return err
	}
	return c.ok(devicesAnswer{some(out)})
}

type deviceRequest struct {
	Name   *string `json:"name,omitempty"`
	Shared *bool   `json:"shared,omitempty"`
}

func (c *call) changeDevice() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	var in deviceRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.ChangeDevice(c.r.Context(), c.actor, vault.DeviceID(id), vault.DeviceChange(in)); err != nil {
		return err
	}
	return c.done()
}

func (c *call) approveDevice() error { return c.onDevice((*vault.Vault).ApproveDevice) }
func (c *call) revokeDevice() error  { return c.onDevice((*vault.Vault).RevokeDevice) }
func (c *call) leaveDevice() error   { return c.onDevice((*vault.Vault).LeaveDevice) }

type deviceAct func(v *vault.Vault, ctx context.Context, a vault.Actor, id vault.DeviceID) error

// onDevice does one act to the device of the address.
func (c *call) onDevice(act deviceAct) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := act(c.s.vault, c.r.Context(), c.actor, vault.DeviceID(id)); err != nil {
		return err
	}
	return c.done()
}

type certificateAnswer struct {
	Certificate []byte `json:"certificate"` // X.509, DER
}

func (c *call) certifyDevice() error {
	der, err := c.s.vault.CertifyDevice(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(certificateAnswer{der})
}

// authenticateDevice finds out which device sent the request, by its certificate, and for whom, by the session's token.
// Nothing but the routes of devices asks it, so that a certificate opens nothing else.
func (s *Server) authenticateDevice(r *http.Request) (vault.Actor, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return vault.Actor{}, vault.ErrUnauthenticated
	}
	token := tokenOf(r)
	if token == "" {
		return vault.Actor{}, vault.ErrUnauthenticated
	}
	actor, err := s.vault.AuthenticateDevice(r.Context(), r.TLS.PeerCertificates[0], token)
	if err != nil {
		return vault.Actor{}, err
	}
	in := infoOf(r)
	return actor.From(in.remote, in.id), nil
}
