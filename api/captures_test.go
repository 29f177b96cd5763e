package api

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestContentDigest(t *testing.T) {
	sum := strings.Repeat("\x01", 32)
	good := "sha-256=:" + base64.StdEncoding.EncodeToString([]byte(sum)) + ":"
	tests := []struct {
		name   string
		header []string
		ok     bool
	}{
		{"alone", []string{good}, true},
		{"beside another", []string{"sha-512=:AAAA:, " + good}, true},
		{"in a second line", []string{"sha-512=:AAAA:", good}, true},
		{"missing", nil, false},
		{"another only", []string{"sha-512=:AAAA:"}, false},
		{"twice", []string{good + ", " + good}, false},
		{"without colons", []string{"sha-256=" + base64.StdEncoding.EncodeToString([]byte(sum))}, false},
		{"short", []string{"sha-256=:AAAA:"}, false},
		{"hexadecimal", []string{"sha-256=:" + strings.Repeat("01", 32) + ":"}, false},
		{"no base64", []string{"sha-256=:!!!!:"}, false},
		{"endless", []string{good + strings.Repeat(", a=:AAAA:", 200)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := contentDigest(http.Header{"Content-Digest": tt.header})
			if (err == nil) != tt.ok || (tt.ok && string(got[:]) != sum) {
				t.Errorf("contentDigest(%q): got %x, %v; want ok=%v", tt.header, got, err, tt.ok)
			}
		})
	}
}

// captureRequest is what a client sends.
func captureRequest(token, id string, envelope []byte) request {
	sum := sha256.Sum256(envelope)
	return request{method: "POST", path: "/api/v1/captures", token: token, body: bytes.NewReader(envelope), header: map[string]string{
		"Content-Type": captureType, "Capture-Id": id,
		"Content-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":",
	}}
}

