package vault_test

import (
	"context"
	"errors"
	"strings"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// aDevice is a browser of a clinician who takes no part in the table of rights.
func (w *world) aDevice() vault.DeviceID {
	a, _ := w.InBrowser(w.t, "author")
	d := vaulttest.NewDevice(w.t)
	d.Bind(w.t, w.V, a, vault.DeviceBrowser)
	return d.ID
}

// deviceOperations are the rights to devices. Everybody has those of their own session; what is somebody else's is not
// found.
var deviceOperations = []operation{
	{"DeviceChallenge", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.DeviceChallenge(ctx, a)
		return err
	}},
	{"BindSession", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BindSession(ctx, a, vault.NewDevice{})
		return err
	}},
	{"ProveDevice", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, _, err := s.v.ProveDevice(ctx, a, vault.DeviceProof{})
		if a.Person() != "" && errors.Is(err, vault.ErrUnauthenticated) && strings.Contains(err.Error(), "proof of a device") {
			return nil // it may try; this is no proof
		}
		return err
	}},
	{"MyDevices", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.MyDevices(ctx, a)
		return err
	}},
	{"Devices", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Devices(ctx, a, vault.DeviceFilter{})
		return err
	}},
	{"ChangeDevice", "a", "cxrdp", func(ctx context.Context, s scene, a vault.Actor) error {
		name := "Another name"
		return s.v.ChangeDevice(ctx, a, s.device, vault.DeviceChange{Name: &name})
	}},
	{"ChangeDevice", "a", "", func(ctx context.Context, s scene, a vault.Actor) error {
		shared := false
		return s.v.ChangeDevice(ctx, a, s.device, vault.DeviceChange{Shared: &shared})
	}},
	{"LeaveDevice", "", "cxrdpa", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.LeaveDevice(ctx, a, s.device)
	}},
	{"NewDeviceCode", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.NewDeviceCode(ctx, a, "Test phone", false)
		return err
	}},
	{"NewDeviceCode", "a", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.NewDeviceCode(ctx, a, "Ward phone", true)
		return err
	}},
	{"DeviceOfCode", "", "cxrdpa", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.DeviceOfCode(ctx, a, "no such code")
		return err
	}},
	{"CertifyDevice", "", "cxrdpa", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.CertifyDevice(ctx, a)
		return err
	}},
	{"ApproveDevice", "a", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.ApproveDevice(ctx, a, s.device)
	}},
	{"RevokeDevice", "ao", "cxrdp", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.RevokeDevice(ctx, a, s.device)
	}},
}
