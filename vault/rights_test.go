package vault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// operation is one exported method of Vault: who may do it, and a call that changes nothing even when it is allowed.
// Actors: s a directory, c clinician of the care team, r reviewer who holds the claim, d records, p privacy, a admin, j job,
// o operator. x is a clinician of another team. Everybody who is not in may must be refused.
type operation struct {
	method string
	may    string
	hidden string // who is told "not found" and not "not allowed"
	call   func(ctx context.Context, s scene, a vault.Actor) error
}

// scene is what the calls are about.
type scene struct {
	v                *vault.Vault
	patient          vault.PatientID
	person           vault.PersonID
	session          vault.SessionID // of a person who may do nothing else
	waiting          *vault.Job      // of a photo that is not processed
	review, approved vault.PhotoID   // claimed by the reviewer; released
	attachment       vault.AttachmentID
	deliver          *vault.Job    // holds no lease
	glass            vault.GlassID // broken by a person who may do nothing else
	device           vault.DeviceID
	request          func(vault.Actor) vault.AcceptRequest
}

// Methods that take no actor: they open or close the vault's door, or give figures and public keys.
var actorless = append(slices.Clone(signInDoor), []string{"SignIn", "Authenticate", "Close", "Ping", "PublicKeys", "JobCounts", "PhotoCounts", "LogSize",
	"BeginFederated", "TakeFederated", "SignInFederated", "RefuseFederated", "EndFederated",
	"DoorChallenge", "BeginEnrolment", "FinishEnrolment", "EnrolmentState", "DeviceAuthorities", "AuthenticateDevice",
	"AuthenticateProvisioner", "IntegrityRefusals", "WitnessLags", "IncidentCounts", "OpenReviews"}...)

// operations covers all of Vault, by topic.
var operations = slices.Concat(dailyOperations, keyOperations, storeOperations, logOperations, lifeOperations, backupOperations, accessOperations, oidcOperations, provisionOperations, deviceOperations, noticeOperations, signInOperations, careOperations, wristbandOperations, uploadOperations)

