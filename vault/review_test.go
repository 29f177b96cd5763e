package vault_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if p := must(w.V.ClaimNext(ctx, w.reviewer))(t); p != nil {
			t.Fatalf("claimed %v from an empty queue", p)
		}
		older := w.inReview()
		w.Clock.Add(time.Second)
		newer := w.inReview()
		w.claim(w.reviewer, older)
		w.claim(w.reviewer, older) // the claim one holds comes first
		w.claim(w.second, newer)
		if waiting, others, err := w.V.ReviewQueue(ctx, w.second); err != nil || waiting != 1 || others != 1 {
			t.Errorf("queue %d, claimed by others %d, %v, want 1 and 1", waiting, others, err)
		}
		_, err := w.V.ReadRendition(ctx, w.second, older, vault.KindDisplay)
		wants(t, "reading a photo that another holds", err, vault.ErrNotFound)
		_, err = w.V.RenewClaim(ctx, w.second, older)
		wants(t, "renewing another's claim", err, vault.ErrConflict)
		wants(t, "releasing another's claim", w.V.ReleaseClaim(ctx, w.second, older), vault.ErrConflict)

		w.Clock.Add(9 * time.Minute)
		if until := must(w.V.RenewClaim(ctx, w.reviewer, older))(t); until != vault.TimeOf(w.Clock.Now().Add(10*time.Minute)) {
			t.Errorf("renewed until %s", until)
		}
		w.Clock.Add(time.Minute)
		_, err = w.V.ReadRendition(ctx, w.second, newer, vault.KindDisplay)
		wants(t, "reading after ten minutes", err, vault.ErrNotFound)
		_, err = w.V.Approve(ctx, w.second, newer, drawn(2))
		wants(t, "approving after ten minutes", err, vault.ErrConflict)
		ok(t, w.V.ReleaseClaim(ctx, w.reviewer, older))
		w.claim(w.second, older)
		w.claim(w.reviewer, newer)
	})
}

func TestClaimsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for range 3 {
			w.inReview()
		}
		var wg sync.WaitGroup
		got := make([]vault.PhotoID, 2)
		for i, a := range []vault.Actor{w.reviewer, w.second} {
			wg.Go(func() {
				p, err := w.V.ClaimNext(t.Context(), a)
				if err != nil || p == nil {
					t.Errorf("claiming: %v, %v", p, err)
					return
				}
				got[i] = p.ID
			})
		}
		wg.Wait()
		if got[0] == got[1] {
			t.Errorf("both reviewers hold %s", got[0])
		}
	})
}

func TestReviewerSeesNoPatient(t *testing.T) {
	w := newWorld(t)
	p := w.claim(w.reviewer, w.inReview())
	if p.Patient != "" || p.PatientName != "" || p.RecordNumber != "" || p.Note != "" || p.AuthorName != "" {
		t.Errorf("the reviewer sees %#v", *p)
	}
	if p.ClaimedUntil == 0 || p.Version != 2 || p.BodySite == "" {
		t.Errorf("claimed until %s, version %d, site %q", p.ClaimedUntil, p.Version, p.BodySite)
	}
}

// TestOwnPhotos: whoever took a photo has no part in its review, whatever their roles.
func TestOwnPhotos(t *testing.T) {
	w := newWorld(t)
	both := w.Person(t, "both", vault.RoleClinician, vault.RoleReviewer)
	w.Tie(t, w.patient, both)
	own := vault.PhotoID(w.Send(t, both, w.Capture(t, both, w.patient, w.picture)).PhotoID)
	w.Work(t)
	if p := must(w.V.ClaimNext(t.Context(), both))(t); p != nil {
		t.Fatal("one's own photo was given for review")
	}
	w.change(`UPDATE photos SET claimed_by = $1, claimed_until = $2`, string(both.Person()), w.Clock.Now().Add(time.Hour).UnixMilli())
	_, err := w.V.Approve(t.Context(), both, own, drawn(2))
	wants(t, "approving", err, vault.ErrDenied)
	wants(t, "rejecting", w.V.Reject(t.Context(), both, own, 2, "a reason"), vault.ErrDenied)
	_, err = w.V.RenewClaim(t.Context(), both, own)
	wants(t, "renewing", err, vault.ErrDenied)
	_, err = w.V.ReadRendition(t.Context(), both, own, vault.KindOriginal)
	wants(t, "seeing the original", err, vault.ErrNotFound)
	if state, _ := vaultState(w, own); state != vault.StateInReview {
		t.Errorf("state %s, want in_review", state)
	}
	w.change(`UPDATE photos SET claimed_by = NULL`)
	p := w.claim(w.reviewer, own)
	must(w.V.Approve(t.Context(), w.reviewer, own, drawn(p.Version)))(t)
	wants(t, "reopening", w.V.Reopen(t.Context(), both, own, "a reason"), vault.ErrDenied)
}

