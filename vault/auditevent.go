package vault

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// An event of the log as a FHIR R4 AuditEvent (https://hl7.org/fhir/R4/auditevent.html), after the patterns of IHE Basic
// Audit Log Patterns (BALP 1.1.4): who asked, from where, which vault answered, the patient by pseudonym, what it was
// about, the request. It is a rendering: what is signed is the log's own text.

// Code systems and profiles that FHIR, DICOM and IHE name.
const (
	systemType       = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	systemRest       = "http://hl7.org/fhir/restful-interaction"
	systemDICOM      = "http://dicom.nema.org/resources/ontology/DCM"
	systemPart       = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	systemRole       = "http://terminology.hl7.org/CodeSystem/object-role"
	systemEntity     = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	systemSource     = "http://terminology.hl7.org/CodeSystem/security-source-type"
	systemReason     = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	systemBALP       = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
	profileBALP      = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
	systemClinivault = "urn:clinivault:" // our own words: act, role, person, pseudonym, photo, log
)

// reasons are the purposes that FHIR has a code for.
var reasons = map[string]fhirCoding{
	"record":   {systemReason, "TREAT", "treatment"},
	"teaching": {systemReason, "TRAIN", "training"},
}

type fhirCoding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type fhirConcept struct {
	Coding []fhirCoding `json:"coding,omitempty"`
	Text   string       `json:"text,omitempty"`
}

type fhirIdentifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type fhirReference struct {
	Identifier *fhirIdentifier `json:"identifier,omitempty"`
	Display    string          `json:"display,omitempty"`
}

type fhirNetwork struct {
	Address string `json:"address"`
	Type    string `json:"type"` // 2: IP address, 1: machine name
}

type fhirAgent struct {
	Type      *fhirConcept   `json:"type,omitempty"`
	Role      []fhirConcept  `json:"role,omitempty"`
	Who       *fhirReference `json:"who,omitempty"`
	AltID     string         `json:"altId,omitempty"`
	Requestor bool           `json:"requestor"`
	Network   *fhirNetwork   `json:"network,omitempty"`
}

type fhirDetail struct {
	Type  string `json:"type"`
	Value string `json:"valueString"`
}

type fhirEntity struct {
	What   *fhirReference `json:"what,omitempty"`
	Type   *fhirCoding    `json:"type,omitempty"`
	Role   *fhirCoding    `json:"role,omitempty"`
	Query  []byte         `json:"query,omitempty"` // base64
	Detail []fhirDetail   `json:"detail,omitempty"`
}

type fhirMeta struct {
	Profile []string `json:"profile"`
}

type fhirAuditEvent struct {
	ResourceType string        `json:"resourceType"`
	ID           string        `json:"id"`
	Meta         *fhirMeta     `json:"meta,omitempty"`
	Type         fhirCoding    `json:"type"`
	Subtype      []fhirCoding  `json:"subtype"`
	Action       string        `json:"action"`
	Recorded     string        `json:"recorded"`
	Outcome      string        `json:"outcome"`
	OutcomeDesc  string        `json:"outcomeDesc,omitempty"`
	Purpose      []fhirConcept `json:"purposeOfEvent,omitempty"`
	Agent        []fhirAgent   `json:"agent"`
	Source       struct {
		Site     string        `json:"site"`
		Observer fhirReference `json:"observer"`
		Type     []fhirCoding  `json:"type"`
	} `json:"source"`
	Entity []fhirEntity `json:"entity"`
}

// sort is what kind of thing an act is, in FHIR's words.
type auditSort struct {
	typ, sub fhirCoding
	action   string // C, R, U, D, E
	profile  string // of BALP, without its Patient prefix
}

func restSort(code, action, profile string) auditSort {
	return auditSort{fhirCoding{systemType, "rest", "RESTful Operation"}, fhirCoding{systemRest, code, code}, action, profile}
}

func dicomSort(code, display, sub, subDisplay, action string) auditSort {
	return auditSort{fhirCoding{systemDICOM, code, display}, fhirCoding{systemDICOM, sub, subDisplay}, action, ""}
}

var (
	sortRead   = restSort("read", "R", "Read")
	sortQuery  = restSort("search", "E", "Query")
	sortCreate = restSort("create", "C", "Create")
	sortUpdate = restSort("update", "U", "Update")
	sortDelete = restSort("delete", "D", "Delete")
	sortAct    = restSort("operation", "E", "")
)

