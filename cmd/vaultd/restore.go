package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/clinivault/clinivault/vault"
)

// restoreCommand restores a backup to an empty folder and checks what came out
// photo by photo, or (check) checks a vault that other tools restored.
func restoreCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == "check" {
		c, err := configFlag("restore check", args[1:])
		if err != nil {
			return err
		}
		p, err := openParts(ctx, c, newLog(c.LogFormat, os.Stderr), true)
		if err != nil {
			return closing(p, err)
		}
		return closing(p, checkVault(ctx, p.vault, out))
	}
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file of the restored vault")
	data := flags.String("data", "", "instead of --config: the folder to restore to")
	identity := flags.String("identity", "", "the age identity file that opens the backup")
	rootKey := flags.String("root-key", "", "a copy of the root key file; without it the backup holds one, or it is in its place")
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 || *identity == "" || (*config == "") == (*data == "") {
		return fmt.Errorf("restore: name one backup, --identity FILE, and either --config FILE or --data DIR; %w", errUsage)
	}
	c, err := restoreConfig(*config, *data)
	if err != nil {
		return err
	}
	in, ids, err := openBackup(names[0], *identity)
	if err != nil {
		return err
	}
	defer in.Close()
	return (&restoring{c: c, config: *config, rootKey: *rootKey, out: out}).run(ctx, in, ids)
}

// restoreConfig is the configuration that is named, or the default one of a
// folder.
func restoreConfig(config, data string) (*Config, error) {
	if config != "" {
		return loadConfig(config)
	}
	dir, err := filepath.Abs(data)
	if err != nil {
		return nil, err
	}
	c := &Config{Data: dir, Listen: defaultListen}
	c.resolve(dir)
	return c, nil
}

// restoring is one restore.
type restoring struct {
	c               *Config
	config, rootKey string
	out             io.Writer
}

// run marks the folder, writes, opens, checks and unmarks. Whatever stops it
// before the end leaves the mark, and a second run starts from the beginning. A
// backup that cannot go here changes nothing.
func (r *restoring) run(ctx context.Context, in io.Reader, ids vault.Identities) error {
	again, err := r.mayBegin(ctx)
	if err != nil {
		return err
	}
	o := vault.RestoreOptions{Identities: ids, Tenant: r.c.Tenant, Progress: reporter("restored")}
	if r.c.Database == nil {
		if _, o.Database, err = r.c.dsn(); err != nil {
			return err
		}
	}
	if _, err := os.Stat(r.c.RootKeyFile); r.rootKey == "" && errors.Is(err, os.ErrNotExist) {
		o.RootKeyFile = r.c.RootKeyFile
	}
	o.Begin = func(vault.BackupInfo) (vault.Blobs, error) { return r.begin(ctx, again) }
	info, err := vault.Restore(ctx, in, o)
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	r.c.Tenant = info.Tenant
	if err := r.judge(ctx, info); err != nil {
		return err
	}
	if err := vault.EndRestore(r.c.Data); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "restored backup %s of %s; all sessions are ended\n", info.ID, info.MadeAt)
	fmt.Fprintf(r.out, "what was done after %s is not in it: disable again who left since, and repeat erasures, withdrawals "+
		"of consent and recalls (an export or a witness of the log that is newer names them)\n", info.MadeAt)
	if len(r.c.Witness) > 0 {
		fmt.Fprintln(r.out, "a witness that knows a later state of the log refuses the first start; accept that with `vaultd witness accept-rollback`")
	}
	return nil
}

// mayBegin refuses a folder that is neither empty nor left half done by another
// restore, and a PostgreSQL database that was not restored before.
func (r *restoring) mayBegin(ctx context.Context) (again bool, err error) {
	half := vault.CheckRestored(r.c.Data)
	switch {
	case errors.Is(half, vault.ErrHalfRestored):
		return true, nil
	case half != nil:
		return false, half
	case r.c.Database == nil:
		return false, r.emptyFolder()
	}
	driver, dsn, err := r.c.dsn()
	if err != nil {
		return false, err
	}
	empty, err := vault.Empty(ctx, driver, dsn)
	if err == nil && empty {
		err = errors.New("the PostgreSQL database holds no vault: restore it first, with the tools that copied it")
	}
	return false, err
}

// emptyFolder refuses a folder that holds anything but the configuration and
// the key file.
func (r *restoring) emptyFolder() error {
	entries, err := os.ReadDir(r.c.Data)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking into the data folder: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(r.c.Data, e.Name())
		if path == r.c.RootKeyFile || sameFile(path, r.config) {
			continue
		}
		return fmt.Errorf("the data folder %s is not empty (%s): restore to an empty folder", r.c.Data, e.Name())
	}
	return nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// begin marks the folder, clears what a restore before left in it, places the
