package vault_test

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// rich is a patient with a photo in every state: in a chart and released, claimed by a reviewer, not processed, and not
// readable.
func (w *world) rich() (sent, claimed, waiting, broken vault.PhotoID, x vault.AttachmentID) {
	w.t.Helper()
	ctx := w.t.Context()
	visit := must(w.V.AddEncounter(ctx, vault.Operator(), w.patient, "visit of the canary", w.Clock.Now()))(w.t)
	w.Send(w.t, w.author, w.Capture(w.t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
		f.Encounter, f.Note, f.Consent.Teaching = string(visit), "canary note", true
	}))
	w.Work(w.t)
	p := must(w.V.ClaimNext(ctx, w.reviewer))(w.t)
	must(w.V.Reveal(ctx, w.author, p.ID, "canary reason to look"))(w.t)
	must(w.V.Approve(ctx, w.reviewer, p.ID, drawn(p.Version)))(w.t)
	must(w.V.Release(ctx, w.records, p.ID, "teaching", "canary reason to release"))(w.t)
	must(w.V.ChangeConsent(ctx, w.author, p.ID, vault.ConsentChange{Purpose: "publication", How: "verbal", Note: "canary evidence"}))(w.t)
	x = must(w.V.Attach(ctx, w.records, p.ID, []string{"fhir"}))(w.t)[0].ID
	w.deliver()
	broken = vault.PhotoID(w.Send(w.t, w.author, w.Capture(w.t, w.author, w.patient, []byte("no picture"))).PhotoID)
	claimed = w.inReview()
	w.claim(w.reviewer, claimed)
	return p.ID, claimed, w.waiting(), broken, x
}

