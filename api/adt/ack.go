package adt

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// codeNames are the words of HL7 table 0357.
var codeNames = map[string]string{
	"100": "Segment sequence error", "101": "Required field missing", "102": "Data type error", "103": "Table value not found",
	"104": "Value too long", "200": "Unsupported message type", "201": "Unsupported event code", "202": "Unsupported processing id",
	"203": "Unsupported version id", "204": "Unknown key identifier", "205": "Duplicate key identifier",
	"206": "Application record locked", "207": "Application internal error",
}

// enhanced tells whether the sender asked for the enhanced acknowledgement mode (HL7 v2.5.1 section 2.9.3): MSH-15 or
// MSH-16 is valued.
func (h header) enhanced() bool { return h.accept != "" || h.apply != "" }

// wanted tells whether an acknowledgement is wanted, by a code of table 0155: AL always, NE never, ER on error, SU on
// success.
func wanted(when string, good bool) bool {
	switch when {
	case "AL":
		return true
	case "ER":
		return !good
	case "SU":
		return good
	}
	return false
}

// answers are the messages that go back: one in original mode. In enhanced mode the accept acknowledgement says that the
// message is kept, and the application acknowledgement follows it. A sender that wants no application acknowledgement is
// told of a failure with CE.
func (h header) answers(a vault.FeedAnswer, now time.Time) [][]byte {
	if !h.enhanced() {
		return [][]byte{h.ack(a.Code, a.Problem, now)}
	}
	var out [][]byte
	good := a.Code == "AA"
	later := wanted(h.apply, good) && a.Code != "AR"
	code := "CA"
	switch {
	case a.Code == "AR":
		code = "CR"
	case !good && !later:
		code = "CE"
	}
	if wanted(h.accept, code == "CA") || code != "CA" && h.accept != "NE" {
		p := a.Problem
		if code == "CA" {
			p = vault.CareProblem{}
		}
		out = append(out, h.ack(code, p, now))
	}
	if later {
		out = append(out, h.ack(a.Code, a.Problem, now))
	}
	return out
}

// ack writes one acknowledgement with the sender's own encoding characters. What it says of an error is a code, a place
// and a constant sentence.
func (h header) ack(code string, p vault.CareProblem, now time.Time) []byte {
	k := h.marks
	if k.field == 0 {
		k = marks{'|', '^', '~', '\\', '&'}
	}
	f := string(k.field)
	named := string([]byte{k.component, k.repeat, k.escape, k.sub})
	kind := "ACK"
	if h.version != "2.3" && h.version != "2.3.1" && h.event != "" {
		kind += string(k.component) + h.event
		if h.version != "2.4" {
			kind += string(k.component) + "ACK"
		}
	}
	lines := []string{
		strings.Join([]string{"MSH" + f + named, h.toApp, h.toFac, h.app, h.site, now.UTC().Format("20060102150405") + "+0000", "",
			kind, rand.Text(), "P", h.version}, f),
		strings.Join([]string{"MSA", code, h.control}, f),
	}
	if p.Code != "" {
		place, number, _ := strings.Cut(p.Place, "-")
		words := k.escaped(p.Place + ": " + p.Text)
		lines[1] += f + words
		c := string(k.component)
		if strings.HasPrefix(h.version, "2.5") {
			lines = append(lines, strings.Join([]string{"ERR", "", place + c + "1" + c + number,
				p.Code + c + codeNames[p.Code] + c + "HL70357", "E", "", "", words}, f))
		} else {
			s := string(k.sub)
			lines = append(lines, "ERR"+f+place+c+"1"+c+number+c+p.Code+s+codeNames[p.Code]+s+"HL70357")
		}
	}
	return []byte(strings.Join(lines, "\r") + "\r")
}

// escaped writes a text with escape sequences.
func (k marks) escaped(s string) string {
	e := string(k.escape)
	return strings.NewReplacer(e, e+"E"+e, string(k.field), e+"F"+e, string(k.component), e+"S"+e,
		string(k.repeat), e+"R"+e, string(k.sub), e+"T"+e).Replace(s)
}