// root key and opens the store, which must be empty or hold what that restore
// put there.
func (r *restoring) begin(ctx context.Context, again bool) (vault.Blobs, error) {
	if err := r.mayPlaceRootKey(again); err != nil {
		return nil, err
	}
	if err := vault.BeginRestore(r.c.Data); err != nil {
		return nil, err
	}
	if again {
		if err := r.clear(); err != nil {
			return nil, err
		}
	}
	if r.rootKey != "" {
		if err := r.placeRootKey(); err != nil {
			return nil, err
		}
	}
	blobs, err := r.c.openBlobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the object store: %w", err)
	}
	if !again && vault.NewStore(ctx, blobs) != nil {
		return nil, errors.Join(errors.New("the object store is not empty: restore to an empty one"), vault.EndRestore(r.c.Data))
	}
	return blobs, nil
}

// clear removes what a restore that did not come to its end wrote.
func (r *restoring) clear() error {
	var left []string
	if r.c.MinIO == nil {
		left = append(left, filepath.Join(r.c.Data, "objects"))
	}
	if r.c.Database == nil {
		_, database, err := r.c.dsn()
		if err != nil {
			return err
		}
		left = append(left, database, database+"-wal", database+"-shm")
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("clearing what the last restore left: %w", err)
		}
	}
	return nil
}

// mayPlaceRootKey refuses to put a key over another that is in its place already: that may be the key of a vault in use,
// and the only file that has its newest version. What a restore that was begun before put there may be replaced.
func (r *restoring) mayPlaceRootKey(again bool) error {
	if r.rootKey == "" || again || sameFile(r.rootKey, r.c.RootKeyFile) {
		return nil
	}
	there, err := readBounded(r.c.RootKeyFile, 64<<10)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the root key file: %w", err)
	}
	defer clear(there)
	brought, err := readBounded(r.rootKey, 64<<10)
	if err != nil {
		return fmt.Errorf("reading the root key file: %w", err)
	}
	defer clear(brought)
	if !bytes.Equal(there, brought) {
		return fmt.Errorf("%s is there already and holds another root key: leave --root-key away, or move that file away first", r.c.RootKeyFile)
	}
	return nil
}

// placeRootKey copies the key file to where the configuration wants it. A
// restore that is run again may bring the right key after a wrong one.
func (r *restoring) placeRootKey() error {
	if sameFile(r.rootKey, r.c.RootKeyFile) {
		return nil
	}
	if _, err := vault.OpenKeyFile(r.rootKey, false); err != nil {
		return err
	}
	text, err := readBounded(r.rootKey, 64<<10)
	if err != nil {
		return fmt.Errorf("reading the root key file: %w", err)
	}
	defer clear(text)
	if err := os.MkdirAll(filepath.Dir(r.c.RootKeyFile), 0o700); err != nil {
		return fmt.Errorf("placing the root key file: %w", err)
	}
	return publish(r.c.RootKeyFile, text, true, nil)
}

// judge opens the restored vault, checks all of it and tells it. Witnesses are
// left out: they know more than the backup, and the first start will say so.
func (r *restoring) judge(ctx context.Context, info vault.BackupInfo) error {
	c := *r.c
	c.Witness = nil
	p, err := openMarked(ctx, &c, newLog(c.LogFormat, os.Stderr), false)
	if err != nil {
		return closing(p, fmt.Errorf("opening the restored vault: %w", err))
	}
	if err := checkVault(ctx, p.vault, r.out); err != nil {
		return closing(p, err)
	}
	return closing(p, p.vault.Restored(ctx, vault.Operator(), info))
}

// checkVault checks a vault photo by photo and event by event, and says what it
// found.
func checkVault(ctx context.Context, v *vault.Vault, out io.Writer) error {
	log, err := v.VerifyLog(ctx, vault.Operator())
	if err != nil {
		return fmt.Errorf("verifying the log: %w", err)
	}
	if !log.OK {
		return fmt.Errorf("the log does NOT verify: %s", log.Problem)
	}
	fmt.Fprintf(out, "the log verifies: %d events, %d signed checkpoints\n", log.Size, log.Checkpoints)
	found, err := v.CheckPhotos(ctx, vault.Operator(), reporter("checked"))
	if err != nil {
		return fmt.Errorf("checking the photos: %w", err)
	}
	fmt.Fprintf(out, "%d photos, %d accepted by the log; %d objects (%s) opened and as they were stored\n",
		found.Photos, found.Accepted, found.Objects, bytesText(found.Bytes))
	for _, p := range found.Problems {
		fmt.Fprintf(out, "photo %s %s: %s\n", p.Photo, p.Rendition, p.Problem)
	}
	if found.Bad > 0 {
		return fmt.Errorf("%d things are not as they were stored", found.Bad)
	}
	return nil
}
