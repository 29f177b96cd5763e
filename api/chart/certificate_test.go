package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// certificate is of the form that the vault gives, with a proof beside it.
func certificate(t testing.TB, signature, proof string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"certificate": map[string]any{"format": "clinivault-certificate-v1", "photo": "PHOTO1", "masked": []int{1, 2, 3}},
		"signature":   signature, "proof": map[string]any{"checkpoint": proof},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSameCertificate(t *testing.T) {
	sent := certificate(t, "c2lnbmVk", "first")
	for name, c := range map[string]struct {
		got  []byte
		want bool
	}{
		"itself":            {sent, true},
		"another proof":     {certificate(t, "c2lnbmVk", "second"), true},
		"another signature": {certificate(t, "Zm9yZ2Vk", "first"), false},
		"another content":   {bytes.Replace(sent, []byte("PHOTO1"), []byte("PHOTO2"), 1), false},
		"not signed":        {certificate(t, "", "first"), false},
		"not JSON":          {sent[:20], false},
		"nothing":           {nil, false},
	} {
		if got := sameCertificate(sent, c.got); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	if sameCertificate([]byte("{}"), []byte(`{"a":1}`)) {
		t.Error("two texts without a certificate are the same certificate")
	}
}

// The FHIR server validates and keeps the certificate; what is kept is what was sent.
func TestFHIRCertificate(t *testing.T) {
	b := newBench(t)
	b.entry.Certificate = certificate(t, "c2lnbmVk", strings.Repeat("long ", 1<<17))
	b.admit("", nil)
	for range 2 {
		if err := b.try(); err != nil {
			t.Fatal(err)
		}
	}
	var prov provenance
	b.at("Provenance/"+fhirID(idProvenance, b.entry.Attachment), &prov)
	if len(prov.Signature) != 1 || !bytes.Equal(prov.Signature[0].Data, b.entry.Certificate) || prov.Signature[0].SigFormat != "application/json" {
		t.Errorf("the Provenance holds %d signatures, want the certificate", len(prov.Signature))
	}
	if got := b.kept.last().Certificate; got != "kept" || b.count("PUT", "") != 3 {
		t.Errorf("noted as %q after %d writes, want kept after 3", got, b.count("PUT", ""))
	}
}

// A server that drops what it does not know is told of; one that alters it is not believed.
func TestFHIRCertificateDroppedOrAltered(t *testing.T) {
	edit := func(change func(map[string]any)) func([]byte) []byte {
		return func(body []byte) []byte {
			var m map[string]any
			if json.Unmarshal(body, &m) != nil || m["signature"] == nil {
				return body
			}
			change(m)
			out, _ := json.Marshal(m)
			return out
		}
	}
	b := newBench(t, &fault{method: "GET", path: "/Provenance/", what: tamper, times: 99, change: edit(func(m map[string]any) { delete(m, "signature") })})
	b.entry.Certificate = certificate(t, "c2lnbmVk", "first")
	b.admit("", nil)
	if err := b.try(); err != nil || b.kept.last().Certificate != "dropped" {
		t.Errorf("dropped: %v, noted as %q", err, b.kept.last().Certificate)
	}
	b = newBench(t, &fault{method: "GET", path: "/Provenance/", what: tamper, times: 99, change: edit(func(m map[string]any) {
		m["signature"].([]any)[0].(map[string]any)["data"] = "eyJ9"
	})})
	b.entry.Certificate = certificate(t, "c2lnbmVk", "first")
	b.admit("", nil)
	if err := b.try(); err == nil {
		t.Error("delivered with an altered certificate")
	}
}

// The archive keeps the private block; dciodvfy and dcmdump read the object.
func TestDICOMCertificate(t *testing.T) {
	a := newArchive(t)
	a.entry.Certificate = certificate(t, "c2lnbmVk", `back\slash`)
	if err := a.try(); err != nil {
		t.Fatal(err)
	}
	back, err := a.target.retrieve(t.Context(), a.target.writer.uids(a.entry), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	in, err := readInstance(back)
	if err != nil || in.creator != certificateBlock || in.certificate != string(a.entry.Certificate) {
		t.Errorf("the archive gave block %q with %q, %v", in.creator, in.certificate, err)
	}
	if got := a.kept.last().Certificate; got != "kept" {
		t.Errorf("noted as %q, want kept", got)
	}
	file := filepath.Join(t.TempDir(), "object.dcm")
	if err := os.WriteFile(file, back, 0o600); err != nil {
		t.Fatal(err)
	}
	judgeIOD(t, file)
	judgeFrame(t, file, a.entry.Picture)
	// Another proof beside the same certificate is the same object; another certificate is not.
	a.entry.Certificate = certificate(t, "c2lnbmVk", "second")
	if err := a.try(); err != nil {
		t.Errorf("with another proof: %v", err)
	}
	a.entry.Certificate = certificate(t, "Zm9yZ2Vk", "first")
	a.kept.saved = nil
	if err := a.try(); err == nil || !isPermanent(err) {
		t.Errorf("with another certificate: %v, want a permanent failure", err)
	}
}

// An archive that drops private elements has the photo nevertheless.
func TestDICOMCertificateDropped(t *testing.T) {
	a := newArchive(t)
	a.put(written(t, a.entry, a.target.writer.cfg))
	a.entry.Certificate = certificate(t, "c2lnbmVk", "first")
	if err := a.try(); err != nil || a.kept.last().Certificate != "dropped" {
		t.Errorf("got %v, noted as %q, want dropped", err, a.kept.last().Certificate)
	}
}

// Odd and even lengths, and none.
func TestDICOMCertificateElements(t *testing.T) {
	for _, size := range []int{0, 1, 2, 70001} {
		e := sample(t, fmt.Sprint("CERT", size))
		e.Certificate = bytes.Repeat([]byte("x"), size)
		ds, err := dicom.Parse(bytes.NewReader(written(t, e, fullDICOM)), 1<<30, nil)
		if err != nil {
			t.Fatal(err)
		}
		block, errBlock := ds.FindElementByTag(tagBlock)
		if size == 0 {
			if errBlock == nil {
				t.Errorf("an empty certificate gave %v", block)
			}
			continue
		}
		text, err := ds.FindElementByTag(tag.Tag{Group: 0x0063, Element: 0x1001})
		if errBlock != nil || err != nil || text.RawValueRepresentation != "UT" {
			t.Fatalf("%d bytes: %v, %v, %v", size, errBlock, err, text)
		}
		if in, err := readInstance(written(t, e, fullDICOM)); err != nil || len(in.certificate) != size {
			t.Errorf("%d bytes: read %d, %v", size, len(in.certificate), err)
		}
	}
}
