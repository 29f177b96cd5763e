package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
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
	d := &doctor{c: c, patience: uplinkPatience}
	bad := 0
	checks := d.checks(ctx)
	for _, ch := range checks {
		detail, err := ch.ask()
		if err != nil {
			bad++
			fmt.Fprintf(out, "WRONG %s: %v\n      %s\n", ch.name, err, ch.advice)
			continue
		}
		fmt.Fprintf(out, "ok    %s: %s\n", ch.name, detail)
	}
	if d.p != nil {
		if err := d.p.close(); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks found something wrong", bad, len(checks)+1)
	}
	return nil
}

// doctor changes nothing: what the first start makes, it leaves to that.
type doctor struct {
	c    *Config
	p    *parts    // nil until the vault is open
	last time.Time // of the youngest signed checkpoint

	patience time.Duration // for the uplink's answer
}

const notYet = "not there yet; the first start makes it"

func (d *doctor) checks(ctx context.Context) []check {
	return []check{
		{"data folder", "make it writable by this user alone: chmod 700", d.data},
		{"root key", "restore the key file from its copy, or start and unseal the key service; without it no photo can be opened",
			func() (string, error) { return d.rootKey(ctx) }},
		{"second opinion", "name the weights and their SHA-256 as they are, or leave second_opinion out: the server does not start with others", d.opinion},
		{"database file", "stop the server and restore the last backup", func() (string, error) { return d.databaseFile(ctx) }},
		{"database and keys", "see the message; `vaultd migrate` brings an older database up", func() (string, error) { return d.open(ctx) }},
		{"parts", "start the database and the store, and check their addresses and secrets", d.asked(func() (string, error) {
			return "database, store and key service answer", d.p.vault.Ping(ctx)
		})},
		{"store", "mount or name the store of this vault, or restore the last backup", d.asked(func() (string, error) {
			return "holds what the database names, as far as a sample tells", d.p.vault.StoreFits(ctx, vault.Operator())
		})},
		{"audit log", "keep the database as it is and call the privacy officer: the log was changed outside the vault",
			d.asked(func() (string, error) { return d.log(ctx) })},
		{"witness", "see whether each witness can be reached and what it says: `vaultd witness status`", d.asked(func() (string, error) { return d.witness(ctx) })},
		{"hospital sign-in", "see whether the provider answers at \"issuer\", and set the clocks (NTP); while it is down only emergency accounts sign in",
			func() (string, error) { return d.oidc(ctx) }},
		{"certificate", "have it renewed for all names under which this server is opened, and put chain and key in the place of the old; a running server shows them within seconds (at once: kill -HUP)",
			d.certificate},
		{"uplink", "see the service's log, free the port or name another in \"uplink\", and restart; firewalls must let UDP to it through, both ways; until then devices send over HTTPS",
			func() (string, error) { return d.uplink(ctx) }},
		{"clock", "set the clock (NTP): events must not go back in time", d.asked(d.clock)},
		{"limited child", "processes of this user must be allowed to start and to set resource limits", func() (string, error) { return checkChild(ctx) }},
	}
}

// fresh reports whether there is neither a database file nor a key yet.
func (d *doctor) fresh() bool {
	_, dsn, err := d.c.dsn()
	if err != nil || d.c.Database != nil {
		return false
	}
	_, noDatabase := os.Stat(dsn)
	_, noKey := os.Stat(d.c.RootKeyFile)
	return errors.Is(noDatabase, os.ErrNotExist) && errors.Is(noKey, os.ErrNotExist)
}

// asked is a check that needs the open vault.
func (d *doctor) asked(ask func() (string, error)) func() (string, error) {
	return func() (string, error) {
		switch {
		case d.fresh():
			return notYet, nil
		case d.p == nil || d.p.vault == nil:
			return "", errors.New("not asked: the vault did not open")
		}
		return ask()
	}
}

func (d *doctor) opinion() (string, error) {
	if d.c.SecondOpinion == nil {
		return "none is configured", nil
	}
	_, err := d.c.newPool()
	return "the weights are those named and can be run", err
}

func (d *doctor) open(ctx context.Context) (string, error) {
	if d.fresh() {
		return notYet, nil
	}
	var err error
	d.p, err = openParts(ctx, d.c, newLog(d.c.LogFormat, io.Discard), true)
	return "opened, schema and root key fit", err
}

// databaseFile has SQLite check every page, however large the file is.
func (d *doctor) databaseFile(ctx context.Context) (string, error) {
	if d.c.Database != nil {
		return "PostgreSQL keeps it", nil
	}
	_, path, err := d.c.dsn()
	if err != nil {
		return "", err
	}
	return "its pages are sound", vault.CheckDatabase(ctx, path, math.MaxInt64)
}

func (d *doctor) data() (string, error) {
	info, err := os.Stat(d.c.Data)
	if errors.Is(err, os.ErrNotExist) {
		return notYet, nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others can look into it (mode %04o)", info.Mode().Perm())
	}
	f, err := os.CreateTemp(d.c.Data, ".doctor-*")
	if err != nil {
		return "", fmt.Errorf("cannot write: %w", err)
	}
	return "private and writable", errors.Join(f.Close(), os.Remove(f.Name()))
}

func (d *doctor) rootKey(ctx context.Context) (string, error) {
	if d.fresh() && d.c.KMS == nil {
		return notYet, nil
	}
	return d.c.checkKMS(ctx)
}

func (d *doctor) log(ctx context.Context) (string, error) {
	v, err := d.p.vault.VerifyLog(ctx, vault.Operator())
	if err != nil {
		return "", err
	}
	if !v.OK {
		return "", errors.New(v.Problem)
	}
	d.last = v.LastCheckpoint.Std()
	return fmt.Sprintf("%d events verify", v.Size), nil
}

// witness asks how far the log's witnesses are behind.
func (d *doctor) witness(ctx context.Context) (string, error) {
	states, err := d.p.vault.Witnesses(ctx, vault.Operator())
	if err != nil {
		return "", err
	}
	for _, s := range states {
		if !s.OK {
			return "", fmt.Errorf("%s lacks %d checkpoints since %s: %s", s.Place, s.Waiting, s.Since, s.LastError)
		}
	}
	if len(states) == 0 {
		return "none configured: nobody outside keeps checkpoints of the log", nil
	}
	return fmt.Sprintf("%d, none late", len(states)), nil
}

// clock compares the clock with the youngest checkpoint of the log.
func (d *doctor) clock() (string, error) {
	now := time.Now()
	if now.Add(5 * time.Second).Before(d.last) {
		return "", fmt.Errorf("it is %s behind the log", d.last.Sub(now).Round(time.Second))
	}
	return now.UTC().Format(time.RFC3339) + ", not behind the log", nil
}

// checkChild has the limited child read a small picture.
func checkChild(ctx context.Context) (string, error) {
	pool, err := imaging.NewPool(imaging.PoolConfig{Command: childCommand, Limits: imaging.DefaultLimits(), Size: 1})
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
