package vault

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	driverSQLite   = "sqlite"
	driverPostgres = "postgres"
)

// openDB opens the pool; nothing is asked of the database yet.
func openDB(driverName, dsn string) (*sql.DB, error) {
	switch driverName {
	case driverSQLite:
		return openSQLite(dsn)
	case driverPostgres:
		return openPostgres(dsn)
	}
	return nil, errors.New(`the database driver must be "sqlite" or "postgres"`)
}

// openPostgres has the server give up on a node that holds the log and says
// nothing, so that a hung node does not stop the others.
func openPostgres(dsn string) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the PostgreSQL connection string cannot be read") // the cause may hold the password
	}
	for name, value := range map[string]string{
		"application_name":                    "clinivault",
		"lock_timeout":                        "15s",
		"idle_in_transaction_session_timeout": "30s",
	} {
		if cfg.RuntimeParams[name] == "" {
			cfg.RuntimeParams[name] = value
		}
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(8)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, nil
}

// openSQLite opens a file with foreign keys on, a write-ahead log that is
// synced at each commit (an answered act survives a power cut), write
// transactions that take the lock when they begin, and deleted rows overwritten
// with zeros, so that a destroyed key does not stay behind in a free page.
func openSQLite(path string) (*sql.DB, error) {
	if path == "" || strings.ContainsAny(path, "?#") {
		return nil, errors.New("the SQLite path must not be empty or contain ? or #")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening the database file: %w", err)
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)", "secure_delete(1)",
	}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db.SetMaxOpenConns(8)
	return db, nil
}

// lockBeside takes the lock that keeps a second server off a SQLite file.
func lockBeside(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Clean(path)+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock beside the database: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, errors.New("another process has this database open; stop it first, or use PostgreSQL for several nodes")
	}
	return f, nil
}

// transient tells whether a transaction lost a race that a second try may win.
func transient(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01" // serialization failure, deadlock
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// unavailable tells whether err means that the database, not the request, is
// at fault and that the same call may work later.
func unavailable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// Classes 08 connection, 53 resources, 57P shutdown, 58 system; 25006 read-only standby,
		// 25P03 idle in transaction, 55P03 lock timeout.
		return pg.Code == "25006" || pg.Code == "25P03" || pg.Code == "55P03" || strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") ||
			strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "58")
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
			sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM,
			sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB: // what a failing disk makes of a good file; a bad one is refused at the next start
			return true
		}
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}

// errDatabase marks which part is unavailable: without it no event can be
// written either.
var errDatabase = errors.New("database")

// dbError marks errors of an unreachable database as ErrUnavailable and leaves
// every other error as it is.
func dbError(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || !unavailable(err) {
		return err
	}
	return fmt.Errorf("%w: %w: %w", ErrUnavailable, errDatabase, err)
}
