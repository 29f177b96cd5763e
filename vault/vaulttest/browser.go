package vaulttest

import (
	"os"
	"testing"
	"time"
)

// ProfileFolder is a folder for a browser's profile, removed at the end of the test. Children of Chromium may go on writing
// for a moment after it has ended, which is waited for.
func ProfileFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "clinivault-profile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := os.RemoveAll(dir)
		for n := 0; err != nil && n < 50; n++ {
			time.Sleep(100 * time.Millisecond)
			err = os.RemoveAll(dir)
		}
		if err != nil {
			t.Errorf("removing the profile: %v", err)
		}
	})
	return dir
}
