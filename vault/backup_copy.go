package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// scratchPrefix begins the names of folders beside the database that hold its copy while a backup is made.
const scratchPrefix = ".backup-"

// copyDatabase copies the SQLite database as it is at one moment, beside whoever writes to it, checks the copy and opens
// it. Schema and size of the log go into info. The caller closes it.
func (v *Vault) copyDatabase(ctx context.Context, path string, info *BackupInfo) (copied *sql.DB, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // VACUUM INTO would make it readable by others
	if err != nil {
		return nil, fmt.Errorf("copying the database: %w", diskError(err))
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("copying the database: %w", diskError(err))
	}
	if _, err := v.db.ExecContext(ctx, `VACUUM INTO $1`, path); err != nil {
		return nil, dbError(fmt.Errorf("copying the database: %w", err))
	}
	if copied, err = sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=trusted_schema(0)"); err != nil {
		return nil, fmt.Errorf("opening the database's copy: %w", err)
	}
	if err := v.inspectCopy(ctx, copied, info); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	return copied, nil
}

func (v *Vault) inspectCopy(ctx context.Context, copied *sql.DB, info *BackupInfo) error {
	if err := sound(ctx, copied); err != nil {
		return err
	}
	err := copied.QueryRowContext(ctx, `SELECT size, (SELECT max(version_id) FROM goose_db_version) FROM audit_head WHERE id = 1`).
		Scan(&info.LogSize, &info.Schema)
	if err != nil {
		return fmt.Errorf("reading the database's copy: %w", err)
	}
	return nil
}

// sound has SQLite check a database page by page.
func sound(ctx context.Context, db querier) error {
	var says string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&says); err != nil || says != "ok" {
		return fmt.Errorf("the database file is damaged: stop the server and restore the last backup: %w", ErrIntegrity)
	}
	return nil
}

// backupLock ends the name of the lock that a backup of a SQLite database holds.
const backupLock = ".backup"

// clearKilledBackup removes the copy of the database that a killed backup left; a backup under way keeps its own.
func clearKilledBackup(dsn string) error {
	lock, err := lockBeside(dsn + backupLock)
	if err != nil {
		return nil // a backup is being made
	}
	return errors.Join(clearScratch(dsn), lock.Close())
}

// clearScratch removes the copies of backups that were killed; the caller holds the lock of backups.
func clearScratch(dsn string) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dsn), scratchPrefix+"*"))
	if err != nil {
		return fmt.Errorf("looking for leftovers: %w", err)
	}
	for _, dir := range left {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			continue
		}
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the leftover of a backup: %w", diskError(err))
		}
	}
	return nil
}

// readKeyFile returns the text of a root key file that is one.
func readKeyFile(path string) ([]byte, error) {
	if _, err := OpenKeyFile(path, false); err != nil { // checks mode and form
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening root key file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("reading root key file: %w", err)
	}
	return text, nil
}

// putRootKey writes the root key file where asked for, if it opens the copied database: it may have been rotated, or older
// versions given up, since the copy was made.
func (b *backupRun) putRootKey(ctx context.Context, copied *sql.DB) error {
	if b.o.RootKeyFile == "" {
		return nil
	}
	text, err := readKeyFile(b.o.RootKeyFile)
	if err != nil {
		return err
	}
	defer clear(text)
	keys, err := parseKeyFile(text)
	if err != nil {
		return err
	}
	if copied != nil {
		if err := keys.cover(ctx, copied); err != nil {
			return err
		}
	}
	return b.out.small(partRootKey, text)
}

// cover refuses keys that lack a version which a database needs.
func (k rootKeys) cover(ctx context.Context, q querier) error {
	used, err := list(ctx, q, scanOne[int64], `SELECT root_version FROM patients WHERE wrapped_key IS NOT NULL
		UNION SELECT root_version FROM epoch_keys UNION SELECT root_version FROM totp_secrets`)
	if err != nil {
		return fmt.Errorf("reading versions of the root key: %w", err)
	}
	for _, version := range used {
		if _, ok := k[uint32(version)]; !ok {
			return say(ErrConflict, fmt.Sprintf("The root key file has no version %d, which the database needs: "+
				"was it changed meanwhile? Back up again.", version))
		}
	}
	return nil
}
