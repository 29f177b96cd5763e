package vault

// stepUpActs want a factor that was shown a short while ago: what releases, exports, destroys, or gives rights away. A
// session that was left open on a desk does none of it. Jobs and the operator are not asked.
var stepUpActs = map[act]bool{
	actApprove: true, actReopen: true, actAttach: true, actReleaseCopy: true,

	actOriginalSalt: true, actAuditExport: true, actAccessReport: true, actSignReview: true,

	actBreakGlass: true, actAllowUse: true, actDelegate: true, actSetSensitivity: true,

	actSignErasure: true, actLiftHold: true, actSignRecall: true, actSignRule: true,

	actRotateKey: true,

	actDeviceCode: true, actSharedDeviceCode: true, actApproveDevice: true, actRevokeDevice: true, actShareDevice: true,

	actAddPasskey: true, actRemovePasskey: true, actAddTOTP: true, actRemoveTOTP: true, actRecoveryCodes: true, actSetPIN: true,
	actResetFactors: true,

	actEnablePerson: true, actSetRoles: true, actSetTerms: true, actAddProvisioner: true, actEndProvisioner: true, actSetGroupMap: true,
	actAddPerson: true, actDisablePerson: true, actSetPassword: true, actSetMail: true, actJoinCareTeam: true, actLeaveCareTeam: true,

	actAddTeam: true, actEndTeam: true, actJoinTeam: true, actLeaveTeam: true,
}
