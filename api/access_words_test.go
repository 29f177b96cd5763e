package api

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

var update = flag.Bool("update", false, "write the table of rights anew")

// TestRightsDocument holds vault/RIGHTS.md to the table that decides.
func TestRightsDocument(t *testing.T) {
	var now bytes.Buffer
	if err := WriteRights(&now); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "vault", "RIGHTS.md")
	if *update {
		if err := os.WriteFile(file, now.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, now.Bytes()) {
		t.Errorf("%s is not the table that decides: read the change, then write it with -update", file)
	}
}

// TestEveryRightHasWords: the privacy officer reads no act that is not told in the log's words.
func TestEveryRightHasWords(t *testing.T) {
	for _, r := range inWords(vault.RightsTable()) {
		if r.Deed == "" {
			t.Errorf("%s has no words in deeds", r.Act)
		}
		if who := r.Who(); who == "" || strings.Contains(who, ": ;") {
			t.Errorf("%s: for %q", r.Act, who)
		}
	}
}
