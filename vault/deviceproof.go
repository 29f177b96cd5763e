package vault

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// A session of a browser is bound to the key of the browser's profile as soon as it is opened, and stays good only while
// the page shows again and again that it holds the key: it signs a number that the vault chose, which counts once and
// for a minute. A cookie that was stolen without the key is therefore worth minutes.

const (
	nonceFor    = time.Minute     // how long a number may be signed
	bindFor     = 2 * time.Minute // after sign-in, in which a session may be bound
	maxNonces   = 20_000          // numbers of strangers that wait at once; beyond them no stranger gets one
	ownNonces   = 50              // of one session: what strangers ask for keeps nobody who is signed in from proving
	proofDomain = "clinivault/device-proof/v1"
)

// What a signature is for; it counts for nothing else.
const (
	proofBind   = "bind"   // a session to a device
	proofProve  = "prove"  // that the device is still where the session is
	proofUnlock = "unlock" // a locked session of the device
	proofDoor   = "door"   // to learn whose locked sessions are on the device
	proofEnrol  = "enrol"  // that a device which is enrolled holds its key
)

// Challenge is a number to be signed by a device, once and before ExpiresAt.
type Challenge struct {
	Nonce     string `json:"nonce"`
	ExpiresAt Time   `json:"expires_at"`
}

// DeviceProof is what a device answers to a Challenge: ECDSA with SHA-256 (FIPS 186-5) over what FORMAT.md says, as r ‖ s,
// 64 bytes.
type DeviceProof struct {
	Device    DeviceID `json:"device"`
	Nonce     string   `json:"nonce"`
	Signature []byte   `json:"signature"`
}

// NewDevice is a key that is shown for the first time, or again by a device that does not know its ID. Key is the
// SubjectPublicKeyInfo (RFC 5280) of a P-256 key; Signature is over the Challenge's number. Name is what people call it.
type NewDevice struct {
	Key       []byte
	Kind      string
	Name      string
	Nonce     string
	Signature []byte
}

// DeviceChallenge gives the actor's device a number to sign, for their own session alone. Errors: ErrUnauthenticated,
// ErrUnavailable when too many wait.
func (v *Vault) DeviceChallenge(ctx context.Context, a Actor) (Challenge, error) {
	var c Challenge
	err := v.quietly(ctx, a, actDeviceChallenge, object{Kind: "session", ID: string(a.session)}, func(t *tx) (err error) {
		c, err = t.challenge(ctx, a.session)
		return err
	})
	return c, err
}

// DoorChallenge gives a device at which nobody is signed in a number to sign; remote and request are where it comes
// from, for the log. It takes no actor: what is signed with it is a proof of the key, and no right. Errors:
// ErrUnavailable when too many wait.
func (v *Vault) DoorChallenge(ctx context.Context, remote, request string) (Challenge, error) {
	door := Actor{kind: byStranger, remote: remote, request: request}
	var c Challenge
	err := v.quietly(ctx, door, actDoorChallenge, object{Kind: "session"}, func(t *tx) (err error) {
		c, err = t.challenge(ctx, "")
		return err
	})
	return c, err
}