// sorts are the acts that are not told by the end of their name.
var sorts = map[act]auditSort{
	actSignIn:        dicomSort("110114", "User Authentication", "110122", "Login", "E"),
	actSignInFailed:  dicomSort("110114", "User Authentication", "110122", "Login", "E"),
	actSignOut:       dicomSort("110114", "User Authentication", "110123", "Logout", "E"),
	actEndSession:    dicomSort("110114", "User Authentication", "110123", "Logout", "E"),
	actSetPassword:   dicomSort("110113", "Security Alert", "110137", "User Security Attributes Changed", "U"),
	actDisablePerson: dicomSort("110113", "Security Alert", "110137", "User Security Attributes Changed", "U"),
	actAddPerson:     dicomSort("110113", "Security Alert", "110136", "Security Roles Changed", "C"),
	actJoinCareTeam:  dicomSort("110113", "Security Alert", "110136", "Security Roles Changed", "U"),
	actLeaveCareTeam: dicomSort("110113", "Security Alert", "110136", "Security Roles Changed", "U"),
	actReveal:        dicomSort("110113", "Security Alert", "110127", "Emergency Override Started", "R"),
	actIntegrity:     dicomSort("110113", "Security Alert", "110135", "Object Security Attributes Changed", "R"),
	actRollback:      dicomSort("110113", "Security Alert", "110129", "Security Configuration", "E"),
	actAuditRead:     dicomSort("110101", "Audit Log Used", "110101", "Audit Log Used", "R"),
	actAuditVerify:   dicomSort("110101", "Audit Log Used", "110101", "Audit Log Used", "R"),
	actAuditExport:   dicomSort("110101", "Audit Log Used", "110106", "Export", "R"),
	actAccept:        sortCreate,
	actIngest:        sortCreate,
	actAttach:        sortCreate,
	actDelivery:      dicomSort("110106", "Export", "110106", "Export", "R"),
	actPatientPhotos: sortQuery,
	actMyCaptures:    sortQuery,
	actReviewQueue:   sortQuery,
	actFindPatients:  sortQuery,
	actCertificate:   sortRead,
	actOriginalSalt:  sortRead,
	actLesson:        sortRead,
}

// ends tell the rest, by how an act's name ends, or begins.
var ends = []struct {
	first string
	of    auditSort
	names []string
}{
	{"key.", dicomSort("110113", "Security Alert", "110129", "Security Configuration", "U"), nil},
	{"", sortRead, []string{"read", "status", "health", "labels", "learn", "certificate", "original", "covered", "redacted", "display", "see", "report"}},
	{"", sortQuery, []string{"list", "find", "rules", "retractions", "photos"}},
	{"", sortCreate, []string{"add", "make", "ask", "place", "propose", "receive"}},
	{"", sortUpdate, []string{"approve", "reject", "reopen", "sign", "change", "cancel", "settle", "lift", "attached", "retracted", "failed",
		"progress", "quarantine", "withdraw", "claim", "renew", "release"}},
	{"", sortDelete, []string{"erase", "retract", "destroy", "drop", "finish"}},
}

// sortOf finds what kind of thing an act is; an act that nobody described is
// an operation.
func sortOf(what string) auditSort {
	if s, ok := sorts[act(what)]; ok {
		return s
	}
	_, last, _ := strings.Cut(what, ".")
	for _, e := range ends {
		if e.first != "" && strings.HasPrefix(what, e.first) {
			return e.of
		}
		for _, n := range e.names {
			if last == n || strings.HasSuffix(last, "_"+n) || strings.HasPrefix(last, n+"_") {
				return e.of
			}
		}
	}
	return sortAct
}

// AuditEvent renders the event as a FHIR R4 AuditEvent, JSON. origin is the
// log's name, under which the vault is known.
func (e Event) AuditEvent(origin string) ([]byte, error) {
	s := sortOf(e.Act)
	out := fhirAuditEvent{ResourceType: "AuditEvent", ID: "event-" + strconv.FormatInt(e.Seq, 10), Type: s.typ, Action: s.action,
		Subtype: []fhirCoding{s.sub, {System: systemClinivault + "act", Code: e.Act}}, Recorded: e.At.String(), Outcome: "0"}
	if s.profile != "" {
		name := s.profile
		if e.Patient != "" {
			name = "Patient" + name
		}
		out.Meta = &fhirMeta{Profile: []string{profileBALP + name}}
	}
	switch e.Outcome {
	case outcomeRefused:
		out.Outcome = "4" // minor failure
	case outcomeFailed:
		out.Outcome = "8" // serious failure
	}
	if out.Outcome != "0" {
		out.OutcomeDesc = strings.TrimSpace(e.Outcome + " " + e.Detail["error"])
	}
	if r, ok := reasons[e.Purpose]; ok {
		out.Purpose = []fhirConcept{{Coding: []fhirCoding{r}, Text: e.Purpose}}
	} else if e.Purpose != "" {
		out.Purpose = []fhirConcept{{Text: e.Purpose}}
	}
	out.Agent = e.agents(origin)
	out.Source.Site = origin
	out.Source.Observer = identified("log", origin)
	out.Source.Type = []fhirCoding{{systemSource, "4", "Application Server"}}
	out.Entity = e.entities(s, origin)
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("rendering event: %w", err)
	}
	return text, nil
}

