package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AccessReport is who holds what, for the review that the privacy officer signs each quarter. It names staff alone.
// Sessions, ties, devices and delegations are those that live when it is made; break-glass and use are the quarter's.
type AccessReport struct {
	Quarter     string         `json:"quarter"` // 2026Q4, UTC
	From        Time           `json:"from"`
	To          Time           `json:"to"` // not in it
	MadeAt      Time           `json:"made_at"`
	People      []AccessRow    `json:"people"`  // by login
	Leavers     []LeaverRight  `json:"leavers"` // live rights of people who may not be here: none, or something is wrong
	OpenReviews int64          `json:"open_reviews"`
	Signed      []AccessReview `json:"signed"` // newest first
}

// AccessRow is one person who may be here, or did something in the quarter.
type AccessRow struct {
	Person           PersonID   `json:"person"`
	Login            string     `json:"login"`
	Name             string     `json:"name"`
	From             string     `json:"from"`  // local, oidc, or scim: and the client
	State            string     `json:"state"` // live, coming, over, disabled
	Roles            []RoleHeld `json:"roles"`
	LastUsed         Time       `json:"last_used"`
	Dormant          bool       `json:"dormant"`   // live, and not used for 90 days
	Sensitive        bool       `json:"sensitive"` // administers, oversees, or sees across care teams
	Sessions         int        `json:"sessions"`
	DirectTies       int        `json:"direct_ties"`
	Teams            int        `json:"teams"`
	Devices          int        `json:"devices"`
	DelegationsGiven int        `json:"delegations_given"`
	DelegationsHeld  int        `json:"delegations_held"`
	BreakGlass       int        `json:"break_glass"`
	NotJustified     int        `json:"not_justified"`
}

// RoleHeld is a role, why it is held, and since when; zero from before that was written down.
type RoleHeld struct {
	Role   Role   `json:"role"`
	Source string `json:"source"` // local, scim, oidc
	Since  Time   `json:"since"`
}

// LeaverRight is a live right of somebody who may not be here.
type LeaverRight struct {
	Person PersonID `json:"person"`
	Login  string   `json:"login"`
	Kind   string   `json:"kind"` // session, claim, tie, team, link, delegation, break-glass, code, device
	Count  int      `json:"count"`
}

// AccessReview is a review that was signed. Digest is the SHA-256 of the report as it was then, as CSV.
type AccessReview struct {
	Digest       string   `json:"digest"`
	Leavers      int      `json:"leavers"`
	Remark       string   `json:"remark"`
	SignedBy     PersonID `json:"signed_by"`
	SignedByName string   `json:"signed_by_name"`
	SignedAt     Time     `json:"signed_at"`
}

const dormantAfter = 90 * 24 * time.Hour

var quarterShape = regexp.MustCompile(`^(20[0-9]{2})Q([1-4])$`)

// Quarter is the calendar quarter (UTC) of a time, such as 2026Q4.
func Quarter(t time.Time) string {
	return fmt.Sprintf("%04dQ%d", t.UTC().Year(), (int(t.UTC().Month())+2)/3)
}

// quarterOf gives the bounds of a quarter.
func quarterOf(text string) (from, to time.Time, err error) {
	m := quarterShape.FindStringSubmatch(text)
	if m == nil {
		return from, to, say(ErrInvalid, "A quarter is a year and Q1 to Q4, such as 2026Q4.")
	}
	year, _ := strconv.Atoi(m[1]) // four digits
	q, _ := strconv.Atoi(m[2])    // one
	from = time.Date(year, time.Month(3*q-2), 1, 0, 0, 0, 0, time.UTC)
	return from, from.AddDate(0, 3, 0), nil
}

// AccessReport makes the report of a quarter. Errors: ErrInvalid, ErrDenied, ErrStepUp.
func (v *Vault) AccessReport(ctx context.Context, a Actor, quarter string) (AccessReport, error) {
	var out AccessReport
	err := v.do(ctx, a, actAccessReport, object{Kind: "access_report"}, func(t *tx) (err error) {
		out, err = t.accessReport(ctx, quarter)
		t.detail("quarter", shape(quarter))
		return err
	})
	if err != nil {
		return AccessReport{}, err
	}
	return out, nil
}

