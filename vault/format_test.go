package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// formatReader runs the reader in another language that was written from FORMAT.md alone, and gives what it printed.
func formatReader(t *testing.T, args ...string) []byte {
	t.Helper()
	node, err := vaulttest.Tool("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(vaulttest.Root(), "scripts", "node_modules", "@noble", "post-quantum"))
	}
	if err != nil {
		if os.Getenv("CLINIVAULT_TOOLS") == "required" {
			t.Fatalf("the reader of the formats cannot run: %v", err)
		}
		t.Skipf("the reader of the formats cannot run (scripts/tools.sh npm): %v", err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{filepath.Join(vaulttest.Root(), "scripts", "format-reader.mjs")}, args...)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the reader: %v\n%s", err, complaint.Bytes())
	}
	return out
}

// TestFormatVectors: the reader opens every vector that must open, with the reason named refuses every other, and
// refuses what it makes of them itself by cutting, doubling and flipping.
func TestFormatVectors(t *testing.T) {
	var got struct{ Opened, Refused int }
	ok(t, json.Unmarshal(formatReader(t, "vectors", filepath.Join("seal", "testdata")), &got))
	if got.Opened != 8 || got.Refused < 40 {
		t.Errorf("the reader opened %d vectors and refused %d, want 8 and at least 40", got.Opened, got.Refused)
	}
}

// TestFormatCertificateVector: the reader checks the certificate of section 8, and refuses it with other keys, another
// picture or another salt.
func TestFormatCertificateVector(t *testing.T) {
	var vector struct {
		Key          string          `json:"key"`
		LogVerifier  string          `json:"log_verifier"`
		OriginalSalt string          `json:"original_salt"`
		Certificate  json.RawMessage `json:"certificate"`
	}
	ok(t, json.Unmarshal(must(os.ReadFile(filepath.Join("testdata", "certificate.json")))(t), &vector))
	dir := t.TempDir()
	for _, name := range []string{"certificate-redacted.jpg", "certificate-original.jpg"} {
		ok(t, os.WriteFile(filepath.Join(dir, name), must(os.ReadFile(filepath.Join("testdata", name)))(t), 0o600))
	}
	ok(t, os.WriteFile(filepath.Join(dir, "certificate"), vector.Certificate, 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "altered"), bytes.Replace(vector.Certificate, []byte(`"forced": false`), []byte(`"forced": true`), 1), 0o600))
	with := func(member, value string) task {
		good := task{"task": "certificate", "file": "certificate", "key": vector.Key, "log_verifier": vector.LogVerifier,
			"redacted": "certificate-redacted.jpg", "original": "certificate-original.jpg", "salt": vector.OriginalSalt}
		if member != "" {
			good[member] = value
		}
		return good
	}
	answers := read(t, dir, with("", ""), with("file", "altered"), with("redacted", "certificate-original.jpg"),
		with("salt", strings.Repeat("0", 64)), with("key", "29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dc="),
		with("log_verifier", strings.Replace(vector.LogVerifier, "clinivault/main", "clinivault/other", 1)))
	for i, a := range answers {
		if refused := i > 0; (a.Refused != "") != refused {
			t.Errorf("case %d: refused %q, want refused %v", i, a.Refused, refused)
		}
	}
}

// task is a thing for the reader to open, and answer what it made of it.
type task map[string]any

type answer struct {
	Value   json.RawMessage `json:"value"`
	Refused string          `json:"refused"`
}

// read has the reader open things whose files are in dir.
func read(t *testing.T, dir string, tasks ...task) []answer {
	t.Helper()
	path := filepath.Join(dir, "tasks.json")
	ok(t, os.WriteFile(path, must(json.Marshal(tasks))(t), 0o600))
	var out []answer
	ok(t, json.Unmarshal(formatReader(t, "read", path), &out))
	if len(out) != len(tasks) {
		t.Fatalf("the reader answered %d of %d", len(out), len(tasks))
	}
	return out
}

// rows reads a query as a list of objects, bytes in base64, as the reader wants them.
func rows(t *testing.T, db *sql.DB, query string) []map[string]any {
	t.Helper()
	found, err := db.QueryContext(context.Background(), query)
	ok(t, err)
	defer found.Close()
	names := must(found.Columns())(t)
	out := []map[string]any{}
	for found.Next() {
		values, row := make([]any, len(names)), map[string]any{}
		for i := range values {
			values[i] = new(any)
		}
		ok(t, found.Scan(values...))
		for i, n := range names {
			row[n] = *values[i].(*any)
		}
		out = append(out, row)
	}
	ok(t, found.Err())
	return out
}

