package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// userFlags are what the user commands read.
type userFlags struct {
	config, login, name, roles, password, from, until *string
	emergency                                         *bool
	named                                             map[string]bool // the flags that were given
}

// userCommands change people; each tells what it did.
var userCommands = map[string]func(ctx context.Context, f userFlags, out io.Writer) error{
	"add": addUser,
	"reset": func(ctx context.Context, f userFlags, out io.Writer) error {
		return resetUser(ctx, *f.config, *f.login, out)
	},
	"disable": disableUser,
	"enable":  enableUser,
	"roles":   setUserRoles,
	"terms":   setUserTerms,
}

func userCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("user: say add, reset, disable, enable, roles or terms; %w", errUsage)
	}
	run, ok := userCommands[args[0]]
	if !ok {
		return fmt.Errorf("user: there is no %q; say add, reset, disable, enable, roles or terms", args[0])
	}
	flags := flag.NewFlagSet("user "+args[0], flag.ContinueOnError)
	f := userFlags{
		config:    flags.String("config", "", "the configuration file"),
		login:     flags.String("login", "", "what the person types to sign in"),
		name:      flags.String("name", "", "the person's name as others see it"),
		roles:     flags.String("role", "", "clinician, reviewer, records, privacy, admin"),
		password:  flags.String("password-file", "", "a file that holds the first password; without it, a code is printed with which the person sets one"),
		from:      flags.String("from", "", "first day, YYYY-MM-DD"),
		until:     flags.String("until", "", "last day, YYYY-MM-DD"),
		emergency: flags.Bool("emergency", false, "may sign in here although the hospital's provider is the only way"),
	}
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	f.named = map[string]bool{}
	flags.Visit(func(given *flag.Flag) { f.named[given.Name] = true })
	return run(ctx, f, out)
}

func (f userFlags) wanted() []vault.Role {
	var roles []vault.Role
	for _, r := range splitList(*f.roles) {
		roles = append(roles, vault.Role(r))
	}
	return roles
}

// addUser adds a person. Without a password it prints the code with which the person sets one.
func addUser(ctx context.Context, f userFlags, out io.Writer) error {
	n := vault.NewPerson{Login: *f.login, Name: *f.name, Roles: f.wanted()}
	if *f.password != "" {
		secret, err := firstPassword(*f.password)
		if err != nil {
			return fmt.Errorf("user add: %w", err)
		}
		n.Password = secret
	}
	return operate(ctx, *f.config, out, func(v *vault.Vault) error {
		id, err := v.AddPerson(ctx, vault.Operator(), n)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "added %s as person %s\n", *f.login, id)
		if *f.password != "" {
			return nil
		}
		code, err := v.ResetFactors(ctx, vault.Operator(), *f.login)
		if err == nil {
			printCode(out, code)
		}
		return err
	})
}

// firstPassword reads a password from a file that nobody else can read.
func firstPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("the password file: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return "", errors.New("the password file is readable by others: chmod 600 it")
	}
	return readSecret(path)
}

func disableUser(ctx context.Context, f userFlags, out io.Writer) error {
	return operate(ctx, *f.config, out, func(v *vault.Vault) error {
		err := v.DisablePerson(ctx, vault.Operator(), *f.login)
		if err == nil {
			fmt.Fprintf(out, "%s is out: sessions ended, claims released\n", *f.login)
		}
		return err
	})
}

func enableUser(ctx context.Context, f userFlags, out io.Writer) error {
	return operate(ctx, *f.config, out, func(v *vault.Vault) error {
		err := v.EnablePerson(ctx, vault.Operator(), *f.login)
		if err == nil {
			fmt.Fprintf(out, "%s may sign in again\n", *f.login)
		}
		return err
	})
}

func setUserRoles(ctx context.Context, f userFlags, out io.Writer) error {
	return operate(ctx, *f.config, out, func(v *vault.Vault) error {
		err := v.SetRoles(ctx, vault.Operator(), *f.login, f.wanted())
		if err == nil {
			fmt.Fprintf(out, "%s: roles given here: %s\n", *f.login, *f.roles)
		}
		return err
	})
}

// setUserTerms sets the days on which a person may sign in, by the days of this machine's clock, and whether theirs is an
// emergency account. The last day counts to its end, an empty day takes the bound away, and what is not named stays.
func setUserTerms(ctx context.Context, f userFlags, out io.Writer) error {
	from, err := dayOf(*f.from)
	if err != nil {
		return err
	}
	until, err := dayOf(*f.until)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		until = until.AddDate(0, 0, 1)
	}
	return operate(ctx, *f.config, out, func(v *vault.Vault) error {
		was, err := v.PersonByLogin(ctx, vault.Operator(), *f.login)
		if err != nil {
			return err
		}
		terms := vault.Terms{ValidFrom: was.ValidFrom, ValidUntil: was.ValidUntil, Emergency: was.Emergency}
		if f.named["from"] {
			terms.ValidFrom = vault.TimeOf(from)
		}
		if f.named["until"] {
			terms.ValidUntil = vault.TimeOf(until)
		}
		if f.named["emergency"] {
			terms.Emergency = *f.emergency
		}
		if err := v.SetTerms(ctx, vault.Operator(), *f.login, terms); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: from %s until the end of %s, emergency account: %v\n", *f.login,
			dayName(terms.ValidFrom, "ever"), dayName(terms.ValidUntil-1, "time"), terms.Emergency)
		return nil
	})
}

// dayName is the day of t by this machine's clock, or what stands for no bound.
func dayName(t vault.Time, none string) string {
	if t <= 0 {
		return none
	}
	return t.Std().Local().Format(time.DateOnly)
}

func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return time.Time{}, errors.New("a day is written YYYY-MM-DD")
	}
	return day, nil
}
