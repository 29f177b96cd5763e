package vault

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// DeviceID names a device: a P-256 key that a browser's profile or the native client on one machine made and keeps.
type DeviceID string

// The kinds of device.
const (
	DeviceBrowser = "browser" // the key is in the browser's store, which gives it to nobody
	DeviceNative  = "native"  // the key is in a file of its user; it gets certificates
)

// The states of a device.
const (
	DevicePending  = "pending"  // its key stands behind sessions, and nobody has vouched for it
	DeviceApproved = "approved" // an administrator has
	DeviceRevoked  = "revoked"  // its sessions have ended, and its key opens nothing any more
)

const maxDeviceName = 60 // characters

// Device is a device as its people and the administrators see it.
type Device struct {
	ID     DeviceID `json:"id"`
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	State  string   `json:"state"`
	Shared bool     `json:"shared"` // of a ward: several people use it
	// Number is what the device shows while it is enrolled by code; the approver compares it. Empty otherwise.
	Number           string   `json:"number"`
	EnrolledBy       PersonID `json:"enrolled_by"`
	EnrolledName     string   `json:"enrolled_name"`
	CreatedAt        Time     `json:"created_at"`
	ApprovedAt       Time     `json:"approved_at"`
	SeenAt           Time     `json:"seen_at"`
	RevokedAt        Time     `json:"revoked_at"`
	CertificateUntil Time     `json:"certificate_until"` // of the newest certificate; zero: none
	Sessions         int      `json:"sessions"`          // live ones: of everybody for an admin, else one's own
	Mine             bool     `json:"mine"`              // the actor enrolled it, or was signed in on it
}

// deviceKey checks a key as a device sends it, SubjectPublicKeyInfo (RFC 5280, 4.1) of a P-256 key in DER, and gives
// its hash. Another curve, another form of the same key and trailing bytes are ErrInvalid.
func deviceKey(spki []byte) (key *ecdsa.PublicKey, hash string, err error) {
	wrong := fmt.Errorf("key of a device: %w", ErrInvalid)
	if len(spki) > 200 { // 91 bytes in the only form that is taken
		return nil, "", wrong
	}
	any, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, "", wrong
	}
	key, ok := any.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, "", wrong
	}
	again, err := x509.MarshalPKIXPublicKey(key)
	if err != nil || string(again) != string(spki) {
		return nil, "", wrong
	}
	return key, keyHash(spki), nil
}

func keyHash(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

// deviceRow is what deciding needs to know of a device.
type deviceRow struct {
	id     DeviceID
	kind   string
	state  string
	shared bool
	key    []byte
	hash   string
}

// deviceBy finds a device by a column: "id" or "key_hash"; ErrNotFound when there is none.
func deviceBy(ctx context.Context, q querier, column, value string) (d deviceRow, err error) {
	err = q.QueryRowContext(ctx, `SELECT id, kind, state, shared, key, key_hash FROM devices WHERE `+column+` = $1`, value).
		Scan(&d.id, &d.kind, &d.state, &d.shared, &d.key, &d.hash)
	if err != nil {
		return deviceRow{}, fmt.Errorf("reading device: %w", absent(err))
	}
	return d, nil
}

// sessionDevice is the device behind a session; empty where there is none.
func sessionDevice(ctx context.Context, t querier, id SessionID) (device DeviceID, err error) {
	err = t.QueryRowContext(ctx, `SELECT device_id FROM sessions WHERE id = $1`, id).Scan(&device)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrUnauthenticated
	}
	return device, err
}