// TestErasePatient: two people, one transaction, everything reached, a certificate that an outsider can check.
func TestErasePatient(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		other := vault.PhotoID(w.Send(t, w.outsider, w.Capture(t, w.outsider, w.foreign, w.picture)).PhotoID)
		w.Work(t)
		w.claim(w.second, other)
		sent, claimed, waiting, broken, x := w.rich()
		photos := []vault.PhotoID{sent, claimed, waiting, broken}
		pseudonym := w.text(`SELECT pseudonym FROM patients WHERE id = $1`, string(w.patient))
		made := w.count(`SELECT count(*) FROM renditions r JOIN photos f ON f.id = r.photo WHERE f.patient = $1`, string(w.patient))

		id := must(w.V.AskErasure(ctx, w.privacy, w.patient, "", "asked for by the patient"))(t)
		wants(t, "signing one's own request", w.V.SignErasure(ctx, w.privacy, id), vault.ErrDenied)
		wants(t, "signing without the role", w.V.SignErasure(ctx, w.records, id), vault.ErrDenied)
		_, err := w.V.AskErasure(ctx, w.records, w.patient, "", "asked for twice")
		wants(t, "asking twice", err, vault.ErrConflict)
		_, err = w.V.AskErasure(ctx, w.records, w.foreign, photos[0], "somebody else's photo")
		wants(t, "a photo of another patient", err, vault.ErrInvalid)
		if n := w.keysOf(sent); n == 0 {
			t.Fatal("the request alone destroyed keys")
		}
		ok(t, w.V.SignErasure(ctx, w.officer(), id))
		for _, p := range photos {
			if state, _ := w.photoState(p); state != vault.StateErased || w.keysOf(p) != 0 {
				t.Errorf("photo %s with %d keys, want erased with none", state, w.keysOf(p))
			}
		}
		for what, query := range map[string]string{
			"names":     `SELECT count(*) FROM patients WHERE id = $1 AND (wrapped_key IS NOT NULL OR name <> '' OR name_search <> '' OR birth_date <> '' OR record_number <> id OR erased_at IS NULL)`,
			"labels":    `SELECT count(*) FROM encounters WHERE patient = $1 AND label <> ''`,
			"words":     `SELECT count(*) FROM words WHERE patient = $1`,
			"ties":      `SELECT count(*) FROM care_team WHERE patient = $1 AND ended_at IS NULL`,
			"facts":     `SELECT count(*) FROM photos WHERE patient = $1 AND (length(sealed_facts) > 0 OR body_site <> '' OR reason <> '' OR claimed_by IS NOT NULL)`,
			"regions":   `SELECT count(*) FROM regions r JOIN photos f ON f.id = r.photo WHERE f.patient = $1`,
			"reveals":   `SELECT count(*) FROM reveals r JOIN photos f ON f.id = r.photo WHERE f.patient = $1 AND length(r.sealed_reason) > 0`,
			"decisions": `SELECT count(*) FROM reviews r JOIN photos f ON f.id = r.photo WHERE f.patient = $1 AND (r.certificate <> '' OR r.reason <> '' OR r.sealed_salt IS NOT NULL)`,
			"evidence":  `SELECT count(*) FROM consents c JOIN photos f ON f.id = c.photo WHERE f.patient = $1 AND c.evidence <> ''`,
		} {
			if n := w.count(query, string(w.patient)); n != 0 {
				t.Errorf("%d rows still hold %s of the patient", n, what)
			}
		}
		if state := w.jobState("process", string(waiting)); state != "done" {
			t.Errorf("the job of the capture that was waiting is %s, want it stopped", state)
		}
		wants(t, "cancelling what is done", w.V.CancelErasure(ctx, w.records, id), vault.ErrConflict)
		wants(t, "signing twice", w.V.SignErasure(ctx, w.privacy, id), vault.ErrConflict)

		w.retract("deleted")
		w.finish()
		if state, cause, how := w.attachment(x); state != vault.AttachmentRetracted || cause != "erased" || how != "deleted" {
			t.Errorf("attachment %s %s %s", state, cause, how)
		}
		c := w.certificateOf(id)
		if !c.Complete || c.Subject != "patient" || c.Pseudonym != pseudonym || c.Photos != 4 || c.AskedBy != w.privacy.Person() ||
			c.SignedBy == c.AskedBy || c.Version != 1 || len(c.Objects) != made+2 || len(c.Copies) != 1 || c.Copies[0].How != "deleted" ||
			c.BackupsUntil != vault.TimeOf(w.Clock.Now().Add(vault.DefaultBackupsKept)) || c.DestroyedIn == 0 {
			t.Errorf("certificate %+v", c)
		}
		captures := 0
		for _, o := range c.Objects {
			if !o.Reached || o.How != "deleted" || (o.KeyDestroyedAt == 0) != (o.What == "capture") {
				t.Errorf("object %+v", o)
			}
			if o.What == "capture" {
				captures++
			}
		}
		if captures != 2 {
			t.Errorf("%d sealed captures in the certificate, want 2", captures)
		}
		status := must(w.V.ErasureStatus(ctx, w.records, id))(t)
		if status.State != vault.ErasureDone || status.PatientName != "" || status.Reason != "" || status.Reached != made+3 || len(status.Items) != made+3 {
			t.Errorf("status: %s, %d reached", status.State, status.Reached)
		}
		must(w.V.PhotoByID(ctx, w.outsider, other))(t)
		must(w.V.ReadRendition(ctx, w.outsider, other, vault.KindCoveredThumb))(t)
		w.verified()
	})
}

// text reads one text past the vault.
func (w *world) text(query string, args ...any) string {
	w.t.Helper()
	var s string
	ok(w.t, w.db().QueryRowContext(w.t.Context(), query, args...).Scan(&s))
	return s
}

// certificateOf reads an erasure's newest certificate and checks it with the vault's published keys.
func (w *world) certificateOf(id vault.ErasureID) vault.VerifiedErasure {
	w.t.Helper()
	text := must(w.V.ErasureCertificate(w.t.Context(), w.privacy, id))(w.t)
	keys := must(w.V.PublicKeys(w.t.Context()))(w.t)
	c := must(vault.VerifyErasure(text, vault.Trust{Key: keys.Certificates[0].Key, LogVerifier: keys.LogVerifier}))(w.t)
	if c.OwnKey || c.OwnLogKey || c.LogSize < c.LogPosition {
		w.t.Errorf("the certificate was checked with its own keys")
	}
	return c
}