var dailyOperations = []operation{
	{"Accept", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, _, err := s.v.Accept(ctx, a, s.request(a))
		return err
	}},
	{"AddEncounter", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AddEncounter(ctx, a, s.patient, "", time.Time{})
		return err
	}},
	{"AddPatient", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AddPatient(ctx, a, vault.NewPatient{})
		return err
	}},
	{"AddPerson", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AddPerson(ctx, a, vault.NewPerson{})
		return err
	}},
	{"ApprovedPhotos", "d", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ApprovedPhotos(ctx, a, vault.ApprovedFilter{})
		return err
	}},
	{"Approve", "r", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Approve(ctx, a, s.review, vault.Approval{Version: -1})
		return err
	}},
	{"Attach", "d", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Attach(ctx, a, s.approved, []string{"nowhere"})
		return err
	}},
	{"Attached", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.Attached(ctx, a, s.deliver, json.RawMessage(`{}`), [32]byte{})
	}},
	{"Attachments", "cd", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Attachments(ctx, a, s.approved)
		return err
	}},
	{"AuditOfPatient", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AuditOfPatient(ctx, a, s.patient, 0, 10)
		return err
	}},
	{"AuditOfPerson", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AuditOfPerson(ctx, a, s.person, 0, 10)
		return err
	}},
	{"AuditRecent", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AuditRecent(ctx, a, 0, 10)
		return err
	}},
	{"Certificate", "crdp", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Certificate(ctx, a, s.approved)
		return err
	}},
	{"Checkpoint", "jo", "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.Checkpoint(ctx, a) }},
	{"ClaimJob", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ClaimJob(ctx, a, time.Nanosecond)
		return err
	}},
	{"ClaimNext", "r", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ClaimNext(ctx, a)
		return err
	}},
	{"DeadJobs", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.DeadJobs(ctx, a)
		return err
	}},
	{"Delivery", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Delivery(ctx, a, s.deliver)
		return err
	}},
	{"DeliveryFailed", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.DeliveryFailed(ctx, a, s.deliver, errors.New("test"), true)
	}},
	{"DisablePerson", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.DisablePerson(ctx, a, "leaver")
	}},
	{"EndSession", "a", "cxrdp", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.EndSession(ctx, a, s.session)
	}},
	{"ExportLog", "po", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.ExportLog(ctx, a, &bytes.Buffer{})
	}},
	{"FailJob", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.FailJob(ctx, a, s.deliver, errors.New("test"), false)
	}},
	{"FindPatients", "cxdp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.FindPatients(ctx, a, "")
		return err
	}},
	{"Health", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Health(ctx, a)
		return err
	}},
	{"Ingest", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.Ingest(ctx, a, s.waiting, &imaging.Still{}, vault.Derived{})
	}},
	{"IntakeKeys", "cxrdpao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.IntakeKeys(ctx, a)
		return err
	}},
	{"JoinCareTeam", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.JoinCareTeam(ctx, a, s.patient, "nobody", time.Time{}))
	}},
	{"Labels", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Labels(ctx, a, 0)
		return err
	}},
	{"LeaveCareTeam", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.LeaveCareTeam(ctx, a, s.patient, "nobody")
	}},
	{"Lessons", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Lessons(ctx, a, 0, func(vault.Lesson) error { return nil })
		return err
	}},
	{"MyCaptures", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.MyCaptures(ctx, a, 10)
		return err
	}},
	{"OriginalSalt", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.OriginalSalt(ctx, a, s.approved)
		return err
	}},
	{"Patient", "cdp", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Patient(ctx, a, s.patient)
		return err
	}},
	{"PatientPhotos", "c", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.PatientPhotos(ctx, a, s.patient)
		return err
	}},
	{"People", "pao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.People(ctx, a)
		return err
	}},
	{"PhotoByID", "cr", "xd", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.PhotoByID(ctx, a, s.review)
		return err
	}},
	{"ProcessCapture", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.ProcessCapture(ctx, a, s.waiting)
	}},
	{"ReadRendition", "cr", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ReadRendition(ctx, a, s.review, vault.KindCoveredThumb)
		return err
	}},
	{"Reject", "r", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.Reject(ctx, a, s.review, -1, "a reason")
	}},
	{"ReleaseClaim", "r", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.ReleaseClaim(ctx, a, s.approved))
	}},
	{"RenewClaim", "r", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.RenewClaim(ctx, a, s.review)
		return err
	}},
	{"RenewJob", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.RenewJob(ctx, a, s.deliver, time.Minute)
	}},
	{"Reopen", "r", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.Reopen(ctx, a, s.approved, "")
	}},
	{"RetryAttachment", "d", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.RetryAttachment(ctx, a, s.attachment)
	}},
	{"RetryJob", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.RetryJob(ctx, a, "no job"))
	}},
	{"Reveal", "c", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Reveal(ctx, a, s.review, "")
		return err
	}},
	{"ReviewQueue", "r", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, _, err := s.v.ReviewQueue(ctx, a)
		return err
	}},
	{"SaveProgress", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SaveProgress(ctx, a, s.deliver, json.RawMessage(`{}`))
	}},
	{"SeedDemo", "o", "", nil}, // it gives these very people new passwords; see TestSeedDemo
	{"Sessions", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Sessions(ctx, a)
		return err
	}},
	{"SignOut", "cxrdpa", "", nil}, // it ends the actor; see TestSignOut
	{"Sweep", "jo", "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.Sweep(ctx, a) }},
	{"VerifyLog", "po", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.VerifyLog(ctx, a)
		return err
	}},
}

// past turns the ErrNotFound that an allowed call meets behind the decision into nil. Those who may do it are told by
// it apart from those who may not, who get ErrDenied.
func past(err error) error {
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	return err
}

// refused says whether err is one of the ways to say no.
func refused(err error) bool {
	return errors.Is(err, vault.ErrDenied) || errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrUnauthenticated)
}

func newScene(w *world) scene {
	w.t.Helper()
	s := scene{v: w.V, patient: w.patient, approved: w.approved(), device: w.aDevice()}
	w.Person(w.t, "leaver", vault.RoleClinician)
	guest := w.Person(w.t, "guest", vault.RoleClinician)
	s.person, s.session = guest.Person(), guest.Session()
	s.glass = must(w.V.BreakGlass(w.t.Context(), guest, emergency("TEST-000001")))(w.t).ID
	s.attachment = must(w.V.Attach(w.t.Context(), w.records, s.approved, []string{"fhir"}))(w.t)[0].ID
	s.deliver = &vault.Job{ID: "none", Kind: vault.JobDeliver, Subject: string(s.attachment), Lease: "none"}
	w.change(`UPDATE jobs SET state = 'done' WHERE kind = 'deliver'`)
	s.review = w.inReview()
	w.claim(w.reviewer, s.review)
	s.waiting = &vault.Job{ID: "none", Kind: vault.JobProcess, Subject: string(w.waiting()), Lease: "none"}
	captures := map[vault.PersonID]vault.AcceptRequest{}
	s.request = func(a vault.Actor) vault.AcceptRequest {
		patient := w.patient
		if a.Person() == w.outsider.Person() {
			patient = w.foreign
		}
		by := a
		if a.Person() == "" {
			by = w.author
		}
		if _, made := captures[a.Person()]; !made {
			captures[a.Person()] = w.Capture(w.t, by, patient, w.picture).Request()
		}
		r := captures[a.Person()]
		r.Body.(*bytes.Reader).Seek(0, 0)
		return r
	}
	return s
}

