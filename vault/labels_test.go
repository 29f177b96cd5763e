package vault_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// TestLabels counts what reviewers made of proposals, by month, kind and detector.
func TestLabels(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if got := must(w.V.Labels(ctx, w.admin, 0))(t); got.Photos != 0 || got.Rows == nil || len(got.Rows) != 0 {
			t.Errorf("an empty vault: got %+v, want no photo and an empty list", got)
		}
		first := w.inReview()
		w.propose(first, "kept", imaging.KindFace, 0, 0.9)
		w.propose(first, "moved", imaging.KindFace, 50, 0.9)
		w.propose(first, "passed", imaging.KindFace, 100, 0.2)
		w.propose(first, "removed", imaging.KindTattoo, 110, 0.8)
		p := w.claim(w.reviewer, first)
		box := func(id string, dx int) vault.ApprovedRegion {
			i := slices.IndexFunc(p.Regions, func(r vault.Region) bool { return r.ID == vault.RegionID(id) })
			r := p.Regions[i]
			r.Box.X0 += dx
			return vault.ApprovedRegion{ID: r.ID, Kind: r.Kind, Box: r.Box}
		}
		must(w.V.Approve(ctx, w.reviewer, first, vault.Approval{Version: p.Version, Force: true, Regions: []vault.ApprovedRegion{box("kept", 0), box("moved", 9),
			{Kind: imaging.KindFace, Box: imaging.Box{X0: 10, Y0: 80, X1: 30, Y1: 100}}}}))(t)
		began := w.Clock.Now().UTC().Format("2006-01")
		w.Clock.Add(40 * 24 * time.Hour) // into a later month
		for login, a := range map[string]*vault.Actor{"reviewer": &w.reviewer, "second": &w.second, "author": &w.author, "admin": &w.admin,
			"privacy": &w.privacy} {
			*a = w.SignIn(t, login)
		}
		second := w.inReview()
		w.propose(second, "accepted", imaging.KindFace, 0, 0.1)
		w.propose(second, "redrawn", imaging.KindTattoo, 50, 0.6)
		p = w.claim(w.reviewer, second)
		must(w.V.Approve(ctx, w.reviewer, second, vault.Approval{Version: p.Version, Force: true, Regions: []vault.ApprovedRegion{box("accepted", 0),
			{Kind: imaging.KindTattoo, Box: imaging.Box{X0: 52, Y0: 12, X1: 92, Y1: 62}}, {Kind: imaging.KindDrawn, Box: imaging.Box{X0: 0, Y0: 90, X1: 20, Y1: 110}}}}))(t)

		got := must(w.V.Labels(ctx, w.admin, 0))(t)
		if got.Photos != 2 {
			t.Errorf("%d photos, want 2", got.Photos)
		}
		months := []string{w.Clock.Now().UTC().Format("2006-01"), began}
		want := []string{
			" drawn : kept 0 moved 0 removed 0 accepted 0 passed 0 missed 1 (1/1) wrong 0/0",
			" face : kept 1 moved 1 removed 0 accepted 1 passed 1 missed 1 (1/4) wrong 0/2",
			" face test/eye: kept 1 moved 1 removed 0 accepted 1 passed 1 missed 0 (0/0) wrong 0/2",
			" tattoo : kept 0 moved 1 removed 1 accepted 0 passed 0 missed 0 (0/1) wrong 1/2",
			" tattoo test/eye: kept 0 moved 1 removed 1 accepted 0 passed 0 missed 0 (0/0) wrong 1/2",
			months[0] + " drawn : kept 0 moved 0 removed 0 accepted 0 passed 0 missed 1 (1/1) wrong 0/0",
			months[0] + " face : kept 0 moved 0 removed 0 accepted 1 passed 0 missed 0 (0/1) wrong 0/0",
			months[0] + " face test/eye: kept 0 moved 0 removed 0 accepted 1 passed 0 missed 0 (0/0) wrong 0/0",
			months[0] + " tattoo : kept 0 moved 1 removed 0 accepted 0 passed 0 missed 0 (0/1) wrong 0/1",
			months[0] + " tattoo test/eye: kept 0 moved 1 removed 0 accepted 0 passed 0 missed 0 (0/0) wrong 0/1",
			months[1] + " face : kept 1 moved 1 removed 0 accepted 0 passed 1 missed 1 (1/3) wrong 0/2",
			months[1] + " face test/eye: kept 1 moved 1 removed 0 accepted 0 passed 1 missed 0 (0/0) wrong 0/2",
			months[1] + " tattoo : kept 0 moved 0 removed 1 accepted 0 passed 0 missed 0 (0/0) wrong 1/1",
			months[1] + " tattoo test/eye: kept 0 moved 0 removed 1 accepted 0 passed 0 missed 0 (0/0) wrong 1/1",
		}
		if rows := labelLines(got); !slices.Equal(rows, want) {
			t.Errorf("got\n%s\nwant\n%s", lined(rows), lined(want))
		}
		if late := must(w.V.Labels(ctx, vault.Operator(), 1))(t); late.Photos != 1 || slices.ContainsFunc(late.Rows, func(r vault.LabelCount) bool { return r.Removed > 0 }) {
			t.Errorf("this month: got %+v, want the later photo alone", late)
		}
		if both := must(w.V.Labels(ctx, w.admin, 2))(t); both.Photos != 2 || both.Since.String() != began+"-01T00:00:00.000Z" {
			t.Errorf("two months: %d photos since %s, want 2 since %s", both.Photos, both.Since, began)
		}
		_, err := w.V.Labels(ctx, w.admin, -1)
		wants(t, "a negative number of months", err, vault.ErrInvalid)
		w.decidesAgain(second)
		w.verified()
	})
}