// vaultState reads a photo's state past the vault.
func vaultState(w *world, id vault.PhotoID) (state string, version int64) {
	w.t.Helper()
	ok(w.t, w.db().QueryRow(`SELECT state, version FROM photos WHERE id = $1`, string(id)).Scan(&state, &version))
	return state, version
}

func TestApproveRefuses(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	p := w.claim(w.reviewer, id)
	before := w.Blobs.Names()
	region := func(kind imaging.Kind, x0, y0, x1, y1 int) []vault.ApprovedRegion {
		return []vault.ApprovedRegion{{Kind: kind, Box: imaging.Box{X0: x0, Y0: y0, X1: x1, Y1: y1}}}
	}
	for _, c := range []struct {
		name     string
		actor    vault.Actor
		approval vault.Approval
		want     error
	}{
		{"old version", w.reviewer, drawn(p.Version - 1), vault.ErrConflict},
		{"version of the future", w.reviewer, drawn(p.Version + 1), vault.ErrConflict},
		{"not the holder", w.second, drawn(p.Version), vault.ErrConflict},
		{"outside", w.reviewer, vault.Approval{Version: p.Version, Regions: region("face", 0, 0, 161, 10)}, vault.ErrInvalid},
		{"negative", w.reviewer, vault.Approval{Version: p.Version, Regions: region("face", -1, 0, 10, 10)}, vault.ErrInvalid},
		{"empty", w.reviewer, vault.Approval{Version: p.Version, Regions: region("face", 10, 10, 10, 20)}, vault.ErrInvalid},
		{"unknown kind", w.reviewer, vault.Approval{Version: p.Version, Regions: region("nose", 0, 0, 10, 10)}, vault.ErrInvalid},
		{"unknown region", w.reviewer, vault.Approval{Version: p.Version, Regions: []vault.ApprovedRegion{
			{ID: "another's", Kind: "face", Box: drawnBox}}}, vault.ErrInvalid},
		{"too many", w.reviewer, vault.Approval{Version: p.Version, Regions: slices.Repeat(region("face", 0, 0, 9, 9), imaging.MaxRegions+1)}, vault.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.V.Approve(t.Context(), c.actor, id, c.approval)
			wants(t, "approving", err, c.want)
		})
	}
	if state, version := vaultState(w, id); state != vault.StateInReview || version != p.Version {
		t.Errorf("state %s version %d, want in_review %d", state, version, p.Version)
	}
	if n := w.count(`SELECT count(*) FROM reviews`) + w.count(`SELECT count(*) FROM renditions WHERE kind LIKE 'redacted%'`); n != 0 {
		t.Errorf("%d reviews and redacted renditions after refusals", n)
	}
	if after := w.Blobs.Names(); !slices.Equal(after, before) {
		t.Errorf("refusals left blobs: %d, before %d", len(after), len(before))
	}
}

// TestApproveFaults kills the approval at every step of the store and then decides again.
func TestApproveFaults(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		for step := 1; ; step++ {
			w := newWorld(t)
			id := w.inReview()
			ok(t, w.V.Sweep(t.Context(), w.worker))
			p := w.claim(w.reviewer, id)
			w.Blobs.FaultAt(step, fault)
			_, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version))
			hit := w.Blobs.Steps() >= step
			w.Blobs.OnOp(nil)
			if !hit {
				ok(t, err)
				break
			}
			wants(t, "with a fault", err, vault.ErrUnavailable)
			if state, version := vaultState(w, id); state != vault.StateInReview || version != p.Version {
				t.Errorf("fault %d at step %d: state %s version %d", fault, step, state, version)
			}
			must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
			w.sweepTwice()
			if rows, blobs := w.count(`SELECT count(*) FROM renditions`), w.Blobs.Names(); rows != 8 || len(blobs) != 8 {
				t.Errorf("fault %d at step %d: %d renditions, %d blobs, want eight of each", fault, step, rows, len(blobs))
			}
		}
	}
}

