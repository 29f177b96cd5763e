package web

import (
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"time"
)

// stateWords are the states of photos and attachments in words of the house.
var stateWords = map[string]string{
	"accepted":         "Being prepared",
	"in_review":        "Waiting for review",
	"approved":         "Approved",
	"rejected":         "Rejected",
	"quarantined":      "Could not be used",
	"erased":           "Erased",
	"pending":          "Being attached",
	"attached":         "Attached, read back",
	"failed":           "Not attached",
	"withheld_consent": "Consent withdrawn", "withheld_recall": "Recalled",

	"retracting": "Being taken back",
	"retracted":  "Taken back",
	"unreached":  "Not reached",

	"erasure_asked": "Waits for a second person", "erasure_cancelled": "Called off",
	"erasure_destroyed": "Keys destroyed", "erasure_done": "Erased and certified",
	"item_waiting": "On the way", "item_reached": "Reached", "item_unreached": "Not reached",
	"hold_held": "Held", "hold_lift_asked": "Lifting asked for", "hold_lifted": "Lifted",
	"recall_cancelled": "Called off", "recall_moved": "Moved to its patient", "recall_retracted": "Shown to nobody",
	"rule_replaced": "Replaced", "rule_dropped": "Taken back",
}

var stateTones = map[string]string{
	"accepted": "wait", "in_review": "wait", "pending": "wait",
	"approved": "good", "attached": "good",
	"rejected": "bad", "quarantined": "bad", "failed": "bad", "erased": "off",
	"withheld_consent": "bad", "withheld_recall": "bad", "retracting": "wait", "retracted": "off", "unreached": "bad",
	"erasure_asked": "wait", "erasure_cancelled": "off", "erasure_destroyed": "wait", "erasure_done": "good",
	"item_waiting": "wait", "item_reached": "good", "item_unreached": "bad",
	"hold_held": "good", "hold_lift_asked": "wait", "hold_lifted": "off",
	"recall_cancelled": "off", "recall_moved": "good", "recall_retracted": "good", "rule_replaced": "off", "rule_dropped": "off",
}

var roleWords = map[string]string{
	"clinician": "Clinician", "reviewer": "Reviewer", "records": "Records",
	"privacy": "Privacy officer", "admin": "Administrator",
}

// methodWords say how somebody signed in.
var methodWords = map[string]string{
	"password": "Password", "password+totp": "Password and app", "password+recovery": "Password and recovery code",
	"passkey": "Passkey", "oidc": "Hospital sign-in", "enrolment": "Code from an administrator",
}

var targetWords = map[string]string{"fhir": "Health record (FHIR)", "dicom": "Image archive (DICOM)"}

// causeWords say why a chart's copy is taken back, howWords how it went.
var (
	causeWords = map[string]string{
		"withdrawn": "The patient withdrew consent.", "erased": "The photo was erased.", "recalled": "The photo was of another patient.",
	}
	howWords = map[string]string{
		"deleted": "Deleted.", "entered-in-error": "Marked as entered in error and emptied.",
		"rejection-note": "Rejected by a note; the archive decides what follows.", "never-sent": "The chart never had it.",
	}
	itemWords = map[string]string{
		"original": "Original", "thumb": "Small picture", "display": "Picture for the screen",
		"covered_thumb": "Small picture, covered", "covered_display": "Picture for the screen, covered",
		"redacted": "Released picture", "redacted_thumb": "Small released picture", "redacted_display": "Released picture for the screen",
		"released_teaching": "Copy for teaching", "released_publication": "Copy for publication", "capture": "Sealed capture, as it was sent",
	}
)

// item names what an erasure has to reach.
func item(kind, what string) string {
	if kind == "copy" {
		return "Copy: " + word(targetWords, what)
	}
	return word(itemWords, what)
}

func (w *Web) funcs(cfg Config) template.FuncMap {
	return template.FuncMap{
		"asset":   w.Asset,
		"sealing": w.HasSealing,
		"site":    func() string { return cfg.Site },
		"menu":    func() []entry { return menu },
		"theme":   func() string { return themeColour },
		"dict":    dict,
		"when":    when,
		"rfc":     rfc,
		"born":    born,
		"state":   func(v any) string { return word(stateWords, v) },
		"tone":    func(v any) string { return stateTones[fmt.Sprint(v)] },
		"role":    func(v any) string { return word(roleWords, v) },
		"target":  func(v any) string { return word(targetWords, v) },
		"kind":    func(v any) string { return capital(fmt.Sprint(v)) },
		"capital": func(v any) string { return capital(fmt.Sprint(v)) },
		"join":    func(list []string) string { return strings.Join(list, ", ") },
		"cause":   func(v any) string { return word(causeWords, v) },
		"how":     func(v any) string { return word(howWords, v) },
		"item":    item,
		"way":     func(v any) string { return word(methodWords, v) },
		"short":   short,
		"count":   count,
	}
}

func word(words map[string]string, v any) string {
	key := fmt.Sprint(v)
	if w, ok := words[key]; ok {
		return w
	}
	return capital(strings.ReplaceAll(key, "_", " "))
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// count says "1 photo", "2 photos".
func count(n any, one string) string {
	v := reflect.ValueOf(n)
	number := int64(0)
	if v.CanInt() {
		number = v.Int()
	}
	if number == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", number, one)
}

// short gives the first eight characters of an identifier, enough for a person
// to tell two apart.
func short(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 8 {
		return s[:8]
	}
	return s
}

// moment reads a time.Time or any integer type of unix milliseconds.
func moment(v any) (time.Time, bool) {
	if t, ok := v.(time.Time); ok {
		return t.UTC(), !t.IsZero()
	}
	r := reflect.ValueOf(v)
	if !r.IsValid() || !r.CanInt() || r.Int() == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(r.Int()).UTC(), true
}

// when writes a moment for people, in UTC; a script of the page puts it into
// the reader's own zone.
func when(v any) string {
	t, ok := moment(v)
	if !ok {
		return "not yet"
	}
	return t.Format("2 Jan 2006, 15:04") + " UTC"
}

// rfc writes a moment for the datetime attribute.
func rfc(v any) string {
	t, ok := moment(v)
	if !ok {
		return ""
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

// born writes a day of birth for people; what is no day stays as it is.
func born(v any) string {
	s := fmt.Sprint(v)
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return day.Format("2 Jan 2006")
}

// dict builds the argument of a template part: dict "Photo" . "Wide" true.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: a key has no value")
	}
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %d is not a string", i/2)
		}
		out[key] = pairs[i+1]
	}
	return out, nil
}
