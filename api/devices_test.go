package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// cookie signs in as a browser does and gives what it sends from then on.
func (b *bench) cookie(t *testing.T, login string) map[string]string {
	t.Helper()
	got := b.post(t, "", "/api/v1/session", map[string]string{"login": login, "password": vaulttest.Password})
	got.into(t, http.StatusOK, nil)
	for _, c := range got.Cookies() {
		if c.Name == cookieName {
			return map[string]string{"Cookie": c.Name + "=" + c.Value}
		}
	}
	t.Fatal("signing in as a browser: got no cookie")
	return nil
}

// with is a call in a browser's session.
func (b *bench) with(t *testing.T, cookie map[string]string, path string, v any) *reply {
	t.Helper()
	return b.send(t, request{method: "POST", path: path, json: v, header: cookie})
}

// answers signs a fresh number for a purpose.
func (b *bench) answers(t *testing.T, cookie map[string]string, d *vaulttest.Device, purpose string) (nonce string, signature []byte) {
	t.Helper()
	var c vault.Challenge
	b.with(t, cookie, "/api/v1/device/challenge", challengeRequest{Door: purpose == "unlock"}).into(t, http.StatusOK, &c)
	return c.Nonce, d.Sign(t, purpose, c.Nonce)
}

// binds ties a browser's session to a device.
func (b *bench) binds(t *testing.T, cookie map[string]string, d *vaulttest.Device) *reply {
	t.Helper()
	nonce, signature := b.answers(t, cookie, d, "bind")
	return b.with(t, cookie, "/api/v1/device/bind", bindRequest{Key: d.Public(t), Kind: "browser", Name: "Test browser", Nonce: nonce, Signature: signature})
}

// TestStolenCookie: a cookie in another program is worth the time to the next proof, which only the browser's key gives.
func TestStolenCookie(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "clinician", vault.RoleClinician)
	cookie := b.cookie(t, "clinician")
	device, thief := vaulttest.NewDevice(t), vaulttest.NewDevice(t)
	var bound vault.Device
	b.binds(t, cookie, device).into(t, http.StatusOK, &bound)
	device.ID = bound.ID
	ask := func() *reply { return b.send(t, request{method: "GET", path: "/api/v1/devices", header: cookie}) }
	ask().into(t, http.StatusOK, nil)

	b.binds(t, cookie, thief).refused(t, http.StatusConflict, "conflict")
	nonce, signature := b.answers(t, cookie, thief, "prove")
	b.with(t, cookie, "/api/v1/device/prove", vault.DeviceProof{Device: device.ID, Nonce: nonce, Signature: signature}).refused(t, http.StatusUnauthorized, "not-signed-in")
	nonce, signature = b.answers(t, cookie, device, "unlock")
	b.with(t, cookie, "/api/v1/device/prove", vault.DeviceProof{Device: device.ID, Nonce: nonce, Signature: signature}).refused(t, http.StatusUnauthorized, "not-signed-in")

	b.Clock.Add(4*time.Minute + 59*time.Second) // the screen locks after five minutes: before that, something is done
	ask().into(t, http.StatusOK, nil)
	b.Clock.Add(61 * time.Second)
	ask().refused(t, http.StatusUnauthorized, "prove-device")
	page := b.send(t, request{method: "GET", path: "/devices?state=pending", header: map[string]string{"Cookie": cookie["Cookie"], "Accept": "text/html"}})
	if to := page.Header.Get("Location"); page.StatusCode != http.StatusSeeOther || to != "/sign-in/prove?next="+url.QueryEscape("/devices?state=pending") {
		t.Errorf("a page without a proof: got %d to %q, want 303 to the page that proves", page.StatusCode, to)
	}
	if got := b.send(t, request{method: "GET", path: page.Header.Get("Location"), header: cookie}); got.StatusCode != http.StatusOK || !strings.Contains(string(got.body), `data-next="/devices?state=pending"`) {
		t.Errorf("the page that proves: got %d %.200s", got.StatusCode, got.body)
	}
	nonce, signature = b.answers(t, cookie, device, "prove")
	proof := vault.DeviceProof{Device: device.ID, Nonce: nonce, Signature: signature}
	var proved provedAnswer
	b.with(t, cookie, "/api/v1/device/prove", proof).into(t, http.StatusOK, &proved)
	if proved.Seconds != 300 {
		t.Errorf("a proof counts %d seconds, want 300", proved.Seconds)
	}
	ask().into(t, http.StatusOK, nil)
	b.with(t, cookie, "/api/v1/device/prove", proof).refused(t, http.StatusUnauthorized, "not-signed-in")
}

