package vault_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestErasureLeavesNoName runs a whole journey, erases the patient, and searches everything that is left for the name, the
// numbers, the dates, the words and the pictures: rows, log, objects, the database's own files with what it no longer uses.
func TestErasureLeavesNoName(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	s := w.leakyJourney()
	patient := must(w.V.FindPatients(ctx, w.privacy, s.number))(t)[0].ID
	visit := must(w.V.AddEncounter(ctx, vault.Operator(), patient, "Leakcanary visit", w.Clock.Now()))(t)
	photo := vault.PhotoID(w.text(`SELECT id FROM photos WHERE patient = $1 AND state = 'approved'`, string(patient)))
	w.change(`UPDATE photos SET encounter = $1 WHERE id = $2`, string(visit), string(photo))
	must(w.V.ChangeConsent(ctx, w.author, photo, vault.ConsentChange{Purpose: "teaching", Allowed: true, How: "written", Note: s.reason, Document: s.number}))(t)
	must(w.V.Release(ctx, w.records, photo, "teaching", s.reason))(t)
	recall := must(w.V.AskRecall(ctx, w.records, photo, "", s.reason))(t)
	ok(t, w.V.CancelRecall(ctx, w.records, recall))
	hold := must(w.V.PlaceHold(ctx, w.privacy, patient, "", s.reason))(t)
	ok(t, w.V.AskLiftHold(ctx, w.records, hold, s.reason))
	ok(t, w.V.LiftHold(ctx, w.privacy, hold))
	id := must(w.V.AskErasure(ctx, w.records, patient, "", s.reason))(t)
	wrapped := w.text(`SELECT hex(wrapped_key) FROM patients WHERE id = $1`, string(patient))
	keys := w.texts(`SELECT hex(r.wrapped_key) FROM renditions r JOIN photos f ON f.id = r.photo WHERE f.patient = $1`, string(patient))
	ok(t, w.V.SignErasure(ctx, w.privacy, id))
	w.retract("deleted")
	w.retract("entered-in-error")
	w.Work(t)

	cert := must(w.V.ErasureCertificate(ctx, w.privacy, id))(t)
	s.search(t, "certificate", string(cert), true)
	var export bytes.Buffer
	ok(t, w.V.ExportLog(ctx, w.privacy, &export))
	s.search(t, "audit log", export.String(), true)
	s.search(t, "operational log", w.Log.String(), true)
	for _, name := range w.Blobs.Names() {
		s.search(t, "blob "+name, name+string(w.Blobs.Bytes(name)), true)
	}
	for table, text := range w.dump() {
		s.search(t, "table "+table, text, true)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		file, err := os.ReadFile(w.Cfg.DSN + suffix)
		if os.IsNotExist(err) {
			continue
		}
		ok(t, err)
		s.search(t, "database file"+suffix, string(file), true)
		for _, key := range append(keys, wrapped) {
			if bytes.Contains(file, unhex(t, key)) {
				t.Errorf("database file%s still holds a wrapped key", suffix)
			}
		}
	}
	w.verified()
}

// texts reads a column past the vault.
func (w *world) texts(query string, args ...any) (out []string) {
	w.t.Helper()
	rows, err := w.db().QueryContext(w.t.Context(), query, args...)
	ok(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		ok(w.t, rows.Scan(&s))
		out = append(out, s)
	}
	ok(w.t, rows.Err())
	return out
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	return must(hex.DecodeString(strings.ToLower(s)))(t)
}
