package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Notices tell people that something waits for them. A notice is a kind, a time and a count: never a name, a number or
// the ID of what it is about, so that neither the row, nor the message that leaves the house, nor whoever carries that
// message, learns more than that. What waits is seen on the page of the kind, after signing in.
//
// A notice is written in the transaction of the act that causes it; a job sends it afterwards. While one of a kind waits
// unseen for a person, the next is counted on it.

// noticeKind says what sort of thing waits.
type noticeKind string

// The kinds.
const (
	noticeBreakGlass  noticeKind = "break_glass"       // somebody broke the glass: privacy looks at it
	noticeGlassOften  noticeKind = "break_glass_often" // and not for the first time that day
	noticeReview      noticeKind = "review"            // photos wait for review
	noticeSignErasure noticeKind = "sign_erasure"      // an erasure waits for a second person's signature
	noticeSignRecall  noticeKind = "sign_recall"       // a recall
	noticeSignHold    noticeKind = "sign_hold"         // the lifting of a hold
	noticeSignRule    noticeKind = "sign_rule"         // a retention rule
	noticeDevice      noticeKind = "device"            // a device waits to be approved
	noticeFeed        noticeKind = "messages"          // the hospital's system sent what was not understood
	noticeChart       noticeKind = "chart"             // a photo did not reach the chart
	noticeEmergency   noticeKind = "emergency"         // an account that may pass by the hospital's sign-in was used
	noticeSignIn      noticeKind = "sign_in"           // one's own sign-in on a device that was not seen before
	noticeFactor      noticeKind = "factor"            // a passkey, code or password of one's own was changed or refused
)

// noticeSort is what is known of a kind.
type noticeSort struct {
	kind  noticeKind
	text  string        // for the person whom it tells
	page  string        // where it is dealt with
	again time.Duration // how long after one was sent the next of the kind may be
	roles []Role        // whom it may be for; none: everybody
}

// noticeSorts is every kind, gravest first.
var noticeSorts = []noticeSort{
	{noticeBreakGlass, "Somebody opened a patient outside their care team. It waits for you to look at it.", "/break-glass", 0, []Role{RolePrivacy}},
	{noticeGlassOften, "Somebody opened patients outside their care team again and again today.", "/break-glass", 0, []Role{RolePrivacy}},
	{noticeEmergency, "An emergency account was used to sign in past the hospital’s own sign-in.", "/audit", 0, []Role{RolePrivacy}},
	{noticeSignIn, "Your account was signed in to on a device that was not seen before.", "/account", 0, nil},
	{noticeFactor, "Something about a passkey or a sign-in was changed or refused. Please look.", "/account", 0, nil},
	{noticeSignErasure, "An erasure waits for a second signature.", "/erasures", 0, []Role{RolePrivacy}},
	{noticeSignRecall, "A recall waits for a second signature.", "/recalls", 0, []Role{RolePrivacy, RoleRecords}},
	{noticeSignHold, "The lifting of a legal hold waits for a second signature.", "/holds", 0, []Role{RolePrivacy}},
	{noticeSignRule, "A retention rule waits for a second signature.", "/retention", 0, []Role{RolePrivacy, RoleRecords}},
	{noticeDevice, "A device waits to be approved.", "/devices", 0, []Role{RoleAdmin}},
	{noticeChart, "A photo did not reach the chart.", "/records", 15 * time.Minute, []Role{RoleRecords}},
	{noticeFeed, "The hospital’s system sent a message that was not understood.", "/messages", time.Hour, []Role{RoleAdmin}},
	{noticeReview, "Photos wait for review.", "/review", time.Hour, []Role{RoleReviewer}},
}

func noticeSortOf(kind noticeKind) (noticeSort, bool) {
	at := slices.IndexFunc(noticeSorts, func(s noticeSort) bool { return s.kind == kind })
	if at < 0 {
		return noticeSort{}, false
	}
	return noticeSorts[at], true
}