func identified(what, value string) fhirReference {
	return fhirReference{Identifier: &fhirIdentifier{systemClinivault + what, value}}
}

func concept(system, code, display string) *fhirConcept {
	return &fhirConcept{Coding: []fhirCoding{{system, code, display}}}
}

// agents are who asked, from where, and who answered.
func (e Event) agents(origin string) []fhirAgent {
	who := identified("actor", e.Actor)
	kind := concept(systemDICOM, "110150", "Application")
	if id, person := strings.CutPrefix(e.Actor, "person:"); person {
		who, kind = identified("person", id), concept(systemPart, "IRCP", "information recipient")
	}
	asks := fhirAgent{Type: kind, Who: &who, Requestor: true, AltID: e.Session}
	if e.ActingAs != "" {
		asks.Role = []fhirConcept{{Coding: []fhirCoding{{System: systemClinivault + "role", Code: e.ActingAs}}}}
	}
	client := fhirAgent{Type: concept(systemDICOM, "110153", "Source Role ID"), Who: &fhirReference{Display: "this machine"}}
	if e.Remote != "" {
		client.Who = &fhirReference{Display: "client"}
		client.Network = &fhirNetwork{e.Remote, "1"}
		if _, err := netip.ParseAddr(e.Remote); err == nil {
			client.Network.Type = "2"
		}
	}
	vault := identified("log", origin)
	return []fhirAgent{asks, client, {Type: concept(systemDICOM, "110152", "Destination Role ID"), Who: &vault}}
}

// entities are the patient, what the act was about, the request, and the event itself.
func (e Event) entities(s auditSort, origin string) []fhirEntity {
	var out []fhirEntity
	if e.Patient != "" {
		who := identified("pseudonym", e.Patient)
		out = append(out, fhirEntity{What: &who, Type: &fhirCoding{systemEntity, "1", "Person"}, Role: &fhirCoding{systemRole, "1", "Patient"}})
	}
	kind, id := e.ObjectKind, e.Object
	if e.Photo != "" && kind != "photo" {
		photo := identified("photo", e.Photo)
		out = append(out, fhirEntity{What: &photo, Type: &fhirCoding{systemEntity, "2", "System Object"}, Role: &fhirCoding{systemRole, "4", "Domain Resource"}})
	}
	about := fhirEntity{Type: &fhirCoding{systemEntity, "2", "System Object"}, Role: &fhirCoding{systemRole, "4", "Domain Resource"}}
	if s.sub.Code == "search" {
		about.Role, about.Query = &fhirCoding{systemRole, "24", "Query"}, []byte(e.Act)
	}
	what := fhirReference{Display: kind}
	if kind == "" {
		what.Display = "vault"
	}
	if id != "" && kind != "" {
		what.Identifier = &fhirIdentifier{systemClinivault + strings.ReplaceAll(kind, "_", "-"), id}
	}
	about.What = &what
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		if e.Detail[k] != "" {
			about.Detail = append(about.Detail, fhirDetail{k, e.Detail[k]})
		}
	}
	out = append(out, about)
	if e.Request != "" {
		request := identified("request", e.Request)
		out = append(out, fhirEntity{What: &request, Type: &fhirCoding{systemBALP, "XrequestId", ""}})
	}
	place := identified("event", origin+"#"+strconv.FormatInt(e.Seq, 10))
	return append(out, fhirEntity{What: &place, Type: &fhirCoding{systemEntity, "2", "System Object"}, Role: &fhirCoding{systemRole, "13", "Security Resource"}})
}

// WriteAuditEvents turns an export of the log into FHIR AuditEvents, one a line
// (NDJSON), and returns how many. It checks nothing: VerifyExport does. Errors:
// ErrInvalid for what is no export or holds an event that cannot be read.
func WriteAuditEvents(export io.Reader, w io.Writer) (n int64, err error) {
	lines := bufio.NewReaderSize(export, maxHeader)
	var head exportHeader
	first, err := readLine(lines)
	if err != nil || strict(first, &head) != nil || head.Format != exportFormat {
		return 0, fmt.Errorf("this is not an audit export: %w", ErrInvalid)
	}
	out := bufio.NewWriter(w)
	for {
		text, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return n, out.Flush()
		}
		var l exportLine
		if err != nil || json.Unmarshal(text, &l) != nil {
			return n, fmt.Errorf("the line after event %d cannot be read: %w", n, ErrInvalid)
		}
		if l.Note != "" {
			continue
		}
		e := eventOf(l.Seq, l.Entry)
		if e.Act == unreadAct {
			return n, fmt.Errorf("event %d cannot be read: %w", l.Seq, ErrInvalid)
		}
		resource, err := e.AuditEvent(head.Origin)
		if err != nil {
			return n, err
		}
		if _, err := out.Write(append(resource, '\n')); err != nil {
			return n, fmt.Errorf("writing audit events: %w", err)
		}
		n++
	}
}
