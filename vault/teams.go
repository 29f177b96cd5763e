package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// TeamID names a team.
type TeamID string

// Team is a group of people who treat the same patients: a ward, a clinic. Whoever belongs to it now treats whom it treats
// now. Patients are counted, never named: teams are the administrator's.
type Team struct {
	ID         TeamID       `json:"id"`
	Name       string       `json:"name"`
	ExternalID string       `json:"external_id"` // the directory's name for it
	CreatedAt  Time         `json:"created_at"`
	EndedAt    Time         `json:"ended_at"` // null while it ties people to patients
	Patients   int          `json:"patients"` // that it treats now
	Members    []TeamMember `json:"members"`  // who belong, or will, or did within the last 30 days
}

// TeamMember is one membership. Source tells who says so: "local" for here, "scim" for the directory, "oidc" for sign-in.
type TeamMember struct {
	Person    PersonID `json:"person"`
	Login     string   `json:"login"`
	Name      string   `json:"name"`
	Source    string   `json:"source"`
	StartedAt Time     `json:"started_at"`
	EndedAt   Time     `json:"ended_at"` // null while nobody has set an end
}

// Why somebody is in a team.
const (
	memberLocal = "local"
	memberSCIM  = "scim"
	memberOIDC  = "oidc"
)

const (
	maxTeamName  = 80
	memberMemory = 30 * 24 * time.Hour // how long those who left are shown
)

