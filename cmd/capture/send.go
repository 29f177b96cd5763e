package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// order is what the person asked to send.
type order struct {
	state, patient, site, side, encounter, note, transport string
	paths                                                  []string
	wipe                                                   bool
	compared                                               bool // a person stands by and compares name and birth date
	consent                                                seal.Consent
	takenAt                                                time.Time // zero: when the photo is sealed
}

// orderFlags are the flags that say whose photos they are and what was allowed.
func orderFlags(set *flag.FlagSet, o *order) (consent *string) {
	set.StringVar(&o.patient, "patient", "", "")
	set.StringVar(&o.site, "site", "", "")
	set.StringVar(&o.side, "side", "", "")
	set.StringVar(&o.encounter, "encounter", "", "")
	set.StringVar(&o.note, "note", "", "")
	set.StringVar(&o.transport, "transport", transportAuto, "")
	return set.String("consent", "record", "")
}

// allows reads what the patient allowed.
func (o *order) allows(consent string) error {
	for c := range strings.SplitSeq(consent, ",") {
		switch strings.TrimSpace(c) {
		case "record":
			o.consent.Record = true
		case "teaching":
			o.consent.Teaching = true
		case "publication":
			o.consent.Publication = true
		default:
			return usageError{"--consent takes record, teaching and publication, with commas between"}
		}
	}
	if !o.consent.Record {
		return usageError{"without the patient's consent to the record no photo can be kept: --consent must include record"}
	}
	return nil
}

func parseOrder(args []string, s surroundings) (o order, err error) {
	set, state := flags("send")
	consent := orderFlags(set, &o)
	taken := set.String("taken-at", "", "")
	set.BoolVar(&o.wipe, "wipe", false, "")
	if err := parse(set, args); err != nil {
		return order{}, err
	}
	o.state, o.paths = *state, set.Args()
	if o.patient == "" || o.site == "" || len(o.paths) == 0 {
		return order{}, usageError{"send needs --patient, --site and the photos, in this order (- is standard input)"}
	}
	if slices.Contains(o.paths, "-") && (len(o.paths) > 1 || o.wipe) {
		return order{}, usageError{"standard input is one photo, alone, and cannot be wiped"}
	}
	if err := checkTransport(o.transport); err != nil {
		return order{}, err
	}
	if err := o.allows(*consent); err != nil {
		return order{}, err
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
	r.transport = o.transport
	in, facts, err := r.prepare(ctx, o)
	if err != nil {
		if away(err) && slices.Contains(o.paths, "-") {
			return fmt.Errorf("%w; nothing was sealed: have the photo sent again", err)
		}
		return nothingSealed(err)
	}
	sealed, failed, err := r.sealAll(o, in, facts)
	defer func() {
		for _, line := range r.atEnd {
			fmt.Fprintln(s.stdout, line)
		}
	}()
	if err != nil || len(sealed) == 0 {
		return errors.Join(err, failed)
	}
	err = r.sendAll(ctx, func(other item) bool { return slices.Contains(sealed, other.CaptureID) })
	if err == nil { // the way is open: also for what waits from before
		if _, older := r.sendQueue(ctx, func(other item) bool { return other.State != stateFailed }); older != nil {
			fmt.Fprintf(s.stderr, "capture: of what waited before: %v\n", older)
		}
	}
	if failed != nil && err == nil {
		err = codeError{exitPartly, failed}
	} else if failed != nil {
		fmt.Fprintf(s.stderr, "capture: %v\n", failed)
	}
	return err
}

// nothingSealed says what to do about an error before the first photo was sealed.
func nothingSealed(err error) error {
	var told *refusal
	if errors.As(err, &told) && told.status == http.StatusUnauthorized {
		return errors.New("the session has ended, and nothing was sealed: run capture sign-in, then send again")
	}
	if errors.As(err, &told) && needsFactor[told.kind] != "" {
		return errors.New("nothing was sealed: " + needsFactor[told.kind] + ", then send again")
	}
	if away(err) {
		return fmt.Errorf("%w; nothing was sealed, and the originals are untouched", err)
	}
	return fmt.Errorf("%w; nothing was sealed", err)
}

// sealAll seals the photos of an order into the queue, one after the other, and wipes the originals where that was asked
// for. failed tells of those that could not be sealed, or not be wiped.
func (r *session) sealAll(o order, in intakeInfo, f seal.CaptureFacts) (sealed []string, failed, err error) {
	if o.wipe {
		release, err := r.wiping(true)
		if err != nil {
			return nil, nil, err
		}
		defer release()
		for _, path := range o.paths {
			if err := r.forgetGone(filepath.Dir(path), nil); err != nil {
				return nil, nil, err
			}
		}
	}
	var left []string
	for _, path := range o.paths {
		it, err := r.sealOne(path, o, in, f)
		if err != nil && len(o.paths) > 1 {
			err = fmt.Errorf("%s: %w", clean(filepath.Base(path)), err)
		}
		failed = errors.Join(failed, err)
		if it.CaptureID == "" {
			continue
		}
		sealed = append(sealed, it.CaptureID)
		if it.Size == 0 {
			fmt.Fprintf(r.stdout, "sealed before, as capture %s; not sealed again\n", it.CaptureID)
			continue
		}
		fmt.Fprintf(r.stdout, "sealed as capture %s\n", it.CaptureID)
		if path != "-" && !o.wipe {
			left = append(left, clean(path))
		}
	}
	if len(left) > 0 {
		r.atEnd = append(r.atEnd, "The original file was not changed and is not protected by the vault: once the photo is received, delete "+
			strings.Join(left, ", ")+" yourself, from trash and backups too.")
	}
	return sealed, failed, nil
}

// sealOne seals one photo of an order. With an item and an error it is sealed, and the original could not be wiped.
func (r *session) sealOne(path string, o order, in intakeInfo, f seal.CaptureFacts) (item, error) {
	if f.TakenAt = o.takenAt; f.TakenAt.IsZero() {
		f.TakenAt = r.client.rightTime(r.now())
	}
	if o.wipe {
		return r.sealAndWipe(path, in, f)
	}
	it, err := r.sealWhole(path, in, f)
	return it, notSealed(err, path)
}

// sealWhole seals a photo that has come to its end, from a file or standard input. It is read once, into memory, so that
// what was looked at is what is sealed; the file is only read.
func (r *session) sealWhole(path string, in intakeInfo, f seal.CaptureFacts) (item, error) {
	src := r.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return item{}, fmt.Errorf("opening the photo: %w", bare(err))
		}
		defer file.Close()
		src = file
	}
	photo, err := readWhole(src)
	defer clear(photo)
	if err != nil {
		return item{}, err
	}
	return r.seal(bytes.NewReader(photo), in, f, nil)
}

