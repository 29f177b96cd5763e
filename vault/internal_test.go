package vault

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
)

func TestTimeForms(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 30, 0, 123_456_789, time.FixedZone("", 3600))
	for _, c := range []struct {
		name string
		time Time
		want string
	}{
		{"zero", TimeOf(time.Time{}), "null"},
		{"cut to the millisecond, in UTC", TimeOf(at), `"2026-03-02T08:30:00.123Z"`},
		{"before 1970", TimeOf(time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)), `"1969-12-31T23:59:59.000Z"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(c.time)
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
			var back Time
			if err := json.Unmarshal(got, &back); err != nil || back != c.time {
				t.Errorf("%s reads back as %d, %v, want %d", got, back, err, c.time)
			}
		})
	}
	var back Time
	for _, bad := range []string{`"yesterday"`, `7`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &back); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want %v", bad, err, ErrInvalid)
		}
	}
}

func TestPasswordFits(t *testing.T) {
	hash := hashPassword("a fine passphrase")
	part := strings.Split(hash, "$")
	join := func(i int, with string) string {
		p := append([]string{}, part...)
		p[i] = with
		return strings.Join(p, "$")
	}
	for _, c := range []struct {
		name, hash, password string
		want                 bool
	}{
		{"right", hash, "a fine passphrase", true},
		{"wrong", hash, "a fine passphrasf", false},
		{"empty", hash, "", false},
		{"other salt", join(4, part[5][:22]), "a fine passphrase", false},
		{"empty hash", "", "", false},
		{"no parameters", join(3, ""), "a fine passphrase", false},
		{"memory for a bomb", join(3, "m=4294967295,t=2,p=1"), "a fine passphrase", false},
		{"no rounds", join(3, "m=19456,t=0,p=1"), "a fine passphrase", false},
		{"no lanes", join(3, "m=19456,t=2,p=0"), "a fine passphrase", false},
		{"other version", join(2, "v=16"), "a fine passphrase", false},
		{"other function", join(1, "argon2i"), "a fine passphrase", false},
		{"hash cut to nothing", join(5, ""), "a fine passphrase", false},
		{"hash not base64", join(5, "!!"), "a fine passphrase", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := passwordFits(c.hash, c.password); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if again := hashPassword("a fine passphrase"); again == hash {
		t.Error("the same password twice has the same hash: the salt is not fresh")
	}
}

func TestCheckPassword(t *testing.T) {
	for password, good := range map[string]bool{
		"eleven char": false, "twelve chars": true, "zwölf Zeiche": true, "ééééééééééé": false, // 11 characters, 22 bytes
		strings.Repeat("x", 256): true, strings.Repeat("x", 257): false, "twelve chars\xff": false,
	} {
		v := &Vault{}
		if err := v.weakPassword(password, "login", "Test Person"); (err == nil) != good || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: got %v, want good %v", len(password), err, good)
		}
	}
}

func TestIsLine(t *testing.T) {
	for text, want := range map[string]bool{
		"a": true, "two words": true, "Zoë-Änn O'Test": true, "": false, " a": false, "a ": false, "a\tb": false, "a\nb": false,
		"a\x00": false, "a\u202eb": false, "a\xff": false, strings.Repeat("é", 10): true, strings.Repeat("é", 11): false,
	} {
		if got := isLine(text, 10); got != (want && len([]rune(text)) <= 10) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestSearchForm(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "Test": "test", "O'Test-Person,  ÄNNE": "o test person änne", "%_!": "", "Nº 5": "nº 5",
	} {
		if got := searchForm(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got, want := like("50%_!x"), "50!%!_!!x"; got != want {
		t.Errorf("escaped %q, want %q", got, want)
	}
}

func TestProposalsHaveTheirMargin(t *testing.T) {
	found := []imaging.Region{{Kind: imaging.KindFace, Box: imaging.Box{X0: 100, Y0: 100, X1: 200, Y1: 200}, Score: 0.7, Source: "test"}}
	got := proposals(found, 1000, 1000)
	want := imaging.Margin(found[0], 1000, 1000)
	if len(got) != 1 || got[0].Box != want || got[0].Box == found[0].Box || got[0].Fate != fateProposed || got[0].ID == "" {
		t.Errorf("got %+v, want one proposal of %+v", got, want)
	}
	if c := covers([]Region{got[0], {Fate: fateRemoved, Box: want}}); len(c) != 1 || c[0].Source != imaging.SourcePerson || c[0].Box != want {
		t.Errorf("covers %+v, want the box as the reviewer saw it", c)
	}
}

// TestPhotoAs: what each role may not see is empty, and an unknown role sees nothing but that there is a photo.
func TestPhotoAs(t *testing.T) {
	full := Photo{ID: "p", CaptureID: "c", Patient: "a", PatientName: "n", RecordNumber: "r", Encounter: "e", EncounterLabel: "l",
		Author: "u", AuthorName: "m", BodySite: "hand", State: StateInReview, Reason: "because", Note: "note", Removed: []string{"x"},
		Regions: []Region{{}}, Detectors: []string{"d"}, Attachments: []Attachment{{}}, Version: 3}
	for role, want := range map[Role]Photo{
		RoleClinician: full,
		RoleReviewer: {ID: "p", CaptureID: "c", BodySite: "hand", State: StateInReview, Reason: "because",
			Regions: []Region{{}}, Detectors: []string{"d"}, Version: 3},
		RolePrivacy: {ID: "p", State: StateInReview},
		RoleAdmin:   {ID: "p", State: StateInReview},
		"":          {ID: "p", State: StateInReview},
	} {
		got, _ := json.Marshal(full.as(role))
		if text, _ := json.Marshal(want); string(got) != string(text) {
			t.Errorf("%s sees %s, want %s", role, got, text)
		}
	}
	if r := full.as(RoleRecords); r.PatientName == "" || r.Regions != nil || r.Detectors != nil || r.Reason != "" {
		t.Errorf("records see %#v", r.Regions)
	}
	if s := full.stranger(); s.Patient != "" || s.PatientName != "" || s.RecordNumber != "" || s.EncounterLabel != "" || s.Note != "" {
		t.Error("somebody who left the care team still sees the patient")
	}
}

func TestSaidIsItsKind(t *testing.T) {
	err := say(ErrConflict, "A sentence.")
	var s interface{ Sentence() string }
	if !errors.Is(err, ErrConflict) || errors.Is(err, ErrInvalid) || !errors.As(err, &s) || s.Sentence() != "A sentence." {
		t.Errorf("got %v", err)
	}
}

func TestLastWords(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"none", nil, ""},
		{"short", errors.New("the chart does not answer"), "the chart does not answer"},
		{"cut inside a character", errors.New(strings.Repeat("x", 299) + "é"), strings.Repeat("x", 299)},
	} {
		if got := lastWords(c.err); got != c.want {
			t.Errorf("%s: got %d bytes, want %d", c.name, len(got), len(c.want))
		}
	}
}

// TestGrantsAreWhole: every act has a grant, every grant a scope and a known holder.
func TestGrantsAreWhole(t *testing.T) {
	holders := map[Role]bool{toJob: true, toOperator: true, toStranger: true, toProvisioner: true, toFeed: true, toDevice: true, toAnyone: true}
	for _, r := range Roles() {
		holders[r] = true
	}
	for what, grants := range rights {
		if len(grants) == 0 {
			t.Errorf("%s is granted to nobody", what)
		}
		for _, g := range grants {
			if g.within.asks == nil || !holders[g.to] {
				t.Errorf("%s: a grant to %q without scope or to nobody known", what, g.to)
			}
		}
	}
	for _, a := range []Actor{{kind: "person-like"}, {kind: byStranger}, {}} {
		if a.subject() == "" || strings.HasPrefix(a.subject(), "person:") {
			t.Errorf("actor of kind %q is named %q", a.kind, a.subject())
		}
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		part, of        int
		rate, low, high float64
	}{
		{0, 0, 0, 0, 1}, {0, 10, 0, 0, 0.278}, {5, 10, 0.5, 0.237, 0.763}, {10, 10, 1, 0.722, 1}, {1, 100, 0.01, 0.002, 0.054},
	} {
		if got := shareOf(c.part, c.of); got != (Share{c.part, c.of, c.rate, c.low, c.high}) {
			t.Errorf("%d of %d: got %+v, want %.3f (%.3f to %.3f)", c.part, c.of, got, c.rate, c.low, c.high)
		}
	}
}

func TestOverlap(t *testing.T) {
	a := imaging.Box{X0: 0, Y0: 0, X1: 10, Y1: 10}
	for _, c := range []struct {
		b    imaging.Box
		want float64
	}{
		{a, 1}, {imaging.Box{X0: 5, Y0: 0, X1: 15, Y1: 10}, 1.0 / 3}, {imaging.Box{X0: 10, Y0: 0, X1: 20, Y1: 10}, 0},
		{imaging.Box{X0: 2, Y0: 2, X1: 4, Y1: 4}, 0.04}, {imaging.Box{}, 0},
	} {
		if got := overlap(a, c.b); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: got %v, want %v", c.b, got, c.want)
		}
	}
}
