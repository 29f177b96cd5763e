package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// putBack is a witness's file, and a vault's configuration on a copy of the database from before the witness saw more.
func putBack(t *testing.T) (older vault.Config, path string) {
	t.Helper()
	b := vaulttest.New(t)
	path = filepath.Join(t.TempDir(), "witness.log")
	witnessed(t, b, vault.WitnessConfig{Kind: "file", Path: path})
	act(t, b, 10)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	older = b.Cfg
	older.DSN = filepath.Join(t.TempDir(), "older.db")
	b.Exec(t, `VACUUM INTO '`+older.DSN+`'`)
	for range 2 { // more than one checkpoint, and a key, that the older database does not know
		act(t, b, 20)
		rotateLog(t, b.V)
		ok(t, b.V.SendToWitnesses(t.Context(), job))
	}
	act(t, b, 1)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	return older, path
}

// opened opens a vault until the test's end.
func opened(t *testing.T, cfg vault.Config) *vault.Vault {
	t.Helper()
	v := must(vault.Open(t.Context(), cfg))(t)
	t.Cleanup(func() { ok(t, v.Close()) })
	return v
}

// TestOlderDatabaseIsNotOpened: a database put back to an earlier state is refused while a witness holds later
// checkpoints, until the operator says that it is meant; then the log says so, and outsiders are told.
func TestOlderDatabaseIsNotOpened(t *testing.T) {
	older, path := putBack(t)
	_, err := vault.Open(t.Context(), older)
	if !errors.Is(err, vault.ErrIntegrity) || !strings.Contains(err.Error(), "older than its witness") || !strings.Contains(err.Error(), "accept-rollback") {
		t.Fatalf("Open of the older database: got %v, want a refusal that says what to do", err)
	}
	accepting := older
	accepting.AcceptRollback = "restored after the disk failed"
	v := must(vault.Open(t.Context(), accepting))(t)
	for range 2 {
		ok(t, v.Checkpoint(t.Context(), job))
		ok(t, v.SendToWitnesses(t.Context(), job))
		for range 30 {
			must(v.DeadJobs(t.Context(), vault.Operator()))(t)
		}
	}
	got := must(v.VerifyLog(t.Context(), vault.Operator()))(t)
	if !got.OK || len(got.RolledBack) != 1 || got.RolledBack[0].Kept < 4 {
		t.Errorf("VerifyLog after the operator's word: %+v, want it OK with what was rolled back", got)
	}
	text := export(t, v)
	if strings.Contains(text.String(), "disk failed") {
		t.Error("the operator's words are in the log")
	}
	if got := must(vault.VerifyExport(text, "", keptIn(t, path)...))(t); !got.OK || len(got.RolledBack) != 1 {
		t.Errorf("VerifyExport: %+v, want it OK with what was rolled back", got)
	}
	ok(t, v.Close())
	opened(t, older) // and without a word from then on
}

// TestOlderDatabaseThatGrew: an older database that was used without its witness before the operator spoke is explained
// from the last checkpoint on that it agrees with.
func TestOlderDatabaseThatGrew(t *testing.T) {
	older, _ := putBack(t)
	unwatched := older
	unwatched.Witnesses = nil
	v := must(vault.Open(t.Context(), unwatched))(t)
	for range 1000 {
		must(v.People(t.Context(), vault.Operator()))(t) // other events than those that were lost
	}
	ok(t, v.Close())
	_, err := vault.Open(t.Context(), older)
	if !errors.Is(err, vault.ErrIntegrity) || !strings.Contains(err.Error(), "another history") {
		t.Fatalf("Open of the grown database: got %v, want a refusal", err)
	}
	accepting := older
	accepting.AcceptRollback = "restored after the disk failed"
	v = opened(t, accepting)
	if got := must(v.VerifyLog(t.Context(), vault.Operator()))(t); !got.OK || len(got.RolledBack) != 1 || got.RolledBack[0].Kept < 2 {
		t.Errorf("VerifyLog after the operator's word: %+v, want it OK with what was rolled back", got)
	}
}

// TestAnotherHistoryIsNotOpened: events that a witness knows a checkpoint of were replaced.
func TestAnotherHistoryIsNotOpened(t *testing.T) {
	older, _ := putBack(t)
	blind := older
	blind.Witnesses = nil
	v := must(vault.Open(t.Context(), blind))(t)
	for range 80 {
		must(v.People(t.Context(), vault.Operator()))(t)
	}
	ok(t, v.Close())
	_, err := vault.Open(t.Context(), older)
	if !errors.Is(err, vault.ErrIntegrity) || !strings.Contains(err.Error(), "another history than its witness") {
		t.Errorf("Open: got %v, want a refusal", err)
	}
}

