package vault

import (
	"encoding/json"
	"slices"
	"time"
)

// The identities of the house. Those the server makes are 26 characters of crypto/rand.Text; a CaptureID is made by
// the client: 32 lowercase hexadecimal digits.
type (
	// PersonID names somebody who can sign in.
	PersonID string
	// PatientID names a patient; it is not the record number.
	PatientID string
	// EncounterID names one visit or stay of a patient.
	EncounterID string
	// PhotoID names a photo.
	PhotoID string
	// CaptureID names a capture before the vault knows of it, so that sending it twice stores it once.
	CaptureID string
	// RenditionID names one stored picture of a photo.
	RenditionID string
	// RegionID names a region of a photo, as proposed or as decided.
	RegionID string
	// AttachmentID names the delivery of one photo to one chart.
	AttachmentID string
	// JobID names a piece of work to be done after the act that asked for it.
	JobID string
	// SessionID names a session; it is not the token that opens it.
	SessionID string
	// ReleaseID names a copy of a photo that was released for a purpose beside the record.
	ReleaseID string
	// HoldID names a legal hold.
	HoldID string
	// RuleID names one version of a retention rule.
	RuleID string
	// ErasureID names the erasure of a patient or of a photo.
	ErasureID string
	// ProvisionerID names a directory that brings people in over SCIM.
	ProvisionerID string
	// GroupID names a group of the directory.
	GroupID string
	// RecallID names the recall of a photo that was filed under the wrong patient.
	RecallID string
)

// Time is unix milliseconds, UTC. In JSON it is RFC 3339 with milliseconds, and null when zero.
type Time int64

const timeForm = "2006-01-02T15:04:05.000Z"

// TimeOf is t, cut to the millisecond; the zero time.Time gives zero.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Std is t as a time.Time in UTC; zero gives the zero time.Time.
func (t Time) Std() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// String is the JSON form without quotes, empty for zero.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return t.Std().Format(timeForm)
}

// MarshalJSON writes the RFC 3339 string, or null for zero.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(t.String())
}

// UnmarshalJSON reads what MarshalJSON writes, and any other RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	var at *time.Time
	if err := json.Unmarshal(b, &at); err != nil {
		return ErrInvalid
	}
	*t = 0
	if at != nil {
		*t = TimeOf(*at)
	}
	return nil
}

// Role is what a person may be to the vault; one person may hold several. DESIGN section 3 says what each may do and
// access.go says it to the machine.
type Role string

// The roles.
const (
	RoleClinician Role = "clinician" // takes photos of, and sees, the patients of their care team
	RoleReviewer  Role = "reviewer"  // decides which regions are covered
	RoleRecords   Role = "records"   // attaches approved photos to charts
	RolePrivacy   Role = "privacy"   // reads and verifies the audit log
	RoleAdmin     Role = "admin"     // people, jobs and health; never a photo or a patient's name
)

// Roles lists every role.
func Roles() []Role {
	return []Role{RoleClinician, RoleReviewer, RoleRecords, RolePrivacy, RoleAdmin}
}

func (r Role) valid() bool { return slices.Contains(Roles(), r) }

// The states of a photo.
const (
	StateAccepted    = "accepted"    // sealed and durable, not looked at yet
	StateInReview    = "in_review"   // readable, waiting for a reviewer
	StateApproved    = "approved"    // redacted and released
	StateRejected    = "rejected"    // a reviewer said no; the reason is kept
	StateQuarantined = "quarantined" // could not be read as a picture; the reason is kept
	StateErased      = "erased"      // its keys are gone
)

// The kinds of rendition.
const (
	KindOriginal        = "original"
	KindThumb           = "thumb"
	KindDisplay         = "display"
	KindCoveredThumb    = "covered_thumb"
	KindCoveredDisplay  = "covered_display"
	KindRedacted        = "redacted"
	KindRedactedThumb   = "redacted_thumb"
	KindRedactedDisplay = "redacted_display"

	KindReleasedTeaching    = "released_teaching"
	KindReleasedPublication = "released_publication"
)
