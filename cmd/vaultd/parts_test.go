package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// rough is a photograph that no encoder makes small: its envelope has several parts.
func rough(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 1280, 960))
	dice := rand.New(rand.NewPCG(1, 2))
	for y := range 960 {
		for x := range 1280 {
			img.Set(x, y, color.RGBA{uint8(dice.IntN(256)), uint8(dice.IntN(256)), uint8(dice.IntN(256)), 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// freeTCP is a port of loopback that was free a moment ago, for a service that is to come back where it was.
func freeTCP(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// held is how many bytes of an upload the vault holds; -1 once the photo was received.
func (p *person) held(id string) (n int64) {
	p.s.t.Helper()
	var up struct {
		Held []struct {
			Size int64 `json:"size"`
		} `json:"held"`
		Receipt json.RawMessage `json:"receipt"`
	}
	status, body, err := p.request(p.s.t.Context(), "GET", "/api/v1/uploads/"+id, nil, nil)
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &up) != nil {
		return 0
	}
	if string(up.Receipt) != "null" {
		return -1
	}
	for _, h := range up.Held {
		n += h.Size
	}
	return n
}

var partsKept = regexp.MustCompile(`(?m)^clinivault_http_requests_total\{method="PUT",route="/api/v1/uploads/\{id\}/\{offset\}",status="204"\} (\d+)`)

// partsKept counts the parts that the service has taken since it started.
func (s *service) partsKept() int {
	s.t.Helper()
	answer, err := http.Get(s.base + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	m := partsKept.FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// slow lets the page send that many bytes a second.
func slow(b *browser, bytesPerSecond float64) {
	b.run("a slow network", network.Enable(), network.EmulateNetworkConditions(false, 0, -1, bytesPerSecond))
}

// TestKilledMidUpload: the server is killed while a photo is sent, then the browser is; what arrived is not sent again, and
// the vault has one photo.
func TestKilledMidUpload(t *testing.T) {
	s := newService(t, map[string]any{"listen": "127.0.0.1:" + freeTCP(t)})
	s.start()
	profile := vaulttest.ProfileFolder(t)
	b := openBrowser(t, profile, rough(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	slow(b, 300_000)
	captureOnce(b)
	b.until("in the queue", `document.querySelector('#queue-list [data-capture]')`)
	id := captureIDs(b)[0]
	size := promised[int64](b, "its size", `new Promise(done => { const q = indexedDB.open('clinivault-capture'); q.onsuccess = () => {
		const get = q.result.transaction('sealed').objectStore('sealed').getAll(); get.onsuccess = () => { q.result.close(); done(get.result[0].size); }; }; })`)
	t.Logf("the sealed photo has %d bytes", size)
	clinician := s.signIn("clinician")
	eventually(t, "a part to be held", time.Minute, func() bool { return clinician.held(id) > 0 })
	s.kill()
	s.start()
	first := clinician.held(id)
	if first <= 0 {
		t.Fatalf("after the server's restart %d bytes are held, want some", first)
	}
	b.until("going on by itself", `document.querySelector('#queue-list [data-state=sending] progress')?.value > 0`)
	b.killed()
	noPictureIn(t, profile, b.camera)
	before, parts := clinician.held(id), s.partsKept()
	if before < first {
		t.Errorf("%d bytes are held after %d were", before, first)
	}

	b = openBrowser(t, profile, rough(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	b.until("received", `document.querySelector('#queue-list [data-state=received]')`)
	if n, most := s.partsKept()-parts, int((size-max(before, 0))/(512<<10))+3; before >= 0 && n > most {
		t.Errorf("%d parts were sent for the last %d of %d bytes, want %d at most", n, size-before, size, most)
	}
	if photos := clinician.captures()[id]; len(photos) != 1 || len(clinician.captures()) != 1 {
		t.Errorf("%d photos of the capture and %d captures, want one", len(photos), len(clinician.captures()))
	}
	b.noFaults()
	b.stop()
	noPictureIn(t, profile, b.camera)
}

// TestWithoutWebAssembly: in a browser whose lockdown mode switches it off a photo is sealed and received, and the page, the
// log and the vault's health say how.
func TestWithoutWebAssembly(t *testing.T) {
	s := newService(t, nil)
	s.start()
	profile := vaulttest.ProfileFolder(t)
	b := openBrowser(t, profile, photograph(t), chromedp.Flag("js-flags", "--jitless"))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	if value[string](b, "WebAssembly", `typeof WebAssembly`) != "undefined" {
		t.Fatal("the browser runs WebAssembly all the same")
	}
	b.until("said what is off", `!document.querySelector('#no-wasm').hidden && /lockdown/.test(document.querySelector('#no-wasm').textContent)`)
	b.look("without-webassembly")
	captureOnce(b)
	b.until("received", `document.querySelector('#queue-list [data-state=received]')`)
	id := captureIDs(b)[0]
	clinician := s.signIn("clinician")
	eventually(t, "the photo to be read", time.Minute, func() bool {
		photos := clinician.captures()[id]
		return len(photos) == 1 && photos[0].State == "in_review"
	})
	var health struct {
		Parts []struct{ Name, Detail string } `json:"parts"`
	}
	s.signIn("admin").must("GET", "/api/v1/health", nil, &health)
	said := ""
	for _, p := range health.Parts {
		if p.Name == "seal" {
			said = p.Detail
		}
	}
	if want := "1 photos came under the older seal (DHKEM-X25519)"; !bytes.Contains([]byte(said), []byte(want)) {
		t.Errorf("health says %q of the seals, want %q", said, want)
	}
	b.noFaults()
	b.stop()
	noPictureIn(t, profile, b.camera)
}

// TestFullDevice: where the disk is full the sealed photo waits in the page, which says so, and goes from there.
func TestFullDevice(t *testing.T) {
	s := newService(t, nil)
	s.start()
	profile := vaulttest.ProfileFolder(t)
	b := openBrowser(t, profile, rough(t))
	b.answerDialogs()
	b.signIn(s, "clinician", "/capture")
	b.kept()
	used := promised[float64](b, "what is used", `navigator.storage.estimate().then(e => e.usage)`)
	b.stop()

	// The browser looks at the room now and then only, so a new one is told of it before it writes at all.
	b = openBrowser(t, profile, rough(t))
	b.answerDialogs()
	b.run("filling the disk", chromedp.ActionFunc(func(ctx context.Context) error {
		return storage.OverrideQuotaForOrigin(s.base).WithQuotaSize(used + 300_000).Do(ctx)
	}))
	b.signIn(s, "clinician", "/capture")
	toReview(b)
	offline(b, true)
	sendAll(b)
	b.until("said that the disk is full", `/device is full/.test(document.querySelector('#queue-list').textContent)`)
	b.look("device-full")
	if n := promised[int](b, "on the disk", `new Promise(done => { const q = indexedDB.open('clinivault-capture'); q.onsuccess = () => {
		const c = q.result.transaction('sealed').objectStore('sealed').count(); c.onsuccess = () => { q.result.close(); done(c.result); }; }; })`); n != 0 {
		t.Errorf("%d photos on the disk, want none: it is full", n)
	}
	id := captureIDs(b)[0]
	offline(b, false)
	b.run("the network is back", chromedp.Evaluate(`dispatchEvent(new Event('online'))`, nil))
	b.until("received", `document.querySelector('#queue-list [data-state=received]')`)
	if photos := s.signIn("clinician").captures()[id]; len(photos) != 1 {
		t.Errorf("%d photos of the capture, want one", len(photos))
	}
	if value[bool](b, "may be left", `(() => { const e = new Event('beforeunload', { cancelable: true }); dispatchEvent(e); return e.defaultPrevented; })()`) {
		t.Error("the page asks not to be left although nothing is in its memory")
	}
	b.noFaults()
	b.stop()
	noPictureIn(t, profile, b.camera)
}
