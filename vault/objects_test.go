package vault_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// stored is the name under which a photo's rendition is kept.
func stored(t *testing.T, b *vaulttest.Bench, photo vault.PhotoID, kind string) (name string) {
	t.Helper()
	err := b.SQL(t).QueryRowContext(t.Context(), `SELECT blob FROM renditions WHERE photo = $1 AND kind = $2`, string(photo), kind).Scan(&name)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestAlteredObjectsAreRefused: whatever whoever runs the store does to an
// object, it is not served, and it is on the record.
func TestAlteredObjectsAreRefused(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	patient, second := b.Patient(t, doctor), b.Patient(t, doctor)
	var photos []vault.PhotoID
	for i, p := range []vault.PatientID{patient, patient, second} {
		r := b.Send(t, doctor, b.Capture(t, doctor, p, vaulttest.Picture(t, 96, 64, byte(i))))
		photos = append(photos, vault.PhotoID(r.PhotoID))
	}
	b.Work(t)
	const kind = vault.KindCoveredThumb
	name := stored(t, b, photos[0], kind)
	good := b.Blobs.Bytes(name)
	flip := func(i int) []byte {
		bad := slices.Clone(good)
		bad[i] ^= 1
		return bad
	}
	want, err := b.V.ReadRendition(t.Context(), doctor, photos[0], kind)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name string
		body []byte
	}{
		{"first byte flipped", flip(0)},
		{"middle byte flipped", flip(len(good) / 2)},
		{"last byte flipped", flip(len(good) - 1)},
		{"cut short", good[:len(good)-1]},
		{"empty", []byte{}},
		{"gone", nil},
		{"made longer", append(slices.Clone(good), 0)},
		{"doubled", append(slices.Clone(good), good...)},
		{"another rendition of the photo", b.Blobs.Bytes(stored(t, b, photos[0], vault.KindOriginal))},
		{"the same rendition of another photo", b.Blobs.Bytes(stored(t, b, photos[1], kind))},
		{"the same rendition of another patient", b.Blobs.Bytes(stored(t, b, photos[2], kind))},
		{"the plain picture", want.Bytes},
	} {
		b.Blobs.Tamper(name, c.body)
		got, err := b.V.ReadRendition(t.Context(), doctor, photos[0], kind)
		if !errors.Is(err, vault.ErrIntegrity) || len(got.Bytes) != 0 {
			t.Errorf("%s: got %d bytes and %v, want none and ErrIntegrity", c.name, len(got.Bytes), err)
		}
		if n := b.V.IntegrityRefusals(); n != uint64(i+1) {
			t.Errorf("%s: got %d refusals counted, want %d", c.name, n, i+1)
		}
		n := count(t, b, `SELECT count(*) FROM audit_events WHERE act = 'integrity.refused' AND patient <> '' AND photo = '`+string(photos[0])+`'`)
		if n != int64(i+1) {
			t.Errorf("%s: got %d events, want %d", c.name, n, i+1)
		}
	}
	b.Blobs.Tamper(name, good)
	got, err := b.V.ReadRendition(t.Context(), doctor, photos[0], kind)
	if err != nil || !bytes.Equal(got.Bytes, want.Bytes) {
		t.Errorf("with the object put back: got %d bytes and %v, want the picture", len(got.Bytes), err)
	}
	if strings.Contains(b.Log.String(), name) {
		t.Error("the log names the object")
	}
}

// TestSwappedRowsAreRefused: the database alone cannot pass one photo's object
// off as another's, even with its hash, since the seal is bound to the photo.
func TestSwappedRowsAreRefused(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	patient := b.Patient(t, doctor)
	var photos []vault.PhotoID
	for i := range byte(2) {
		r := b.Send(t, doctor, b.Capture(t, doctor, patient, vaulttest.Picture(t, 96, 64, i)))
		photos = append(photos, vault.PhotoID(r.PhotoID))
	}
	b.Work(t)
	const columns = "size, sealed_hash, wrapped_key"
	b.Exec(t, `UPDATE renditions SET blob = blob || 'x' WHERE photo = $1 AND kind = 'covered_thumb'`, string(photos[1]))
	b.Exec(t, `UPDATE renditions SET (`+columns+`) = (SELECT `+columns+` FROM renditions WHERE photo = $1 AND kind = 'covered_thumb'),
		blob = (SELECT substr(blob, 1, length(blob) - 1) FROM renditions WHERE photo = $1 AND kind = 'covered_thumb')
		WHERE photo = $2 AND kind = 'covered_thumb'`, string(photos[1]), string(photos[0]))
	got, err := b.V.ReadRendition(t.Context(), doctor, photos[0], vault.KindCoveredThumb)
	if !errors.Is(err, vault.ErrIntegrity) || len(got.Bytes) != 0 {
		t.Errorf("ReadRendition of a swapped row: got %d bytes and %v, want ErrIntegrity", len(got.Bytes), err)
	}
	if n := b.V.IntegrityRefusals(); n != 1 {
		t.Errorf("refusals counted: got %d, want 1", n)
	}
}

// TestStoreOutageIsNoIntegrityFailure: a store that is away says nothing about
// its objects.
func TestStoreOutageIsNoIntegrityFailure(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	r := b.Send(t, doctor, b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 96, 64, 1)))
	b.Work(t)
	b.Blobs.FaultAt(1, vaulttest.Refuse)
	_, err := b.V.ReadRendition(t.Context(), doctor, vault.PhotoID(r.PhotoID), vault.KindCoveredThumb)
	if !errors.Is(err, vault.ErrUnavailable) || errors.Is(err, vault.ErrIntegrity) {
		t.Errorf("ReadRendition without a store: got %v, want ErrUnavailable", err)
	}
	if n := b.V.IntegrityRefusals(); n != 0 {
		t.Errorf("refusals counted: got %d, want none", n)
	}
}

// TestKeyOfAnotherPatientIsRefused: wrapped keys are bound to their patient.
func TestKeyOfAnotherPatientIsRefused(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	patient, other := b.Patient(t, doctor), b.Patient(t, doctor)
	r := b.Send(t, doctor, b.Capture(t, doctor, patient, vaulttest.Picture(t, 96, 64, 1)))
	b.Work(t)
	b.Exec(t, `UPDATE patients SET wrapped_key = (SELECT wrapped_key FROM patients WHERE id = $1) WHERE id = $2`, string(other), string(patient))
	_, err := b.V.ReadRendition(t.Context(), doctor, vault.PhotoID(r.PhotoID), vault.KindCoveredThumb)
	if !errors.Is(err, vault.ErrIntegrity) {
		t.Errorf("ReadRendition under another patient's key: got %v, want ErrIntegrity", err)
	}
}
