package vault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

var job = vault.JobActor("test")

// fill makes the log at least n events long, with a checkpoint in the middle
// and one at the end.
func fill(t *testing.T, b *vaulttest.Bench, n int64) {
	t.Helper()
	for half := range int64(2) {
		for logSize(t, b.V) < n*(half+1)/2 {
			if _, err := b.V.DeadJobs(t.Context(), vault.Operator()); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.V.Checkpoint(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
}

func logSize(t *testing.T, v *vault.Vault) int64 {
	t.Helper()
	n, err := v.LogSize(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func verify(t *testing.T, v *vault.Vault) vault.Verification {
	t.Helper()
	got, err := v.VerifyLog(t.Context(), vault.Operator())
	if err != nil {
		t.Fatalf("VerifyLog: %v", err)
	}
	return got
}

func TestLogVerifies(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		fill(t, b, 520) // more than one page of a walk
		got := verify(t, b.V)
		if !got.OK || got.Problem != "" || got.FirstBad != 0 {
			t.Fatalf("VerifyLog of an untouched log: got %+v", got)
		}
		if got.Size != logSize(t, b.V) || got.Checkpoints != 2 || got.Covered < 520 {
			t.Errorf("VerifyLog: got size %d, %d checkpoints, %d covered; want size %d, 2, at least 520",
				got.Size, got.Checkpoints, got.Covered, logSize(t, b.V))
		}
		if got.LastCheckpoint != vault.TimeOf(vaulttest.Start) {
			t.Errorf("LastCheckpoint: got %v, want %v", got.LastCheckpoint, vaulttest.Start)
		}
	})
}

// TestLogRootIsTheTreeOfItsEntries recomputes the root with the library alone.
func TestLogRootIsTheTreeOfItsEntries(t *testing.T) {
	b := vaulttest.New(t)
	fill(t, b, 37)
	got := verify(t, b.V)
	rows, err := b.SQL(t).QueryContext(t.Context(), `SELECT entry FROM audit_events ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var hashes []tlog.Hash
	n := int64(0)
	stored := tlog.HashReaderFunc(func(ids []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, id := range ids {
			out = append(out, hashes[id])
		}
		return out, nil
	})
	for rows.Next() {
		var entry string
		if err := rows.Scan(&entry); err != nil {
			t.Fatal(err)
		}
		more, err := tlog.StoredHashes(n, []byte(entry), stored)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	root, err := tlog.TreeHash(n, stored)
	if err != nil {
		t.Fatal(err)
	}
	if n != got.Size || root.String() != got.Root {
		t.Errorf("VerifyLog: got %d events with root %s, want %d with %s", got.Size, got.Root, n, root)
	}
}

func TestTamperedLogIsCaught(t *testing.T) {
	const (
		replaceEntry = `UPDATE audit_events SET entry = REPLACE(entry, '"act":"job.list"', '"act":"job.lost"') WHERE seq = 12`
		swap         = `UPDATE audit_events SET seq = CASE seq WHEN 10 THEN -11 WHEN 11 THEN -10 END WHERE seq IN (10, 11)`
	)
	for _, c := range []struct {
		name     string
		do       []string
		problem  string
		firstBad int64
	}{
		{"entry altered", []string{replaceEntry}, "event 12 was altered", 12},
		{"searched column altered", []string{`UPDATE audit_events SET actor = 'person:X' WHERE seq = 9`}, "event 9 was altered", 9},
		{"patient column altered", []string{`UPDATE audit_events SET patient = 'X' WHERE seq = 9`}, "event 9 was altered", 9},
		{"row removed", []string{`DELETE FROM audit_events WHERE seq = 7`}, "event 7 is missing", 7},
		{"rows reordered", []string{swap, `UPDATE audit_events SET seq = -seq WHERE seq < 0`}, "event 10 was altered", 10},
		{"leaf hash altered", []string{`UPDATE audit_hashes SET hash = (SELECT hash FROM audit_hashes WHERE id = 1) WHERE id = 0`}, "event 1 was altered", 1},
		{"end removed with its head", []string{`DELETE FROM audit_events WHERE seq > 15`, `UPDATE audit_head SET size = 15`,
			`DELETE FROM audit_hashes WHERE id >= 26`}, "cut short", 17}, // the verification's own event is 16
		{"end removed", []string{`DELETE FROM audit_events WHERE seq > 15`}, "cut short", 16},
		{"event beyond the head", []string{`INSERT INTO audit_events (seq, at, actor, act, outcome, patient, photo, entry) VALUES (9999, 0, '', '', '', '', '', '{}')`}, "beyond the end", 0},
		{"checkpoint altered", []string{`UPDATE checkpoints SET note = REPLACE(note, 'clinivault/main', 'clinivault/else') WHERE size > 15`}, "is not valid", 16},
		{"checkpoint moved", []string{`UPDATE checkpoints SET size = size + 1 WHERE size < 20`}, "stands after event", 1},
		{"stored tree altered", []string{`UPDATE audit_hashes SET hash = (SELECT hash FROM audit_hashes WHERE id = 0) WHERE id = 30`}, "stored tree", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := vaulttest.New(t)
			fill(t, b, 30)
			for _, q := range c.do {
				if b.Exec(t, q) == 0 {
					t.Fatalf("%s changed nothing", q)
				}
			}
			got := verify(t, b.V)
			if got.OK || !strings.Contains(got.Problem, c.problem) {
				t.Fatalf("VerifyLog: got OK %v, problem %q; want a problem with %q", got.OK, got.Problem, c.problem)
			}
			if c.firstBad != 0 && got.FirstBad != c.firstBad {
				t.Errorf("FirstBad: got %d, want %d (%s)", got.FirstBad, c.firstBad, got.Problem)
			}
		})
	}
}

// rewrite changes an event and then recomputes every stored hash, as somebody
// could who holds the database but not the log's key.
func rewrite(t *testing.T, b *vaulttest.Bench, seq int64) {
	t.Helper()
	db := b.SQL(t)
	b.Exec(t, fmt.Sprintf(`UPDATE audit_events SET act = 'job.lost', entry = REPLACE(entry, 'job.list', 'job.lost') WHERE seq = %d`, seq))
	b.Exec(t, `DELETE FROM audit_hashes`)
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(ids []int64) (out []tlog.Hash, err error) {
		for _, id := range ids {
			out = append(out, hashes[id])
		}
		return out, nil
	})
	for n := range logSize(t, b.V) {
		var entry string
		if err := db.QueryRowContext(t.Context(), `SELECT entry FROM audit_events WHERE seq = $1`, n+1).Scan(&entry); err != nil {
			t.Fatal(err)
		}
		more, err := tlog.StoredHashes(n, []byte(entry), stored)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range more {
			if _, err := db.ExecContext(t.Context(), `INSERT INTO audit_hashes (id, hash) VALUES ($1, $2)`, len(hashes), h[:]); err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, h)
		}
	}
}

func TestRewrittenHistoryIsCaught(t *testing.T) {
	b := vaulttest.New(t)
	fill(t, b, 30) // checkpoints at 15 and 30
	rewrite(t, b, 20)
	got := verify(t, b.V)
	if got.OK || got.FirstBad != 16 || !strings.Contains(got.Problem, "rewritten between event 16 and event 30") {
		t.Errorf("VerifyLog of a rewritten log: got %+v, want history rewritten from event 16", got)
	}
	events, err := b.V.AuditRecent(t.Context(), b.Person(t, "privacy", vault.RolePrivacy), 0, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Act == "audit.verify" && e.Outcome == "failed" && e.Detail["first_bad"] == "16" {
			return
		}
	}
	t.Error("the failed verification is not on the record")
}

func TestCheckpointOfNothingNewIsNone(t *testing.T) {
	b := vaulttest.New(t)
	for range 3 {
		if err := b.V.Checkpoint(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if got := verify(t, b.V); got.Checkpoints != 1 {
		t.Errorf("checkpoints after three calls with no event between: got %d, want 1", got.Checkpoints)
	}
}

func TestAuditPages(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		privacy := b.Person(t, "privacy", vault.RolePrivacy)
		doctor := b.Person(t, "doctor", vault.RoleClinician)
		patient := b.Patient(t, doctor)
		other := b.Patient(t)
		if _, err := b.V.Patient(t.Context(), doctor, patient); err != nil {
			t.Fatal(err)
		}
		if _, err := b.V.Patient(t.Context(), doctor, other); !errors.Is(err, vault.ErrNotFound) {
			t.Fatalf("Patient of another team: got %v, want ErrNotFound", err)
		}
		of, err := b.V.AuditOfPerson(t.Context(), privacy, doctor.Person(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(of) < 2 || of[0].Outcome != "refused" || of[0].Act != "patient.read" || of[1].Outcome != "ok" || of[1].ActingAs != "clinician" {
			t.Fatalf("AuditOfPerson: got %+v, want the refusal first and the read before it", of)
		}
		if of[0].ActorName != "Test Person doctor" || of[0].Remote != "127.0.0.1:1" || of[0].Request != "test-request" {
			t.Errorf("AuditOfPerson: got name %q, remote %q, request %q", of[0].ActorName, of[0].Remote, of[0].Request)
		}
		about, err := b.V.AuditOfPatient(t.Context(), privacy, other, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(about) == 0 || about[0].Seq != of[0].Seq || about[0].Patient == "" || about[0].Patient == string(other) {
			t.Errorf("AuditOfPatient: got %+v, want the refusal under a pseudonym", about)
		}
		page, err := b.V.AuditOfPerson(t.Context(), privacy, doctor.Person(), of[0].Seq, 1)
		if err != nil || len(page) != 1 || page[0].Seq != of[1].Seq {
			t.Errorf("AuditOfPerson before %d: got %+v, %v; want event %d", of[0].Seq, page, err, of[1].Seq)
		}
		recent, err := b.V.AuditRecent(t.Context(), privacy, 0, 1)
		if err != nil || len(recent) != 1 || recent[0].Act != "audit.read" || recent[0].Detail["events"] != "1" {
			t.Errorf("AuditRecent: got %+v, %v; want the last read of the log", recent, err)
		}
	})
}

func TestAuditRefusesPaging(t *testing.T) {
	b := vaulttest.New(t)
	privacy := b.Person(t, "privacy", vault.RolePrivacy)
	for _, c := range []struct {
		before int64
		limit  int
	}{{-1, 10}, {0, 0}, {0, -1}, {0, 501}} {
		if _, err := b.V.AuditRecent(t.Context(), privacy, c.before, c.limit); !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("AuditRecent(before %d, limit %d): got %v, want ErrInvalid", c.before, c.limit, err)
		}
	}
}

// TestLogTakesNoForeignText: what a stranger sends as an ID or address never
// gets into the log.
func TestLogTakesNoForeignText(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	const typed = "Synthetic Name\n{\"act\":\"x\"}"
	bad := doctor.From(typed, typed)
	if _, err := b.V.Patient(t.Context(), bad, vault.PatientID(typed)); !errors.Is(err, vault.ErrNotFound) {
		t.Fatalf("Patient: got %v, want ErrNotFound", err)
	}
	var export bytes.Buffer
	if err := b.V.ExportLog(t.Context(), vault.Operator(), &export); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(export.String(), "Synthetic Name") {
		t.Error("the log repeats what a stranger typed")
	}
	if !strings.Contains(export.String(), "(malformed)") {
		t.Error("the log does not say that the ID was malformed")
	}
}

// TestEntriesAreCanonical: each entry is one line of JSON with its keys in order.
func TestEntriesAreCanonical(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	b.Patient(t, doctor)
	b.Clock.Add(time.Minute)
	rows, err := b.SQL(t).QueryContext(t.Context(), `SELECT entry FROM audit_events`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var entry string
		if err := rows.Scan(&entry); err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(entry), &v); err != nil {
			t.Fatalf("entry of %d bytes (%x): %v", len(entry), sha256.Sum256([]byte(entry)), err)
		}
		again, err := json.Marshal(v) // maps are written in the order of their keys
		if err != nil || string(again) != entry {
			t.Errorf("entry: got %s, want %s", entry, again)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
