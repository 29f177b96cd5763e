package vault_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// witnessed opens the bench's vault again with these witnesses.
func witnessed(t testing.TB, b *vaulttest.Bench, all ...vault.WitnessConfig) {
	t.Helper()
	b.Cfg.Witnesses = all
	b.Reopen(t)
}

// act appends n events, and a checkpoint.
func act(t testing.TB, b *vaulttest.Bench, n int) {
	t.Helper()
	for range n {
		must(b.V.DeadJobs(t.Context(), vault.Operator()))(t)
	}
	ok(t, b.V.Checkpoint(t.Context(), job))
}

// export is the log as an outsider gets it.
func export(t testing.TB, v *vault.Vault) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	ok(t, v.ExportLog(t.Context(), vault.Operator(), &out))
	return &out
}

func keptIn(t testing.TB, path string) []string {
	t.Helper()
	f := must(os.Open(path))(t)
	defer f.Close()
	return must(vault.ReadKept(f))(t)
}

// checkpoints reads the notes that the vault made after size.
func checkpoints(t testing.TB, b *vaulttest.Bench, after int64) (out []string) {
	t.Helper()
	rows, err := b.SQL(t).QueryContext(t.Context(), `SELECT note FROM checkpoints WHERE size > $1 ORDER BY size`, after)
	ok(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		ok(t, rows.Scan(&s))
		out = append(out, s)
	}
	ok(t, rows.Err())
	return out
}

func TestFileWitness(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		path := filepath.Join(t.TempDir(), "kept", "witness.log")
		witnessed(t, b, vault.WitnessConfig{Kind: "file", Path: path})
		act(t, b, 3)
		if err := b.V.SendToWitnesses(t.Context(), job); err == nil {
			t.Fatal("telling a witness in a folder that is not there: got nil")
		}
		ok(t, os.Mkdir(filepath.Dir(path), 0o700))
		act(t, b, 3)
		ok(t, b.V.SendToWitnesses(t.Context(), job))
		if _, err := os.Stat(path); err == nil {
			t.Error("the witness was told again before its rest was over")
		}
		b.Clock.Add(time.Minute)
		for range 3 {
			ok(t, b.V.SendToWitnesses(t.Context(), job))
			act(t, b, 2)
		}
		ok(t, b.V.SendToWitnesses(t.Context(), job))
		if got, want := keptIn(t, path), checkpoints(t, b, 0); !slices.Equal(got, want) {
			t.Errorf("the witness holds %d notes, want the vault's %d, in order", len(got), len(want))
		}
		states := must(b.V.Witnesses(t.Context(), vault.Operator()))(t)
		if s := states[0]; s.Waiting != 0 || !s.OK || s.LastError != "" || s.Covered == 0 {
			t.Errorf("state %+v, want nothing waiting", s)
		}
	})
}

// TestFileWitnessAfterCrash: what reached the file before the database heard of it is not written twice, and a line
// that was cut is left alone.
func TestFileWitnessAfterCrash(t *testing.T) {
	b := vaulttest.New(t)
	path := filepath.Join(t.TempDir(), "witness.log")
	witnessed(t, b, vault.WitnessConfig{Kind: "file", Path: path})
	act(t, b, 2)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	b.Exec(t, `UPDATE witnesses SET checkpoint = 0`)
	f := must(os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0))(t)
	must(f.WriteString(`{"note":"clinivault/main`))(t)
	ok(t, f.Close())
	act(t, b, 2)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	if got, want := keptIn(t, path), checkpoints(t, b, 0); !slices.Equal(got, want) {
		t.Errorf("the witness holds %d notes, want each of %d once", len(got), len(want))
	}
}

// TestOneNodeTellsTheWitness: of two nodes at once, one sends; nothing comes twice.
func TestOneNodeTellsTheWitness(t *testing.T) {
	b := vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil)
	path := filepath.Join(t.TempDir(), "witness.log")
	witnessed(t, b, vault.WitnessConfig{Kind: "file", Path: path})
	nodes := []*vault.Vault{b.V, b.Node(t)}
	for range 10 {
		act(t, b, 1)
		done := make(chan error)
		for _, v := range nodes {
			go func() { done <- v.SendToWitnesses(t.Context(), job) }()
		}
		for range nodes {
			ok(t, <-done)
		}
	}
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	text := must(os.ReadFile(path))(t)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if want := len(checkpoints(t, b, 0)); len(lines) != want {
		t.Errorf("the witness has %d lines, want %d", len(lines), want)
	}
	if n := count(t, b, `SELECT count(*) FROM audit_events WHERE act = 'audit.witness'`); n != 0 {
		t.Errorf("telling the witness left %d events, want none", n)
	}
}