func TestApproveCrashBeforeCommit(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	p := w.claim(w.reviewer, id)
	w.change(`CREATE TRIGGER stop BEFORE INSERT ON reviews BEGIN SELECT RAISE(ABORT, 'stopped by the test'); END`)
	if _, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)); err == nil {
		t.Fatal("approved without a review")
	}
	if state, version := vaultState(w, id); state != vault.StateInReview || version != p.Version {
		t.Errorf("state %s version %d after the crash", state, version)
	}
	if n := w.count(`SELECT count(*) FROM renditions WHERE kind LIKE 'redacted%'`); n != 0 {
		t.Errorf("%d redacted renditions without a review", n)
	}
	w.change(`DROP TRIGGER stop`)
	must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
	w.verified()
}

func TestRegionsKeepTheirFate(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	for i, x := range []int{0, 50, 100} { // as a detector would have proposed them
		w.change(`INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, fate)
			VALUES ($1, $2, 2, 'face', $3, 10, $4, 60, 0.9, 'test detector', 'proposed')`,
			string(rune('a'+i)), string(id), x, x+40)
	}
	p := w.claim(w.reviewer, id)
	if len(p.Regions) != 3 {
		t.Fatalf("%d regions proposed, want 3", len(p.Regions))
	}
	kept, moved := p.Regions[0], p.Regions[1]
	box := moved.Box
	box.X0 += 8
	done := must(w.V.Approve(t.Context(), w.reviewer, id, vault.Approval{Version: p.Version, Force: true, Regions: []vault.ApprovedRegion{
		{ID: kept.ID, Kind: kept.Kind, Box: kept.Box}, {ID: moved.ID, Kind: moved.Kind, Box: box}, {Kind: "tattoo", Box: drawnBox},
	}}))(t)
	if got, want := w.fates(id), "added tattoo person,kept face test detector,moved face person,removed face test detector"; got != want {
		t.Errorf("regions %s, want %s", got, want)
	}
	ok(t, w.V.Reopen(t.Context(), w.reviewer, id, "look again"))
	p = w.claim(w.second, id)
	if len(p.Regions) != 3 || p.Version != done.Version+1 {
		t.Errorf("reopened with %d regions at version %d, want the 3 that were covered at %d", len(p.Regions), p.Version, done.Version+1)
	}
}

// propose adds a region as a detector with known thresholds would have proposed it.
func (w *world) propose(photo vault.PhotoID, id string, kind imaging.Kind, x int, score float64) {
	w.t.Helper()
	w.change(`INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, model, tuning, fate)
		VALUES ($1, $2, 2, $3, $4, 10, $5, 60, $6, 'test/eye', 'm', 't1', 'proposed')`, id, string(photo), string(kind), x, x+40, score)
}

