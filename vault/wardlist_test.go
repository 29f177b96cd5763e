package vault_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// wardPatient is one patient of a list.
type wardPatient struct {
	ID           string `json:"id"`
	RecordNumber string `json:"record_number"`
	Name         string `json:"name"`
	BirthDate    string `json:"birth_date"`
	Encounters   []struct {
		ID      string  `json:"id"`
		Label   string  `json:"label"`
		EndedAt *string `json:"ended_at"`
	} `json:"encounters"`
	Identifiers []vault.BandNumber `json:"identifiers"`
}

// wardText is a ward list as a page reads it, from FORMAT.md alone.
type wardText struct {
	Version   int           `json:"version"`
	Person    string        `json:"person"`
	Device    string        `json:"device"`
	IssuedAt  string        `json:"issued_at"`
	ExpiresAt string        `json:"expires_at"`
	Plain     string        `json:"plain"`
	Complete  bool          `json:"complete"`
	Patients  []wardPatient `json:"patients"`
}

// takeWard fetches a list with a key of its own, opens it and checks the signature.
func (w *world) takeWard(a vault.Actor) (wardText, vault.WardList) {
	w.t.Helper()
	key := must(ecdh.X25519().GenerateKey(rand.Reader))(w.t)
	list := must(w.V.WardList(w.t.Context(), a, key.PublicKey().Bytes()))(w.t)
	plain := must(seal.OpenInSession(key.Bytes(), list.Enc, seal.WardListInfo, list.Sealed, nil))(w.t)
	var signed struct {
		List      string `json:"list"`
		KeyID     string `json:"key_id"`
		Signature []byte `json:"signature"`
	}
	ok(w.t, json.Unmarshal(plain, &signed))
	info := must(w.V.IntakeKeys(w.t.Context(), a))(w.t)
	i := slices.IndexFunc(info.ReceiptKeys, func(k vault.PublicKey) bool { return k.KeyID == signed.KeyID })
	if i < 0 {
		w.t.Fatal("the list is signed with a key that nobody is told of")
	}
	ok(w.t, seal.VerifyWardList(info.ReceiptKeys[i].Key, []byte(signed.List), signed.Signature))
	var text wardText
	ok(w.t, json.Unmarshal([]byte(signed.List), &text))
	if strings.Contains(string(list.Sealed), "Sample") {
		w.t.Error("the sealed list shows a name")
	}
	return text, list
}

func (x wardText) numbers() (out []string) {
	for _, p := range x.Patients {
		out = append(out, p.RecordNumber)
	}
	slices.Sort(out)
	return out
}

// TestWardList: whom a person treats is on their list, with what a bedside check needs, and nobody else.
func TestWardList(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		f.ward("Ward 3B", "outsider")
		f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("gsrn", gsrnOne, "nhs", nhsOne)))
		f.must(f.told(vault.CareIn, "ADM-2", "V2", teams("Ward 4")))
		text, list := w.takeWard(w.outsider)
		own := w.numberOf(w.foreign)
		if got, want := text.numbers(), []string{"ADM-1", own}; !slices.Equal(got, want) {
			t.Fatalf("on the list: %d patients, want those of the team and of one's own", len(got))
		}
		if text.Version != 1 || text.Person != string(w.outsider.Person()) || text.Device != string(list.Device) || !text.Complete || list.Patients != 2 {
			t.Errorf("list of %s on %q, version %d, %d patients", text.Person, text.Device, text.Version, list.Patients)
		}
		issued, expires := must(time.Parse(time.RFC3339, text.IssuedAt))(t), must(time.Parse(time.RFC3339, text.ExpiresAt))(t)
		if expires.Sub(issued) != 8*time.Hour || !issued.Equal(w.Clock.Now().UTC().Truncate(time.Millisecond)) {
			t.Errorf("from %s to %s", text.IssuedAt, text.ExpiresAt)
		}
		i := slices.Index([]string{text.Patients[0].RecordNumber, text.Patients[1].RecordNumber}, "ADM-1")
		p := text.Patients[i]
		if p.Name != "Sample Told" || p.BirthDate != "1961-02-03" || len(p.Encounters) != 1 || p.Encounters[0].EndedAt != nil || len(p.Identifiers) != 2 {
			t.Errorf("the card lacks something: %d visits, %d numbers", len(p.Encounters), len(p.Identifiers))
		}
		f.must(f.told(vault.CareOut, "ADM-1", "V1", func(e *vault.CareEvent) { e.TiesUntil = e.At.Add(time.Hour) }))
		if text, _ = w.takeWard(w.outsider); len(text.Patients) != 2 || len(text.Patients[0].Encounters)+len(text.Patients[1].Encounters) != 0 {
			t.Error("a visit that is over is on the list")
		}
		w.Clock.Add(2 * time.Hour)
		f.relog()
		if text, _ = w.takeWard(w.outsider); !slices.Equal(text.numbers(), []string{own}) {
			t.Error("who is treated no more is on the list")
		}
		w.verified()
	})
}

