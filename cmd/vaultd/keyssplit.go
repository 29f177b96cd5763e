package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// keysSplit writes the shares of the root key file, each into a file of its own
// that only this user can read. Nothing is replaced.
func keysSplit(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("keys split", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file, which says where the root key file is")
	shares := flags.Int("shares", 0, "how many shares to make")
	threshold := flags.Int("threshold", 0, "how many of them bring the root key back")
	dir := flags.String("out", "", "a folder for the shares")
	if err := parse(flags, args); err != nil {
		return err
	}
	c, err := loadConfig(*config)
	if err != nil {
		return err
	}
	if c.KMS != nil {
		return errors.New("the root key is in a key service and never leaves it: split the unseal keys of that service instead")
	}
	if *dir == "" {
		return fmt.Errorf("keys split: name a folder with --out; %w", errUsage)
	}
	made, err := vault.SplitKeyFile(c.RootKeyFile, *shares, *threshold)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return fmt.Errorf("making the folder for the shares: %w", err)
	}
	for _, s := range made { // all or none
		if err := mayWrite(filepath.Join(*dir, s.Name), false); err != nil {
			return err
		}
	}
	for _, s := range made {
		if err := publish(filepath.Join(*dir, s.Name), s.Text, false, nil); err != nil {
			return err
		}
		fmt.Fprintf(out, "wrote %s\n", filepath.Join(*dir, s.Name))
	}
	fmt.Fprintf(out, "any %d of these %d bring the root key file back (`vaultd keys join`), fewer tell nothing.\n"+
		"Give each to another person, on paper or on a medium of its own, and delete this folder.\n"+
		"After a rotation of the root key make new ones: these only hold the versions of today.\n", *threshold, *shares)
	return nil
}

// keysJoin brings the root key file back. It never replaces one.
func keysJoin(args []string, out io.Writer) error {
	var files []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		files, args = append(files, args[0]), args[1:]
	}
	flags := flag.NewFlagSet("keys join", flag.ContinueOnError)
	to := flags.String("out", "", "where to write the root key file")
	if err := parse(flags, args); err != nil {
		return err
	}
	if len(files) == 0 || *to == "" {
		return fmt.Errorf("keys join: name the shares' files, then --out FILE; %w", errUsage)
	}
	var shares []vault.KeyShare
	for _, f := range files {
		text, err := readBounded(f, 1<<20)
		if err != nil {
			return fmt.Errorf("reading a share: %w", err)
		}
		shares = append(shares, vault.KeyShare{Name: f, Text: text})
	}
	text, err := vault.JoinKeyShares(shares)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := os.MkdirAll(filepath.Dir(*to), 0o700); err != nil {
		return fmt.Errorf("making the folder of the root key file: %w", err)
	}
	if err := publish(*to, text, false, nil); err != nil {
		return err
	}
	fmt.Fprintf(out, "the root key file is back in %s\n", *to)
	return nil
}
