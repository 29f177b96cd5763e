package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// act is one thing that can be asked of the vault, as the audit log names it.
type act string

// The acts. Each exported method of Vault performs one of them.
const (
	actSignIn       act = "session.sign_in"
	actSignInFailed act = "session.sign_in_failed"
	actSignOut      act = "session.sign_out"
	actSessions     act = "session.list"
	actEndSession   act = "session.end"

	actAddPerson     act = "person.add"
	actDisablePerson act = "person.disable"
	actPeople        act = "person.list"
	actSetPassword   act = "person.set_password"

	actAddPatient    act = "patient.add"
	actAddEncounter  act = "encounter.add"
	actJoinCareTeam  act = "care_team.join"
	actLeaveCareTeam act = "care_team.leave"
	actFindPatients  act = "patient.find"
	actReadPatient   act = "patient.read"
	actPatientPhotos act = "patient.photos"

	actIntakeRead act = "intake.read"
	actAccept     act = "capture.accept"
	actMyCaptures act = "capture.mine"
	actProcess    act = "capture.process"
	actIngest     act = "photo.ingest"
	actQuarantine act = "photo.quarantine"

	actReadPhoto    act = "photo.read"
	actSeeCovered   act = "photo.see_covered"
	actSeeRedacted  act = "photo.see_redacted"
	actSeeDisplay   act = "photo.see_display"
	actSeeOriginal  act = "photo.see_original"
	actReveal       act = "photo.reveal"
	actCertificate  act = "photo.certificate"
	actOriginalSalt act = "photo.original_salt"

	actClaim       act = "review.claim"
	actRenewClaim  act = "review.renew"
	actRelease     act = "review.release"
	actReviewQueue act = "review.queue"
	actApprove     act = "review.approve"
	actReject      act = "review.reject"
	actReopen      act = "review.reopen"

	actApprovedPhotos act = "chart.list"
	actAttach         act = "chart.attach"
	actAttachments    act = "chart.read"
	actRetryAttach    act = "chart.retry"
	actDelivery       act = "chart.deliver"
	actProgress       act = "chart.progress"
	actAttached       act = "chart.attached"
	actDeliveryFailed act = "chart.failed"

	actChangeConsent  act = "consent.change"
	actConsentHistory act = "consent.read"
	actReleaseCopy    act = "release.make"
	actReadRelease    act = "release.see"
	actReleases       act = "release.list"
	actPlaceHold      act = "hold.place"
	actAskLiftHold    act = "hold.ask_lift"
	actLiftHold       act = "hold.lift"
	actHolds          act = "hold.list"
	actCarryHold      act = "hold.carry"

	actProposeRule     act = "retention.propose"
	actSignRule        act = "retention.sign"
	actDropRule        act = "retention.drop"
	actRetentionRules  act = "retention.rules"
	actRetentionReport act = "retention.report"
	actRetention       act = "retention.run"
	actRetentionErase  act = "retention.erase"

	actAskErasure         act = "erasure.ask"
	actSignErasure        act = "erasure.sign"
	actCancelErasure      act = "erasure.cancel"
	actErasures           act = "erasure.list"
	actErasureStatus      act = "erasure.read"
	actFinishErasure      act = "erasure.finish"
	actErasureCertificate act = "erasure.certificate"

	actAskRecall    act = "recall.ask"
	actSignRecall   act = "recall.sign"
	actCancelRecall act = "recall.cancel"
	actRecalls      act = "recall.list"
	actRecallTo     act = "recall.receive" // the event of the patient whose photo it is

	actRetract       act = "chart.retract"
	actRetracted     act = "chart.retracted"
	actRetractFailed act = "chart.retract_failed"
	actRetryRetract  act = "chart.retry_retract"
	actRetractions   act = "chart.retractions"

	actAuditRead       act = "audit.read"
	actAuditVerify     act = "audit.verify"
	actAuditExport     act = "audit.export"
	actAuditCheckpoint act = "audit.checkpoint"
	actWitness         act = "audit.witness"
	actRollback        act = "audit.rollback"
	actIntegrity       act = "integrity.refused"
	actFinding         act = "integrity.found"
	actIncidents       act = "incident.list"
	actSettle          act = "incident.settle"
	actStoreCheck      act = "store.check"
	actStoreRepair     act = "store.repair"
	actJobClaim        act = "job.claim"
	actJobRenew        act = "job.renew"
	actJobFail         act = "job.fail"
	actJobList         act = "job.list"
	actJobRetry        act = "job.retry"
	actSweep           act = "sweep"
	actReadHealth      act = "vault.health"
	actMakeKey         act = "key.make"
	actRotateKey       act = "key.rotate"
	actKeyStatus       act = "key.status"
	actForgetRoot      act = "key.forget_root"
	actDestroyKeys     act = "key.destroy"
	actLabels          act = "detection.labels"
	actLessons         act = "detection.learn"
	actLesson          act = "photo.learn"

	actBackup      act = "backup.make"
	actPause       act = "backup.pause"
	actResume      act = "backup.resume"
	actRestored    act = "backup.restore"
	actCheckPhotos act = "backup.check"
	actStoreFits   act = "store.fits"
)

