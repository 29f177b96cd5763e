package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// keysCommand is about the vault's keys. All but split and join may run next to
// the server, and the rotations are meant to.
func keysCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("keys: say status, rotate, forget, split or join; %w", errUsage)
	}
	switch args[0] {
	case "status":
		return keysStatus(ctx, args[1:], out)
	case "rotate":
		return keysRotate(ctx, args[1:], out)
	case "forget":
		return keysForget(ctx, args[1:], out)
	case "split":
		return keysSplit(args[1:], out)
	case "join":
		return keysJoin(args[1:], out)
	case "-h", "--help":
		return flag.ErrHelp
	}
	return fmt.Errorf("keys: there is no %q; say status, rotate, forget, split or join", args[0])
}

func keysStatus(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("keys status", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := parse(flags, args); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		s, err := v.KeysStatus(ctx, vault.Operator())
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(out).Encode(s)
		}
		return printKeys(out, s)
	})
}

// printKeys says in a few lines what a person wants to know of the keys.
func printKeys(out io.Writer, s vault.KeyStatus) error {
	fmt.Fprintf(out, "root key: version %d wraps, versions from %d unwrap\n", s.Root.Newest, s.Root.Oldest)
	for _, r := range s.Root.Versions {
		fmt.Fprintf(out, "  %d keys are under version %d\n", r.Keys, r.Version)
	}
	switch older := s.Root.Versions; {
	case s.Root.Unused():
		fmt.Fprintln(out, "  older versions are unused: `vaultd keys forget` gives them up")
	case len(older) > 0 && older[0].Version < s.Root.Newest:
		fmt.Fprintln(out, "  older versions are in use: `vaultd keys rotate root` wraps the rest anew")
	}
	fmt.Fprintf(out, "patients with a key: %d\n", s.Patients)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tEPOCH\tID\tSINCE\tSTATE")
	for _, e := range s.Epochs {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", e.Kind, e.Epoch, e.KeyID, e.CreatedAt, epochState(e))
	}
	for _, r := range s.Rotations {
		if r.FinishedAt == 0 {
			fmt.Fprintf(table, "rotation of %s\t\t\t%s\tNOT FINISHED, %d of %d done: ask for it again\n", r.Kind, r.StartedAt, r.Done, r.Total)
		}
	}
	return table.Flush()
}

func epochState(e vault.EpochStatus) string {
	switch {
	case e.DestroyedAt != 0:
		return "private half destroyed " + e.DestroyedAt.String()
	case e.RetiredAt != 0 && e.Waiting > 0:
		return fmt.Sprintf("retired %s, opens %d photos that wait", e.RetiredAt, e.Waiting)
	case e.RetiredAt != 0:
		return "retired " + e.RetiredAt.String() + ", opens what devices still have"
	}
	return "in use"
}

var rotations = []string{vault.RotateRoot, vault.RotateIntake, vault.RotateReceipt, vault.RotateCertificate, vault.RotateLog, vault.RotateDevice, vault.RotatePush,
	vault.RotatePatients, vault.RotatePatient}

func keysRotate(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || !slices.Contains(rotations, args[0]) && !strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("keys rotate: say which: %s; %w", strings.Join(rotations, ", "), errUsage)
	}
	kind := args[0]
	flags := flag.NewFlagSet("keys rotate "+kind, flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	patient := flags.String("patient", "", "the patient's ID, for keys rotate patient")
	forget := flags.Bool("forget", false, "give up older versions of the root key afterwards")
	shared := flags.Bool("shared-key-file", false, "all nodes read this very root key file, or there is one node")
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	if (*patient == "") != (kind != vault.RotatePatient) || *forget && kind != vault.RotateRoot {
		return fmt.Errorf("keys rotate: --patient belongs to patient, and --forget to root; %w", errUsage)
	}
	c, err := loadConfig(*config)
	if err != nil {
		return err
	}
	if kind == vault.RotateRoot && c.KMS == nil && c.Database != nil && !*shared {
		return errors.New("the root key is in a file and PostgreSQL may have other nodes, which could not open what is wrapped anew: " +
			"say --shared-key-file if all nodes read this file or this is the only one, or keep the root key in a key service (kms)")
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		if err := rotate(ctx, v, kind, vault.PatientID(*patient), out); err != nil || !*forget {
			return err
		}
		return forgetRoot(ctx, v, out)
	})
}

// rotate asks for a rotation and prints how it goes.
func rotate(ctx context.Context, v *vault.Vault, kind string, patient vault.PatientID, out io.Writer) error {
	start, before := time.Now(), int64(-1)
	p, err := v.RotateKeys(ctx, vault.Operator(), vault.Rotation{Kind: kind, Patient: patient, Progress: func(p vault.RotationProgress) {
		if before < 0 {
			before = p.Done
		}
		fmt.Fprintf(out, "%s: %d of %d, %.0f a second\n", p.Kind, p.Done, p.Total, float64(p.Done-before)/max(time.Since(start).Seconds(), 0.001))
	}})
	if p.Resumed {
		fmt.Fprintln(out, "this went on with a rotation that was begun before")
	}
	switch {
	case errors.Is(err, vault.ErrUnavailable), errors.Is(err, context.Canceled):
		return fmt.Errorf("stopped after %d of %d, nothing is lost; ask again to go on: %w", p.Done, p.Total, err)
	case err != nil:
		return err
	}
	fmt.Fprintf(out, "%s: done, %d in %.1f s\n", kind, p.Done, time.Since(start).Seconds())
	switch kind {
	case vault.RotateRoot:
		fmt.Fprintln(out, "older versions are unused now; `vaultd keys forget` gives them up. Make a new copy of the root key file, or new shares")
	case vault.RotateIntake:
		fmt.Fprintln(out, "the old key goes on opening what devices have queued and is destroyed when the grace is over")
	case vault.RotateDevice:
		fmt.Fprintln(out, "certificates of devices that the old authority signed count until they end, at most seven days")
	case vault.RotatePush:
		fmt.Fprintln(out, "each browser that is told of notices must be switched on again, on its Notices page")
	case vault.RotateLog, vault.RotateCertificate:
		fmt.Fprintln(out, "give the new public key to whoever checks with one from outside: GET /api/v1/keys")
	}
	return nil
}

func keysForget(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("keys forget", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	if err := parse(flags, args); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error { return forgetRoot(ctx, v, out) })
}

func forgetRoot(ctx context.Context, v *vault.Vault, out io.Writer) error {
	if err := v.ForgetRoot(ctx, vault.Operator()); err != nil {
		return err
	}
	fmt.Fprintln(out, "older versions of the root key are given up. Backups of the database from before the rotation need them:\n"+
		"keep a copy of the old root key file, apart, as long as such backups are kept, and destroy it with them")
	return nil
}
