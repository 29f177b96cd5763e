package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestJourney is the whole product once, in real Chromium against the real
// program, a real Orthanc and a FHIR R4 server: capture, seal, queue, upload,
// strip, detect, review, approve, attach, read back, verify. Then independent
// tools look for what must not be there.
func TestJourney(t *testing.T) {
	orthanc, fhir := vaulttest.Orthanc(t), vaulttest.FHIR(t)
	s := newService(t, map[string]any{"chart": map[string]any{
		"fhir":  map[string]any{"base_url": fhir, "patient_system": "urn:oid:2.999.1", "create_patient": true},
		"dicom": map[string]any{"base_url": orthanc + "/dicom-web", "institution_name": "Test hospital"},
	}})
	s.start()
	profile := vaulttest.ProfileFolder(t)
	b := openBrowser(t, profile, photograph(t))
	b.answerDialogs()

	b.run("opening", chromedp.Navigate(s.base+"/"), chromedp.WaitVisible("#login", chromedp.ByQuery))
	b.look("sign-in")
	photo := capture(b, s)
	pictures := readAll(t, s.signIn("clinician"), photo, vault.KindCoveredThumb, vault.KindCoveredDisplay)
	maps.Copy(pictures, review(b, s, photo))
	attached := attach(b, s, photo)
	maps.Copy(pictures, readAll(t, s.signIn("records"), photo, vault.KindRedacted, vault.KindRedactedThumb, vault.KindRedactedDisplay))
	inspect(t, pictures)
	comparePictures(t, pictures[vault.KindOriginal], attached)
	if !bytes.Equal(attached, pictures[vault.KindRedacted]) {
		t.Error("the chart's picture is not the vault's, byte for byte")
	}
	export := audit(b, s)
	lookAtTheRest(b, s, photo)
	b.noFaults()

	// What is left on the device and on the server's disk.
	b.stop()
	s.stop()
	noPictureIn(t, profile, b.camera)
	noPictureIn(t, s.data, b.camera)
	exportStands(t, export)
	s.noSecretsInLog()
}

// capture takes one photo as the clinician: the network is cut before Send, the
// page is loaded again, and the photo goes when the network is back.
func capture(b *browser, s *service) vault.Photo {
	b.signIn(s, "clinician", "/capture")
	toReviewSeen(b)
	offline(b, true)
	sendAll(b)
	b.until("queued", `document.querySelectorAll('#queue-list li').length === 1`)
	b.look("capture-6-offline")
	offline(b, false)
	b.run("loading again", chromedp.Navigate(s.base+"/capture"))
	b.until("received", `/received/i.test(document.querySelector('#queue-list')?.innerText ?? '')`)
	b.look("capture-7-received")
	clinician := s.signIn("clinician")
	var photo vault.Photo
	eventually(b.t, "the photo to be processed", time.Minute, func() bool {
		for _, photos := range clinician.captures() {
			photo = photos[0]
		}
		return photo.State == vault.StateInReview
	})
	b.run("sent photos", chromedp.Navigate(s.base+"/captures"))
	b.look("captures")
	b.signOut()
	return photo
}

// toReviewSeen is toReview with a look at every screen.
func toReviewSeen(b *browser) {
	b.until("patients listed", `document.querySelector('#patients button')`)
	b.look("capture-1-find")
	toCard(b)
	fillCard(b, "sacrum", "")
	b.look("capture-2-card")
	b.run("the figure", press("#site-other"), chromedp.WaitVisible("#figure svg", chromedp.ByQuery))
	b.look("capture-3-figure")
	b.run("closing it", press("#site-close"), press("#to-camera"))
	cameraReady(b)
	b.look("capture-4-camera")
	takeOne(b)
	b.run("a note", press("#note-open"), chromedp.SendKeys("#note", "journey-note-to-be-sealed", chromedp.ByQuery))
	b.look("capture-5-review")
}

