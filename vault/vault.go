// Package vault keeps clinical photos and decides who may do what with them.
//
// It guards pictures of patients from four sorts of people: the thief of a
// device or a disk, the person who runs the object store, the colleague who is
// not treating the patient, and the insider who would rather leave no trace.
//
// Every act goes the same way. The caller names an Actor; one function (decide)
// looks up that actor's rights as they are now; bytes are sealed and durable in
// the store before a row speaks of them; then one transaction changes the rows
// and appends the audit event to a Merkle log; only then comes the answer. A
// refusal or a read is in the log before anything is returned. No event, no
// answer.
//
// Keys are layered: a root key (KMS) wraps a key for each patient, which wraps
// a key for each rendition, which seals the bytes in the store, bound to
// tenant, patient, photo, rendition and version. The store therefore learns
// nothing and can change nothing without being caught. Captures arrive sealed
// to the intake key and are kept unopened until a worker has read them.
package vault

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/clinivault/clinivault/imaging"
)

// Defaults of Config.
const (
	DefaultMaxCapture  = 33 << 20 // a 32 MiB picture and its seal
	DefaultClaimFor    = 10 * time.Minute
	DefaultSessionIdle = 30 * time.Minute
	DefaultSessionMax  = 12 * time.Hour
	DefaultTenant      = "main"
)

// Config is what Open needs. Driver, DSN, Blobs and KMS are required.
type Config struct {
	// Driver is "sqlite" (the embedded default) or "postgres".
	Driver string
	// DSN is the path of the SQLite file, or a PostgreSQL connection string.
	DSN string
	// Blobs holds sealed objects; it is not trusted.
	Blobs Blobs
	// KMS holds the root key.
	KMS KMS
	// Imaging reads, masks and scales pictures in limited children. Nil is
	// allowed for operator commands, which touch no picture.
	Imaging *imaging.Pool
	// Tenant is bound into every sealed object; default "main".
	Tenant string
	// LogOrigin names the audit log in its checkpoints; no spaces, no plus
	// sign; default "clinivault/" and the tenant.
	LogOrigin string
	// ChartTargets are the receivers of chart attachments: "fhir", "dicom".
	ChartTargets []string
	// MaxCapture bounds a sealed capture, in bytes; default 33 MiB.
	MaxCapture int64
	// IntakeGrace is how long an intake key that was rotated still opens what
	// devices have queued; default 30 days.
	IntakeGrace time.Duration
	// ClaimFor is how long a reviewer holds a claimed photo; default 10 min.
	ClaimFor time.Duration
	// SessionIdle and SessionMax end sessions; defaults 30 min and 12 h.
	SessionIdle, SessionMax time.Duration
	// PasswordOnly lets people work who have shown a password alone. False, the
	// default, wants a second factor or a passkey.
	PasswordOnly bool
	// FederatedOnly refuses every sign-in but those of the hospital's provider
	// and of emergency accounts.
	FederatedOnly bool
	// StepUpFor is how long a factor counts as shown a short while ago; default 15 min.
	StepUpFor time.Duration
	// ProofEvery is how often a browser proves that it holds the key that its
	// session is bound to; default 5 min.
	ProofEvery time.Duration
	// LockAfter locks a browser's session that nobody has used for that long,
	// SharedLockAfter that of a device marked as shared; defaults 5 min and 60 s.
	LockAfter, SharedLockAfter time.Duration
	// RequireDevice takes photos in from approved devices alone; default false.
	RequireDevice bool
	// WebAuthn is what passkeys are bound to.
	WebAuthn WebAuthnConfig
	// BreachedPasswords is a file of the operator's with passwords that are known
	// to attackers, sorted; empty: none is checked. See openBreached.
	BreachedPasswords string
	// BackupsKept is how long backups of the database are kept, which may hold
	// keys that were destroyed since: certificates of erasure name the date;
	// default 35 days.
	BackupsKept time.Duration
	// BreakGlassFor is how long a broken glass stays open; default 60 min.
	BreakGlassFor time.Duration
	// Beside marks a short command of the operator that may run next to the
	// server on the same SQLite file: it takes no process lock.
	Beside bool
	// Witnesses are told each checkpoint of the log.
	Witnesses []WitnessConfig
	// AcceptRollback, not empty, is the operator's reason for a database that is older than what a witness holds.
	AcceptRollback string
	// PlainBands says what wristbands without GS1's mark carry here.
	PlainBands PlainBands
	// WardListFor is how long a ward list may be used without the network; default 8 h, at most 24 h.
	WardListFor time.Duration
	// Notices says how notices leave the house.
	Notices NoticeConfig
	// Now is the clock; default time.Now. It may jump, both ways.
	Now func() time.Time
	// Elapsed is the time since some moment by a clock that nobody sets;
	// default the time since Open.
	Elapsed func() time.Duration
	// Log takes operational messages, never patient data; default discards.
	Log *slog.Logger
}

