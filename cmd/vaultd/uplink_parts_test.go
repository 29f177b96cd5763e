package main

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/api/uplink"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestUplinkAndParts: whatever was kept of an upload before, in whatever cuts, and whatever became of it in the store, the
// photo arrives over the uplink, at the second try at the latest.
func TestUplinkAndParts(t *testing.T) {
	const unit, block = vault.PartUnit, uplink.BlockSize
	for _, tt := range []struct {
		name  string
		cuts  []vault.CapturePart
		spoil bool        // a byte of the parts
		lose  bool        // the parts in the store
		first uplink.Code // of the first try
	}{
		{name: "parts across blocks", cuts: []vault.CapturePart{{Offset: 0, Size: unit}, {Offset: unit, Size: block}, {Offset: unit + block, Size: block}}},
		{name: "parts that are not the photo's", cuts: []vault.CapturePart{{Offset: 0, Size: block}}, spoil: true, first: uplink.CodeDigest},
		{name: "parts that the store has lost", cuts: []vault.CapturePart{{Offset: 0, Size: block}}, lose: true, first: uplink.CodeBusy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newChannel(t)
			at, _ := c.uplink()
			s := c.Capture(t, c.author, c.Patient(t, c.author), vaulttest.Picture(t, 3600, 3600, 1))
			cert, err := x509.ParseCertificate(c.der)
			if err != nil {
				t.Fatal(err)
			}
			device, err := c.V.AuthenticateDevice(t.Context(), cert, c.token)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.V.BeginUpload(t.Context(), device, vault.UploadOffer{CaptureID: s.ID, Digest: s.Digest, Size: int64(len(s.Envelope))}); err != nil {
				t.Fatal(err)
			}
			for _, p := range tt.cuts {
				b := bytes.Clone(s.Envelope[p.Offset : p.Offset+p.Size])
				if tt.spoil {
					b[len(b)/2] ^= 1
				}
				if err := c.V.KeepPart(t.Context(), device, s.ID, p.Offset, b); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range c.Blobs.Names() {
				if tt.lose && strings.HasPrefix(name, "part/") {
					if err := c.Blobs.Delete(t.Context(), name); err != nil {
						t.Fatal(err)
					}
				}
			}
			_, err = c.over(at, c.der, c.device.Key, c.roots, c.token, s)
			if tt.first != uplink.CodeNone {
				refusedFor(t, "the first try", err, tt.first)
				_, err = c.over(at, c.der, c.device.Key, c.roots, c.token, s)
			}
			if err != nil {
				t.Fatal(err)
			}
			if mine, err := c.V.MyCaptures(t.Context(), c.author, 10); err != nil || len(mine) != 1 {
				t.Errorf("%d photos, %v; want one", len(mine), err)
			}
		})
	}
}
