package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/clinivault/clinivault/vault"
)

// scimCommand lets directories in that bring people over SCIM, and ends them.
func scimCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("scim: say token, list or end; %w", errUsage)
	}
	flags := flag.NewFlagSet("scim "+args[0], flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	name := flags.String("name", "", "what the directory is called here")
	file := flags.String("out", "", "a new file for the token, mode 0600")
	id := flags.String("id", "", "the directory's ID, as list prints it")
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "token":
		return scimToken(ctx, *config, *name, *file, out)
	case "list":
		return operate(ctx, *config, out, func(v *vault.Vault) error { return listDirectories(ctx, v, out) })
	case "end":
		return operate(ctx, *config, out, func(v *vault.Vault) error {
			err := v.EndProvisioner(ctx, vault.Operator(), vault.ProvisionerID(*id))
			if err == nil {
				fmt.Fprintf(out, "directory %s is out; the people it brought in stay\n", *id)
			}
			return err
		})
	}
	return fmt.Errorf("scim: there is no %q; say token, list or end", args[0])
}

// scimToken makes a token and writes it where only the operator reads it: the file is made first, so that no token is
// lost for want of a place.
func scimToken(ctx context.Context, config, name, file string, out io.Writer) (err error) {
	if name == "" || file == "" {
		return fmt.Errorf("scim token: give --name and --out; %w", errUsage)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making the file for the token: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(file))
		}
	}()
	return operate(ctx, config, out, func(v *vault.Vault) error {
		id, token, err := v.AddProvisioner(ctx, vault.Operator(), name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(f, token.Reveal()); err != nil {
			return errors.Join(fmt.Errorf("writing the token: %w", err), v.EndProvisioner(ctx, vault.Operator(), id))
		}
		fmt.Fprintf(out, "directory %s may bring people in at /scim/v2; its token is in %s\n", id, file)
		return f.Sync()
	})
}

func listDirectories(ctx context.Context, v *vault.Vault, out io.Writer) error {
	all, err := v.Provisioners(ctx, vault.Operator())
	if err != nil {
		return err
	}
	for _, p := range all {
		state := "last used " + p.SeenAt.String()
		switch {
		case p.EndedAt != 0:
			state = "ended " + p.EndedAt.String()
		case p.SeenAt == 0:
			state = "never used"
		}
		fmt.Fprintf(out, "%s  %s  since %s, %s\n", p.ID, p.Name, p.CreatedAt, state)
	}
	return nil
}
