package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// A ward list lets a device say whose wristband it reads while the network is away. It holds the patients whom one person
// treats now, and of each what a bedside check needs. It is signed, so that a device shows nobody whom the vault does not
// know; sealed to a key that lives in the memory of one page, so that the device's disk says nothing; and short-lived, since
// a list does not learn that somebody left. FORMAT.md, section 14, has the bytes.

const (
	// DefaultWardListFor is how long a list may be used without the network.
	DefaultWardListFor = 8 * time.Hour

	wardListVersion = 1
	maxWardList     = 500 // patients
)

// WardList is a list on its way to a page. Sealed opens to a signed text with the private half of the key that the page
// named (seal.ToSession, seal.WardListInfo).
type WardList struct {
	Enc       []byte   `json:"enc"`
	Sealed    []byte   `json:"sealed"`
	IssuedAt  Time     `json:"issued_at"`
	ExpiresAt Time     `json:"expires_at"`
	Device    DeviceID `json:"device"`
	Patients  int      `json:"patients"`
}

// WardPatient is one patient of a list: the encounters that last, and the numbers that a wristband may carry, record
// numbers from before a merge included.
type WardPatient struct {
	Patient
	Numbers []BandNumber `json:"identifiers"`
}

// String keeps patients out of logs.
func (WardPatient) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (WardPatient) GoString() string { return "[redacted]" }

// wardText is what is signed.
type wardText struct {
	Version   int           `json:"version"`
	Person    PersonID      `json:"person"`
	Device    DeviceID      `json:"device"`
	IssuedAt  Time          `json:"issued_at"`
	ExpiresAt Time          `json:"expires_at"`
	Plain     PlainBands    `json:"plain"`    // what codes without GS1's mark hold here
	Complete  bool          `json:"complete"` // false: the person treats more patients than a list holds
	Patients  []WardPatient `json:"patients"`
}

// signedWard is what is sealed.
type signedWard struct {
	List      string `json:"list"`
	KeyID     string `json:"key_id"`
	Signature []byte `json:"signature"`
}

// WardList makes the list of the patients whom the actor treats now, by a tie of their own, of a team or by a delegation;
// never of those for whom they only broke the glass. It is bound to the person and to the device behind the session, and
// sealed to publicKey, an X25519 key of seal.SessionKeySize bytes. Errors: ErrInvalid for what is no key, ErrDenied.
func (v *Vault) WardList(ctx context.Context, a Actor, publicKey []byte) (WardList, error) {
	var out WardList
	err := v.do(ctx, a, actWardList, object{Kind: "patient"}, func(t *tx) error {
		device, err := sessionDevice(ctx, t, a.session)
		if err != nil {
			return err
		}
		text := wardText{Version: wardListVersion, Person: a.person, Device: device, IssuedAt: Time(t.now),
			ExpiresAt: Time(t.now + v.cfg.WardListFor.Milliseconds()), Plain: v.cfg.PlainBands}
		if text.Patients, err = t.wardPatients(ctx, a.person); err != nil {
			return err
		}
		if text.Complete = len(text.Patients) <= maxWardList; !text.Complete {
			text.Patients = text.Patients[:maxWardList]
		}
		if err := t.wardDetails(ctx, text.Patients); err != nil {
			return err
		}
		t.detail("patients", fmt.Sprint(len(text.Patients)))
		out, err = v.sealWard(ctx, t, text, publicKey)
		return err
	})
	if err != nil {
		return WardList{}, err
	}
	return out, nil
}

// sealWard signs a list with the newest receipt key and seals it.
func (v *Vault) sealWard(ctx context.Context, t *tx, text wardText, publicKey []byte) (WardList, error) {
	key, err := v.signingKey(ctx, t, keyReceipt)
	if err != nil {
		return WardList{}, err
	}
	list, err := json.Marshal(text)
	if err != nil {
		return WardList{}, fmt.Errorf("encoding ward list: %w", err)
	}
	defer clear(list)
	signed := signedWard{List: string(list)}
	signed.KeyID, signed.Signature = seal.SignWardList(key.private, list)
	plain, err := json.Marshal(signed)
	if err != nil {
		return WardList{}, fmt.Errorf("encoding ward list: %w", err)
	}
	defer clear(plain)
	out := WardList{IssuedAt: text.IssuedAt, ExpiresAt: text.ExpiresAt, Device: text.Device, Patients: len(text.Patients)}
	if out.Enc, out.Sealed, err = seal.ToSession(publicKey, seal.WardListInfo, plain, nil); err != nil {
		return WardList{}, say(ErrInvalid, "The page gave no usable key. Load it again.")
	}
	return out, nil
}

// wardPatients are those whom a person treats now, whose stay is newest first, and one more than a list holds.
func (t *tx) wardPatients(ctx context.Context, who PersonID) ([]WardPatient, error) {
	found, err := list(ctx, t, func(rows *sql.Rows) (p WardPatient, err error) {
		return p, rows.Scan(&p.ID, &p.RecordNumber, &p.Name, &p.BirthDate)
	}, patientColumns+`WHERE p.erased_at IS NULL AND p.merged_into IS NULL AND `+tieSQL("$1", "p.id", "$2", treating...)+`
		ORDER BY coalesce((SELECT max(e.started_at) FROM encounters e WHERE e.patient = p.id AND e.ended_at IS NULL), 0) DESC, p.id
		LIMIT `+fmt.Sprint(maxWardList+1), who, t.now)
	if err != nil {
		return nil, fmt.Errorf("reading patients: %w", err)
	}
	return found, nil
}

// wardDetails adds the encounters that last and the numbers.
func (t *tx) wardDetails(ctx context.Context, patients []WardPatient) error {
	for i := range patients {
		p := &patients[i]
		var err error
		p.Encounters, err = list(ctx, t, func(rows *sql.Rows) (e Encounter, err error) {
			return e, rows.Scan(&e.ID, &e.Label, &e.StartedAt)
		}, `SELECT id, label, started_at FROM encounters WHERE patient = $1 AND (ended_at IS NULL OR ended_at > $2)
			ORDER BY started_at DESC, id`, p.ID, t.now)
		if err != nil {
			return fmt.Errorf("reading encounters: %w", err)
		}
		p.Numbers, err = list(ctx, t, func(rows *sql.Rows) (n BandNumber, err error) { return n, rows.Scan(&n.Kind, &n.Value) },
			`SELECT kind, value FROM patient_identifiers WHERE patient = $1
				UNION ALL SELECT '`+string(BandRecord)+`', record_number FROM patient_aliases WHERE patient = $1 ORDER BY 1, 2`, p.ID)
		if err != nil {
			return fmt.Errorf("reading numbers: %w", err)
		}
	}
	return nil
}
