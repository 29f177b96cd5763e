package vault

// act is one thing that can be asked of the vault, as the audit log names it.
type act string

// The acts. Each exported method of Vault performs one of them.
const (
	actSignIn       act = "session.sign_in"
	actSignInFailed act = "session.sign_in_failed"
	actSignOut      act = "session.sign_out"
	actSessions     act = "session.list"
	actEndSession   act = "session.end"

	actPasswordShown  act = "session.password"       // right, and the second factor is still to come
	actSecondFailed   act = "session.second_failed"  // the password was right, what came after it was not
	actStepUp         act = "session.step_up"        // a factor was shown again
	actStepUpFailed   act = "session.step_up_failed" // it was wrong
	actLock           act = "session.lock"
	actUnlock         act = "session.unlock"
	actUnlockFailed   act = "session.unlock_failed"
	actLockedSessions act = "session.list_locked"

	actFederated        act = "session.federated"       // the hospital's provider signed them in
	actFederatedRaise   act = "session.federated_again" // it confirmed them again
	actFederatedBegin   act = "session.federated_begin"
	actFederatedTake    act = "session.federated_back" // the browser came back
	actFederatedRefused act = "session.federated_refused"
	actFederatedLogout  act = "session.federated_logout" // it ended their sessions

	actFactors       act = "factor.read"
	actAddPasskey    act = "factor.add_passkey"
	actRenamePasskey act = "factor.rename_passkey"
	actRemovePasskey act = "factor.remove_passkey"
	actClonedPasskey act = "factor.cloned" // its counter went back
	actAddTOTP       act = "factor.add_totp"
	actRemoveTOTP    act = "factor.remove_totp"
	actRecoveryCodes act = "factor.recovery_codes"
	actSetPIN        act = "factor.set_pin"
	actRemovePIN     act = "factor.remove_pin"
	actResetFactors  act = "person.reset_factors"
	actEnrol         act = "person.enrol" // with the code of a reset

	actAddPerson     act = "person.add"
	actDisablePerson act = "person.disable"
	actPeople        act = "person.list"
	actSetPassword   act = "person.set_password"
	actEnablePerson  act = "person.enable"
	actSetRoles      act = "person.set_roles"
	actSetTerms      act = "person.set_terms"
	actCutPerson     act = "person.cut"    // the event of whoever another act put out
	actExpirePeople  act = "person.expire" // whose time here is over

	actAddProvisioner act = "scim_client.add"
	actProvisioners   act = "scim_client.list"
	actEndProvisioner act = "scim_client.end"
	actGroupMap       act = "group_map.list"
	actSetGroupMap    act = "group_map.change"
	actScimRead       act = "scim.read"
	actScimAddUser    act = "scim.add_user"
	actScimUser       act = "scim.change_user"
	actScimDropUser   act = "scim.drop_user"
	actScimAddGroup   act = "scim.add_group"
	actScimGroup      act = "scim.change_group"
	actScimDropGroup  act = "scim.drop_group"

	actDeviceChallenge   act = "device.challenge"
	actDoorChallenge     act = "device.door_challenge"
	actBindSession       act = "device.bind"
	actProveDevice       act = "device.prove"
	actMyDevices         act = "device.mine"
	actDevices           act = "device.list"
	actRenameDevice      act = "device.rename"
	actShareDevice       act = "device.share"
	actApproveDevice     act = "device.approve"
	actRevokeDevice      act = "device.revoke"
	actLeaveDevice       act = "device.sign_out"
	actDeviceCode        act = "device.enrol_code"
	actSharedDeviceCode  act = "device.enrol_shared_code"
	actEnrolDevice       act = "device.enrol"
	actDeviceCertificate act = "device.certificate"

	actAddPatient    act = "patient.add"
	actAddEncounter  act = "encounter.add"
	actJoinCareTeam  act = "care_team.join"
	actLeaveCareTeam act = "care_team.leave"
	actFindPatients  act = "patient.find"
	actReadPatient   act = "patient.read"
	actPatientPhotos act = "patient.photos"
	actScanPatient   act = "patient.read_band"
	actWardList      act = "patient.ward_list"

	actApplyCare      act = "feed.apply"
	actKeepMessage    act = "feed.keep"
	actOpenMessage    act = "feed.open"
	actMessages       act = "feed.list"
	actShowMessage    act = "feed.show"
	actRetryMessage   act = "feed.retry"
	actDiscardMessage act = "feed.discard"
	actForgetMessages act = "feed.forget"
	actImportCare     act = "care.import"
	actMergePatient   act = "patient.merge"
	actMergeTo        act = "patient.merge_receive" // the event of the patient whose photos they are now
	actMerged         act = "patient.merged"
	actTeams          act = "team.list"
	actAddTeam        act = "team.add"
	actEndTeam        act = "team.end"
	actJoinTeam       act = "team.join"
	actLeaveTeam      act = "team.leave"

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

	actExplain      act = "access.explain"
	actAccessReport act = "access.report"
	actSignReview   act = "access.sign_review"

	actBreakGlass   act = "break_glass.open"
	actEndGlass     act = "break_glass.end"
	actMyGlass      act = "break_glass.mine"
	actGlassReviews act = "break_glass.list"
	actCloseGlass   act = "break_glass.close"

	actDelegate      act = "delegation.make"
	actDelegations   act = "delegation.list"
	actEndDelegation act = "delegation.end"

	actSetSensitivity act = "photo.set_sensitivity"
	actSensitivity    act = "photo.sensitivity"
	actAllowUse       act = "photo.allow_use"
	actEndUse         act = "photo.end_use"
	actGiveReason     act = "photo.give_reason"

	actNotices      act = "notice.list"
	actSeeNotices   act = "notice.see"
	actChooseNotice act = "notice.choose"
	actSendNotice   act = "notice.send"
	actTidyNotices  act = "notice.tidy"
	actSetMail      act = "person.set_mail"
	actPushKey      act = "push.key"
	actSubscribe    act = "push.subscribe"
	actUnsubscribe  act = "push.unsubscribe"
	actMakeLink     act = "link.make"
	actOpenLink     act = "link.open"
	actLinks        act = "link.list"
	actEndLink      act = "link.end"

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

// grant lets one role, or one kind of actor (job, operator, stranger), do an act within a scope.
type grant struct {
	to     Role
	within scope
}

const (
	toJob         Role = byJob
	toFeed        Role = byFeed
	toOperator    Role = byOperator
	toStranger    Role = byStranger
	toProvisioner Role = byProvisioner
	toDevice      Role = byDevice
	toAnyone      Role = "signed-in" // any person with a live session, whatever their roles
)

// rights is the whole of who may do what. What is not here is refused.
var rights = map[act][]grant{
	actSignIn:       {{toStranger, anything}},
	actSignInFailed: {{toStranger, anything}},
	actSignOut:      {{toAnyone, ownSession}},
	actSessions:     {{toAnyone, oneself}},
	actEndSession:   {{RoleAdmin, anything}, {toAnyone, ownSession}},

	actPasswordShown:  {{toStranger, anything}},
	actSecondFailed:   {{toStranger, anything}},
	actStepUp:         {{toAnyone, oneself}},
	actStepUpFailed:   {{toAnyone, oneself}},
	actLock:           {{toAnyone, ownSession}},
	actUnlock:         {{toStranger, anything}, {toAnyone, ownSession}},
	actUnlockFailed:   {{toStranger, anything}, {toAnyone, ownSession}},
	actLockedSessions: {{toStranger, anything}},

	actFederated:        {{toStranger, anything}},
	actFederatedRaise:   {{toStranger, anything}},
	actFederatedBegin:   {{toStranger, anything}, {toAnyone, oneself}},
	actFederatedTake:    {{toStranger, anything}},
	actFederatedRefused: {{toStranger, anything}},
	actFederatedLogout:  {{toStranger, anything}},

	actFactors:       {{toAnyone, oneself}},
	actAddPasskey:    {{toAnyone, oneself}},
	actRenamePasskey: {{toAnyone, oneself}},
	actRemovePasskey: {{toAnyone, oneself}},
	actClonedPasskey: {{toStranger, anything}, {toAnyone, anything}},
	actAddTOTP:       {{toAnyone, oneself}},
	actRemoveTOTP:    {{toAnyone, oneself}},
	actRecoveryCodes: {{toAnyone, oneself}},
	actSetPIN:        {{toAnyone, oneself}},
	actRemovePIN:     {{toAnyone, oneself}},
	actResetFactors:  {{RoleAdmin, anything}, {toOperator, anything}},
	actEnrol:         {{toStranger, anything}},

	actAddPerson:     {{RoleAdmin, anything}, {toOperator, anything}},
	actDisablePerson: {{RoleAdmin, anything}, {toOperator, anything}},
	actPeople:        {{RoleAdmin, anything}, {RolePrivacy, anything}, {toOperator, anything}},
	actSetPassword:   {{toOperator, anything}, {toAnyone, oneself}},
	actEnablePerson:  {{RoleAdmin, anything}, {toOperator, anything}},
	actSetRoles:      {{RoleAdmin, anything}, {toOperator, anything}},
	actSetTerms:      {{RoleAdmin, anything}, {toOperator, anything}},
	actExpirePeople:  {{toJob, anything}, {toOperator, anything}},

	actAddProvisioner: {{RoleAdmin, anything}, {toOperator, anything}},
	actProvisioners:   {{RoleAdmin, anything}, {toOperator, anything}},
	actEndProvisioner: {{RoleAdmin, anything}, {toOperator, anything}},
	actGroupMap:       {{RoleAdmin, anything}, {RolePrivacy, anything}, {toOperator, anything}},
	actSetGroupMap:    {{RoleAdmin, anything}, {toOperator, anything}},
	actScimRead:       {{toProvisioner, anything}},
	actScimAddUser:    {{toProvisioner, anything}},
	actScimUser:       {{toProvisioner, anything}},
	actScimDropUser:   {{toProvisioner, anything}},
	actScimAddGroup:   {{toProvisioner, anything}},
	actScimGroup:      {{toProvisioner, anything}},
	actScimDropGroup:  {{toProvisioner, anything}},

	actDeviceChallenge:   {{toAnyone, ownSession}},
	actDoorChallenge:     {{toStranger, anything}},
	actBindSession:       {{toAnyone, ownSession}},
	actProveDevice:       {{toAnyone, ownSession}},
	actMyDevices:         {{toAnyone, oneself}},
	actDevices:           {{RoleAdmin, anything}, {toOperator, anything}},
	actRenameDevice:      {{RoleAdmin, anything}, {toAnyone, ownDevice}},
	actShareDevice:       {{RoleAdmin, anything}},
	actApproveDevice:     {{RoleAdmin, anything}},
	actRevokeDevice:      {{RoleAdmin, anything}, {toOperator, anything}, {toAnyone, ownDevice}},
	actLeaveDevice:       {{toAnyone, usedDevice}},
	actDeviceCode:        {{toAnyone, anything}},
	actSharedDeviceCode:  {{RoleAdmin, anything}},
	actEnrolDevice:       {{toStranger, anything}},
	actDeviceCertificate: {{toDevice, signedInDevice}, {toAnyone, signedInDevice}},

	actAddPatient:    {{toOperator, anything}},
	actAddEncounter:  {{toOperator, anything}},
	actJoinCareTeam:  {{RoleAdmin, anything}, {toOperator, anything}},
	actLeaveCareTeam: {{RoleAdmin, anything}, {toOperator, anything}},
	actFindPatients:  {{RoleClinician, anything}, {RoleRecords, anything}, {RolePrivacy, anything}},
	actReadPatient:   {{RoleClinician, mayLook}, {RoleRecords, hasApproved}, {RolePrivacy, knownPatient}},
	actPatientPhotos: {{RoleClinician, mayLook}},
	actScanPatient:   {{RoleClinician, whomScanned}},
	actWardList:      {{RoleClinician, anything}},

	actApplyCare:      {{toFeed, anything}},
	actKeepMessage:    {{toFeed, anything}},
	actOpenMessage:    {{toFeed, anything}},
	actMessages:       {{RoleAdmin, anything}, {toOperator, anything}},
	actShowMessage:    {{toOperator, anything}},
	actRetryMessage:   {{RoleAdmin, anything}, {toOperator, anything}},
	actDiscardMessage: {{RoleAdmin, anything}, {toOperator, anything}},
	actForgetMessages: {{toJob, anything}},
	actImportCare:     {{toOperator, anything}},
	actMergePatient:   {{toJob, anything}},
	actMerged:         {{toJob, anything}},
	actTeams:          {{RoleAdmin, anything}, {RolePrivacy, anything}, {toOperator, anything}},
	actAddTeam:        {{RoleAdmin, anything}, {toOperator, anything}},
	actEndTeam:        {{RoleAdmin, anything}, {toOperator, anything}},
	actJoinTeam:       {{RoleAdmin, anything}, {toOperator, anything}},
	actLeaveTeam:      {{RoleAdmin, anything}, {toOperator, anything}},

	actIntakeRead: {{toAnyone, anything}, {toOperator, anything}},
	actAccept:     {{RoleClinician, fromApproved(careTeamThen)}, {toDevice, ofClinician(careTeamThen)}},
	actMyCaptures: {{RoleClinician, oneself}},
	actProcess:    {{toJob, anything}},
	actIngest:     {{toJob, anything}},
	actQuarantine: {{toJob, anything}},

	actReadPhoto:    {{RoleClinician, unlessRecalled(told(mayLook))}, {RoleReviewer, claimed}, {RoleRecords, forRecords}},
	actSeeCovered:   {{RoleClinician, allowed(shown(unreleased(mayLook)))}, {RoleReviewer, allowed(claimed)}},
	actSeeRedacted:  {{RoleClinician, allowed(shown(released(mayLook)))}, {RoleRecords, allowed(forRecords)}},
	actSeeDisplay:   {{RoleReviewer, allowed(claimed)}},
	actSeeOriginal:  {{RoleReviewer, allowed(claimed)}},
	actReveal:       {{RoleClinician, allowed(told(mayLook))}},
	actCertificate:  {{RoleClinician, told(released(mayLook))}, {RoleRecords, forRecords}, {RolePrivacy, approved}, {RoleReviewer, approved}},
	actOriginalSalt: {{RolePrivacy, approved}},

	actClaim:       {{RoleReviewer, anything}},
	actRenewClaim:  {{RoleReviewer, notAuthor}},
	actRelease:     {{RoleReviewer, notAuthor}},
	actReviewQueue: {{RoleReviewer, anything}},
	actApprove:     {{RoleReviewer, notAuthor}},
	actReject:      {{RoleReviewer, notAuthor}},
	actReopen:      {{RoleReviewer, notAuthor}},

	actApprovedPhotos: {{RoleRecords, anything}},
	actAttach:         {{RoleRecords, forRecords}},
	actAttachments:    {{RoleRecords, forRecords}, {RoleClinician, unlessRecalled(told(mayLook))}},
	actRetryAttach:    {{RoleRecords, forRecords}},
	actDelivery:       {{toJob, anything}},
	actProgress:       {{toJob, anything}},
	actAttached:       {{toJob, anything}},
	actDeliveryFailed: {{toJob, anything}},

	actChangeConsent:  {{RoleClinician, unlessRecalled(told(careTeam))}, {RolePrivacy, anything}},
	actConsentHistory: {{RoleClinician, unlessRecalled(told(mayLook))}, {RolePrivacy, anything}},
	actReleaseCopy:    {{RoleRecords, forRecords}},
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

	actAskRecall:    {{RoleClinician, told(careTeam)}, {RoleRecords, anything}, {RolePrivacy, anything}},
	actSignRecall:   {{RolePrivacy, anything}, {RoleRecords, anything}},
	actCancelRecall: {{RolePrivacy, anything}, {RoleRecords, anything}},
	actRecalls:      {{RolePrivacy, anything}, {RoleRecords, anything}},

	actRetract:       {{toJob, anything}},
	actRetracted:     {{toJob, anything}},
	actRetractFailed: {{toJob, anything}},
	actRetryRetract:  {{RoleRecords, anything}, {RolePrivacy, anything}},
	actRetractions:   {{RoleRecords, anything}, {RolePrivacy, anything}},

	actExplain:      {{RolePrivacy, anything}, {toOperator, anything}},
	actAccessReport: {{RolePrivacy, anything}, {toOperator, anything}},
	actSignReview:   {{RolePrivacy, anything}},

	actBreakGlass:   {{RoleClinician, anything}},
	actEndGlass:     {{RoleClinician, ownGlass}, {RolePrivacy, anything}},
	actMyGlass:      {{RoleClinician, oneself}},
	actGlassReviews: {{RolePrivacy, anything}},
	actCloseGlass:   {{RolePrivacy, othersGlass}},

	actDelegate:      {{RoleClinician, anything}},
	actDelegations:   {{RoleClinician, oneself}, {RolePrivacy, anything}},
	actEndDelegation: {{RoleClinician, ownDelegation}, {RolePrivacy, anything}},

	actSetSensitivity: {{RoleClinician, unlessRecalled(told(careTeam))}, {RolePrivacy, anything}},
	actSensitivity:    {{RoleClinician, unlessRecalled(told(mayLook))}, {RolePrivacy, anything}},
	actAllowUse:       {{RolePrivacy, anything}},
	actEndUse:         {{RolePrivacy, anything}},
	actGiveReason:     {{RoleClinician, allowed(told(mayLook))}},

	actNotices:      {{toAnyone, oneself}},
	actSeeNotices:   {{toAnyone, oneself}},
	actChooseNotice: {{toAnyone, oneself}},
	actSendNotice:   {{toJob, anything}},
	actTidyNotices:  {{toJob, anything}, {toOperator, anything}},
	actSetMail:      {{RoleAdmin, anything}, {toOperator, anything}},
	actPushKey:      {{toAnyone, anything}},
	actSubscribe:    {{toAnyone, oneself}},
	actUnsubscribe:  {{toAnyone, oneself}},
	actMakeLink:     {{RoleClinician, unlessRecalled(told(mayLook))}, {RoleRecords, forRecords}},
	actOpenLink:     {{RoleClinician, unlessRecalled(told(mayLook))}, {RoleReviewer, claimed}, {RoleRecords, forRecords}},
	actLinks:        {{toAnyone, oneself}},
	actEndLink:      {{toAnyone, anything}}, // one's own: the act looks for no other

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
