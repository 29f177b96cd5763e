package chart

import "encoding/json"

// dataset is a DICOM data set in JSON (PS3.18 annex F), by tag as eight
// hexadecimal digits. What is absent or of another form reads as empty.
type dataset map[string]attribute

type attribute struct {
	VR    string            `json:"vr"`
	Value []json.RawMessage `json:"Value"`
}

// text is the first value as a string; of a person name its alphabetic group.
func (d dataset) text(tag string) string {
	if len(d[tag].Value) == 0 {
		return ""
	}
	var s string
	var name struct{ Alphabetic string }
	if json.Unmarshal(d[tag].Value[0], &s) == nil {
		return s
	}
	if json.Unmarshal(d[tag].Value[0], &name) == nil {
		return name.Alphabetic
	}
	return ""
}

// items are those of a sequence.
func (d dataset) items(tag string) []dataset {
	var out []dataset
	for _, raw := range d[tag].Value {
		var item dataset
		if json.Unmarshal(raw, &item) == nil {
			out = append(out, item)
		}
	}
	return out
}
