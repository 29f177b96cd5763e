package vault_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/clinivault/clinivault/vault"
)

// part is a part of a forged archive.
type part struct{ name, content string }

// rightEnd asks archive for an end that agrees with the parts before it.
var rightEnd = part{"end.json", "right"}

// archive writes parts as a backup does; the content "lie" gets the digest of something else.
func archive(t testing.TB, parts []part) []byte {
	t.Helper()
	var out bytes.Buffer
	w, chain := tar.NewWriter(&out), sha256.New()
	objects, size := 0, 0
	for _, p := range parts {
		if p == rightEnd {
			p.content = fmt.Sprintf(`{"objects":%d,"bytes":%d,"chain":"%x","missing":[],"lost":0}`, objects, size, chain.Sum(nil))
		}
		said := p.content
		if said == "lie" {
			said = "truth"
		}
		sum := sha256.Sum256([]byte(said))
		if strings.HasPrefix(p.name, "objects/") {
			objects, size = objects+1, size+len(p.content)
		}
		link := binary.BigEndian.AppendUint16(nil, uint16(len(p.name)))
		link = binary.BigEndian.AppendUint64(append(link, p.name...), uint64(len(p.content)))
		chain.Write(append(link, sum[:]...))
		ok(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p.name, Size: int64(len(p.content)), Mode: 0o600,
			Format: tar.FormatPAX, PAXRecords: map[string]string{"CLINIVAULT.sha256": hex.EncodeToString(sum[:])}}))
		must(w.Write([]byte(p.content)))(t)
	}
	ok(t, w.Close())
	return out.Bytes()
}

// sealedArchive encrypts an archive of our own making.
func sealedArchive(t testing.TB, to string, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := must(age.Encrypt(&out, must(age.ParseX25519Recipient(to))(t)))(t)
	must(w.Write(plain))(t)
	ok(t, w.Close())
	return out.Bytes()
}

// forgedHead is a head with a schema that this program knows.
const forgedHead = `{"format":"clinivault-backup-v1","id":"B","vault":"V","tenant":"main","origin":"o",` +
	`"made_at":"2026-03-02T09:30:00.000Z","schema":1,"log_size":1,"root_key":false}`

// TestForgedArchives: whoever knows the recipient can encrypt anything to it. Nothing of it may do harm: no path out of
// the folder, no second database, no part that is not what its digest says.
func TestForgedArchives(t *testing.T) {
	to, ids := identity(t)
	head, db, object := part{"backup.json", forgedHead}, part{"vault.db", "x"}, "objects/object/2026030209/"+strings.Repeat("a", 26)
	for name, c := range map[string]struct {
		parts []part
		good  bool
	}{
		"as it should be":             {[]part{head, db, {object, "sealed"}, rightEnd}, true},
		"empty":                       {nil, false},
		"other head":                  {[]part{{"backup.json", `{"format":"something"}`}, db, rightEnd}, false},
		"no head":                     {[]part{db, rightEnd}, false},
		"no JSON":                     {[]part{{"backup.json", "{"}, db, rightEnd}, false},
		"no end":                      {[]part{head, db}, false},
		"end of another":              {[]part{head, db, {"end.json", `{"objects":0,"bytes":0,"chain":"00","missing":[],"lost":0}`}}, false},
		"something after the end":     {[]part{head, db, rightEnd, {object, "sealed"}}, false},
		"no database":                 {[]part{head, rightEnd}, false},
		"two databases":               {[]part{head, db, {"vault.db", "y"}, rightEnd}, false},
		"path upwards":                {[]part{head, db, {"objects/../../outside", "x"}, rightEnd}, false},
		"absolute path":               {[]part{head, db, {"/outside", "x"}, rightEnd}, false},
		"unknown part":                {[]part{head, db, {"passwd", "x"}, rightEnd}, false},
		"a root key that is none":     {[]part{head, db, {"root.key", "hello"}, rightEnd}, false},
		"object with another digest":  {[]part{head, db, {object, "lie"}, rightEnd}, false},
		"database with other digest":  {[]part{head, {"vault.db", "lie"}, rightEnd}, false},
		"the same object twice":       {[]part{head, db, {object, "sealed"}, {object, "other"}, rightEnd}, false},
		"a schema from the future":    {[]part{{"backup.json", strings.Replace(forgedHead, `"schema":1`, `"schema":9999`, 1)}, db, rightEnd}, false},
		"objects alone, and database": {[]part{{"backup.json", strings.Replace(forgedHead, `"schema":1`, `"schema":0`, 1)}, db, rightEnd}, false},
	} {
		t.Run(name, func(t *testing.T) {
			file := sealedArchive(t, to, archive(t, c.parts))
			_, _, err := restoreTo(t, file, ids, vault.Config{})
			if (err == nil) != c.good {
				t.Errorf("Restore: got %v, want it good %v", err, c.good)
			}
			_, err = vault.VerifyBackup(bytes.NewReader(file), ids, nil)
			restoreOnly := name == "a schema from the future" || name == "the same object twice" // no store to meet it in
			if (err == nil) != (c.good || restoreOnly) {
				t.Errorf("VerifyBackup: got %v, want it good %v", err, c.good)
			}
		})
	}
}
