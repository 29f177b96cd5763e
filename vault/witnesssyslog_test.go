package vault_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

var seqID = regexp.MustCompile(`^<109>1 \S+ - clinivault - (event|checkpoint|handover) \[clinivault@32473 origin="clinivault/main" seqId="([a-z]+-\d+)"`)

// received are the seqIds of the lines that rsyslog wrote.
func received(t *testing.T, s *vaulttest.Syslog) (ids []string) {
	t.Helper()
	text, err := os.ReadFile(s.File)
	if err != nil {
		return nil
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		m := seqID.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("a line is not of our form: %.200q", line)
		}
		ids = append(ids, m[2])
	}
	return ids
}

// wantAll fails unless rsyslog has each event after first, and each checkpoint, once and in order.
func wantAll(t *testing.T, b *vaulttest.Bench, s *vaulttest.Syslog, first int64) {
	t.Helper()
	var events, want []string
	for seq := first + 1; seq <= logSize(t, b.V); seq++ {
		want = append(want, fmt.Sprintf("event-%d", seq))
	}
	got := received(t, s)
	for _, id := range got {
		if strings.HasPrefix(id, "event-") {
			events = append(events, id)
		}
	}
	if !slices.Equal(events, want) {
		t.Errorf("rsyslog has %d events, want %d from %d on, each once and in order", len(events), len(want), first+1)
	}
	if n := len(checkpoints(t, b, 0)); len(got)-len(events) != n {
		t.Errorf("rsyslog has %d checkpoints, want %d", len(got)-len(events), n)
	}
}

// TestSyslogWitness sends to a real rsyslog with mutual TLS, which is away for a while: nothing is lost, nothing comes
// twice.
func TestSyslogWitness(t *testing.T) {
	ca := vaulttest.NewCA(t)
	s := vaulttest.NewSyslog(t, ca)
	b := vaulttest.New(t)
	cert, key := ca.Issue(t, "clinivault")
	first := logSize(t, b.V)
	witnessed(t, b, vault.WitnessConfig{Kind: "syslog", Address: s.Address, ServerName: "localhost", CAFile: ca.File(), CertFile: cert, KeyFile: key, Events: true})
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	act(t, b, 30)
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	for range 3 { // away, while the log grows
		s.Stop()
		act(t, b, 150)
		if err := b.V.SendToWitnesses(t.Context(), job); err == nil {
			t.Fatal("telling a witness that is away: got nil")
		}
		s.Start(t)
		b.Clock.Add(5 * time.Minute)
		ok(t, b.V.SendToWitnesses(t.Context(), job))
	}
	wantAll(t, b, s, first)
	kept := keptIn(t, s.File)
	got := must(vault.VerifyExport(export(t, b.V), "", kept...))(t)
	if !got.OK || got.Kept != len(kept) || len(kept) == 0 {
		t.Errorf("the export against rsyslog's %d checkpoints: %+v", len(kept), got)
	}
}

// TestSyslogWitnessRefusesStrangers: neither side talks to another than it was told.
func TestSyslogWitnessRefusesStrangers(t *testing.T) {
	ca, other := vaulttest.NewCA(t), vaulttest.NewCA(t)
	s := vaulttest.NewSyslog(t, ca)
	right, rightKey := ca.Issue(t, "clinivault")
	wrongName, wrongNameKey := ca.Issue(t, "somebody")
	foreign, foreignKey := other.Issue(t, "clinivault")
	for _, c := range []struct {
		name string
		cfg  vault.WitnessConfig
	}{
		{"client certificate of another CA", vault.WitnessConfig{CAFile: ca.File(), ServerName: "localhost", CertFile: foreign, KeyFile: foreignKey}},
		{"client certificate of another name", vault.WitnessConfig{CAFile: ca.File(), ServerName: "localhost", CertFile: wrongName, KeyFile: wrongNameKey}},
		{"server certificate of another CA", vault.WitnessConfig{CAFile: other.File(), ServerName: "localhost", CertFile: right, KeyFile: rightKey}},
		{"server certificate of another name", vault.WitnessConfig{CAFile: ca.File(), ServerName: "archive", CertFile: right, KeyFile: rightKey}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := vaulttest.New(t)
			c.cfg.Kind, c.cfg.Address = "syslog", s.Address
			witnessed(t, b, c.cfg)
			act(t, b, 1)
			if err := b.V.SendToWitnesses(t.Context(), job); err == nil {
				t.Error("SendToWitnesses: got nil, want a refusal")
			}
			if state := must(b.V.Witnesses(t.Context(), vault.Operator()))(t)[0]; state.Waiting == 0 {
				t.Errorf("state %+v: what was refused counts as sent", state)
			}
		})
	}
	if got := received(t, s); len(got) != 0 {
		t.Errorf("rsyslog took %d messages of strangers", len(got))
	}
}

// TestSyslogWitnessKilled kills rsyslog at any moment of the sending. Nothing may be lost. What it had taken in the
// session that broke comes again, byte for byte the same, so that equal lines are one message; how many is reported.
func TestSyslogWitnessKilled(t *testing.T) {
	ca := vaulttest.NewCA(t)
	s := vaulttest.NewSyslog(t, ca)
	b := vaulttest.New(t)
	cert, key := ca.Issue(t, "clinivault")
	first := logSize(t, b.V)
	witnessed(t, b, vault.WitnessConfig{Kind: "syslog", Address: s.Address, ServerName: "localhost", CAFile: ca.File(), CertFile: cert, KeyFile: key, Events: true})
	ok(t, b.V.SendToWitnesses(t.Context(), job))
	for round := range drill(6) {
		act(t, b, 190)
		told := make(chan error, 1)
		go func() { told <- b.V.SendToWitnesses(t.Context(), job) }()
		time.Sleep(time.Duration(round*7%60) * time.Millisecond)
		s.Kill()
		<-told // it may have been through
		s.Start(t)
		b.Clock.Add(5 * time.Minute)
		ok(t, b.V.SendToWitnesses(t.Context(), job))
	}
	text := strings.Split(strings.TrimSpace(string(must(os.ReadFile(s.File))(t))), "\n")
	whole := slices.DeleteFunc(slices.Clone(text), func(l string) bool { return !seqID.MatchString(l) })
	slices.Sort(whole)
	once := slices.Compact(slices.Clone(whole))
	events := 0
	for _, l := range once {
		if strings.Contains(l, ` seqId="event-`) {
			events++
		}
	}
	if want := int(logSize(t, b.V) - first); events != want {
		t.Errorf("rsyslog has %d different events, want %d", events, want)
	}
	t.Logf("%d lines, %d of them twice, %d cut by a kill", len(text), len(whole)-len(once), len(text)-len(whole))
}

// drill is how many rounds a drill runs: few by default, CLINIVAULT_DRILL when that is set.
func drill(few int) int {
	if n, err := strconv.Atoi(os.Getenv("CLINIVAULT_DRILL")); err == nil && n > 0 {
		return n
	}
	return few
}
