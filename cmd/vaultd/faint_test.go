package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// waitForReview sends a picture and waits until it is in review with the regions that change makes of what the
// detectors found.
func waitForReview(t *testing.T, s *service, picture []byte, change func(db *sql.DB, id vault.PhotoID)) vault.PhotoID {
	t.Helper()
	author := s.signIn("clinician")
	status, receipt, err := author.send(t.Context(), author.seal(author.patients()[0].ID, picture))
	if err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	id := vault.PhotoID(receipt.PhotoID)
	eventually(t, "the photo to be processed", time.Minute, func() bool {
		var photo vault.Photo
		author.must("GET", "/api/v1/photos/"+receipt.PhotoID, nil, &photo)
		return photo.State == vault.StateInReview
	})
	change(s.open(), id)
	return id
}

// open opens the service's database beside it.
func (s *service) open() *sql.DB {
	s.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.data, "vault.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { db.Close() })
	return db
}

// propose puts a region into the database as a detector would have.
func propose(t *testing.T, db *sql.DB, photo vault.PhotoID, kind, source string, x, y int, score float64) {
	t.Helper()
	_, err := db.Exec(`INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, model, tuning, fate)
		VALUES ($1, $2, 2, $3, $4, $5, $6, $7, $8, $9, '0123456789abcdef', 't1', 'proposed')`,
		fmt.Sprintf("%s-%d-%d", kind, x, y), string(photo), kind, x, y, x+90, y+70, score, source)
	if err != nil {
		t.Fatal(err)
	}
}

