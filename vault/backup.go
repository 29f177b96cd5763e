package vault

// A backup is one encrypted file that holds the database as it was at one moment and every object it names. It guards
// against the loss of the machine and, since it is encrypted (age, age-encryption.org/v1) to keys that are elsewhere,
// against whoever finds the file: the database in it holds names.
//
// In which order: deletions from the store are paused, durably; then the database is copied at one moment, beside the
// running server; then the objects that the copy names are read, checked and written after it; then the end, which
// counts and hashes all; then the event, with the file's digest. What is captured meanwhile is in the next backup.
//
// The root key is not in it: the file alone, or the key to the file alone, opens no photo. Whoever wants all in one
// asks for it.

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// BackupOptions is what Backup needs.
type BackupOptions struct {
	// To are the age recipients, as text: "age1…" (X25519) or "age1pq1…" (post-quantum hybrid, not mixed with others),
	// one or several. Each of them alone can open the backup.
	To []string
	// RootKeyFile, when not empty, is put into the backup.
	RootKeyFile string
	// ObjectsOnly leaves the database out and takes every object of the store: for a database that other tools copied
	// before, while deletions were paused. PostgreSQL is backed up in no other way.
	ObjectsOnly bool
	// Progress, when not nil, is called after each part with what was written so far. Of is 0 while it is not known.
	Progress func(BackupProgress)
}

// BackupProgress is how far a backup, a restore or a check has come.
type BackupProgress struct {
	Objects, Of int64
	Bytes       int64
}

// BackupReport is a finished backup.
type BackupReport struct {
	Info    BackupInfo
	Objects int64
	Bytes   int64  // of the objects
	Size    int64  // of the file
	SHA256  string // of the file, hex; also in the event
	// Missing are objects that the store did not give as they were stored, at most 1,000 of Lost: they are not in the
	// backup. Reading or checking them puts each on record.
	Missing []MissingObject
	Lost    int64
}

// Backup writes a backup to w; see the story at the head of this file. It needs memory for one object at a time, and
// disk beside the database for one copy of it. Errors: ErrInvalid for bad recipients, ErrConflict when another backup
// is being made or the pause ran out, ErrUnavailable.
func (v *Vault) Backup(ctx context.Context, a Actor, w io.Writer, o BackupOptions) (BackupReport, error) {
	run := &backupRun{v: v, a: a, o: o, sum: sha256.New()}
	run.report.Info = BackupInfo{Format: backupFormat, ID: newID(), Tenant: v.cfg.Tenant, Origin: v.cfg.LogOrigin,
		RootKey: o.RootKeyFile != ""}
	on := object{Kind: "backup", ID: run.report.Info.ID}
	err := v.quietly(ctx, a, actBackup, on, func(*tx) error { return o.check(v.cfg.Driver) })
	if err != nil {
		return BackupReport{}, err
	}
	err = run.make(ctx, w)
	logErr := v.do(ctx, a, actBackup, on, func(t *tx) error {
		r := run.report
		t.detail("objects", fmt.Sprint(r.Objects))
		t.detail("missing", fmt.Sprint(r.Lost))
		t.detail("size", fmt.Sprint(r.Size))
		t.detail("sha256", r.SHA256)
		t.detail("root_key", fmt.Sprint(r.Info.RootKey))
		t.detail("database", fmt.Sprint(r.Info.Whole()))
		if err != nil {
			return err
		}
		return t.endPause(ctx, run.pause)
	})
	if err != nil {
		run.giveUp(ctx)
		return BackupReport{}, err
	}
	return run.report, logErr
}

// giveUp lets deletions go on at once after a backup that failed; otherwise they would wait for the pause to run out.
func (b *backupRun) giveUp(ctx context.Context) {
	if b.pause == "" {
		return
	}
	err := b.v.quietly(context.WithoutCancel(ctx), b.a, actBackup, object{Kind: "pause", ID: string(b.pause)}, func(t *tx) error {
		return t.endPause(context.WithoutCancel(ctx), b.pause)
	})
	if err != nil {
		b.v.cfg.Log.Warn("ending the pause of a failed backup failed; it runs out by itself", "error", err)
	}
}

func (o BackupOptions) check(driver string) error {
	if driver == driverPostgres && !o.ObjectsOnly {
		return say(ErrInvalid, "The database is PostgreSQL: pause deletions with `vaultd backup hold`, copy it with pg_dump, "+
			"then back up the objects alone (README, Back it up).")
	}
	_, err := parseRecipients(o.To)
	return err
}

