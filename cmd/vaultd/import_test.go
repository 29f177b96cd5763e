package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// csvFile writes a file to import.
func csvFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "import.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestImport: patients, visits, teams and people come from files: tried first, then done, then done again without harm.
func TestImport(t *testing.T) {
	config := configFile(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("a long enough password"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "user", "add", "--config", config, "--login", "nurse", "--name", "Test Nurse", "--role", "clinician", "--password-file", password); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	teams := csvFile(t, "\ufeffteam;login;until\nWard 3B;nurse;\nWard 4;nurse;2031-01-01\n")
	patients := csvFile(t, "record_number,name,birth_date,visit,label,team,attending,admitted,discharged\n"+
		"CSV-1,\"Sample, Linden\",1955-05-05,V1,Inpatient,Ward 3B,nurse,2026-11-01 10:00,\n"+
		"CSV-2,Sample Maple,1956-06-06,V2,,Ward 3B|Ward 5,,2026-10-01,2026-10-08\n"+
		"CSV-3,Sample Oak,1957-07-07,,,,,,\n")
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"teams", teams, "--config", config, "--dry-run"}, "would be done (nothing was changed): 2 rows: 0 patients and 0 visits added, 2 teams made, 2 memberships and 0 ties begun"},
		{[]string{"teams", teams, "--config", config}, "done: 2 rows: 0 patients and 0 visits added, 2 teams made, 2 memberships and 0 ties begun"},
		{[]string{"teams", teams, "--config", config}, "done: 2 rows: 0 patients and 0 visits added, 0 teams made, 0 memberships and 0 ties begun"},
		{[]string{"patients", patients, "--config", config, "--dry-run"}, "would be done (nothing was changed): 3 rows: 3 patients and 2 visits added, 1 teams made, 0 memberships and 4 ties begun"},
		{[]string{"patients", patients, "--config", config}, "done: 3 rows: 3 patients and 2 visits added, 1 teams made, 0 memberships and 4 ties begun"},
		{[]string{"patients", patients, "--config", config}, "done: 3 rows: 0 patients and 0 visits added, 0 teams made, 0 memberships and 0 ties begun"},
	} {
		out, err := run(t, append([]string{"import"}, step.args...)...)
		if err != nil || strings.TrimSpace(out) != step.want {
			t.Errorf("import %s: got %q, %v, want %q", strings.Join(step.args[:1], " "), out, err, step.want)
		}
	}
}

// TestImportRefuses: an error names its line and never what is in it, and nothing of the file is done.
func TestImportRefuses(t *testing.T) {
	config := configFile(t)
	if out, err := run(t, "patient", "add", "--config", config, "--number", "X", "--name", "Sample X", "--born", "1990-01-01"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	head := "record_number,name,birth_date\n"
	good := "CSV-1,Sample Secret,1955-05-05\n"
	for name, test := range map[string]struct{ what, text, want string }{
		"empty":          {"patients", "", "line 1"},
		"unknown column": {"patients", "record_number,name,birth_date,colour\n", "line 1: column 4 is not known"},
		"missing column": {"patients", "record_number,name\n", "line 1: column birth_date is missing"},
		"column twice":   {"patients", "record_number,name,name,birth_date\n", "line 1: column name is there twice"},
		"not UTF-8":      {"patients", head + "CSV-1,S\xe4mple Secret,1955-05-05\n", "not UTF-8"},
		"fields":         {"patients", head + good + "CSV-2,Sample Secret\n", "line 3: wrong number of fields"},
		"quote":          {"patients", head + good + "CSV-2,\"Sample Secret,1955-05-05\n", "line 3: "},
		"birth date":     {"patients", head + good + "CSV-2,Sample Secret,05.05.1955\n", "line 3: the birth date is not a date"},
		"long number":    {"patients", head + good + strings.Repeat("9", 40) + ",Sample Secret,1955-05-05\n", "line 3: a record number has"},
		"no name":        {"patients", head + good + "CSV-2,,1955-05-05\n", "line 3: a name and a birth date are needed"},
		"no visit":       {"patients", "record_number,name,birth_date,team\nCSV-1,Sample Secret,1955-05-05,Ward\n", "line 2: team, attending"},
		"time":           {"patients", "record_number,name,birth_date,visit,admitted\nCSV-1,Sample Secret,1955-05-05,V,soon\n", "line 2: column admitted"},
		"nobody":         {"teams", "team,login\nWard,secret.person\n", "line 2: nobody has this login"},
		"backwards":      {"teams", "team,login,from,until\nWard,x,2026-02-01,2026-01-01\n", "line 2: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "import", test.what, csvFile(t, test.text), "--config", config)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, word := range []string{"Secret", "secret.person", "1955"} {
				if strings.Contains(err.Error(), word) {
					t.Errorf("the error tells what is in the file: %v", err)
				}
			}
		})
	}
	out, err := run(t, "import", "patients", csvFile(t, head+good), "--config", config)
	if err != nil || !strings.Contains(out, "1 patients") {
		t.Errorf("after all refusals: %q, %v, want the one patient added now", out, err)
	}
}