// The objects of most acts.
func onPhoto(id PhotoID) object     { return object{Kind: "photo", ID: string(id), Photo: id} }
func onPatient(id PatientID) object { return object{Kind: "patient", ID: string(id), Patient: id} }
func onPerson(id PersonID) object   { return object{Kind: "person", ID: string(id), Person: id} }

// scope narrows a role to some objects. It answers nil, ErrNotFound (the actor may not know of the object) or
// another sentinel.
type scope func(ctx context.Context, t *tx, a Actor, on *object) error

// grant lets one role, or one kind of actor (job, operator, stranger), do an act within a scope.
type grant struct {
	to     Role
	within scope
}

const (
	toJob      Role = byJob
	toOperator Role = byOperator
	toStranger Role = byStranger
	toAnyone   Role = "signed-in" // any person with a live session, whatever their roles
)

// rights is the whole of who may do what. What is not here is refused.
var rights = map[act][]grant{
	actSignIn:       {{toStranger, anything}},
	actSignInFailed: {{toStranger, anything}},
	actSignOut:      {{toAnyone, ownSession}},
	actSessions:     {{toAnyone, oneself}},
	actEndSession:   {{RoleAdmin, anything}, {toAnyone, ownSession}},

	actAddPerson:     {{RoleAdmin, anything}, {toOperator, anything}},
	actDisablePerson: {{RoleAdmin, anything}, {toOperator, anything}},
	actPeople:        {{RoleAdmin, anything}, {RolePrivacy, anything}, {toOperator, anything}},
	actSetPassword:   {{RoleAdmin, anything}, {toOperator, anything}, {toAnyone, oneself}},

	actAddPatient:    {{toOperator, anything}},
	actAddEncounter:  {{toOperator, anything}},
	actJoinCareTeam:  {{RoleAdmin, anything}, {toOperator, anything}},
	actLeaveCareTeam: {{RoleAdmin, anything}, {toOperator, anything}},
	actFindPatients:  {{RoleClinician, anything}, {RoleRecords, anything}, {RolePrivacy, anything}},
	actReadPatient:   {{RoleClinician, careTeam}, {RoleRecords, hasApproved}, {RolePrivacy, knownPatient}},
	actPatientPhotos: {{RoleClinician, careTeam}},

	actIntakeRead: {{toAnyone, anything}, {toOperator, anything}},
	actAccept:     {{RoleClinician, careTeamThen}},
	actMyCaptures: {{RoleClinician, oneself}},
	actProcess:    {{toJob, anything}},
	actIngest:     {{toJob, anything}},
	actQuarantine: {{toJob, anything}},

	actReadPhoto:    {{RoleClinician, unlessRecalled(careTeam)}, {RoleReviewer, claimed}, {RoleRecords, approved}},
	actSeeCovered:   {{RoleClinician, allowed(careTeamBefore)}, {RoleReviewer, allowed(claimed)}},
	actSeeRedacted:  {{RoleClinician, allowed(careTeamAfter)}, {RoleRecords, allowed(approved)}},
	actSeeDisplay:   {{RoleReviewer, allowed(claimed)}},
	actSeeOriginal:  {{RoleReviewer, allowed(claimed)}},
	actReveal:       {{RoleClinician, allowed(careTeam)}},
	actCertificate:  {{RoleClinician, careTeamAfter}, {RoleRecords, approved}, {RolePrivacy, approved}, {RoleReviewer, approved}},
	actOriginalSalt: {{RolePrivacy, approved}},

	actClaim:       {{RoleReviewer, anything}},
	actRenewClaim:  {{RoleReviewer, notAuthor}},
	actRelease:     {{RoleReviewer, notAuthor}},
	actReviewQueue: {{RoleReviewer, anything}},
	actApprove:     {{RoleReviewer, notAuthor}},
	actReject:      {{RoleReviewer, notAuthor}},
	actReopen:      {{RoleReviewer, notAuthor}},

	actApprovedPhotos: {{RoleRecords, anything}},
	actAttach:         {{RoleRecords, approved}},
	actAttachments:    {{RoleRecords, approved}, {RoleClinician, unlessRecalled(careTeam)}},
	actRetryAttach:    {{RoleRecords, approved}},
	actDelivery:       {{toJob, anything}},
	actProgress:       {{toJob, anything}},
	actAttached:       {{toJob, anything}},
	actDeliveryFailed: {{toJob, anything}},

	actChangeConsent:  {{RoleClinician, unlessRecalled(careTeam)}, {RolePrivacy, anything}},
	actConsentHistory: {{RoleClinician, unlessRecalled(careTeam)}, {RolePrivacy, anything}},
	actReleaseCopy:    {{RoleRecords, approved}},
	actReadRelease:    {{RoleRecords, anything}},
	actReleases:       {{RoleRecords, anything}, {RolePrivacy, anything}},
	actPlaceHold:      {{RolePrivacy, anything}, {RoleRecords, anything}},
	actAskLiftHold:    {{RolePrivacy, anything}, {RoleRecords, anything}},
	actLiftHold:       {{RolePrivacy, anything}},
	actHolds:          {{RolePrivacy, anything}, {RoleRecords, anything}},
	actCarryHold:      {{toJob, anything}},

	actProposeRule:     {{RolePrivacy, anything}},
	actSignRule:        {{RolePrivacy, anything}, {RoleRecords, anything}},
	actDropRule:        {{RolePrivacy, anything}},
	actRetentionRules:  {{RolePrivacy, anything}, {RoleRecords, anything}},
	actRetentionReport: {{RolePrivacy, anything}, {RoleRecords, anything}},
	actRetention:       {{toJob, anything}},
	actRetentionErase:  {{toJob, anything}},

	actAskErasure:         {{RolePrivacy, anything}, {RoleRecords, anything}},
	actSignErasure:        {{RolePrivacy, anything}},
	actCancelErasure:      {{RolePrivacy, anything}, {RoleRecords, anything}},
	actErasures:           {{RolePrivacy, anything}, {RoleRecords, anything}},
	actErasureStatus:      {{RolePrivacy, anything}, {RoleRecords, anything}},
	actFinishErasure:      {{toJob, anything}},
	actErasureCertificate: {{RolePrivacy, anything}, {RoleRecords, anything}},

	actAskRecall:    {{RoleClinician, careTeam}, {RoleRecords, anything}, {RolePrivacy, anything}},
	actSignRecall:   {{RolePrivacy, anything}, {RoleRecords, anything}},
	actCancelRecall: {{RolePrivacy, anything}, {RoleRecords, anything}},
	actRecalls:      {{RolePrivacy, anything}, {RoleRecords, anything}},

	actRetract:       {{toJob, anything}},
	actRetracted:     {{toJob, anything}},
	actRetractFailed: {{toJob, anything}},
	actRetryRetract:  {{RoleRecords, anything}, {RolePrivacy, anything}},
	actRetractions:   {{RoleRecords, anything}, {RolePrivacy, anything}},

	actAuditRead:       {{RolePrivacy, anything}},
	actAuditVerify:     {{RolePrivacy, anything}, {toOperator, anything}},
	actAuditExport:     {{RolePrivacy, anything}, {toOperator, anything}},
	actAuditCheckpoint: {{toJob, anything}, {toOperator, anything}},
	actWitness:         {{toJob, anything}, {toOperator, anything}, {RoleAdmin, anything}},
	actRollback:        {{toOperator, anything}},
	actIntegrity:       {{toAnyone, anything}, {toJob, anything}, {toOperator, anything}},
	actFinding:         {{toJob, anything}, {toOperator, anything}},
	actIncidents:       {{RoleAdmin, anything}, {toOperator, anything}},
	actSettle:          {{RoleAdmin, anything}, {toOperator, anything}},
	actStoreCheck:      {{toJob, anything}, {toOperator, anything}},
	actStoreRepair:     {{toJob, anything}, {toOperator, anything}},
	actJobClaim:        {{toJob, anything}},
	actJobRenew:        {{toJob, anything}},
	actJobFail:         {{toJob, anything}},
	actJobList:         {{RoleAdmin, anything}, {toOperator, anything}},
	actJobRetry:        {{RoleAdmin, anything}, {toOperator, anything}},
	actSweep:           {{toJob, anything}, {toOperator, anything}},
	actReadHealth:      {{RoleAdmin, anything}, {toOperator, anything}},
	actMakeKey:         {{toOperator, anything}},
	actRotateKey:       {{RoleAdmin, anything}, {toOperator, anything}},
	actKeyStatus:       {{RoleAdmin, anything}, {toOperator, anything}},
	actForgetRoot:      {{toOperator, anything}},
	actDestroyKeys:     {{toJob, anything}, {toOperator, anything}},
	actLabels:          {{RoleAdmin, anything}, {toOperator, anything}},
	actLessons:         {{toOperator, anything}},
	actLesson:          {{toOperator, allowed(approved)}},

	actBackup:      {{toOperator, anything}},
	actPause:       {{toOperator, anything}},
	actResume:      {{toOperator, anything}},
	actRestored:    {{toOperator, anything}},
	actCheckPhotos: {{toOperator, anything}},
	actStoreFits:   {{toJob, anything}, {toOperator, anything}},
}