func TestCaptureIsTakenOnce(t *testing.T) {
	b := newBench(t)
	doctor := b.Person(t, "doctor", clinician)
	token := b.signIn(t, "doctor")
	patient := b.Patient(t, doctor)
	sealed := b.Capture(t, doctor, patient, vaulttest.Picture(t, 64, 48, 1))
	send := captureRequest(token, string(sealed.ID), sealed.Envelope)

	first := b.send(t, send)
	var receipt seal.Receipt
	first.into(t, http.StatusCreated, &receipt)
	var keys vault.PublicKeys
	b.get(t, "", "/api/v1/keys").into(t, http.StatusOK, &keys)
	if err := seal.VerifyReceipt(ed25519.PublicKey(keys.Receipts[0].Key), receipt); err != nil {
		t.Errorf("receipt: %v", err)
	}
	if receipt.CaptureID != string(sealed.ID) || receipt.Digest != hex.EncodeToString(sealed.Digest[:]) || receipt.Size != int64(len(sealed.Envelope)) {
		t.Errorf("receipt: got %+v, want the capture's ID, digest and size", receipt)
	}

	again := captureRequest(token, string(sealed.ID), sealed.Envelope)
	second := b.send(t, again)
	second.into(t, http.StatusOK, nil)
	if !bytes.Equal(first.body, second.body) {
		t.Errorf("the same bytes again: got receipt %s, want %s", second.body, first.body)
	}

	other := append([]byte{}, sealed.Envelope...)
	other[len(other)-1] ^= 1
	b.send(t, captureRequest(token, string(sealed.ID), other)).refused(t, http.StatusConflict, "conflict")

	var mine photosAnswer
	b.get(t, token, "/api/v1/captures?limit=5").into(t, http.StatusOK, &mine)
	if len(mine.Photos) != 1 || mine.Photos[0].State != vault.StateAccepted {
		t.Errorf("own captures: got %d, want the one, accepted", len(mine.Photos))
	}
	text := string(b.get(t, "", "/metrics").body)
	for _, want := range []string{`clinivault_captures_total{outcome="accepted"} 1`, `clinivault_captures_total{outcome="repeated"} 1`,
		`clinivault_captures_total{outcome="refused"} 1`, `clinivault_photos{state="accepted"} 1`,
		`clinivault_jobs{kind="process",state="ready"} 1`, "clinivault_vault_up 1", "clinivault_audit_events ", "clinivault_integrity_refusals_total 0",
		`clinivault_http_requests_total{method="POST",route="/api/v1/captures",status="201"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestCaptureRefusals(t *testing.T) {
	b := newBench(t)
	doctor := b.Person(t, "doctor", clinician)
	stranger := b.Person(t, "stranger", clinician)
	token := b.signIn(t, "doctor")
	mine, theirs := b.Patient(t, doctor), b.Patient(t, stranger)
	picture := vaulttest.Picture(t, 64, 48, 2)
	good := b.Capture(t, doctor, mine, picture)
	tests := []struct {
		name   string
		change func(r *request)
		status int
		slug   string
	}{
		{"no session", func(r *request) { r.token = "" }, 401, "not-signed-in"},
		{"as JSON", func(r *request) { r.header["Content-Type"] = "application/json" }, 415, "media-type"},
		{"no capture ID", func(r *request) { delete(r.header, "Capture-Id") }, 422, "invalid"},
		{"capture ID in capitals", func(r *request) { r.header["Capture-Id"] = strings.Repeat("AB", 16) }, 422, "invalid"},
		{"another capture's ID", func(r *request) { r.header["Capture-Id"] = strings.Repeat("ab", 16) }, 422, "invalid"},
		{"no digest", func(r *request) { delete(r.header, "Content-Digest") }, 422, "invalid"},
		{"wrong digest", func(r *request) {
			r.header["Content-Digest"] = "sha-256=:" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + ":"
		}, 422, "digest"},
		{"empty", func(r *request) { r.body = http.NoBody }, 422, "invalid"},
		{"no length", func(r *request) { r.body = io.MultiReader(r.body) }, 411, "length-required"},
		{"not sealed", func(r *request) { *r = captureRequest(token, string(good.ID), picture) }, 422, "invalid"},
		{"truncated", func(r *request) { *r = captureRequest(token, string(good.ID), good.Envelope[:60]) }, 422, "invalid"},
		{"of somebody else's patient", func(r *request) {
			s := b.Capture(t, doctor, theirs, picture)
			*r = captureRequest(token, string(s.ID), s.Envelope)
		}, 404, "not-found"},
		{"in somebody else's name", func(r *request) {
			s := b.Capture(t, stranger, theirs, picture)
			*r = captureRequest(token, string(s.ID), s.Envelope)
		}, 403, "not-allowed"},
		{"without consent", func(r *request) {
			s := b.Capture(t, doctor, mine, picture, func(f *seal.CaptureFacts) { f.Consent = seal.Consent{} })
			*r = captureRequest(token, string(s.ID), s.Envelope)
		}, 422, "invalid"},
		{"of an unknown body site", func(r *request) {
			s := b.Capture(t, doctor, mine, picture, func(f *seal.CaptureFacts) { f.BodySite = "antenna" })
			*r = captureRequest(token, string(s.ID), s.Envelope)
		}, 422, "invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := captureRequest(token, string(good.ID), good.Envelope)
			tt.change(&in)
			b.send(t, in).refused(t, tt.status, tt.slug)
		})
	}
	var list photosAnswer
	b.get(t, token, "/api/v1/captures").into(t, http.StatusOK, &list)
	if len(list.Photos) != 0 {
		t.Errorf("after refusals alone: got %d photos, want none", len(list.Photos))
	}
}

// A body over the limit is refused by its length: not one byte of it is read.
func TestCaptureTooLargeIsRefusedUnread(t *testing.T) {
	b := newBench(t)
	token := b.as(t, clinician)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := captureRequest(token, strings.Repeat("ab", 16), []byte("x"))
	head := "POST /api/v1/captures HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token +
		"\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n"
	for k, v := range in.header {
		head += k + ": " + v + "\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 413") {
		t.Errorf("one byte over the limit: got %q, %v; want 413 without 100 Continue", line, err)
	}
}

func TestCapturesAtOnceAreBounded(t *testing.T) {
	b := newBench(t)
	token := b.as(t, clinician)
	for range cap(b.s.uploads) {
		b.s.uploads <- struct{}{}
	}
	got := b.send(t, captureRequest(token, strings.Repeat("ab", 16), []byte("x")))
	got.refused(t, http.StatusServiceUnavailable, "busy")
	if got.Header.Get("Retry-After") == "" {
		t.Error("busy without Retry-After")
	}
	<-b.s.uploads
	b.send(t, captureRequest(token, strings.Repeat("ab", 16), []byte("x"))).refused(t, http.StatusUnprocessableEntity, "invalid")
}

// One person who sends nothing on many connections, or a stolen token, leaves places to the others.
func TestOnePersonCannotTakeEveryPlace(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "other-doctor", clinician)
	greedy, other := b.as(t, clinician), b.signIn(t, "other-doctor")
	hold := func() {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		head := "POST /api/v1/captures HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + greedy + "\r\nContent-Length: 1000\r\n"
		for k, v := range captureRequest(greedy, strings.Repeat("ab", 16), []byte("x")).header {
			head += k + ": " + v + "\r\n"
		}
		if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * cap(b.s.uploads) {
		hold()
	}
	for deadline := time.Now().Add(10 * time.Second); len(b.s.uploads) < cap(b.s.uploads)/2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the greedy one holds %d places, want %d", len(b.s.uploads), cap(b.s.uploads)/2)
		}
	}
	b.send(t, captureRequest(greedy, strings.Repeat("ab", 16), []byte("x"))).refused(t, http.StatusServiceUnavailable, "busy")
	b.send(t, captureRequest(other, strings.Repeat("ab", 16), []byte("x"))).refused(t, http.StatusUnprocessableEntity, "invalid")
}

// The store is down: nothing is acknowledged, and the client is told to keep what it has.
func TestCaptureWhileTheStoreIsDown(t *testing.T) {
	b := newBench(t)
	doctor := b.Person(t, "doctor", clinician)
	token := b.signIn(t, "doctor")
	sealed := b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 64, 48, 3))
	b.Blobs.OnOp(func(int, vaulttest.Op, string) vaulttest.Fault { return vaulttest.Refuse })
	got := b.send(t, captureRequest(token, string(sealed.ID), sealed.Envelope))
	p := got.refused(t, http.StatusServiceUnavailable, "unavailable")
	if got.Header.Get("Retry-After") == "" || !strings.Contains(p.Detail, "keep what you have") {
		t.Errorf("got %q and Retry-After %q, want the advice to keep the photo, and when to try again", p.Detail, got.Header.Get("Retry-After"))
	}
	b.Blobs.OnOp(nil)
	b.send(t, captureRequest(token, string(sealed.ID), sealed.Envelope)).into(t, http.StatusCreated, nil)
}

// A client that sends a little and then nothing loses its place; one that takes for ever does too.
func TestSlowUploadsAreGivenUp(t *testing.T) {
	b := newBench(t)
	c := &call{s: b.s, w: httptest.NewRecorder(), r: httptest.NewRequest("POST", "/api/v1/captures", nil)}
	late := &moving{c: c, r: strings.NewReader("x"), until: time.Now().Add(-time.Second)}
	if n, err := late.Read(make([]byte, 8)); n != 0 || !errors.Is(err, errBusy) {
		t.Errorf("reading after the end: got %d bytes, %v; want errBusy", n, err)
	}
	in := &moving{c: c, r: strings.NewReader("x"), until: time.Now().Add(time.Minute)}
	if n, err := in.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Errorf("reading in time: got %d bytes, %v; want 1", n, err)
	}
	started := make(chan time.Time, 1)
	gone := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{s: b.s, w: w, r: r}
		m := &moving{c: c, r: r.Body, until: time.Now().Add(200 * time.Millisecond)}
		started <- time.Now()
		_, err := io.ReadAll(m)
		gone <- err
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")); err != nil {
		t.Fatal(err)
	}
	<-started
	select {
	case err := <-gone:
		if err == nil {
			t.Error("a stalled upload: got all of it, want an error")
		}
	case <-time.After(10 * time.Second):
		t.Error("a stalled upload still holds its place after 10 s")
	}
}
