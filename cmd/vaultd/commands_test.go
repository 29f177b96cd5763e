package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run calls a command as a person would type it.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := command(t.Context(), args, &out)
	return out.String(), err
}

func configFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text, err := json.Marshal(map[string]string{"listen": "127.0.0.1:0", "data": filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "vaultd.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCommandsRefuse(t *testing.T) {
	for _, tt := range []struct {
		name    string
		args    []string
		problem string
	}{
		{"nothing", nil, "no command"},
		{"unknown command", []string{"sreve"}, "sreve"},
		{"no configuration", []string{"serve"}, "--config"},
		{"missing configuration", []string{"serve", "--config", "/nonexistent/c.json"}, "reading the configuration"},
		{"unknown flag", []string{"doctor", "--colour"}, "colour"},
		{"left over", []string{"doctor", "--config", "x", "y"}, "y"},
		{"user without verb", []string{"user"}, "add, reset, disable"},
		{"user with a wrong verb", []string{"user", "promote"}, "promote"},
		{"patient without verb", []string{"patient"}, "add"},
		{"verify without file", []string{"verify-audit"}, "name the exported file"},
		{"verify a missing file", []string{"verify-audit", "/nonexistent"}, "opening"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run(t, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("got %v, want an error that names %q", err, tt.problem)
			}
		})
	}
}

// TestCommandsHelp asks a command for help: that is no mistake.
func TestCommandsHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"doctor", "-h"}, {"user", "add", "--help"}, {"verify-audit", "-h"}} {
		out, err := run(t, args...)
		if err != nil || out != usage {
			t.Errorf("%q: got %q, %v, want the usage and no error", args, out, err)
		}
	}
}

// TestOperatorCommands provisions an empty service from the command line.
func TestOperatorCommands(t *testing.T) {
	config := configFile(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name string
		args []string
		want string
	}{
		{"migrate", []string{"migrate"}, "schema 0 to"},
		{"migrate again", []string{"migrate"}, "already"},
		{"add a clinician", []string{"user", "add", "--login", "cl1", "--name", "Test Clinician", "--role", "clinician", "--password-file", password}, "added cl1"},
		{"add somebody by code", []string{"user", "add", "--login", "cl2", "--name", "Test Second", "--role", "admin"}, "enrolment code: "},
		{"add a patient", []string{"patient", "add", "--number", "T-1", "--name", "Test Patient", "--born", "1970-01-31", "--encounter", "Ward 1", "--care-team", "cl1"}, "added patient"},
		{"labels", []string{"labels"}, "no photo was approved"},
		{"messages of the feed", []string{"adt", "list"}, "no message waits"},
		{"labels as JSON", []string{"labels", "--months", "3", "--json"}, `"rows": []`},
		{"dates", []string{"user", "terms", "--login", "cl2", "--from", "2020-01-01", "--until", "2099-02-28"}, "from 2020-01-01 until the end of 2099-02-28, emergency account: false"},
		{"emergency, the dates stay", []string{"user", "terms", "--login", "cl2", "--emergency"}, "from 2020-01-01 until the end of 2099-02-28, emergency account: true"},
		{"no end, emergency stays", []string{"user", "terms", "--login", "cl2", "--until", ""}, "from 2020-01-01 until the end of time, emergency account: true"},
		{"reset", []string{"user", "reset", "--login", "cl1"}, "enrolment code: "},
		{"disable", []string{"user", "disable", "--login", "cl1"}, "cl1 is out"},
	}
	for _, step := range steps {
		verb := 1
		if step.args[0] == "user" || step.args[0] == "patient" || step.args[0] == "adt" {
			verb = 2
		}
		args := append(append(append([]string{}, step.args[:verb]...), "--config", config), step.args[verb:]...)
		out, err := run(t, args...)
		if err != nil || !strings.Contains(out, step.want) {
			t.Fatalf("%s: got %q, %v; want %q", step.name, out, err, step.want)
		}
	}
	if _, err := run(t, "user", "add", "--config", config, "--login", "cl1", "--name", "Again", "--role", "clinician", "--password-file", password); err == nil {
		t.Error("adding the same login twice: got no error")
	}
	if _, err := run(t, "patient", "add", "--config", config, "--number", "T-2", "--name", "Second Patient", "--born", "1970-01-31", "--care-team", "cl1,nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("a care team with an unknown login: got %v, want an error that names it", err)
	}
	if _, err := run(t, "user", "add", "--config", config, "--login", "x", "--name", "X", "--role", "king", "--password-file", password); err == nil {
		t.Error("an unknown role: got no error")
	}
	if err := os.Chmod(password, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "user", "add", "--config", config, "--login", "cl3", "--name", "Test Third", "--role", "clinician", "--password-file", password); err == nil || !strings.Contains(err.Error(), "readable by others") {
		t.Errorf("a password file that others can read: got %v, want it refused", err)
	}
}