// TestSessionEndsMidCapture: the photo is sealed and stays queued when the
// session is gone at Send, and goes after signing in on the same page.
func TestSessionEndsMidCapture(t *testing.T) {
	s := newService(t, nil)
	s.start()
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	toReview(b)
	b.run("losing the session", network.ClearBrowserCookies(), press("#send"))
	b.until("asked to sign in", `document.querySelector('#again').open`)
	if got := value[int](b, "queue", `document.querySelectorAll('#queue-list li').length`); got != 1 {
		t.Errorf("queue while signed out: got %d photos, want 1", got)
	}
	if n := len(s.signIn("clinician").captures()); n != 0 {
		t.Errorf("the vault took %d captures without a session, want 0", n)
	}
	b.look("capture-8-session-ended")
	a := s.accounts["clinician"]
	b.run("signing in again", chromedp.SendKeys("#again-login", a.Login, chromedp.ByQuery),
		chromedp.SendKeys("#again-password", a.Password, chromedp.ByQuery), chromedp.Click("#again-form button[type=submit]", chromedp.ByQuery))
	b.until("received", `/received/i.test(document.querySelector('#queue-list')?.innerText ?? '')`)
	if n := len(s.signIn("clinician").captures()); n != 1 {
		t.Errorf("after signing in: got %d captures, want 1", n)
	}
	b.noFaults()
}

func offline(b *browser, cut bool) {
	b.run("network", network.Enable(), network.EmulateNetworkConditions(cut, 0, -1, -1))
}

// dropOthers removes the proposals that are no faces.
const dropOthers = `(() => {
	for (let li; (li = [...document.querySelectorAll('#regions li')].find(li => !li.querySelector('.swatch.kind-face')));) li.querySelector('.drop').click();
})()`

// dropAlone removes the proposal that the other boxes reach into least, of equals that with the highest score: it is
// still seen when the others are covered.
const dropAlone = `(() => {
	const box = li => { const b = document.querySelector('.box-group[data-key="' + li.dataset.key + '"] .box').getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; };
	const common = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
	const rows = [...document.querySelectorAll('#regions li')].filter(li => /score/.test(li.textContent));
	const reach = li => rows.reduce((n, other) => n + (other === li ? 0 : common(box(li), box(other))), 0);
	const score = li => Number(/score ([0-9.]+)/.exec(li.textContent)[1]);
	rows.sort((a, b) => reach(a) - reach(b) || score(b) - score(a))[0].querySelector('.drop').click();
})()`

// review draws a box, removes one and is asked, looks again and takes that back, removes it all the same, draws three
// and approves, confirming that what is open may stay. It returns the pictures that the reviewer may read while the
// claim stands.
func review(b *browser, s *service, photo vault.Photo) map[string][]byte {
	b.signIn(s, "reviewer", "/review")
	b.until("photo shown", `document.querySelectorAll('#regions li').length > 0 && !document.querySelector('#picture').hasAttribute('hidden')`)
	b.until("picture loaded", `document.querySelector('#picture image')`)
	b.look("review-1-proposed")
	b.run("removing what is no face", chromedp.Evaluate(dropOthers, nil))
	before := value[int](b, "boxes", `document.querySelectorAll('#regions li').length`)
	if before == 0 {
		b.t.Fatal("no face was proposed on a photograph with a face")
	}
	pictures := readAll(b.t, s.signIn("reviewer"), photo, vault.KindOriginal, vault.KindThumb, vault.KindDisplay)
	b.drag(0.4, 0.83)
	before++
	b.until("drawn by mouse", fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d`, before))
	b.run("removing one", chromedp.Evaluate(dropAlone, nil))
	b.until("removed", fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d`, before-1))
	b.run("approving with a face left open", chromedp.Click("#approve", chromedp.ByQuery))
	b.until("asked", `document.querySelector('#confirm').open`)
	b.until("marked", `document.querySelector('#picture .seen rect')`)
	b.look("review-2-refused")
	b.run("looking again", chromedp.Click(`#confirm [data-cancel]`, chromedp.ByQuery))
	b.run("taking it back", chromedp.Focus("#picture", chromedp.ByQuery), chromedp.KeyEvent("z"))
	b.until("back", fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d`, before))
	b.run("removing it all the same", chromedp.Evaluate(dropAlone, nil))
	b.until("removed", fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d`, before-1))
	b.run("drawing one", chromedp.Focus("#picture", chromedp.ByQuery), chromedp.KeyEvent("n"))
	b.until("drawn", fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d`, before))
	b.run("moving and growing", chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowDown))
	b.drag(0.05, 0.75)
	b.until("drawn by mouse", fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d`, before+1))
	b.touch(0.05, 0.05)
	b.until("drawn by finger", fmt.Sprintf(`document.querySelectorAll('#regions li').length === %d`, before+2))
	b.look("review-2-corrected")
	b.run("keys", chromedp.KeyEvent("?"), chromedp.WaitVisible("#help", chromedp.ByQuery))
	b.look("review-3-keys")
	b.run("closing keys", chromedp.KeyEvent(kb.Escape))
	b.run("approving", chromedp.Click("#approve", chromedp.ByQuery))
	b.until("asked or decided", `document.querySelector('#confirm').open || !document.querySelector('#last').hasAttribute('hidden')`)
	if value[bool](b, "asked again", `document.querySelector('#confirm').open`) { // not where the new boxes cover the open face
		b.look("review-4-still-visible")
		b.run("confirming", chromedp.Click(`#confirm [data-ok]`, chromedp.ByQuery))
		b.until("decided", `!document.querySelector('#last').hasAttribute('hidden')`)
	}
	b.look("review-5-empty")
	b.signOut()
	return pictures
}

