package adt

import (
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// Rules say how messages of one hospital are read.
type Rules struct {
	// Authority is the assigning authority (CX.4) of the record numbers that count, where PID-3 holds several; empty: the
	// first of type MR, else the first.
	Authority string
	// GSRNAuthority and NHSAuthority are the assigning authorities (CX.4.1) of the numbers that wristbands carry; by default
	// no GSRN is read, and NHS numbers are those of the authority NHS.
	GSRNAuthority, NHSAuthority string
	// Teams maps locations and services to names of teams. A key is the beginning of PV1-3, component by component
	// ("3B", "3B^12"), or text that ends in "*" ("3*"), or "service:" with PV1-10.
	Teams map[string]string
	// Zone is that of times without an offset; default UTC.
	Zone *time.Location
	// TieDays is for how many days after a discharge the teams still treat the patient; and after an outpatient visit,
	// which nobody discharges.
	TieDays int
	// Ignore lists events (such as A05) that are answered and not looked at.
	Ignore []string
	// Processing are the processing IDs (MSH-11) that are taken; default P.
	Processing []string
}

// versions are those that are read (MSH-12).
var versions = []string{"2.3", "2.3.1", "2.4", "2.5", "2.5.1"}

// kinds says what each event means. A12 and A13 take something back: the patient is where PV1-3 says, and there.
var kinds = map[string]vault.CareKind{
	"A01": vault.CareIn, "A02": vault.CareIn, "A04": vault.CareIn, "A12": vault.CareIn, "A13": vault.CareIn,
	"A03": vault.CareOut, "A11": vault.CareNever, "A08": vault.CareUpdate, "A31": vault.CareUpdate, "A40": vault.CareMerge,
}

// header is what an answer needs of a message.
type header struct {
	sender       string // MSH-3 and MSH-4, as names of the vault
	app, site    string // MSH-3 and MSH-4 as they came
	toApp, toFac string // MSH-5 and MSH-6
	control      string
	event        string
	version      string
	accept       string // MSH-15
	apply        string // MSH-16
	marks        marks
}

// readHeader reads what MSH says. It always gives a header to answer to; a fault says why nothing else is read.
func (r Rules) readHeader(m *message) (header, *Fault) {
	s, ok := m.find("MSH")
	h := header{sender: "unnamed", marks: m.marks, version: "2.5.1"}
	if !ok {
		return h, fault(codeSequence, "MSH", "the message does not begin with MSH")
	}
	h.app, h.site, h.toApp, h.toFac = plain(s.field(3)), plain(s.field(4)), plain(s.field(5)), plain(s.field(6))
	if name := strings.Trim(h.app+"|"+h.site, "| "); name != "" {
		h.sender = clip(name, 200)
	}
	h.event = plain(m.first(s, 9, 2))
	if h.event == "" {
		if evn, ok := m.find("EVN"); ok {
			h.event = plain(m.first(evn, 1, 1))
		}
	}
	h.event = clip(h.event, 16)
	h.control = plain(s.field(10))
	h.accept, h.apply = strings.ToUpper(plain(s.field(15))), strings.ToUpper(plain(s.field(16)))
	version := m.first(s, 12, 1)
	if slices.Contains(versions, version) {
		h.version = version
	}
	return h, r.checkHeader(m, s, h, version)
}

func (r Rules) checkHeader(m *message, s segment, h header, version string) *Fault {
	processing := r.Processing
	if len(processing) == 0 {
		processing = []string{"P"}
	}
	switch {
	case h.control == "":
		return fault(codeRequired, "MSH-10", "there is no control ID")
	case h.control != s.field(10) || len(h.control) > 200:
		return fault(codeType, "MSH-10", "a control ID has 1 to 200 printable ASCII characters")
	case version == "":
		return fault(codeRequired, "MSH-12", "there is no version")
	case version != h.version:
		return fault(codeVersion, "MSH-12", "versions other than 2.3, 2.3.1, 2.4, 2.5 and 2.5.1 are not read")
	case m.first(s, 9, 1) != "ADT":
		return fault(codeMessage, "MSH-9", "messages other than ADT are not read")
	case !slices.Contains(processing, m.first(s, 11, 1)):
		return fault(codeProcessing, "MSH-11", "this processing ID is not taken here")
	case kinds[h.event] == "" && !slices.Contains(r.Ignore, h.event):
		h.event = ""
		return fault(codeEvent, "MSH-9", "this event is not read here")
	}
	return nil
}

// plain is a header field in printable ASCII.
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return -1
		}
		return r
	}, s))
}

