package adt

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a message. They are far above what real patient administrations send.
const (
	MaxMessage    = 1 << 20 // bytes
	maxSegments   = 500
	maxFields     = 300 // of one segment
	maxRepeats    = 100 // of one field
	maxComponents = 50  // of one repetition
	maxField      = 64 << 10
)

// The codes of HL7 table 0357 (message error condition codes, HL7 v2.5.1 section 2.17.5).
const (
	codeSequence    = "100" // segment sequence error
	codeRequired    = "101" // required field missing
	codeType        = "102" // data type error
	codeTable       = "103" // table value not found
	codeTooLong     = "104" // value too long
	codeMessage     = "200" // unsupported message type
	codeEvent       = "201" // unsupported event code
	codeProcessing  = "202" // unsupported processing id
	codeVersion     = "203" // unsupported version id
	codeInternal    = "207" // application internal error
	defaultMarks    = `^~\&`
	separatorOfLine = '\r'
)

// Fault is why a message cannot be read: Code of table 0357, Place segment and field, Text a constant sentence. It never
// holds a value of the message.
type Fault struct {
	Code, Place, Text string
}

// Error is the text with its place.
func (f *Fault) Error() string { return f.Place + ": " + f.Text }

func fault(code, place, text string) *Fault { return &Fault{code, place, text} }

// marks are the characters that part a message, as its MSH-1 and MSH-2 name them.
type marks struct {
	field, component, repeat, escape, sub byte
}

// segment is one line: its name and its fields as they came. Field n of the standard is fields[n]; in MSH, where the
// separator itself is field 1, too.
type segment struct {
	name   string
	fields []string
}

// message is a message cut into segments, as text in UTF-8.
type message struct {
	marks    marks
	segments []segment
}

// parse cuts a message into its segments. It looks into MSH alone; everything else is read when it is asked for.
func parse(raw []byte) (*message, *Fault) {
	if len(raw) > MaxMessage {
		return nil, fault(codeTooLong, "MSH", "the message is longer than 1 MiB")
	}
	m, f := readMarks(raw)
	if f != nil {
		return nil, f
	}
	text, f := decode(raw, charsetOf(raw, m))
	if f != nil {
		return &message{marks: m, segments: headerOnly(raw, m)}, f
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	if len(lines) > maxSegments {
		return &message{marks: m, segments: headerOnly(raw, m)}, fault(codeTooLong, "MSH", "the message has more than 500 segments")
	}
	out := &message{marks: m}
	for i, line := range lines {
		s, f := cut(line, m, i)
		if f != nil {
			return &message{marks: m, segments: headerOnly(raw, m)}, f
		}
		out.segments = append(out.segments, s)
	}
	return out, nil
}

// readMarks reads MSH-1 and MSH-2 (HL7 v2.5.1 section 2.16.9.1 and .2).
func readMarks(raw []byte) (marks, *Fault) {
	if len(raw) < 8 || string(raw[:3]) != "MSH" {
		return marks{}, fault(codeSequence, "MSH", "the message does not begin with MSH")
	}
	sep := raw[3]
	end := 4
	for end < len(raw) && raw[end] != sep && end < 10 {
		end++
	}
	if end >= len(raw) || raw[end] != sep || sep < 0x20 || sep > 0x7e {
		return marks{}, fault(codeRequired, "MSH-2", "the encoding characters are missing")
	}
	named := raw[4:end]
	m := marks{field: sep}
	for i, set := range []*byte{&m.component, &m.repeat, &m.escape, &m.sub} {
		switch {
		case i < len(named):
			*set = named[i]
		case i < 2:
			return marks{}, fault(codeRequired, "MSH-2", "the encoding characters are missing")
		default:
			*set = defaultMarks[i]
		}
	}
	if len(named) > 5 || !m.distinct() {
		return marks{}, fault(codeType, "MSH-2", "the encoding characters are not four different ones")
	}
	return m, nil
}

// distinct tells whether the marks are printable ASCII, neither letters nor digits, and all different.
func (m marks) distinct() bool {
	seen := map[byte]bool{}
	for _, b := range []byte{m.field, m.component, m.repeat, m.escape, m.sub} {
		letter := b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		if b <= 0x20 || b > 0x7e || letter || seen[b] {
			return false
		}
		seen[b] = true
	}
	return true
}

// cut cuts a line into its fields.
func cut(line string, m marks, i int) (segment, *Fault) {
	fields := strings.SplitN(line, string(m.field), maxFields+1)
	name := fields[0]
	if !segmentName(name) {
		return segment{}, fault(codeSequence, "MSH", fmt.Sprintf("line %d is not a segment", i+1))
	}
	if len(fields) > maxFields {
		return segment{}, fault(codeTooLong, name, "the segment has more than 300 fields")
	}
	for n, f := range fields {
		if len(f) > maxField && name != "OBX" {
			return segment{}, fault(codeTooLong, fmt.Sprintf("%s-%d", name, n), "the field is longer than 64 KiB")
		}
	}
	if name == "MSH" {
		fields = append([]string{"MSH", string(m.field)}, fields[1:]...)
	}
	return segment{name, fields}, nil
}

func segmentName(s string) bool {
	if len(s) != 3 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for _, r := range s[1:] {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// headerOnly is MSH alone, for an answer to a message that could not be read to its end. What is no ASCII in it is
// dropped.
func headerOnly(raw []byte, m marks) []segment {
	line := raw
	for i, b := range raw {
		if b == '\r' || b == '\n' {
			line = raw[:i]
			break
		}
	}
	text := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return -1
		}
		return r
	}, string(line[:min(len(line), 4096)]))
	s, f := cut(text, m, 0)
	if f != nil || s.name != "MSH" {
		return nil
	}
	return []segment{s}
}

