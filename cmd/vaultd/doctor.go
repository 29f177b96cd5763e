package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// check is one question the doctor asks. advice says what to do when the answer is no.
type check struct {
	name   string
	advice string
	ask    func() (string, error)
}

// doctorCommand checks one thing after the other and says what to do about
// what is wrong. It may run next to the server.
func doctorCommand(ctx context.Context, args []string, out io.Writer) error {
	c, err := configFlag("doctor", args)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ok    configuration: read, no unknown field")
	bad := 0
	var p *parts
	checks := []check{
		{"data folder", "make it writable by this user alone: chmod 700", func() (string, error) { return checkData(c) }},
		{"root key", "restore the key file from its copy; without it no photo can be opened", func() (string, error) { return checkRootKey(c) }},
		{"database and keys", "see the message; `vaultd migrate` brings an older database up", func() (string, error) {
			var err error
			p, err = openParts(ctx, c, newLog(c.LogFormat, io.Discard), true)
			return "opened, schema and root key fit", err
		}},
		{"parts", "start the database and the store, and check their addresses and secrets", func() (string, error) {
			if p == nil || p.vault == nil {
				return "", errors.New("not asked: the vault did not open")
			}
			return "database, store and key service answer", p.vault.Ping(ctx)
		}},
		{"audit log", "keep the database as it is and call the privacy officer: the log was changed outside the vault", func() (string, error) { return checkLog(ctx, p) }},
		{"clock", "set the clock (NTP): events must not go back in time", func() (string, error) { return checkClock(ctx, p) }},
		{"limited child", "processes of this user must be allowed to start and to set resource limits", func() (string, error) { return checkChild(ctx) }},
	}
	for _, ch := range checks {
		detail, err := ch.ask()
		if err != nil {
			bad++
			fmt.Fprintf(out, "WRONG %s: %v\n      %s\n", ch.name, err, ch.advice)
			continue
		}
		fmt.Fprintf(out, "ok    %s: %s\n", ch.name, detail)
	}
	if p != nil {
		if err := p.close(); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks found something wrong", bad, len(checks)+1)
	}
	return nil
}

func checkData(c *Config) (string, error) {
	info, err := os.Stat(c.Data)
	if errors.Is(err, os.ErrNotExist) {
		return "not there yet; the first start makes it", nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others can look into it (mode %04o)", info.Mode().Perm())
	}
	f, err := os.CreateTemp(c.Data, ".doctor-*")
	if err != nil {
		return "", fmt.Errorf("cannot write: %w", err)
	}
	return "private and writable", errors.Join(f.Close(), os.Remove(f.Name()))
}

func checkRootKey(c *Config) (string, error) {
	if _, err := os.Stat(c.RootKeyFile); errors.Is(err, os.ErrNotExist) {
		driver, dsn, err := c.dsn()
		if err != nil {
			return "", err
		}
		if exists(dsn, driver) {
			return "", errors.New("the database is there and its root key is not")
		}
		return "not there yet; the first start makes it", nil
	}
	_, err := vault.OpenKeyFile(c.RootKeyFile, false)
	return "present, mode 0600", err
}

func checkLog(ctx context.Context, p *parts) (string, error) {
	if p == nil || p.vault == nil {
		return "", errors.New("not asked: the vault did not open")
	}
	v, err := p.vault.VerifyLog(ctx, vault.Operator())
	if err != nil {
		return "", err
	}
	if !v.OK {
		return "", errors.New(v.Problem)
	}
	return fmt.Sprintf("%d events verify", v.Size), nil
}

// checkClock compares the clock with the youngest event of the log.
func checkClock(ctx context.Context, p *parts) (string, error) {
	if p == nil || p.vault == nil {
		return "", errors.New("not asked: the vault did not open")
	}
	events, err := p.vault.AuditRecent(ctx, vault.Operator(), 0, 1)
	if err != nil {
		return "", err
	}
	now := time.Now()
	if len(events) > 0 && now.Add(5*time.Second).Before(events[0].At.Std()) {
		return "", fmt.Errorf("it is %s behind the log", events[0].At.Std().Sub(now).Round(time.Second))
	}
	return now.UTC().Format(time.RFC3339) + ", not behind the log", nil
}

// checkChild has the limited child read a small picture.
func checkChild(ctx context.Context) (string, error) {
	command, err := childCommand()
	if err != nil {
		return "", err
	}
	pool, err := imaging.NewPool(imaging.PoolConfig{Command: command, Limits: imaging.DefaultLimits(), Size: 1})
	if err != nil {
		return "", err
	}
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		return "", err
	}
	if _, err := pool.Read(ctx, picture.Bytes()); err != nil {
		return "", err
	}
	return "starts, limits itself and reads a picture", nil
}
