package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

const tellEvery = 2 * time.Second // between looks into the outbox of witnesses

func witnessCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("witness: say status, accept-rollback, key or serve; %w", errUsage)
	}
	switch args[0] {
	case "status":
		return witnessStatus(ctx, args[1:], out)
	case "accept-rollback":
		return acceptRollback(ctx, args[1:], out)
	case "key":
		return witnessKey(args[1:], out)
	case "serve":
		return witnessServe(ctx, args[1:], out)
	}
	return fmt.Errorf("witness: there is no %q; say status, accept-rollback, key or serve", args[0])
}

// witnessStatus says how far each witness has the log.
func witnessStatus(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("witness status", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	if err := parse(flags, args); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		states, err := v.Witnesses(ctx, vault.Operator())
		if err != nil {
			return err
		}
		if len(states) == 0 {
			fmt.Fprintln(out, `no witness is configured ("witness" in the configuration): nobody outside keeps checkpoints`)
		}
		late := 0
		for _, s := range states {
			fmt.Fprintf(out, "%s %s: has %d events, %d checkpoints wait", s.Name, s.Place, s.Covered, s.Waiting)
			if s.Waiting > 0 {
				fmt.Fprintf(out, ", the oldest of %s", s.Since)
			}
			if s.LastError != "" {
				fmt.Fprintf(out, "; failed %d times: %s", s.Attempts, s.LastError)
			}
			fmt.Fprintln(out)
			if !s.OK {
				late++
			}
		}
		if late > 0 {
			return fmt.Errorf("%d of %d witnesses lag behind", late, len(states))
		}
		return nil
	})
}

// acceptRollback opens a database that is older than its witness, once, with
// the operator's reason on the record.
func acceptRollback(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("witness accept-rollback", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	reason := flags.String("reason", "", "why the older database is meant, such as: restored after the disk failed")
	if err := parse(flags, args); err != nil {
		return err
	}
	if strings.TrimSpace(*reason) == "" {
		return fmt.Errorf("witness accept-rollback: give --reason; %w", errUsage)
	}
	c, err := loadConfig(*config)
	if err != nil {
		return err
	}
	c.acceptRollback = *reason
	p, err := openParts(ctx, c, newLog(c.LogFormat, os.Stderr), false)
	if err != nil {
		return closing(p, err)
	}
	if err = closing(p, p.vault.Checkpoint(ctx, vault.Operator())); err == nil {
		fmt.Fprintln(out, "noted: where a witness holds later checkpoints, the log says now that the database was put back; what was lost is between")
	}
	return err
}

// witnessKey makes the private key of a witness.
func witnessKey(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("witness key", flag.ContinueOnError)
	path := flags.String("out", "", "the file to make, mode 0600")
	name := flags.String("name", "", "the witness's name in its signatures, such as archive.example.org/witness")
	if err := parse(flags, args); err != nil {
		return err
	}
	seed := vault.NewWitnessKey()
	f, err := os.OpenFile(*path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s %s\n", *name, base64.StdEncoding.EncodeToString(seed))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the key file: %w", err)
	}
	fmt.Fprintln(out, "made", *path)
	return nil
}

// witnessServe watches logs for others.
func witnessServe(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("witness serve", flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:8446", "host:port; away from this machine it needs --cert and --cert-key")
	dir := flags.String("dir", "", "the folder that keeps what was seen")
	key := flags.String("key", "", "the file that `witness key` made")
	cert := flags.String("cert", "", "certificate chain, PEM")
	certKey := flags.String("cert-key", "", "its private key, PEM")
	var logs []string
	flags.Func("log-key", "verifier key of a log to watch; may be given several times", func(s string) error {
		logs = append(logs, s)
		return nil
	})
	if err := parse(flags, args); err != nil {
		return err
	}
	secret, err := readSecret(*key)
	if err != nil {
		return err
	}
	name, text, _ := strings.Cut(secret, " ")
	seed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(seed) == 0 || *dir == "" {
		return fmt.Errorf("witness serve: --dir names a folder and --key a file that `vaultd witness key` made; %w", errUsage)
	}
	server, err := vault.OpenWitnessServer(vault.WitnessServerConfig{Dir: *dir, Name: name, Seed: seed, Logs: logs})
	if err != nil {
		return err
	}
	c := &Config{Listen: *address}
	if *cert != "" {
		c.TLS = &TLSConfig{CertFile: *cert, KeyFile: *certKey}
	} else if !c.loopback() {
		return errors.New("witness serve: away from this machine it needs --cert and --cert-key")
	}
	listener, err := listen(ctx, c, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "watching on %s\nverifier key of this witness: %s\n", baseAddress(c, listener), server.VerifierKey())
	return answer(ctx, &http.Server{Handler: server}, listener)
}
