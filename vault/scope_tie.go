package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// How a person is tied to a patient, the strongest first. Each tie has a beginning and an end, and is read at each call.
const (
	tieDirect     = "direct"      // named for this patient
	tieTeam       = "team"        // by a team of theirs that treats the patient
	tieDelegation = "delegation"  // by somebody's delegation, who is tied directly or by a team
	tieBreakGlass = "break-glass" // by their own word, for a while, to look alone
)

// ties are the conditions of each tie, on the placeholders or columns of who, whom and when.
var ties = []struct{ how, sql string }{
	{tieDirect, directSQL},
	{tieTeam, teamSQL},
	{tieDelegation, `EXISTS (SELECT 1 FROM delegations d JOIN people g ON g.id = d.giver JOIN person_roles gr ON gr.person = g.id
		WHERE d.taker = {who} AND d.starts_at <= {now} AND d.ends_at > {now} AND (d.ended_at IS NULL OR d.ended_at > {now})
		AND gr.role = 'clinician' AND ` + livePerson("g", "{now}") + ` AND (` + forWhom("d.giver", directSQL) + ` OR ` + forWhom("d.giver", teamSQL) + `))`},
	{tieBreakGlass, `EXISTS (SELECT 1 FROM break_glass b WHERE b.patient = {whom} AND b.person = {who}
		AND b.opened_at <= {now} AND b.open_until > {now} AND (b.ended_at IS NULL OR b.ended_at > {now}))`},
}

const (
	directSQL = `EXISTS (SELECT 1 FROM care_team c WHERE c.patient = {whom} AND c.person = {who}
		AND c.started_at <= {now} AND (c.ended_at IS NULL OR c.ended_at > {now}))`
	teamSQL = `EXISTS (SELECT 1 FROM team_patients tp JOIN team_members tm ON tm.team = tp.team JOIN teams tt ON tt.id = tp.team
		WHERE tp.patient = {whom} AND tm.person = {who} AND (tt.ended_at IS NULL OR tt.ended_at > {now})
		AND tp.started_at <= {now} AND (tp.ended_at IS NULL OR tp.ended_at > {now})
		AND tm.started_at <= {now} AND (tm.ended_at IS NULL OR tm.ended_at > {now}))`
	onceSQL = `(EXISTS (SELECT 1 FROM care_team c WHERE c.person = {who} AND c.patient = {whom}) OR EXISTS (SELECT 1
		FROM team_patients tp JOIN team_members tm ON tm.team = tp.team WHERE tp.patient = {whom} AND tm.person = {who}
		AND (tp.ended_at IS NULL OR tp.ended_at > tm.started_at) AND (tm.ended_at IS NULL OR tm.ended_at > tp.started_at)))`
)

// forWhom is a condition about somebody else than who asks.
func forWhom(who, sql string) string { return strings.ReplaceAll(sql, "{who}", who) }

// tieSQL is the condition that a person is tied to a patient at a time by one of the ways, or by any when none is named.
// The arguments are placeholders or columns, never values.
func tieSQL(who, whom, now string, ways ...string) string {
	var some []string
	for _, t := range ties {
		if len(ways) == 0 || slices.Contains(ways, t.how) {
			some = append(some, strings.NewReplacer("{who}", who, "{whom}", whom, "{now}", now).Replace(t.sql))
		}
	}
	return "(" + strings.Join(some, " OR ") + ")"
}

// treating are the ties of those who treat a patient; a broken glass only lets look.
var treating = []string{tieDirect, tieTeam, tieDelegation}

// tieOf says by which tie a person is tied to a patient at a time, in unix milliseconds; the strongest counts. Errors:
// ErrNotFound when there is none, or the patient is erased.
func tieOf(ctx context.Context, t querier, person PersonID, patient PatientID, at int64) (how string, err error) {
	pick := "SELECT CASE"
	for _, tie := range ties {
		pick += " WHEN " + tieSQL("$1", "p.id", "$3", tie.how) + " THEN '" + tie.how + "'"
	}
	err = t.QueryRowContext(ctx, pick+` ELSE '' END FROM patients p WHERE p.id = $2 AND p.erased_at IS NULL`,
		person, patient, at).Scan(&how)
	if errors.Is(err, sql.ErrNoRows) || err == nil && how == "" {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("reading ties: %w", err)
	}
	return how, nil
}

// tied asks for a tie by which the person treats the patient: every one but a broken glass.
func tied(ctx context.Context, t querier, person PersonID, patient PatientID, at int64) error {
	how, err := tieOf(ctx, t, person, patient, at)
	if err == nil && how == tieBreakGlass {
		err = ErrNotFound
	}
	return err
}

// onceTiedSQL is the condition that a person treated a patient at any time.
func onceTiedSQL(who, whom string) string {
	return strings.NewReplacer("{who}", who, "{whom}", whom).Replace(onceSQL)
}

// endTies ends the ties of somebody who leaves: who comes back is put into care teams anew.
func endTies(ctx context.Context, t *tx, person PersonID) error {
	return t.changes(ctx, "ending ties",
		change{`UPDATE care_team SET ended_at = $2 WHERE person = $1 AND (ended_at IS NULL OR ended_at > $2)`, []any{person, t.now}},
		change{`UPDATE team_members SET ended_at = $2 WHERE person = $1 AND (ended_at IS NULL OR ended_at > $2)`, []any{person, t.now}})
}
