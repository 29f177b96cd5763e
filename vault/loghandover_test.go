package vault_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func rotateLog(t testing.TB, v *vault.Vault) {
	t.Helper()
	must(v.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: "log"}))(t)
}

// TestLogKeyHandover: after two changes of its key the log verifies whole, from each key that it ever had, and so does
// a certificate from before.
func TestLogKeyHandover(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var trusted []string
		key := func() string { return must(w.V.PublicKeys(t.Context()))(t).LogVerifier }
		photo := w.approved()
		before := must(w.V.Certificate(t.Context(), w.records, photo))(t)
		trusted = append(trusted, key())
		for range 2 {
			rotateLog(t, w.V)
			must(w.V.DeadJobs(t.Context(), vault.Operator()))(t)
			ok(t, w.V.Checkpoint(t.Context(), job))
			trusted = append(trusted, key())
		}
		w.verified()
		text := export(t, w.V).Bytes()
		for i, k := range append(trusted, "") {
			if got := must(vault.VerifyExport(bytes.NewReader(text), k))(t); !got.OK {
				t.Errorf("export, trusting key %d of 3: %s", i+1, got.Problem)
			}
		}
		handovers := must(w.V.PublicKeys(t.Context()))(t).LogHandovers
		if len(handovers) != 2 {
			t.Fatalf("%d handovers published, want 2", len(handovers))
		}
		after := must(w.V.Certificate(t.Context(), w.records, photo))(t)
		if !bytes.Equal(before, after) {
			t.Error("the certificate's proof changed with the log's key")
		}
		must(vault.VerifyCertificate(before, vault.Trust{LogVerifier: trusted[0]}))(t)
		must(vault.VerifyCertificate(before, vault.Trust{LogVerifier: trusted[2], LogHandovers: handovers}))(t)
		_, err := vault.VerifyCertificate(before, vault.Trust{LogVerifier: trusted[2]})
		wants(t, "a certificate whose key the newest one is not known to follow", err, vault.ErrIntegrity)

		late := w.approved()
		certificate := must(w.V.Certificate(t.Context(), w.records, late))(t)
		for i, k := range trusted {
			if _, err := vault.VerifyCertificate(certificate, vault.Trust{LogVerifier: k}); err != nil {
				t.Errorf("a certificate from after the handovers, trusting key %d: %v", i+1, err)
			}
		}
	})
}

// TestTamperedHandoverIsCaught: an export whose chain of keys was changed does not verify with any key of the log.
func TestTamperedHandoverIsCaught(t *testing.T) {
	b := vaulttest.New(t)
	first := must(b.V.PublicKeys(t.Context()))(t).LogVerifier
	act(t, b, 5)
	rotateLog(t, b.V)
	act(t, b, 5)
	newest := must(b.V.PublicKeys(t.Context()))(t).LogVerifier
	text := export(t, b.V).String()
	for name, edit := range map[string]func(string) string{
		"size of the handover": func(s string) string { return strings.Replace(s, `handover\n`, `handover\n1`, 1) },
		"handover left out": func(s string) string {
			a, rest, _ := strings.Cut(s, `,"handovers":[`)
			_, z, _ := strings.Cut(rest, "]")
			return a + z
		},
		"newest key in the header": func(s string) string { return strings.Replace(s, newest, first, 1) },
	} {
		forged := edit(text)
		if forged == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		for _, key := range []string{first, newest} {
			got, err := vault.VerifyExport(strings.NewReader(forged), key)
			if err == nil && got.OK {
				t.Errorf("%s: verifies", name)
			}
		}
	}
}

// TestHandoverUnderLoad: acts on two nodes while one changes the log's key again and again.
func TestHandoverUnderLoad(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		nodes := []*vault.Vault{b.V, b.Node(t)}
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				for range 25 {
					if _, err := nodes[i%2].DeadJobs(t.Context(), vault.Operator()); err != nil {
						t.Errorf("DeadJobs: %v", err)
					}
					if err := nodes[i%2].Checkpoint(t.Context(), job); err != nil {
						t.Errorf("Checkpoint: %v", err)
					}
				}
			})
		}
		for range 4 {
			rotateLog(t, b.V)
		}
		all.Wait()
		for i, v := range nodes {
			if got := verify(t, v); !got.OK {
				t.Errorf("VerifyLog on node %d: %s", i+1, got.Problem)
			}
		}
	})
}

// TestWitnessesFollowTheHandover: the witness's file tells of the new key, and its notes agree with the export.
func TestWitnessesFollowTheHandover(t *testing.T) {
	b := vaulttest.New(t)
	path := filepath.Join(t.TempDir(), "witness.log")
	witnessed(t, b, vault.WitnessConfig{Kind: "file", Path: path})
	first := must(b.V.PublicKeys(t.Context()))(t).LogVerifier
	for range 2 {
		act(t, b, 3)
		ok(t, b.V.SendToWitnesses(t.Context(), job))
		rotateLog(t, b.V)
	}
	act(t, b, 3)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	if n := strings.Count(string(must(os.ReadFile(path))(t)), `handover\n`); n != 2 {
		t.Errorf("the witness has %d handovers, want 2", n)
	}
	kept := keptIn(t, path)
	got := must(vault.VerifyExport(export(t, b.V), first, kept...))(t)
	if !got.OK || got.Kept != len(kept) {
		t.Errorf("export against the witness: %+v", got)
	}
	foreign := vaulttest.New(t)
	act(t, foreign, 3)
	rotateLog(t, foreign.V)
	got = must(vault.VerifyExport(export(t, foreign.V), "", kept...))(t)
	if got.OK || !strings.Contains(got.Problem, "that somebody kept") {
		t.Errorf("another log's export against the witness: %+v", got)
	}
	b.Reopen(t) // the file's last lines agree with the database
	if err := fmt.Sprint(verify(t, b.V).Problem); err != "" {
		t.Errorf("VerifyLog: %s", err)
	}
}
