package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// tellingBench is a bench whose notices leave the house.
func tellingBench(t *testing.T) *bench {
	t.Helper()
	inner := vaulttest.New(t)
	inner.Cfg.Notices = vault.NoticeConfig{PushHosts: []string{"push.example.org"}, Contact: "mailto:it@example.org", Mail: true}
	inner.Reopen(t)
	return benchOn(t, inner)
}

// photographed is a photo in review of a patient of the clinician's.
func (b *bench) photographed(t *testing.T) vault.PhotoID {
	t.Helper()
	a := b.actorOf(t, clinician)
	receipt := b.Send(t, a, b.Capture(t, a, b.Patient(t, a), vaulttest.Picture(t, 160, 120, 7)))
	b.Work(t)
	return vault.PhotoID(receipt.PhotoID)
}

func TestNoticesOverHTTP(t *testing.T) {
	b := tellingBench(t)
	token := b.as(t, reviewer)
	b.says(t, token, "/notices", []string{"Nothing waits for you.", "On this browser", "There is no mail address for you"}, []string{"waiting-count"})
	b.photographed(t)
	b.says(t, token, "/notices", []string{"Photos wait for review.", `class="waiting-count">1<`, `href="/review"`}, []string{"Nothing waits"})
	var in vault.Inbox
	b.get(t, token, "/api/v1/notices").into(t, http.StatusOK, &in)
	if len(in.Notices) != 1 || in.Notices[0].Kind != "review" || !in.PushOn || !in.MailOn {
		t.Fatalf("got %+v, want one notice of review", in)
	}
	b.post(t, token, "/api/v1/notices/seen", seenRequest{in.Notices[0].LastAt}).into(t, http.StatusNoContent, nil)
	b.says(t, token, "/notices", []string{"Nothing waits for you.", "Seen (1)"}, []string{"waiting-count"})
	b.post(t, token, "/api/v1/notices/choices", choiceRequest{"review", false, false}).into(t, http.StatusNoContent, nil)
	b.post(t, token, "/api/v1/notices/choices", choiceRequest{"lunch", false, false}).refused(t, http.StatusUnprocessableEntity, "invalid")
	b.post(t, b.as(t, admin), "/api/v1/people/only-reviewer/mail", mailRequest{"reviewer@example.org"}).into(t, http.StatusNoContent, nil)
	b.post(t, b.as(t, admin), "/api/v1/people/only-reviewer/mail", mailRequest{"a@b\r\nBcc: c@d"}).refused(t, http.StatusUnprocessableEntity, "invalid")
	b.post(t, token, "/api/v1/people/only-reviewer/mail", mailRequest{"elsewhere@example.org"}).refused(t, http.StatusForbidden, "not-allowed")
	b.says(t, token, "/notices", []string{"Mail goes to reviewer@example.org"}, nil)
}

func TestPushOverHTTP(t *testing.T) {
	b := tellingBench(t)
	token := b.as(t, reviewer)
	var key, again vault.PushKey
	b.get(t, token, "/api/v1/push/key").into(t, http.StatusOK, &key)
	b.get(t, b.as(t, clinician), "/api/v1/push/key").into(t, http.StatusOK, &again)
	if len(key.Key) != 65 || key.Key[0] != 4 || key.Epoch != 1 || string(key.Key) != string(again.Key) {
		t.Errorf("got a key of %d bytes in epoch %d, the same for another %v", len(key.Key), key.Epoch, string(key.Key) == string(again.Key))
	}
	var made subscribeAnswer
	b.post(t, token, "/api/v1/push/subscriptions", subscribeRequest{"https://push.example.org/a", 1}).into(t, http.StatusCreated, &made)
	b.post(t, token, "/api/v1/push/subscriptions", subscribeRequest{"https://169.254.169.254/latest", 1}).refused(t, http.StatusUnprocessableEntity, "invalid")
	b.post(t, token, "/api/v1/push/subscriptions", subscribeRequest{"https://push.example.org/b", 7}).refused(t, http.StatusConflict, "conflict")
	b.says(t, token, "/notices", []string{"Browsers that are told"}, []string{"push.example.org"})
	other := b.as(t, clinician)
	b.send(t, request{method: "DELETE", path: "/api/v1/push/subscriptions/" + string(made.ID), token: other}).refused(t, http.StatusNotFound, "not-found")
	b.send(t, request{method: "DELETE", path: "/api/v1/push/subscriptions/" + string(made.ID), token: token}).into(t, http.StatusNoContent, nil)
	off := newBench(t)
	off.get(t, off.as(t, reviewer), "/api/v1/push/key").refused(t, http.StatusUnprocessableEntity, "invalid")
	off.says(t, off.as(t, reviewer), "/notices", []string{"Nothing waits"}, []string{"On this browser", "What you are told of"})
}

func TestLinksOverHTTP(t *testing.T) {
	b := newBench(t)
	photo := b.photographed(t)
	token := b.as(t, clinician)
	b.says(t, token, "/photos/"+string(photo), []string{`id="link-button"`}, nil)
	var made linkAnswer
	b.post(t, token, "/api/v1/photos/"+string(photo)+"/links", nil).into(t, http.StatusCreated, &made)
	got := b.page(t, token, made.Path)
	if to := got.Header.Get("Location"); got.StatusCode != http.StatusSeeOther || to != "/photos/"+string(photo) {
		t.Errorf("its maker at the link: got %d to %q", got.StatusCode, to)
	}
	got = b.page(t, "", made.Path)
	if to := got.Header.Get("Location"); got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/sign-in?next=%2Fl%2F") {
		t.Errorf("a stranger at the link: got %d to %q, want the sign-in page", got.StatusCode, to)
	}
	for role, status := range map[vault.Role]int{records: 404, reviewer: 404, privacy: 403, admin: 403} {
		if got := b.page(t, b.as(t, role), made.Path); got.StatusCode != status {
			t.Errorf("%s at the link: got %d, want %d", role, got.StatusCode, status)
		}
	}
	if strings.Contains(b.lines.String(), strings.TrimPrefix(made.Path, "/l/")) {
		t.Error("the log holds the code")
	}
	b.says(t, token, "/notices", []string{"Links you made", string(made.ID)}, []string{made.Path})
	b.send(t, request{method: "DELETE", path: "/api/v1/links/" + string(made.ID), token: token}).into(t, http.StatusNoContent, nil)
	b.send(t, request{method: "DELETE", path: "/api/v1/links/" + string(made.ID), token: token}).refused(t, http.StatusNotFound, "not-found")
	if got := b.page(t, token, made.Path); got.StatusCode != http.StatusNotFound {
		t.Errorf("the ended link: got %d, want 404", got.StatusCode)
	}
}
