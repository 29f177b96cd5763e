package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
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

// signIn is the command of that name.
func signIn(ctx context.Context, args []string, s surroundings) error {
	set, state := flags("sign-in")
	server := set.String("server", "", "")
	login := set.String("login", "", "")
	passwordFile := set.String("password-file", "", "")
	ca := set.String("ca", "", "")
	if err := parse(set, args); err != nil {
		return err
	}
	dir, err := stateDir(*state, s)
	if err != nil {
		return err
	}
	if err := fillFromDevice(dir, server, ca); err != nil {
		return err
	}
	if *server == "" || *login == "" || *passwordFile == "" || set.NArg() > 0 {
		return usageError{"sign-in needs --server, --login and --password-file"}
	}
	password, err := readPassword(*passwordFile)
	if err != nil {
		return err
	}
	defer clear(password)
	a := account{Server: strings.TrimRight(*server, "/"), Login: *login}
	if *ca != "" {
		if a.CA, err = filepath.Abs(*ca); err != nil {
			return fmt.Errorf("finding the certificate file: %w", err)
		}
	}
	c, err := newClient(a)
	if err != nil {
		return err
	}
	var answer struct {
		Token  token `json:"token"`
		Person struct {
			ID string `json:"id"`
		} `json:"person"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	header := http.Header{"Accept-Session": {"bearer"}}
	in := map[string]string{"login": *login, "password": string(password)}
	if err := c.call(ctx, http.MethodPost, "/api/v1/session", header, in, &answer); err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	if answer.Token == "" || answer.Person.ID == "" {
		return errors.New("signing in: the server gave no session")
	}
	a.Token, a.Person, a.ExpiresAt = answer.Token, answer.Person.ID, answer.ExpiresAt
	if err := a.save(dir); err != nil {
		return err
	}
	c.token = a.Token
	if err := bindHere(ctx, c, dir, s); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "signed in as %s at %s\n", a.Login, a.Server)
	return nil
}

// readPassword takes the first line of a file. A file that others can read is refused.
func readPassword(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the password file: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, errors.New("the password file is readable by others: chmod 600 it")
	}
	if info.Size() > maxPassword {
		return nil, errors.New("the password file is longer than a password")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the password file: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, errors.New("the password file is empty")
	}
	return line, nil
}