// decide is the one place where access is decided. It reads the session, the person's roles, the care team and the
// photo inside t, at each call, and says as which role the actor acts. It fills on.Patient. Errors: ErrUnauthenticated
// when no live session stands behind a person, ErrDenied when no role of theirs may do the act at all, and what the
// scopes of their roles say: ErrNotFound as a rule, so that a refusal does not tell that the object exists.
func (v *Vault) decide(ctx context.Context, t *tx, a Actor, what act, on *object) (actingAs string, err error) {
	roles, err := v.rolesNow(ctx, t, a)
	if err != nil {
		return "", err
	}
	found := fillPatient(ctx, t, on)
	if found != nil && !errors.Is(found, ErrNotFound) {
		return "", found
	}
	refusal := fmt.Errorf("%s: %w", what, ErrDenied)
	for _, g := range rights[what] {
		if !slices.Contains(roles, g.to) {
			continue
		}
		if found != nil {
			return "", found
		}
		err := g.within(ctx, t, a, on)
		if err == nil {
			return string(g.to), nil
		}
		if !isRefusal(err) {
			return "", err
		}
		refusal = err
	}
	return "", refusal
}

func isRefusal(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDenied)
}

// rolesNow reads as what the actor may act at this moment. A person's session must be live and the person enabled.
func (v *Vault) rolesNow(ctx context.Context, t *tx, a Actor) ([]Role, error) {
	switch a.kind {
	case byJob, byOperator, byStranger:
		return []Role{Role(a.kind)}, nil
	case byPerson:
	default:
		return nil, ErrUnauthenticated
	}
	if err := v.sessionLives(ctx, t, a.session, a.person); err != nil {
		return nil, err
	}
	roles, err := rolesOf(ctx, t, a.person)
	if err != nil {
		return nil, err
	}
	return append(roles, toAnyone), nil
}

// rolesOf reads a person's roles, in the order of Roles.
func rolesOf(ctx context.Context, t querier, id PersonID) ([]Role, error) {
	held, err := list(ctx, t, func(rows *sql.Rows) (r Role, err error) { return r, rows.Scan(&r) },
		`SELECT role FROM person_roles WHERE person = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("reading roles: %w", err)
	}
	var out []Role
	for _, r := range Roles() {
		if slices.Contains(held, r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// fillPatient finds the patient of the photo that on is about.
func fillPatient(ctx context.Context, t *tx, on *object) error {
	if on.Photo == "" {
		return nil
	}
	err := t.QueryRowContext(ctx, `SELECT patient FROM photos WHERE id = $1`, on.Photo).Scan(&on.Patient)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
