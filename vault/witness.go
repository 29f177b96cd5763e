package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A witness keeps checkpoints where whoever owns the database cannot reach
// them. What it was told can no longer be changed unnoticed.
//
// The outbox is the log itself: the rows of checkpoints, handovers and events,
// written with their act. A row in table witnesses says how far a witness has
// them. One node at a time sends to a witness, in order, and moves its place
// only after the witness has answered for what it was sent.

const (
	witnessPage  = 200              // items sent at a time
	witnessLease = 2 * time.Minute  // longer than a sending may take
	witnessSend  = 60 * time.Second // at most, for one page
	witnessLate  = 5 * time.Minute  // before a witness that lags is an alarm
)

// WitnessConfig is one witness of the log. Files named in it are read each time
// a connection is made.
type WitnessConfig struct {
	// Kind is "file", "https" or "syslog".
	Kind string `json:"kind"`
	// Path of a file witness: checkpoints are appended, a line each, and synced. It should lie on storage that the
	// administrators of the database cannot write to, and that all nodes share.
	Path string `json:"path"`
	// URL is the base address of an https witness (C2SP tlog-witness).
	URL string `json:"url"`
	// VerifierKey is an https witness's own key (name+hash+key); with it, a cosignature is required and checked.
	VerifierKey string `json:"verifier_key"`
	// TokenFile holds a bearer token for an https witness.
	TokenFile string `json:"token_file"`
	// Address is the host:port of a syslog witness over TLS (RFC 5425).
	Address string `json:"address"`
	// ServerName is the name in its certificate; default the host of Address.
	ServerName string `json:"server_name"`
	// Events sends each event too, not only checkpoints, to a syslog witness.
	Events bool `json:"events"`
	// CAFile (PEM) is who signs the witness's certificate, default the system's; CertFile and KeyFile (PEM) are ours.
	CAFile   string `json:"ca_file"`
	CertFile string `json:"cert_file"`
	KeyFile  string `json:"key_file"`
}

// place is what the configuration calls the witness.
func (c WitnessConfig) place() string { return c.Path + c.URL + c.Address }

// name tells witnesses apart, in rows and metrics: the same as long as it is at
// the same place.
func (c WitnessConfig) name() string {
	sum := sha256.Sum256([]byte(c.place()))
	return c.Kind + "-" + hex.EncodeToString(sum[:4])
}

// Check says in a sentence what is wrong with a witness's configuration.
func (c WitnessConfig) Check() error {
	want := map[string][3]bool{"file": {true, false, false}, "https": {false, true, false}, "syslog": {false, false, true}}
	fields, known := want[c.Kind]
	if !known {
		return errors.New(`a witness is of kind "file", "https" or "syslog"`)
	}
	if fields != [3]bool{c.Path != "", c.URL != "", c.Address != ""} {
		return fmt.Errorf(`a witness of kind %q needs "path" (file), "url" (https) or "address" (syslog), and none of the others`, c.Kind)
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New(`a witness needs both "cert_file" and "key_file", or neither`)
	}
	if c.Kind == "syslog" && c.CertFile == "" {
		return errors.New(`a witness of kind "syslog" needs "cert_file" and "key_file": both sides show a certificate`)
	}
	if c.Events && c.Kind != "syslog" || (c.TokenFile != "" || c.VerifierKey != "") && c.Kind != "https" {
		return errors.New(`"events" is for a witness of kind "syslog", "token_file" and "verifier_key" for "https"`)
	}
	return nil
}

// witness is the other side.
type witness interface {
	// send hands over the items in order. It returns how many of them, from the
	// first on, the witness surely has, also when it fails after those.
	send(ctx context.Context, items []witnessItem) (had int, cosigned []cosignature, err error)
}

// witnessItem is one thing to be told.
type witnessItem struct {
	kind string // "checkpoint", "handover", "event"
	size int64  // of the log at a checkpoint or handover; place of an event
	mark int64  // where the witness's place is then: size, epoch, seq
	at   int64
	text string // the note, or the event as it was hashed
}

// cosignature is what a witness signed.
type cosignature struct {
	size int64
	line string
}

// errDiverged is the answer of a witness that holds another history.
var errDiverged = errors.New("the witness holds a checkpoint that this log does not agree with")

