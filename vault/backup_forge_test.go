package vault_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// part is a part of a forged archive.
type part struct{ name, content string }

// archive writes parts as a backup does; the content "lie" gets the digest of something else.
func archive(t testing.TB, parts []part) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, p := range parts {
		said := p.content
		if said == "lie" {
			said = "truth"
		}
		sum := sha256.Sum256([]byte(said))
		ok(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p.name, Size: int64(len(p.content)), Mode: 0o600,
			Format: tar.FormatPAX, PAXRecords: map[string]string{"CLINIVAULT.sha256": hex.EncodeToString(sum[:])}}))
		must(w.Write([]byte(p.content)))(t)
	}
	ok(t, w.Close())
	return out.Bytes()
}
