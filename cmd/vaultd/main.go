// Command vaultd is the Clinivault server and its operator's commands.
//
// The commands of the service read one configuration file; those on pictures,
// help, child and verify-audit need none.
// main parses flags and prints one error; run functions do the work and are
// what the end-to-end tests call.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the zones of configurations, on machines that have none

	"github.com/clinivault/clinivault/imaging"
)

const usage = `vaultd keeps clinical photos: captured, sealed, reviewed, attached, proved.

  vaultd serve --config FILE         serve HTTP and, unless configured otherwise, work
  vaultd work --config FILE          process and deliver only
  vaultd migrate --config FILE       bring the database to this program's schema
  vaultd guard --config FILE         stand before MinIO and let only the vault's own calls through
  vaultd fsck --config FILE [--deep] [--repair] [--json]
                                     compare the store with the database, both ways
  vaultd doctor --config FILE        check configuration, keys, store, database, clock, certificate, uplink
  vaultd user add --config FILE --login L --name N --role R[,R] [--password-file F]
  vaultd user reset --config FILE --login L
                                     take password and factors away; print a code to set new ones
  vaultd user disable|enable --config FILE --login L
  vaultd user roles --config FILE --login L --role R[,R]
  vaultd user terms --config FILE --login L [--from DAY] [--until DAY] [--emergency]
                                     days on which somebody may sign in; account for emergencies
  vaultd access explain --config FILE --person LOGIN --act ACT [--patient NUMBER|ID] [--photo ID]
                                     whether somebody may do something, and why
  vaultd access table                who may do what: the table that decides
  vaultd access report --config FILE [--quarter 2026Q4] [--csv FILE]
                                     who holds what, and what leavers still hold
  vaultd scim token --config FILE --name NAME --out FILE
  vaultd scim list --config FILE | end --config FILE --id ID
                                     directories that bring people in over SCIM
  vaultd patient add --config FILE --number N --name NAME --born YYYY-MM-DD
                     [--encounter LABEL] [--care-team LOGIN[,LOGIN]]
  vaultd patient join|leave --config FILE --patient ID --care-team LOGIN[,LOGIN]
  vaultd import patients|teams FILE --config FILE [--dry-run]
                                     patients with visits, or the people of teams, from CSV
  vaultd adt list --config FILE | show --config FILE --id ID --reason TEXT
                                     messages of the patient administration that were not applied
  vaultd backup --config FILE --out FILE|- --to AGE-RECIPIENT[,...] [--recipients-file FILE]
                [--with-root-key] [--objects]
                                     database and objects, one encrypted file, beside the server
  vaultd backup verify FILE --identity FILE
                                     read a backup to its end, restore nothing
  vaultd backup hold --config FILE [--for 2h] | release --config FILE --hold ID
                                     delete nothing from the store while other tools copy it
  vaultd restore FILE --identity FILE (--config FILE | --data DIR) [--root-key FILE]
                                     to an empty folder, then check photo by photo
  vaultd restore check --config FILE check the whole vault photo by photo, against the log
  vaultd verify-audit FILE [--key VERIFIER] [--checkpoint FILE ...]
                                     check an exported log, offline, also against what
                                     witnesses kept
  vaultd audit-events FILE           turn an exported log into FHIR AuditEvents, a line each
  vaultd witness status --config FILE
  vaultd witness accept-rollback --config FILE --reason TEXT
                                     open a database that was put back to an earlier state
  vaultd witness key --name NAME --out FILE
  vaultd witness serve --dir DIR --key FILE --log-key VERIFIER ... [--listen A]
                [--cert FILE --cert-key FILE]
                                     watch a log for somebody else, and sign what holds
  vaultd keys status --config FILE [--json]
                                     where the vault's keys stand
  vaultd keys rotate root|intake|receipt|certificate|log|device|patients --config FILE
                [--forget] [--shared-key-file]
  vaultd keys rotate patient --patient ID --config FILE
                                     new keys, while the service runs; again to go on
  vaultd keys forget --config FILE   give up unused versions of the root key
  vaultd keys split --shares N --threshold M --out DIR --config FILE
  vaultd keys join SHARE ... --out FILE
                                     the root key file in N shares, any M bring it back
  vaultd labels --config FILE [--months N] [--json]
                                     what reviewers made of proposals: the site's miss rate
  vaultd learn TARGET --config FILE --data DIR --out FILE [--months N] [--photos N]
                                     learn a cascade (face, eye, mouth) from reviewed photos too
  vaultd strip IN OUT [--force]      write the picture alone; print as JSON what was removed
  vaultd redact IN OUT --region KIND:X0,Y0,X1,Y1 ... [--margin] [--force]
                [--certificate FILE --key FILE]
                                     cover regions (upright pixels) and prove it
  vaultd verify-redaction PICTURE CERTIFICATE [--key PUBLIC] [--log-key VERIFIER] [--keys FILE]
                [--original FILE [--salt SALT]]
                                     check a redaction, offline
  vaultd verify-erasure CERTIFICATE [--key PUBLIC] [--log-key VERIFIER] [--keys FILE]
                                     check the certificate of an erasure, offline
  vaultd inspect IN [--values] [--json]
                                     tell what a file carries beside the picture
  vaultd detect FILE ... [--json] [--draw DIR]
                                     propose regions: faces, tattoos, text
  vaultd demo [--addr A] [--data DIR] [--config FILE]
                                     serve with demo accounts and patients

The commands on pictures take flags anywhere. strip, redact, inspect and detect
take several files or folders at once (OUT is then a folder). They exit with 0,
with 2 when a picture is refused or does not verify, with 1 for anything else;
detect goes on after a file that it cannot search, and then exits with 1.

A small configuration file (README.md documents every field):
  {"listen": "127.0.0.1:8440", "data": "/var/lib/clinivault"}
`