// readAll reads renditions that the person may see.
func readAll(t testing.TB, p *person, photo vault.Photo, kinds ...string) map[string][]byte {
	t.Helper()
	pictures := map[string][]byte{}
	for _, kind := range kinds {
		status, body, err := p.request(t.Context(), "GET", "/api/v1/photos/"+string(photo.ID)+"/renditions/"+kind, nil, nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("reading %s: status %d, %v", kind, status, err)
		}
		pictures[kind] = body
	}
	return pictures
}

// attach attaches with one click and waits for both receivers; it returns the
// picture that the FHIR server holds.
func attach(b *browser, s *service, photo vault.Photo) []byte {
	b.signIn(s, "records", "/records")
	b.until("listed", `[...document.querySelectorAll('button')].some(x => /^attach/i.test(x.innerText))`)
	b.look("records-1-approved")
	b.run("attaching", chromedp.Evaluate(`[...document.querySelectorAll('button')].find(x => /^attach/i.test(x.innerText)).click()`, nil))
	records := s.signIn("records")
	var now vault.Photo
	eventually(b.t, "both receivers to be read back", time.Minute, func() bool {
		records.must("GET", "/api/v1/photos/"+string(photo.ID), nil, &now)
		done := 0
		for _, a := range now.Attachments {
			if a.State == "attached" {
				done++
			}
		}
		for _, a := range now.Attachments {
			if a.State == "failed" {
				b.t.Fatalf("attaching to %s: %s", a.Target, a.LastError)
			}
		}
		return done == 2
	})
	b.until("shown as attached", `/attached/i.test(document.querySelector('main').innerText)`)
	b.look("records-2-attached")
	b.signOut()
	for _, a := range now.Attachments {
		if a.Target == "fhir" && a.Link != "" {
			return fetchBinary(b.t, a.Link)
		}
	}
	b.t.Fatalf("no link to the FHIR document: %+v", now.Attachments)
	return nil
}

// fetchBinary follows a DocumentReference or Binary link to the picture.
func fetchBinary(t testing.TB, link string) []byte {
	t.Helper()
	if at := strings.LastIndex(link, "/DocumentReference/"); at >= 0 {
		var doc struct {
			Content []struct {
				Attachment struct{ URL string } `json:"attachment"`
			} `json:"content"`
		}
		getJSON(t, link, &doc)
		if len(doc.Content) != 1 {
			t.Fatalf("DocumentReference has %d contents, want 1", len(doc.Content))
		}
		url := doc.Content[0].Attachment.URL
		if !strings.Contains(url, "://") {
			url = link[:at+1] + url
		}
		link = url
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", link, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "image/jpeg")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("reading the chart's picture: status %d, %v", resp.StatusCode, err)
	}
	return body
}