func TestRights(t *testing.T) {
	w := newWorld(t)
	s := newScene(w)
	actors := []struct {
		letter string
		actor  vault.Actor
	}{{"c", w.colleague}, {"x", w.outsider}, {"r", w.reviewer}, {"d", w.records}, {"p", w.privacy}, {"a", w.admin},
		{"j", vault.JobActor("test")}, {"o", vault.Operator()}, {"f", vault.FeedActor("test")}, {"s", w.directory}, {"nobody", vault.Actor{}}}
	for _, op := range operations {
		if op.call == nil {
			continue
		}
		t.Run(op.method, func(t *testing.T) {
			for _, who := range actors { // first those who must be refused: nothing may have changed then
				if strings.Contains(op.may, who.letter) {
					continue
				}
				want := vault.ErrDenied
				switch {
				case who.letter == "nobody":
					want = vault.ErrUnauthenticated
				case strings.Contains(op.hidden, who.letter):
					want = vault.ErrNotFound
				}
				if err := op.call(t.Context(), s, who.actor); !errors.Is(err, want) {
					t.Errorf("%s by %s: got %v, want %v", op.method, who.letter, err, want)
				}
			}
			for _, who := range actors {
				if !strings.Contains(op.may, who.letter) {
					continue
				}
				if err := op.call(t.Context(), s, who.actor); refused(err) {
					t.Errorf("%s by %s: got %v, want it allowed", op.method, who.letter, err)
				}
			}
		})
	}
	w.verified()
}

// TestRightsCoverAllMethods fails when Vault gets a method that the tables above do not know.
func TestRightsCoverAllMethods(t *testing.T) {
	known := slices.Clone(actorless)
	for _, op := range operations {
		known = append(known, op.method)
	}
	v := reflect.TypeFor[*vault.Vault]()
	actor := reflect.TypeFor[vault.Actor]()
	for i := range v.NumMethod() {
		m := v.Method(i)
		if !slices.Contains(known, m.Name) {
			t.Errorf("Vault.%s is in no table of rights", m.Name)
		}
		takes := m.Type.NumIn() > 2 && m.Type.In(2) == actor
		if slices.Contains(actorless, m.Name) == takes {
			t.Errorf("Vault.%s: takes an actor %v, listed as actorless %v", m.Name, takes, !takes)
		}
		known = slices.DeleteFunc(known, func(name string) bool { return name == m.Name })
	}
	if len(known) > 0 {
		t.Errorf("the tables name methods that Vault does not have: %v", known)
	}
}

// TestRefusalsAreLogged: whoever is refused is in the log, and learns nothing before.
func TestRefusalsAreLogged(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	_, err := w.V.PhotoByID(t.Context(), w.outsider, id)
	wants(t, "photo of another team", err, vault.ErrNotFound)
	_, err = w.V.PhotoByID(t.Context(), w.admin, id)
	wants(t, "photo for an admin", err, vault.ErrDenied)
	_, err = w.V.PhotoByID(t.Context(), w.outsider, "no such photo")
	wants(t, "no photo", err, vault.ErrNotFound)
	refusals := 0
	for _, e := range w.events(id) {
		if e == "photo.read refused" {
			refusals++
		}
	}
	if refusals != 2 {
		t.Errorf("%d refusals in the log, want 2: %v", refusals, w.events(id))
	}
}

// TestRightsAreReadAtEachCall: an actor made before a change has no right left after it.
func TestRightsAreReadAtEachCall(t *testing.T) {
	for name, change := range map[string]struct {
		do   func(w *world)
		want error
	}{
		"care team left": {func(w *world) {
			ok(w.t, w.V.LeaveCareTeam(w.t.Context(), vault.Operator(), w.patient, w.colleague.Person()))
		}, vault.ErrNotFound},
		"role taken": {func(w *world) {
			w.change(`DELETE FROM person_roles WHERE person = $1`, string(w.colleague.Person()))
		}, vault.ErrDenied},
		"person disabled": {func(w *world) {
			ok(w.t, w.V.DisablePerson(w.t.Context(), w.admin, "colleague"))
		}, vault.ErrUnauthenticated},
		"session ended": {func(w *world) {
			ok(w.t, w.V.EndSession(w.t.Context(), w.admin, w.colleague.Session()))
		}, vault.ErrUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.t = t
			id := w.inReview()
			must(w.V.PhotoByID(t.Context(), w.colleague, id))(t)
			change.do(w)
			_, err := w.V.PhotoByID(t.Context(), w.colleague, id)
			wants(t, "reading the photo", err, change.want)
			_, err = w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb)
			wants(t, "reading the picture", err, change.want)
		})
	}
}