// TestCheckpointsByThemselves: a thousand events, or a minute after an event that none covers, make one.
func TestCheckpointsByThemselves(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		ok(t, b.V.Checkpoint(t.Context(), job))
		before := logSize(t, b.V)
		for range 1001 {
			must(b.V.DeadJobs(t.Context(), vault.Operator()))(t)
		}
		if got := checkpoints(t, b, before); len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf("\n%d\n", before+1000)) {
			t.Fatalf("1,001 events made %d checkpoints, want one over the first thousand", len(got))
		}
		b.Clock.Add(59 * time.Second)
		must(b.V.DeadJobs(t.Context(), vault.Operator()))(t)
		if got := checkpoints(t, b, before+1000); len(got) != 0 {
			t.Fatalf("%d checkpoints after 59 seconds, want none", len(got))
		}
		b.Clock.Add(time.Second)
		must(b.V.DeadJobs(t.Context(), vault.Operator()))(t)
		if got := checkpoints(t, b, before+1000); len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf("\n%d\n", before+1003)) {
			t.Fatalf("%d checkpoints after a minute, want one over all events", len(got))
		}
		if got := verify(t, b.V); !got.OK {
			t.Errorf("VerifyLog: %s", got.Problem)
		}
	})
}

// TestHealthShowsTheWitness: one that lags for five minutes is an alarm.
func TestHealthShowsTheWitness(t *testing.T) {
	b := vaulttest.New(t)
	part := func() vault.Part {
		t.Helper()
		all := must(b.V.Health(t.Context(), vault.Operator()))(t)
		i := slices.IndexFunc(all, func(p vault.Part) bool { return p.Name == "witness" })
		if i < 0 {
			t.Fatalf("health has no part \"witness\": %+v", all)
		}
		return all[i]
	}
	if p := part(); !p.OK || !p.Warn || !strings.Contains(p.Detail, "none configured") {
		t.Errorf("without a witness: %+v", p)
	}
	witnessed(t, b, vault.WitnessConfig{Kind: "file", Path: "/nowhere/witness.log"})
	act(t, b, 1)
	if err := b.V.SendToWitnesses(t.Context(), job); err == nil {
		t.Fatal("telling a witness that is nowhere: got nil")
	}
	if p := part(); !p.OK {
		t.Errorf("a moment later: %+v, want it well still", p)
	}
	b.Clock.Add(6 * time.Minute)
	if p := part(); p.OK || !strings.Contains(p.Detail, "lacks") {
		t.Errorf("six minutes later: %+v, want an alarm", p)
	}
	lags := must(b.V.WitnessLags(t.Context()))(t)
	for name, seconds := range lags {
		if seconds < 300 || !strings.HasPrefix(name, "file-") {
			t.Errorf("lag of %s: %v seconds, want six minutes", name, seconds)
		}
	}
}

func TestWitnessConfig(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  vault.WitnessConfig
		good bool
	}{
		{"file", vault.WitnessConfig{Kind: "file", Path: "x"}, true},
		{"https", vault.WitnessConfig{Kind: "https", URL: "https://witness.example/"}, true},
		{"syslog", vault.WitnessConfig{Kind: "syslog", Address: "h:6514", CertFile: "c", KeyFile: "k", Events: true}, true},
		{"no kind", vault.WitnessConfig{Path: "x"}, false},
		{"file without path", vault.WitnessConfig{Kind: "file"}, false},
		{"file with address", vault.WitnessConfig{Kind: "file", Path: "x", Address: "h:1"}, false},
		{"syslog without certificate", vault.WitnessConfig{Kind: "syslog", Address: "h:6514"}, false},
		{"certificate without key", vault.WitnessConfig{Kind: "https", URL: "https://w", CertFile: "c"}, false},
		{"events to a file", vault.WitnessConfig{Kind: "file", Path: "x", Events: true}, false},
		{"token for syslog", vault.WitnessConfig{Kind: "syslog", Address: "h:1", CertFile: "c", KeyFile: "k", TokenFile: "t"}, false},
	} {
		if err := c.cfg.Check(); (err == nil) != c.good {
			t.Errorf("%s: got %v, want good %v", c.name, err, c.good)
		}
	}
}
