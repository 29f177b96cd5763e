package api

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

var (
	requirement = regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+) \| ([123]) \| [^|]+ \| ([^|]+) \|$`)
	inapt       = regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*) \| [^|]+ \|$`)
	sums        = regexp.MustCompile(`(?m)^\| (1|2|3|all) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$`)
	namedTest   = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	testFunc    = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// TestSecurityDocument holds SECURITY.md against itself and against the tests: each requirement stands in it once, the sums
// are those of its lines, and every test that it names exists.
func TestSecurityDocument(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	count := map[string]*[3]int{"1": {}, "2": {}, "3": {}, "all": {}}
	for _, m := range requirement.FindAllStringSubmatch(string(text), -1) {
		if seen[m[1]] {
			t.Errorf("requirement %s stands in it twice", m[1])
		}
		seen[m[1]] = true
		at := 0
		if strings.Contains(m[3], "gap:") {
			at = 1
		}
		count[m[2]][at]++
		count["all"][at]++
	}
	for _, m := range inapt.FindAllStringSubmatch(string(text), -1) {
		for _, id := range strings.Split(m[1], ", ") {
			if seen[id] {
				t.Errorf("requirement %s stands in it twice", id)
			}
			seen[id] = true
			count["all"][2]++
		}
	}
	if len(seen) != 345 {
		t.Errorf("%d requirements stand in it, want the 345 of version 5.0.0", len(seen))
	}
	told := sums.FindAllStringSubmatch(string(text), -1)
	if len(told) != 4 {
		t.Fatalf("%d lines of sums, want 4", len(told))
	}
	for _, m := range told {
		c := count[m[1]]
		if m[2] != fmt.Sprint(c[0]) || m[3] != fmt.Sprint(c[1]) || m[1] == "all" && m[4] != fmt.Sprint(c[2]) {
			t.Errorf("level %s: the sums say %s met and %s with a gap, the lines %d and %d", m[1], m[2], m[3], c[0], c[1])
		}
	}
	tests := everyTest(t)
	for _, name := range namedTest.FindAllString(string(text), -1) {
		if !tests[name] {
			t.Errorf("it names %s, which is no test", name)
		}
	}
}

// everyTest is the names of all tests of the project.
func everyTest(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	root := vaulttest.Root()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			out[m[1]] = true
		}
		return err
	})
	if err != nil || len(out) < 500 {
		t.Fatalf("found %d tests, %v", len(out), err)
	}
	return out
}
