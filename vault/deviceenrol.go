package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// A device is enrolled with a one-time code that a person shows to it (as a QR code) and six digits that the approver
// compares with those on the device. Somebody in between who was shown the code could bring a key of their own, so the
// digits follow from the key, and neither side may choose what it contributes after it has seen the other's: the device
// first says a commitment to its key and a random opening, then the vault its number, then the device shows both. Who
// sits in between is seen with 999,999 chances in a million.

const (
	codeFor          = 10 * time.Minute
	openingSize      = 32
	maxCodes         = 20 // of one person, at once
	commitmentDomain = "clinivault/device-commitment/v1"
	numberDomain     = "clinivault/device-number/v1"
)

// DeviceCode is a one-time code under which one device may be enrolled before ExpiresAt.
type DeviceCode struct {
	Code      string `json:"code"`
	ExpiresAt Time   `json:"expires_at"`
}

// String keeps the code out of logs.
func (DeviceCode) String() string { return "[redacted]" }

// GoString keeps the code out of logs.
func (DeviceCode) GoString() string { return "[redacted]" }

// NewDeviceCode makes a one-time code for a device that will have a name. Anybody may make one for a device of their
// own; an administrator's approval makes it count. shared is for a ward's device and an administrator's to say. Errors:
// ErrInvalid, ErrDenied, ErrConflict when twenty of the actor's wait.
func (v *Vault) NewDeviceCode(ctx context.Context, a Actor, name string, shared bool) (DeviceCode, error) {
	what := actDeviceCode
	if shared {
		what = actSharedDeviceCode
	}
	var out DeviceCode
	err := v.do(ctx, a, what, object{Kind: "device"}, func(t *tx) error {
		if !isLine(name, maxDeviceName) {
			return say(ErrInvalid, "A device needs a name of at most 60 characters.")
		}
		// Whoever was enrolled asks for a day how it went.
		_, err := t.ExecContext(ctx, `DELETE FROM device_codes WHERE expires_at <= $1 AND device = '' OR expires_at <= $2`,
			t.now, t.now-(24*time.Hour).Milliseconds())
		if err != nil {
			return fmt.Errorf("forgetting codes: %w", err)
		}
		var waiting int
		err = t.QueryRowContext(ctx, `SELECT count(*) FROM device_codes WHERE made_by = $1 AND device = ''`, a.person).Scan(&waiting)
		if err != nil {
			return fmt.Errorf("counting codes: %w", err)
		}
		if waiting >= maxCodes {
			return say(ErrConflict, "Too many codes wait already. Use one of them, or wait ten minutes.")
		}
		out = DeviceCode{Code: rand.Text(), ExpiresAt: Time(t.now + codeFor.Milliseconds())}
		_, err = t.ExecContext(ctx, `INSERT INTO device_codes (code_hash, made_by, name, shared, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			tokenHash(out.Code), a.person, name, shared, out.ExpiresAt)
		if err != nil {
			return fmt.Errorf("keeping a code: %w", err)
		}
		return nil
	})
	if err != nil {
		return DeviceCode{}, err
	}
	return out, nil
}

// DeviceCommitment is what a device says first: SHA-256 over its opening, 32 random bytes, and its key. FORMAT.md has
// the bytes.
func DeviceCommitment(opening, key []byte) []byte {
	sum := sha256.Sum256([]byte(commitmentDomain + "\n" + hex.EncodeToString(opening) + "\n" + keyHash(key)))
	return sum[:]
}

// DeviceNumber is the six digits that device and approver compare.
func DeviceNumber(code, nonce string, opening, key []byte) string {
	sum := sha256.Sum256([]byte(numberDomain + "\n" + code + "\n" + nonce + "\n" + hex.EncodeToString(opening) + "\n" + keyHash(key)))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum[:8])%1_000_000)
}

// codeRow is a code as it stands.
type codeRow struct {
	madeBy     PersonID
	name       string
	shared     bool
	commitment []byte
	nonce      string
	device     DeviceID
}

// liveCode finds a code whose maker may still be here; ended or unknown ones are ErrNotFound. Once a device is enrolled
// under it, its time no longer matters.
func (t *tx) liveCode(ctx context.Context, code string) (c codeRow, err error) {
	err = t.QueryRowContext(ctx, `SELECT c.made_by, c.name, c.shared, c.commitment, coalesce(c.nonce, ''), c.device
		FROM device_codes c JOIN people p ON p.id = c.made_by
		WHERE c.code_hash = $1 AND (c.device <> '' OR c.expires_at > $2 AND `+livePerson("p", "$2")+`)`, tokenHash(code), t.now).
		Scan(&c.madeBy, &c.name, &c.shared, &c.commitment, &c.nonce, &c.device)
	if errors.Is(err, sql.ErrNoRows) {
		return codeRow{}, say(ErrNotFound, "This code was used already, or its ten minutes are over. Ask for a new one.")
	}
	if err != nil {
		return codeRow{}, fmt.Errorf("reading code: %w", err)
	}
	return c, nil
}

// BeginEnrolment takes a device's commitment (DeviceCommitment) under a code, once, and answers with the vault's number.
// It takes no actor: the code is the right, and it is worth one device that waits for approval. Errors: ErrNotFound for
// a code that is unknown, over or used, ErrInvalid.
func (v *Vault) BeginEnrolment(ctx context.Context, code string, commitment []byte, remote, request string) (nonce string, err error) {
	door := Actor{kind: byStranger, remote: remote, request: request}
	err = v.quietly(ctx, door, actEnrolDevice, object{Kind: "device"}, func(t *tx) error {
		if len(commitment) != sha256.Size {
			return fmt.Errorf("commitment of a device: %w", ErrInvalid)
		}
		if _, err := t.liveCode(ctx, code); err != nil {
			return err
		}
		nonce = rand.Text()
		err := exactlyOne(ctx, t, "using a code", `UPDATE device_codes SET commitment = $1, nonce = $2 WHERE code_hash = $3
			AND commitment IS NULL`, commitment, nonce, tokenHash(code))
		if errors.Is(err, ErrConflict) {
			return say(ErrNotFound, "This code was used already, or its ten minutes are over. Ask for a new one.")
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return nonce, nil
}

// FinishEnrolment opens the commitment. The device waits for approval from then on; one that was known already by its
// key, because somebody signed in on it, gets the code's name. n.Nonce is the vault's number, signed for "enrol"; n.Name
// may be empty. The device works out the number that it shows by itself. Errors: ErrNotFound for a code without a
// commitment or whose device is known, ErrInvalid for another key or opening than committed to, ErrUnauthenticated for a
// wrong signature, ErrDenied for a device that was taken out of use.
func (v *Vault) FinishEnrolment(ctx context.Context, code string, n NewDevice, opening []byte, remote, request string) (id DeviceID, err error) {
	door := Actor{kind: byStranger, remote: remote, request: request}
	n.Name = "device" // the code's counts
	key, hash, wrong := n.check()
	err = v.do(ctx, door, actEnrolDevice, object{Kind: "device"}, func(t *tx) error {
		if wrong != nil || len(opening) != openingSize {
			return errors.Join(wrong, fmt.Errorf("enrolment of a device: %w", ErrInvalid))
		}
		c, err := t.liveCode(ctx, code)
		if err != nil {
			return err
		}
		switch {
		case c.commitment == nil || c.device != "":
			return say(ErrNotFound, "This code was used already, or its ten minutes are over. Ask for a new one.")
		case subtle.ConstantTimeCompare(c.commitment, DeviceCommitment(opening, n.Key)) != 1:
			return fmt.Errorf("opening of a commitment: %w", ErrInvalid)
		}
		if err := signedBy(key, proofEnrol, c.nonce, n.Signature); err != nil {
			return err
		}
		n.Name, n.Nonce = c.name, c.nonce
		if id, err = t.knowDevice(ctx, c.madeBy, hash, n); err != nil {
			return err
		}
		t.entry.Object = ownID("device", string(id))
		t.detail("code_of", string(c.madeBy))
		return t.enrolled(ctx, code, id, DeviceNumber(code, c.nonce, opening, n.Key), c)
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// enrolled writes what the code says of the device into it, and the device into the code.
func (t *tx) enrolled(ctx context.Context, code string, id DeviceID, number string, c codeRow) error {
	_, err := t.ExecContext(ctx, `UPDATE devices SET number = $1, name = $2, shared = $3, enrolled_by = $4 WHERE id = $5 AND state = 'pending'`,
		number, c.name, c.shared, c.madeBy, id)
	if err != nil {
		return fmt.Errorf("enrolling device: %w", err)
	}
	err = exactlyOne(ctx, t, "using a code", `UPDATE device_codes SET device = $1 WHERE code_hash = $2 AND device = ''`, id, tokenHash(code))
	if err != nil {
		return err
	}
	return t.notify(ctx, noticeDevice, toHolders(RoleAdmin, ""))
}

// DeviceEnrolment is how far a device has come. Certificate is the newest of an approved native device, DER.
type DeviceEnrolment struct {
	Device      DeviceID `json:"device"`
	Name        string   `json:"name"`
	State       string   `json:"state"`
	Certificate []byte   `json:"certificate,omitempty"`
}

// EnrolmentState tells a device how far it has come, for a day. opening, which only the device and the vault know, says
// that it is the device. It takes no actor. Errors: ErrNotFound.
func (v *Vault) EnrolmentState(ctx context.Context, code string, opening []byte, remote, request string) (DeviceEnrolment, error) {
	door := Actor{kind: byStranger, remote: remote, request: request}
	var out DeviceEnrolment
	err := v.quietly(ctx, door, actEnrolDevice, object{Kind: "device"}, func(t *tx) error {
		c, err := t.liveCode(ctx, code)
		if err != nil || c.device == "" {
			return errors.Join(err, ErrNotFound)
		}
		var key []byte
		err = t.QueryRowContext(ctx, `SELECT id, name, state, key, certificate FROM devices WHERE id = $1`, c.device).
			Scan(&out.Device, &out.Name, &out.State, &key, &out.Certificate)
		if err != nil {
			return fmt.Errorf("reading device: %w", absent(err))
		}
		if subtle.ConstantTimeCompare(c.commitment, DeviceCommitment(opening, key)) != 1 {
			return ErrNotFound
		}
		return nil
	})
	if err != nil {
		return DeviceEnrolment{}, err
	}
	return out, nil
}

// DeviceOfCode tells whoever made a code which device came with it, and its number; nil while none has. It writes no
// event: a page asks it again and again. Errors: ErrNotFound for a code that is not the actor's.
func (v *Vault) DeviceOfCode(ctx context.Context, a Actor, code string) (d *Device, err error) {
	err = v.quietly(ctx, a, actMyDevices, onPerson(a.person), func(t *tx) error {
		d = nil
		var id DeviceID
		err := t.QueryRowContext(ctx, `SELECT device FROM device_codes WHERE code_hash = $1 AND made_by = $2`, tokenHash(code), a.person).Scan(&id)
		if err != nil || id == "" {
			return absent(err)
		}
		found, err := t.device(ctx, a, id)
		d = &found
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}