// recipient is whom a notice is for: one person, or all who hold a role.
type recipient struct {
	person PersonID
	role   Role
	but    PersonID // of those who hold the role: who caused it
}

func toPerson(id PersonID) recipient { return recipient{person: id} }

// toHolders is everybody who holds the role now, but one.
func toHolders(role Role, but PersonID) recipient { return recipient{role: role, but: but} }

// notify writes a notice for each recipient, once for each person, in the transaction of the act that causes it. People
// who have left get none. It changes rows only and may run again with its transaction.
func (t *tx) notify(ctx context.Context, kind noticeKind, to ...recipient) error {
	if _, known := noticeSortOf(kind); !known {
		return fmt.Errorf("notice of kind %q: %w", kind, ErrInvalid)
	}
	var people []PersonID
	for _, r := range to {
		found, err := list(ctx, t, scanOne[PersonID], `SELECT p.id FROM people p WHERE `+livePerson("p", "$4")+` AND (p.id = $1
			OR p.id <> $3 AND EXISTS (SELECT 1 FROM person_roles r WHERE r.person = p.id AND r.role = $2)) ORDER BY p.id`,
			r.person, string(r.role), r.but, t.now)
		if err != nil {
			return fmt.Errorf("finding whom to tell: %w", err)
		}
		people = append(people, found...)
	}
	slices.Sort(people) // in one order: two acts that tell the same people do not wait for each other
	for _, p := range slices.Compact(people) {
		if err := t.notifyPerson(ctx, kind, p); err != nil {
			return fmt.Errorf("writing notice: %w", err)
		}
	}
	return nil
}

func (t *tx) notifyPerson(ctx context.Context, kind noticeKind, person PersonID) error {
	var id string
	var told int64
	err := t.QueryRowContext(ctx, `INSERT INTO notices (id, person, kind, first_at, last_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (person, kind) WHERE seen_at IS NULL DO UPDATE SET count = notices.count + 1, last_at = excluded.last_at
		RETURNING id, (SELECT coalesce(max(n.told_at), 0) FROM notices n WHERE n.person = $2 AND n.kind = $3)`,
		newID(), person, string(kind), t.now).Scan(&id, &told)
	if err != nil {
		return err
	}
	sort, _ := noticeSortOf(kind)
	if told <= t.now && told+sort.again.Milliseconds() > t.now { // a time to come was written by a clock that was set back
		return nil
	}
	reach, err := t.reachable(ctx, kind, person)
	if err != nil || !reach {
		return err
	}
	if _, err := t.ExecContext(ctx, `UPDATE notices SET told_at = $1 WHERE id = $2`, t.now, id); err != nil {
		return err
	}
	return t.enqueue(ctx, JobNotify, id, t.now)
}

// reachable tells whether there is any way out of the house to the person that they want used for the kind.
func (t *tx) reachable(ctx context.Context, kind noticeKind, person PersonID) (bool, error) {
	c, err := choiceOf(ctx, t, kind, person)
	if err != nil {
		return false, err
	}
	var browsers, mails int64
	err = t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM push_subscriptions WHERE person = $1),
		(SELECT count(*) FROM people WHERE id = $1 AND mail <> '')`, person).Scan(&browsers, &mails)
	return c.Push && browsers > 0 || c.Mail && mails > 0 && t.v.cfg.Notices.Mail, err
}

// choiceOf is what a person chose for a kind; both ways where they chose nothing.
func choiceOf(ctx context.Context, q querier, kind noticeKind, person PersonID) (NoticeChoice, error) {
	sort, _ := noticeSortOf(kind)
	c := NoticeChoice{Kind: string(kind), Text: sort.text, Push: true, Mail: true}
	err := q.QueryRowContext(ctx, `SELECT push, mail FROM notice_choices WHERE person = $1 AND kind = $2`, person, string(kind)).
		Scan(&c.Push, &c.Mail)
	if err != nil && err != sql.ErrNoRows {
		return c, fmt.Errorf("reading choices: %w", err)
	}
	return c, nil
}