// TestReviewFaint: on the page, what a detector is not sure of is drawn faint, stays uncovered unless one key accepts
// it, and keeps nobody from approving.
func TestReviewFaint(t *testing.T) {
	s := newService(t, nil)
	s.start()
	id := waitForReview(t, s, vaulttest.Picture(t, 640, 480, 9), func(db *sql.DB, id vault.PhotoID) {
		if _, err := db.Exec(`DELETE FROM regions WHERE photo = $1`, string(id)); err != nil {
			t.Fatal(err)
		}
		propose(t, db, id, "face", "pigo/facefinder", 60, 60, 0.9)
		propose(t, db, id, "tattoo", "clinivault/tattoo", 220, 80, 0.7)
		propose(t, db, id, "tattoo", "clinivault/tattoo", 400, 60, 0.3)
		propose(t, db, id, "text", "clinivault/text", 520, 70, 0.45) // in a row: two boxes over a third would be a face
		propose(t, db, id, "face", "clinivault/eye", 300, 300, 0.2)
	})
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "reviewer", "/review")
	b.until("photo shown", `document.querySelectorAll('#regions li').length === 2`)
	lists := func(firm, faint int) {
		t.Helper()
		b.until(fmt.Sprintf("%d firm and %d faint", firm, faint), fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d &&
			document.querySelectorAll('#faint-regions li').length === %d && document.querySelectorAll('.box-group.faint').length === %[2]d`, firm, faint))
	}
	lists(2, 3)
	if hidden := value[bool](b, "warning", `document.querySelector('#nothing').hidden`); !hidden {
		t.Error("warns that nothing was found although two are firm")
	}
	b.look("review-6-faint")
	key := func(k string) {
		b.run("key "+k, chromedp.Focus("#picture", chromedp.ByQuery), chromedp.KeyEvent(k))
	}
	key("y")
	lists(5, 0)
	key("z")
	lists(2, 3)
	b.run("Enter on a faint box", chromedp.Evaluate(`document.querySelector('.box-group.faint').focus()`, nil), chromedp.KeyEvent(kb.Enter))
	lists(3, 2)
	if value[bool](b, "decided", `!document.querySelector('#last').hasAttribute('hidden')`) {
		t.Error("Enter on a faint box approved the photo")
	}
	key("z")
	lists(2, 3)
	b.run("selecting a faint one", chromedp.Click(`#faint-regions li:nth-child(2) .pick`, chromedp.ByQuery))
	key("y")
	lists(3, 2)
	b.run("as covered", chromedp.Click(`[data-command=cover]`, chromedp.ByQuery))
	b.look("review-7-one-accepted")
	if told := value[string](b, "tooltip", `document.querySelector('.box-group.faint title').textContent`); told == "" {
		t.Error("a faint box has no tooltip")
	}
	b.run("approving", chromedp.Click("#approve", chromedp.ByQuery))
	b.until("decided without a question", `!document.querySelector('#last').hasAttribute('hidden') && !document.querySelector('#confirm').open`)
	b.noFaults()
	var fates []string
	var photo vault.Photo
	s.signIn("clinician").must("GET", "/api/v1/photos/"+string(id), nil, &photo)
	for _, r := range photo.Regions {
		fates = append(fates, fmt.Sprintf("%s %s %s", r.Fate, r.Kind, r.Source))
	}
	slices.Sort(fates)
	want := []string{"kept face pigo/facefinder", "kept tattoo clinivault/tattoo", "passed face clinivault/eye", "passed tattoo clinivault/tattoo"}
	if len(fates) != 5 || !slices.Contains(fates, want[0]) || !slices.Contains(fates, want[1]) || !slices.Contains(fates, want[2]) {
		t.Errorf("regions %q, want among them %q", fates, want)
	}
}

// TestDetectionPage: what reviewers made of proposals is counted for the admin and for the operator, and names nobody.
func TestDetectionPage(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(s, "admin", "/detection")
	b.until("empty", `/Nothing to count yet/.test(document.querySelector('main').textContent)`)
	b.look("detection-1-empty")
	id := waitForReview(t, s, vaulttest.Picture(t, 640, 480, 9), func(db *sql.DB, id vault.PhotoID) {
		propose(t, db, id, "face", "pigo/facefinder", 60, 60, 0.9)
		propose(t, db, id, "tattoo", "clinivault/tattoo", 220, 80, 0.7)
		propose(t, db, id, "face", "clinivault/eye", 300, 300, 0.2)
	})
	reviewer := s.signIn("reviewer")
	var next struct{ Photo *vault.Photo }
	reviewer.must("POST", "/api/v1/review/next", nil, &next)
	if next.Photo == nil || next.Photo.ID != id {
		t.Fatalf("got %v to review, want %s", next.Photo, id)
	}
	regions := []map[string]any{{"kind": "tattoo", "x0": 500, "y0": 300, "x1": 600, "y1": 400}}
	for _, r := range next.Photo.Regions {
		if r.Kind == "face" && !r.Faint {
			regions = append(regions, map[string]any{"id": r.ID, "kind": r.Kind, "x0": r.Box.X0, "y0": r.Box.Y0, "x1": r.Box.X1, "y1": r.Box.Y1})
		}
	}
	reviewer.must("POST", "/api/v1/photos/"+string(id)+"/approve", map[string]any{"version": next.Photo.Version, "regions": regions, "force": true}, nil)
	b.run("again", chromedp.Navigate(s.base+"/detection"))
	b.until("counted", `/100 %/.test(document.querySelector('.counts').textContent) && /clinivault\/eye/.test(document.querySelector('.counts').textContent)`)
	b.look("detection-2-counted")
	b.noFaults()
	out, err := runBinary(t, "labels", "--config", s.config)
	if err != nil || !strings.Contains(out, "photos approved: 1") || !strings.Contains(out, "1.000 (0.207–1.000)") || strings.Contains(out, string(id)) {
		t.Errorf("vaultd labels beside the server: %v\n%s", err, out)
	}
}

// TestReviewNothing: that nothing was proposed is a warning on the page, and so is that nothing sure was.
func TestReviewNothing(t *testing.T) {
	s := newService(t, nil)
	s.start()
	id := waitForReview(t, s, vaulttest.Picture(t, 640, 480, 9), func(db *sql.DB, id vault.PhotoID) {
		if _, err := db.Exec(`DELETE FROM regions WHERE photo = $1`, string(id)); err != nil {
			t.Fatal(err)
		}
	})
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	says := func(words string) {
		t.Helper()
		b.until("warned: "+words, `!document.querySelector('#nothing').hidden && document.querySelector('#work').hidden === false &&
			document.querySelector('#nothing').textContent.includes('`+words+`')`)
		if got := value[bool](b, "colour", `document.querySelector('#nothing').classList.contains('warn')`); !got {
			t.Error("that nothing was found is not in the colour of warnings")
		}
	}
	b.signIn(s, "reviewer", "/review")
	says("No proposal")
	b.look("review-8-no-proposal")
	propose(t, s.open(), id, "face", "clinivault/eye", 300, 300, 0.2)
	b.run("again", chromedp.Navigate(s.base+"/review"))
	says("Only faint proposals")
	b.run("approving", chromedp.Click("#approve", chromedp.ByQuery))
	b.until("asked once, since nothing would be covered", `document.querySelector('#confirm').open && /1 faint/.test(document.querySelector('#confirm-text').textContent)`)
	b.run("releasing", chromedp.Click(`#confirm [data-ok]`, chromedp.ByQuery))
	b.until("decided", `!document.querySelector('#last').hasAttribute('hidden')`)
	b.noFaults()
}
