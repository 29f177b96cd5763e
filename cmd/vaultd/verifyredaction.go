package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

const maxCertificateFile = 1 << 20

// redactionCheck is one verification of a redaction.
type redactionCheck struct {
	pool *imaging.Pool
	out  io.Writer
	file []byte
	cert vault.Verified
}

// verifyRedactionCommand checks a redacted picture against its certificate,
// without a vault or a network. It exits with 2 when something does not hold.
func verifyRedactionCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("verify-redaction", flag.ContinueOnError)
	key := flags.String("key", "", "the public key of certificates, from a source other than the certificate")
	logKey := flags.String("log-key", "", "the log's verifier key, from a source other than the certificate")
	keys := flags.String("keys", "", "a file with all public keys, as the service gives them at /api/v1/keys, in place of both")
	original := flags.String("original", "", "the picture before redaction: proves that nothing else changed")
	salt := flags.String("salt", "", "the salt of the original: proves that this was the original")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 2 || (*salt != "" && *original == "") {
		return fmt.Errorf("verify-redaction: name the picture and its certificate, and --salt only with --original; %w", errUsage)
	}
	trust, err := trustOf(*key, *logKey, *keys)
	if err != nil {
		return fmt.Errorf("verify-redaction: %w", err)
	}
	c := &redactionCheck{out: out}
	if c.pool, err = newPool(); err != nil {
		return err
	}
	text, err := readBounded(names[1], maxCertificateFile)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	if c.file, err = readPicture(names[0]); err != nil {
		return fmt.Errorf("reading the picture: %w", err)
	}
	if c.cert, err = vault.VerifyCertificate(text, trust); err != nil {
		return notVerified("the certificate does not hold: %w", err)
	}
	if err := c.picture(ctx); err != nil {
		return err
	}
	if err := c.compare(ctx, *original, *salt); err != nil {
		return err
	}
	c.remarks()
	_, err = fmt.Fprintln(out, "VERIFIED")
	return err
}

// notVerified is the outcome that exits with 2.
func notVerified(format string, args ...any) error {
	return &statusError{statusRefused, fmt.Errorf("NOT VERIFIED: "+format, args...)}
}

// picture checks the redacted file: that it is the one, that it is clean, and
// that the masks are solid. It goes through gate and child first, which bound it.
func (c *redactionCheck) picture(ctx context.Context) error {
	if !c.cert.Fits(c.file) {
		return notVerified("the picture is not the one that the certificate is about, or was changed")
	}
	if _, err := c.pool.Read(ctx, c.file); err != nil {
		return notVerified("the picture cannot be read: %w", err)
	}
	if err := imaging.Verify(c.file); err != nil {
		return notVerified("the picture carries more than a picture: %w", err)
	}
	if err := imaging.ProveMasked(c.file, c.cert.Masked); err != nil {
		return notVerified("the masks do not hold: %w", err)
	}
	fmt.Fprintf(c.out, "certificate   signed with key %s, unchanged\n", c.cert.KeyID)
	fmt.Fprintf(c.out, "picture       the one that the certificate is about; nothing in the file but the picture\n")
	fmt.Fprintf(c.out, "masks         %d, each solid and of whole coded units\n", len(c.cert.Masked))
	if c.cert.InLog {
		fmt.Fprintf(c.out, "log           the release is event %d of %s; the log of %d events was signed at %s\n",
			c.cert.LogPosition, c.cert.LogOrigin, c.cert.LogSize, c.cert.SignedAt)
	} else {
		fmt.Fprintf(c.out, "log           none: made by `vaultd redact`, not released by a vault\n")
	}
	return nil
}

// compare proves against the original, when there is one, that nothing outside
// the masks changed. The original may be the vault's or the camera's file.
func (c *redactionCheck) compare(ctx context.Context, path, salt string) error {
	if path == "" {
		fmt.Fprintf(c.out, "rest          not compared: --original proves that nothing else changed\n")
		return nil
	}
	data, err := readPicture(path)
	if err != nil {
		return fmt.Errorf("reading the original: %w", err)
	}
	read, err := c.pool.Read(ctx, data)
	if err != nil {
		return notVerified("the original cannot be read: %w", err)
	}
	originals := [][]byte{read.Still.Bytes()}
	if imaging.Verify(data) == nil {
		originals = append(originals, data)
	}
	err = errors.New("no original")
	for _, o := range originals {
		if err = imaging.ProveFiles(o, c.file, c.cert.Masked); err != nil {
			continue
		}
		if from := read.Still.Converted(); from != "" {
			fmt.Fprintf(c.out, "note          the original is %s; compared is what it becomes as clean JPEG\n", from)
		}
		return c.identify(o, salt)
	}
	return notVerified("compared with the original: %w", err)
}

// identify says what the original proves, and checks the salt.
func (c *redactionCheck) identify(original []byte, salt string) error {
	if salt == "" {
		fmt.Fprintf(c.out, "rest          identical to this original, coefficient by coefficient (--salt proves that it was this file)\n")
		return nil
	}
	if !c.cert.Original.Opens(salt, original) {
		return notVerified("the certificate is not about this original, or the salt is another's")
	}
	fmt.Fprintf(c.out, "rest          identical to this original, which the certificate is about, coefficient by coefficient\n")
	return nil
}

// remarks are what a reader of the result must know.
func (c *redactionCheck) remarks() {
	switch {
	case c.cert.Forced:
		fmt.Fprintf(c.out, "note          the reviewer let stay visible what the detectors see in %d places\n", len(c.cert.Residual))
	case len(c.cert.Residual) > 0:
		fmt.Fprintf(c.out, "note          the detectors still see something in %d places\n", len(c.cert.Residual))
	}
	if c.cert.OwnKey {
		fmt.Fprintln(c.out, "note          the key was taken from the certificate itself: compare it with the published one, or pass --key or --keys")
	}
	if c.cert.OwnLogKey {
		fmt.Fprintln(c.out, "note          so was the log's: pass --log-key")
	}
}
