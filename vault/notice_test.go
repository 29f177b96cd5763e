package vault_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const pushService = "push.example.org"

// telling opens the world's vault again so that notices leave the house.
func (w *world) telling() {
	w.t.Helper()
	w.Cfg.Notices = vault.NoticeConfig{PushHosts: []string{pushService}, Contact: "mailto:it@example.org", Mail: true}
	w.Reopen(w.t)
}

// waitingFor is what waits unseen for a person: kind and count.
func (w *world) waitingFor(a vault.Actor) []string {
	w.t.Helper()
	var out []string
	for _, n := range must(w.V.Notices(w.t.Context(), a))(w.t).Notices {
		if n.SeenAt == 0 {
			out = append(out, fmt.Sprintf("%s %d", n.Kind, n.Count))
		}
	}
	if n := must(w.V.NoticeCount(w.t.Context(), a))(w.t); n != int64(len(out)) {
		w.t.Errorf("the bar says %d, the inbox %v", n, out)
	}
	return out
}

// browser has somebody told on a browser of their own.
func (w *world) browser(a vault.Actor, path string) vault.SubscriptionID {
	w.t.Helper()
	key := must(w.V.PushKey(w.t.Context(), a))(w.t)
	return must(w.V.Subscribe(w.t.Context(), a, "https://"+pushService+path, key.Epoch))(w.t)
}

// noticeWork claims the next job, which must be a notice's, and reads it.
func (w *world) noticeWork() (*vault.Job, *vault.NoticeWork) {
	w.t.Helper()
	job := w.job(vault.JobNotify)
	return job, must(w.V.NoticeWork(w.t.Context(), w.worker, job))(w.t)
}

// noJob fails the test when work waits.
func (w *world) noJob(what string) {
	w.t.Helper()
	if job := must(w.V.ClaimJob(w.t.Context(), w.worker, time.Minute))(w.t); job != nil {
		w.t.Errorf("%s: there is a job of kind %s, want none", what, job.Kind)
	}
}

// prepared is inReview where other work may be due after it.
func (w *world) prepared() vault.PhotoID {
	w.t.Helper()
	id := w.waiting()
	ok(w.t, w.V.ProcessCapture(w.t.Context(), w.worker, w.job(vault.JobProcess)))
	return id
}

// everythingSent is the outcome of a service that takes all.
func everythingSent(work *vault.NoticeWork) (out []vault.Told) {
	for _, p := range work.Pushes {
		out = append(out, vault.Told{Push: p.ID, Outcome: vault.TellSent})
	}
	if work.Mail != "" {
		out = append(out, vault.Told{Outcome: vault.TellSent})
	}
	return out
}

func TestNoticesReachWhomTheyShould(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		other := w.Person(t, "privacy-two", vault.RolePrivacy)
		gone := w.Person(t, "privacy-gone", vault.RolePrivacy)
		ok(t, w.V.DisablePerson(ctx, vault.Operator(), "privacy-gone"))
		first := w.approved()
		w.inReview()
		must(w.V.AskErasure(ctx, w.privacy, w.patient, "", "asked for by the patient"))(t)
		must(w.V.AskRecall(ctx, w.records, first, "", "seen at the round"))(t)
		hold := must(w.V.PlaceHold(ctx, w.records, w.foreign, "", "a claim"))(t)
		ok(t, w.V.AskLiftHold(ctx, w.records, hold, "the claim is closed"))
		for _, c := range []struct {
			who  string
			a    vault.Actor
			want []string
		}{
			{"reviewer", w.reviewer, []string{"review 2"}},
			{"second reviewer", w.second, []string{"review 2"}},
			{"who asked for the erasure", w.privacy, []string{"sign_hold 1", "sign_recall 1"}},
			{"another privacy officer", other, []string{"sign_erasure 1", "sign_hold 1", "sign_recall 1"}},
			{"who asked for the recall", w.records, nil},
			{"clinician", w.author, nil},
			{"admin", w.admin, nil},
		} {
			got := w.waitingFor(c.a)
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.who, got, c.want)
			}
		}
		if n := w.count(`SELECT count(*) FROM notices WHERE person = $1`, string(gone.Person())); n != 0 {
			t.Errorf("somebody who left has %d notices, want 0", n)
		}
	})
}

