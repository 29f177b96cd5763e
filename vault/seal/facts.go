package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxFacts is how long the facts of a capture may be as JSON, in bytes.
	MaxFacts = 4 << 10
	// MaxNote is how long a note may be, in bytes of UTF-8.
	MaxNote = 2000

	maxSite   = 80
	maxID     = 64
	captureID = 16 // bytes
	timeForm  = "2006-01-02T15:04:05.000Z"
)

// Consent is what the patient allowed at the capture.
type Consent struct {
	Record      bool `json:"record"`
	Teaching    bool `json:"teaching"`
	Publication bool `json:"publication"`
}

// CaptureFacts is what a client knows about a capture. It travels inside the seal and is bound to the picture.
// CaptureID is 32 lowercase hexadecimal digits; Patient and Author are IDs, Encounter and Device IDs or empty;
// Laterality is empty, left, right, midline or bilateral; TakenAt is UTC to the millisecond. Measures is nil where
// nothing was measured.
type CaptureFacts struct {
	CaptureID  string
	Patient    string
	Encounter  string
	BodySite   string
	Laterality string
	Author     string
	Device     string
	MediaType  string
	Note       string
	Consent    Consent
	TakenAt    time.Time
	Measures   *Measures
}

// wireFacts is the JSON form, in the order in which it is written.
type wireFacts struct {
	CaptureID  string  `json:"capture_id"`
	Patient    string  `json:"patient"`
	Encounter  string  `json:"encounter"`
	BodySite   string  `json:"body_site"`
	Laterality string  `json:"laterality"`
	Author     string  `json:"author"`
	Device     string  `json:"device"`
	MediaType  string  `json:"media_type"`
	Note       string  `json:"note"`
	Consent    Consent `json:"consent"`
	TakenAt    string  `json:"taken_at"`

	Measures *Measures `json:"measures,omitempty"`
}

var (
	factNames    = []string{"capture_id", "patient", "encounter", "body_site", "laterality", "author", "device", "media_type", "note", "consent", "taken_at"}
	maybeNames   = []string{"measures"}
	consentNames = []string{"record", "teaching", "publication"}
	lateralities = []string{"", "left", "right", "midline", "bilateral"}
	mediaTypes   = []string{"image/jpeg", "image/png", "image/heic"}
)

// Validate says which value is outside what the format allows; the error is ErrFormat and names the field only.
// Whether the patient exists or the consent suffices is the vault's to say.
func (f CaptureFacts) Validate() error {
	switch {
	case !IsCaptureID(f.CaptureID):
		return formatErr("capture_id must be 32 lowercase hexadecimal digits")
	case !isID(f.Patient):
		return formatErr("patient must be an ID")
	case !isID(f.Author):
		return formatErr("author must be an ID")
	case f.Encounter != "" && !isID(f.Encounter):
		return formatErr("encounter must be an ID or empty")
	case f.Device != "" && !isID(f.Device):
		return formatErr("device must be an ID or empty")
	case f.BodySite == "" || len(f.BodySite) > maxSite || !isText(f.BodySite, ""):
		return formatErr("body_site must be text of 1 to 80 bytes")
	case !slices.Contains(lateralities, f.Laterality):
		return formatErr("laterality must be left, right, midline, bilateral or empty")
	case !slices.Contains(mediaTypes, f.MediaType):
		return formatErr("media_type must be image/jpeg, image/png or image/heic")
	case len(f.Note) > MaxNote || !isText(f.Note, "\n\t"):
		return formatErr("note must be text of at most 2000 bytes")
	case f.TakenAt.Year() < 2000 || f.TakenAt.Year() > 2199:
		return formatErr("taken_at must be a time from 2000 to 2199")
	}
	return f.Measures.validate()
}

// IsCaptureID reports whether s has the form of a capture ID: 32 lowercase hexadecimal digits, not all zero.
func IsCaptureID(s string) bool {
	if len(s) != 2*captureID || strings.Trim(s, "0") == "" || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

// ParseFacts reads facts from JSON and validates them. It is strict: every field once, measures at most once,
// no other field, exact names, nothing after the object but white space, at most MaxFacts bytes. Errors are ErrFormat.
func ParseFacts(b []byte) (CaptureFacts, error) {
	var f CaptureFacts
	if err := f.UnmarshalJSON(b); err != nil {
		return CaptureFacts{}, err
	}
	if err := f.Validate(); err != nil {
		return CaptureFacts{}, err
	}
	return f, nil
}

// MarshalJSON writes the facts with snake_case names and the time in UTC with milliseconds.
func (f CaptureFacts) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(wireFacts{
		CaptureID: f.CaptureID, Patient: f.Patient, Encounter: f.Encounter, BodySite: f.BodySite,
		Laterality: f.Laterality, Author: f.Author, Device: f.Device, MediaType: f.MediaType, Note: f.Note,
		Consent: f.Consent, TakenAt: formatTime(f.TakenAt), Measures: f.Measures,
	})
	return bytes.TrimSpace(out.Bytes()), err
}

// UnmarshalJSON reads the shape strictly, as ParseFacts does, but leaves the values to Validate.
func (f *CaptureFacts) UnmarshalJSON(b []byte) error {
	if len(b) > MaxFacts {
		return formatErr("facts longer than 4 KiB")
	}
	var w struct {
		wireFacts
		Consent  json.RawMessage `json:"consent"`
		Measures json.RawMessage `json:"measures"`
	}
	if err := strictObject(b, factNames, maybeNames, &w); err != nil {
		return err
	}
	if err := strictObject(w.Consent, consentNames, nil, &w.wireFacts.Consent); err != nil {
		return err
	}
	measures, err := parseMeasures(w.Measures)
	if err != nil {
		return err
	}
	at, err := parseTime(w.TakenAt)
	if err != nil {
		return err
	}
	*f = CaptureFacts{
		CaptureID: w.CaptureID, Patient: w.Patient, Encounter: w.Encounter, BodySite: w.BodySite,
		Laterality: w.Laterality, Author: w.Author, Device: w.Device, MediaType: w.MediaType, Note: w.Note,
		Consent: w.wireFacts.Consent, TakenAt: at, Measures: measures,
	}
	return nil
}

// strictObject decodes b, which must be one JSON object that has each of the names exactly once, and each of maybe once
// or not at all, into v. encoding/json alone would take doubled names and names in other case.
func strictObject(b []byte, names, maybe []string, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return formatErr("not a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok || seen[name] || !slices.Contains(names, name) && !slices.Contains(maybe, name) {
			return formatErr("an unknown or doubled JSON field")
		}
		seen[name] = true
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil || string(skip) == "null" {
			return formatErr("a JSON field without a value")
		}
	}
	if _, err := dec.Token(); err != nil {
		return formatErr("not a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return formatErr("data after the JSON object")
	}
	for _, name := range names {
		if !seen[name] {
			return formatErr("a JSON field is missing")
		}
	}
	if json.Unmarshal(b, v) != nil {
		return formatErr("a JSON field of the wrong type")
	}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format(timeForm) }

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeForm, s)
	if err != nil {
		return time.Time{}, formatErr("a time must look like 2006-01-02T15:04:05.000Z")
	}
	return t.UTC(), nil
}

func isID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// isText reports whether s is UTF-8 without control characters other than those allowed.
func isText(s, allowed string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune(allowed, r)
	})
}
