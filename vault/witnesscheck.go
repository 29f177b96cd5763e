package vault

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// maxKept bounds the checkpoints that are read from one file: 20 years of one a minute.
const maxKept = 10_512_000

var syslogNote = regexp.MustCompile(`\bnote=([A-Za-z0-9+/=]+)`)

// ReadKept reads the checkpoints and handovers that a witness kept: a file
// witness's lines, what a syslog receiver wrote, or one note as it is. Lines of
// other things are passed over. Errors: ErrInvalid when there is none at all.
func ReadKept(r io.Reader) ([]string, error) {
	var kept []string
	in := bufio.NewReaderSize(r, maxLine)
	var whole strings.Builder
	for {
		text, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // no line of ours: to its end
			text = nil
			_, err = in.ReadSlice('\n')
		}
		if note := keptNote(string(text)); note != "" {
			if kept = append(kept, note); len(kept) > maxKept {
				return nil, fmt.Errorf("more than %d checkpoints: %w", maxKept, ErrTooLarge)
			}
		} else if whole.Len() < maxNote {
			whole.Write(text)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading kept checkpoints: %w", err)
		}
	}
	if len(kept) == 0 && strings.Contains(whole.String(), "\n\n— ") {
		kept = []string{whole.String()}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("no checkpoint in it: %w", ErrInvalid)
	}
	return kept, nil
}

// keptNote finds the note in a line.
func keptNote(text string) string {
	var l exportLine
	if strings.HasPrefix(text, `{"note":`) && strict([]byte(strings.TrimSuffix(text, "\n")), &l) == nil {
		return l.Note
	}
	if m := syslogNote.FindStringSubmatch(text); m != nil {
		if b, err := base64.StdEncoding.DecodeString(m[1]); err == nil {
			return string(b)
		}
	}
	return ""
}