// TestCareTeamCommands ties somebody to a patient who is there already, and
// unties them: the login must exist before a patient is added, and afterwards.
func TestCareTeamCommands(t *testing.T) {
	config := configFile(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must := func(want string, args ...string) string {
		t.Helper()
		out, err := run(t, args...)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("%q: got %q, %v; want %q", args, out, err, want)
		}
		return out
	}
	must("added night1", "user", "add", "--config", config, "--login", "night1", "--name", "Test Night", "--role", "clinician", "--password-file", password)
	patient := []string{"patient", "add", "--config", config, "--number", "T-1", "--name", "Test Patient", "--born", "1970-01-31", "--care-team"}
	if out, err := run(t, append(patient, "nigth1")...); err == nil || out != "" {
		t.Fatalf("a misspelt login: got %q, %v, want an error and no patient", out, err)
	}
	id := strings.Fields(must("added patient", append(patient, "")...))[2]
	for _, verb := range []string{"join", "leave"} {
		must(verb+", care team of patient "+id+": night1", "patient", verb, "--config", config, "--patient", id, "--care-team", "night1")
	}
	for name, args := range map[string][]string{
		"an unknown patient": {"join", "--patient", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "--care-team", "night1"},
		"a wrong login":      {"leave", "--patient", id, "--care-team", "night2"},
		"nobody":             {"join", "--patient", id},
		"no patient":         {"join", "--care-team", "night1"},
	} {
		if out, err := run(t, append([]string{"patient", args[0], "--config", config}, args[1:]...)...); err == nil {
			t.Errorf("%s: got %q and no error", name, out)
		}
	}
}

// TestDoctor finds nothing wrong with a new service, then a lost root key and
// an open data folder, and says what to do. It runs the real binary: the
// limited child is the program itself.
func TestDoctor(t *testing.T) {
	s := newService(t, nil)
	doctor := func() (string, error) { return runBinary(t, "doctor", "--config", s.config) }
	if out, err := doctor(); err != nil || !strings.Contains(out, notYet) {
		t.Fatalf("before the first start: %v\n%s", err, out)
	}
	s.start()
	if out, err := doctor(); err != nil || strings.Contains(out, "WRONG") {
		t.Fatalf("beside a running service: %v\n%s", err, out)
	}
	s.stop()
	config := string(readFile(t, s.config))
	wrong := strings.Replace(config, "{", fmt.Sprintf(`{"second_opinion": {"path": %q, "sha256": "0"},`, s.config), 1)
	if err := os.WriteFile(s.config, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := doctor(); err == nil || !strings.Contains(out, "WRONG second opinion: ") || !strings.Contains(out, "not the file with that SHA-256") {
		t.Errorf("weights other than named: %v\n%s", err, out)
	}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.data, 0o755); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(s.data, "root.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	out, err := doctor()
	if err == nil {
		t.Error("a lost root key: got no error")
	}
	for _, want := range []string{"WRONG data folder", "chmod 700", "WRONG root key", "restore the key file"} {
		if !strings.Contains(out, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, out)
		}
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("the doctor made a new root key over a lost one")
	}
}

// TestNoVaultIsTended: what looks after a vault makes none where there is none, so that a wrong folder or a disk that is
// not mounted is noticed, and not backed up as nothing.
func TestNoVaultIsTended(t *testing.T) {
	config := configFile(t)
	for _, args := range [][]string{{"fsck"}, {"fsck", "--repair"}, {"keys", "status"}, {"keys", "rotate", "root"}, {"keys", "forget"},
		{"backup", "--out", filepath.Join(t.TempDir(), "x"), "--to", "age1x"}, {"backup", "hold"}, {"witness", "status"}, {"labels"}} {
		refuse(t, "there is no vault in the data folder", append(args, "--config", config)...)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(config), "data", "*")); len(left) > 0 {
		t.Errorf("they made %q", left)
	}
}
