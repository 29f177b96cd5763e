package vault

import (
	"context"
	"errors"
	"slices"
)

// The scopes of devices.

// ownDevice: the actor enrolled the device, and it is no ward's.
var ownDevice = scope{"only a device of their own", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM devices WHERE id = $1 AND enrolled_by = $2 AND shared = false`, on.ID, a.person),
		"The device is not theirs alone.")
}}

// usedDevice: the actor was signed in on the device.
var usedDevice = scope{"only a device on which they were signed in", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM sessions WHERE device_id = $1 AND person = $2`, on.ID, a.person),
		"They were never signed in on that device.")
}}

// signedInDevice: the actor's session is bound to the device.
var signedInDevice = scope{"only the device they are signed in on", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM sessions WHERE id = $1 AND device_id = $2 AND device_id <> ''`, a.session, on.ID),
		"They are not signed in on that device.")
}}

// ofClinician narrows the scope of a device to people who are clinicians: a device has no role, its person has.
func ofClinician(within scope) scope {
	return scope{within.words, func(ctx context.Context, t *tx, a Actor, on *object) error {
		roles, err := rolesOf(ctx, t, a.person)
		if err == nil && !slices.Contains(roles, RoleClinician) {
			err = lacks(ErrDenied, "They are no clinician.")
		}
		if err != nil {
			return err
		}
		return within.asks(ctx, t, a, on)
	}}
}

// fromApproved narrows the taking in of captures to approved devices where Config.RequireDevice says so.
func fromApproved(within scope) scope {
	return scope{within.words, func(ctx context.Context, t *tx, a Actor, on *object) error {
		if err := within.asks(ctx, t, a, on); err != nil || !t.v.cfg.RequireDevice {
			return err
		}
		id, err := sessionDevice(ctx, t, a.session)
		if err != nil {
			return err
		}
		err = holds(ctx, t, `SELECT count(*) FROM devices WHERE id = $1 AND state = 'approved'`, id)
		if errors.Is(err, ErrNotFound) {
			return say(ErrDenied, "Photos are taken in from approved devices alone. Ask an administrator to approve this one; what waits in its queue is sent then.")
		}
		return err
	}}
}
