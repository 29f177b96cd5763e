package api

import "github.com/clinivault/clinivault/vault"

// bearerParam lets a program keep its token itself.
var bearerParam = []param{{name: "Accept-Session", in: "header", about: "bearer: answer with a token instead of a cookie"}}

// signInRoutes are the ways in, and those by which somebody who is in shows again who they are.
var signInRoutes = []route{
	{method: "POST", path: "/api/v1/session", summary: "Sign in with a password; 202: a second factor is wanted", public: true, in: signInRequest{}, out: sessionAnswer{}, also: 202, params: bearerParam, do: (*call).signIn},
	{method: "POST", path: "/api/v1/session/code", summary: "The second step: a code of the authenticator app, or a recovery code", public: true, in: ticketRequest{}, out: sessionAnswer{}, params: bearerParam, do: (*call).signInCode},
	{method: "POST", path: "/api/v1/session/passkey/begin", summary: "Ask for a passkey, whoever it is", public: true, out: vault.PasskeyAsk{}, do: (*call).beginPasskey},
	{method: "POST", path: "/api/v1/session/passkey", summary: "Sign in with a passkey", public: true, in: ticketRequest{}, out: sessionAnswer{}, params: bearerParam, do: (*call).signInPasskey},
	{method: "POST", path: "/api/v1/enrolment", summary: "Set a password of one's own with an administrator's code", public: true, in: enrolmentRequest{}, out: sessionAnswer{}, params: bearerParam, do: (*call).enrol},

	{method: "GET", path: "/api/v1/session/ways", summary: "How one may show again who one is", out: waysAnswer{}, do: (*call).ways},
	{method: "POST", path: "/api/v1/session/step-up/begin", summary: "Ask for one's passkey, to show that one is still here", out: vault.PasskeyAsk{}, do: (*call).beginStepUp},
	{method: "POST", path: "/api/v1/session/step-up", summary: "Show a fresh factor; the session goes on under a new token", in: factorRequest{}, out: sessionAnswer{}, do: (*call).stepUp},
	{method: "POST", path: "/api/v1/session/lock", summary: "Lock the screen", status: 204, do: (*call).lockScreen},
	{method: "POST", path: "/api/v1/session/unlock/begin", summary: "Ask for one's passkey, to open the locked screen", out: vault.PasskeyAsk{}, do: (*call).beginUnlock},
	{method: "POST", path: "/api/v1/session/unlock", summary: "Open one's locked screen; the session goes on under a new token", in: factorRequest{}, out: sessionAnswer{}, do: (*call).unlock},
	{method: "POST", path: "/api/v1/session/locked", summary: "Who is locked on this device, which proves itself", public: true, in: proofRequest{}, out: lockedAnswer{}, do: (*call).lockedSessions},
	{method: "POST", path: "/api/v1/session/locked/{id}/open", summary: "Open a locked session on its device, by PIN or passkey", public: true, in: openRequest{}, out: sessionAnswer{}, do: (*call).openLocked},
}

// accountRoutes are one's own ways in.
var accountRoutes = []route{
	{method: "GET", path: "/api/v1/account", summary: "One's own ways in", out: vault.Factors{}, do: (*call).account},
	{method: "POST", path: "/api/v1/account/passkeys/begin", summary: "Begin with a new passkey", out: vault.PasskeyAsk{}, do: (*call).beginAddPasskey},
	{method: "POST", path: "/api/v1/account/passkeys", summary: "Add the passkey", in: newPasskeyRequest{}, out: sessionAnswer{}, do: (*call).addPasskey},
	{method: "POST", path: "/api/v1/account/passkeys/{id}/name", summary: "Rename a passkey", in: nameRequest{}, status: 204, do: (*call).renamePasskey},
	{method: "DELETE", path: "/api/v1/account/passkeys/{id}", summary: "Remove a passkey", status: 204, do: (*call).removePasskey},
	{method: "POST", path: "/api/v1/account/app", summary: "A new key for one's authenticator app; shown once", out: appAnswer{}, do: (*call).beginApp},
	{method: "POST", path: "/api/v1/account/app/confirm", summary: "Turn the app on with its first code", in: appCodeRequest{}, out: sessionAnswer{}, do: (*call).confirmApp},
	{method: "DELETE", path: "/api/v1/account/app", summary: "Remove the authenticator app", status: 204, do: (*call).removeApp},
	{method: "POST", path: "/api/v1/account/recovery-codes", summary: "Ten new recovery codes; shown once", out: recoveryAnswer{}, status: 201, do: (*call).renewRecovery},
	{method: "POST", path: "/api/v1/account/password", summary: "Change one's own password; one's other sessions end", in: passwordRequest{}, out: sessionAnswer{}, do: (*call).changePassword},
	{method: "POST", path: "/api/v1/account/pin", summary: "Set the PIN that opens the locked screen on this device", in: pinRequest{}, status: 204, do: (*call).setPIN},
	{method: "DELETE", path: "/api/v1/account/pin", summary: "Remove that PIN", status: 204, do: (*call).removePIN},
}
