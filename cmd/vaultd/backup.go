package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// backupCommand makes a backup beside the running server, or does one of the
// smaller things around backups.
func backupCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "verify":
			return verifyBackupCommand(args[1:], out)
		case "hold":
			return holdCommand(ctx, args[1:], out)
		case "release":
			return releaseCommand(ctx, args[1:], out)
		}
	}
	flags := flag.NewFlagSet("backup", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	file := flags.String("out", "", "where the backup goes: a file that is not there yet, or - for standard output")
	to := flags.String("to", "", "age recipients, separated by commas")
	toFile := flags.String("recipients-file", "", "a file of age recipients, one a line")
	withKey := flags.Bool("with-root-key", false, "put the root key file into the backup")
	objects := flags.Bool("objects", false, "the store alone, after the database was copied with its own tools")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *file == "" {
		return fmt.Errorf("backup: name the file with --out; %w", errUsage)
	}
	o := vault.BackupOptions{ObjectsOnly: *objects, To: splitList(*to), Progress: reporter("backed up")}
	if *toFile != "" {
		text, err := readBounded(*toFile, 64<<10)
		if err != nil {
			return fmt.Errorf("reading the recipients: %w", err)
		}
		o.To = append(o.To, strings.Split(strings.TrimSpace(string(text)), "\n")...)
	}
	c, err := loadConfig(*config)
	if err != nil {
		return err
	}
	if *withKey {
		if c.KMS != nil {
			return errors.New("backup: the root key is in the key service and cannot be taken out: leave --with-root-key away, and back up the key service itself")
		}
		o.RootKeyFile = c.RootKeyFile
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error { return makeBackup(ctx, v, o, *file, out) })
}

// makeBackup writes the file beside its place first, so that under its name
// there is a whole backup or none.
func makeBackup(ctx context.Context, v *vault.Vault, o vault.BackupOptions, file string, out io.Writer) (err error) {
	if file == "-" {
		report, err := v.Backup(ctx, vault.Operator(), out, o)
		if err != nil {
			return fmt.Errorf("backing up: %w", err)
		}
		return tellBackup(os.Stderr, report, "to standard output")
	}
	if err := mayWrite(file, false); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".vaultd-*.part")
	if err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	report, err := v.Backup(ctx, vault.Operator(), f, o)
	if err != nil {
		return errors.Join(fmt.Errorf("backing up: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	if err := os.Link(f.Name(), file); err != nil { // unlike rename, never replaces
		return fmt.Errorf("writing the backup: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(file)); err == nil { // so that its name survives the loss of power, too
		err = errors.Join(dir.Sync(), dir.Close())
		if err != nil {
			return fmt.Errorf("writing the backup: %w", err)
		}
	}
	return tellBackup(out, report, "to "+file)
}

// tellBackup says what was made. Objects that are missing make it a failure,
// with a backup of all the rest.
func tellBackup(out io.Writer, r vault.BackupReport, where string) error {
	what := "the database and "
	if !r.Info.Whole() {
		what = ""
	}
	fmt.Fprintf(out, "backed up %s%d objects (%s) %s\n", what, r.Objects, bytesText(r.Bytes), where)
	fmt.Fprintf(out, "backup %s, made %s, %d bytes, SHA-256 %s\n", r.Info.ID, r.Info.MadeAt, r.Size, r.SHA256)
	if !r.Info.RootKey {
		fmt.Fprintln(out, "the root key is not in it: keep a copy of the key file apart, without it no photo can be opened")
	}
	return tellMissing(out, r)
}

func tellMissing(out io.Writer, r vault.BackupReport) error {
	if r.Lost == 0 {
		return nil
	}
	for _, m := range r.Missing {
		fmt.Fprintf(out, "missing: %s of photo %s\n", m.Name, m.Photo)
	}
	return fmt.Errorf("%d objects were absent or altered in the store and are not in the backup: run `vaultd fsck`", r.Lost)
}

// verifyBackupCommand reads a backup to its end and restores nothing.
func verifyBackupCommand(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("backup verify", flag.ContinueOnError)
	identity := flags.String("identity", "", "the age identity file that opens the backup")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 || *identity == "" {
		return fmt.Errorf("backup verify: name one backup and --identity FILE; %w", errUsage)
	}
	in, ids, err := openBackup(names[0], *identity)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := vault.VerifyBackup(in, ids, reporter("verified"))
	if err != nil {
		return fmt.Errorf("verifying the backup: %w", err)
	}
	what := fmt.Sprintf("the database (schema %d, %d events) and ", r.Info.Schema, r.Info.LogSize)
	if !r.Info.Whole() {
		what = ""
	}
	fmt.Fprintf(out, "the backup is whole: %s%d objects (%s) of tenant %s, made %s\n", what, r.Objects, bytesText(r.Bytes), r.Info.Tenant, r.Info.MadeAt)
	fmt.Fprintf(out, "backup %s, %d bytes, SHA-256 %s, root key inside: %v\n", r.Info.ID, r.Size, r.SHA256, r.Info.RootKey)
	return tellMissing(out, r)
}

// openBackup opens a backup, or standard input for -, and its identity.
func openBackup(file, identity string) (io.ReadCloser, vault.Identities, error) {
	ids, err := vault.OpenIdentities(identity)
	if err != nil {
		return nil, ids, err
	}
	if file == "-" {
		return io.NopCloser(os.Stdin), ids, nil
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, ids, fmt.Errorf("opening the backup: %w", err)
	}
	return in, ids, nil
}

func holdCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("backup hold", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	how := flags.Duration("for", 2*time.Hour, "how long nothing is deleted from the store")
	if err := parse(flags, args); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		id, until, err := v.PauseDeletions(ctx, vault.Operator(), *how)
		if err == nil {
			fmt.Fprintf(out, "nothing is deleted from the store until %s; copy the database first, then the objects\n", until)
			fmt.Fprintf(out, "end it with: vaultd backup release --config %s --hold %s\n", *config, id)
		}
		return err
	})
}

func releaseCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("backup release", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	id := flags.String("hold", "", "the ID that backup hold printed")
	if err := parse(flags, args); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		err := v.ResumeDeletions(ctx, vault.Operator(), vault.PauseID(*id))
		if errors.Is(err, vault.ErrNotFound) {
			return errors.New("there is no such hold, or it ran out: if it did before the objects were copied, copy again")
		}
		if err == nil {
			fmt.Fprintln(out, "deletions go on")
		}
		return err
	})
}

// reporter prints how far long work has come, on standard error, at most every
// two seconds.
func reporter(verb string) func(vault.BackupProgress) {
	last := time.Now()
	return func(p vault.BackupProgress) {
		if time.Since(last) < 2*time.Second {
			return
		}
		last = time.Now()
		of := ""
		if p.Of > 0 {
			of = fmt.Sprintf(" of %d", p.Of)
		}
		fmt.Fprintf(os.Stderr, "%s %d%s objects, %s\n", verb, p.Objects, of, bytesText(p.Bytes))
	}
}

// bytesText writes a size for a person.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d bytes", n)
}
