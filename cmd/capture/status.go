package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
)

// status is the command of that name.
func status(ctx context.Context, args []string, s surroundings) error {
	set, state := flags("status")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usageError{"status takes no arguments"}
	}
	dir, err := stateDir(*state, s)
	if err != nil {
		return err
	}
	d, err := loadDevice(dir)
	if err != nil {
		return err
	}
	if err := d.tell(ctx, dir, s); err != nil {
		return err
	}
	if a, err := loadAccount(dir); err == nil {
		fmt.Fprintf(s.stdout, "signed in as %s at %s until %s at most\n", a.Login, a.Server, a.ExpiresAt.Format(time.RFC3339))
		if err := tellWay(ctx, dir, s); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(s.stdout, "not signed in")
	}
	q, err := openQueue(dir, s.now)
	if err != nil {
		return err
	}
	items, err := q.items()
	fmt.Fprintf(s.stdout, "%d sealed photos wait\n", len(items))
	return err
}

// tell prints what the device is, and looks again at an enrolment that waits.
func (d *device) tell(ctx context.Context, dir string, s surroundings) error {
	if d == nil {
		fmt.Fprintln(s.stdout, "no enrolled device")
		return nil
	}
	if d.Code != "" {
		c, err := newClient(account{Server: d.Server, CA: d.CA})
		if err != nil {
			return err
		}
		if done, err := d.asks(ctx, c, dir); err != nil || !done {
			fmt.Fprintf(s.stdout, "device %s waits for its approval at %s\n", d.ID, d.Server)
			return err
		}
	}
	what := "certificate until " + d.end().Format(time.RFC3339)
	if !d.certified(s.now()) {
		what = "its certificate has ended; the next one comes with capture sign-in"
	}
	fmt.Fprintf(s.stdout, "device %s at %s, %s\n", d.ID, d.Server, what)
	return nil
}

// tellWay prints which way to the server works, having tried it.
func tellWay(ctx context.Context, dir string, s surroundings) error {
	r, err := open(filepath.Clean(dir), s)
	if err != nil {
		return err
	}
	way, err := r.way(ctx)
	if err != nil && fateOf(err) == fateSignIn {
		way = signInAgain(err)
	} else if err != nil {
		way = err.Error()
	}
	fmt.Fprintln(s.stdout, way)
	if text := r.client.wrongClock(); text != "" {
		fmt.Fprintln(s.stdout, text)
	}
	return nil
}

// way says on which way photos go from here.
func (r *session) way(ctx context.Context) (string, error) {
	port, err := r.client.uplinkPort(ctx)
	switch {
	case err != nil:
		return "", err
	case port == 0:
		return "photos go over HTTPS: the server offers no uplink", nil
	case !r.client.shown:
		return "photos go over HTTPS: the uplink needs an enrolled device with a certificate", nil
	}
	up, err := r.client.dial(ctx, port)
	if err == nil {
		return fmt.Sprintf("photos go over the uplink (UDP port %d)", port), up.Close()
	}
	if errors.Is(err, uplink.ErrBlocked) {
		return "photos go over HTTPS: UDP is blocked here", nil
	}
	return "photos go over HTTPS: the uplink does not work (" + clean(err.Error()) + ")", nil
}
