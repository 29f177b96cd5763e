package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

const maxEvents = 500 // in one answer

// Event is one link of the audit log, as a reader sees it.
type Event struct {
	Seq        int64             `json:"seq"` // from 1, without gaps
	At         Time              `json:"at"`
	Actor      string            `json:"actor"`                // "person:ID", "job:NAME", "operator"
	ActorName  string            `json:"actor_name,omitempty"` // looked up now; never in the log
	ActingAs   string            `json:"acting_as,omitempty"`  // the role that allowed it
	Act        string            `json:"act"`
	Outcome    string            `json:"outcome"` // ok, refused, failed
	ObjectKind string            `json:"object_kind,omitempty"`
	Object     string            `json:"object,omitempty"`
	Patient    string            `json:"patient,omitempty"` // pseudonym
	Photo      string            `json:"photo,omitempty"`
	Purpose    string            `json:"purpose,omitempty"`
	Remote     string            `json:"remote,omitempty"`
	Request    string            `json:"request,omitempty"`
	Session    string            `json:"session,omitempty"`
	Detail     map[string]string `json:"detail,omitempty"`
	Reason     string            `json:"reason,omitempty"` // of a reveal, opened now; never in the log
}

// AuditOfPatient returns the events about a patient with Seq below before (0:
// from the newest), newest first, at most limit of them (1 to 500).
func (v *Vault) AuditOfPatient(ctx context.Context, a Actor, id PatientID, before int64, limit int) ([]Event, error) {
	return v.readAudit(ctx, a, onPatient(id), before, limit, func(t *tx) (string, string, error) {
		var pseudonym string
		err := t.QueryRowContext(ctx, `SELECT pseudonym FROM patients WHERE id = $1`, string(id)).Scan(&pseudonym)
		if err != nil {
			return "", "", fmt.Errorf("reading pseudonym: %w", absent(err))
		}
		return "e.patient = $1", pseudonym, nil
	})
}

// AuditOfPerson returns what a person did or was refused; paging as in
// AuditOfPatient.
func (v *Vault) AuditOfPerson(ctx context.Context, a Actor, id PersonID, before int64, limit int) ([]Event, error) {
	return v.readAudit(ctx, a, onPerson(id), before, limit, func(t *tx) (string, string, error) {
		var n int64
		err := t.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE id = $1`, string(id)).Scan(&n)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return "e.actor = $1", "person:" + string(id), err
	})
}

// AuditRecent returns the newest events of all; paging as in AuditOfPatient.
func (v *Vault) AuditRecent(ctx context.Context, a Actor, before int64, limit int) ([]Event, error) {
	return v.readAudit(ctx, a, object{Kind: "log"}, before, limit, func(*tx) (string, string, error) {
		return "e.seq > 0 AND $1 = ''", "", nil
	})
}

func (v *Vault) readAudit(ctx context.Context, a Actor, on object, before int64, limit int,
	filter func(*tx) (where, arg string, err error)) ([]Event, error) {
	if before < 0 || limit < 1 || limit > maxEvents {
		return nil, fmt.Errorf("paging: %w", ErrInvalid)
	}
	if before == 0 {
		before = math.MaxInt64
	}
	var out []Event
	err := v.do(ctx, a, actAuditRead, on, func(t *tx) error {
		where, arg, err := filter(t)
		if err != nil {
			return err
		}
		out, err = list(ctx, t, scanEvent, `SELECT e.seq, e.entry, COALESCE(p.name, '') FROM audit_events e
			LEFT JOIN people p ON e.actor = 'person:' || p.id
			WHERE `+where+` AND e.seq < $2 ORDER BY e.seq DESC LIMIT $3`, arg, before, limit)
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		for i, e := range out {
			if out[i].Reason, err = v.revealReason(ctx, t, e.Detail["reveal"]); err != nil {
				return err
			}
		}
		t.detail("events", fmt.Sprint(len(out)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func scanEvent(rows *sql.Rows) (Event, error) {
	var seq int64
	var text, name string
	if err := rows.Scan(&seq, &text, &name); err != nil {
		return Event{}, err
	}
	e := eventOf(seq, text)
	e.ActorName = name
	return e, nil
}

const unreadAct = "(unreadAct)" // in place of the act

// eventOf reads an event's text.
func eventOf(seq int64, text string) Event {
	e := Event{Seq: seq}
	var entry logEntry
	if err := json.Unmarshal([]byte(text), &entry); err != nil {
		e.Act, e.Outcome = unreadAct, outcomeFailed // verify says what is wrong with it
		return e
	}
	e.At, e.Actor, e.ActingAs, e.Act, e.Outcome = Time(entry.At), entry.Actor, entry.ActingAs, entry.Act, entry.Outcome
	e.ObjectKind, e.Object, e.Patient, e.Photo = entry.ObjectKind, entry.Object, entry.Patient, entry.Photo
	e.Purpose, e.Remote, e.Request, e.Session, e.Detail = entry.Purpose, entry.Remote, entry.Request, entry.Session, entry.Detail
	return e
}

// LogSize is the number of events, for metrics.
func (v *Vault) LogSize(ctx context.Context) (int64, error) {
	var n int64
	err := v.db.QueryRowContext(ctx, `SELECT size FROM audit_head WHERE id = 1`).Scan(&n)
	return n, dbError(err)
}

// clip cuts s to at most n bytes of whole characters.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