func TestWitnessFileOfAnotherLog(t *testing.T) {
	older, path := putBack(t)
	text := must(os.ReadFile(path))(t)
	ok(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte("clinivault/main"), []byte("clinivault/else")), 0o600))
	_, err := vault.Open(t.Context(), older)
	if !errors.Is(err, vault.ErrIntegrity) || !strings.Contains(err.Error(), "belongs to another log") {
		t.Errorf("Open: got %v, want a refusal", err)
	}
}

// TestExportAgainstKeptCheckpoints: what an export alone cannot show.
func TestExportAgainstKeptCheckpoints(t *testing.T) {
	b := vaulttest.New(t)
	path := filepath.Join(t.TempDir(), "witness.log")
	witnessed(t, b, vault.WitnessConfig{Kind: "file", Path: path})
	act(t, b, 10)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	early := export(t, b.V).Bytes()
	size := logSize(t, b.V)
	act(t, b, 10)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	kept := keptIn(t, path)
	late := export(t, b.V).Bytes()

	other := vaulttest.OpenOn(t, "sqlite", vaulttest.SQLite(t), nil, b.KMS)
	fill(t, other, 10)
	otherKept := checkpoints(t, other, 0)
	for _, c := range []struct {
		name    string
		export  []byte
		kept    []string
		problem string
		first   int64
	}{
		{"whole", late, kept, "", 0},
		{"one note alone", late, kept[len(kept)-1:], "", 0},
		{"cut back to an earlier state", early, kept, "the log was rolled back", size + 1},
		{"checkpoint of another log", late, otherKept[:1], "is not of this log", 0},
		{"checkpoint that was altered", late, []string{strings.Replace(kept[0], "\n1", "\n2", 1)}, "is not of this log", 0},
	} {
		got := must(vault.VerifyExport(bytes.NewReader(c.export), "", c.kept...))(t)
		if got.OK != (c.problem == "") || !strings.Contains(got.Problem, c.problem) || got.FirstBad != c.first {
			t.Errorf("%s: OK %v, %q, first bad %d; want %q, %d", c.name, got.OK, got.Problem, got.FirstBad, c.problem, c.first)
		}
	}
}

// TestRewrittenByTheKeysOwner: who holds the log's key can sign another history; a kept checkpoint shows it.
func TestRewrittenByTheKeysOwner(t *testing.T) {
	older, path := putBack(t)
	older.Witnesses = nil
	v := opened(t, older)
	for range 60 { // in place of what was there
		must(v.People(t.Context(), vault.Operator()))(t)
	}
	got := must(vault.VerifyExport(export(t, v), "", keptIn(t, path)...))(t)
	if got.OK || !strings.Contains(got.Problem, "history was rewritten between event") || got.FirstBad < 2 {
		t.Errorf("VerifyExport: %+v, want the rewritten part named", got)
	}
}

func TestReadKept(t *testing.T) {
	b := vaulttest.New(t)
	act(t, b, 3)
	note := checkpoints(t, b, 0)[0]
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"note", note, []string{note}},
		{"witness file", "{\"note\":\"" + strings.ReplaceAll(note, "\n", `\n`) + "\"}\n", []string{note}},
		{"lines of other things", "hello\n\x00\n{\"note\":1}\n" + strings.Repeat("x", 200_000) + "\nnote=!!!\n", nil},
		{"empty", "", nil},
	} {
		got, err := vault.ReadKept(strings.NewReader(c.text))
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) || err != nil && !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("%s: got %d notes and %v, want %d", c.name, len(got), err, len(c.want))
		}
	}
}

func FuzzReadKept(f *testing.F) {
	f.Add([]byte("{\"note\":\"a\\n1\\n\"}\n"))
	f.Add([]byte("<109>1 - note=Zm9v\n"))
	f.Add([]byte("origin\n1\nhash\n\n— origin x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept, err := vault.ReadKept(bytes.NewReader(b))
		if (err == nil) != (len(kept) > 0) {
			t.Errorf("%q: %d notes and %v", b, len(kept), err)
		}
	})
}
