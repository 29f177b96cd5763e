package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// DemoAccount is an account for trying the vault out. Nobody can read the password afterwards: the caller keeps it.
type DemoAccount struct {
	Login    string `json:"login"`
	Password string `json:"password"`
	Role     Role   `json:"role"`
	Note     string `json:"note"`
}

var demoPeople = []struct {
	role       Role
	name, note string
}{
	{RoleClinician, "Demo Clinician", "takes photos of four demo patients"},
	{RoleReviewer, "Demo Reviewer", "covers faces and approves"},
	{RoleRecords, "Demo Records", "attaches approved photos to the chart"},
	{RolePrivacy, "Demo Privacy", "reads and verifies the audit log"},
	{RoleAdmin, "Demo Admin", "people, jobs and health; no photos"},
}

// demoPatients are invented. The last two are not the demo clinician's: their photos are not found by them.
// The GSRNs have GS1's prefix for demonstrations, the NHS numbers the range that is kept for tests.
var demoPatients = []struct {
	number, name, born string
	gsrn, nhs          string
	treated            bool
	encounters         []string
}{
	{"DEMO-0001", "Sample Alder", "1951-03-14", "950110123456000012", "9990000018", true, []string{"Wound clinic, visit 2", "Wound clinic, visit 1"}},
	{"DEMO-0002", "Sample Birch", "1968-11-02", "950110123456000029", "9990000026", true, []string{"Dermatology, first visit"}},
	{"DEMO-0003", "Sample Cedar", "1979-07-21", "950110123456000036", "9990000034", true, []string{"Ward 4, stay", "Emergency, arrival"}},
	{"DEMO-0004", "Sample Dogwood", "1990-01-30", "950110123456000043", "9990000042", true, []string{"Burns follow-up"}},
	{"DEMO-0005", "Sample Elm", "1943-05-09", "950110123456000050", "9990000050", false, []string{"Ward 2, stay"}},
	{"DEMO-0006", "Sample Fir", "2001-12-18", "950110123456000067", "9990000069", false, []string{"Trauma clinic"}},
}

// DemoBand is what the wristband of a demo patient says. Treated: the demo clinician treats them.
type DemoBand struct {
	RecordNumber, Name, BirthDate, GSRN string
	Treated                             bool
}

// DemoBands are the wristbands of the demo patients, to be printed for trying the scanner out.
func DemoBands() (out []DemoBand) {
	for _, p := range demoPatients {
		out = append(out, DemoBand{p.number, p.name, p.born, p.gsrn, p.treated})
	}
	return out
}

// SeedDemo fills a vault for trying it out: one account for each role, six invented patients with encounters, and a
// care team for the demo clinician. Called again, after a crash or when the passwords were lost, it completes what is
// missing and gives the same accounts new passwords. Each step goes through the same acts as everybody's. The actor is
// the operator.
func (v *Vault) SeedDemo(ctx context.Context, a Actor) ([]DemoAccount, error) {
	// Only who may add patients gets as far as changing a password.
	if err := v.quietly(ctx, a, actAddPatient, object{Kind: "patient"}, func(*tx) error { return nil }); err != nil {
		return nil, err
	}
	var accounts []DemoAccount
	var clinician PersonID
	for _, p := range demoPeople {
		account := DemoAccount{Login: string(p.role), Role: p.role, Note: p.note, Password: demoPassword()}
		id, err := v.AddPerson(ctx, a, NewPerson{Login: account.Login, Name: p.name, Password: account.Password, Roles: []Role{p.role}})
		if errors.Is(err, ErrConflict) {
			id, err = v.personByLogin(ctx, account.Login)
			err = errors.Join(err, v.SetPassword(ctx, a, account.Login, account.Password))
		}
		if err != nil {
			return nil, fmt.Errorf("adding demo account: %w", err)
		}
		if p.role == RoleClinician {
			clinician = id
		}
		accounts = append(accounts, account)
	}
	return accounts, v.seedPatients(ctx, a, clinician)
}

func (v *Vault) seedPatients(ctx context.Context, a Actor, clinician PersonID) error {
	now := v.cfg.Now().UTC().Truncate(time.Hour)
	for _, p := range demoPatients {
		id, err := v.AddPatient(ctx, a, NewPatient{RecordNumber: p.number, Name: p.name, BirthDate: p.born})
		seen := 0
		if errors.Is(err, ErrConflict) {
			id, seen, err = v.demoPatient(ctx, p.number)
		}
		if err != nil {
			return fmt.Errorf("adding demo patient: %w", err)
		}
		for i := seen; i < len(p.encounters); i++ {
			if _, err := v.AddEncounter(ctx, a, id, p.encounters[i], now.AddDate(0, 0, -7*i)); err != nil {
				return fmt.Errorf("adding demo encounter: %w", err)
			}
		}
		if !p.treated {
			continue
		}
		if err := v.JoinCareTeam(ctx, a, id, clinician, now.Add(-time.Hour)); err != nil {
			return fmt.Errorf("joining demo care team: %w", err)
		}
	}
	return v.numberDemo(ctx, a)
}

// numberDemo gives the demo patients what their wristbands carry, where it is missing.
func (v *Vault) numberDemo(ctx context.Context, a Actor) error {
	var rows []ImportRow
	for i, p := range demoPatients {
		_, err := patientByBand(ctx, v.db, Band{Kind: BandGSRN, Value: p.gsrn})
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrNotFound) {
			return dbError(err)
		}
		rows = append(rows, ImportRow{Line: i + 1, Event: CareEvent{Kind: CareUpdate, At: v.cfg.Now(), Number: p.number,
			Numbers: []BandNumber{{BandGSRN, p.gsrn}, {BandNHS, p.nhs}}}})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := v.ImportCare(ctx, a, rows, false); err != nil {
		return fmt.Errorf("numbering demo patients: %w", err)
	}
	return nil
}

// demoPatient finds a demo patient that is there already, and how many encounters it has.
func (v *Vault) demoPatient(ctx context.Context, number string) (id PatientID, encounters int, err error) {
	err = v.db.QueryRowContext(ctx, `SELECT p.id, (SELECT count(*) FROM encounters e WHERE e.patient = p.id)
		FROM patients p WHERE p.record_number = $1`, number).Scan(&id, &encounters)
	return id, encounters, dbError(err)
}

var demoWords = strings.Fields(`amber anchor basil beacon birch bridge canyon cedar cloud copper coral cotton dune ember falcon
	fern flint garnet ginger harbor hazel heron island ivory jasmine juniper kettle lagoon lantern laurel lemon lilac linen
	maple marble meadow mint nectar oasis olive opal orchid otter pebble pepper pine plume quartz raven river saffron sage
	sparrow spruce stone summit thistle timber topaz tulip valley velvet violet walnut willow zephyr`)

// demoPassword is four words and three digits: about 32 bits, enough behind a locked door for a trial.
func demoPassword() string {
	draw := func(n int) int {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
		if err != nil {
			panic("vault: random source: " + err.Error()) // crypto/rand never fails
		}
		return int(i.Int64())
	}
	var parts []string
	for range 4 {
		parts = append(parts, demoWords[draw(len(demoWords))])
	}
	return fmt.Sprintf("%s-%03d", strings.Join(parts, "-"), draw(1000))
}