// SignAccessReview attests that the privacy officer has gone through the report of a quarter: digest is what
// AccessReport.Digest gave of the report that was read, so that nobody signs what has changed since; remark has 3 to 500
// characters and names no patient. Errors: ErrInvalid, ErrConflict when the report is another one by now, ErrDenied.
func (v *Vault) SignAccessReview(ctx context.Context, a Actor, quarter, digest, remark string) error {
	return v.do(ctx, a, actSignReview, object{Kind: "access_report"}, func(t *tx) error {
		if err := checkReason(remark); err != nil {
			return err
		}
		r, err := t.accessReport(ctx, quarter)
		if err != nil {
			return err
		}
		if r.Digest() != digest {
			return say(ErrConflict, "The report has changed since you opened it. Read it again, then sign.")
		}
		t.detail("quarter", quarter)
		t.detail("digest", digest)
		t.detail("leavers", strconv.Itoa(len(r.Leavers)))
		_, err = t.ExecContext(ctx, `INSERT INTO access_reviews (id, quarter, digest, leavers, remark, signed_by, signed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, newID(), quarter, digest, len(r.Leavers), remark, a.person, t.now)
		if err != nil {
			return fmt.Errorf("signing review: %w", err)
		}
		return nil
	})
}

func (t *tx) accessReport(ctx context.Context, quarter string) (AccessReport, error) {
	from, to, err := quarterOf(quarter)
	if err != nil {
		return AccessReport{}, err
	}
	r := AccessReport{Quarter: quarter, From: TimeOf(from), To: TimeOf(to), MadeAt: Time(t.now)}
	if r.People, err = t.accessRows(ctx, r.From, r.To); err != nil {
		return r, err
	}
	if r.Leavers, err = t.leaverRights(ctx); err != nil {
		return r, err
	}
	if err := t.QueryRowContext(ctx, `SELECT count(*) FROM break_glass WHERE finding = ''`).Scan(&r.OpenReviews); err != nil {
		return r, fmt.Errorf("counting reviews: %w", err)
	}
	r.Signed, err = list(ctx, t, func(rows *sql.Rows) (s AccessReview, err error) {
		return s, rows.Scan(&s.Digest, &s.Leavers, &s.Remark, &s.SignedBy, &s.SignedByName, &s.SignedAt)
	}, `SELECT s.digest, s.leavers, s.remark, s.signed_by, u.name, s.signed_at FROM access_reviews s JOIN people u ON u.id = s.signed_by
		WHERE s.quarter = $1 ORDER BY s.signed_at DESC, s.id`, quarter)
	if err != nil {
		return r, fmt.Errorf("reading signed reviews: %w", err)
	}
	return r, nil
}

const accessRows = `SELECT p.id, p.login, p.name, p.provisioned_by, CASE WHEN p.disabled_at IS NOT NULL THEN 'disabled'
	WHEN p.valid_from > $1 THEN 'coming' WHEN p.valid_until <= $1 THEN 'over' ELSE 'live' END,
	coalesce((SELECT max(s.seen_at) FROM sessions s WHERE s.person = p.id), 0), p.created_at,
	(SELECT count(*) FROM sessions s WHERE s.person = p.id AND s.ended_at IS NULL AND s.expires_at > $1),
	(SELECT count(*) FROM care_team c WHERE c.person = p.id AND c.started_at <= $1 AND (c.ended_at IS NULL OR c.ended_at > $1)),
	(SELECT count(*) FROM team_members m JOIN teams k ON k.id = m.team WHERE m.person = p.id AND m.started_at <= $1
		AND (m.ended_at IS NULL OR m.ended_at > $1) AND (k.ended_at IS NULL OR k.ended_at > $1)),
	(SELECT count(*) FROM devices v WHERE v.enrolled_by = p.id AND v.state = 'approved'),
	(SELECT count(*) FROM delegations d WHERE d.giver = p.id AND d.ends_at > $1 AND d.ended_at IS NULL),
	(SELECT count(*) FROM delegations d WHERE d.taker = p.id AND d.ends_at > $1 AND d.ended_at IS NULL),
	(SELECT count(*) FROM break_glass b WHERE b.person = p.id AND b.opened_at >= $2 AND b.opened_at < $3),
	(SELECT count(*) FROM break_glass b WHERE b.person = p.id AND b.opened_at >= $2 AND b.opened_at < $3 AND b.finding = 'not_justified')
	FROM people p ORDER BY p.login`

func (t *tx) accessRows(ctx context.Context, from, to Time) ([]AccessRow, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (r AccessRow, err error) {
		var created Time
		err = rows.Scan(&r.Person, &r.Login, &r.Name, &r.From, &r.State, &r.LastUsed, &created, &r.Sessions, &r.DirectTies, &r.Teams,
			&r.Devices, &r.DelegationsGiven, &r.DelegationsHeld, &r.BreakGlass, &r.NotJustified)
		if r.From == "" {
			r.From = sourceLocal
		}
		r.Dormant = r.State == "live" && int64(max(r.LastUsed, created)) <= t.now-dormantAfter.Milliseconds()
		return r, err
	}, accessRows, t.now, from, to)
	if err != nil {
		return nil, fmt.Errorf("reading people: %w", err)
	}
	type held struct {
		person PersonID
		RoleHeld
	}
	roles, err := list(ctx, t, func(rows *sql.Rows) (h held, err error) {
		return h, rows.Scan(&h.person, &h.Role, &h.Source, &h.Since)
	}, `SELECT person, role, source, since FROM person_roles ORDER BY person, role, source`)
	if err != nil {
		return nil, fmt.Errorf("reading roles: %w", err)
	}
	of := map[PersonID][]RoleHeld{}
	for _, h := range roles {
		of[h.person] = append(of[h.person], h.RoleHeld)
	}
	for i := range out {
		out[i].Roles = of[out[i].Person]
		out[i].Sensitive = slices.ContainsFunc(out[i].Roles, func(h RoleHeld) bool { return h.Role != RoleClinician })
	}
	return out, nil
}

// liveRights are what somebody can hold open; p is the person, $1 the present.
var liveRights = []struct{ kind, of string }{
	{"session", `sessions x WHERE x.person = p.id AND x.ended_at IS NULL AND x.expires_at > $1`},
	{"claim", `photos x WHERE x.claimed_by = p.id AND x.claimed_until > $1`},
	{"tie", `care_team x WHERE x.person = p.id AND (x.ended_at IS NULL OR x.ended_at > $1)`},
	{"team", `team_members x WHERE x.person = p.id AND (x.ended_at IS NULL OR x.ended_at > $1)`},
	{"link", `links x WHERE x.maker = p.id AND x.ended_at IS NULL AND x.expires_at > $1`},
	{"delegation", `delegations x WHERE (x.giver = p.id OR x.taker = p.id) AND x.ended_at IS NULL AND x.ends_at > $1`},
	{"break-glass", `break_glass x WHERE x.person = p.id AND x.ended_at IS NULL AND x.open_until > $1`},
	{"code", `enrolment_codes x WHERE x.person = p.id AND x.expires_at > $1`},
	{"device code", `device_codes x WHERE x.made_by = p.id AND x.device = '' AND x.expires_at > $1`},
	{"push", `push_subscriptions x WHERE x.person = p.id AND x.created_at <= $1`},
}

// leaverRights proves that nobody who may not be here holds anything that lives.
func (t *tx) leaverRights(ctx context.Context) ([]LeaverRight, error) {
	out := []LeaverRight{}
	for _, right := range liveRights {
		found, err := list(ctx, t, func(rows *sql.Rows) (LeaverRight, error) {
			l := LeaverRight{Kind: right.kind}
			return l, rows.Scan(&l.Person, &l.Login, &l.Count)
		}, `SELECT p.id, p.login, count(*) FROM people p, `+right.of+` AND (p.disabled_at IS NOT NULL OR p.valid_until <= $1)
			GROUP BY p.id, p.login ORDER BY p.login`, t.now)
		if err != nil {
			return nil, fmt.Errorf("looking for leavers' rights: %w", err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// CSV is the report as a table, a line for each person and role, for a spreadsheet; a text that could be read as a formula
// is given a leading apostrophe.
func (r AccessReport) CSV() []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	rows := [][]string{{"login", "name", "from", "state", "role", "source", "since", "last_used", "dormant", "direct_ties", "teams",
		"delegations_given", "delegations_held", "devices", "break_glass", "not_justified"}}
	for _, p := range r.People {
		roles := p.Roles
		if len(roles) == 0 {
			roles = []RoleHeld{{}}
		}
		for _, h := range roles {
			rows = append(rows, []string{plainCell(p.Login), plainCell(p.Name), plainCell(p.From), p.State, string(h.Role), h.Source, h.Since.String(),
				p.LastUsed.day(), strconv.FormatBool(p.Dormant), strconv.Itoa(p.DirectTies), strconv.Itoa(p.Teams),
				strconv.Itoa(p.DelegationsGiven), strconv.Itoa(p.DelegationsHeld), strconv.Itoa(p.Devices), strconv.Itoa(p.BreakGlass),
				strconv.Itoa(p.NotJustified)})
		}
	}
	for _, l := range r.Leavers {
		rows = append(rows, []string{plainCell(l.Login), "", "", "leaver with a live " + l.Kind, "", "", "", "", "", strconv.Itoa(l.Count)})
	}
	_ = w.WriteAll(rows) // into memory: cannot fail
	return out.Bytes()
}

// day is the date alone: when somebody last signed in need not change a report by the minute.
func (t Time) day() string { return strings.SplitN(t.String(), "T", 2)[0] }

func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Digest is the SHA-256 of CSV, hex: what SignAccessReview signs.
func (r AccessReport) Digest() string {
	sum := sha256.Sum256(r.CSV())
	return hex.EncodeToString(sum[:])
}