func clip(s string, limit int) string { return strings.TrimSpace(s[:min(len(s), limit)]) }

// read makes a care event of a message whose header is in order.
func (r Rules) read(m *message, h header) (vault.CareEvent, *Fault) {
	e := vault.CareEvent{Kind: kinds[h.event]}
	f := r.readTime(m, &e)
	if f == nil {
		f = r.readPatient(m, &e)
	}
	switch {
	case f != nil:
	case e.Kind == vault.CareMerge:
		f = r.readMerge(m, &e)
	default:
		f = r.readVisit(m, h, &e)
	}
	return e, f
}

// readTime takes EVN-2 (recorded date and time), else MSH-7.
func (r Rules) readTime(m *message, e *vault.CareEvent) (f *Fault) {
	evn, _ := m.find("EVN")
	msh, _ := m.find("MSH")
	if e.At, f = r.time(m.first(evn, 2, 1), "EVN-2"); f == nil && e.At.IsZero() {
		e.At, f = r.time(m.first(msh, 7, 1), "MSH-7")
	}
	return f
}

// readPatient reads PID: the record number, the name as it is written here, the birth date.
func (r Rules) readPatient(m *message, e *vault.CareEvent) *Fault {
	pid, ok := m.find("PID")
	if !ok {
		return fault(codeSequence, "PID", "the segment is missing")
	}
	if e.Number = r.number(m, pid, 3); e.Number == "" {
		return fault(codeRequired, "PID-3", "there is no record number")
	}
	e.Numbers = r.bandNumbers(m, pid)
	if names := m.repeats(pid, 5); len(names) > 0 {
		var parts []string
		for _, c := range []int{2, 3, 1} { // given, second, family
			if part := m.text(names[0], c); part != "" {
				parts = append(parts, part)
			}
		}
		e.Name = strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
	}
	born := m.first(pid, 7, 1)
	if born == "" {
		return nil
	}
	if len(born) > 8 {
		born = born[:8]
	}
	at, err := time.Parse("20060102", born)
	if err != nil {
		return fault(codeType, "PID-7", "the birth date is not YYYYMMDD")
	}
	e.BirthDate = at.Format("2006-01-02")
	return nil
}

// number picks the record number of a CX field.
func (r Rules) number(m *message, s segment, n int) string {
	ids := m.repeats(s, n)
	fits := func(test func(id []string) bool) string {
		for _, id := range ids {
			if m.text(id, 1) != "" && test(id) {
				return m.text(id, 1)
			}
		}
		return ""
	}
	if r.Authority != "" {
		return fits(func(id []string) bool { return m.text(id, 4) == r.Authority })
	}
	if mr := fits(func(id []string) bool { return m.text(id, 5) == "MR" }); mr != "" {
		return mr
	}
	return fits(func(id []string) bool { return r.bandKind(m.text(id, 4)) == "" })
}

// bandKind is which number of a wristband an assigning authority gives; empty for every other.
func (r Rules) bandKind(authority string) vault.BandKind {
	nhs := r.NHSAuthority
	if nhs == "" {
		nhs = "NHS"
	}
	switch {
	case authority == "":
	case authority == r.GSRNAuthority:
		return vault.BandGSRN
	case authority == nhs:
		return vault.BandNHS
	}
	return ""
}

// bandNumbers are the repetitions of PID-3 that a wristband may carry. The vault checks their digits.
func (r Rules) bandNumbers(m *message, pid segment) (out []vault.BandNumber) {
	for _, id := range m.repeats(pid, 3) {
		kind, value := r.bandKind(m.text(id, 4)), strings.ReplaceAll(m.text(id, 1), " ", "")
		if kind != "" && value != "" {
			out = append(out, vault.BandNumber{Kind: kind, Value: value})
		}
	}
	return out
}

