package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/clinivault/clinivault/"

// arrows lists, for each package, the packages of this house that it may
// import. What is not listed is forbidden; so is an unlisted package.
var arrows = map[string][]string{
	"imaging":          {"imaging/jpegcoef", "imaging/onnx"},
	"imaging/jpegcoef": {},
	"imaging/onnx":     {},
	"imaging/train":    {"imaging"},
	"vault/seal":       {},
	"vault/schema":     {},
	"vault":            {"imaging", "vault/seal", "vault/schema"},
	"vault/vaulttest":  {"vault", "vault/seal", "imaging", "fixtures"},
	"api":              {"vault", "vault/seal", "imaging", "api/web", "api/uplink"},
	"api/web":          {},
	"api/uplink":       {},
	"api/chart":        {"vault", "vault/seal", "imaging"},
	"api/adt":          {"vault"},
	"fixtures":         {},
	"cmd/vaultd":       {"api", "api/web", "api/uplink", "api/chart", "api/adt", "vault", "imaging", "imaging/train"},
	"cmd/capture":      {"api/uplink", "imaging", "vault/seal"},
	"cmd/capture-wasm": {"imaging", "vault/seal"},
	"cmd/cascade":      {"imaging", "imaging/train"},
	"scripts/quic":     {}, // a module of its own: what the uplink is measured beside
}

// goFile is one parsed source file of the tree, build tags ignored.
type goFile struct {
	path string // slashes, from the root
	file *ast.File
	set  *token.FileSet
	text string
}

// tree parses every Go file below the root. It reads sources, not `go list`,
// so that files behind build tags count and nothing is cached.
func tree(t *testing.T) []goFile {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []goFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, goFile{filepath.ToSlash(rel), file, set, string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files found: the walk is wrong", len(files))
	}
	return files
}

func TestArrows(t *testing.T) {
	for _, f := range tree(t) {
		pkg := filepath.ToSlash(filepath.Dir(f.path))
		allowed, listed := arrows[pkg]
		if !listed {
			t.Errorf("%s: package %s is not in the table of arrows", f.path, pkg)
			continue
		}
		if strings.HasSuffix(f.path, "_test.go") {
			continue // tests may use the house; the compiler forbids cycles
		}
		for _, spec := range f.file.Imports {
			path, inHouse := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if inHouse && !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s: not among the arrows of %s", f.path, path, pkg)
			}
		}
	}
}

// TestImagingAndSealTouchNothing keeps network, database and files out of the
// packages that also run in the browser.
func TestImagingAndSealTouchNothing(t *testing.T) {
	forbidden := []string{"net", "net/http", "database/sql"}
	for _, f := range tree(t) {
		pkg := filepath.ToSlash(filepath.Dir(f.path))
		if strings.HasSuffix(f.path, "_test.go") || !slices.Contains([]string{"imaging", "imaging/jpegcoef", "imaging/onnx", "vault/seal"}, pkg) {
			continue
		}
		for _, spec := range f.file.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); slices.Contains(forbidden, path) {
				t.Errorf("%s imports %s", f.path, path)
			}
		}
	}
}

// TestSizes holds the sizes of the house style: functions of 80 lines at most,
// nine in ten under 45; files of 600 lines at most, nine in ten under 400; test
// code at least 0.8 of code.
func TestSizes(t *testing.T) {
	var functions, files []int
	code, tests := 0, 0
	for _, f := range tree(t) {
		lines := strings.Count(f.text, "\n")
		if lines > 600 {
			t.Errorf("%s has %d lines, want ≤ 600", f.path, lines)
		}
		files = append(files, lines)
		if strings.HasSuffix(f.path, "_test.go") || strings.HasPrefix(f.path, "vault/vaulttest/") {
			tests += lines
		} else {
			code += lines
		}
		for _, decl := range f.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1
				functions = append(functions, n)
				if n > 80 {
					t.Errorf("%s: %s has %d lines, want ≤ 80", f.path, fn.Name.Name, n)
				}
			}
		}
	}
	if over := share(functions, 45); over > 0.1 {
		t.Errorf("%.0f%% of functions have 45 lines or more, want ≤ 10%%", 100*over)
	}
	if over := share(files, 400); over > 0.1 {
		t.Errorf("%.0f%% of files have 400 lines or more, want ≤ 10%%", 100*over)
	}
	if ratio := float64(tests) / float64(code); ratio < 0.8 {
		t.Errorf("test code is %.2f of code (%d of %d lines), want ≥ 0.8", ratio, tests, code)
	}
}

// share returns the part of the counts that is limit or more.
func share(counts []int, limit int) float64 {
	over := 0
	for _, n := range counts {
		if n >= limit {
			over++
		}
	}
	return float64(over) / float64(max(1, len(counts)))
}

func TestTopLevel(t *testing.T) {
	known := []string{"api", "vault", "imaging", "cmd", "fixtures", "scripts", "go.mod", "go.sum", "Makefile", "README.md",
		"LICENSE", ".ci", ".gitignore", ".gitattributes", ".git", ".build", ".cache", ".data", ".shots"}
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			t.Errorf("%s is outside the agreed house", e.Name())
		}
	}
}