// notSealed says what to do about an error before a photo was in the queue.
func notSealed(err error, path string) error {
	switch {
	case errors.Is(err, errUnfinished) && path == "-":
		return errors.New("the picture is cut short: send it again from the camera or scanner; it was not sealed")
	case errors.Is(err, errUnfinished):
		return errors.New("the picture is cut short: copy it again from the camera; it was not sealed, and the file is untouched")
	case noRoom(err) && path == "-":
		return errors.New("no room for the sealed photo: free space, then send it again; it was not sealed")
	case noRoom(err):
		return errors.New("no room for the sealed photo: free space, then run it again; it was not sealed, the original is untouched")
	}
	return err
}

// prepare asks the server for its key, the patient and the body site, so that nothing is sealed that would be refused;
// where the server is away, key and body sites are those that were kept.
// The facts have no number yet: each photo gets its own.
func (r *session) prepare(ctx context.Context, o order) (intakeInfo, seal.CaptureFacts, error) {
	fail := func(err error) (intakeInfo, seal.CaptureFacts, error) { return intakeInfo{}, seal.CaptureFacts{}, err }
	known, err := r.published(ctx)
	if err != nil {
		return fail(err)
	}
	if text := r.client.wrongClock(); text != "" {
		fmt.Fprintln(r.stderr, text)
	}
	if err := checkSite(known.BodySites, o.site, o.side); err != nil {
		return fail(err)
	}
	p, err := r.whoIs(ctx, o)
	if err != nil {
		return fail(err)
	}
	f, err := r.factsFor(o, p)
	if err != nil {
		return fail(err)
	}
	known.tellKept(r.stderr)
	fmt.Fprintln(r.stderr, p.card())
	return known.Intake, f, nil
}

// factsFor are the facts of photos of a patient, but for the number and the time of each.
func (r *session) factsFor(o order, p patient) (seal.CaptureFacts, error) {
	encounter, err := p.encounter(o.encounter)
	if err != nil {
		return seal.CaptureFacts{}, err
	}
	f := seal.CaptureFacts{
		CaptureID: newCaptureID(), Patient: p.ID, Encounter: encounter, BodySite: o.site, Laterality: o.side,
		Author: r.account.Person, MediaType: "image/jpeg", Note: o.note, Consent: o.consent, TakenAt: r.now(),
	}
	return f, f.Validate()
}

func newCaptureID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	return hex.EncodeToString(id[:])
}

// seal puts one photo, read once, sealed into the queue, under a number of its own. read, when not nil, is called once
// all of it was read, with its SHA-256 and before it is in the queue; its error ends the sealing.
func (r *session) seal(src io.Reader, in intakeInfo, f seal.CaptureFacts, read func(captureID string, sum []byte) error) (item, error) {
	sum := sha256.New()
	photo := bufio.NewReaderSize(io.TeeReader(&limited{r: src, left: maxPhoto}, sum), 64<<10)
	head, err := photo.Peek(12)
	if err != nil && !errors.Is(err, io.EOF) {
		return item{}, fmt.Errorf("reading the photo: %w", bare(err))
	}
	if f.MediaType = mediaTypeOf(head); f.MediaType == "" {
		return item{}, errNoPicture
	}
	f.CaptureID = newCaptureID()
	it, err := r.queue.add(f.CaptureID, f.Author, func(w io.Writer) error {
		err := seal.SealCapture(w, photo, seal.IntakePublic{Epoch: in.Epoch, Key: in.Key}, f)
		if err == nil && read != nil {
			err = read(f.CaptureID, sum.Sum(nil))
		}
		return err
	})
	if err != nil {
		return item{}, fmt.Errorf("sealing the photo: %w", err)
	}
	return it, nil
}