// TestWardListWithoutGlass: a broken glass lets look while the privacy officer knows; it is never taken along.
func TestWardListWithoutGlass(t *testing.T) {
	w := newWorld(t)
	must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
	w.scans(w.outsider, "]C0", "TEST-000001", w.patient)
	text, _ := w.takeWard(w.outsider)
	if slices.Contains(text.numbers(), "TEST-000001") {
		t.Error("the patient of a broken glass is on the list")
	}
}

// TestWardListIsLogged: one event, with how many, and without who.
func TestWardListIsLogged(t *testing.T) {
	w := newWorld(t)
	w.takeWard(w.author)
	entries := w.texts(`SELECT entry FROM audit_events WHERE act = 'patient.ward_list'`)
	if len(entries) != 1 || !strings.Contains(entries[0], `"patients":"1"`) || strings.Contains(entries[0], "TEST-000001") {
		t.Errorf("%d events: %s", len(entries), entries)
	}
}

// TestWardListLeavesOut: the erased, those whose record ended in a merge, and a list that would be too long says so.
func TestWardListLeavesOut(t *testing.T) {
	w := newWorld(t)
	ctx, f := t.Context(), w.feeder()
	f.ward("Ward 3B", "author")
	for i := range 3 {
		f.must(f.told(vault.CareIn, fmt.Sprint("ADM-", i), fmt.Sprint("V", i)))
	}
	f.merge("ADM-0", "ADM-1")
	known, _ := f.found(w.privacy, "ADM-2")
	id := must(w.V.AskErasure(ctx, w.records, known.ID, "", "request of the patient"))(t)
	ok(t, w.V.SignErasure(ctx, w.privacy, id))
	text, _ := w.takeWard(w.author)
	if got := text.numbers(); !slices.Equal(got, []string{"ADM-1", "TEST-000001"}) {
		t.Fatalf("on the list: %v", got)
	}
	i := slices.IndexFunc(text.Patients, func(p wardPatient) bool {
		return p.RecordNumber == "ADM-1"
	})
	if !slices.Contains(text.Patients[i].Identifiers, vault.BandNumber{Kind: vault.BandRecord, Value: "ADM-0"}) {
		t.Error("the number from before the merge is not on the list")
	}
	w.change(`INSERT INTO patients (id, record_number, name, name_search, birth_date, pseudonym, root_version, created_at)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
		SELECT 'MANY' || i, 'MANY-' || i, 'Sample Many', 'sample many', '1950-01-01', 'PSEUDO' || i, 1, 1 FROM n`)
	w.change(`INSERT INTO care_team (patient, person, started_at) SELECT id, $1, 1 FROM patients WHERE id LIKE 'MANY%'`, string(w.author.Person()))
	text, list := w.takeWard(w.author)
	if text.Complete || len(text.Patients) != 500 || list.Patients != 500 {
		t.Errorf("%d patients, complete %v, want 500 and not", len(text.Patients), text.Complete)
	}
}

// TestWardListRefusesKeys: what is no key seals nothing.
func TestWardListRefusesKeys(t *testing.T) {
	w := newWorld(t)
	for name, key := range map[string][]byte{"none": nil, "short": make([]byte, 31), "of low order": make([]byte, 32), "long": make([]byte, 33)} {
		_, err := w.V.WardList(t.Context(), w.author, key)
		var told interface{ Sentence() string }
		if !errors.Is(err, vault.ErrInvalid) || !errors.As(err, &told) {
			t.Errorf("%s: got %v, want ErrInvalid with a sentence", name, err)
		}
	}
}

// TestWardListNamesTheDevice: a list is bound to the device behind the session, so that no other device takes it.
func TestWardListNamesTheDevice(t *testing.T) {
	w := newWorld(t)
	device := vaulttest.NewDevice(t)
	token, _ := w.OnDevice(t, "author", w.admin, device)
	text, list := w.takeWard(must(w.V.Authenticate(t.Context(), token))(t))
	if device.ID == "" || text.Device != string(device.ID) || list.Device != device.ID {
		t.Errorf("a list for %q, told as %q, want %q", text.Device, list.Device, device.ID)
	}
	if text, _ = w.takeWard(w.author); text.Device != "" {
		t.Errorf("a list for %q from a session of no device", text.Device)
	}
}