// TestFormatOfALiveVault: from the root key file down to the pictures, the reader opens what a running vault wrote, and
// checks what it signed.
func TestFormatOfALiveVault(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		ok(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		return name
	}
	kms := must(vault.OpenKeyFile(filepath.Join(dir, "root.key"), true))(t)
	w := worldOn(t, vaulttest.OpenOn(t, "sqlite", vaulttest.SQLite(t), nil, kms))
	approved := w.approved()
	sent := w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) { f.Note = "süße Notiz \"<&>\"" })
	receipt := w.Send(t, w.author, sent)
	public := must(w.V.PublicKeys(t.Context()))(t)
	id := must(age.GenerateX25519Identity())(t)
	file, _ := backup(t, w.V, vault.BackupOptions{To: []string{id.Recipient().String()}})
	var export bytes.Buffer
	ok(t, w.V.ExportLog(t.Context(), w.privacy, &export))
	altered := strings.Replace(export.String(), `\"outcome\":\"ok\"`, `\"outcome\":\"failed\"`, 1)
	if altered == export.String() {
		t.Fatal("there was nothing to alter in the export")
	}
	rendered := rows(t, w.db(), `SELECT r.id, r.photo, r.kind, r.version, r.size, r.sealed_hash, r.wrapped_key, r.blob, f.patient
		FROM renditions r JOIN photos f ON f.id = r.photo WHERE r.wrapped_key IS NOT NULL ORDER BY r.id`)
	for i, r := range rendered {
		r["file"] = write(fmt.Sprintf("rendition-%d", i), w.Blobs.Bytes(r["blob"].(string)))
	}
	facts := rows(t, w.db(), `SELECT id, patient, sealed_facts AS sealed FROM photos WHERE capture_id = '`+string(sent.ID)+`'`)
	facts[0]["aad"] = listed("clinivault/photo-facts/v1", "main", facts[0]["patient"].(string), facts[0]["id"].(string))
	certificate := must(w.V.Certificate(t.Context(), w.records, approved))(t)
	redacted := must(w.V.ReadRendition(t.Context(), w.records, approved, vault.KindRedacted))(t)
	checkCertificate := task{"task": "certificate", "file": write("certificate.json", certificate), "key": public.Certificates[0].Key,
		"log_verifier": public.LogVerifier, "redacted": write("redacted.jpg", redacted.Bytes)}
	wrongPicture := task{"task": "certificate", "file": "certificate.json", "key": public.Certificates[0].Key,
		"log_verifier": public.LogVerifier, "redacted": "rendition-0"}
	answers := read(t, dir,
		task{"task": "vault", "tenant": "main", "key_file": "root.key",
			"patients":   rows(t, w.db(), `SELECT id, wrapped_key, root_version FROM patients ORDER BY id`),
			"epoch_keys": rows(t, w.db(), `SELECT kind, epoch, wrapped_private, root_version FROM epoch_keys ORDER BY kind`),
			"renditions": rendered, "small": facts,
			"captures": []task{{"file": write("capture", sent.Envelope)}}},
		task{"task": "receipt", "receipt": string(must(json.Marshal(receipt))(t)), "key": public.Receipts[0].Key},
		checkCertificate,
		task{"task": "export", "file": write("export", export.Bytes()), "verifier": public.LogVerifier},
		task{"task": "backup", "file": write("backup.age", file), "identity": id.String()},
		task{"task": "receipt", "receipt": string(must(json.Marshal(receipt))(t)), "key": public.Certificates[0].Key},
		wrongPicture,
		task{"task": "export", "file": write("altered", []byte(altered)), "verifier": public.LogVerifier},
		task{"task": "backup", "file": write("cut.age", file[:len(file)-200]), "identity": id.String()})
	for i, a := range answers {
		if refused := i > 4; (a.Refused != "") != refused {
			t.Errorf("task %d: refused %q, want refused %v", i, a.Refused, refused)
		}
	}
	checkOpened(t, w, answers, rendered, sent)
}

// TestFormatOfAnErasure: the reader checks the certificate of an erasure with its proof (section 11), after the log's key
// was changed, too, and refuses it altered.
func TestFormatOfAnErasure(t *testing.T) {
	w := newWorld(t)
	id := w.erased("", w.approved())
	w.finish()
	before := must(w.V.PublicKeys(t.Context()))(t)
	must(w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateLog}))(t)
	w.approved()
	after := must(w.V.PublicKeys(t.Context()))(t)
	certificate := must(w.V.ErasureCertificate(t.Context(), w.privacy, id))(t)
	var export bytes.Buffer
	ok(t, w.V.ExportLog(t.Context(), w.privacy, &export))
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "certificate"), certificate, 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "altered"), bytes.Replace(certificate, []byte(`"complete":true`), []byte(`"complete":false`), 1), 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "export"), export.Bytes(), 0o600))
	with := func(file, verifier string) task {
		return task{"task": "certificate", "file": file, "key": before.Certificates[0].Key, "log_verifier": verifier,
			"handovers": after.LogHandovers, "kind": task{"domain": "clinivault/erasure/v1\x00", "act": "erasure.finish", "object": "erasure"}}
	}
	answers := read(t, dir, with("certificate", before.LogVerifier), with("certificate", after.LogVerifier),
		task{"task": "export", "file": "export", "verifier": before.LogVerifier}, task{"task": "export", "file": "export", "verifier": after.LogVerifier},
		with("altered", before.LogVerifier), with("certificate", strings.Replace(before.LogVerifier, "main", "other", 1)))
	for i, a := range answers {
		if refused := i > 3; (a.Refused != "") != refused {
			t.Errorf("case %d: refused %q, want refused %v", i, a.Refused, refused)
		}
	}
}

