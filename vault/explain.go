package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Question is what is asked of Explain: may this person do this act, to this photo or patient? Patient is an ID or a
// record number; where a photo is named, its patient counts.
type Question struct {
	Login   string
	Patient string
	Photo   PhotoID
	Act     string
}

// String keeps patients out of logs.
func (Question) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (Question) GoString() string { return "[redacted]" }

// Explanation is the answer, and why, in sentences about the person asked about.
type Explanation struct {
	Person     PersonID `json:"person"`
	PersonName string   `json:"person_name"`
	Login      string   `json:"login"`
	Roles      []Role   `json:"roles"`
	Act        string   `json:"act"`
	Allowed    bool     `json:"allowed"`
	As         Role     `json:"as"`      // empty when denied
	Tie        string   `json:"tie"`     // direct, team, delegation, break-glass; empty where none counts
	Purpose    string   `json:"purpose"` // what the event of it would say
	Why        []string `json:"why"`     // what it rests on; empty when denied
	Missing    []string `json:"missing"` // what stands against it; empty when allowed
	Also       []string `json:"also"`    // what is asked of the sign-in besides
}

// Explain asks the very function that decides, without doing the act, and says what it answered and why. It looks at
// rights, ties, consent and the state of things as they are now; whether a session lives is the moment's, and said as a
// condition. For the privacy officer and the operator. Errors: ErrNotFound for an unknown person, patient or photo,
// ErrInvalid for an unknown act, ErrDenied.
func (v *Vault) Explain(ctx context.Context, a Actor, q Question) (Explanation, error) {
	who, err := v.personByLogin(ctx, q.Login)
	if err != nil {
		return Explanation{}, err
	}
	patient, err := v.patientByAny(ctx, q.Patient)
	if err != nil {
		return Explanation{}, err
	}
	var out Explanation
	on := object{Kind: "person", ID: string(who), Person: who, Patient: patient, Photo: q.Photo}
	err = v.do(ctx, a, actExplain, on, func(t *tx) error {
		if _, known := rights[act(q.Act)]; !known {
			return say(ErrInvalid, "There is no such act. “vaultd access table” names them all.")
		}
		if who == "" {
			return say(ErrNotFound, "There is nobody with this login.")
		}
		if q.Patient != "" && patient == "" {
			return say(ErrNotFound, "There is no such patient.")
		}
		if err := named(act(q.Act), q); err != nil {
			return err
		}
		t.detail("act", q.Act)
		out, err = v.explain(ctx, t, who, act(q.Act), on)
		if err == nil {
			t.detail("answer", map[bool]string{true: "allowed", false: "denied"}[out.Allowed])
		}
		return err
	})
	if err != nil {
		return Explanation{}, err
	}
	return out, nil
}

// named refuses a question about one photo or one patient that names none: its answer would be about nothing.
func named(what act, q Question) error {
	ofPhoto := strings.HasPrefix(string(what), "photo.") || what == actConsentHistory || what == actChangeConsent || what == actAttach
	switch {
	case ofPhoto && q.Photo == "":
		return say(ErrInvalid, "This act is about one photo: name its number. What they may see of a patient is patient.read and patient.photos.")
	case (what == actReadPatient || what == actPatientPhotos) && q.Photo == "" && q.Patient == "":
		return say(ErrInvalid, "This act is about one patient: name the record number.")
	}
	return nil
}

