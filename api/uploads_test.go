package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// largeCapture is a sealed capture of two parts.
func (b *bench) largeCapture(t *testing.T, login string) vaulttest.Sealed {
	t.Helper()
	doctor := b.Person(t, login, clinician)
	picture := make([]byte, 700_000)
	rand.Read(picture)
	copy(picture, vaulttest.Picture(t, 64, 48, 1))
	return b.Capture(t, doctor, b.Patient(t, doctor), picture)
}

func beginRequest(token string, s vaulttest.Sealed) request {
	return request{method: "POST", path: "/api/v1/uploads", token: token, json: uploadRequest{CaptureID: s.ID, Digest: hex.EncodeToString(s.Digest[:]), Size: int64(len(s.Envelope))}}
}

func partRequest(token string, s vaulttest.Sealed, offset, end int) request {
	part := s.Envelope[offset:min(end, len(s.Envelope))]
	sum := sha256.Sum256(part)
	return request{method: "PUT", path: "/api/v1/uploads/" + string(s.ID) + "/" + strconv.Itoa(offset), token: token, body: bytes.NewReader(part),
		header: map[string]string{"Content-Type": partType, "Content-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"}}
}

func finishRequest(token string, s vaulttest.Sealed) request {
	return request{method: "POST", path: "/api/v1/uploads/" + string(s.ID) + "/finish", token: token}
}

func TestUploadOverHTTP(t *testing.T) {
	b := newBench(t)
	s := b.largeCapture(t, "doctor")
	token := b.signIn(t, "doctor")
	var up uploadAnswer
	begun := b.send(t, beginRequest(token, s))
	begun.into(t, http.StatusCreated, &up)
	if up.CaptureID != s.ID || up.Size != int64(len(s.Envelope)) || len(up.Held) != 0 || up.Receipt != nil || up.PartUnit != vault.PartUnit || up.MaxPart != vault.MaxPart {
		t.Errorf("begun: %+v", up)
	}
	where := begun.Header.Get("Location")
	if where != "/api/v1/uploads/"+string(s.ID) {
		t.Errorf("Location %q", where)
	}
	b.send(t, partRequest(token, s, vault.MaxPart, len(s.Envelope))).into(t, http.StatusNoContent, nil)
	got := b.get(t, token, where)
	got.into(t, http.StatusOK, &up)
	if want := []vault.CapturePart{{Offset: vault.MaxPart, Size: up.Size - vault.MaxPart}}; !slices.Equal(up.Held, want) {
		t.Errorf("held %v, want %v", up.Held, want)
	}
	if o, c := got.Header.Get("Upload-Offset"), got.Header.Get("Upload-Complete"); o != "0" || c != "?0" {
		t.Errorf("Upload-Offset %q and Upload-Complete %q, want 0 and ?0", o, c)
	}
	b.send(t, finishRequest(token, s)).refused(t, http.StatusConflict, "conflict")
	b.send(t, partRequest(token, s, 0, vault.MaxPart)).into(t, http.StatusNoContent, nil)
	b.send(t, partRequest(token, s, 0, vault.MaxPart)).into(t, http.StatusNoContent, nil)
	head := b.send(t, request{method: "HEAD", path: where, token: token})
	if o := head.Header.Get("Upload-Offset"); o != strconv.Itoa(len(s.Envelope)) || head.Header.Get("Upload-Length") != o {
		t.Errorf("HEAD: Upload-Offset %q, Upload-Length %q, want %d", o, head.Header.Get("Upload-Length"), len(s.Envelope))
	}
	var receipt, again seal.Receipt
	b.send(t, finishRequest(token, s)).into(t, http.StatusCreated, &receipt)
	b.send(t, finishRequest(token, s)).into(t, http.StatusOK, &again)
	if receipt.Digest != hex.EncodeToString(s.Digest[:]) || again.PhotoID != receipt.PhotoID {
		t.Errorf("receipts %+v and %+v", receipt, again)
	}
	done := b.send(t, beginRequest(token, s))
	done.into(t, http.StatusOK, &up)
	if up.Receipt == nil || up.Receipt.PhotoID != receipt.PhotoID || done.Header.Get("Upload-Complete") != "?1" {
		t.Errorf("begun after the receipt: %+v, Upload-Complete %q", up, done.Header.Get("Upload-Complete"))
	}
	if text := string(b.get(t, "", "/metrics").body); !strings.Contains(text, `clinivault_captures_total{outcome="accepted"} 1`) {
		t.Error("the capture is not counted")
	}
}