func TestNoticesSeen(t *testing.T) {
	w := newWorld(t)
	w.inReview()
	first := must(w.V.Notices(t.Context(), w.reviewer))(t).Notices[0]
	if first.Page != "/review" || first.Text == "" || first.LastAt == 0 {
		t.Errorf("got %+v, want a line that leads to /review", first)
	}
	w.Clock.Add(time.Second)
	w.inReview() // comes after the page was loaded
	ok(t, w.V.SeeNotices(t.Context(), w.reviewer, first.LastAt))
	if got := w.waitingFor(w.reviewer); !slices.Equal(got, []string{"review 2"}) {
		t.Errorf("after what was shown was seen, while more came: got %v, want it to wait", got)
	}
	ok(t, w.V.SeeNotices(t.Context(), w.reviewer, vault.TimeOf(w.Clock.Now())))
	if got := w.waitingFor(w.reviewer); got != nil {
		t.Errorf("after all was seen: got %v, want nothing", got)
	}
	if got := w.waitingFor(w.second); !slices.Equal(got, []string{"review 2"}) {
		t.Errorf("another's inbox: got %v, want it untouched", got)
	}
	w.inReview()
	if got := w.waitingFor(w.reviewer); !slices.Equal(got, []string{"review 1"}) {
		t.Errorf("the next: got %v, want a new notice", got)
	}
	w.Clock.Add(31 * 24 * time.Hour)
	ok(t, w.V.TidyNotices(t.Context(), w.worker))
	if n := w.count(`SELECT count(*) FROM notices WHERE seen_at IS NOT NULL`); n != 0 {
		t.Errorf("%d seen notices are kept after 31 days, want 0", n)
	}
	if n := w.count(`SELECT count(*) FROM notices`); n != 2 {
		t.Errorf("%d notices are kept, want the 2 that nobody saw", n)
	}
}

func TestNoticeIsSentOnceToEach(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.telling()
		ctx := t.Context()
		phone, desk := w.browser(w.reviewer, "/phone"), w.browser(w.reviewer, "/desk")
		ok(t, w.V.SetMail(ctx, w.admin, "reviewer", "reviewer@example.org"))
		w.prepared()
		job, work := w.noticeWork()
		if len(work.Pushes) != 2 || work.Mail != "reviewer@example.org" {
			t.Fatalf("got %d messages and mail to %q, want 2 and mail", len(work.Pushes), work.Mail)
		}
		for _, p := range work.Pushes {
			if !strings.HasPrefix(p.Authorization, "vapid t=ey") || !strings.HasPrefix(p.Endpoint, "https://"+pushService+"/") {
				t.Errorf("got a message %q to %q", p.Authorization, p.Endpoint)
			}
		}
		ok(t, w.V.NoticeTold(ctx, w.worker, job, work, []vault.Told{
			{Push: phone, Outcome: vault.TellSent}, {Push: desk, Outcome: vault.TellGone},
			{Outcome: vault.TellLater, Cause: errors.New("the mail server is down")}}))
		w.Clock.Add(time.Minute)
		job, work = w.noticeWork()
		if len(work.Pushes) != 0 || work.Mail == "" {
			t.Errorf("the second try: got %d messages and mail to %q, want the mail alone", len(work.Pushes), work.Mail)
		}
		ok(t, w.V.NoticeTold(ctx, w.worker, job, work, everythingSent(work)))
		w.noJob("after all was sent")
		in := must(w.V.Notices(ctx, w.reviewer))(t)
		if len(in.Subscriptions) != 1 || in.Subscriptions[0].ID != phone || in.Subscriptions[0].LastSentAt == 0 {
			t.Errorf("got browsers %+v, want the phone alone, told", in.Subscriptions)
		}
		w.verified()
	})
}

// While a job is at work the next notice of the kind may come: it is sent too.
func TestNoticeThatComesWhileOneIsSent(t *testing.T) {
	w := newWorld(t)
	w.telling()
	w.browser(w.privacy, "/p")
	erase := func() {
		must(w.V.AskErasure(t.Context(), w.records, "", w.prepared(), "a test of erasure"))(t)
	}
	erase()
	job, work := w.noticeWork()
	w.Clock.Add(time.Second)
	id := w.prepared()
	must(w.V.AskErasure(t.Context(), w.records, "", id, "a test of erasure"))(t)
	ok(t, w.V.NoticeTold(t.Context(), w.worker, job, work, everythingSent(work)))
	job, work = w.noticeWork()
	if len(work.Pushes) != 1 {
		t.Errorf("the second: got %d messages, want 1", len(work.Pushes))
	}
	ok(t, w.V.NoticeTold(t.Context(), w.worker, job, work, everythingSent(work)))
	w.noJob("after both")
}

