package vault_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestTypedNamesStayOut: a record number or a name that somebody puts where an ID belongs is not written into the log, which
// nothing can be erased from.
func TestTypedNamesStayOut(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	patient := must(w.V.Patient(ctx, w.author, w.patient))(t)
	for _, typed := range []string{patient.RecordNumber, "Leakcanary-Zyxwvut"} {
		for name, ask := range map[string]func() error{
			"patient":    func() error { return second(w.V.Patient(ctx, w.author, vault.PatientID(typed))) },
			"photo":      func() error { return second(w.V.PhotoByID(ctx, w.author, vault.PhotoID(typed))) },
			"trail":      func() error { return second(w.V.AuditOfPatient(ctx, w.privacy, vault.PatientID(typed), 0, 10)) },
			"person":     func() error { return second(w.V.AuditOfPerson(ctx, w.privacy, vault.PersonID(typed), 0, 10)) },
			"erasure":    func() error { return w.V.SignErasure(ctx, w.privacy, vault.ErasureID(typed)) },
			"of whom":    func() error { return second(w.V.AskErasure(ctx, w.privacy, vault.PatientID(typed), "", "asked for")) },
			"hold":       func() error { return w.V.LiftHold(ctx, w.privacy, vault.HoldID(typed)) },
			"recall":     func() error { return w.V.SignRecall(ctx, w.privacy, vault.RecallID(typed)) },
			"rule":       func() error { return w.V.SignRule(ctx, w.privacy, vault.RuleID(typed)) },
			"attachment": func() error { return w.V.RetryAttachment(ctx, w.records, vault.AttachmentID(typed)) },
			"session":    func() error { return w.V.EndSession(ctx, w.author, vault.SessionID(typed)) },
			"job":        func() error { return w.V.RetryJob(ctx, w.admin, vault.JobID(typed)) },
			"incident":   func() error { return w.V.SettleIncident(ctx, w.admin, vault.IncidentID(typed), "looked into") },
			"patient key": func() error {
				return second(w.V.RotateKeys(ctx, w.admin, vault.Rotation{Kind: vault.RotatePatient, Patient: vault.PatientID(typed)}))
			},
		} {
			if err := ask(); !refused(err) {
				t.Errorf("%s %q: got %v, want a refusal", name, typed, err)
			}
		}
		var export bytes.Buffer
		ok(t, w.V.ExportLog(ctx, w.privacy, &export))
		for line := range strings.Lines(export.String()) {
			if contains(line, typed) {
				t.Errorf("the log repeats what was typed: %s", line)
			}
		}
		if !contains(export.String(), "(malformed)") {
			t.Error("the log does not tell of the requests")
		}
	}
}
