package chart

import (
	"crypto/sha1"
	"encoding/base64"
	"time"
)

// The parts of FHIR R4 (4.0.1) that we write, in the order of the specification.

type coding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

type identifier struct {
	Use    string `json:"use,omitempty"`
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
}

type reference struct {
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

type meta struct {
	Profile []string `json:"profile,omitempty"`
}

type fhirAttachment struct {
	ContentType string `json:"contentType,omitempty"`
	Data        string `json:"data,omitempty"` // never written; seen when a server adds it
	URL         string `json:"url,omitempty"`
	Size        int64  `json:"size,omitempty"`
	Hash        string `json:"hash,omitempty"`
	Title       string `json:"title,omitempty"`
	Creation    string `json:"creation,omitempty"`
}

type docContent struct {
	Attachment fhirAttachment `json:"attachment"`
	Format     *coding        `json:"format,omitempty"`
}

type period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

type docContext struct {
	Event             []concept   `json:"event,omitempty"`
	Period            *period     `json:"period,omitempty"`
	SourcePatientInfo *reference  `json:"sourcePatientInfo,omitempty"`
	Related           []reference `json:"related,omitempty"`
}

type documentReference struct {
	ResourceType     string       `json:"resourceType"`
	ID               string       `json:"id"`
	Meta             *meta        `json:"meta,omitempty"`
	MasterIdentifier *identifier  `json:"masterIdentifier,omitempty"`
	Identifier       []identifier `json:"identifier,omitempty"`
	Status           string       `json:"status"`
	Type             *concept     `json:"type,omitempty"`
	Category         []concept    `json:"category,omitempty"`
	Subject          *reference   `json:"subject,omitempty"`
	Date             string       `json:"date,omitempty"`
	Author           []reference  `json:"author,omitempty"`
	Custodian        *reference   `json:"custodian,omitempty"`
	Description      string       `json:"description,omitempty"`
	SecurityLabel    []concept    `json:"securityLabel,omitempty"`
	Content          []docContent `json:"content"`
	Context          *docContext  `json:"context,omitempty"`
}

type agent struct {
	Type *concept  `json:"type,omitempty"`
	Who  reference `json:"who"`
}

type provEntity struct {
	Role string    `json:"role"`
	What reference `json:"what"`
}

type provenance struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Target       []reference  `json:"target"`
	Recorded     string       `json:"recorded"`
	Reason       []concept    `json:"reason,omitempty"`
	Activity     *concept     `json:"activity,omitempty"`
	Agent        []agent      `json:"agent"`
	Entity       []provEntity `json:"entity,omitempty"`
	Signature    []signature  `json:"signature,omitempty"`
}

type signature struct {
	Type         []coding  `json:"type"`
	When         string    `json:"when"`
	Who          reference `json:"who"`
	TargetFormat string    `json:"targetFormat,omitempty"`
	SigFormat    string    `json:"sigFormat,omitempty"`
	Data         []byte    `json:"data,omitempty"` // base64 in JSON
}

type fhirBinary struct {
	ResourceType    string     `json:"resourceType"`
	ID              string     `json:"id"`
	ContentType     string     `json:"contentType"`
	SecurityContext *reference `json:"securityContext,omitempty"`
	Data            string     `json:"data"`
}

type humanName struct {
	Text string `json:"text,omitempty"`
}

type fhirPatient struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Identifier   []identifier `json:"identifier,omitempty"`
	Active       *bool        `json:"active,omitempty"`
	Name         []humanName  `json:"name,omitempty"`
	BirthDate    string       `json:"birthDate,omitempty"`
}

// instant is FHIR's instant (R4 section 2.24.0.1): to the second at least, with
// a time zone.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// sha1Base64 is Attachment.hash: R4 section 2.24.0.4 has SHA-1 in base64. It
// guards nothing here; the comparison of bytes does.
func sha1Base64(b []byte) string {
	sum := sha1.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