// Nobody is told of what they saw, of what they do not want to be told of, too often, or after they left.
func TestNoticesThatAreNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *world)
		before  func(w *world) // between the notice and its sending
		want    int            // jobs that have something to send
	}{
		"told": {func(*world) {}, func(*world) {}, 1},
		"seen meanwhile": {func(*world) {}, func(w *world) {
			ok(w.t, w.V.SeeNotices(w.t.Context(), w.reviewer, vault.TimeOf(w.Clock.Now())))
		}, 0},
		"left meanwhile": {func(w *world) {
			ok(w.t, w.V.SetMail(w.t.Context(), w.admin, "reviewer", "reviewer@example.org"))
		}, func(w *world) {
			ok(w.t, w.V.DisablePerson(w.t.Context(), w.admin, "reviewer"))
		}, 0},
		"browser forgotten meanwhile": {func(*world) {}, func(w *world) {
			in := must(w.V.Notices(w.t.Context(), w.reviewer))(w.t)
			ok(w.t, w.V.Unsubscribe(w.t.Context(), w.reviewer, in.Subscriptions[0].ID))
		}, 0},
		"not wanted": {func(w *world) {
			ok(w.t, w.V.ChooseNotice(w.t.Context(), w.reviewer, "review", false, true))
		}, func(*world) {}, 0},
		"the service is not allowed any more": {func(*world) {}, func(w *world) {
			w.Cfg.Notices.PushHosts = []string{"other.example.org"}
			w.Reopen(w.t)
		}, 0},
		"the key was replaced": {func(*world) {}, func(w *world) {
			must(w.V.RotateKeys(w.t.Context(), w.admin, vault.Rotation{Kind: vault.RotatePush}))(w.t)
			if in := must(w.V.Notices(w.t.Context(), w.reviewer))(w.t); !in.Subscriptions[0].Stale {
				w.t.Errorf("a browser under the old key is not shown as such")
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.t = t
			w.telling()
			w.browser(w.reviewer, "/r")
			c.prepare(w)
			w.prepared()
			c.before(w)
			got := 0
			for job := must(w.V.ClaimJob(t.Context(), w.worker, time.Minute))(t); job != nil; job = must(w.V.ClaimJob(t.Context(), w.worker, time.Minute))(t) {
				work := must(w.V.NoticeWork(t.Context(), w.worker, job))(t)
				if len(work.Pushes) > 0 || work.Mail != "" {
					got++
				}
				ok(t, w.V.NoticeTold(t.Context(), w.worker, job, work, everythingSent(work)))
			}
			if got != c.want {
				t.Errorf("got %d messages, want %d", got, c.want)
			}
		})
	}
}

func TestReviewersAreToldAtMostOnceAnHour(t *testing.T) {
	w := newWorld(t)
	w.Cfg.SessionIdle = 12 * time.Hour
	w.telling()
	w.browser(w.reviewer, "/r")
	told := 0
	for range 8 { // photos, each 20 minutes after the other
		w.prepared()
		if job := must(w.V.ClaimJob(t.Context(), w.worker, time.Minute))(t); job != nil {
			told++
			work := must(w.V.NoticeWork(t.Context(), w.worker, job))(t)
			ok(t, w.V.NoticeTold(t.Context(), w.worker, job, work, everythingSent(work)))
			ok(t, w.V.SeeNotices(t.Context(), w.reviewer, vault.TimeOf(w.Clock.Now()))) // and looked at at once
		}
		w.Clock.Add(20 * time.Minute)
	}
	if told != 3 {
		t.Errorf("told %d times in 140 minutes, want 3", told)
	}
}

func TestChoices(t *testing.T) {
	w := newWorld(t)
	w.telling()
	ok(t, w.V.ChooseNotice(t.Context(), w.reviewer, "review", false, true))
	ok(t, w.V.ChooseNotice(t.Context(), w.reviewer, "review", true, false))
	wants(t, "a kind that there is not", w.V.ChooseNotice(t.Context(), w.reviewer, "lunch", true, true), vault.ErrInvalid)
	in := must(w.V.Notices(t.Context(), w.reviewer))(t)
	if !in.PushOn || !in.MailOn || len(in.Choices) != 3 {
		t.Errorf("got %+v, want both ways on and a line for review, sign-in and factors", in)
	}
	for _, c := range in.Choices {
		if want := c.Kind != "review"; !c.Push || c.Mail != want || c.Text == "" {
			t.Errorf("got %+v, want both ways, and no mail for review", c)
		}
	}
}

// The push key is one of the vault's own: a rotation of the root key takes it along, its own rotation destroys the old one.
func TestPushKeyRotates(t *testing.T) {
	w := worldOn(t, vaulttest.New(t)) // with a root key of its own
	w.telling()
	wants(t, "before there is one", errorOf(w.V.RotateKeys(t.Context(), w.admin, vault.Rotation{Kind: vault.RotatePush})), vault.ErrNotFound)
	before := must(w.V.PushKey(t.Context(), w.reviewer))(t)
	must(w.V.RotateKeys(t.Context(), w.admin, vault.Rotation{Kind: vault.RotateRoot}))(t)
	w.Reopen(t)
	if after := must(w.V.PushKey(t.Context(), w.reviewer))(t); string(after.Key) != string(before.Key) || after.Epoch != 1 {
		t.Errorf("after the root key was rotated: epoch %d, the same key %v", after.Epoch, string(after.Key) == string(before.Key))
	}
	must(w.V.RotateKeys(t.Context(), w.admin, vault.Rotation{Kind: vault.RotatePush}))(t)
	if after := must(w.V.PushKey(t.Context(), w.reviewer))(t); string(after.Key) == string(before.Key) || after.Epoch != 2 {
		t.Errorf("after its own rotation: epoch %d, the same key %v", after.Epoch, string(after.Key) == string(before.Key))
	}
	if n := w.count(`SELECT count(*) FROM epoch_keys WHERE kind = 'push' AND epoch = 1 AND destroyed_at IS NULL`); n != 0 {
		t.Error("the old key can still sign")
	}
	_, err := w.V.Subscribe(t.Context(), w.reviewer, "https://"+pushService+"/late", 1)
	wants(t, "a browser with the old key", err, vault.ErrConflict)
	w.verified()
}

func errorOf[T any](_ T, err error) error { return err }