// backupRun is one backup under way. It belongs to the goroutine that makes it.
type backupRun struct {
	v       *Vault
	a       Actor
	o       BackupOptions
	pause   PauseID
	renewed time.Time
	out     *archiveWriter
	sum     interface {
		io.Writer
		Sum([]byte) []byte
	}
	report BackupReport
}

func (b *backupRun) make(ctx context.Context, w io.Writer) error {
	unlock, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	counted := &countingWriter{w: io.MultiWriter(w, b.sum)}
	sealed, err := encryptTo(counted, b.o.To)
	if err != nil {
		return err
	}
	b.out = &archiveWriter{tar: tar.NewWriter(sealed), chain: newChain(), at: b.report.Info.MadeAt}
	if b.o.ObjectsOnly {
		err = b.objectsOnly(ctx)
	} else {
		err = b.whole(ctx)
	}
	if err != nil {
		return err
	}
	r := &b.report
	if err := b.out.json(partEnd, backupEnd{r.Objects, r.Bytes, b.out.chain.String(), r.Missing, r.Lost}); err != nil {
		return err
	}
	if err := errors.Join(b.out.tar.Close(), sealed.Close()); err != nil {
		return fmt.Errorf("writing backup: %w", err)
	}
	r.Size, r.SHA256 = counted.n, hex.EncodeToString(b.sum.Sum(nil))
	return b.keepPaused(ctx, true)
}

// begin keeps a second backup away on SQLite, ends the pauses of backups that were killed, and begins its own.
func (b *backupRun) begin(ctx context.Context) (unlock func(), err error) {
	unlock = func() {}
	if b.v.cfg.Driver == driverSQLite {
		lock, err := lockBeside(b.v.cfg.DSN + backupLock)
		if err != nil {
			return nil, say(ErrConflict, "Another backup of this vault is being made; wait for its end.")
		}
		unlock = func() { lock.Close() }
		if err := clearScratch(b.v.cfg.DSN); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
	}
	alone := b.v.cfg.Driver == driverSQLite
	id := PauseID(newID())
	err = b.v.do(ctx, b.a, actPause, object{Kind: "pause", ID: string(id)}, func(t *tx) (err error) {
		b.report.Info.MadeAt = Time(t.now)
		if b.report.Info.Vault, err = readMark(ctx, t, markVault); err != nil {
			return err
		}
		t.detail("cause", pauseBackup)
		if alone { // whose pause stands was killed
			_, err := t.ExecContext(ctx, `UPDATE deletion_pauses SET ended_at = $1 WHERE cause = 'backup' AND ended_at IS NULL`, t.now)
			if err != nil {
				return fmt.Errorf("ending pauses: %w", err)
			}
		}
		return t.pause(ctx, id, pauseBackup, Time(t.now+backupPause.Milliseconds()))
	})
	if err != nil {
		unlock()
		return nil, err
	}
	b.pause, b.renewed = id, time.Now()
	return unlock, nil
}

// endPause ends the pause of a backup inside another act.
func (t *tx) endPause(ctx context.Context, id PauseID) error {
	return exactlyOne(ctx, t, "ending pause", `UPDATE deletion_pauses SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL`,
		t.now, string(id))
}

// keepPaused asks for more time in good time, or at the end once more: only then is it certain that nothing was deleted.
func (b *backupRun) keepPaused(ctx context.Context, now bool) error {
	if !now && time.Since(b.renewed) < backupPause/10 {
		return nil
	}
	b.renewed = time.Now()
	return b.v.keepPausing(ctx, b.a, b.pause)
}

