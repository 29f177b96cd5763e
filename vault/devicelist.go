package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// deviceColumns reads a Device; $1 is who asks, $2 the present, $3 the time after which a session must have been seen,
// $4 whether sessions of everybody count.
var deviceColumns = `SELECT d.id, d.name, d.kind, d.state, d.shared, CASE d.state WHEN 'pending' THEN d.number ELSE '' END,
	d.enrolled_by, e.name, d.created_at, coalesce(d.approved_at, 0), d.seen_at, coalesce(d.revoked_at, 0), d.cert_until,
	(SELECT count(*) FROM sessions s JOIN people p ON p.id = s.person WHERE s.device_id = d.id AND (s.person = $1 OR $4)
		AND ` + liveSession("$2", "$3") + `) AS live,
	(d.enrolled_by = $1 AND NOT d.shared OR EXISTS (SELECT 1 FROM sessions o WHERE o.device_id = d.id AND o.person = $1)) AS mine
	FROM devices d JOIN people e ON e.id = d.enrolled_by `

func scanDevice(rows *sql.Rows) (d Device, err error) {
	return d, rows.Scan(&d.ID, &d.Name, &d.Kind, &d.State, &d.Shared, &d.Number, &d.EnrolledBy, &d.EnrolledName, &d.CreatedAt,
		&d.ApprovedAt, &d.SeenAt, &d.RevokedAt, &d.CertificateUntil, &d.Sessions, &d.Mine)
}

// devices runs deviceColumns with a condition.
func (t *tx) devices(ctx context.Context, a Actor, all bool, where string, args ...any) ([]Device, error) {
	idle := t.now - t.v.cfg.SessionIdle.Milliseconds()
	out, err := list(ctx, t, scanDevice, deviceColumns+where, append([]any{a.person, t.now, idle, all}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("listing devices: %w", err)
	}
	return out, nil
}

func (t *tx) device(ctx context.Context, a Actor, id DeviceID) (Device, error) {
	found, err := t.devices(ctx, a, false, `WHERE d.id = $5`, string(id))
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Device{}, err
	}
	return found[0], nil
}

