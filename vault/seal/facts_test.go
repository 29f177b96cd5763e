package seal

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestFactsJSON(t *testing.T) {
	want := `{"capture_id":"00112233445566778899aabbccddeeff","patient":"PATIENTAAAAAAAAAAAAAAAAAAA",` +
		`"encounter":"ENCOUNTERAAAAAAAAAAAAAAAAA","body_site":"forearm","laterality":"left",` +
		`"author":"PERSONAAAAAAAAAAAAAAAAAAAA","device":"ward-tablet-1","media_type":"image/jpeg",` +
		`"note":"two days after the bite <3 & healing","consent":{"record":true,"teaching":true,"publication":false},` +
		`"taken_at":"2026-11-21T09:30:00.120Z"}`
	f := testFacts()
	f.TakenAt = f.TakenAt.In(time.FixedZone("", 3600)).Add(456 * time.Microsecond)
	got, err := f.MarshalJSON()
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	back, err := ParseFacts([]byte(want + " \n "))
	if err != nil || back != testFacts() {
		t.Errorf("ParseFacts: %+v, %v", back, err)
	}
	var viaJSON CaptureFacts
	if err := json.Unmarshal([]byte(want), &viaJSON); err != nil || viaJSON != testFacts() {
		t.Errorf("json.Unmarshal: %+v, %v", viaJSON, err)
	}
}

func TestParseFactsIsStrict(t *testing.T) {
	b, err := testFacts().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the facts", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := map[string]string{
		"nothing":              "",
		"null":                 "null",
		"array":                "[" + good + "]",
		"two objects":          good + good,
		"unterminated":         good[:len(good)-1],
		"unknown field":        swap(`"note"`, `"gps":"x","note"`),
		"doubled field":        swap(`"note"`, `"patient":"OTHER","note"`),
		"name in other case":   swap(`"patient"`, `"Patient"`),
		"missing field":        swap(`"device":"ward-tablet-1",`, ""),
		"null field":           swap(`"ward-tablet-1"`, "null"),
		"wrong type":           swap(`"ward-tablet-1"`, "7"),
		"consent unknown":      swap(`"teaching":true`, `"sale":true`),
		"consent one more":     swap(`"teaching":true`, `"teaching":true,"sale":true`),
		"consent doubled":      swap(`"teaching":true`, `"record":false`),
		"consent not a bool":   swap(`"teaching":true`, `"teaching":"yes"`),
		"consent a list":       swap(`{"record":true,"teaching":true,"publication":false}`, `["record"]`),
		"time without ms":      swap("00.120Z", "00Z"),
		"time in another zone": swap("00.120Z", "00.120+01:00"),
		"time of long ago":     swap("2026-11-21", "1999-11-21"),
		"too long":             good + strings.Repeat(" ", MaxFacts),
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := ParseFacts([]byte(in))
			wantErr(t, err, ErrFormat)
			if f != (CaptureFacts{}) {
				t.Error("got facts with an error")
			}
		})
	}
}

func TestFactsValidate(t *testing.T) {
	tests := []struct {
		name string
		set  func(*CaptureFacts)
		ok   bool
	}{
		{"as they are", func(*CaptureFacts) {}, true},
		{"no encounter", func(f *CaptureFacts) { f.Encounter = "" }, true},
		{"no device", func(f *CaptureFacts) { f.Device = "" }, true},
		{"no side", func(f *CaptureFacts) { f.Laterality = "" }, true},
		{"midline", func(f *CaptureFacts) { f.Laterality = "midline" }, true},
		{"no consent", func(f *CaptureFacts) { f.Consent = Consent{} }, true},
		{"png", func(f *CaptureFacts) { f.MediaType = "image/png" }, true},
		{"note in two lines", func(f *CaptureFacts) { f.Note = "größer\nals gestern" }, true},
		{"longest note", func(f *CaptureFacts) { f.Note = strings.Repeat("x", MaxNote) }, true},
		{"longer note", func(f *CaptureFacts) { f.Note = strings.Repeat("x", MaxNote+1) }, false},
		{"control in note", func(f *CaptureFacts) { f.Note = "a\x1b[2J" }, false},
		{"note not UTF-8", func(f *CaptureFacts) { f.Note = "\xff" }, false},
		{"upper-case ID", func(f *CaptureFacts) { f.CaptureID = strings.ToUpper(testID) }, false},
		{"short ID", func(f *CaptureFacts) { f.CaptureID = testID[2:] }, false},
		{"zero ID", func(f *CaptureFacts) { f.CaptureID = strings.Repeat("0", 32) }, false},
		{"ID not hexadecimal", func(f *CaptureFacts) { f.CaptureID = "g" + testID[1:] }, false},
		{"no patient", func(f *CaptureFacts) { f.Patient = "" }, false},
		{"patient with a slash", func(f *CaptureFacts) { f.Patient = "../x" }, false},
		{"long patient", func(f *CaptureFacts) { f.Patient = strings.Repeat("A", 65) }, false},
		{"no author", func(f *CaptureFacts) { f.Author = "" }, false},
		{"encounter with a space", func(f *CaptureFacts) { f.Encounter = "a b" }, false},
		{"device with a quote", func(f *CaptureFacts) { f.Device = `a"b` }, false},
		{"no site", func(f *CaptureFacts) { f.BodySite = "" }, false},
		{"site in two lines", func(f *CaptureFacts) { f.BodySite = "left\narm" }, false},
		{"long site", func(f *CaptureFacts) { f.BodySite = strings.Repeat("x", 81) }, false},
		{"unknown side", func(f *CaptureFacts) { f.Laterality = "Left" }, false},
		{"gif", func(f *CaptureFacts) { f.MediaType = "image/gif" }, false},
		{"no time", func(f *CaptureFacts) { f.TakenAt = time.Time{} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := testFacts()
			tt.set(&f)
			if err := f.Validate(); (err == nil) != tt.ok {
				t.Errorf("got %v, want ok %v", err, tt.ok)
			} else if err != nil {
				wantErr(t, err, ErrFormat)
			}
		})
	}
	f := testFacts()
	f.Note = strings.Repeat(`"`, MaxNote)
	_, err := SealedSize(f, 1)
	wantErr(t, err, ErrFormat)
}