// TestFaint: what a detector is not sure of is covered when the reviewer accepts it and only then; what they pass is
// kept as passed, without asking them again, and stands in the certificate.
func TestFaint(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.inReview()
		w.propose(id, "firm", imaging.KindFace, 0, 0.5)
		w.propose(id, "accepted", imaging.KindTattoo, 50, 0.499)
		w.propose(id, "passed", imaging.KindFace, 100, 0.1)
		w.change(`INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, fate)
			VALUES ('older', $1, 2, 'face', 0, 70, 40, 110, 0.2, 'an older detector', 'proposed')`, string(id))
		p := w.claim(w.reviewer, id)
		faint := map[vault.RegionID]bool{}
		decision := vault.Approval{Version: p.Version}
		for _, r := range p.Regions {
			faint[r.ID] = r.Faint
			if r.ID != "older" && (r.Model != "m" || r.Tuning != "t1") {
				t.Errorf("region %s names model %q and tuning %q", r.ID, r.Model, r.Tuning)
			}
			if r.ID != "passed" {
				decision.Regions = append(decision.Regions, vault.ApprovedRegion{ID: r.ID, Kind: r.Kind, Box: r.Box})
			}
		}
		if want := map[vault.RegionID]bool{"firm": false, "accepted": true, "passed": true, "older": false}; !maps.Equal(faint, want) {
			t.Errorf("faint: got %v, want %v", faint, want)
		}
		must(w.V.Approve(t.Context(), w.reviewer, id, decision))(t)
		if got, want := w.fates(id), "kept face an older detector,kept face test/eye,kept tattoo test/eye,passed face test/eye"; got != want {
			t.Errorf("regions %s, want %s", got, want)
		}
		if n := w.count(`SELECT count(*) FROM regions WHERE photo = $1 AND fate <> 'proposed' AND proposal IN ('firm', 'accepted', 'passed', 'older')`, string(id)); n != 4 {
			t.Errorf("%d regions name the proposal they come from, want 4", n)
		}
		c := must(vault.VerifyCertificate(must(w.V.Certificate(t.Context(), w.privacy, id))(t), vault.Trust{}))(t)
		passed := slices.IndexFunc(c.Regions, func(r vault.Region) bool { return r.Fate == "passed" })
		if len(c.Masked) != 3 || passed < 0 || c.Regions[passed].Model != "m" || c.Regions[passed].Tuning != "t1" || c.Forced {
			t.Errorf("the certificate has %d masks and regions %+v", len(c.Masked), c.Regions)
		}
		if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'review.approve' AND entry LIKE '%"passed":"1"%'`); n != 1 {
			t.Errorf("%d events say that one was passed, want 1", n)
		}
		ok(t, w.V.Reopen(t.Context(), w.reviewer, id, "look again"))
		p = w.claim(w.second, id)
		for _, r := range p.Regions {
			if r.Faint != (r.Fate == "passed") {
				t.Errorf("reopened: region %s of fate %s is faint %v", r.ID, r.Fate, r.Faint)
			}
		}
		if len(p.Regions) != 4 {
			t.Errorf("reopened with %d regions, want 4", len(p.Regions))
		}
	})
}

// fates are the newest regions of a photo: fate, kind, source.
func (w *world) fates(id vault.PhotoID) string {
	w.t.Helper()
	rows, err := w.db().Query(`SELECT fate, kind, source FROM regions WHERE photo = $1
		AND version = (SELECT max(version) FROM regions WHERE photo = $1) ORDER BY fate, kind, source`, string(id))
	ok(w.t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var fate, kind, source string
		ok(w.t, rows.Scan(&fate, &kind, &source))
		out = append(out, fate+" "+kind+" "+source)
	}
	ok(w.t, rows.Err())
	return strings.Join(out, ",")
}

func TestReject(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	p := w.claim(w.reviewer, id)
	for _, reason := range []string{"", "no", "two\nlines", strings.Repeat("x", 501)} {
		wants(t, "reason "+reason, w.V.Reject(t.Context(), w.reviewer, id, p.Version, reason), vault.ErrInvalid)
	}
	wants(t, "not the holder", w.V.Reject(t.Context(), w.second, id, p.Version, "out of focus"), vault.ErrConflict)
	wants(t, "old version", w.V.Reject(t.Context(), w.reviewer, id, p.Version-1, "out of focus"), vault.ErrConflict)
	ok(t, w.V.Reject(t.Context(), w.reviewer, id, p.Version, "out of focus"))
	if state, reason := w.state(id); state != vault.StateRejected || reason != "out of focus" {
		t.Errorf("state %s because %q", state, reason)
	}
	wants(t, "rejecting again", w.V.Reject(t.Context(), w.reviewer, id, p.Version+1, "out of focus"), vault.ErrConflict)
	_, err := w.V.ReadRendition(t.Context(), w.reviewer, id, vault.KindDisplay)
	wants(t, "the reviewer looks again", err, vault.ErrNotFound)
	_, err = w.V.ReadRendition(t.Context(), w.author, id, vault.KindCoveredThumb)
	wants(t, "the care team looks", err, nil)
}

func TestReopen(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	wants(t, "a photo in review", w.V.Reopen(t.Context(), w.reviewer, id, "a reason"), vault.ErrConflict)
	p := w.claim(w.reviewer, id)
	must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
	ok(t, w.V.Reopen(t.Context(), w.second, id, "a reason"))
	_, err := w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted)
	wants(t, "records look at a reopened photo", err, vault.ErrNotFound)
	p = w.claim(w.second, id)
	must(w.V.Approve(t.Context(), w.second, id, vault.Approval{Version: p.Version}))(t)
	must(w.V.Attach(t.Context(), w.records, id, nil))(t)
	wants(t, "on its way to the chart", w.V.Reopen(t.Context(), w.reviewer, id, "a reason"), vault.ErrConflict)
}

// claimAgain reopens an approved photo for the second reviewer.
func (w *world) claimAgain(id vault.PhotoID) {
	w.t.Helper()
	ok(w.t, w.V.Reopen(w.t.Context(), w.reviewer, id, "look again"))
	w.claim(w.second, id)
}
