package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	keptFile = "intake.json"
	keysFor  = 7 * 24 * time.Hour // that kept keys may be sealed to: a key that went out of use meanwhile is still opened
)

// bodySite is one entry of the server's list.
type bodySite struct {
	Code  string `json:"code"`
	Sided bool   `json:"sided"`
}

// published is what sealing needs of the server and nobody has to hide: public keys, and the list of body sites.
type published struct {
	Intake    intakeInfo `json:"intake"`
	BodySites []bodySite `json:"body_sites"`
	instead   string     // what the person is told where it was kept; empty: it is fresh
}

// keptAnswer is the file in which that is kept for the times without the server. Nothing in it is of a patient or a photo.
type keptAnswer struct {
	Server string    `json:"server"`
	At     time.Time `json:"at"`       // by the server's clock
	Ahead  int64     `json:"ahead_ms"` // of the server's clock before this machine's; 0: little
	published
}

// published asks the server.
func (c *client) published(ctx context.Context) (p published, err error) {
	if p.Intake, err = c.intake(ctx); err != nil {
		return published{}, err
	}
	var known struct {
		BodySites []bodySite `json:"body_sites"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/body-sites", nil, nil, &known); err != nil {
		return published{}, fmt.Errorf("asking for the body sites: %w", err)
	}
	p.BodySites = known.BodySites
	return p, nil
}

// away reports whether there is no server to speak to now: no answer, or that of one that does not work.
func away(err error) bool {
	var none *silence
	var told *refusal
	return errors.As(err, &none) || errors.As(err, &told) && told.status >= 500
}

// published asks the server, and keeps what it answers. Where it is away, what was kept is used, and the person to be
// told so (tellKept); no other fault is got round in this way.
func (r *session) published(ctx context.Context) (published, error) {
	p, err := r.client.published(ctx)
	if err == nil {
		return p, r.keep(p)
	}
	if ctx.Err() != nil || !away(err) {
		return published{}, err
	}
	k, keptErr := r.kept()
	if keptErr != nil {
		return published{}, fmt.Errorf("%w; %w", err, keptErr)
	}
	k.instead = fmt.Sprintf("%v; sealing in the name of %s, with the key fetched at %s; what is sealed waits in the queue and is sent when the server answers",
		err, clean(r.account.Login), k.At.Format(time.RFC3339))
	return k.published, nil
}

// tellKept says that photos are sealed with a kept key, where they are.
func (p published) tellKept(w io.Writer) {
	if p.instead != "" {
		fmt.Fprintln(w, p.instead)
	}
}

// keep writes the server's answer beside the rest of the state. A full disk is told of when a photo is sealed.
func (r *session) keep(p published) error {
	k := keptAnswer{Server: r.account.Server, At: r.client.rightTime(r.now()).UTC().Truncate(time.Second), Ahead: r.client.offBy().Milliseconds(), published: p}
	b, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encoding the server's keys: %w", err)
	}
	if err := writeFile(r.dir(), keptFile, append(b, '\n')); err != nil && !noRoom(err) {
		return fmt.Errorf("keeping the server's keys: %w", err)
	}
	return nil
}

// kept reads what was kept, and asks as much of it as of a fresh answer; also that it is of this server and not too old.
func (r *session) kept() (keptAnswer, error) {
	k, err := readKept(filepath.Join(r.dir(), keptFile))
	if err == nil && k.Server != r.account.Server {
		err = errors.New("no sealing key of this server is kept here")
	}
	if err == nil {
		err = k.Intake.check()
	}
	if err != nil {
		return keptAnswer{}, err
	}
	r.client.presume(time.Duration(k.Ahead) * time.Millisecond)
	switch age := r.client.rightTime(r.now()).Sub(k.At); {
	case age < -clockSlack:
		return keptAnswer{}, errors.New("this machine's clock is behind the time at which its sealing key was fetched: set the clock")
	case age > keysFor:
		return keptAnswer{}, fmt.Errorf("the sealing key that is kept here was fetched at %s, more than 7 days ago, and is too old to seal with", k.At.Format(time.RFC3339))
	}
	return k, nil
}

func readKept(path string) (k keptAnswer, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, errors.New("no sealing key is kept here yet")
	}
	if err != nil {
		return k, fmt.Errorf("reading the kept sealing key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return k, fmt.Errorf("reading the kept sealing key: %w", err)
	}
	if openToOthers(info) {
		return k, errors.New("the kept sealing key is open to others, and nothing is sealed with it")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxAnswer))
	if err != nil {
		return k, fmt.Errorf("reading the kept sealing key: %w", err)
	}
	if json.Unmarshal(b, &k) != nil || k.At.IsZero() || len(k.BodySites) == 0 {
		return k, errors.New("the kept sealing key is damaged")
	}
	return k, nil
}