func TestUploadRefusals(t *testing.T) {
	b := newBench(t)
	s := b.largeCapture(t, "doctor")
	token := b.signIn(t, "doctor")
	b.send(t, beginRequest(token, s)).into(t, http.StatusCreated, nil)
	with := func(change func(*request)) request {
		r := partRequest(token, s, 0, vault.MaxPart)
		change(&r)
		return r
	}
	other := s
	other.Digest[0] ^= 1
	for _, c := range []struct {
		name   string
		in     request
		status int
		slug   string
	}{
		{"a digest that is none", request{method: "POST", path: "/api/v1/uploads", token: token, json: map[string]any{"capture_id": s.ID, "digest": "x", "size": 5}}, 422, "invalid"},
		{"other bytes", beginRequest(token, other), 409, "conflict"},
		{"a part of another media type", with(func(r *request) { r.header["Content-Type"] = captureType }), 415, "media-type"},
		{"a part without digest", with(func(r *request) { delete(r.header, "Content-Digest") }), 422, "invalid"},
		{"a part that changed on its way", with(func(r *request) {
			r.body = bytes.NewReader(append([]byte{s.Envelope[0] ^ 1}, s.Envelope[1:vault.MaxPart]...))
		}), 422, "digest"},
		{"an empty part", with(func(r *request) { r.body = bytes.NewReader(nil) }), 422, "invalid"},
		{"a part that is too long", partRequest(token, s, 0, vault.MaxPart+1), 413, "too-large"},
		{"a part off the grid", with(func(r *request) { r.path = strings.TrimSuffix(r.path, "/0") + "/1" }), 422, "invalid"},
		{"an offset that is none", with(func(r *request) { r.path = strings.TrimSuffix(r.path, "/0") + "/-1" }), 404, "not-found"},
		{"a part of no upload", with(func(r *request) { r.path = "/api/v1/uploads/" + strings.Repeat("ab", 16) + "/0" }), 404, "not-found"},
		{"finishing no upload", request{method: "POST", path: "/api/v1/uploads/" + strings.Repeat("ab", 16) + "/finish", token: token}, 404, "not-found"},
	} {
		t.Run(c.name, func(t *testing.T) { b.send(t, c.in).refused(t, c.status, c.slug) })
	}
	b.send(t, request{method: "DELETE", path: "/api/v1/uploads/" + string(s.ID), token: token}).into(t, http.StatusNoContent, nil)
	b.get(t, token, "/api/v1/uploads/"+string(s.ID)).refused(t, http.StatusNotFound, "not-found")
}

// TestPartsWaitForRoom: a person who holds every place of theirs is told to come back, and nobody else.
func TestPartsWaitForRoom(t *testing.T) {
	b := newBench(t)
	s := b.largeCapture(t, "doctor")
	token := b.signIn(t, "doctor")
	b.send(t, beginRequest(token, s)).into(t, http.StatusCreated, nil)
	who, err := b.V.Authenticate(t.Context(), token)
	need(t, err)
	own := b.s.partShare.of(who.Person())
	for range ownParts {
		own <- struct{}{}
	}
	b.send(t, partRequest(token, s, 0, vault.MaxPart)).refused(t, http.StatusServiceUnavailable, "busy")
	<-own
	b.send(t, partRequest(token, s, 0, vault.MaxPart)).into(t, http.StatusNoContent, nil)
}
