package vault

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// sqliteMagic begins every SQLite database (file format, 1.3).
const sqliteMagic = "SQLite format 3\x00"

// CheckDatabase refuses a file that is no SQLite database, and one that is damaged. Files of more than deep bytes are
// not read through: SQLite's check of the pages takes about a second for each 300 MB. A file that does not exist, or is
// empty, is a new database.
func CheckDatabase(ctx context.Context, path string, deep int64) (err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the database file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("opening the database file: %w", err)
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		return nil
	}
	head := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(f, head); err != nil || !info.Mode().IsRegular() || !bytes.Equal(head, []byte(sqliteMagic)) {
		return fmt.Errorf("%s is no SQLite database: check the data folder, or restore the last backup", path)
	}
	if info.Size() > deep {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=trusted_schema(0)")
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return sound(ctx, db)
}