// whole writes head, database, root key and the objects that the copied database names.
func (b *backupRun) whole(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(b.v.cfg.DSN), scratchPrefix)
	if err != nil {
		return fmt.Errorf("making room for the database's copy: %w", diskError(err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied, err := b.v.copyDatabase(ctx, filepath.Join(dir, partDB), &b.report.Info)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	if err := b.keepPaused(ctx, true); err != nil {
		return err
	}
	if err := b.out.json(partHead, b.report.Info); err != nil {
		return err
	}
	if err := b.file(partDB, filepath.Join(dir, partDB)); err != nil {
		return err
	}
	if err := b.putRootKey(ctx, copied); err != nil {
		return err
	}
	of, err := countObjects(ctx, copied)
	if err != nil {
		return err
	}
	return eachObject(ctx, copied, func(n namedObject) error { return b.object(ctx, n, of) })
}

// objectsOnly writes head and every object of the store.
func (b *backupRun) objectsOnly(ctx context.Context) error {
	if err := b.out.json(partHead, b.report.Info); err != nil {
		return err
	}
	if err := b.putRootKey(ctx, nil); err != nil {
		return err
	}
	var all []namedObject // listed first, read after: a store may not like both at once
	for _, kind := range []string{blobIntake, blobObject} {
		err := b.v.cfg.Blobs.List(ctx, kind+"/", func(name string, size int64) error {
			all = append(all, namedObject{name: name, size: min(size, maxObject)})
			return nil
		})
		if err != nil {
			return fmt.Errorf("listing the store: %w", err)
		}
	}
	for _, n := range all {
		if err := b.object(ctx, n, int64(len(all))); err != nil {
			return err
		}
	}
	return nil
}

// file writes a part from a file, which is read twice: once for its digest.
func (b *backupRun) file(part, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading %s: %w", part, err)
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", part, diskError(err))
	}
	return b.out.part(part, size, [sha256.Size]byte(sum.Sum(nil)), f)
}

// object writes one object, or notes it as missing when the store does not give what was stored. Only a store that
// does not answer ends the backup.
func (b *backupRun) object(ctx context.Context, n namedObject, of int64) error {
	if err := b.keepPaused(ctx, false); err != nil {
		return err
	}
	content, err := b.v.fetch(ctx, n.name, n.size)
	sum := sha256.Sum256(content)
	switch {
	case errors.Is(err, ErrAbsent), errors.Is(err, ErrTooLarge), err == nil && n.digest != "" && hex.EncodeToString(sum[:]) != n.digest:
		if b.report.Lost++; b.report.Lost <= maxMissing {
			b.report.Missing = append(b.report.Missing, MissingObject{n.name, string(n.photo)})
		}
		return nil
	case err != nil:
		return fmt.Errorf("reading the store: %w", err)
	}
	if err := b.out.part(partObjects+n.name, int64(len(content)), sum, bytes.NewReader(content)); err != nil {
		return err
	}
	b.report.Objects++
	b.report.Bytes += int64(len(content))
	if b.o.Progress != nil {
		b.o.Progress(BackupProgress{b.report.Objects, of, b.report.Bytes})
	}
	return nil
}

// countingWriter counts what went through.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// namedObject is an object as the rows name it.
type namedObject struct {
	name   string
	size   int64
	digest string // SHA-256, hex; empty where no row says it
	photo  PhotoID
}

// namedObjects are all objects that a database needs: sealed captures not processed yet and set aside, and renditions
// whose key was not destroyed. What is about to be deleted is not needed.
const namedObjects = `FROM (
	SELECT envelope_blob AS name, envelope_size AS size, envelope_digest AS digest, id AS photo FROM photos WHERE envelope_blob IS NOT NULL
	UNION ALL
	SELECT blob, size, sealed_hash, photo FROM renditions WHERE wrapped_key IS NOT NULL
) AS named WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE kind = 'delete_blob' AND subject = named.name)`

func countObjects(ctx context.Context, q querier) (n int64, err error) {
	if err := q.QueryRowContext(ctx, `SELECT count(*) `+namedObjects).Scan(&n); err != nil {
		return 0, dbError(fmt.Errorf("counting objects: %w", err))
	}
	return n, nil
}

// eachObject calls fn for each object that the rows name, a page of rows at a time.
func eachObject(ctx context.Context, q querier, fn func(namedObject) error) error {
	for after := ""; ; {
		page, err := list(ctx, q, func(rows *sql.Rows) (n namedObject, err error) {
			return n, rows.Scan(&n.name, &n.size, &n.digest, &n.photo)
		}, `SELECT name, size, digest, photo `+namedObjects+` AND name > $1 ORDER BY name LIMIT $2`, after, walkPage)
		if err != nil {
			return dbError(fmt.Errorf("reading objects: %w", err))
		}
		for _, n := range page {
			if err := fn(n); err != nil {
				return err
			}
			after = n.name
		}
		if len(page) < walkPage {
			return nil
		}
	}
}