// AddTeam makes a team, with a name of 1 to 80 characters that no other has. Errors: ErrInvalid, ErrConflict, ErrDenied.
func (v *Vault) AddTeam(ctx context.Context, a Actor, name string) (TeamID, error) {
	id := TeamID(newID())
	err := v.do(ctx, a, actAddTeam, onTeam(id), func(t *tx) error {
		if !isLine(name, maxTeamName) {
			return say(ErrInvalid, "A team needs a name of at most 80 characters.")
		}
		return t.insertTeam(ctx, id, name, "")
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

func onTeam(id TeamID) object { return object{Kind: "team", ID: string(id)} }

func (t *tx) insertTeam(ctx context.Context, id TeamID, name, external string) error {
	res, err := t.ExecContext(ctx, `INSERT INTO teams (id, name, external_id, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO NOTHING`, id, name, external, t.now)
	if err := oneRow(res, err, say(ErrConflict, "There is a team of this name already.")); err != nil {
		return fmt.Errorf("adding team: %w", err)
	}
	return nil
}

// EndTeam ends a team: from now on it ties nobody to anybody. What its people did stays. A team that is needed again is
// made again under another name. Errors: ErrNotFound, ErrDenied.
func (v *Vault) EndTeam(ctx context.Context, a Actor, id TeamID) error {
	return v.do(ctx, a, actEndTeam, onTeam(id), func(t *tx) error {
		if err := holds(ctx, t, `SELECT count(*) FROM teams WHERE id = $1`, id); err != nil {
			return err
		}
		return t.changes(ctx, "ending team",
			change{`UPDATE teams SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL`, []any{t.now, id}},
			change{`UPDATE team_members SET ended_at = $1 WHERE team = $2 AND (ended_at IS NULL OR ended_at > $1)`, []any{t.now, id}},
			change{`UPDATE team_patients SET ended_at = $1 WHERE team = $2 AND (ended_at IS NULL OR ended_at > $1)`, []any{t.now, id}})
	})
}

// JoinTeam makes somebody a member of a team from a time on, and until another where that is not zero: a locum. Who is a
// member already at that time stays as they are. Errors: ErrInvalid, ErrNotFound, ErrDenied.
func (v *Vault) JoinTeam(ctx context.Context, a Actor, team TeamID, login string, from, until time.Time) error {
	who, err := v.personByLogin(ctx, login)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actJoinTeam, teamTie(team, who), func(t *tx) error {
		if from.IsZero() || !until.IsZero() && !until.After(from) {
			return say(ErrInvalid, "A membership needs a start, and an end that is after it.")
		}
		if err := t.liveTeam(ctx, team); err != nil {
			return err
		}
		err := holds(ctx, t, `SELECT count(*) FROM people WHERE id = $1 AND disabled_at IS NULL`, who)
		if errors.Is(err, ErrNotFound) {
			return say(ErrNotFound, "There is nobody with this login.")
		}
		if err != nil {
			return err
		}
		return t.joinTeam(ctx, team, who, memberLocal, from.UnixMilli(), int64(TimeOf(until)))
	})
}

func teamTie(team TeamID, who PersonID) object {
	return object{Kind: "team", ID: string(team), Person: who}
}

func (t *tx) liveTeam(ctx context.Context, id TeamID) error {
	return holds(ctx, t, `SELECT count(*) FROM teams WHERE id = $1 AND ended_at IS NULL`, id)
}

// joinTeam writes a membership unless one of that source holds then; until is 0 for no end.
func (t *tx) joinTeam(ctx context.Context, team TeamID, who PersonID, source string, from, until int64) error {
	err := holds(ctx, t, `SELECT count(*) FROM team_members WHERE team = $1 AND person = $2 AND source = $3
		AND started_at <= $4 AND (ended_at IS NULL OR ended_at > $4)`, team, who, source, max(from, t.now))
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO team_members (team, person, source, started_at, ended_at)
		VALUES ($1, $2, $3, $4, nullif(CAST($5 AS BIGINT), 0)) ON CONFLICT (team, person, source, started_at) DO UPDATE SET ended_at = excluded.ended_at`,
		team, who, source, from, until)
	if err != nil {
		return fmt.Errorf("joining team: %w", err)
	}
	return nil
}

// LeaveTeam ends a membership that was given here, now; they are out at their next call. What a directory says is the
// directory's to end. No membership is not an error. Errors: ErrDenied.
func (v *Vault) LeaveTeam(ctx context.Context, a Actor, team TeamID, who PersonID) error {
	return v.do(ctx, a, actLeaveTeam, teamTie(team, who), func(t *tx) error {
		return t.leaveTeam(ctx, team, who, memberLocal)
	})
}

func (t *tx) leaveTeam(ctx context.Context, team TeamID, who PersonID, source string) error {
	_, err := t.ExecContext(ctx, `UPDATE team_members SET ended_at = CASE WHEN started_at > CAST($1 AS BIGINT) THEN started_at ELSE $1 END
		WHERE team = $2 AND person = $3 AND source = $4 AND (ended_at IS NULL OR ended_at > $1)`, t.now, team, who, source)
	if err != nil {
		return fmt.Errorf("leaving team: %w", err)
	}
	return nil
}

// Teams lists the teams, those that ended last. Errors: ErrDenied.
func (v *Vault) Teams(ctx context.Context, a Actor) ([]Team, error) {
	var out []Team
	err := v.do(ctx, a, actTeams, object{Kind: "team"}, func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (m Team, err error) {
			m.Members = []TeamMember{}
			return m, rows.Scan(&m.ID, &m.Name, &m.ExternalID, &m.CreatedAt, &m.EndedAt, &m.Patients)
		}, `SELECT m.id, m.name, m.external_id, m.created_at, coalesce(m.ended_at, 0), (SELECT count(DISTINCT p.patient) FROM team_patients p
			JOIN patients q ON q.id = p.patient AND q.merged_into IS NULL
			WHERE p.team = m.id AND p.started_at <= $1 AND (p.ended_at IS NULL OR p.ended_at > $1)) FROM teams m
			ORDER BY CASE WHEN m.ended_at IS NULL THEN 0 ELSE 1 END, m.name LIMIT 2000`, t.now)
		if err != nil {
			return fmt.Errorf("listing teams: %w", err)
		}
		return t.addMembers(ctx, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) addMembers(ctx context.Context, teams []Team) error {
	place := map[TeamID]int{}
	for i, m := range teams {
		place[m.ID] = i
	}
	_, err := list(ctx, t, func(rows *sql.Rows) (none struct{}, err error) {
		var of TeamID
		var m TeamMember
		err = rows.Scan(&of, &m.Person, &m.Login, &m.Name, &m.Source, &m.StartedAt, &m.EndedAt)
		if i, known := place[of]; known {
			teams[i].Members = append(teams[i].Members, m)
		}
		return none, err
	}, `SELECT m.team, m.person, u.login, u.name, m.source, m.started_at, coalesce(m.ended_at, 0) FROM team_members m
		JOIN people u ON u.id = m.person WHERE m.ended_at IS NULL OR m.ended_at > $1 ORDER BY u.name, m.started_at, m.source`,
		t.now-memberMemory.Milliseconds())
	if err != nil {
		return fmt.Errorf("listing members: %w", err)
	}
	return nil
}

// setTeams makes a person's memberships of one source what a directory says now: names or external IDs of teams. What is
// not among them ends at once, memberships of other sources stay, unknown teams are passed over (ensureTeam makes them).
func setTeams(ctx context.Context, t *tx, person PersonID, source string, names []string) error {
	var want []TeamID
	for _, name := range names {
		id, err := t.findTeam(ctx, name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if !slices.Contains(want, id) {
			want = append(want, id)
		}
	}
	have, err := list(ctx, t, scanOne[TeamID], `SELECT DISTINCT team FROM team_members WHERE person = $1 AND source = $2
		AND (ended_at IS NULL OR ended_at > $3)`, person, source, t.now)
	if err != nil {
		return fmt.Errorf("reading memberships: %w", err)
	}
	for _, id := range have {
		if slices.Contains(want, id) {
			continue
		}
		if err := t.leaveTeam(ctx, id, person, source); err != nil {
			return err
		}
	}
	for _, id := range want {
		if err := t.joinTeam(ctx, id, person, source, t.now, 0); err != nil {
			return err
		}
	}
	return nil
}

// findTeam finds a live team by its name or external ID. Errors: ErrNotFound.
func (t *tx) findTeam(ctx context.Context, name string) (id TeamID, err error) {
	if name == "" {
		return "", ErrNotFound
	}
	err = t.QueryRowContext(ctx, `SELECT id FROM teams WHERE (name = $1 OR external_id = $1) AND ended_at IS NULL
		ORDER BY CASE WHEN name = $1 THEN 0 ELSE 1 END, id LIMIT 1`, name).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("finding team: %w", absent(err))
	}
	return id, nil
}

// ensureTeam finds a team by its name, and makes it where there is none. One that was ended is not made again: ErrConflict.
func (t *tx) ensureTeam(ctx context.Context, name string) (TeamID, error) {
	id, err := t.findTeam(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return id, err
	}
	if !isLine(name, maxTeamName) {
		return "", say(ErrInvalid, "A team needs a name of at most 80 characters.")
	}
	id = TeamID(newID())
	return id, t.insertTeam(ctx, id, name, "")
}