// patientByAny finds a patient by ID, record number or an earlier record number; empty when there is none.
func (v *Vault) patientByAny(ctx context.Context, text string) (PatientID, error) {
	if text == "" || !isLine(text, 64) {
		return "", nil
	}
	ids, err := list(ctx, v.db, func(rows *sql.Rows) (id PatientID, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM patients WHERE id = $1 OR record_number = $1 OR id IN (SELECT patient FROM patient_aliases WHERE record_number = $1)
		ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END LIMIT 1`, text)
	if err != nil || len(ids) == 0 {
		return "", dbError(err)
	}
	return ids[0], nil
}

// explain weighs the act for a person as decide would.
func (v *Vault) explain(ctx context.Context, t *tx, who PersonID, what act, on object) (Explanation, error) {
	e := Explanation{Person: who, Act: string(what), Why: []string{}, Missing: []string{}, Also: v.conditions(what)}
	live, err := t.standing(ctx, who, &e)
	if err != nil {
		return e, err
	}
	if e.Roles, err = rolesOf(ctx, t, who); err != nil {
		return e, err
	}
	asks := Actor{kind: byPerson, person: who}
	as, tried, err := weigh(ctx, t, append(slices.Clone(e.Roles), toAnyone), asks, what, &on)
	if err != nil && !isRefusal(err) {
		return e, err
	}
	if !live {
		return e, nil
	}
	if err == nil {
		e.Allowed, e.As, e.Tie, e.Purpose = true, as, on.tie, lookPurpose(what, as, on.tie)
		e.Why = append(e.Why, "As "+roleWords(as)+", "+grantWords(tried[len(tried)-1].grant)+".")
		if on.tie != "" {
			e.Why = append(e.Why, tieWords[on.tie])
		}
		return e, nil
	}
	e.Missing = whyNot(what, e.Roles, tried)
	return e, nil
}

// standing says who somebody is, and whether they may be here at all.
func (t *tx) standing(ctx context.Context, who PersonID, e *Explanation) (live bool, err error) {
	var disabled bool
	var from, until int64
	err = t.QueryRowContext(ctx, `SELECT login, name, disabled_at IS NOT NULL, valid_from, coalesce(valid_until, 0), `+livePerson("p", "$2")+
		` FROM people p WHERE id = $1`, who, t.now).Scan(&e.Login, &e.PersonName, &disabled, &from, &until, &live)
	switch {
	case err != nil:
		return false, fmt.Errorf("reading person: %w", absent(err))
	case disabled:
		e.Missing = append(e.Missing, "Their account is disabled.")
	case from > t.now:
		e.Missing = append(e.Missing, "Their time here begins on "+Time(from).Std().Format(birthShape)+".")
	case !live:
		e.Missing = append(e.Missing, "Their time here ended on "+Time(until).Std().Format(birthShape)+".")
	}
	return live, nil
}

// conditions are what decide asks of a person's session, beside their rights.
func (v *Vault) conditions(what act) []string {
	out := []string{"They have to be signed in, on a device that is not revoked."}
	if !v.cfg.PasswordOnly && !exempt[what].factor {
		out = append(out, "They have to have signed in with a passkey or a second factor.")
	}
	if stepUpActs[what] {
		out = append(out, fmt.Sprintf("They have to show a factor again, not more than %d minutes before.", int(v.cfg.StepUpFor.Minutes())))
	}
	return out
}

// whyNot says why no grant holds.
func whyNot(what act, roles []Role, tried []attemptedGrant) []string {
	if len(tried) == 0 {
		var whose []string
		for _, g := range rights[what] {
			whose = append(whose, roleWords(g.to))
		}
		held := "no role"
		if len(roles) > 0 {
			names := make([]string, len(roles))
			for i, r := range roles {
				names[i] = roleWords(r)
			}
			held = strings.Join(names, ", ")
		}
		return []string{"They hold " + held + "; this is for: " + strings.Join(slices.Compact(whose), ", ") + "."}
	}
	var out []string
	for _, g := range tried {
		var m missing
		why := "There is no such photo, or they may not know of it."
		if errors.As(g.refusal, &m) {
			why = m.why
		}
		out = append(out, "As "+roleWords(g.to)+", "+grantWords(g.grant)+": "+why)
	}
	return out
}

var tieWords = map[string]string{
	tieDirect:     "They are named for this patient.",
	tieTeam:       "A team of theirs treats this patient.",
	tieDelegation: "Somebody who treats this patient has delegated to them.",
	tieBreakGlass: "They broke the glass for this patient, for a while, to look alone; it is reviewed.",
}

// roleWords names whom a grant is for.
func roleWords(r Role) string {
	switch r {
	case RolePrivacy:
		return "privacy officer"
	case RoleAdmin:
		return "administrator"
	case toAnyone:
		return "anybody signed in"
	case toJob:
		return "the vault’s own work"
	case toOperator:
		return "operator of the machine"
	case toStranger:
		return "somebody at the door"
	}
	return string(r)
}

// grantWords say how far a grant reaches.
func grantWords(g grant) string {
	if g.within.words == "" {
		return "without limit"
	}
	return "for " + g.within.words
}

// Right is one act of the table of rights, as the privacy officer reads it.
type Right struct {
	Act    string       `json:"act"`
	Grants []GrantWords `json:"grants"`
	StepUp bool         `json:"step_up"` // wants a factor shown a short while ago
}

// GrantWords say who may do an act, and how far it reaches.
type GrantWords struct {
	Who    string `json:"who"`
	Within string `json:"within"` // empty: without limit
}

// RightsTable is the whole of who may do what, by act: the very table that decides. What is not in it is refused.
func RightsTable() []Right {
	out := make([]Right, 0, len(rights))
	for what, grants := range rights {
		r := Right{Act: string(what), StepUp: stepUpActs[what]}
		for _, g := range grants {
			r.Grants = append(r.Grants, GrantWords{roleWords(g.to), g.within.words})
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Right) int { return strings.Compare(a.Act, b.Act) })
	return out
}

// Rights is RightsTable for who may ask for explanations; it leaves no event, as the table is in the program for all to read. Errors: ErrDenied.
func (v *Vault) Rights(ctx context.Context, a Actor) ([]Right, error) {
	err := v.quietly(ctx, a, actExplain, object{Kind: "access"}, func(*tx) error { return nil })
	if err != nil {
		return nil, err
	}
	return RightsTable(), nil
}
