package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	askWristband = "Scan the wristband, or type the record number:"
	maxLine      = 1024 // bytes of a wristband
)

// readLines passes on what a scanner that types, or a person, enters, line by line, until there is no more.
func readLines(ctx context.Context, r io.Reader, lines chan<- string) {
	defer close(lines)
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, maxLine), maxLine)
	for in.Scan() {
		select {
		case lines <- strings.TrimSpace(in.Text()):
		case <-ctx.Done():
			return
		}
	}
}

// heard takes a wristband: photos that came until now are of the patient before, and until this one is confirmed none is
// of anybody. What is neither yes nor no is the next wristband. Only an error that ends the watching comes back.
func (w *watcher) heard(ctx context.Context, band string, lines <-chan string) error {
	if band == "" {
		return nil
	}
	if err := w.pass(); err != nil {
		return err
	}
	w.whose = nil
	for {
		p, err := w.found(ctx, band)
		if err != nil {
			fmt.Fprintf(w.stdout, "%v\nNothing is sealed until a patient is confirmed. %s\n", err, askWristband)
			return nil
		}
		facts, err := w.factsFor(w.order.order, p)
		if err != nil {
			fmt.Fprintf(w.stdout, "%v. %s\n", err, askWristband)
			return nil
		}
		fmt.Fprintf(w.stdout, "\n  %s\n  born %s\n  record number %s\n\nRight patient, and the consent was given? y/N: ", clean(p.Name), clean(p.BirthDate), clean(p.RecordNumber))
		answer, more := w.next(ctx, lines)
		switch strings.ToLower(answer) {
		case "y", "yes":
			known, err := w.published(ctx)
			if err != nil {
				fmt.Fprintf(w.stdout, "%v. %s\n", err, askWristband)
				return nil
			}
			known.tellKept(w.stdout)
			w.confirm(&chosen{known.Intake, facts})
			if text := w.client.wrongClock(); text != "" {
				fmt.Fprintln(w.stdout, text)
			}
			fmt.Fprintln(w.stdout, "photos that come from now on are of this patient; scan the next wristband to change")
			return w.pass()
		case "", "n", "no":
			if more {
				fmt.Fprintln(w.stdout, "not confirmed; nothing is sealed. "+askWristband)
			}
			return nil
		}
		band = answer
	}
}

// next waits for the next line as long as a patient may stay unconfirmed. What comes into the folder meanwhile is nobody's.
func (w *watcher) next(ctx context.Context, lines <-chan string) (string, bool) {
	timer := time.NewTimer(w.order.idle)
	defer timer.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case line, more := <-lines:
			return line, more
		case <-look.C:
			if w.pass() != nil {
				return "", true
			}
		case <-timer.C:
			return "", true
		case <-ctx.Done():
			return "", false
		}
	}
}

// found looks a wristband up, as whoever is signed in here now.
func (w *watcher) found(ctx context.Context, band string) (patient, error) {
	again, err := open(w.order.state, w.surroundings)
	if err != nil {
		return patient{}, err
	}
	w.account, w.client = again.account, again.client
	p, err := w.client.scanned(ctx, band)
	var told *refusal
	if errors.As(err, &told) && fateOf(err) == fateSignIn {
		return patient{}, errors.New(signInAgain(err) + " in another window, then scan again")
	}
	return p, err
}

// scanned finds the patient of a wristband as a scanner types it: perhaps with the identifier of its symbology in front
// (ISO/IEC 15424: a bracket, a letter, a digit). What is no wristband may still be a whole record number.
func (c *client) scanned(ctx context.Context, band string) (patient, error) {
	in := map[string]string{"symbology": "", "text": band}
	if len(band) > 3 && band[0] == ']' {
		in["symbology"], in["text"] = band[:3], band[3:]
	}
	var p patient
	err := c.call(ctx, http.MethodPost, "/api/v1/patients/scan", nil, in, &p)
	if err == nil && p.ID == "" {
		err = errors.New("the server's answer is not one of a vault")
	}
	var told *refusal
	if errors.As(err, &told) && told.status >= 400 && told.status < 500 && fateOf(err) == fateRefused && in["symbology"] == "" {
		if typed, other := c.patient(ctx, band); other == nil {
			return typed, nil
		}
	}
	if err != nil {
		return patient{}, err
	}
	return p, nil
}