// find is the first segment of a name; a segment without fields when there is none.
func (m *message) find(name string) (segment, bool) {
	for _, s := range m.segments {
		if s.name == name {
			return s, true
		}
	}
	return segment{name: name}, false
}

// field is field n as it came, empty when there is none; the null `""` of HL7 counts as empty.
func (s segment) field(n int) string {
	if n >= len(s.fields) || s.fields[n] == `""` {
		return ""
	}
	return s.fields[n]
}

// repeats are the repetitions of a field, each cut into components; subcomponents stay joined.
func (m *message) repeats(s segment, n int) [][]string {
	f := s.field(n)
	if f == "" {
		return nil
	}
	var out [][]string
	for _, r := range strings.SplitN(f, string(m.marks.repeat), maxRepeats+1) {
		if len(out) == maxRepeats {
			break
		}
		parts := strings.SplitN(r, string(m.marks.component), maxComponents+1)
		out = append(out, parts[:min(len(parts), maxComponents)])
	}
	return out
}

// text is one component of a repetition, its first subcomponent, without escapes; empty when there is none.
func (m *message) text(parts []string, n int) string {
	if n > len(parts) || parts[n-1] == `""` {
		return ""
	}
	first, _, _ := strings.Cut(parts[n-1], string(m.marks.sub))
	return strings.TrimSpace(m.unescape(first))
}

// first is component c of the first repetition of field n.
func (m *message) first(s segment, n, c int) string {
	r := m.repeats(s, n)
	if len(r) == 0 {
		return ""
	}
	return m.text(r[0], c)
}

// unescape replaces escape sequences (HL7 v2.5.1 section 2.7). Those that format text, and those not known, are dropped.
func (m *message) unescape(s string) string {
	mark := string(m.marks.escape)
	if !strings.Contains(s, mark) {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, mark)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		code, after, closed := strings.Cut(rest, mark)
		if !closed {
			return b.String() + rest
		}
		b.WriteString(m.escaped(code))
		s = after
	}
}

func (m *message) escaped(code string) string {
	switch code {
	case "F":
		return string(m.marks.field)
	case "S":
		return string(m.marks.component)
	case "R":
		return string(m.marks.repeat)
	case "E":
		return string(m.marks.escape)
	case "T":
		return string(m.marks.sub)
	}
	if len(code) < 3 || code[0] != 'X' || len(code)%2 == 0 {
		return ""
	}
	var out []byte
	for i := 1; i+1 < len(code); i += 2 {
		hi, lo := hexDigit(code[i]), hexDigit(code[i+1])
		if hi < 0 || lo < 0 {
			return ""
		}
		out = append(out, byte(hi<<4|lo))
	}
	if !utf8.Valid(out) {
		return ""
	}
	return string(out)
}

func hexDigit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	}
	return -1
}

// Lines are the segments of a message as lines that a terminal can show: what cannot be printed stands as a question mark.
func Lines(raw []byte) []string {
	text := strings.ToValidUTF8(string(raw), "?")
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	for i, line := range lines {
		lines[i] = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return '?'
			}
			return r
		}, line)
	}
	return lines
}
