package chart

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// Names of the targets, as the vault stores them with an attachment.
const (
	TargetFHIR  = "fhir"
	TargetDICOM = "dicom"
)

const (
	defaultTimeout = 60 * time.Second
	maxSecret      = 16 << 10
)

// Config says where attachments go. A nil FHIR or DICOM means that this kind of
// receiver is not used.
type Config struct {
	FHIR  *FHIRConfig
	DICOM *DICOMConfig
	// Timeout bounds each request to a receiver, its body included; default 60 s.
	Timeout time.Duration
	// Log takes operational messages, never patient data; default discards.
	Log *slog.Logger
}

// FHIRConfig describes a FHIR R4 (4.0.1) server.
type FHIRConfig struct {
	// BaseURL is the service base, such as https://ehr.example/fhir/R4. Plain
	// HTTP is accepted for loopback only.
	BaseURL string `json:"base_url"`
	// TokenFile holds the bearer token; empty means none. It is read anew for
	// each request, so a rotated token is used at once.
	TokenFile string `json:"token_file"`
	// CAFile holds the PEM certificates to trust instead of the system's.
	CAFile string `json:"ca_file"`
	// PatientSystem is the identifier system of the record numbers (required).
	PatientSystem string `json:"patient_system"`
	// PersonSystem is the identifier system of the vault's person IDs; when
	// empty, people are referred to by name only.
	PersonSystem string `json:"person_system"`
	// EncounterSystem is the identifier system of the vault's encounter IDs;
	// when empty, the encounter is left out.
	EncounterSystem string `json:"encounter_system"`
	// Custodian names the organisation that keeps the document; when empty, it
	// is left out, as MHD before 4.2 asks.
	Custodian string `json:"custodian"`
	// Confidentiality is a code of HL7 v3 Confidentiality: N, R (default) or V.
	Confidentiality string `json:"confidentiality"`
	// ExtraType is a second code for the kind of document beside LOINC 72170-4,
	// such as one of the UK's record composition types; a nil leaves it out.
	ExtraType *Code `json:"extra_type"`
	// Profiles are claimed in meta.profile of the DocumentReference.
	Profiles []string `json:"profiles"`
	// CreatePatient lets the delivery create a patient that the server does not
	// know. It is for demonstrations: a hospital's own feed does this.
	CreatePatient bool `json:"create_patient"`
}

// Code is a code of a terminology, as FHIR's Coding.
type Code struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

// DICOMConfig describes a DICOMweb archive (PS3.18).
type DICOMConfig struct {
	// BaseURL is the DICOMweb root, such as https://pacs.example/dicom-web.
	// Plain HTTP is accepted for loopback only.
	BaseURL string `json:"base_url"`
	// Username and PasswordFile are for HTTP basic authentication; empty: none.
	Username     string `json:"username"`
	PasswordFile string `json:"password_file"`
	// CAFile holds the PEM certificates to trust instead of the system's.
	CAFile string `json:"ca_file"`
	// InstitutionName is written into each object when not empty.
	InstitutionName string `json:"institution_name"`
	// PatientIssuer is the Issuer of Patient ID (0010,0021); empty: left out.
	PatientIssuer string `json:"patient_issuer"`
	// Root is the hospital's own UID root, at most 24 characters; empty: 2.25.
	Root string `json:"uid_root"`
	// Zone is the IANA time zone in which dates and times are written; empty: UTC.
	Zone string `json:"zone"`
	// Delete is how the archive is asked to delete an object that is taken back:
	// "dicomweb" (DELETE on the instance), "orthanc" (Orthanc's own interface at
	// OrthancURL) or empty: it gets a rejection note instead.
	Delete string `json:"delete"`
	// OrthancURL is the root of Orthanc's own interface, such as
	// https://pacs.example/orthanc; the same user and certificates are used.
	OrthancURL string `json:"orthanc_url"`
}

// secret is a token or password. It prints nothing of itself.
type secret string

func (secret) String() string       { return "[redacted]" }
func (secret) GoString() string     { return "[redacted]" }
func (secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// readSecret reads a token or password from a file, without the line end.
func readSecret(path string) (secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading a receiver's secret: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("reading a receiver's secret: %w", err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || len(b) > maxSecret || strings.ContainsAny(s, "\r\n") {
		return "", errors.New("a receiver's secret file must hold one line of text")
	}
	return secret(s), nil
}

// parseBase checks a receiver's address.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(raw, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("base_url must be an absolute address without user, query or fragment")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, errors.New("base_url must be https; http is accepted for loopback only")
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *FHIRConfig) check() error {
	switch {
	case c.PatientSystem == "" || strings.ContainsAny(c.PatientSystem, " |\t\n"):
		return errors.New("patient_system must be the identifier system of the record numbers")
	case c.Confidentiality != "" && c.Confidentiality != "N" && c.Confidentiality != "R" && c.Confidentiality != "V":
		return errors.New("confidentiality must be N, R or V")
	case c.ExtraType != nil && (c.ExtraType.System == "" || c.ExtraType.Code == ""):
		return errors.New("extra_type must have a system and a code")
	}
	return nil
}

// uidRoot is a UID (PS3.5 section 9.1) short enough for a UUID below it.
var uidRoot = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+$`)

func (c *DICOMConfig) check() error {
	switch {
	case c.Root != "" && (len(c.Root) > 24 || !uidRoot.MatchString(c.Root)):
		return errors.New("uid_root must be a UID of at most 24 characters")
	case (c.Username == "") != (c.PasswordFile == ""):
		return errors.New("username and password_file go together")
	case c.Delete != "" && c.Delete != deleteDICOMweb && c.Delete != deleteOrthanc:
		return errors.New("delete must be dicomweb, orthanc or empty")
	case (c.Delete == deleteOrthanc) != (c.OrthancURL != ""):
		return errors.New("delete: orthanc and orthanc_url go together")
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		return errors.New("zone must be an IANA time zone such as Europe/Zurich")
	}
	return nil
}