// TestRevokedDeviceIsOut: at the next request, on the page too.
func TestRevokedDeviceIsOut(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "clinician", vault.RoleClinician)
	cookie := b.cookie(t, "clinician")
	var bound vault.Device
	b.binds(t, cookie, vaulttest.NewDevice(t)).into(t, http.StatusOK, &bound)
	b.post(t, b.as(t, admin), "/api/v1/devices/"+string(bound.ID)+"/revoke", nil).into(t, http.StatusNoContent, nil)
	b.send(t, request{method: "GET", path: "/api/v1/devices", header: cookie}).refused(t, http.StatusUnauthorized, "not-signed-in")
	page := b.send(t, request{method: "GET", path: "/captures", header: map[string]string{"Cookie": cookie["Cookie"], "Accept": "text/html"}})
	if page.StatusCode != http.StatusSeeOther || !strings.HasPrefix(page.Header.Get("Location"), "/sign-in") {
		t.Errorf("a page on a device out of use: got %d to %q, want the sign-in page", page.StatusCode, page.Header.Get("Location"))
	}
}

// TestEnrolOverHTTP: what an administrator sees and what a device does.
func TestEnrolOverHTTP(t *testing.T) {
	b := newBench(t)
	now := "cd"
	b.s.fingerprint = func() string { return strings.Repeat(now, 32) }
	now = "ab" // it was renewed since the start
	var code deviceCodeAnswer
	b.post(t, b.as(t, admin), "/api/v1/devices/codes", deviceCodeRequest{Name: "Ward 4", Shared: true}).into(t, http.StatusCreated, &code)
	if want := b.base + "/enrol#" + string(code.Code) + "." + strings.Repeat("ab", 32); string(code.URL) != want || !strings.HasPrefix(string(code.QR), "<svg ") {
		t.Errorf("the invitation: got %q, want %q and a picture", string(code.URL), want)
	}
	d, opening := vaulttest.NewDevice(t), []byte(strings.Repeat("o", 32))
	var begun enrolAnswer
	b.post(t, "", "/api/v1/device/enrol", enrolRequest{Code: code.Code, Commitment: vault.DeviceCommitment(opening, d.Public(t))}).into(t, http.StatusOK, &begun)
	var added enrolledAnswer
	b.post(t, "", "/api/v1/device/enrol/finish", enrolFinishRequest{Code: code.Code, Kind: "native", Key: d.Public(t), Opening: opening,
		Signature: d.Sign(t, "enrol", begun.Nonce)}).into(t, http.StatusOK, &added)
	var came codeDeviceAnswer
	b.post(t, b.as(t, admin), "/api/v1/devices/codes/device", codeDeviceRequest{Code: code.Code}).into(t, http.StatusOK, &came)
	if want := vault.DeviceNumber(string(code.Code), begun.Nonce, opening, d.Public(t)); came.Device == nil || came.Device.Number != want {
		t.Errorf("the number to compare: got %+v, want %s", came.Device, want)
	}
	page := b.send(t, request{method: "GET", path: "/devices", token: b.as(t, admin)})
	if number := came.Device.Number; !strings.Contains(string(page.body), number[:3]+" "+number[3:]) {
		t.Errorf("the page of devices does not show the number")
	}
	b.post(t, b.as(t, clinician), "/api/v1/devices/"+string(added.Device)+"/approve", nil).refused(t, http.StatusForbidden, "not-allowed")
	b.post(t, b.as(t, admin), "/api/v1/devices/"+string(added.Device)+"/approve", nil).into(t, http.StatusNoContent, nil)
	var state vault.DeviceEnrolment
	b.post(t, "", "/api/v1/device/enrol/state", enrolStateRequest{Code: code.Code, Opening: opening}).into(t, http.StatusOK, &state)
	if state.State != vault.DeviceApproved || len(state.Certificate) == 0 {
		t.Errorf("after the approval: got %+v", state)
	}
	if strings.Contains(b.lines.String(), string(code.Code)) || strings.Contains(b.Log.String(), string(code.Code)) {
		t.Error("a log holds the code")
	}
}

// TestDoorIsBounded: strangers cannot have numbers written without end.
func TestDoorIsBounded(t *testing.T) {
	for path, c := range map[string]struct {
		in    any
		tries int
	}{
		"/api/v1/device/challenge":      {challengeRequest{}, 70},
		"/api/v1/session/locked":        {proofRequest{}, 70},
		"/api/v1/session/passkey/begin": {nil, 250},
	} {
		b, refused := newBench(t), 0
		for range c.tries {
			if got := b.post(t, "", path, c.in); got.StatusCode == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused == 0 || refused > 10 {
			t.Errorf("%s: of %d strangers' questions at once %d were refused, want 1 to 10", path, c.tries, refused)
		}
	}
}

// TestDeviceRoutesNeedACertificate: a session alone does not open the channel of devices.
func TestDeviceRoutesNeedACertificate(t *testing.T) {
	b := newBench(t)
	for _, rt := range routes {
		if !rt.device {
			continue
		}
		b.try(t, rt, rt.path, b.as(t, clinician)).refused(t, http.StatusUnauthorized, "not-signed-in")
	}
}
