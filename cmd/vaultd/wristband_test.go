package main

import (
	"strings"
	"testing"
)

// TestImportWristbands: a file may name what wristbands carry, and a wrong number is told by its line.
func TestImportWristbands(t *testing.T) {
	config := configFile(t)
	if out, err := run(t, "patient", "add", "--config", config, "--number", "X", "--name", "Sample X", "--born", "1990-01-01"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const head = "record_number;name;birth_date;gsrn;nhs_number\n"
	good := csvFile(t, head+"CSV-1;Sample Linden;1955-05-05;950110123456700172|950110153000040126;999 012 3454\nCSV-2;Sample Maple;1956-06-06;;\n")
	for range 2 {
		if out, err := run(t, "import", "patients", good, "--config", config); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for name, test := range map[string]struct{ row, want string }{
		"GSRN with a wrong check digit": {"CSV-3;Sample Oak;1957-07-07;950110123456700170;\n", "line 2: a GSRN has 18 digits"},
		"NHS number cut":                {"CSV-3;Sample Oak;1957-07-07;;999012345\n", "line 2: an NHS number has ten digits"},
		"a number that is taken":        {"CSV-3;Sample Oak;1957-07-07;950110123456700172;\n", "line 2: another patient has this number"},
	} {
		_, err := run(t, "import", "patients", csvFile(t, head+test.row), "--config", config)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "9501101") {
			t.Errorf("%s: got %v, want %q and no number", name, err, test.want)
		}
	}
}
