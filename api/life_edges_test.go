package api

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// lifeRoutes are the calls that this file and its neighbours test.
var lifeRoutes = slices.Concat(consentRoutes, erasureRoutes, retentionRoutes, incidentRoutes)

// What is not JSON of the right shape, and what cannot be an ID, is refused before the vault is asked.
func TestLifeCallsRefuseWhatIsMalformed(t *testing.T) {
	b := newBench(t)
	for _, rt := range lifeRoutes {
		token := b.as(t, rt.roles[0])
		if rt.in != nil {
			for name, body := range map[string]string{
				"an unknown field": `{"surprise":1}`, "no JSON": `{`, "two values": `{} {}`, "another type": `[]`,
			} {
				got := b.send(t, request{method: rt.method, path: example(rt.path), token: token,
					header: map[string]string{"Content-Type": "application/json"}, body: strings.NewReader(body)})
				if got.StatusCode != http.StatusBadRequest {
					t.Errorf("%s %s with %s: got %d, want 400", rt.method, rt.path, name, got.StatusCode)
				}
			}
			form := b.send(t, request{method: rt.method, path: example(rt.path), token: token,
				header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: strings.NewReader("reason=x")})
			form.refused(t, http.StatusUnsupportedMediaType, "media-type")
		}
		if strings.Contains(rt.path, "{id}") {
			for _, id := range []string{"a%00b", strings.Repeat("A", 65), "%2e%2e", "a%20b"} {
				path := strings.Replace(example(strings.Replace(rt.path, "{id}", "@", 1)), "@", id, 1)
				got := b.send(t, request{method: rt.method, path: path, token: token, json: rt.in})
				if got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusUnprocessableEntity {
					t.Errorf("%s %s: got %d, want 404", rt.method, path, got.StatusCode)
				}
			}
		}
	}
}

// An endless reason is refused by every call that takes one, and is in no answer.
func TestReasonsAreBounded(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	c.post(t, c.doctor, c.at("/consents"), consentRequest{Purpose: "teaching", Allowed: true, How: "verbal"}).into(t, http.StatusOK, nil)
	long := strings.Repeat("reason-to-find ", 40)
	for path, in := range map[string]any{
		"/api/v1/holds":           subjectRequest{Patient: c.patient, Reason: long},
		"/api/v1/erasures":        subjectRequest{Patient: c.patient, Reason: long},
		"/api/v1/recalls":         recallRequest{Photo: c.photo, Reason: long},
		c.at("/releases"):         releaseRequest{Purpose: "teaching", Reason: long},
		"/api/v1/retention/rules": ruleRequest{Kind: "approved", Years: 10, Reason: long},
	} {
		token := c.privacy
		if strings.Contains(path, "releases") {
			token = c.records
		}
		for _, reason := range []any{in, subjectRequest{}} {
			got := c.post(t, token, path, reason)
			if got.StatusCode != http.StatusUnprocessableEntity && got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusNotFound {
				t.Errorf("%s: got %d, want a refusal", path, got.StatusCode)
			}
			if strings.Contains(string(got.body), "reason-to-find") {
				t.Errorf("%s: the refusal repeats the reason", path)
			}
		}
	}
	if strings.Contains(c.lines.String(), "reason-to-find") {
		t.Error("the server's log holds a reason")
	}
}

// Nobody signs what they asked for, whatever their roles, and nobody signs twice.
func TestNobodySignsAlone(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	c.addPerson(t, "everything", vault.Roles()...)
	everything, second := c.signIn(t, "everything"), c.other(t, privacy)
	var id struct {
		ID string `json:"id"`
	}
	for _, two := range []struct{ ask, sign string }{
		{"/api/v1/retention/rules", "/api/v1/retention/rules/%s/sign"},
		{"/api/v1/recalls", "/api/v1/recalls/%s/sign"},
		{"/api/v1/erasures", "/api/v1/erasures/%s/sign"},
	} {
		var in any = subjectRequest{Patient: c.patient, Reason: "asked alone"}
		switch {
		case strings.Contains(two.ask, "rules"):
			in = ruleRequest{Kind: "rejected", Years: 3, Reason: "asked alone"}
		case strings.Contains(two.ask, "recalls"):
			in = recallRequest{Photo: c.photo, Reason: "asked alone"}
		}
		c.post(t, everything, two.ask, in).into(t, http.StatusCreated, &id)
		sign := fmt.Sprintf(two.sign, id.ID)
		p := c.post(t, everything, sign, nil).refused(t, http.StatusForbidden, "not-allowed")
		if !strings.Contains(p.Detail, "second person") {
			t.Errorf("%s: refused with %q, want that a second person signs", sign, p.Detail)
		}
		c.post(t, second, sign, nil).into(t, http.StatusNoContent, nil)
		c.post(t, second, sign, nil).refused(t, http.StatusConflict, "conflict")
	}
}

// Addresses of pages that name nobody, or something that cannot be an ID.
func TestLifePagesRefuseWrongAddresses(t *testing.T) {
	c := newCast(t)
	for path, want := range map[string]int{
		"/erasures?patient=AAAAAAAAAAAAAAAAAAAAAAAAAA":                              http.StatusNotFound,
		"/erasures?patient=a%00":                                                    http.StatusNotFound,
		"/holds?patient=" + string(c.patient) + "&photo=%3Cscript%3E":               http.StatusNotFound,
		"/erasures/AAAAAAAAAAAAAAAAAAAAAAAAAA":                                      http.StatusNotFound,
		"/erasures/a%20b":                                                           http.StatusNotFound,
		"/photos/AAAAAAAAAAAAAAAAAAAAAAAAAA/consent":                                http.StatusNotFound,
		"/erasures?photo=" + string(c.photo):                                        http.StatusOK, // a photo alone names nobody here
		"/holds?patient=" + string(c.patient) + "&photo=" + strings.Repeat("A", 65): http.StatusNotFound,
	} {
		got := c.page(t, c.privacy, path)
		got.sound(t, want)
	}
}

