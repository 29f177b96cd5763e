package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/clinivault/clinivault/vault"
)

const maxErasureFile = 16 << 20

// verifyErasureCommand checks the certificate of an erasure, without a vault or
// a network, and tells what it says. It exits with 2 when it does not hold.
func verifyErasureCommand(_ context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("verify-erasure", flag.ContinueOnError)
	key := flags.String("key", "", "the public key of certificates, from a source other than the certificate")
	logKey := flags.String("log-key", "", "the log's verifier key, from a source other than the certificate")
	keys := flags.String("keys", "", "a file with all public keys, as the service gives them at /api/v1/keys, in place of both")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return fmt.Errorf("verify-erasure: name one certificate; %w", errUsage)
	}
	trust, err := trustOf(*key, *logKey, *keys)
	if err != nil {
		return fmt.Errorf("verify-erasure: %w", err)
	}
	text, err := readBounded(names[0], maxErasureFile)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	c, err := vault.VerifyErasure(text, trust)
	if err != nil {
		return notVerified("the certificate does not hold: %w", err)
	}
	return tellErasure(out, c)
}

// tellErasure prints what a checked certificate says, and what it does not.
func tellErasure(out io.Writer, c vault.VerifiedErasure) error {
	fmt.Fprintf(out, "certificate   version %d, signed with key %s, unchanged\n", c.Version, c.KeyID)
	fmt.Fprintf(out, "erased        %s, %d photos; pseudonym %s\n", subjectOf(c), c.Photos, c.Pseudonym)
	fmt.Fprintf(out, "keys          destroyed at %s, event %d of %s\n", c.DestroyedAt, c.DestroyedIn, c.LogOrigin)
	fmt.Fprintf(out, "log           this certificate is event %d; the log of %d events was signed at %s\n", c.LogPosition, c.LogSize, c.SignedAt)
	gone := 0
	for _, o := range c.Objects {
		if o.Reached {
			gone++
			continue
		}
		fmt.Fprintf(out, "not reached   %s of photo %s: %s%s\n", o.What, o.Photo, o.Why, lockedText(o.LockedUntil))
	}
	fmt.Fprintf(out, "objects       %d of %d deleted from the store\n", gone, len(c.Objects))
	taken := 0
	for _, x := range c.Copies {
		if x.Reached {
			taken++
			continue
		}
		fmt.Fprintf(out, "not reached   copy in the %s chart, attachment %s: %s\n", x.Chart, x.Attachment, x.Why)
	}
	fmt.Fprintf(out, "charts        %d of %d copies retracted\n", taken, len(c.Copies))
	fmt.Fprintf(out, "backups       may hold the wrapped key until %s\n", c.BackupsUntil)
	for _, n := range c.Notes {
		fmt.Fprintf(out, "note          %s\n", n)
	}
	if c.OwnKey {
		fmt.Fprintln(out, "note          the key was taken from the certificate itself: compare it with the published one, or pass --key or --keys")
	}
	if c.OwnLogKey {
		fmt.Fprintln(out, "note          so was the log's: pass --log-key")
	}
	_, err := fmt.Fprintln(out, "VERIFIED")
	return err
}

func subjectOf(c vault.VerifiedErasure) string {
	if c.Subject == "photo" {
		return "photo " + string(c.Photo)
	}
	return "a patient with everything"
}

func lockedText(until vault.Time) string {
	if until == 0 {
		return ""
	}
	return " (locked until " + until.String() + ")"
}