// TestFormatOfShares: any three of five shares bring the key file back in the reader, too; fewer, mixed and altered do not.
func TestFormatOfShares(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "root.key")
	must(vault.OpenKeyFile(path, true))(t)
	for set, shares := range [][]vault.KeyShare{must(vault.SplitKeyFile(path, 5, 3))(t), must(vault.SplitKeyFile(path, 5, 3))(t)} {
		for i, s := range shares {
			ok(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%d", set, i)), s.Text, 0o600))
		}
	}
	share := must(os.ReadFile(filepath.Join(dir, "0-4")))(t)
	ok(t, os.WriteFile(filepath.Join(dir, "altered"), bytes.Replace(share, []byte("index 5"), []byte("index 4"), 1), 0o600))
	of := func(files ...string) task { return task{"task": "shares", "files": files} }
	answers := read(t, dir, of("0-0", "0-1", "0-2"), of("0-4", "0-1", "0-3"), of("0-3", "0-2", "0-0", "0-1"),
		of("0-0", "0-1"), of("0-0", "0-1", "1-2"), of("0-0", "0-1", "altered"))
	sum := sha256.Sum256(must(os.ReadFile(path))(t))
	for i, a := range answers {
		want := ""
		if i < 3 {
			want = `"` + hex.EncodeToString(sum[:]) + `"`
		}
		if string(a.Value) != want || (a.Refused == "") != (i < 3) {
			t.Errorf("case %d: got %s, refused %q, want %q", i, a.Value, a.Refused, want)
		}
	}
}

// listed is the list of section 9.
func listed(texts ...string) []byte {
	var b []byte
	for _, s := range texts {
		n := len(s)
		b = append(append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)), s...)
	}
	return b
}

// checkOpened compares what the reader opened with what the vault says.
func checkOpened(t *testing.T, w *world, answers []answer, rendered []map[string]any, sent vaulttest.Sealed) {
	t.Helper()
	var opened struct {
		Renditions []string
		Captures   []struct {
			Facts   json.RawMessage
			Picture string
		}
		Small [][]byte
		Seeds []string
	}
	ok(t, json.Unmarshal(answers[0].Value, &opened))
	digest := func(b []byte) string { sum := sha256.Sum256(b); return hex.EncodeToString(sum[:]) }
	compared := 0
	for i, r := range rendered {
		if r["kind"] != vault.KindRedacted { // what a person may see now; all others were opened under their tags
			continue
		}
		picture := must(w.V.ReadRendition(t.Context(), w.records, vault.PhotoID(r["photo"].(string)), r["kind"].(string)))(t)
		if compared++; opened.Renditions[i] != digest(picture.Bytes) {
			t.Errorf("%s: the reader opened other bytes than the vault", r["kind"])
		}
	}
	if compared == 0 || len(opened.Renditions) != len(rendered) || len(opened.Seeds) != 3 {
		t.Errorf("compared %d renditions of %d, %d seeds; want one at least, all, 3", compared, len(opened.Renditions), len(opened.Seeds))
	}
	facts, err := seal.ParseFacts(opened.Captures[0].Facts)
	if err != nil || facts.Note != sent.Facts.Note || opened.Captures[0].Picture != digest(w.picture) {
		t.Errorf("the reader opened the capture as %s of %s, %v", opened.Captures[0].Facts, opened.Captures[0].Picture, err)
	}
	if !strings.Contains(string(opened.Small[0]), "Notiz") {
		t.Error("the reader opened other facts than were sealed")
	}
	var verified int64
	ok(t, json.Unmarshal(answers[3].Value, &verified))
	if size := logSize(t, w.V); verified < size/2 || verified > size {
		t.Errorf("the reader verified %d events, the log has %d", verified, size)
	}
	var b struct{ Parts map[string]string }
	ok(t, json.Unmarshal(answers[4].Value, &b))
	for i, r := range rendered {
		if got := b.Parts["objects/"+r["blob"].(string)]; got != r["sealed_hash"] {
			t.Errorf("object %d of the backup: SHA-256 %q, want %v", i, got, r["sealed_hash"])
		}
	}
	if b.Parts["vault.db"] == "" || b.Parts["root.key"] != "" {
		t.Errorf("parts of the backup: %v", b.Parts)
	}
}
