package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

func migrateCommand(ctx context.Context, args []string, out io.Writer) error {
	c, err := configFlag("migrate", args)
	if err != nil {
		return err
	}
	if err := c.refuse(ctx, true); err != nil {
		return err
	}
	driver, dsn, err := c.dsn()
	if err != nil {
		return err
	}
	from, to, err := vault.Migrate(ctx, driver, dsn)
	if err != nil {
		return err
	}
	if from == to {
		fmt.Fprintf(out, "the database is at schema %d already\n", to)
		return nil
	}
	fmt.Fprintf(out, "the database went from schema %d to %d\n", from, to)
	return nil
}

// operate opens the vault for one of the operator's short commands.
func operate(ctx context.Context, config string, out io.Writer, act func(*vault.Vault) error) error {
	c, err := loadConfig(config)
	if err != nil {
		return err
	}
	p, err := openParts(ctx, c, newLog(c.LogFormat, os.Stderr), true)
	if err != nil {
		return closing(p, err)
	}
	return closing(p, act(p.vault))
}

// tend is operate for what makes no sense on a new vault. A wrong folder, or a disk that is not mounted, would otherwise
// get a vault and a root key of its own, and a backup of nothing would look like a good one.
func tend(ctx context.Context, config string, out io.Writer, act func(*vault.Vault) error) error {
	c, err := loadConfig(config)
	if err != nil {
		return err
	}
	if err := vault.CheckRestored(c.Data); err != nil {
		return err
	}
	if c.Database == nil {
		_, file, err := c.dsn()
		if err != nil {
			return err
		}
		if info, err := os.Stat(file); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
			return fmt.Errorf("there is no vault in the data folder %s: see that it is the right one and that its disk is mounted (`vaultd serve` makes a new vault)", c.Data)
		}
	}
	return operate(ctx, config, out, act)
}

func patientCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("patient: say add, join or leave; %w", errUsage)
	}
	flags := flag.NewFlagSet("patient "+args[0], flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	team := flags.String("care-team", "", "logins of the people who treat the patient")
	switch args[0] {
	case "add":
		return addPatient(ctx, flags, config, team, args[1:], out)
	case "join", "leave":
		return changeTeam(ctx, flags, config, team, args, out)
	}
	return fmt.Errorf("patient: there is no %q; say add, join or leave", args[0])
}

func addPatient(ctx context.Context, flags *flag.FlagSet, config, team *string, args []string, out io.Writer) error {
	number := flags.String("number", "", "the record number")
	name := flags.String("name", "", "the patient's name")
	born := flags.String("born", "", "the birth date, YYYY-MM-DD")
	encounter := flags.String("encounter", "", "a label for the current visit or stay")
	if err := parse(flags, args); err != nil {
		return err
	}
	return operate(ctx, *config, out, func(v *vault.Vault) error {
		people, err := peopleOf(ctx, v, splitList(*team)) // before the patient is added: a misspelt login changes nothing
		if err != nil {
			return err
		}
		id, err := v.AddPatient(ctx, vault.Operator(), vault.NewPatient{RecordNumber: *number, Name: *name, BirthDate: *born})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "added patient %s\n", id)
		if *encounter != "" {
			if _, err := v.AddEncounter(ctx, vault.Operator(), id, *encounter, time.Now()); err != nil {
				return err
			}
		}
		return joinTeam(ctx, v, id, people)
	})
}

// changeTeam ties people to a patient or unties them, from now on. The patient
// is named by the ID that patient add printed: an operator cannot look a
// patient up.
func changeTeam(ctx context.Context, flags *flag.FlagSet, config, team *string, args []string, out io.Writer) error {
	patient := flags.String("patient", "", "the patient's ID, as patient add printed it")
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	logins := splitList(*team)
	if *patient == "" || len(logins) == 0 {
		return fmt.Errorf("patient %s: name --patient ID and --care-team LOGIN[,LOGIN]; %w", args[0], errUsage)
	}
	return operate(ctx, *config, out, func(v *vault.Vault) error {
		people, err := peopleOf(ctx, v, logins)
		if err != nil {
			return err
		}
		id := vault.PatientID(*patient)
		if args[0] == "join" {
			err = joinTeam(ctx, v, id, people)
		} else {
			err = leaveTeam(ctx, v, id, people)
		}
		if err == nil {
			fmt.Fprintf(out, "%s, care team of patient %s: %s\n", args[0], id, strings.Join(logins, ", "))
		}
		return err
	})
}

// peopleOf finds the people with these logins, or none when one is unknown.
func peopleOf(ctx context.Context, v *vault.Vault, logins []string) ([]vault.PersonID, error) {
	people, err := v.People(ctx, vault.Operator())
	if err != nil {
		return nil, err
	}
	known := map[string]vault.PersonID{}
	for _, p := range people {
		known[p.Login] = p.ID
	}
	ids := make([]vault.PersonID, 0, len(logins))
	for _, login := range logins {
		who, ok := known[login]
		if !ok {
			return nil, fmt.Errorf("nobody has the login %q of --care-team; nothing was changed", login)
		}
		ids = append(ids, who)
	}
	return ids, nil
}

func joinTeam(ctx context.Context, v *vault.Vault, id vault.PatientID, people []vault.PersonID) error {
	for _, who := range people {
		if err := v.JoinCareTeam(ctx, vault.Operator(), id, who, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func leaveTeam(ctx context.Context, v *vault.Vault, id vault.PatientID, people []vault.PersonID) error {
	for _, who := range people {
		if err := v.LeaveCareTeam(ctx, vault.Operator(), id, who); err != nil {
			return err
		}
	}
	return nil
}

// splitList splits a comma-separated flag.
func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
