package vault_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// judged has Medplum's validator, which knows the R4 definitions, judge resources, one a line.
func judged(t *testing.T, resources []byte) {
	t.Helper()
	node := vaulttest.RequireTool(t, "node")
	scripts := filepath.Join(vaulttest.Root(), "scripts")
	if _, err := os.Stat(filepath.Join(scripts, "node_modules", "@medplum", "core")); err != nil && os.Getenv("CLINIVAULT_TOOLS") != "required" {
		t.Skip("SKIPPED: @medplum/core is not installed (scripts/tools.sh npm)")
	}
	cmd := exec.Command(node, filepath.Join(scripts, "fhir-check.mjs"))
	cmd.Dir, cmd.Stdin = scripts, bytes.NewReader(resources)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the validator: %v\n%.3000s", err, out)
	}
}

func render(t *testing.T, e vault.Event) []byte {
	t.Helper()
	return append(must(e.AuditEvent("clinivault/main"))(t), '\n')
}

// TestEveryActIsAnAuditEvent: each act, by each kind of actor, with each outcome, is a valid FHIR R4 AuditEvent.
func TestEveryActIsAnAuditEvent(t *testing.T) {
	var all bytes.Buffer
	acts := vault.AllActs()
	slices.Sort(acts)
	for i, what := range append(acts, "key.make", "an.act.of.tomorrow", "") {
		for _, outcome := range []string{"ok", "refused", "failed"} {
			e := vault.Event{Seq: int64(i + 1), At: vault.TimeOf(vaulttest.Start), Act: what, Outcome: outcome, Actor: "job:worker", ObjectKind: "vault"}
			all.Write(render(t, e))
			e.Actor, e.ActingAs, e.Session, e.Remote, e.Request = "person:KQ3VZ5W2T7MPDJ6XAYB4N8HFRC", "clinician", "S3SS10N", "192.0.2.7", "R1"
			e.Patient, e.Photo, e.Purpose, e.ObjectKind, e.Object = "PS3UD0NYM", "PH0T0", "teaching", "photo", "PH0T0"
			e.Detail = map[string]string{"error": "denied", "empty": ""}
			all.Write(render(t, e))
			e.Actor, e.Remote, e.Purpose, e.ObjectKind, e.Object = "operator", "localhost", "audit", "attachment", "A1"
			all.Write(render(t, e))
		}
	}
	judged(t, all.Bytes())
}

// TestAuditEventsOfAJourney: an export of real acts becomes valid AuditEvents, one for each event, that name nobody.
func TestAuditEventsOfAJourney(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.PhotoByID(t.Context(), w.colleague.From("192.0.2.7", "REQUEST1"), id))(t)
	_, err := w.V.PhotoByID(t.Context(), w.outsider.From("192.0.2.8", "REQUEST2"), id)
	wants(t, "an outsider", err, vault.ErrNotFound)
	must(w.V.FindPatients(t.Context(), w.author, "test"))(t)
	var out bytes.Buffer
	n := must(vault.WriteAuditEvents(export(t, w.V), &out))(t)
	if want := logSize(t, w.V); n != want {
		t.Errorf("%d AuditEvents, want one for each of %d events", n, want)
	}
	judged(t, out.Bytes())
	for _, name := range []string{"Synthetic", "Test Person", "TEST-"} {
		if strings.Contains(out.String(), name) {
			t.Errorf("the AuditEvents hold %q", name)
		}
	}
	var read, refused map[string]any
	for in := bufio.NewScanner(&out); in.Scan(); {
		var r map[string]any
		ok(t, json.Unmarshal(in.Bytes(), &r))
		if strings.Contains(in.Text(), "REQUEST1") {
			read = r
		}
		if strings.Contains(in.Text(), "REQUEST2") {
			refused = r
		}
	}
	wantBALP(t, read)
	if refused["outcome"] != "4" || refused["outcomeDesc"] != "refused not_found" {
		t.Errorf("the refusal: outcome %v, %v", refused["outcome"], refused["outcomeDesc"])
	}
}

// wantBALP holds a read to IHE BALP's PatientRead: profile, type and subtype, action, the agents client, server and user,
// the entities patient, data and transaction.
func wantBALP(t *testing.T, r map[string]any) {
	t.Helper()
	text, err := json.Marshal(r)
	ok(t, err)
	for what, want := range map[string]string{
		"profile":     `"https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"`,
		"type":        `"type":{"code":"rest","display":"RESTful Operation","system":"http://terminology.hl7.org/CodeSystem/audit-event-type"}`,
		"subtype":     `"code":"read","display":"read","system":"http://hl7.org/fhir/restful-interaction"`,
		"own act":     `"code":"photo.read","system":"urn:clinivault:act"`,
		"action":      `"action":"R"`,
		"outcome":     `"outcome":"0"`,
		"client":      `"code":"110153"`,
		"server":      `"code":"110152"`,
		"user":        `"code":"IRCP"`,
		"network":     `"network":{"address":"192.0.2.7","type":"2"}`,
		"role":        `"code":"clinician","system":"urn:clinivault:role"`,
		"patient":     `"role":{"code":"1","display":"Patient","system":"http://terminology.hl7.org/CodeSystem/object-role"}`,
		"data":        `"role":{"code":"4","display":"Domain Resource","system":"http://terminology.hl7.org/CodeSystem/object-role"}`,
		"transaction": `"code":"XrequestId"`,
		"request":     `"value":"REQUEST1"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s: %s is not in %s", what, want, text)
		}
	}
}

func TestWriteAuditEventsRefuses(t *testing.T) {
	b := vaulttest.New(t)
	act(t, b, 2)
	good := export(t, b.V).String()
	for name, text := range map[string]string{
		"nothing":           "",
		"no export":         "{}\n",
		"a line cut":        good[:len(good)-20],
		"no JSON in a line": good + "x\n",
		"no event":          good + `{"seq":99,"entry":"x"}` + "\n",
	} {
		if _, err := vault.WriteAuditEvents(strings.NewReader(text), &bytes.Buffer{}); !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}
