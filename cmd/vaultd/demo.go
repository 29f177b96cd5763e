package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/clinivault/clinivault/vault"
)

// demoCommand serves with made-up people and patients. The accounts' passwords
// are random, made at the first start, and kept beside the demo's data so that
// the next start can show them again. It is for trying out: such a file does
// not belong near real patients.
func demoCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	addr := flags.String("addr", "", "address to serve on, default "+defaultListen)
	data := flags.String("data", filepath.Join(".data", "demo"), "folder of the demo's data")
	config := flags.String("config", "", "a configuration file to start from")
	if err := parse(flags, args); err != nil {
		return err
	}
	c, err := demoConfig(*config, *addr, *data)
	if err != nil {
		return err
	}
	c.demoSignIn()
	c.demoUplink()
	return serve(ctx, c, out, func(base string, p *parts) error {
		commands := *config
		if commands == "" {
			if commands, err = demoCommands(c); err != nil {
				return fmt.Errorf("writing the demo's configuration: %w", err)
			}
		}
		file := filepath.Join(c.Data, "demo-accounts.json")
		accounts, err := demoAccounts(ctx, p.vault, file)
		if err != nil {
			return fmt.Errorf("making the demo accounts: %w", err)
		}
		bands := filepath.Join(c.Data, "demo-wristbands.html")
		if err := writeBands(bands); err != nil {
			return fmt.Errorf("drawing the demo's wristbands: %w", err)
		}
		if c.SignIn.PasswordOnly {
			base = byName(base)
		}
		c.sayUplink(out)
		return welcome(out, base, welcomeFiles{file, bands, commands}, accounts, c.SignIn.PasswordOnly, len(p.deliver.Targets()) > 0)
	})
}

func demoConfig(config, addr, data string) (*Config, error) {
	if config != "" {
		return loadConfig(config)
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]string{"listen": addr, "data": data})
	if err != nil {
		return nil, err
	}
	return parseConfig(text, dir)
}

// demoSignIn lets the demo's accounts in by their passwords alone, where nobody else can reach it and the configuration
// does not say otherwise.
func (c *Config) demoSignIn() {
	if c.SignIn == nil {
		c.SignIn = &SignInConfig{PasswordOnly: c.loopback()}
	}
}

// byName is the address with the name of this machine's loopback: a passkey belongs to a name.
func byName(base string) string {
	scheme, rest, _ := strings.Cut(base, "://")
	if _, port, err := net.SplitHostPort(rest); err == nil {
		return scheme + "://" + net.JoinHostPort("localhost", port)
	}
	return base
}

// demoCommands writes the configuration that the other commands need on the demo's data, and names its file.
func demoCommands(c *Config) (string, error) {
	text, err := json.Marshal(map[string]any{"listen": c.Listen, "data": ".", // the folder that the file is in
		"sign_in": map[string]bool{"password_only": c.SignIn != nil && c.SignIn.PasswordOnly}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(c.Data, "demo.json")
	return file, publish(file, append(text, '\n'), true, nil)
}

// demoAccounts seeds the demo and returns the accounts with their passwords,
// from this start or from the first.
func demoAccounts(ctx context.Context, v *vault.Vault, file string) ([]vault.DemoAccount, error) {
	var accounts []vault.DemoAccount
	text, err := os.ReadFile(file)
	if err == nil {
		return accounts, json.Unmarshal(text, &accounts)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if accounts, err = v.SeedDemo(ctx, vault.Operator()); err != nil {
		return nil, err
	}
	if text, err = json.MarshalIndent(accounts, "", "  "); err != nil {
		return nil, err
	}
	return accounts, publish(file, text, true, nil) // whole or not there: half a file would keep the demo from starting
}

// welcomeFiles are those that the welcome names.
type welcomeFiles struct{ accounts, bands, config string }

func welcome(out io.Writer, base string, files welcomeFiles, accounts []vault.DemoAccount, passwordOnly, chart bool) error {
	fmt.Fprintf(out, "\nClinivault is running at  %s\n\nDemo accounts:\n", base)
	w := tabwriter.NewWriter(out, 0, 4, 3, ' ', 0)
	for _, a := range accounts {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", a.Login, a.Password, a.Note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprint(out, `
Three things to try:
  1. Sign in as the clinician, scan a wristband or pick a patient, and take a photo (the browser asks for the camera).
  2. Sign in as the reviewer (another browser profile or after signing out): the photo waits with
     proposed boxes; press ? for the keys, A to approve.
  3. Sign in as the privacy officer: see who saw what, press Verify, download the log and check it with
     .build/vaultd verify-audit FILE
`)
	if chart {
		fmt.Fprintln(out, "And with the chart: sign in as records, press Attach; attached means that each chart gave back the same bytes.")
	} else {
		fmt.Fprintln(out, "No chart is configured: `make run-stack` starts a DICOM archive and a FHIR server to attach to.")
	}
	if passwordOnly {
		fmt.Fprintln(out, "The demo lets people in by password alone (only on this machine); add a passkey or an app on the account page.")
	} else {
		fmt.Fprintln(out, "After the password the first sign-in asks for a second factor: a passkey, or an authenticator app.")
	}
	fmt.Fprintln(out, "\nThe accounts are also in", files.accounts)
	fmt.Fprintln(out, "Wristbands to print, or to hold before the camera on another screen:", files.bands)
	fmt.Fprintln(out, "Commands on this data take  --config", files.config)
	fmt.Fprintln(out, "Stop with Ctrl-C; the next start continues with the same data.")
	return nil
}