// TestErasePhoto: one photo goes, the rest of the patient stays.
func TestErasePhoto(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		stays, goes := w.approved(), w.approved()
		id := w.erased("", goes)
		w.unseen(goes)
		w.finish()
		c := w.certificateOf(id)
		if !c.Complete || c.Subject != "photo" || c.Photo != goes || c.Photos != 1 || len(c.Objects) != 8 || len(c.Copies) != 0 {
			t.Errorf("certificate %+v", c)
		}
		must(w.V.ReadRendition(ctx, w.records, stays, vault.KindRedacted))(t)
		if p := must(w.V.PatientPhotos(ctx, w.author, w.patient))(t); len(p) != 1 || p[0].ID != stays {
			t.Errorf("%d photos left, want one", len(p))
		}
		_, err := w.V.AskErasure(ctx, w.records, "", goes, "once more")
		wants(t, "erasing an erased photo", err, vault.ErrConflict)
		w.verified()
	})
}

// TestEraseUnreachedCopy: a chart that does not answer stands in the certificate with the reason, and a later success gives
// a new one.
func TestEraseUnreachedCopy(t *testing.T) {
	w := newWorld(t)
	photo, x := w.sent()
	id := w.erased("", photo)
	_, err := w.V.ErasureCertificate(t.Context(), w.privacy, id)
	wants(t, "a certificate before its time", err, vault.ErrNotFound)
	for range 8 {
		job := w.retraction()
		must(w.V.Retraction(t.Context(), w.worker, job))(t)
		ok(t, w.V.RetractionFailed(t.Context(), w.worker, job, vault.ErrUnavailable, false))
		w.later(time.Hour)
	}
	w.Work(t)
	c := w.certificateOf(id)
	if c.Complete || c.Version != 1 || len(c.Copies) != 1 || c.Copies[0].Reached || c.Copies[0].Why != "unavailable" {
		t.Errorf("certificate of an unreached copy: %+v", c.Copies)
	}
	got := must(w.V.Retractions(t.Context(), w.records))(t)
	if len(got) != 1 || got[0].ID != x || got[0].State != vault.AttachmentUnreached || got[0].LastError == "" {
		t.Errorf("unreached copies: %+v", got)
	}
	ok(t, w.V.RetryRetraction(t.Context(), w.records, x))
	w.retract("entered-in-error")
	w.Work(t)
	if c = w.certificateOf(id); !c.Complete || c.Version != 2 || c.Copies[0].How != "entered-in-error" || c.Copies[0].At == 0 {
		t.Errorf("second certificate: version %d, %+v", c.Version, c.Copies)
	}
	wants(t, "retrying what is retracted", w.V.RetryRetraction(t.Context(), w.records, x), vault.ErrConflict)
}

// TestEraseUnreachedObject: an object that the store keeps is not called reached, whatever it answers.
func TestEraseUnreachedObject(t *testing.T) {
	w := newWorld(t)
	photo := w.approved()
	id := w.erased("", photo)
	w.Blobs.OnOp(func(_ int, op vaulttest.Op, _ string) vaulttest.Fault {
		if op == vaulttest.OpDelete {
			return vaulttest.Refuse
		}
		return vaulttest.Apply
	})
	w.finish()
	if s := must(w.V.ErasureStatus(t.Context(), w.records, id))(t); s.State != vault.ErasureDestroyed || s.Waiting != 8 || s.Items[0].Why == "" {
		t.Errorf("%s with %d waiting, want 8: %+v", s.State, s.Waiting, s.Items[0])
	}
	w.later(73 * time.Hour)
	w.finish()
	if c := w.certificateOf(id); c.Complete || c.Objects[0].Reached || c.Objects[0].Why != "the store does not delete it" || c.Objects[0].KeyDestroyedAt == 0 {
		t.Errorf("certificate of objects that were not reached: %+v", c.Objects[0])
	}
	w.Blobs.OnOp(nil)
	w.later(25 * time.Hour)
	w.finish()
	if c := w.certificateOf(id); !c.Complete || c.Version != 2 {
		t.Errorf("certificate after the store came back: complete %v, version %d", c.Complete, c.Version)
	}
	if state := w.jobState(vault.JobErase, string(id)); state != "done" {
		t.Errorf("job %s, want done", state)
	}
}

