package vaulttest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that creates test databases
)

// Postgres returns the DSN of a fresh, empty database on a real PostgreSQL
// server (Debian's), which listens on loopback only and has fsync on.
func Postgres(t testing.TB) string {
	t.Helper()
	server := shared(t, "postgres", startPostgres)
	name := "v" + strings.ToLower(secret())
	db, err := sql.Open("pgx", server+"postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() { dropDatabase(t, server, name) })
	return server + name
}

func dropDatabase(t testing.TB, server, name string) {
	db, err := sql.Open("pgx", server+"postgres")
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		t.Errorf("dropping the test database: %v", err)
	}
}

// startPostgres initialises a cluster in dir and returns a DSN prefix.
func startPostgres(dir string) (string, func(), error) {
	initdb, err := Tool("initdb", "/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", nil, err
	}
	attr, err := postgresUser(dir)
	if err != nil {
		return "", nil, err
	}
	password, data := secret(), filepath.Join(dir, "data")
	pwfile := filepath.Join(dir, "password")
	if err := os.WriteFile(pwfile, []byte(password), 0o644); err != nil {
		return "", nil, err
	}
	init := exec.Command(initdb, "-D", data, "-U", "clinivault", "--auth=scram-sha-256", "--pwfile="+pwfile, "-E", "UTF8", "--locale=C")
	init.SysProcAttr, init.Dir = attr, dir
	if out, err := init.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	p, err := spawn(cmd)
	if err != nil {
		return "", nil, err
	}
	dsn := fmt.Sprintf("postgres://clinivault:%s@127.0.0.1:%d/", password, port)
	if err := p.await(func() error { return pingPostgres(dsn + "postgres") }); err != nil {
		return "", nil, err
	}
	stop := func() { _ = p.cmd.Process.Signal(syscall.SIGINT); p.stop() }
	return dsn, stop, nil
}

func pingPostgres(dsn string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Ping()
}

// postgresUser gives dir to Debian's postgres account where the tests run as
// root, which PostgreSQL refuses to run as.
func postgresUser(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("account postgres: %w", errMissing)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}
