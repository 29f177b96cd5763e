package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// maxPhoto is the largest picture taken, in bytes; the vault's own limit for pictures.
const maxPhoto = 32 << 20

// order is what the person asked to send.
type order struct {
	state, patient, site, side, encounter, note, path string
	consent                                           seal.Consent
	takenAt                                           time.Time
}

func parseOrder(args []string, s surroundings) (order, error) {
	set, state := flags("send")
	patient := set.String("patient", "", "")
	site := set.String("site", "", "")
	side := set.String("side", "", "")
	consent := set.String("consent", "record", "")
	encounter := set.String("encounter", "", "")
	note := set.String("note", "", "")
	taken := set.String("taken-at", "", "")
	if err := parse(set, args); err != nil {
		return order{}, err
	}
	o := order{
		state: *state, patient: *patient, site: *site, side: *side, encounter: *encounter, note: *note,
		path: set.Arg(0), takenAt: s.now(),
	}
	if o.patient == "" || o.site == "" || set.NArg() != 1 {
		return order{}, usageError{"send needs --patient, --site and one photo, in this order (- is standard input)"}
	}
	for c := range strings.SplitSeq(*consent, ",") {
		switch strings.TrimSpace(c) {
		case "record":
			o.consent.Record = true
		case "teaching":
			o.consent.Teaching = true
		case "publication":
			o.consent.Publication = true
		default:
			return order{}, usageError{"--consent takes record, teaching and publication, with commas between"}
		}
	}
	if !o.consent.Record {
		return order{}, usageError{"without the patient's consent to the record no photo can be kept: --consent must include record"}
	}
	if *taken != "" {
		at, err := time.Parse(time.RFC3339, *taken)
		if err != nil || at.After(s.now()) {
			return order{}, usageError{"--taken-at takes a past time like 2026-11-21T10:00:00Z"}
		}
		o.takenAt = at
	}
	return o, nil
}

// send is the command of that name.
func send(ctx context.Context, args []string, s surroundings) error {
	o, err := parseOrder(args, s)
	if err != nil {
		return err
	}
	r, err := open(o.state, s)
	if err != nil {
		return err
	}
	in, facts, err := r.prepare(ctx, o)
	if err != nil {
		var told *refusal
		if errors.As(err, &told) && told.status == http.StatusUnauthorized {
			return errors.New("the session has ended, and nothing was sealed: run capture sign-in, then send again")
		}
		if errors.As(err, &told) && needsFactor[told.kind] != "" {
			return errors.New("nothing was sealed: " + needsFactor[told.kind] + ", then send again")
		}
		return fmt.Errorf("%w; nothing was sealed", err)
	}
	it, err := r.seal(o, in, facts)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "sealed as capture %s\n", it.CaptureID)
	if o.path != "-" {
		defer fmt.Fprintf(s.stdout, "The original file was not changed and is not protected by the vault: once the photo is received, delete %s "+
			"yourself, from trash and backups too.\n", o.path)
	}
	return r.sendAll(ctx, func(other item) bool { return other.CaptureID == it.CaptureID })
}

// prepare asks the server for its key, the patient and the body site, so that nothing is sealed that would be refused.
func (r *session) prepare(ctx context.Context, o order) (intakeInfo, seal.CaptureFacts, error) {
	fail := func(err error) (intakeInfo, seal.CaptureFacts, error) { return intakeInfo{}, seal.CaptureFacts{}, err }
	in, err := r.client.intake(ctx)
	if err != nil {
		return fail(err)
	}
	if err := r.client.checkSite(ctx, o.site, o.side); err != nil {
		return fail(err)
	}
	p, err := r.client.patient(ctx, o.patient)
	if err != nil {
		return fail(err)
	}
	encounter, err := p.encounter(o.encounter)
	if err != nil {
		return fail(err)
	}
	fmt.Fprintf(r.stderr, "patient: %s, born %s, record number %s\n", clean(p.Name), clean(p.BirthDate), clean(p.RecordNumber))
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	f := seal.CaptureFacts{
		CaptureID: hex.EncodeToString(id[:]), Patient: p.ID, Encounter: encounter, BodySite: o.site, Laterality: o.side,
		Author: r.account.Person, MediaType: "image/jpeg", Note: o.note, Consent: o.consent, TakenAt: o.takenAt,
	}
	if err := f.Validate(); err != nil {
		return fail(err)
	}
	return in, f, nil
}