// TestEraseFaults: a fault of the store at a step of the job delays the certificate and never falsifies it. Every step is
// tried when CLINIVAULT_DRILL is set.
func TestEraseFaults(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		stride := 5
		if os.Getenv("CLINIVAULT_DRILL") != "" {
			stride = 1
		}
		for step := 1; step <= 16; step += stride {
			w := newWorld(t)
			id := w.erased("", w.approved())
			before := w.Blobs.Names()
			w.Blobs.FaultAt(step, fault)
			w.finish()
			hit := w.Blobs.Steps() >= step
			w.Blobs.OnOp(nil)
			if !hit {
				t.Fatalf("step %d was not reached", step)
			}
			s := must(w.V.ErasureStatus(t.Context(), w.records, id))(t)
			if s.State == vault.ErasureDone || s.Reached != 7 {
				t.Errorf("step %d %v: %s with %d reached", step, fault, s.State, s.Reached)
			}
			w.Clock.Add(2 * time.Minute)
			w.finish()
			if c := w.certificateOf(id); !c.Complete {
				t.Errorf("step %d: certificate not complete", step)
			}
			for _, name := range w.Blobs.Names() {
				if w.count(`SELECT count(*) FROM erasure_items WHERE blob = $1`, name) > 0 {
					t.Errorf("step %d: of %d objects, one is left", step, len(before))
				}
			}
		}
	}
}

// TestEraseIsWhole: without its event nothing is erased.
func TestEraseIsWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		photo := w.approved()
		id := must(w.V.AskErasure(t.Context(), w.records, w.patient, "", "asked for by the patient"))(t)
		refuseEvents(t, w.Bench)
		if err := w.V.SignErasure(t.Context(), w.privacy, id); err == nil {
			t.Fatal("signed without an event")
		}
		if n := w.keysOf(photo); n != 8 {
			t.Errorf("%d keys left, want all 8", n)
		}
		if name := w.text(`SELECT name FROM patients WHERE id = $1`, string(w.patient)); name == "" {
			t.Error("the name is gone")
		}
	})
}

// TestEraseWhile: whoever is at work on a photo that is erased meanwhile brings nothing of it about.
func TestEraseWhile(t *testing.T) {
	sign := func(w *world, photo vault.PhotoID) func() {
		id := must(w.V.AskErasure(w.t.Context(), w.records, w.patient, "", "asked for by the patient"))(w.t)
		return func() { ok(w.t, w.V.SignErasure(w.t.Context(), w.privacy, id)) }
	}
	for name, act := range map[string]func(t *testing.T, w *world) (vault.PhotoID, error){
		"processing": func(t *testing.T, w *world) (vault.PhotoID, error) {
			id := w.waiting()
			job := w.job(vault.JobProcess)
			w.during(sign(w, id))
			return id, w.V.ProcessCapture(t.Context(), w.worker, job)
		},
		"approving": func(t *testing.T, w *world) (vault.PhotoID, error) {
			id := w.inReview()
			p := w.claim(w.reviewer, id)
			w.during(sign(w, id))
			_, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version))
			return id, err
		},
		"releasing": func(t *testing.T, w *world) (vault.PhotoID, error) {
			id := w.allowing()
			w.during(sign(w, id))
			_, err := w.V.Release(t.Context(), w.records, id, "teaching", "for the course of spring")
			return id, err
		},
		"delivering": func(t *testing.T, w *world) (vault.PhotoID, error) {
			id := w.approved()
			must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
			job := w.job(vault.JobDeliver)
			d := must(w.V.Delivery(t.Context(), w.worker, job))(t)
			sign(w, id)()
			return id, w.V.Attached(t.Context(), w.worker, job, []byte(`{}`), digest(d.Bytes))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id, err := act(t, w)
			w.Blobs.OnOp(nil)
			if err == nil {
				t.Error("it went through")
			}
			if state, _ := w.photoState(id); state != vault.StateErased || w.keysOf(id) != 0 {
				t.Errorf("photo %s with %d keys", state, w.keysOf(id))
			}
			w.verified()
		})
	}
}