func (r Rules) readMerge(m *message, e *vault.CareEvent) *Fault {
	var merges []segment
	for _, s := range m.segments {
		if s.name == "MRG" {
			merges = append(merges, s)
		}
	}
	switch {
	case len(merges) == 0:
		return fault(codeSequence, "MRG", "the segment is missing")
	case len(merges) > 1:
		return fault(codeSequence, "MRG", "more than one merge in one message is not read")
	}
	if e.Prior = r.number(m, merges[0], 1); e.Prior == "" {
		return fault(codeRequired, "MRG-1", "there is no record number that ends")
	}
	return nil
}

// readVisit reads PV1. An update of a person (A31) has none that counts.
func (r Rules) readVisit(m *message, h header, e *vault.CareEvent) (f *Fault) {
	pv1, ok := m.find("PV1")
	if h.event == "A31" || h.event == "A08" && (!ok || m.first(pv1, 19, 1) == "") {
		return nil
	}
	if !ok {
		return fault(codeSequence, "PV1", "the segment is missing")
	}
	c := &vault.CareVisit{Number: m.first(pv1, 19, 1), Label: visitLabel(m, pv1), Teams: r.teams(m, pv1)}
	if c.Number == "" {
		pid, _ := m.find("PID")
		c.Number = m.first(pid, 18, 1) // the account, where no visit is numbered
	}
	if c.Number == "" {
		return fault(codeRequired, "PV1-19", "there is no visit number")
	}
	for _, doctor := range m.repeats(pv1, 7) {
		if id := m.text(doctor, 1); id != "" {
			c.Doctors = append(c.Doctors, id)
		}
	}
	if c.Start, f = r.time(m.first(pv1, 44, 1), "PV1-44"); f != nil {
		return f
	}
	if c.End, f = r.time(m.first(pv1, 45, 1), "PV1-45"); f != nil {
		return f
	}
	e.Visit = c
	r.tieUntil(m.first(pv1, 2, 1), e)
	return nil
}

// tieUntil says until when a visit ties people to the patient.
func (r Rules) tieUntil(class string, e *vault.CareEvent) {
	after := time.Duration(r.TieDays) * 24 * time.Hour
	if e.Kind == vault.CareUpdate && !e.Visit.End.IsZero() {
		e.Kind = vault.CareOut
	}
	switch {
	case e.Kind == vault.CareOut && !e.Visit.End.IsZero():
		e.TiesUntil = e.Visit.End.Add(after)
	case e.Kind == vault.CareOut:
		e.Visit.End = e.At
		e.TiesUntil = e.At.Add(after)
	case class == "O" && e.Kind != vault.CareNever:
		e.TiesUntil = e.At.Add(after)
	default:
		e.Visit.End = time.Time{}
	}
}

// classes are the words for PV1-2 (HL7 table 0004).
var classes = map[string]string{"I": "Inpatient", "O": "Outpatient", "E": "Emergency", "P": "Preadmission", "R": "Recurring visit", "B": "Obstetrics"}

// visitLabel is what people read of a visit: its class and where it is.
func visitLabel(m *message, pv1 segment) string {
	label := classes[m.first(pv1, 2, 1)]
	if label == "" {
		label = "Visit"
	}
	if ward := m.first(pv1, 3, 1); ward != "" {
		label += ", " + ward
	}
	return label
}

// teams are those of the location (PV1-3) and of the service (PV1-10); of several keys the longest counts.
func (r Rules) teams(m *message, pv1 segment) []string {
	var parts []string
	for c := range 3 {
		parts = append(parts, m.first(pv1, 3, c+1))
	}
	location := strings.TrimRight(strings.Join(parts, "^"), "^")
	var best, out string
	for key, team := range r.Teams {
		if len(key) > len(best) && !strings.HasPrefix(key, "service:") && atLocation(location, key) {
			best, out = key, team
		}
	}
	var teams []string
	if out != "" {
		teams = append(teams, out)
	}
	if team := r.Teams["service:"+m.first(pv1, 10, 1)]; team != "" && team != out {
		teams = append(teams, team)
	}
	return teams
}

func atLocation(location, key string) bool {
	if start, open := strings.CutSuffix(key, "*"); open {
		return location != "" && strings.HasPrefix(location, start)
	}
	return location == key || strings.HasPrefix(location, key+"^")
}

// ignores tells whether an event is answered and not looked at.
func (r Rules) ignores(event string) bool { return slices.Contains(r.Ignore, event) }
