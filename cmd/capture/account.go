package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	accountFile = "session.json"
	maxPassword = 1024
)

// token is the bearer token of a session. It prints as [redacted] and is written to the session file alone.
type token string

func (token) String() string       { return "[redacted]" }
func (token) GoString() string     { return "[redacted]" }
func (token) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// account is the session file: where and as whom this user is signed in.
type account struct {
	Server    string    `json:"server"`
	CA        string    `json:"ca,omitempty"` // path of certificates trusted besides the system's
	Login     string    `json:"login"`
	Person    string    `json:"person"` // ID
	Token     token     `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// loadAccount reads the session file.
func loadAccount(dir string) (account, error) {
	b, err := os.ReadFile(filepath.Join(dir, accountFile))
	if errors.Is(err, fs.ErrNotExist) {
		return account{}, errors.New("not signed in here: run capture sign-in first")
	}
	if err != nil {
		return account{}, fmt.Errorf("reading the session: %w", err)
	}
	var a account
	if json.Unmarshal(b, &a) != nil || a.Server == "" || a.Token == "" || a.Person == "" {
		return account{}, errors.New("the session file is damaged: run capture sign-in again")
	}
	return a, nil
}

func (a account) save(dir string) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the session: %w", err)
	}
	if err := writeFile(dir, accountFile, append(b, '\n')); err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	return nil
}

// opened is the server's answer to a way in: a session, or a ticket for the second step.
type opened struct {
	Token  token `json:"token"`
	Person struct {
		ID string `json:"id"`
	} `json:"person"`
	ExpiresAt time.Time `json:"expires_at"`
	Ticket    token     `json:"ticket"`
	Ways      []string  `json:"ways"`
}

// wayIn is what the command line says of signing in.
type wayIn struct {
	dir                               string
	server, login, password, code, ca string // the last three name files
}

// parseWayIn reads the command line; what it does not say of the server, an enrolled device does.
func parseWayIn(args []string, s surroundings) (w wayIn, err error) {
	set, state := flags("sign-in")
	set.StringVar(&w.server, "server", "", "")
	set.StringVar(&w.login, "login", "", "")
	set.StringVar(&w.password, "password-file", "", "")
	set.StringVar(&w.code, "code-file", "", "")
	set.StringVar(&w.ca, "ca", "", "")
	if err := parse(set, args); err != nil {
		return w, err
	}
	if w.dir, err = stateDir(*state, s); err != nil {
		return w, err
	}
	if err := fillFromDevice(w.dir, &w.server, &w.ca); err != nil {
		return w, err
	}
	if w.server == "" || w.login == "" || w.password == "" || set.NArg() > 0 {
		return w, usageError{"sign-in needs --server, --login and --password-file"}
	}
	if w.ca != "" {
		if w.ca, err = filepath.Abs(w.ca); err != nil {
			return w, fmt.Errorf("finding the certificate file: %w", err)
		}
	}
	return w, nil
}

// signIn is the command of that name.
func signIn(ctx context.Context, args []string, s surroundings) error {
	w, err := parseWayIn(args, s)
	if err != nil {
		return err
	}
	password, err := readPassword(w.password)
	if err != nil {
		return err
	}
	defer clear(password)
	a := account{Server: strings.TrimRight(w.server, "/"), Login: w.login, CA: w.ca}
	c, err := newClient(a)
	if err != nil {
		return err
	}
	answer, err := c.enter(ctx, w.login, password, func() ([]byte, error) { return readCode(w.code, s) })
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	if answer.Token == "" || answer.Person.ID == "" {
		return errors.New("signing in: the server gave no session")
	}
	a.Token, a.Person, a.ExpiresAt = answer.Token, answer.Person.ID, answer.ExpiresAt
	if err := a.save(w.dir); err != nil {
		return err
	}
	c.token = a.Token
	if err := bindHere(ctx, c, w.dir, s); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "signed in as %s at %s\n", a.Login, a.Server)
	return nil
}

// enter goes in by a password, and a code where one is asked for.
func (c *client) enter(ctx context.Context, login string, password []byte, code func() ([]byte, error)) (opened, error) {
	header := http.Header{"Accept-Session": {"bearer"}}
	var answer opened
	in := map[string]string{"login": login, "password": string(password)}
	if err := c.call(ctx, http.MethodPost, "/api/v1/session", header, in, &answer); err != nil || answer.Ticket == "" {
		return answer, err
	}
	if !slices.Contains(answer.Ways, "code") && !slices.Contains(answer.Ways, "recovery") {
		return opened{}, errors.New("this account has a passkey only, which a command line cannot use: add an authenticator app on the account page")
	}
	shown, err := code()
	if err != nil {
		return opened{}, err
	}
	defer clear(shown)
	in = map[string]string{"ticket": string(answer.Ticket), "code": string(shown)}
	answer = opened{}
	return answer, c.call(ctx, http.MethodPost, "/api/v1/session/code", header, in, &answer)
}

// readCode takes the second factor from a file, or asks for it.
func readCode(path string, s surroundings) ([]byte, error) {
	if path != "" {
		return readSecret("code", path)
	}
	fmt.Fprint(s.stderr, "Six digits of your authenticator app, or a recovery code: ")
	line, err := bufio.NewReaderSize(io.LimitReader(s.stdin, maxPassword), maxPassword).ReadBytes('\n')
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil, errors.New("a code is needed: name a file that holds it with --code-file, or type it when asked")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the code: %w", err)
	}
	return line, nil
}

// signOut ends the session at the server and forgets it here. What is sealed stays in the queue.
func signOut(ctx context.Context, args []string, s surroundings) error {
	set, state := flags("sign-out")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usageError{"sign-out takes no arguments"}
	}
	dir, err := stateDir(*state, s)
	if err != nil {
		return err
	}
	a, err := loadAccount(dir)
	if err != nil {
		return err
	}
	c, err := newClient(a)
	if err != nil {
		return err
	}
	ended := c.call(ctx, http.MethodDelete, "/api/v1/session", nil, nil, nil)
	if err := os.Remove(filepath.Join(dir, accountFile)); err != nil {
		return fmt.Errorf("forgetting the session: %w", err)
	}
	var refused *refusal
	if ended != nil && !(errors.As(ended, &refused) && refused.status == http.StatusUnauthorized) {
		return fmt.Errorf("signed out here, but the session goes on at the server until it ends by itself: %w", ended)
	}
	fmt.Fprintf(s.stdout, "signed out %s\n", a.Login)
	return nil
}

// readPassword takes the first line of a file. A file that others can read is refused.
func readPassword(path string) ([]byte, error) { return readSecret("password", path) }

// readSecret does so for any secret; what says which.
func readSecret(what, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the %s file: %w", what, err)
	}
	if info.Mode().IsRegular() && openToOthers(info) {
		return nil, fmt.Errorf("the %s file is readable by others: chmod 600 it", what)
	}
	if info.Size() > maxPassword {
		return nil, fmt.Errorf("the %s file is longer than a %s", what, what)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the %s file: %w", what, err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, fmt.Errorf("the %s file is empty", what)
	}
	return line, nil
}