// Vault is an open vault. It is safe for use by many goroutines, and on
// PostgreSQL by many processes.
type Vault struct {
	cfg   Config
	db    *sql.DB
	lock  *os.File // flock beside the SQLite file; nil otherwise
	group group    // acts share transactions
	keys  *keyring

	integrityRefused atomic.Int64
	suspects         suspects
	orphansLeft      atomic.Int64 // objects that the last sweep did not dare to delete
	origins          origins      // where passkeys may be used
}

var (
	tenantShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	originShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9./_-]{0,127}$`)
)

func (c *Config) setDefaults() error {
	if c.Blobs == nil || c.KMS == nil {
		return errors.New("a vault needs a blob store and a key service")
	}
	if c.Tenant == "" {
		c.Tenant = DefaultTenant
	}
	if !tenantShape.MatchString(c.Tenant) {
		return errors.New("tenant must be 1 to 32 lower-case letters, digits or hyphens")
	}
	if c.LogOrigin == "" {
		c.LogOrigin = "clinivault/" + c.Tenant
	}
	if !originShape.MatchString(c.LogOrigin) {
		return errors.New("log origin must be letters, digits, dot, slash, underscore or hyphen")
	}
	for _, t := range c.ChartTargets {
		if t != "fhir" && t != "dicom" {
			return errors.New(`chart targets are "fhir" and "dicom"`)
		}
	}
	if c.MaxCapture <= 0 {
		c.MaxCapture = DefaultMaxCapture
	}
	if c.IntakeGrace <= 0 {
		c.IntakeGrace = DefaultIntakeGrace
	}
	if c.ClaimFor <= 0 {
		c.ClaimFor = DefaultClaimFor
	}
	if c.SessionIdle <= 0 {
		c.SessionIdle = DefaultSessionIdle
	}
	if c.SessionMax <= 0 {
		c.SessionMax = DefaultSessionMax
	}
	if c.BreakGlassFor <= 0 {
		c.BreakGlassFor = DefaultBreakGlassFor
	}
	if c.BackupsKept <= 0 {
		c.BackupsKept = DefaultBackupsKept
	}
	c.setSignInDefaults()
	if c.WardListFor <= 0 {
		c.WardListFor = DefaultWardListFor
	}
	if !c.PlainBands.Valid() || c.WardListFor > 24*time.Hour {
		return errors.New(`plain wristbands are "record_number" or "nhs", and a ward list lasts 24 h at most`)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Elapsed == nil {
		start := time.Now()
		c.Elapsed = func() time.Duration { return time.Since(start) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Open opens the vault on a migrated database, and makes the vault's own key
// pairs when the database is new. It refuses a schema that is older or newer
// than this program, a second process on the same SQLite file (unless Beside),
// and a root key that does not open what the database holds.
func Open(ctx context.Context, cfg Config) (*Vault, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	if err := checkBreached(cfg.BreachedPasswords); err != nil {
		return nil, err
	}
	v := &Vault{cfg: cfg}
	if err := v.open(ctx); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

func (v *Vault) open(ctx context.Context) error {
	var err error
	if v.cfg.Driver == driverSQLite {
		if !v.cfg.Beside {
			if v.lock, err = lockBeside(v.cfg.DSN); err != nil {
				return err
			}
			if err := clearKilledBackup(v.cfg.DSN); err != nil {
				return err
			}
		}
	}
	if v.db, err = openDB(v.cfg.Driver, v.cfg.DSN); err != nil {
		return err
	}
	if err := checkSchema(ctx, v.cfg.Driver, v.db); err != nil {
		return err
	}
	if err := v.checkTenant(ctx); err != nil {
		return err
	}
	if err = v.openKeys(ctx); err != nil {
		return fmt.Errorf("opening the vault's keys: %w", err)
	}
	if err := v.checkWitnesses(ctx); err != nil {
		return err
	}
	if err := v.freeLeases(ctx); err != nil {
		return fmt.Errorf("freeing jobs: %w", err)
	}
	return v.mark(ctx)
}

// Close lets go of the database and of the process lock. Callers have finished
// their calls before.
func (v *Vault) Close() error {
	var errs []error
	if v.db != nil {
		errs = append(errs, v.db.Close())
	}
	if v.lock != nil {
		errs = append(errs, v.lock.Close())
	}
	return errors.Join(errs...)
}

// now is the present in unix milliseconds, the unit of every column of time.
func (v *Vault) now() int64 { return v.cfg.Now().UnixMilli() }

// newID is a fresh ID: 26 characters, 130 random bits.
func newID() string { return rand.Text() }

// The kinds of name in the store. Sweep finds orphans by them.
const (
	blobIntake = "intake" // sealed captures, until they are processed
	blobObject = "object" // sealed renditions
	blobPart   = "part"   // of a sealed capture that is on its way
)

// blobName is a fresh name for an object of that kind. It carries the hour it
// was made, by which Sweep tells an orphan from a write under way, and nothing
// about the patient or the photo.
func (v *Vault) blobName(kind string) string {
	hour := v.cfg.Now().UTC().Format(blobHour)
	return kind + "/" + hour + "/" + strings.ToLower(rand.Text())
}
