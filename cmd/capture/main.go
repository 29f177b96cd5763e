// Command capture sends photos to the vault from a command line: seals them at once, keeps the sealed copy until the vault's
// signed receipt, and can never open it again.
//
// It guards the photo from the machine it runs on. A picture is read once, from a file or standard input, and goes straight
// through the seal into the queue folder; no other copy, temporary file or thumbnail is made. The queue holds ciphertext
// and what is needed to send it: no patient, no name, no body site. In which order: the server's keys and the patient are
// asked for first, then the photo is sealed and made durable, then sent, and only a receipt that is signed by the vault and
// names the very bytes removes the sealed copy. A fault on the way leaves the sealed copy; "capture flush" goes on from there.
// Where the server is away, its public keys of the last 7 days are sealed to (kept.go).
//
//	capture enrol --url URL [--ca FILE]
//	capture status
//	capture sign-in --server URL --login NAME --password-file FILE [--code-file FILE] [--ca FILE]
//	capture sign-out
//	capture send --patient NUMBER --site SITE [flags] PHOTO...|-
//	capture watch --folder DIR --site SITE [--patient NUMBER] [flags]
//	capture queue
//	capture flush [--failed] [--transport WAY]
//
// An enrolled device sends over the uplink (DTLS over UDP, api/uplink), and over HTTPS where UDP does not come through; the
// seal is the same on both. Originals that are wiped are so only after their sealed copy is durable, under a note
// (originals.go) from which a run that was cut short is gone on with: each photo is there once, as original or sealed.
//
// Exit codes: 0 done; 1 it could not be done, and nothing new is in the queue; 2 wrong usage; 3 sealed, but not yet
// received; 4 refused by the server, and kept; 5 some photos were sealed and received, others could not be sealed and stay
// where they are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitWaiting = 3
	exitRefused = 4
	exitPartly  = 5
)

const usage = `capture seals photos and sends them to the vault.

  capture enrol --url URL [--ca FILE]
      adds this machine as a device: URL is what the QR code under "Add a device" holds; compare the number it shows; its
      key stays in the state folder, readable by you alone, and its certificate renews itself
  capture status
      tells which device this is, until when its certificate counts, and how much waits
  capture sign-in --server URL --login NAME --password-file FILE [--code-file FILE] [--ca FILE]
      signs in and keeps the session (readable by you alone); the code of your authenticator app, or a recovery code, is
      asked for where none is in a file
  capture sign-out
      ends the session and forgets it; what is sealed stays in the queue
  capture send --patient NUMBER --site SITE [--side left|right|midline|bilateral] [--consent record,teaching,publication]
               [--encounter ID] [--note TEXT] [--taken-at TIME] [--wipe] [--transport auto|uplink|https] PHOTO...|-
      seals JPEG, PNG or HEIC files (- is standard input) and sends them; --consent is what the patient allowed: record,
      when nothing is said, and never without it; a SITE that does not exist lists them all; --wipe wipes each file once
      its sealed copy is durable, and says what that is worth; --transport says the way: the uplink where it works and
      HTTPS elsewhere (auto), or one of them alone; a picture that is cut short is not sealed. Without the server photos are
      sealed with its key of the last 7 days, and wait for capture flush or the next send that comes through; --patient then
      takes the patient's ID alone
  capture watch --folder DIR --site SITE [--side SIDE] [--patient NUMBER] [--consent LIST] [--encounter ID] [--note TEXT]
               [--settle 2s] [--idle 15m] [--keep] [--existing] [--transport WAY]
      seals and sends each picture that comes into the folder of a tethered camera, once it has not changed for a while
      (--settle), and wipes the original (--keep leaves it); without --patient it asks for the wristband, typed by a
      scanner or a person, and seals nothing until name and birth date are confirmed; when no photo came for a while
      (--idle) it asks again; what was in the folder before stays, unless --existing says that it is this patient's
  capture queue
      lists what is sealed here and not yet received
  capture flush [--failed] [--transport WAY]
      sends what waits; with --failed also what the server refused before

All take --state DIR (default: $XDG_STATE_HOME/clinivault, else ~/.local/state/clinivault, on Windows in %LOCALAPPDATA%).
Exit codes: 0 done, 1 could not be done and nothing new is queued, 2 wrong usage, 3 sealed but not yet received, 4 refused and
kept, 5 some photos could not be sealed and stay where they are.

` + wipePromise

// surroundings are what a run sees of the machine; tests give their own.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // stderr is a terminal
	getenv         func(string) string
	now            func() time.Time
	sleep          func(context.Context, time.Duration) error
}

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// codeError ends the run with an exit code of its own.
type codeError struct {
	code int
	err  error
}

func (e codeError) Error() string { return e.err.Error() }
func (e codeError) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends a run that waits for its input
	info, err := os.Stderr.Stat()
	os.Exit(run(ctx, os.Args[1:], surroundings{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		terminal: err == nil && info.Mode()&os.ModeCharDevice != 0,
		getenv:   os.Getenv, now: time.Now, sleep: sleep,
	}))
}

// run does one command and returns its exit code. Answers go to stdout, one sentence about a fault to stderr.
func run(ctx context.Context, args []string, s surroundings) int {
	commands := map[string]func(context.Context, []string, surroundings) error{
		"enrol": enrol, "status": status, "sign-in": signIn, "sign-out": signOut, "send": send, "watch": watch, "queue": list, "flush": flush,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		if len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
			fmt.Fprint(s.stdout, usage)
			return exitDone
		}
		fmt.Fprint(s.stderr, usage)
		return exitUsage
	}
	err := commands[args[0]](ctx, args[1:], s)
	var wrong usageError
	var coded codeError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(s.stdout, usage)
		return exitDone
	case errors.As(err, &wrong):
		fmt.Fprintf(s.stderr, "capture: %v\nTry: capture help\n", wrong)
		return exitUsage
	case errors.As(err, &coded):
		fmt.Fprintf(s.stderr, "capture: %v\n", coded)
		return coded.code
	default:
		fmt.Fprintf(s.stderr, "capture: %v%s\n", err, remedy(err))
		return exitFailed
	}
}

// remedy says what to do about faults that any command can meet; empty for the others.
func remedy(err error) string {
	var none *silence
	switch {
	case noRoom(err):
		return "; the disk is full: free space, then run it again"
	case errors.As(err, &none) && none.certificate() == "":
		return "; connect this machine to the network and run it again"
	case away(err):
		return "; run it again later"
	}
	return ""
}

// flags makes the flag set of a command with the --state flag that all have.
func flags(name string) (*flag.FlagSet, *string) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return set, set.String("state", "", "")
}

func parse(set *flag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil && !errors.Is(err, flag.ErrHelp) {
		return usageError{err.Error()}
	} else if err != nil {
		return err
	}
	return nil
}

// stateDir is where session and queue are kept; it is made when missing, for this user alone.
func stateDir(chosen string, s surroundings) (string, error) {
	dir := chosen
	if dir == "" {
		base := stateBase(s.getenv)
		if base == "" {
			return "", usageError{"no folder for the state is known: name one with --state"}
		}
		dir = filepath.Join(base, "clinivault")
	}
	if err := makeFolder(dir); err != nil {
		return "", fmt.Errorf("making the state folder: %w", err)
	}
	return dir, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
