package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// oathtool is another implementation of RFC 6238.
func oathtool(t testing.TB, secret string, when time.Time) string {
	t.Helper()
	path := vaulttest.RequireTool(t, "oathtool")
	out, err := exec.Command(path, "--totp", "--base32", "--now", when.UTC().Format("2006-01-02 15:04:05 UTC"), secret).CombinedOutput()
	if err != nil {
		t.Fatalf("oathtool: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestCodesOfAnotherProgram: the codes that oathtool makes of the secret are taken, each once, a step to either side.
func TestCodesOfAnotherProgram(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	single := w.actor(must(w.V.SignInAt(ctx, "author", vaulttest.Password, at("192.0.2.7")))(t))
	made := must(w.V.BeginTOTP(ctx, single))(t)
	u, err := url.Parse(made.URI)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Query().Get("secret") != made.Secret || len(made.Secret) != 32 ||
		u.Query().Get("issuer") == "" || !strings.Contains(u.Path, "author") {
		t.Errorf("the app is given %v, %v", u, err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", made, made, made); strings.Contains(printed, made.Secret) {
		t.Error("the secret is printed")
	}
	a := w.actor(must(w.V.ConfirmTOTP(ctx, single, oathtool(t, made.Secret, w.Clock.Now())))(t))
	for _, c := range []struct {
		name string
		ago  time.Duration // of the code
		want error
	}{
		{"two steps behind", 60 * time.Second, vault.ErrWrongFactor},
		{"one step behind", 30 * time.Second, nil},
		{"the same again", 30 * time.Second, vault.ErrWrongFactor},
		{"now", 0, nil},
		{"one behind, after a later one", 30 * time.Second, vault.ErrWrongFactor},
		{"one step ahead", -30 * time.Second, nil},
		{"two steps ahead", -60 * time.Second, vault.ErrWrongFactor},
	} {
		if c.name == "two steps behind" {
			w.Clock.Add(5 * time.Minute)
		}
		opened, err := w.V.StepUpCode(ctx, a, oathtool(t, made.Secret, w.Clock.Now().Add(-c.ago)))
		wants(t, c.name, err, c.want)
		if err == nil {
			a = w.actor(opened)
		}
	}
	for _, bad := range []string{"", "12345", "1234567", "abcdef", "١٢٣٤٥٦", strings.Repeat("9", 1<<16)} {
		w.Clock.Add(time.Minute)
		_, err := w.V.StepUpCode(ctx, a, bad)
		wants(t, fmt.Sprintf("%.10q", bad), err, vault.ErrWrongFactor)
	}
	w.verified()
}

// TestReplacingTheApp: a new one counts once its first code was shown, and the old one until then.
func TestReplacingTheApp(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	old, a := w.withApp("author")
	wants(t, "removing the only one", w.V.RemoveTOTP(ctx, a), vault.ErrConflict)
	made := app(must(w.V.BeginTOTP(ctx, a))(t).Secret)
	a = w.actor(must(w.V.StepUpCode(ctx, a, w.code(old)))(t))
	_, err := w.V.StepUpCode(ctx, a, w.code(made))
	wants(t, "a code of the new one, not confirmed", err, vault.ErrWrongFactor)
	_, err = w.V.ConfirmTOTP(ctx, a, w.code(old))
	wants(t, "confirming with the old one", err, vault.ErrWrongFactor)
	a = w.actor(must(w.V.ConfirmTOTP(ctx, a, w.code(made)))(t))
	_, err = w.V.StepUpCode(ctx, a, w.code(old))
	wants(t, "a code of the old one", err, vault.ErrWrongFactor)
	if n := w.count(`SELECT count(*) FROM totp_secrets`); n != 1 {
		t.Errorf("%d secrets kept, want 1", n)
	}
	_, err = w.V.ConfirmTOTP(ctx, a, w.code(made))
	wants(t, "confirming again", err, vault.ErrConflict)
}

// TestSecretsRotate: a rotation of the root key wraps the secrets of apps too, and the old version is not needed then.
func TestSecretsRotate(t *testing.T) {
	w := worldOn(t, vaulttest.New(t)).strictly() // a root key of its own
	a, actor := w.withApp("author")
	b, reviewer := w.withApp("reviewer")
	must(w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot}))(t)
	ok(t, w.V.ForgetRoot(t.Context(), vault.Operator()))
	must(w.V.StepUpCode(t.Context(), actor, w.code(a)))(t)
	must(w.V.StepUpCode(t.Context(), reviewer, w.code(b)))(t)
	if n := w.count(`SELECT count(*) FROM totp_secrets WHERE root_version = 1`); n != 0 {
		t.Errorf("%d secrets are under the old version, want none", n)
	}
	w.change(`UPDATE totp_secrets SET wrapped_secret = (SELECT s.wrapped_secret FROM totp_secrets s WHERE s.person = $1) WHERE person = $2`,
		string(actor.Person()), string(reviewer.Person()))
	_, err := w.V.StepUpCode(t.Context(), reviewer, w.code(a))
	if err == nil {
		t.Error("the secret of one person opens in the row of another")
	}
}

// TestAtOnce: whatever is good once is good once, also when two nodes are asked at the same time.
func TestAtOnce(t *testing.T) {
	w := worldOn(t, vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil)).strictly()
	other := must(vault.Open(t.Context(), w.Cfg))(t)
	defer other.Close()
	ctx := t.Context()
	a, actor := w.withApp("author")
	recovery := must(w.V.RenewRecoveryCodes(ctx, actor))(t)
	key, _ := w.withPasskey("reviewer")
	code := must(w.V.ResetFactors(ctx, vault.Operator(), "records"))(t).Code
	for name, prepare := range map[string]func() func(ctx context.Context, v *vault.Vault, n int) error{
		"code of the app": func() func(ctx context.Context, v *vault.Vault, n int) error {
			tickets := []string{w.secondStep("author", at("")).Ticket, w.secondStep("author", at("")).Ticket}
			shown := w.code(a)
			return func(ctx context.Context, v *vault.Vault, n int) error {
				_, err := v.SignInCode(ctx, tickets[n], shown, at(""))
				return err
			}
		},
		"recovery code": func() func(ctx context.Context, v *vault.Vault, n int) error {
			tickets := []string{w.secondStep("author", at("")).Ticket, w.secondStep("author", at("")).Ticket}
			shown := recovery[0]
			recovery = recovery[1:]
			return func(ctx context.Context, v *vault.Vault, n int) error {
				_, err := v.SignInCode(ctx, tickets[n], shown, at(""))
				return err
			}
		},
		"passkey": func() func(ctx context.Context, v *vault.Vault, n int) error {
			ask := must(w.V.BeginPasskeySignIn(ctx, at("")))(t)
			answer := key.Use(t, ask.Options)
			return func(ctx context.Context, v *vault.Vault, n int) error {
				_, err := v.FinishPasskeySignIn(ctx, ask.Ticket, answer, at(""))
				return err
			}
		},
		"enrolment code": func() func(ctx context.Context, v *vault.Vault, n int) error {
			return func(ctx context.Context, v *vault.Vault, n int) error {
				_, err := v.Enrol(ctx, "records", code, "a password of my own", at(""))
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for round := range 3 {
				if name == "enrolment code" && round > 0 {
					break
				}
				w.Clock.Add(20 * time.Minute)
				use := prepare()
				var errs [2]error
				var both sync.WaitGroup
				for n, v := range []*vault.Vault{w.V, other} {
					both.Go(func() { errs[n] = use(ctx, v, n) })
				}
				both.Wait()
				if (errs[0] == nil) == (errs[1] == nil) {
					t.Fatalf("used twice at once: got %v and %v, want one of them refused", errs[0], errs[1])
				}
				if err := errors.Join(errs[:]...); !errors.Is(err, vault.ErrWrongFactor) && !errors.Is(err, vault.ErrConflict) && !errors.Is(err, vault.ErrUnauthenticated) {
					t.Errorf("refused with %v", err)
				}
			}
		})
	}
}