func (v *Vault) openWitness(c WitnessConfig) witness {
	switch c.Kind {
	case "file":
		return &fileWitness{path: c.Path}
	case "https":
		return &httpsWitness{cfg: c, origin: v.cfg.LogOrigin, prove: v.proveTree}
	}
	return &syslogWitness{cfg: c, origin: v.cfg.LogOrigin}
}

// proveTree proves that the log of size old is the beginning of that of size new.
func (v *Vault) proveTree(ctx context.Context, old, new int64) ([]tlog.Hash, error) {
	if old == 0 {
		return nil, nil
	}
	proof, err := tlog.ProveTree(new, old, hashReader(ctx, v.db))
	if err != nil {
		return nil, fmt.Errorf("proving consistency: %w", err)
	}
	return proof, nil
}

// SendToWitnesses sends each witness what it does not have yet, unless another
// node is at it or it failed a moment ago. The error says which ones failed;
// everything stays in the outbox until a witness has it. Run it every few
// seconds.
func (v *Vault) SendToWitnesses(ctx context.Context, a Actor) error {
	if len(v.cfg.Witnesses) == 0 { // decide all the same
		return v.quietly(ctx, a, actWitness, object{Kind: "log"}, func(*tx) error { return nil })
	}
	errs := make([]error, len(v.cfg.Witnesses))
	var all sync.WaitGroup
	for i, c := range v.cfg.Witnesses {
		all.Go(func() {
			if err := v.tell(ctx, a, c); err != nil {
				errs[i] = fmt.Errorf("witness %s: %w", c.name(), err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// tell sends one witness page after page.
func (v *Vault) tell(ctx context.Context, a Actor, c WitnessConfig) error {
	w, name, lease := v.openWitness(c), c.name(), newID()
	for ctx.Err() == nil {
		items, err := v.takeOutbox(ctx, a, c, lease)
		if err != nil || len(items) == 0 {
			return err
		}
		within, cancel := context.WithTimeout(ctx, witnessSend)
		had, cosigned, failed := w.send(within, items)
		cancel()
		if err := v.noteSent(ctx, a, name, lease, items[:had], cosigned, failed); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	return ctx.Err()
}

// takeOutbox takes the lease on a witness and reads what it does not have.
// Nothing is taken where there is nothing to send.
func (v *Vault) takeOutbox(ctx context.Context, a Actor, c WitnessConfig, lease string) (items []witnessItem, err error) {
	err = v.quietly(ctx, a, actWitness, object{Kind: "log"}, func(t *tx) error {
		items = nil
		name := c.name()
		if err := t.register(ctx, c); err != nil {
			return err
		}
		var cp, handover, event, retryAt, until int64
		var held string
		err := t.QueryRowContext(ctx, `SELECT checkpoint, handover, event, retry_at, lease, leased_until FROM witnesses WHERE name = $1`,
			name).Scan(&cp, &handover, &event, &retryAt, &held, &until)
		if err != nil {
			return fmt.Errorf("reading witness: %w", err)
		}
		if retryAt > t.now && retryAt-t.now < maxWitnessRest.Milliseconds()*2 || held != lease && until > t.now && until-t.now <= 2*witnessLease.Milliseconds() {
			return nil
		}
		if items, err = t.outbox(ctx, cp, handover, event, c.Events); err != nil || len(items) == 0 {
			return err
		}
		res, err := t.ExecContext(ctx, `UPDATE witnesses SET lease = $1, leased_until = $2 WHERE name = $3 AND lease = $4`,
			lease, t.now+witnessLease.Milliseconds(), name, held)
		if err != nil {
			return fmt.Errorf("taking witness: %w", err)
		}
		if n, err := res.RowsAffected(); n == 0 { // another node was faster
			items = nil
			return err
		}
		return nil
	})
	return items, err
}

// register gives a new witness its place: before the newest checkpoint, after
// the newest event. Turning events on later begins at that time too.
func (t *tx) register(ctx context.Context, c WitnessConfig) error {
	var known int
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM witnesses WHERE name = $1`, c.name()).Scan(&known)
	if err != nil || known == 1 {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO witnesses (name, kind, checkpoint, handover, event, configured_at)
		SELECT $1, $2, COALESCE((SELECT MAX(size) FROM checkpoints WHERE size < (SELECT MAX(size) FROM checkpoints)), 0),
			COALESCE((SELECT MAX(epoch) FROM log_handovers), 0), size, $3 FROM audit_head WHERE id = 1
		ON CONFLICT (name) DO NOTHING`, c.name(), c.Kind, t.now)
	if err != nil {
		return fmt.Errorf("adding witness: %w", err)
	}
	return nil
}

// outbox reads what comes after a witness's places, in the order of the log: a
// checkpoint after the events that it covers, a handover after the last
// checkpoint of the old key.
func (t *tx) outbox(ctx context.Context, checkpoint, handover, event int64, events bool) (items []witnessItem, err error) {
	read := func(kind, query string, after int64) {
		if err != nil {
			return
		}
		var more []witnessItem
		more, err = list(ctx, t, func(rows *sql.Rows) (i witnessItem, err error) {
			i.kind = kind
			return i, rows.Scan(&i.size, &i.mark, &i.at, &i.text)
		}, query, after, witnessPage)
		items = append(items, more...)
	}
	if events {
		read("event", `SELECT seq, seq, at, entry FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2`, event)
	}
	full := len(items) == witnessPage
	read("checkpoint", `SELECT size, size, at, note FROM checkpoints WHERE size > $1 ORDER BY size LIMIT $2`, checkpoint)
	read("handover", `SELECT size, epoch, at, note FROM log_handovers WHERE epoch > $1 ORDER BY epoch LIMIT $2`, handover)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	last := int64(-1)
	if full {
		last = items[witnessPage-1].size
	}
	rank := map[string]int{"event": 0, "checkpoint": 1, "handover": 2}
	slices.SortStableFunc(items, func(a, b witnessItem) int {
		if a.size != b.size {
			return int(min(max(a.size-b.size, -1), 1))
		}
		return rank[a.kind] - rank[b.kind]
	})
	if full { // what is beyond the events that were read comes after the next ones
		items = slices.DeleteFunc(items, func(i witnessItem) bool { return i.size > last })
	}
	return items[:min(len(items), witnessPage)], nil
}

// noteSent moves the witness's place, and says why when sending failed.
func (v *Vault) noteSent(ctx context.Context, a Actor, name, lease string, had []witnessItem, cosigned []cosignature, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	marks := map[string]int64{}
	for _, i := range had {
		marks[i.kind] = max(marks[i.kind], i.mark)
	}
	return v.quietly(ctx, a, actWitness, object{Kind: "log"}, func(t *tx) error {
		err := exactlyOne(ctx, t, "noting what was sent", `UPDATE witnesses SET checkpoint = CASE WHEN checkpoint > $1 THEN checkpoint ELSE $1 END,
			handover = CASE WHEN handover > $2 THEN handover ELSE $2 END, event = CASE WHEN event > $3 THEN event ELSE $3 END,
			sent = sent + $4 WHERE name = $5 AND lease = $6`,
			marks["checkpoint"], marks["handover"], marks["event"], len(had), name, lease)
		if err != nil {
			return err
		}
		for _, c := range cosigned {
			_, err := t.ExecContext(ctx, `INSERT INTO cosignatures (witness, size, signature, at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (witness, size) DO NOTHING`, name, c.size, c.line, t.now)
			if err != nil {
				return fmt.Errorf("keeping cosignature: %w", err)
			}
		}
		if failed == nil {
			_, err = t.ExecContext(ctx, `UPDATE witnesses SET attempts = 0, retry_at = 0, last_error = '', sent_at = $1, lease = '',
				leased_until = 0 WHERE name = $2`, t.now, name)
			return err
		}
		var attempts int
		if err := t.QueryRowContext(ctx, `SELECT attempts FROM witnesses WHERE name = $1`, name).Scan(&attempts); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE witnesses SET attempts = attempts + 1, retry_at = $1, last_error = $2, lease = '', leased_until = 0
			WHERE name = $3`, t.now+witnessRest(attempts).Milliseconds(), lastWords(failed), name)
		return err
	})
}

const maxWitnessRest = 2 * time.Minute

// witnessRest is how long to wait after so many failures: 1, 2, 4 … 120 s.
func witnessRest(failures int) time.Duration {
	return min(time.Second<<min(failures, 10), maxWitnessRest)
}