// TestCaptureAfterErasure: a capture from an offline queue is refused in words of its own, and nothing of it is kept; one
// that arrived before is answered with its receipt, so that the device forgets it.
func TestCaptureAfterErasure(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		early := w.Capture(t, w.author, w.patient, w.picture)
		receipt := w.Send(t, w.author, early)
		late := w.Capture(t, w.author, w.patient, w.picture)
		w.erased(w.patient, "")
		before := w.Blobs.Names()
		_, _, err := w.V.Accept(ctx, w.author, late.Request())
		wants(t, "a capture after the erasure", err, vault.ErrConflict)
		if s, is := err.(interface{ Sentence() string }); !is || !bytes.Contains([]byte(s.Sentence()), []byte("was erased")) {
			t.Errorf("the refusal says %v", err)
		}
		_, _, err = w.V.Accept(ctx, w.outsider, w.Capture(t, w.outsider, w.patient, w.picture).Request())
		wants(t, "by somebody who never treated the patient", err, vault.ErrNotFound)
		if !slices.Equal(before, w.Blobs.Names()) || w.count(`SELECT count(*) FROM photos WHERE capture_id = $1`, string(late.ID)) != 0 {
			t.Error("something of the capture was kept")
		}
		again, created, err := w.V.Accept(ctx, w.author, early.Request())
		if err != nil || created || !reflect.DeepEqual(again, receipt) {
			t.Errorf("sent again: %v, created %v", err, created)
		}
	})
}

// TestCancelErasure: a request that nobody signed can be taken back, by whoever may ask.
func TestCancelErasure(t *testing.T) {
	w := newWorld(t)
	photo := w.approved()
	id := must(w.V.AskErasure(t.Context(), w.records, "", photo, "asked for in error"))(t)
	if s := must(w.V.ErasureStatus(t.Context(), w.privacy, id))(t); s.Reason != "asked for in error" || s.PatientName == "" || s.State != vault.ErasureAsked {
		t.Errorf("the second person sees %s %q", s.State, s.Reason)
	}
	ok(t, w.V.CancelErasure(t.Context(), w.records, id))
	wants(t, "signing what was cancelled", w.V.SignErasure(t.Context(), w.privacy, id), vault.ErrConflict)
	if n := w.keysOf(photo); n != 8 {
		t.Errorf("%d keys, want all", n)
	}
	for name, err := range map[string]error{
		"cancelling twice":  w.V.CancelErasure(t.Context(), w.records, id),
		"signing nothing":   w.V.SignErasure(t.Context(), w.privacy, "none"),
		"an empty reason":   second(w.V.AskErasure(t.Context(), w.records, "", photo, "")),
		"an unknown photo":  second(w.V.AskErasure(t.Context(), w.records, "", "none", "a reason")),
		"an unknown person": second(w.V.AskErasure(t.Context(), w.records, "none", "", "a reason")),
	} {
		want := map[string]error{"cancelling twice": vault.ErrConflict, "an empty reason": vault.ErrInvalid}[name]
		if want == nil {
			want = vault.ErrNotFound
		}
		wants(t, name, err, want)
	}
}

func second[T any](_ T, err error) error { return err }