// comparePictures asserts that masked boxes are solid in the attached file and
// that its size is the original's.
func comparePictures(t *testing.T, original, attached []byte) {
	t.Helper()
	before, err := jpeg.Decode(bytes.NewReader(original))
	if err != nil {
		t.Fatalf("decoding the original: %v", err)
	}
	after, err := jpeg.Decode(bytes.NewReader(attached))
	if err != nil {
		t.Fatalf("decoding the attached picture: %v", err)
	}
	if before.Bounds() != after.Bounds() {
		t.Fatalf("attached picture is %v, original %v", after.Bounds(), before.Bounds())
	}
	solid, same := 0, 0
	for y := 4; y < after.Bounds().Dy(); y += 8 {
		for x := 4; x < after.Bounds().Dx(); x += 8 {
			switch block := image.Rect(x-4, y-4, x+4, y+4); {
			case equal(before, after, block):
				same++
			case uniform(after, block):
				solid++
			default:
				t.Fatalf("block at %d,%d is neither the original's nor solid", x-4, y-4)
			}
		}
	}
	if solid == 0 || same == 0 {
		t.Errorf("got %d solid and %d untouched blocks, want some of each", solid, same)
	}
}

func equal(a, b image.Image, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if a.At(x, y) != b.At(x, y) {
				return false
			}
		}
	}
	return true
}

func uniform(a image.Image, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if a.At(x, y) != a.At(r.Min.X, r.Min.Y) {
				return false
			}
		}
	}
	return true
}

// inspect has the vault's own grammar checker and exiftool look at every
// rendition.
func inspect(t *testing.T, pictures map[string][]byte) {
	t.Helper()
	if len(pictures) != 8 {
		t.Errorf("got %d renditions, want all 8 kinds", len(pictures))
	}
	exiftool := vaulttest.RequireTool(t, "exiftool")
	for kind, picture := range pictures {
		if err := imaging.Verify(picture); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		cmd := exec.Command(exiftool, "-a", "-G1", "-s", "-u", "-U", "-ee", "-")
		cmd.Stdin = bytes.NewReader(picture)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("exiftool on %s: %v", kind, err)
		}
		for line := range strings.Lines(string(out)) {
			if !allowedTag(line) {
				t.Errorf("%s: exiftool finds %s", kind, strings.TrimSpace(line))
			}
		}
	}
}

// allowedTag is what DESIGN section 5 lets a picture carry, as exiftool prints it.
func allowedTag(line string) bool {
	group, _, _ := strings.Cut(strings.TrimPrefix(line, "["), "]")
	switch strings.TrimSpace(group) {
	case "ExifTool", "System", "File", "JFIF", "Composite":
		return true
	}
	return strings.Contains(line, "Orientation") || strings.Contains(line, "ExifByteOrder") || strings.HasPrefix(line, "[ICC")
}

// audit looks at the trail, verifies, and returns the exported log's path.
func audit(b *browser, s *service) string {
	b.signIn(s, "privacy", "/audit")
	b.run("audit shown", chromedp.WaitVisible("main", chromedp.ByQuery))
	b.run("verifying", chromedp.Evaluate(`[...document.querySelectorAll('button')].find(x => /verify/i.test(x.innerText)).click()`, nil))
	b.until("verified", `/verifies|verified|intact|unbroken/i.test(document.querySelector('main').innerText)`)
	b.look("audit-1-verified")
	b.signOut()
	status, body, err := s.signIn("privacy").request(b.t.Context(), "GET", "/api/v1/audit/export", nil, nil)
	if err != nil || status != http.StatusOK {
		b.t.Fatalf("exporting the log: status %d, %v", status, err)
	}
	file := filepath.Join(b.t.TempDir(), "log.jsonl")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// lookAtTheRest looks at the pages the journey does not pass.
func lookAtTheRest(b *browser, s *service, photo vault.Photo) {
	for role, pages := range map[string][]string{
		"clinician": {"/patients", "/patients/" + string(photo.Patient), "/photos/" + string(photo.ID), "/no-such-page"},
		"records":   {"/records/" + string(photo.Patient)},
		"admin":     {"/people", "/health", "/detection"},
	} {
		b.signIn(s, role, "/")
		for _, path := range pages {
			b.run("opening "+path, chromedp.Navigate(s.base+path), chromedp.WaitVisible("main", chromedp.ByQuery), chromedp.Sleep(400*time.Millisecond))
			name := strings.ReplaceAll(strings.Trim(strings.NewReplacer(string(photo.Patient), "one", string(photo.ID), "one").Replace(path), "/"), "/", "-")
			b.look("rest-" + role + "-" + name)
		}
		b.signOut()
	}
}