// MyDevices lists the devices that the actor enrolled for themselves or was signed in on, the last seen first, those
// taken out of use left out; at most 500.
func (v *Vault) MyDevices(ctx context.Context, a Actor) ([]Device, error) {
	var out []Device
	err := v.do(ctx, a, actMyDevices, onPerson(a.person), func(t *tx) (err error) {
		out, err = t.devices(ctx, a, false, `WHERE d.state <> 'revoked' AND (d.enrolled_by = $1 AND NOT d.shared
			OR EXISTS (SELECT 1 FROM sessions o WHERE o.device_id = d.id AND o.person = $1)) ORDER BY d.seen_at DESC, d.id LIMIT 500`)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeviceFilter chooses from all devices: those of one state, or all for the empty one, and whose name, or whose
// enrolling person's, holds Text, letters' case aside.
type DeviceFilter struct {
	State string
	Text  string
}

// Devices lists the devices of the whole vault, those that wait for approval first, then the last seen first; at most
// 500. Errors: ErrDenied, ErrInvalid.
func (v *Vault) Devices(ctx context.Context, a Actor, f DeviceFilter) ([]Device, error) {
	var out []Device
	err := v.do(ctx, a, actDevices, object{Kind: "device"}, func(t *tx) (err error) {
		switch f.State {
		case "", DevicePending, DeviceApproved, DeviceRevoked:
		default:
			return say(ErrInvalid, "A device is pending, approved or revoked.")
		}
		if len(f.Text) > 4*maxDeviceName {
			return fmt.Errorf("filter of devices: %w", ErrInvalid)
		}
		text := ""
		if f.Text != "" {
			text = "%" + like(strings.ToLower(f.Text)) + "%"
		}
		out, err = t.devices(ctx, a, true, `WHERE ($5 = '' OR d.state = $5) AND ($6 = '' OR lower(d.name) LIKE $6 ESCAPE '!'
			OR lower(e.name) LIKE $6 ESCAPE '!') ORDER BY d.state = 'pending' DESC, d.seen_at DESC, d.id LIMIT 500`, f.State, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeviceChange is what ChangeDevice changes; nil leaves it. Name has 1 to 60 characters; Shared says whether the device
// is a ward's, where a screen that is left alone locks sooner.
type DeviceChange struct {
	Name   *string
	Shared *bool
}

// ChangeDevice renames a device, one's own or as an administrator any, and as an administrator says whether it is
// shared. Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrConflict for one that is out of use.
func (v *Vault) ChangeDevice(ctx context.Context, a Actor, id DeviceID, c DeviceChange) error {
	what := actRenameDevice
	if c.Shared != nil {
		what = actShareDevice
	}
	return v.do(ctx, a, what, onDevice(id), func(t *tx) error {
		if c.Name != nil && !isLine(*c.Name, maxDeviceName) {
			return say(ErrInvalid, "A device needs a name of at most 60 characters.")
		}
		if c.Name == nil && c.Shared == nil {
			return fmt.Errorf("change of a device: %w", ErrInvalid)
		}
		if c.Shared != nil {
			t.detail("shared", yesNo(*c.Shared))
		}
		return t.changeDevice(ctx, id, `name = coalesce($1, name), shared = coalesce($2, shared) WHERE id = $3 AND state <> 'revoked'`,
			c.Name, c.Shared, id)
	})
}

// changeDevice updates one device; ErrNotFound when there is none of that ID, ErrConflict when its state forbids it.
func (t *tx) changeDevice(ctx context.Context, id DeviceID, set string, args ...any) error {
	err := exactlyOne(ctx, t, "changing device", `UPDATE devices SET `+set, args...)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	if _, gone := deviceBy(ctx, t, "id", string(id)); gone != nil {
		return gone
	}
	return say(ErrConflict, "The device is not in a state for this any more. Load the page again and look.")
}

// ApproveDevice vouches for a device that waits; the approver has compared its number with what the device shows. A
// native one gets its first certificate. Errors: ErrConflict when it does not wait, ErrNotFound, ErrDenied.
func (v *Vault) ApproveDevice(ctx context.Context, a Actor, id DeviceID) error {
	if err := v.makeDeviceCA(ctx); err != nil {
		return fmt.Errorf("opening the authority for devices: %w", err)
	}
	return v.do(ctx, a, actApproveDevice, onDevice(id), func(t *tx) error {
		if err := t.changeDevice(ctx, id, `state = 'approved', approved_by = $1, approved_at = $2 WHERE id = $3 AND state = 'pending'`,
			a.person, t.now, id); err != nil {
			return err
		}
		d, err := deviceBy(ctx, t, "id", string(id))
		if err != nil || d.kind != DeviceNative {
			return err
		}
		_, err = t.certify(ctx, id)
		return err
	})
}

// RevokeDevice takes a device out of use for good: every session on it ends, its key and its certificates count no more
// at the next request on every node. What is sealed in its queue stays there. Errors: ErrConflict when it is out of use
// already, ErrNotFound, ErrDenied.
func (v *Vault) RevokeDevice(ctx context.Context, a Actor, id DeviceID) error {
	return v.do(ctx, a, actRevokeDevice, onDevice(id), func(t *tx) error {
		if err := t.changeDevice(ctx, id, `state = 'revoked', revoked_by = $1, revoked_at = $2, certificate = NULL
			WHERE id = $3 AND state <> 'revoked'`, a.subject(), t.now, id); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE sessions SET ended_at = $1 WHERE device_id = $2 AND ended_at IS NULL`, t.now, id)
		if err != nil {
			return fmt.Errorf("ending sessions: %w", err)
		}
		return nil
	})
}

// LeaveDevice ends the actor's own sessions on a device; those of others go on. Errors: ErrNotFound when they were never
// signed in on it.
func (v *Vault) LeaveDevice(ctx context.Context, a Actor, id DeviceID) error {
	return v.do(ctx, a, actLeaveDevice, onDevice(id), func(t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE sessions SET ended_at = $1 WHERE device_id = $2 AND person = $3 AND ended_at IS NULL`,
			t.now, id, a.person)
		if err != nil {
			return fmt.Errorf("ending sessions: %w", err)
		}
		return nil
	})
}

func onDevice(id DeviceID) object { return object{Kind: "device", ID: string(id)} }
