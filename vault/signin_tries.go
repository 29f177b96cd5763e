package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Who guesses is slowed down, and who is guessed at is not kept out. Each try is counted before it is checked, so that
// many at once count as many, and given back when it was right. It is counted at up to three doors:
//
//	login     the tries for one login by browsers that nobody knows; a browser in which the person has signed in before
//	          (OWASP calls it a device cookie) has a count of its own, so strangers cannot lock a person out
//	address   the wrong tries from one address for whatever logins: credential stuffing
//	vault     the wrong tries of all strangers in a minute: stuffing from many addresses
//
// At each door some tries are free; then each must wait for twice as long as the one before. The counts are in the
// database: nodes count together. They are kept by digest, since people type passwords where the login belongs.

// KnownFor is how long a browser is known without signing in.
const KnownFor = 90 * 24 * time.Hour

const mostKnown = 20 // browsers of one person

// doorSort is how patient a door is.
type doorSort struct {
	name   string
	free   int64         // tries without waiting
	most   time.Duration // the longest wait
	forget time.Duration // after this long without a try the count starts anew
	window bool          // the count is of a window as long as forget, not of a series
}

var (
	loginDoor   = doorSort{"login", 5, 15 * time.Minute, 24 * time.Hour, false}
	codeDoor    = doorSort{"code", 5, 15 * time.Minute, 24 * time.Hour, false}
	addressDoor = doorSort{"address", 40, 5 * time.Minute, 30 * time.Minute, false}
	vaultDoor   = doorSort{"vault", 300, time.Minute, time.Minute, true}
)

// door is one count.
type door struct {
	sort doorSort
	key  string // digest
}

func doorKey(sort doorSort, parts ...string) door {
	sum := sha256.Sum256(bindText(append([]string{sort.name}, parts...)...))
	return door{sort, hex.EncodeToString(sum[:])}
}

// doorsOf are where a password is counted. Strangers' doors come in one order everywhere, so that transactions wait for
// each other and do not lock each other out.
func doorsOf(login, known string, d Door) []door {
	if known != "" {
		return []door{doorKey(loginDoor, "known", known, login)}
	}
	return strangersDoors(doorKey(loginDoor, "stranger", login), d)
}

// codeDoors are where a second factor is counted.
func codeDoors(person PersonID, known string, d Door) []door {
	if known != "" {
		return []door{doorKey(codeDoor, "known", known, string(person))}
	}
	return strangersDoors(doorKey(codeDoor, "stranger", string(person)), d)
}

func strangersDoors(first door, d Door) []door {
	all := []door{first, doorKey(vaultDoor)}
	if from := network(d.Remote); from != "" {
		all = append(all, doorKey(addressDoor, from))
	}
	return all
}

// network is the address of one customer: IPv6 gives each a whole /64.
func network(remote string) string {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		remote = ap.Addr().String()
	}
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		return ""
	}
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// TooManyTries says how long to wait before the next. It is ErrLocked.
type TooManyTries struct{ After time.Duration }

// Error gives no more away than the sentence.
func (e *TooManyTries) Error() string { return ErrLocked.Error() + ": " + e.Sentence() }

// Unwrap gives ErrLocked.
func (*TooManyTries) Unwrap() error { return ErrLocked }

// Sentence is what may be shown to the person.
func (e *TooManyTries) Sentence() string {
	return "Too many wrong tries. Wait " + inWords(e.After) + " and try again."
}

func inWords(d time.Duration) string {
	if d > 90*time.Second {
		return fmt.Sprintf("%d minutes", int((d+time.Minute-1)/time.Minute))
	}
	return fmt.Sprintf("%d seconds", max(1, int((d+time.Second-1)/time.Second)))
}

// wait is how long after its failures-th try a door stays shut.
func (s doorSort) wait(failures int64) time.Duration {
	if failures <= s.free {
		return 0
	}
	if s.window {
		return s.most
	}
	wait := time.Second
	for n := s.free + 1; n < failures && wait < s.most; n++ {
		wait *= 2
	}
	return min(wait, s.most)
}