// seal puts the photo, read once, sealed into the queue.
func (r *session) seal(o order, in intakeInfo, f seal.CaptureFacts) (item, error) {
	src := r.stdin
	if o.path != "-" {
		file, err := os.Open(o.path)
		if err != nil {
			return item{}, fmt.Errorf("opening the photo: %w", err)
		}
		defer file.Close()
		src = file
	}
	photo := bufio.NewReaderSize(&limited{r: src, left: maxPhoto}, 64<<10)
	head, err := photo.Peek(12)
	if err != nil && !errors.Is(err, io.EOF) {
		return item{}, fmt.Errorf("reading the photo: %w", err)
	}
	if f.MediaType = mediaTypeOf(head); f.MediaType == "" {
		return item{}, errors.New("not a JPEG, PNG or HEIC picture; nothing was sealed")
	}
	it, err := r.queue.add(f.CaptureID, f.Author, func(w io.Writer) error {
		return seal.SealCapture(w, photo, seal.IntakePublic{Epoch: in.Epoch, Key: in.Key}, f)
	})
	if err != nil {
		return item{}, fmt.Errorf("sealing the photo: %w", err)
	}
	return it, nil
}

// mediaTypeOf tells the formats that the vault takes by their first bytes, "" for others.
func mediaTypeOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xd8, 0xff}): // ITU-T T.81, B.1.1.3: SOI and the next marker
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")): // PNG 3rd edition, 5.2
		return "image/png"
	case len(head) >= 12 && string(head[4:8]) == "ftyp" && // ISO/IEC 23008-12, annex B
		slices.Contains([]string{"heic", "heix", "heim", "heis", "mif1"}, string(head[8:12])):
		return "image/heic"
	}
	return ""
}

// limited ends with an error where more than left bytes come.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errors.New("the photo is larger than 32 MiB")
	}
	return n, err
}

// checkSite compares site and side with the server's list.
func (c *client) checkSite(ctx context.Context, site, side string) error {
	var known struct {
		BodySites []struct {
			Code  string `json:"code"`
			Sided bool   `json:"sided"`
		} `json:"body_sites"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/body-sites", nil, nil, &known); err != nil {
		return fmt.Errorf("asking for the body sites: %w", err)
	}
	var codes []string
	for _, s := range known.BodySites {
		codes = append(codes, clean(s.Code))
		if s.Code != site {
			continue
		}
		if s.Sided && side != "left" && side != "right" && side != "bilateral" {
			return fmt.Errorf("%s needs --side left, right or bilateral", clean(site))
		}
		if !s.Sided && side != "" && side != "midline" {
			return fmt.Errorf("%s takes no --side but midline", clean(site))
		}
		return nil
	}
	return fmt.Errorf("unknown body site: use one of %s", strings.Join(codes, ", "))
}

// patient is one entry of a patient search.
type patient struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	RecordNumber string `json:"record_number"`
	BirthDate    string `json:"birth_date"`
	Encounters   []struct {
		ID    string `json:"id"`
		Label string `json:"label"`
	} `json:"encounters"`
}

// patient finds the one patient with exactly this record number or ID. A name or half a number is never enough.
func (c *client) patient(ctx context.Context, number string) (patient, error) {
	var found struct {
		Patients []patient `json:"patients"`
	}
	if err := c.call(ctx, http.MethodPost, "/api/v1/patients/search", nil, map[string]string{"q": number}, &found); err != nil {
		return patient{}, fmt.Errorf("finding the patient: %w", err)
	}
	var exact []patient
	for _, p := range found.Patients {
		if strings.EqualFold(p.RecordNumber, number) || p.ID == number {
			exact = append(exact, p)
		}
	}
	if len(exact) == 0 && isPatientID(number) {
		var p patient
		err := c.call(ctx, http.MethodGet, "/api/v1/patients/"+number, nil, nil, &p)
		if err == nil && p.ID == number {
			return p, nil
		}
		var told *refusal
		if err != nil && (!errors.As(err, &told) || told.status != http.StatusNotFound) {
			return patient{}, fmt.Errorf("finding the patient: %w", err)
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0], nil
	case len(exact) > 1:
		return patient{}, errors.New("several patients have this record number: use the patient's ID instead")
	case len(found.Patients) > 0:
		return patient{}, fmt.Errorf("%d patients are similar, none has exactly this record number: give the whole record number", len(found.Patients))
	}
	return patient{}, errors.New("no patient of your care team has this record number: check it, or ask to be added to the care team")
}

// isPatientID reports whether s has the form of an ID made by the vault: 26 letters and digits of base32.
func isPatientID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// encounter finds an encounter of the patient by ID or label; none asked for is none.
func (p patient) encounter(asked string) (string, error) {
	if asked == "" {
		return "", nil
	}
	for _, e := range p.Encounters {
		if e.ID == asked || e.Label == asked {
			return e.ID, nil
		}
	}
	var known []string
	for _, e := range p.Encounters {
		known = append(known, clean(e.ID+" ("+e.Label+")"))
	}
	if len(known) == 0 {
		return "", errors.New("the patient has no encounters: leave --encounter out")
	}
	return "", fmt.Errorf("the patient has no such encounter: use one of %s", strings.Join(known, ", "))
}