// decidesAgain has a second decision replace the first; what is covered then comes from the same proposals.
func (w *world) decidesAgain(second vault.PhotoID) {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	ok(t, w.V.Reopen(ctx, w.second, second, "look again"))
	p := w.claim(w.second, second)
	var again []vault.ApprovedRegion
	for _, r := range p.Regions {
		if r.Kind != imaging.KindDrawn {
			again = append(again, vault.ApprovedRegion{ID: r.ID, Kind: r.Kind, Box: r.Box})
		}
	}
	must(w.V.Approve(ctx, w.second, second, vault.Approval{Version: p.Version, Force: true, Regions: again}))(t)
	rows := labelLines(must(w.V.Labels(ctx, w.admin, 1))(t))
	if !slices.Equal(rows[:4], []string{
		" face : kept 0 moved 0 removed 0 accepted 1 passed 0 missed 0 (0/1) wrong 0/0",
		" face test/eye: kept 0 moved 0 removed 0 accepted 1 passed 0 missed 0 (0/0) wrong 0/0",
		" tattoo : kept 0 moved 1 removed 0 accepted 0 passed 0 missed 0 (0/1) wrong 0/1",
		" tattoo test/eye: kept 0 moved 1 removed 0 accepted 0 passed 0 missed 0 (0/0) wrong 0/1"}) {
		t.Errorf("decided again: got\n%s", lined(rows))
	}
}

func labelLines(l vault.Labels) []string {
	var out []string
	for _, r := range l.Rows {
		out = append(out, fmt.Sprintf("%s %s %s: kept %d moved %d removed %d accepted %d passed %d missed %d (%d/%d) wrong %d/%d", r.Month, r.Kind,
			r.Detector, r.Kept, r.Moved, r.Removed, r.Accepted, r.Passed, r.Missed, r.MissRate.Part, r.MissRate.Of, r.Wrong.Part, r.Wrong.Of))
	}
	return out
}

func lined(lines []string) (out string) {
	for _, l := range lines {
		out += "  " + l + "\n"
	}
	return out
}
