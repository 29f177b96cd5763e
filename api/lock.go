package api

import (
	"encoding/json"

	"github.com/clinivault/clinivault/vault"
)

// lockScreen locks the session's screen: from now on it opens nothing but itself, and takes sealed photos.
func (c *call) lockScreen() error {
	if err := c.s.vault.Lock(c.r.Context(), c.actor); err != nil {
		return err
	}
	return c.done()
}

func (c *call) beginUnlock() error {
	ask, err := c.s.vault.BeginPasskeyUnlock(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(ask)
}

// unlock opens one's own locked session by a factor that needs no device: a passkey, a code, or the password where there
// is nothing else. It goes on under a new token.
func (c *call) unlock() error {
	v := c.s.vault
	return c.showFactor(v.FinishPasskeyUnlock, v.UnlockCode, v.UnlockPassword)
}

type proofRequest struct {
	Proof vault.DeviceProof `json:"proof"`
}

type lockedAnswer struct {
	People []vault.LockedSession `json:"people"`
}

// lockedSessions names who is locked on a device, to whoever holds that device: it proves itself.
func (c *call) lockedSessions() error {
	var in proofRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.knock(); err != nil {
		return err
	}
	list, err := c.s.vault.LockedSessions(c.r.Context(), in.Proof, c.door())
	if err != nil {
		return err
	}
	c.s.byDoor.giveBack(remoteKey(infoOf(c.r).remote)) // a ward's phones ask from one address
	return c.ok(lockedAnswer{some(list)})
}

// openRequest opens a locked session on its device: by the PIN that its person set there, or by their passkey, which
// POST /api/v1/session/passkey/begin asked for.
type openRequest struct {
	PIN        secret            `json:"pin,omitempty"`
	Ticket     secret            `json:"ticket,omitempty"`
	Credential json.RawMessage   `json:"credential,omitempty"`
	Proof      vault.DeviceProof `json:"proof"`
}

func (c *call) openLocked() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	var in openRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if (in.PIN == "") == (len(in.Credential) == 0) || len(in.PIN) > maxCode || len(in.Ticket) > maxToken {
		return say(vault.ErrInvalid, "Show the PIN or a passkey.")
	}
	ctx, v := c.r.Context(), c.s.vault
	return c.enter(errFactor, func(d vault.Door) (vault.Opened, error) {
		if in.PIN != "" {
			return v.UnlockPIN(ctx, vault.SessionID(id), string(in.PIN), in.Proof, d)
		}
		return v.FinishPasskeySwitch(ctx, vault.SessionID(id), string(in.Ticket), in.Credential, in.Proof, d)
	})
}