// Whatever the vault can say in one word, the pages say in a sentence.
func TestEveryWordOfTheVaultIsSaid(t *testing.T) {
	for _, kind := range vault.DocumentKinds() {
		if documentWords[kind] == "" {
			t.Errorf("documents of kind %s have no name", kind)
		}
	}
	for _, way := range append(vault.ConsentWays(), "capture") {
		if wayWords[way] == "" {
			t.Errorf("way %s of consenting has no words", way)
		}
	}
	if len(ways()) != len(vault.ConsentWays()) {
		t.Errorf("%d ways to choose from, want %d", len(ways()), len(vault.ConsentWays()))
	}
	views := purposeViews(vault.Consent{Record: true, Teaching: true, Publication: true})
	for i, purpose := range vault.Purposes() {
		for _, p := range []purposeView{views[i], {Name: purpose}} {
			if p.Name != purpose || p.Text() == "" || p.Change() == "" {
				t.Errorf("purpose %s, allowed %v: %q, %q", purpose, p.Allowed, p.Text(), p.Change())
			}
		}
		if views[i].Change() == (purposeView{Name: purpose}).Change() {
			t.Errorf("purpose %s: giving and withdrawing are told alike", purpose)
		}
	}
	for _, store := range []string{"waiting", "held", "partly", "unsupported", "freed"} {
		if (holdView{Hold: vault.Hold{Store: store}}).StoreText() == "" {
			t.Errorf("store state %s has no words", store)
		}
	}
}

func TestReleasable(t *testing.T) {
	all := vault.Consent{Record: true, Teaching: true, Publication: true}
	lasting, ended := vault.Release{Purpose: "teaching"}, vault.Release{Purpose: "publication", EndedAt: 1}
	for name, c := range map[string]struct {
		consent vault.Consent
		made    []vault.Release
		want    []string
	}{
		"nothing allowed":         {vault.Consent{Record: true}, nil, nil},
		"all allowed":             {all, nil, []string{"teaching", "publication"}},
		"one lasts, one ended":    {all, []vault.Release{lasting, ended}, []string{"publication"}},
		"allowed, but lasting":    {vault.Consent{Teaching: true}, []vault.Release{lasting}, nil},
		"never for record itself": {vault.Consent{Record: true}, []vault.Release{ended}, nil},
	} {
		if got := releasable(c.consent, c.made); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestBarsAddUp(t *testing.T) {
	for _, c := range []struct{ kept, held, due, wideDue, wideHeld int }{
		{0, 0, 0, 0, 0}, {1, 0, 0, 0, 0}, {0, 0, 7, 100, 0}, {0, 3, 0, 0, 100}, {998, 1, 1, 1, 1}, {1, 1, 1, 34, 34}, {0, 1, 999, 100, 0},
	} {
		s := sumView{RetentionSum: vault.RetentionSum{Kept: c.kept, Held: c.held, Due: c.due}}
		if s.DueWide() != c.wideDue || s.HeldWide() != c.wideHeld || s.DueWide()+s.HeldWide() > 100 {
			t.Errorf("%d kept, %d held, %d due: %d and %d wide, want %d and %d", c.kept, c.held, c.due, s.DueWide(), s.HeldWide(), c.wideDue, c.wideHeld)
		}
	}
}

// sealable is a root key whose service can be taken away.
type sealable struct {
	vault.KMS
	away atomic.Bool
}

func (s *sealable) err() error {
	if s.away.Load() {
		return fmt.Errorf("the key service is sealed: %w", vault.ErrUnavailable)
	}
	return nil
}

func (s *sealable) Ping(ctx context.Context) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.KMS.Ping(ctx)
}

func (s *sealable) Versions(ctx context.Context) (oldest, newest uint32, err error) {
	if err := s.err(); err != nil {
		return 0, 0, err
	}
	return s.KMS.Versions(ctx)
}

// While the key service is away the health page is there, and says so.
func TestHealthWithoutTheKeyService(t *testing.T) {
	key, err := vault.OpenKeyFile(filepath.Join(t.TempDir(), "root.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	kms := &sealable{KMS: key}
	b := benchOn(t, vaulttest.OpenOn(t, "sqlite", vaulttest.SQLite(t), nil, kms))
	token := b.as(t, admin)
	var keys vault.KeyStatus
	b.get(t, token, "/api/v1/keys/status").into(t, http.StatusOK, &keys)
	if keys.Root.Newest != 1 || len(keys.Epochs) < 4 {
		t.Errorf("keys: root %d, %d epochs", keys.Root.Newest, len(keys.Epochs))
	}
	b.says(t, token, "/health", []string{"version 1 wraps"}, []string{"The key service does not answer"})
	kms.away.Store(true)
	b.get(t, token, "/api/v1/keys/status").refused(t, http.StatusServiceUnavailable, "unavailable")
	b.says(t, token, "/health", []string{"The key service does not answer", "the key service is sealed", "Not in order"}, []string{"version 1 wraps"})
	var witnesses witnessesAnswer
	b.get(t, token, "/api/v1/witnesses").into(t, http.StatusOK, &witnesses)
	if witnesses.Witnesses == nil || len(witnesses.Witnesses) != 0 {
		t.Errorf("witnesses: %v, want an empty list", witnesses.Witnesses)
	}
}
