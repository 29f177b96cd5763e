package adt

import (
	"strings"
	"unicode/utf8"
)

// charsetOf is MSH-18 as it came (HL7 table 0211); its first repetition counts.
func charsetOf(raw []byte, m marks) string {
	header := headerOnly(raw, m)
	if header == nil {
		return ""
	}
	name, _, _ := strings.Cut(header[0].field(18), string(m.repeat))
	name, _, _ = strings.Cut(name, string(m.component))
	return strings.ToUpper(strings.TrimSpace(name))
}

// decode makes text of a message. Without MSH-18 it is ASCII (HL7 v2.5.1 section 2.16.9.18), and UTF-8 that is valid is
// taken too, since many senders leave the field out.
func decode(raw []byte, charset string) (string, *Fault) {
	switch charset {
	case "", "ASCII", "UNICODE UTF-8", "UTF-8", "UTF8", "UNICODE", "UNICODE UTF8":
		if !utf8.Valid(raw) {
			return "", fault(codeTable, "MSH-18", "the text is not in the character set that MSH-18 names: ASCII or UTF-8 without it")
		}
		if charset == "ASCII" && strings.ContainsFunc(string(raw), func(r rune) bool { return r > 0x7f }) {
			return "", fault(codeTable, "MSH-18", "the text is not in the character set that MSH-18 names")
		}
		return string(raw), nil
	case "8859/1", "ISO-8859-1", "8859-1", "ISO8859/1":
		return latin1(raw), nil
	}
	return "", fault(codeTable, "MSH-18", "character sets other than ASCII, UNICODE UTF-8 and 8859/1 are not read")
}

// latin1 makes text of ISO 8859-1, whose bytes are the first 256 code points.
func latin1(raw []byte) string {
	var b strings.Builder
	b.Grow(len(raw) + len(raw)/8)
	for _, c := range raw {
		b.WriteRune(rune(c))
	}
	return b.String()
}
