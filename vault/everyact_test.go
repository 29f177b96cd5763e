package vault_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// byLetter are the actors of the tables of rights, coming from an address in a request.
func byLetter(w *world) map[string]vault.Actor {
	out := map[string]vault.Actor{}
	for letter, a := range map[string]vault.Actor{"c": w.colleague, "x": w.outsider, "r": w.reviewer, "d": w.records, "p": w.privacy,
		"a": w.admin, "j": vault.JobActor("test"), "o": vault.Operator(), "s": w.directory} {
		out[letter] = a.From("192.0.2.7", "REQUEST"+strings.ToUpper(letter))
	}
	return out
}

// TestEveryEventIsComplete: whatever anybody does or is refused, its event says who, as what, when, what, with which
// outcome, from where, in which request, and about whom where it is about a patient or a photo.
func TestEveryEventIsComplete(t *testing.T) {
	w := newWorld(t)
	s := newScene(w)
	actors := byLetter(w)
	for _, op := range operations {
		if op.call == nil {
			continue
		}
		t.Run(op.method, func(t *testing.T) {
			for letter, a := range actors {
				before := logSize(t, w.V)
				err := op.call(t.Context(), s, a)
				for _, e := range eventsSince(t, w, before) {
					if strings.HasPrefix(e.Act, "key.") || e.Actor == "operator" && letter != "o" {
						continue // what a later call of the machinery leaves
					}
					wantComplete(t, e, "REQUEST"+strings.ToUpper(letter), err)
				}
			}
		})
	}
}

func eventsSince(t *testing.T, w *world, after int64) (out []vault.Event) {
	t.Helper()
	rows, err := w.SQL(t).QueryContext(t.Context(), `SELECT entry FROM audit_events WHERE seq > $1 ORDER BY seq`, after)
	ok(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		ok(t, rows.Scan(&text))
		var e struct {
			vault.Event
			At int64 `json:"at"`
		}
		ok(t, json.Unmarshal([]byte(text), &e))
		e.Event.At = vault.Time(e.At)
		out = append(out, e.Event)
	}
	ok(t, rows.Err())
	return out
}

func wantComplete(t *testing.T, e vault.Event, request string, answered error) {
	t.Helper()
	if e.Request != request || e.Remote != "192.0.2.7" {
		t.Errorf("%s %s: from %q in request %q, want 192.0.2.7 in %q", e.Act, e.Outcome, e.Remote, e.Request, request)
	}
	if e.Act == "" || e.Actor == "" || e.At == 0 || e.ObjectKind == "" || e.Outcome == "" {
		t.Errorf("an event without act, actor, time, kind of object or outcome: %+v", e)
	}
	if strings.HasPrefix(e.Actor, "person:") && e.Session == "" {
		t.Errorf("%s: no session", e.Act)
	}
	if e.Outcome != "refused" && e.ActingAs == "" {
		t.Errorf("%s %s: does not say as what (%v)", e.Act, e.Outcome, answered)
	}
	if e.Outcome != "ok" && e.Detail["error"] == "" {
		t.Errorf("%s %s: does not say why", e.Act, e.Outcome)
	}
	if e.Photo != "" && e.Patient == "" {
		t.Errorf("%s %s: about a photo, but no patient's pseudonym", e.Act, e.Outcome)
	}
}

// TestNoReadWithoutItsEvent: with the log made unwritable, nothing that leaves an event when it goes well gives an answer.
func TestNoReadWithoutItsEvent(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := newScene(w)
		actors := byLetter(w)
		type done struct {
			operation
			by string
		}
		var logged []done
		for _, op := range operations {
			for _, letter := range strings.Split(op.may, "") {
				if op.call == nil || op.method == "Accept" || op.method == "Sweep" {
					continue // the second time there is nothing to do, and no event: the receipt was given before
				}
				before := logSize(t, w.V)
				if err := op.call(t.Context(), s, actors[letter]); err == nil && logSize(t, w.V) > before {
					logged = append(logged, done{op, letter})
				}
			}
		}
		if len(logged) < 30 {
			t.Fatalf("only %d calls went well and left an event", len(logged))
		}
		refuseEvents(t, w.Bench)
		for _, d := range logged {
			if err := d.call(t.Context(), s, actors[d.by]); !errors.Is(err, vault.ErrUnavailable) {
				t.Errorf("%s by %s without its event: got %v, want ErrUnavailable", d.method, d.by, err)
			}
		}
	})
}