// take counts one try at each door before it is checked; none is counted when one door is shut, and only that leaves an
// event. Errors: *TooManyTries.
func (v *Vault) take(ctx context.Context, at Actor, what act, doors []door) error {
	return v.quietly(ctx, at, what, ownObject(at, what), func(t *tx) error {
		for _, d := range doors {
			if err := t.takeOne(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) takeOne(ctx context.Context, d door) error {
	forget := t.now - d.sort.forget.Milliseconds()
	last := `excluded.last_at`
	if d.sort.window { // last_at is when the window began
		last = `CASE WHEN sign_in_tries.last_at < $3 THEN excluded.last_at ELSE sign_in_tries.last_at END`
	}
	var failures int64
	err := t.QueryRowContext(ctx, `INSERT INTO sign_in_tries (door, failures, open_at, last_at) VALUES ($1, 1, 0, $2)
		ON CONFLICT (door) DO UPDATE SET failures = CASE WHEN sign_in_tries.last_at < $3 THEN 1 ELSE sign_in_tries.failures + 1 END,
		last_at = `+last+` WHERE sign_in_tries.open_at <= $2 RETURNING failures`, d.key, t.now, forget).Scan(&failures)
	if errors.Is(err, sql.ErrNoRows) {
		var open int64
		if err := t.QueryRowContext(ctx, `SELECT open_at FROM sign_in_tries WHERE door = $1`, d.key).Scan(&open); err != nil {
			return fmt.Errorf("counting tries: %w", err)
		}
		return &TooManyTries{After: time.Duration(open-t.now) * time.Millisecond}
	}
	if err != nil {
		return fmt.Errorf("counting tries: %w", err)
	}
	wait := d.sort.wait(failures)
	if wait == 0 {
		return nil
	}
	_, err = t.ExecContext(ctx, `UPDATE sign_in_tries SET open_at = $1 WHERE door = $2`, t.now+wait.Milliseconds(), d.key)
	return err
}

// giveBack takes a try back that was right, without forgetting those before.
func (t *tx) giveBack(ctx context.Context, doors []door) error {
	for _, d := range doors {
		_, err := t.ExecContext(ctx, `UPDATE sign_in_tries SET failures = failures - 1, open_at = CASE WHEN failures - 1 <= $1 THEN 0
			ELSE open_at END WHERE door = $2 AND failures > 0`, d.sort.free, d.key)
		if err != nil {
			return fmt.Errorf("counting tries: %w", err)
		}
	}
	return nil
}

// passed forgets the tries at the person's own door, and takes the one that was right back at the others.
func (t *tx) passed(ctx context.Context, doors []door) error {
	if len(doors) == 0 {
		return nil
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM sign_in_tries WHERE door = $1`, doors[0].key); err != nil {
		return fmt.Errorf("forgetting tries: %w", err)
	}
	return t.giveBack(ctx, doors[1:])
}

// knows looks whether a person has signed in before where the cookie comes from, and answers its digest then.
func (v *Vault) knows(ctx context.Context, cookie string, id PersonID) (string, error) {
	hash := tokenHash(cookie)
	found, err := list(ctx, v.db, scanOne[string], `SELECT cookie_hash FROM known_browsers WHERE cookie_hash = $1 AND person = $2
		AND seen_at > $3`, hash, id, v.now()-KnownFor.Milliseconds())
	if err != nil {
		return "", dbError(fmt.Errorf("looking for a known browser: %w", err))
	}
	if cookie == "" || !slices.Contains(found, hash) {
		return "", nil
	}
	return hash, nil
}

// remember notes that the person signed in in this browser, under the cookie it brought or a fresh one, which it answers.
// Somebody who never signed in here before is told of it.
func (t *tx) remember(ctx context.Context, id PersonID, d Door, fresh string) (string, error) {
	if !d.Browser {
		return "", nil
	}
	cookie, since := fresh, t.now-KnownFor.Milliseconds()
	var here, mine, all int64
	err := t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM known_browsers WHERE cookie_hash = $1 AND seen_at > $3),
		(SELECT count(*) FROM known_browsers WHERE cookie_hash = $1 AND person = $2 AND seen_at > $3),
		(SELECT count(*) FROM known_browsers WHERE person = $2)`, tokenHash(d.Known), id, since).Scan(&here, &mine, &all)
	if err != nil {
		return "", fmt.Errorf("looking for a known browser: %w", err)
	}
	if d.Known != "" && here > 0 {
		cookie = d.Known
	}
	if mine == 0 && all > 0 {
		if err := t.notify(ctx, noticeSignIn, toPerson(id)); err != nil {
			return "", err
		}
	}
	return cookie, t.changes(ctx, "remembering the browser",
		change{`INSERT INTO known_browsers (cookie_hash, person, made_at, seen_at) VALUES ($1, $2, $3, $3)
			ON CONFLICT (cookie_hash, person) DO UPDATE SET seen_at = excluded.seen_at`, []any{tokenHash(cookie), id, t.now}},
		change{`DELETE FROM known_browsers WHERE person = $1 AND cookie_hash NOT IN (SELECT cookie_hash FROM known_browsers
			WHERE person = $1 ORDER BY seen_at DESC, cookie_hash LIMIT $2)`, []any{id, mostKnown}})
}
