package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clinivault/clinivault/vault"
)

const maxImport = 64 << 20 // bytes of a CSV file

// importColumns are the columns of each kind of file; those before the first empty name are required, the others may be
// left out.
var importColumns = map[string][]string{
	"patients": {"record_number", "name", "birth_date", "", "visit", "label", "team", "attending", "admitted", "discharged", "gsrn", "nhs_number"},
	"teams":    {"team", "login", "", "from", "until"},
}

// importCommand brings patients with their visits, or the people of teams, from a CSV file: UTF-8, comma or semicolon, with
// a line of column names. All of a file or nothing; errors name the line, never what is in it.
func importCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) < 2 || importColumns[args[0]] == nil {
		return fmt.Errorf("import: say patients or teams, and a FILE; %w", errUsage)
	}
	what, file := args[0], args[1]
	flags := flag.NewFlagSet("import "+what, flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	dryRun := flags.Bool("dry-run", false, "say what would be done and do nothing")
	if err := parse(flags, args[2:]); err != nil {
		return err
	}
	text, err := readBounded(file, maxImport)
	if err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	c, err := loadConfig(*config)
	if err != nil {
		return err
	}
	rows, err := c.importRows(what, text)
	if err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		done, err := v.ImportCare(ctx, vault.Operator(), rows, *dryRun)
		if err != nil {
			return importError(err)
		}
		did := "done"
		if *dryRun {
			did = "would be done (nothing was changed)"
		}
		fmt.Fprintf(out, "%s: %d rows: %d patients and %d visits added, %d teams made, %d memberships and %d ties begun\n",
			did, done.Rows, done.Patients, done.Visits, done.Teams, done.Members, done.Ties)
		return nil
	})
}

// importError is what a person reads of a failed import.
func importError(err error) error {
	var line *vault.LineError
	var problem *vault.CareProblem
	if errors.As(err, &line) && errors.As(err, &problem) {
		return fmt.Errorf("line %d: %s; nothing was changed", line.Line, problem.Text)
	}
	if errors.As(err, &line) {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	return err
}

// importRows reads the lines of a file.
func (c *Config) importRows(what string, text []byte) ([]vault.ImportRow, error) {
	text = []byte(strings.TrimPrefix(string(text), "\ufeff"))
	if !utf8.Valid(text) {
		return nil, errors.New("the file is not UTF-8: save it as CSV in UTF-8")
	}
	first, _, _ := strings.Cut(string(text), "\n")
	r := csv.NewReader(strings.NewReader(string(text)))
	if strings.Count(first, ";") > strings.Count(first, ",") {
		r.Comma = ';'
	}
	r.ReuseRecord, r.TrimLeadingSpace = true, true
	names, err := r.Read()
	if err != nil {
		return nil, errors.New("line 1: the names of the columns are missing")
	}
	columns, err := placesOf(what, names)
	if err != nil {
		return nil, err
	}
	var rows []vault.ImportRow
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			return nil, csvError(err)
		}
		if len(rows) == vault.MaxImport {
			return nil, fmt.Errorf("the file has more than %d rows: split it", vault.MaxImport)
		}
		row, err := c.importRow(what, func(name string) string {
			if i, there := columns[name]; there {
				return strings.TrimSpace(record[i])
			}
			return ""
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w; nothing was changed", line, err)
		}
		row.Line = line
		rows = append(rows, row)
	}
}

// csvError keeps the line of a CSV error and drops what it may quote.
func csvError(err error) error {
	var at *csv.ParseError
	if errors.As(err, &at) {
		return fmt.Errorf("line %d: %w; nothing was changed", at.Line, at.Err)
	}
	return err
}

// placesOf says in which column each name is.
func placesOf(what string, names []string) (map[string]int, error) {
	known := importColumns[what]
	columns := map[string]int{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" || !slices.Contains(known, name) {
			return nil, fmt.Errorf("line 1: column %d is not known; a file of %s has %s", i+1, what, columnList(known))
		}
		if _, twice := columns[name]; twice {
			return nil, fmt.Errorf("line 1: column %s is there twice", name)
		}
		columns[name] = i
	}
	for _, name := range known {
		if name == "" {
			return columns, nil
		}
		if _, there := columns[name]; !there {
			return nil, fmt.Errorf("line 1: column %s is missing; a file of %s has %s", name, what, columnList(known))
		}
	}
	return columns, nil
}

func columnList(known []string) string {
	required := slices.Index(known, "")
	return strings.Join(known[:required], ", ") + ", and if you like " + strings.Join(known[required+1:], ", ")
}

func (c *Config) importRow(what string, get func(string) string) (row vault.ImportRow, err error) {
	if what == "teams" {
		row.Team, row.Member.Login = get("team"), get("login")
		if row.Team == "" || row.Member.Login == "" {
			return row, errors.New("a team and a login are needed")
		}
		if row.Member.StartedAt, err = c.importTime("from", get("from")); err == nil {
			row.Member.EndedAt, err = c.importTime("until", get("until"))
		}
		return row, err
	}
	row.Event = vault.CareEvent{Kind: vault.CareUpdate, At: time.Now(), Number: get("record_number"), Name: get("name"), BirthDate: get("birth_date")}
	row.Event.Numbers = bandNumbers(get("gsrn"), get("nhs_number"))
	if row.Event.Name == "" || row.Event.BirthDate == "" {
		return row, errors.New("a name and a birth date are needed")
	}
	if get("visit") == "" {
		if get("team")+get("attending")+get("label")+get("admitted")+get("discharged") != "" {
			return row, errors.New("team, attending, label and times belong to a visit: number it in column visit")
		}
		return row, nil
	}
	return row, c.importVisit(&row.Event, get)
}

// importVisit reads the columns of a visit. A discharge ends it, and its ties some days later.
func (c *Config) importVisit(e *vault.CareEvent, get func(string) string) error {
	v := &vault.CareVisit{Number: get("visit"), Label: get("label"), Teams: splitWords(get("team")), Doctors: splitWords(get("attending"))}
	if v.Label == "" {
		v.Label = "Visit"
	}
	admitted, err := c.importTime("admitted", get("admitted"))
	if err != nil {
		return err
	}
	discharged, err := c.importTime("discharged", get("discharged"))
	if err != nil {
		return err
	}
	v.Start, v.End = admitted.Std(), discharged.Std()
	e.Kind, e.Visit = vault.CareIn, v
	if !v.End.IsZero() {
		e.Kind, e.TiesUntil = vault.CareOut, v.End.AddDate(0, 0, c.tieDays())
	}
	return nil
}

// splitWords splits a cell that holds several names.
func splitWords(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, "|") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (c *Config) tieDays() int {
	if c.ADT != nil && c.ADT.TieDaysAfterDischarge != nil {
		return *c.ADT.TieDaysAfterDischarge
	}
	return defaultTieDays
}

// importTime reads a day, or a day and a time, in the time zone of the feed.
func (c *Config) importTime(column, s string) (vault.Time, error) {
	if s == "" {
		return 0, nil
	}
	zone := time.UTC
	if c.ADT != nil {
		var err error
		if zone, err = time.LoadLocation(c.ADT.TimeZone); err != nil {
			return 0, err
		}
	}
	for _, shape := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(shape, s, zone); err == nil {
			return vault.TimeOf(at), nil
		}
	}
	return 0, fmt.Errorf("column %s is not YYYY-MM-DD or YYYY-MM-DD HH:MM", column)
}
