package main

import (
	"database/sql"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestForgedReview: a decision that names what is not the photo's, or tells what only detectors may tell, changes
// nothing; and one that changes a kind covers the region all the same.
func TestForgedReview(t *testing.T) {
	s := newService(t, nil)
	s.start()
	id := waitForReview(t, s, vaulttest.Picture(t, 640, 480, 9), func(db *sql.DB, id vault.PhotoID) {
		propose(t, db, id, "face", "pigo/facefinder", 60, 60, 0.9)
		propose(t, db, id, "face", "clinivault/eye", 300, 300, 0.2)
	})
	waitForReview(t, s, vaulttest.Picture(t, 640, 480, 8), func(db *sql.DB, id vault.PhotoID) {
		propose(t, db, id, "tattoo", "clinivault/tattoo", 200, 200, 0.9)
	})
	reviewer := s.signIn("reviewer")
	var next struct{ Photo *vault.Photo }
	reviewer.must("POST", "/api/v1/review/next", nil, &next)
	if next.Photo == nil || next.Photo.ID != id {
		t.Fatalf("got %v to review, want %s", next.Photo, id)
	}
	box := func(id, kind string, x, y int, more map[string]any) map[string]any {
		r := map[string]any{"id": id, "kind": kind, "x0": x, "y0": y, "x1": x + 90, "y1": y + 70}
		maps.Copy(r, more)
		return r
	}
	firm, faint := box("face-60-60", "text", 60, 60, nil), box("face-300-300", "face", 300, 300, nil)
	approve := func(who *person, regions []map[string]any) int {
		return who.call("POST", "/api/v1/photos/"+string(id)+"/approve",
			map[string]any{"version": next.Photo.Version, "regions": regions, "force": true}, nil)
	}
	for name, regions := range map[string][]map[string]any{
		"another photo's region": {box("tattoo-200-200", "tattoo", 200, 200, nil)},
		"the same one twice":     {faint, faint},
		"a score of its own":     {box("face-60-60", "face", 60, 60, map[string]any{"score": 1})},
		"a model of its own":     {box("face-60-60", "face", 60, 60, map[string]any{"model": "00", "tuning": ""})},
		"a fate of its own":      {box("face-300-300", "face", 300, 300, map[string]any{"fate": "kept", "faint": false})},
		"more than the limit":    slices.Repeat([]map[string]any{box("", "drawn", 0, 0, nil)}, imaging.MaxRegions+1),
		"no such kind":           {box("", "wound", 0, 0, nil)},
		"a box inside out":       {box("", "drawn", 0, 0, map[string]any{"x1": -1})},
		"a box beyond all":       {box("", "drawn", 0, 0, map[string]any{"x1": 1 << 40})},
	} {
		if status := approve(reviewer, regions); status/100 != 4 {
			t.Errorf("%s: got status %d, want a refusal", name, status)
		}
	}
	for _, login := range []string{"clinician", "admin"} {
		if status := approve(s.signIn(login), nil); status != http.StatusForbidden && status != http.StatusNotFound {
			t.Errorf("approved as %s: got status %d, want a refusal", login, status)
		}
	}
	if status := approve(reviewer, []map[string]any{firm, faint}); status != http.StatusOK {
		t.Fatalf("the true decision: got status %d", status)
	}
	var photo vault.Photo
	s.signIn("clinician").must("GET", "/api/v1/photos/"+string(id), nil, &photo)
	kept := map[imaging.Box]vault.Region{}
	for _, r := range photo.Regions {
		kept[r.Box] = r
	}
	for at, want := range map[imaging.Box]vault.Region{
		{X0: 60, Y0: 60, X1: 150, Y1: 130}:   {Kind: "text", Score: 0.9, Source: "pigo/facefinder", Fate: "kept"},
		{X0: 300, Y0: 300, X1: 390, Y1: 370}: {Kind: "face", Score: 0.2, Source: "clinivault/eye", Fate: "kept"},
	} {
		if got := kept[at]; got.Kind != want.Kind || got.Score != want.Score || got.Source != want.Source || got.Fate != want.Fate {
			t.Errorf("the region at %v: got %+v, want %+v", at, got, want)
		}
	}
}