func (t *tx) challenge(ctx context.Context, session SessionID) (Challenge, error) {
	if _, err := t.ExecContext(ctx, `DELETE FROM device_nonces WHERE expires_at <= $1`, t.now); err != nil {
		return Challenge{}, fmt.Errorf("forgetting numbers: %w", err)
	}
	waiting, most := 0, maxNonces
	if session != "" {
		most = ownNonces
	}
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM device_nonces WHERE session = $1`, session).Scan(&waiting)
	if err != nil {
		return Challenge{}, fmt.Errorf("counting numbers: %w", err)
	}
	if waiting >= most {
		return Challenge{}, fmt.Errorf("too many devices ask at once: %w", ErrUnavailable)
	}
	c := Challenge{Nonce: rand.Text(), ExpiresAt: Time(t.now + nonceFor.Milliseconds())}
	_, err = t.ExecContext(ctx, `INSERT INTO device_nonces (nonce_hash, session, expires_at) VALUES ($1, $2, $3)`,
		tokenHash(c.Nonce), session, c.ExpiresAt)
	if err != nil {
		return Challenge{}, fmt.Errorf("keeping a number: %w", err)
	}
	return c, nil
}

// useNonce takes a number out of the database. One that was used, is too old or was given to another session is
// ErrUnauthenticated.
func (t *tx) useNonce(ctx context.Context, nonce string, session SessionID) error {
	err := exactlyOne(ctx, t, "using a number", `DELETE FROM device_nonces WHERE nonce_hash = $1 AND session = $2 AND expires_at > $3`,
		tokenHash(nonce), session, t.now)
	if errors.Is(err, ErrConflict) {
		return fmt.Errorf("number of a device's proof: %w", ErrUnauthenticated)
	}
	return err
}

// proofText is what a device signs.
func proofText(purpose, nonce string) []byte {
	return []byte(proofDomain + "\n" + purpose + "\n" + nonce)
}

// signedBy checks a device's signature.
func signedBy(key *ecdsa.PublicKey, purpose, nonce string, signature []byte) error {
	refused := fmt.Errorf("signature of a device: %w", ErrUnauthenticated)
	if len(signature) != 64 {
		return refused
	}
	sum := sha256.Sum256(proofText(purpose, nonce))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key, sum[:], r, s) {
		return refused
	}
	return nil
}

// deviceProves checks and uses up a proof of a device that was not revoked. session is whom the number was given to;
// empty at the door. Errors: ErrUnauthenticated.
func (t *tx) deviceProves(ctx context.Context, purpose string, session SessionID, p DeviceProof) (deviceRow, error) {
	d, err := deviceBy(ctx, t, "id", string(p.Device))
	if errors.Is(err, ErrNotFound) || err == nil && d.state == DeviceRevoked {
		return deviceRow{}, fmt.Errorf("proof of a device: %w", ErrUnauthenticated)
	}
	if err != nil {
		return deviceRow{}, err
	}
	key, _, err := deviceKey(d.key)
	if err != nil {
		return deviceRow{}, fmt.Errorf("stored key of a device: %w", ErrIntegrity)
	}
	if err := t.useNonce(ctx, p.Nonce, session); err != nil {
		return deviceRow{}, err
	}
	if err := signedBy(key, purpose, p.Nonce, p.Signature); err != nil {
		return deviceRow{}, err
	}
	return d, t.seenDevice(ctx, d.id)
}

func (t *tx) seenDevice(ctx context.Context, id DeviceID) error {
	_, err := t.ExecContext(ctx, `UPDATE devices SET seen_at = $1 WHERE id = $2 AND seen_at < $3`, t.now, id,
		t.now-seenEvery.Milliseconds())
	if err != nil {
		return fmt.Errorf("noting the device's use: %w", err)
	}
	return nil
}

// BindSession binds the actor's session, opened within the last two minutes, to the device that signed, and makes the
// device when its key is new: it is pending then. From now on the session needs ProveDevice every Config.ProofEvery.
// Errors: ErrInvalid for a key, name or kind that is not taken, ErrUnauthenticated for a wrong or late signature,
// ErrDenied for a device that was revoked, ErrConflict for a session that is bound to another.
func (v *Vault) BindSession(ctx context.Context, a Actor, n NewDevice) (Device, error) {
	var out Device
	key, hash, wrong := n.check()
	err := v.do(ctx, a, actBindSession, object{Kind: "session", ID: string(a.session)}, func(t *tx) error {
		if wrong != nil {
			return wrong
		}
		if err := t.useNonce(ctx, n.Nonce, a.session); err != nil {
			return err
		}
		if err := signedBy(key, proofBind, n.Nonce, n.Signature); err != nil {
			return err
		}
		id, err := t.knowDevice(ctx, a.person, hash, n)
		if err != nil {
			return err
		}
		if err := t.bind(ctx, a.session, id, n.Kind); err != nil {
			return err
		}
		t.detail("device", string(id))
		if t.entry.Detail["new"] != "" && v.cfg.RequireDevice {
			if err := t.notify(ctx, noticeDevice, toHolders(RoleAdmin, "")); err != nil {
				return err
			}
		}
		out, err = t.device(ctx, a, id)
		return err
	})
	if err != nil {
		return Device{}, err
	}
	return out, nil
}

func (n NewDevice) check() (key *ecdsa.PublicKey, hash string, err error) {
	if n.Kind != DeviceBrowser && n.Kind != DeviceNative {
		return nil, "", fmt.Errorf("kind of a device: %w", ErrInvalid)
	}
	if !isLine(n.Name, maxDeviceName) {
		return nil, "", say(ErrInvalid, "A device needs a name of at most 60 characters.")
	}
	return deviceKey(n.Key)
}

// knowDevice finds the device of a key, or makes it.
func (t *tx) knowDevice(ctx context.Context, person PersonID, hash string, n NewDevice) (DeviceID, error) {
	d, err := deviceBy(ctx, t, "key_hash", hash)
	if errors.Is(err, ErrNotFound) {
		return t.addDevice(ctx, person, hash, n)
	}
	switch {
	case err != nil:
		return "", err
	case d.state == DeviceRevoked:
		return "", say(ErrDenied, "This device was taken out of use. Ask an administrator, and add it anew.")
	case d.kind != n.Kind:
		return "", fmt.Errorf("device of another kind: %w", ErrInvalid)
	}
	return d.id, t.seenDevice(ctx, d.id)
}

func (t *tx) addDevice(ctx context.Context, person PersonID, hash string, n NewDevice) (DeviceID, error) {
	id := DeviceID(newID())
	res, err := t.ExecContext(ctx, `INSERT INTO devices (id, name, kind, key, key_hash, state, enrolled_by, created_at, seen_at)
		VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $7) ON CONFLICT (key_hash) DO NOTHING`,
		id, n.Name, n.Kind, n.Key, hash, person, t.now)
	if err := oneRow(res, err, fmt.Errorf("device: %w", ErrConflict)); err != nil {
		return "", fmt.Errorf("adding device: %w", err)
	}
	t.detail("new", "yes")
	return id, nil
}

// bind writes the device into a session that waits for one; the same again changes nothing. A page is a browser: as a
// program it would be rid of the lock of its screen.
func (t *tx) bind(ctx context.Context, session SessionID, id DeviceID, kind string) error {
	var binding string
	var has DeviceID
	var opened int64
	err := t.QueryRowContext(ctx, `SELECT binding, device_id, created_at FROM sessions WHERE id = $1 AND ended_at IS NULL`, session).
		Scan(&binding, &has, &opened)
	switch {
	case err != nil:
		return fmt.Errorf("reading session: %w", absent(err))
	case binding == "bound" && has != id:
		return fmt.Errorf("session of another device: %w", ErrConflict)
	case binding == bindingDue && kind != DeviceBrowser:
		return fmt.Errorf("device of another kind: %w", ErrInvalid)
	case binding != "bound" && opened+bindFor.Milliseconds() <= t.now:
		return say(ErrUnauthenticated, "This sign-in was not finished in time. Please sign in again.")
	}
	return exactlyOne(ctx, t, "binding session", `UPDATE sessions SET device_id = $1, binding = 'bound', proved_at = $2
		WHERE id = $3 AND ended_at IS NULL`, id, t.now, session)
}

// ProveDevice keeps the actor's bound session good for another Config.ProofEvery. It answers the time until which it
// is, and how long that is. Errors: ErrUnauthenticated for a wrong proof, one of another device than the session's, and a device that was
// revoked.
func (v *Vault) ProveDevice(ctx context.Context, a Actor, p DeviceProof) (until Time, every time.Duration, err error) {
	err = v.quietly(ctx, a, actProveDevice, object{Kind: "session", ID: string(a.session)}, func(t *tx) error {
		d, err := t.deviceProves(ctx, proofProve, a.session, p)
		if err != nil {
			return err
		}
		err = exactlyOne(ctx, t, "proving device", `UPDATE sessions SET proved_at = $1 WHERE id = $2 AND device_id = $3
			AND binding = 'bound' AND ended_at IS NULL`, t.now, a.session, d.id)
		if errors.Is(err, ErrConflict) {
			return fmt.Errorf("session of another device: %w", ErrUnauthenticated)
		}
		until = Time(t.now + v.cfg.ProofEvery.Milliseconds())
		return err
	})
	return until, v.cfg.ProofEvery, err
}
