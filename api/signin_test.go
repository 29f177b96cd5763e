package api

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// strictBench wants two factors, fresh within 15 minutes.
func strictBench(t *testing.T) *bench {
	t.Helper()
	inner := vaulttest.New(t)
	inner.Cfg.PasswordOnly, inner.Cfg.StepUpFor = false, 15*time.Minute
	inner.Reopen(t)
	return benchOn(t, inner)
}

// codeAt is RFC 6238 by hand: what an authenticator app shows.
func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatalf("the key is no base32: %v", err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30)) // to a hash: cannot fail
	sum := mac.Sum(nil)
	off := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[off:off+4])&0x7fffffff%1_000_000)
}

var bearer = map[string]string{"Accept-Session": "bearer"}

// door sends a way in as a program does.
func (b *bench) door(t *testing.T, path string, in any) *reply {
	t.Helper()
	return b.send(t, request{method: "POST", path: path, json: in, header: bearer})
}

// withApp adds an authenticator app to somebody who has a password, and gives its key and the raised token.
func (b *bench) withApp(t *testing.T, login string) (key, token string) {
	t.Helper()
	var in, raised sessionAnswer
	b.door(t, "/api/v1/session", signInRequest{login, vaulttest.Password}).into(t, http.StatusOK, &in)
	b.get(t, in.Token, "/api/v1/captures").refused(t, http.StatusForbidden, "second-factor")
	var app appAnswer
	b.post(t, in.Token, "/api/v1/account/app", nil).into(t, http.StatusOK, &app)
	if !strings.HasPrefix(string(app.URI), "otpauth://totp/") || !strings.HasPrefix(string(app.QR), "<svg ") {
		t.Errorf("the key for the app: got address %.20q and picture %.20q", string(app.URI), string(app.QR))
	}
	b.post(t, in.Token, "/api/v1/account/app/confirm", appCodeRequest{"000000"}).refused(t, http.StatusForbidden, "wrong-factor")
	b.post(t, in.Token, "/api/v1/account/app/confirm", appCodeRequest{secret(codeAt(t, string(app.Secret), b.Clock.Now()))}).into(t, http.StatusOK, &raised)
	if raised.Token == "" || raised.Token == in.Token {
		t.Error("a session that was raised keeps its token")
	}
	b.get(t, in.Token, "/api/v1/session").refused(t, http.StatusUnauthorized, "not-signed-in")
	b.Clock.Add(time.Minute)
	return string(app.Secret), raised.Token
}

func TestTwoStepsOverHTTP(t *testing.T) {
	b := strictBench(t)
	b.addPerson(t, "author", clinician)
	key, token := b.withApp(t, "author")
	b.get(t, token, "/api/v1/captures").into(t, http.StatusOK, nil)
	var recovery struct{ Codes []string }
	b.post(t, token, "/api/v1/account/recovery-codes", nil).into(t, http.StatusCreated, &recovery)
	if len(recovery.Codes) != 10 {
		t.Fatalf("got %d recovery codes, want 10", len(recovery.Codes))
	}
	first := func() sessionAnswer {
		var step sessionAnswer
		b.door(t, "/api/v1/session", signInRequest{"author", vaulttest.Password}).into(t, http.StatusAccepted, &step)
		if step.Token != "" || step.Ticket == "" || fmt.Sprint(step.Ways) != "[code recovery]" {
			t.Fatalf("after the password: got ways %v, a ticket %v and a token %v, want the ways, a ticket and no token", step.Ways, step.Ticket != "", step.Token != "")
		}
		return step
	}
	code := secret(codeAt(t, key, b.Clock.Now()))
	step := first()
	b.door(t, "/api/v1/session/code", ticketRequest{Ticket: step.Ticket, Code: "123123"}).refused(t, http.StatusUnauthorized, "wrong-factor")
	b.door(t, "/api/v1/session/code", ticketRequest{Ticket: "nothing", Code: code}).refused(t, http.StatusConflict, "conflict")
	var in sessionAnswer
	b.door(t, "/api/v1/session/code", ticketRequest{Ticket: step.Ticket, Code: code}).into(t, http.StatusOK, &in)
	b.get(t, in.Token, "/api/v1/captures").into(t, http.StatusOK, nil)
	b.door(t, "/api/v1/session/code", ticketRequest{Ticket: step.Ticket, Code: code}).refused(t, http.StatusConflict, "conflict")
	b.door(t, "/api/v1/session/code", ticketRequest{Ticket: first().Ticket, Code: code}).refused(t, http.StatusUnauthorized, "wrong-factor")
	spare := ticketRequest{Ticket: first().Ticket, Code: secret(strings.ToLower(recovery.Codes[3]))}
	b.door(t, "/api/v1/session/code", spare).into(t, http.StatusOK, nil)
	spare.Ticket = first().Ticket
	b.door(t, "/api/v1/session/code", spare).refused(t, http.StatusUnauthorized, "wrong-factor")
}

func TestStepUpOverHTTP(t *testing.T) {
	b := strictBench(t)
	b.addPerson(t, "keeper", admin)
	key, token := b.withApp(t, "keeper")
	add := func(login string) *reply {
		return b.post(t, token, "/api/v1/people", map[string]any{"login": login, "name": "Demo New", "password": "a sentence to begin with", "roles": []vault.Role{records}})
	}
	if got := add("new.one"); got.StatusCode/100 != 2 {
		t.Fatalf("with a fresh factor: got %d %s, want it done", got.StatusCode, got.body)
	}
	b.Clock.Add(16 * time.Minute)
	add("new.two").refused(t, http.StatusForbidden, "step-up")
	var ways waysAnswer
	b.get(t, token, "/api/v1/session/ways").into(t, http.StatusOK, &ways)
	if want := (waysAnswer{Code: true}); ways != want {
		t.Errorf("ways: got %+v, want %+v", ways, want)
	}
	for name, in := range map[string]factorRequest{
		"nothing": {}, "two factors": {Code: "123456", Password: "x"}, "endless": {Code: secret(strings.Repeat("1", 100))},
	} {
		if got := b.post(t, token, "/api/v1/session/step-up", in); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d, want 422", name, got.StatusCode)
		}
	}
	b.post(t, token, "/api/v1/session/step-up", factorRequest{Code: "000000"}).refused(t, http.StatusForbidden, "wrong-factor")
	b.post(t, token, "/api/v1/session/step-up", factorRequest{Password: secret(vaulttest.Password)}).refused(t, http.StatusConflict, "conflict")
	var raised sessionAnswer
	b.post(t, token, "/api/v1/session/step-up", factorRequest{Code: secret(codeAt(t, key, b.Clock.Now()))}).into(t, http.StatusOK, &raised)
	b.get(t, token, "/api/v1/session").refused(t, http.StatusUnauthorized, "not-signed-in")
	token = raised.Token
	if got := add("new.two"); got.StatusCode/100 != 2 {
		t.Errorf("after the step-up: got %d %s, want it done", got.StatusCode, got.body)
	}
}
