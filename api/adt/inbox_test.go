package adt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestAgain: a message that comes twice is answered as before and applied once, also after a failure was put right.
func TestAgain(t *testing.T) {
	r := newRig(t)
	first := r.message("A01", "1")
	r.accepted(first)
	r.accepted(r.message("A08", "2", "Sample^Thistle^Mae", "Sample^Newer"))
	r.accepted(first)
	if p, _ := r.patient("ADT-100"); p.Name != "Newer Sample" {
		t.Error("the second copy of the first message was applied")
	}
	if msa, err := r.take(r.message("A01", "1", "Thistle", "Other")); msa[1] != "AE" || !strings.HasPrefix(err[3], "205^") {
		t.Errorf("another message under the same control ID: %v %v", msa, err)
	}
	broken := r.message("A04", "3", "19610203", "", "ADT-100^", "ADT-200^")
	for range 3 {
		if msa, _ := r.take(broken); msa[1] != "AE" {
			t.Fatalf("answer %v, want AE", msa)
		}
	}
	waiting := r.waiting()
	if len(waiting) != 2 || waiting[0].Attempts+waiting[1].Attempts != 4 {
		t.Errorf("%d messages wait: %+v", len(waiting), waiting)
	}
}

func (r *rig) waiting() (out []vault.Message) {
	r.t.Helper()
	all, err := r.V.Messages(r.t.Context(), r.admin)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range all {
		if m.State == "failed" {
			out = append(out, m)
		}
	}
	return out
}

// TestKeptMessage: a message that failed is sealed where it lies, can be read on the machine for a reason, applied again
// once what was wrong is put right, discarded, and is forgotten in time.
func TestKeptMessage(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	update := r.message("A02", "1", "|19610203|", "||")
	if msa, _ := r.take(update); msa[1] != "AE" {
		t.Fatalf("answer %v, want AE", msa)
	}
	id := r.waiting()[0].ID
	for _, part := range []string{"", "-wal"} {
		file, err := os.ReadFile(r.Cfg.DSN + part)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(file, []byte("Thistle")) {
			t.Error("the database holds the message in the clear")
		}
	}
	if _, err := r.V.ShowMessage(ctx, vault.Operator(), id, ""); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("reading it without a reason: %v", err)
	}
	if m, err := r.V.ShowMessage(ctx, vault.Operator(), id, "the sender asks"); err != nil || !bytes.Equal(m.Content, update) {
		t.Errorf("reading it: %v", err)
	}
	r.redo(id)
	if len(r.waiting()) != 1 {
		t.Error("it is settled although it cannot be applied")
	}
	r.accepted(r.message("A01", "0", "V-100", "V-99")) // what was missing: now the patient is known
	r.redo(id)
	if len(r.waiting()) != 0 {
		t.Errorf("it still waits: %+v", r.waiting())
	}
	if err := r.V.RetryMessage(ctx, r.admin, id); !errors.Is(err, vault.ErrConflict) {
		t.Errorf("trying a settled message again: %v", err)
	}
	if msa, _ := r.take(r.message("A60", "9")); msa[1] != "AR" {
		t.Fatalf("answer %v, want AR", msa)
	}
	if err := r.V.DiscardMessage(ctx, r.admin, r.waiting()[0].ID, "nobody needs it"); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(31 * 24 * time.Hour)
	if err := r.V.ForgetMessages(ctx, vault.JobActor("test")); err != nil {
		t.Fatal(err)
	}
	r.admin = r.SignIn(t, "admin")
	if all, err := r.V.Messages(ctx, r.admin); err != nil || len(all) != 0 {
		t.Errorf("%d messages are left after a month: %v", len(all), err)
	}
}

// redo has a kept message applied again as the worker does.
func (r *rig) redo(id vault.MessageID) {
	r.t.Helper()
	ctx := r.t.Context()
	if err := r.V.RetryMessage(ctx, r.admin, id); err != nil {
		r.t.Fatal(err)
	}
	for {
		job, err := r.V.ClaimJob(ctx, vault.JobActor("test"), time.Minute)
		if err != nil || job == nil {
			r.t.Fatalf("no message is due: %v", err)
		}
		if job.Kind != vault.JobMessage {
			if err := r.V.FailJob(ctx, vault.JobActor("test"), job, nil, true); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		if err := r.feed.Redo(ctx, job); err != nil {
			r.t.Fatal(err)
		}
		return
	}
}

// TestAcknowledgements: in enhanced mode the sender gets what MSH-15 and MSH-16 ask for, in the form of its version.
func TestAcknowledgements(t *testing.T) {
	r := newRig(t)
	for i, test := range []struct {
		accept, apply string
		good          bool
		want          string
	}{
		{"AL", "NE", true, "CA"}, {"AL", "NE", false, "CE"}, {"AL", "AL", true, "CA AA"}, {"AL", "AL", false, "CA AE"},
		{"NE", "AL", true, "AA"}, {"ER", "ER", true, ""}, {"ER", "ER", false, "AE"}, {"NE", "NE", true, ""}, {"SU", "NE", true, "CA"},
		{"AL", "", false, "CE"}, {"", "AL", true, "AA"},
	} {
		t.Run(fmt.Sprint(test.accept, " ", test.apply, " ", test.good), func(t *testing.T) {
			r.Clock.Add(time.Second)
			born := "19610203"
			if !test.good {
				born = "never"
			}
			raw := r.message("A01", fmt.Sprint("k", i), "|P|2.5.1", "|P|2.5.1|||"+test.accept+"|"+test.apply, "19610203", born)
			var got []string
			for _, a := range r.feed.Take(t.Context(), raw, "test") {
				msa, _ := segmentsOf(t, a)
				got = append(got, msa[1])
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("answers %v, want %s", got, test.want)
			}
		})
	}
	for version, want := range map[string]string{"2.3": "ERR|PID^1^7^102&Data type error&HL70357", "2.4": "ERR|PID^1^7^102&Data type error&HL70357",
		"2.5": "ERR||PID^1^7|102^Data type error^HL70357|E|||PID-7: the birth date is not YYYYMMDD"} {
		answers := r.feed.Take(t.Context(), r.message("A01", "v"+version, "|2.5.1", "|"+version, "19610203", "never"), "test")
		if len(answers) != 1 || !strings.Contains(string(answers[0]), "\r"+want+"\r") {
			t.Errorf("version %s: %q, want %q", version, answers, want)
		}
	}
}
