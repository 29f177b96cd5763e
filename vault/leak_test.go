package vault_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// secrets are what one journey must leave nowhere in clear. The patient's row may hold the first two.
type secrets struct {
	name, number, note, reason string
	pictures                   [][]byte // pieces of every picture involved
}

// TestLeaks runs a whole journey with a patient whose name is unmistakable, then searches everything that is left.
func TestLeaks(t *testing.T) {
	w := newWorld(t)
	s := w.leakyJourney()
	var export bytes.Buffer
	ok(t, w.V.ExportLog(t.Context(), w.privacy, &export))
	if strings.Count(export.String(), "\n") < 20 {
		t.Fatalf("the log has %d lines", strings.Count(export.String(), "\n"))
	}
	if len(s.pictures) < 20 {
		t.Fatalf("only %d pieces of pictures to search for", len(s.pictures))
	}
	s.search(t, "operational log", w.Log.String(), true)
	s.search(t, "audit log", export.String(), true)
	for _, name := range w.Blobs.Names() {
		s.search(t, "blob "+name, name+string(w.Blobs.Bytes(name)), true)
	}
	for table, text := range w.dump() {
		s.search(t, "table "+table, text, table != "patients")
	}
	if _, err := w.db().Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		t.Fatal(err)
	}
	file := must(os.ReadFile(w.Cfg.DSN))(t)
	s.search(t, "database file", string(file), false)
	if !bytes.Contains(file, []byte(s.number)) {
		t.Error("the search would not find what is there")
	}
}

func (w *world) leakyJourney() secrets {
	t, ctx := w.t, w.t.Context()
	s := secrets{name: "Zyxwvut Leakcanary", number: "LEAK-778899", note: "canary note of the wound", reason: "canary reason for looking"}
	patient := must(w.V.AddPatient(ctx, vault.Operator(), vault.NewPatient{RecordNumber: s.number, Name: s.name, BirthDate: "1961-02-03"}))(t)
	w.Tie(t, patient, w.author)
	picture := vaulttest.Face(t)
	must(w.V.FindPatients(ctx, w.author, "leakcanary"))(t)
	w.Send(t, w.author, w.Capture(t, w.author, patient, picture, func(f *seal.CaptureFacts) { f.Note = s.note }))
	w.Work(t)
	p := must(w.V.ClaimNext(ctx, w.reviewer))(t)
	s.add(picture)
	for _, kind := range []string{vault.KindOriginal, vault.KindThumb, vault.KindDisplay, vault.KindCoveredThumb, vault.KindCoveredDisplay} {
		s.add(must(w.V.ReadRendition(ctx, w.reviewer, p.ID, kind))(t).Bytes)
	}
	must(w.V.Reveal(ctx, w.author, p.ID, s.reason))(t)
	must(w.V.Approve(ctx, w.reviewer, p.ID, vault.Approval{Version: p.Version, Force: true}))(t)
	for _, kind := range []string{vault.KindRedacted, vault.KindRedactedThumb, vault.KindRedactedDisplay} {
		s.add(must(w.V.ReadRendition(ctx, w.records, p.ID, kind))(t).Bytes)
	}
	must(w.V.ApprovedPhotos(ctx, w.records, vault.ApprovedFilter{Query: s.number}))(t)
	must(w.V.Attach(ctx, w.records, p.ID, nil))(t)
	s.add(w.deliver().Bytes)
	s.add(w.deliver().Bytes)
	w.send([]byte("no picture; " + s.name))
	w.Work(t)
	_, err := w.V.PhotoByID(ctx, w.outsider, p.ID)
	wants(t, "an outsider", err, vault.ErrNotFound)
	return s
}

// add keeps pieces from the scan data of a picture. A covered area codes as one pattern again and again, which any file
// may hold, so pieces with few different bytes are passed over.
func (s *secrets) add(picture []byte) {
	for _, part := range []int{3, 5, 7} {
		for at := len(picture) * part / 8; at+24 <= len(picture); at += 24 {
			piece := picture[at : at+24]
			if distinct(piece) >= 16 {
				s.pictures = append(s.pictures, piece)
				break
			}
		}
	}
}

func distinct(b []byte) int {
	seen := map[byte]bool{}
	for _, c := range b {
		seen[c] = true
	}
	return len(seen)
}

func (s secrets) search(t *testing.T, where, text string, patientToo bool) {
	t.Helper()
	words := map[string]string{"note": s.note, "reason": s.reason}
	if patientToo {
		words["name"], words["record number"], words["birth date"] = s.name, s.number, "1961-02-03"
		words["name for searching"] = "zyxwvut"
	}
	for what, word := range words {
		if strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			t.Errorf("%s holds the patient's %s", where, what)
		}
	}
	for i, piece := range s.pictures {
		if strings.Contains(text, string(piece)) {
			t.Errorf("%s holds picture bytes (piece %d)", where, i)
		}
	}
}

// dump is every row of every table as text.
func (w *world) dump() map[string]string {
	w.t.Helper()
	db, out := w.db(), map[string]string{}
	names, err := db.Query(`SELECT name FROM sqlite_schema WHERE type = 'table'`)
	ok(w.t, err)
	defer names.Close()
	var tables []string
	for names.Next() {
		var name string
		ok(w.t, names.Scan(&name))
		tables = append(tables, name)
	}
	ok(w.t, names.Err())
	for _, table := range tables {
		out[table] = dumpTable(w.t, db, table)
	}
	return out
}

func dumpTable(t testing.TB, db *sql.DB, table string) string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), `SELECT * FROM "`+table+`"`)
	ok(t, err)
	defer rows.Close()
	columns := must(rows.Columns())(t)
	var out strings.Builder
	for rows.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		ok(t, rows.Scan(places...))
		for _, v := range values {
			if b, isBytes := v.([]byte); isBytes {
				v = string(b)
			}
			fmt.Fprintln(&out, v)
		}
	}
	ok(t, rows.Err())
	return out.String()
}

// TestNothingPrintsSecrets: whatever a careless log line prints of our types says nothing.
func TestNothingPrintsSecrets(t *testing.T) {
	const canary = "canary-value"
	for _, v := range []any{
		vault.Photo{PatientName: canary, Note: canary}, &vault.Photo{PatientName: canary},
		vault.Patient{Name: canary, RecordNumber: canary}, vault.NewPatient{Name: canary, RecordNumber: canary},
		vault.NewPerson{Password: canary}, vault.Picture{Bytes: []byte(canary)}, vault.Delivery{Bytes: []byte(canary), Laterality: canary},
	} {
		if got := fmt.Sprintf("%v %+v %#v %s", v, v, v, v); strings.Contains(got, canary) || strings.Contains(got, "99 97 110") {
			t.Errorf("%T prints as %s", v, got)
		}
	}
}