// checkWitnesses compares the log with what the file witnesses hold, before
// anything is appended to it: a database that was put back to an earlier state,
// or whose history was rewritten, is not opened, unless the operator says that
// it is meant (Config.AcceptRollback) or has said so before.
func (v *Vault) checkWitnesses(ctx context.Context) error {
	if v.cfg.AcceptRollback != "" {
		if reason := clip(v.cfg.AcceptRollback, maxLastWords); len(strings.TrimSpace(reason)) < 3 {
			return errors.New("give the reason for the older database in a few words")
		}
	}
	for _, c := range v.cfg.Witnesses {
		if c.Kind != "file" {
			continue
		}
		if err := v.checkWitness(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// lastKept is what the last note in a witness's file states; its size is 0
// without one. Who signed it is not asked: a database that was put back knows
// nothing of later keys, and a line that a stranger wrote is worth a question.
func (v *Vault) lastKept(path string) (s statement, err error) {
	tail, err := tailOf(path)
	if err != nil {
		return statement{}, err
	}
	for _, text := range slices.Backward(strings.Split(string(tail), "\n")) {
		origin, s, ok := keptStatement(text)
		if origin != "" && origin != v.cfg.LogOrigin {
			return statement{}, fmt.Errorf("the witness's file %s belongs to another log: give this vault a file of its own: %w", path, ErrIntegrity)
		}
		if ok {
			return s, nil
		}
	}
	return statement{}, nil
}

// keptStatement is what a line of a witness's file states, and about which log, whoever signed it.
func keptStatement(text string) (origin string, s statement, ok bool) {
	note := strings.Split(keptNote(text+"\n"), "\n")
	if len(note) < 5 {
		return "", statement{}, false
	}
	origin = note[0]
	if note[1] == handoverMark {
		note = note[1:]
	}
	s, err := parseStatement(note[1], note[2], note[3])
	return origin, s, err == nil
}

// tailOf reads the end of a witness's file, which need not exist yet.
func tailOf(path string) (tail []byte, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the witness's file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if tail, err = readTail(f); err != nil {
		return nil, fmt.Errorf("reading the witness's file: %w", err)
	}
	return tail, nil
}

func (v *Vault) checkWitness(ctx context.Context, c WitnessConfig) error {
	kept, err := v.lastKept(c.Path)
	if err != nil || kept.N == 0 {
		return err
	}
	var size int64
	if err := v.db.QueryRowContext(ctx, `SELECT size FROM audit_head WHERE id = 1`).Scan(&size); err != nil {
		return dbError(fmt.Errorf("reading log size: %w", err))
	}
	problem := ""
	if kept.N > size {
		problem = fmt.Sprintf("the database is older than its witness: %s holds a checkpoint of %d events of %s, the database has %d",
			c.Path, kept.N, kept.at, size)
	} else {
		root, err := tlog.TreeHash(kept.N, hashReader(ctx, v.db))
		if err != nil && !errors.Is(err, ErrIntegrity) {
			return dbError(err)
		}
		if err == nil && root == kept.Hash {
			return nil
		}
		problem = fmt.Sprintf("the database has another history than its witness: %s holds a checkpoint of %d events of %s that does not agree",
			c.Path, kept.N, kept.at)
	}
	known := 0
	err = v.db.QueryRowContext(ctx, `SELECT count(*) FROM rollbacks WHERE witness = $1 AND size = $2 AND root = $3`,
		c.name(), kept.N, kept.Hash.String()).Scan(&known)
	if err != nil {
		return dbError(fmt.Errorf("reading rollbacks: %w", err))
	}
	if known > 0 {
		return nil
	}
	if v.cfg.AcceptRollback == "" {
		return fmt.Errorf("%s: bring the newer database back, or, when the older one is meant, say so once with "+
			"`vaultd witness accept-rollback --config FILE --reason TEXT`: %w", problem, ErrIntegrity)
	}
	agreed, err := v.lastAgreed(ctx, c.Path, size)
	if err != nil {
		return err
	}
	return v.acceptRollback(ctx, c, kept, agreed)
}

// lastAgreed is the size of the newest checkpoint in a witness's file that this log still agrees with: what follows it was
// lost, also where the log has grown again since. Without one it is the size before the oldest that was read.
func (v *Vault) lastAgreed(ctx context.Context, path string, size int64) (int64, error) {
	tail, err := tailOf(path)
	if err != nil {
		return 0, err
	}
	oldest := size + 1
	for _, text := range slices.Backward(strings.Split(string(tail), "\n")) {
		_, s, ok := keptStatement(text)
		if !ok {
			continue
		}
		if oldest = min(oldest, s.N); s.N > size {
			continue
		}
		root, err := tlog.TreeHash(s.N, hashReader(ctx, v.db))
		if err != nil && !errors.Is(err, ErrIntegrity) {
			return 0, dbError(err)
		}
		if err == nil && root == s.Hash {
			return s.N, nil
		}
	}
	return min(oldest-1, size), nil
}

// acceptRollback puts the operator's word on the record: in the log, which the
// witness then sees, that the events after the last agreed one are missing; the
// reason beside it.
func (v *Vault) acceptRollback(ctx context.Context, c WitnessConfig, kept statement, agreed int64) error {
	id := newID()
	return v.do(ctx, Operator(), actRollback, object{Kind: "log", ID: id}, func(t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO rollbacks (id, witness, size, root, found, reason, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, c.name(), kept.N, kept.Hash.String(), agreed, clip(v.cfg.AcceptRollback, maxLastWords), t.now)
		if err != nil {
			return fmt.Errorf("writing rollback: %w", err)
		}
		t.detail("witness", c.name())
		t.detail("witnessed", strconv.FormatInt(kept.N, 10))
		t.detail("root", kept.Hash.String())
		t.detail("found", strconv.FormatInt(agreed, 10))
		return nil
	})
}

// keptByFiles are the newest notes that the file witnesses hold, some thousands
// each, for a verification of the running log.
func (v *Vault) keptByFiles() ([]string, error) {
	var all []string
	for _, c := range v.cfg.Witnesses {
		if c.Kind != "file" {
			continue
		}
		tail, err := tailOf(c.Path)
		if err != nil {
			return nil, err
		}
		for text := range strings.SplitSeq(string(tail), "\n") {
			if note := keptNote(text + "\n"); note != "" {
				all = append(all, note)
			}
		}
	}
	return all, nil
}

// WitnessState is how a witness stands.
type WitnessState struct {
	Name      string `json:"name"` // in metrics
	Kind      string `json:"kind"`
	Place     string `json:"place"`   // path, URL or address, as configured
	Covered   int64  `json:"covered"` // events covered by the newest checkpoint that it has
	Waiting   int64  `json:"waiting"` // checkpoints that it does not have
	Since     Time   `json:"since"`   // time of the oldest of them, 0 without one
	Sent      int64  `json:"sent"`    // messages in all
	SentAt    Time   `json:"sent_at"` // when it last had all there was, 0 never
	Attempts  int64  `json:"attempts"`
	LastError string `json:"last_error,omitempty"`
	OK        bool   `json:"ok"` // it lags by less than five minutes
}

// Witnesses says how each configured witness stands.
func (v *Vault) Witnesses(ctx context.Context, a Actor) (out []WitnessState, err error) {
	err = v.quietly(ctx, a, actWitness, object{Kind: "log"}, func(t *tx) error {
		out, err = v.witnessStates(ctx, t)
		return err
	})
	return out, err
}

func (v *Vault) witnessStates(ctx context.Context, q querier) (out []WitnessState, err error) {
	now := v.now()
	for _, c := range v.cfg.Witnesses {
		s := WitnessState{Name: c.name(), Kind: c.Kind, Place: c.place(), OK: true}
		var since, sentAt, configured int64
		err := q.QueryRowContext(ctx, `SELECT w.checkpoint, w.sent, w.sent_at, w.attempts, w.last_error, w.configured_at,
			(SELECT count(*) FROM checkpoints c WHERE c.size > w.checkpoint),
			COALESCE((SELECT MIN(c.at) FROM checkpoints c WHERE c.size > w.checkpoint), 0) FROM witnesses w WHERE w.name = $1`, s.Name).
			Scan(&s.Covered, &s.Sent, &sentAt, &s.Attempts, &s.LastError, &configured, &s.Waiting, &since)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("reading witness: %w", err)
		}
		s.Since, s.SentAt = Time(since), Time(sentAt)
		if lag := now - max(since, configured); s.Waiting > 0 && lag > witnessLate.Milliseconds() {
			s.OK = false
		}
		out = append(out, s)
	}
	return out, nil
}

// WitnessLags are the seconds since the oldest checkpoint that each witness
// does not have, for metrics; 0 when it has all.
func (v *Vault) WitnessLags(ctx context.Context) (map[string]float64, error) {
	states, err := v.witnessStates(ctx, v.db)
	if err != nil {
		return nil, dbError(err)
	}
	out := map[string]float64{}
	for _, s := range states {
		out[s.Name] = 0
		if s.Waiting > 0 {
			out[s.Name] = max(0, float64(v.now()-int64(s.Since))/1000)
		}
	}
	return out, nil
}

// witnessPart is the health of all witnesses in one line; none is configured:
// said so, since then nobody outside can tell a rewritten log.
func (v *Vault) witnessPart(ctx context.Context, q querier) (Part, error) {
	p := Part{Name: "witness", OK: true}
	if len(v.cfg.Witnesses) == 0 {
		p.Warn, p.Detail = true, "none configured: nobody outside keeps checkpoints"
		return p, nil
	}
	states, err := v.witnessStates(ctx, q)
	if err != nil {
		return p, err
	}
	var words []string
	for _, s := range states {
		w := s.Kind + " has all checkpoints"
		if s.Waiting > 0 {
			lag := max(0, v.now()-int64(s.Since))
			w = fmt.Sprintf("%s lacks %d checkpoints, the oldest of %s ago", s.Kind, s.Waiting, (time.Duration(lag) * time.Millisecond).Round(time.Second))
		}
		if s.LastError != "" {
			w += ": " + s.LastError
		}
		words, p.OK = append(words, w), p.OK && s.OK
	}
	p.Detail = strings.Join(words, "; ")
	return p, nil
}