// errUsage makes main print the usage after the error.
var errUsage = errors.New("see `vaultd help`")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == "child" {
		os.Exit(imaging.ChildMain(os.Stdin, os.Stdout))
	}
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vaultd:", err)
		stop()
		os.Exit(statusOf(err))
	}
}

// command runs the command that args name and writes its output to out. Who
// asks a command for help gets the usage, and that is no error.
func command(ctx context.Context, args []string, out io.Writer) error {
	err := dispatch(ctx, args, out)
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprint(out, usage)
	}
	return err
}

// commands are what a person can ask for; each reads its own flags.
var commands = map[string]func(ctx context.Context, args []string, out io.Writer) error{
	"serve":            serveCommand,
	"work":             workCommand,
	"migrate":          migrateCommand,
	"access":           accessCommand,
	"doctor":           doctorCommand,
	"guard":            guardCommand,
	"fsck":             fsckCommand,
	"user":             userCommand,
	"scim":             scimCommand,
	"patient":          patientCommand,
	"backup":           backupCommand,
	"restore":          restoreCommand,
	"verify-audit":     verifyAuditCommand,
	"audit-events":     auditEventsCommand,
	"witness":          witnessCommand,
	"strip":            stripCommand,
	"redact":           redactCommand,
	"verify-redaction": verifyRedactionCommand,
	"verify-erasure":   verifyErasureCommand,
	"inspect":          inspectCommand,
	"detect":           detectCommand,
	"keys":             keysCommand,
	"labels":           labelsCommand,
	"learn":            learnCommand,
	"adt":              adtCommand,
	"import":           importCommand,
	"demo":             demoCommand,
	"help":             helpCommand,
	"-h":               helpCommand,
	"--help":           helpCommand,
}

func helpCommand(context.Context, []string, io.Writer) error { return flag.ErrHelp }

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(out, usage)
		return errors.New("no command given")
	}
	run, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("there is no command %q: %w", args[0], errUsage)
	}
	return run(ctx, args[1:], out)
}
