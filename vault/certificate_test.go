package vault_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// trust is what somebody holds who took the vault's public keys from another place than a certificate.
func (w *world) trust() vault.Trust {
	w.t.Helper()
	keys := must(w.V.PublicKeys(w.t.Context()))(w.t)
	return vault.Trust{Key: keys.Certificates[0].Key, LogVerifier: keys.LogVerifier}
}

func TestCertificate(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.approved()
		signed := must(w.V.Certificate(t.Context(), w.privacy, id))(t)
		cert := must(vault.VerifyCertificate(signed, w.trust()))(t)
		if !cert.InLog || cert.OwnKey || cert.OwnLogKey || cert.LogSize < cert.LogPosition || cert.SignedAt == 0 {
			t.Errorf("verified with the published keys: %+v", cert)
		}
		redacted := must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
		salt := must(w.V.OriginalSalt(t.Context(), w.privacy, id))(t)
		w.claimAgain(id)
		original := must(w.V.ReadRendition(t.Context(), w.second, id, vault.KindOriginal))(t)
		if !cert.Fits(redacted.Bytes) || cert.Fits(original.Bytes) || cert.Original.Salt != "" || cert.Reviewer != w.reviewer.Person() ||
			cert.Forced || len(cert.Residual) != 0 || len(cert.CheckedBy) == 0 || cert.Thresholds["visible"] != 0.5 || cert.Thresholds["face"] == 0 {
			t.Errorf("certificate %+v", cert.Certificate)
		}
		if !cert.Original.Opens(salt, original.Bytes) || cert.Original.Opens(salt, redacted.Bytes) || cert.Original.Opens("", original.Bytes) {
			t.Error("the salt does not open the commitment to the original, or opens more than that")
		}
		ok(t, imaging.ProveFiles(original.Bytes, redacted.Bytes, cert.Masked))
		alone := must(vault.VerifyCertificate(signed, vault.Trust{}))(t)
		if !alone.OwnKey || !alone.OwnLogKey || !alone.InLog {
			t.Errorf("verified with its own keys: %+v", alone)
		}
		w.verified()
	})
}

// TestCertificateStaysTheSame: once a checkpoint covers a release its certificate is one text, and events after it, and
// later checkpoints, change nothing.
func TestCertificateStaysTheSame(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	first := must(w.V.Certificate(t.Context(), w.records, id))(t)
	must(w.V.ApprovedPhotos(t.Context(), w.records, vault.ApprovedFilter{}))(t)
	ok(t, w.V.Checkpoint(t.Context(), w.worker))
	again := must(w.V.Certificate(t.Context(), w.privacy, id))(t)
	if !bytes.Equal(first, again) {
		t.Errorf("the second reading gives another text:\n%s\n%s", first, again)
	}
}

// alter decodes a certificate, changes it and encodes it again.
func alter(t testing.TB, signed []byte, change func(all, certificate, proof map[string]any)) []byte {
	t.Helper()
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(signed))
	d.UseNumber()
	ok(t, d.Decode(&all))
	certificate, _ := all["certificate"].(map[string]any)
	proof, _ := all["proof"].(map[string]any)
	change(all, certificate, proof)
	return must(json.Marshal(all))(t)
}

func TestCertificateRefuses(t *testing.T) {
	w := newWorld(t)
	signed := must(w.V.Certificate(t.Context(), w.privacy, w.approved()))(t)
	other := must(w.V.Certificate(t.Context(), w.privacy, w.approved()))(t)
	var otherProof any
	alter(t, other, func(_, _, p map[string]any) { otherProof = p })
	stranger, strangerKey, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	foreign := newWorldsKeys(t)
	set := func(in, key string, value any) func(all, c, p map[string]any) {
		return func(all, c, p map[string]any) {
			map[string]map[string]any{"all": all, "certificate": c, "proof": p}[in][key] = value
		}
	}
	for _, c := range []struct {
		name   string
		trust  vault.Trust
		change func(all, certificate, proof map[string]any)
		want   error
	}{
		{"nothing changed", w.trust(), func(_, _, _ map[string]any) {}, nil},
		{"another key is trusted", vault.Trust{Key: stranger}, set("all", "key", nil), vault.ErrInvalid},
		{"signed by a stranger", vault.Trust{Key: stranger}, func(_, _, _ map[string]any) {}, vault.ErrIntegrity},
		{"a stranger's key put in", w.trust(), set("all", "key", strangerKey.Public()), vault.ErrInvalid},
		{"another log is trusted", vault.Trust{LogVerifier: foreign.LogVerifier}, func(_, _, _ map[string]any) {}, vault.ErrIntegrity},
		{"another log's key put in", vault.Trust{}, set("proof", "verifier", foreign.LogVerifier), vault.ErrIntegrity},
		{"another log's key said beside", w.trust(), set("proof", "verifier", foreign.LogVerifier), vault.ErrIntegrity},
		{"key of no log", vault.Trust{}, set("proof", "verifier", "x"), vault.ErrInvalid},
		{"a mask taken away", w.trust(), set("certificate", "masked", []any{}), vault.ErrIntegrity},
		{"a residual hidden", w.trust(), set("certificate", "forced", true), vault.ErrIntegrity},
		{"a field added", w.trust(), set("certificate", "note", "fine"), vault.ErrIntegrity},
		{"a field added outside", w.trust(), set("all", "note", "fine"), vault.ErrInvalid},
		{"no proof", w.trust(), func(all, _, _ map[string]any) { delete(all, "proof") }, vault.ErrIntegrity},
		{"another photo's proof", w.trust(), set("all", "proof", otherProof), vault.ErrIntegrity},
		{"no hashes", w.trust(), set("proof", "hashes", []string{}), vault.ErrIntegrity},
		{"hashes that are none", w.trust(), set("proof", "hashes", []string{"x"}), vault.ErrInvalid},
		{"a flood of hashes", w.trust(), set("proof", "hashes", slices.Repeat([]string{strings.Repeat("A", 43) + "="}, 64)), vault.ErrInvalid},
		{"another size", w.trust(), set("proof", "size", 1), vault.ErrIntegrity},
		{"another event", w.trust(), set("proof", "seq", 1), vault.ErrIntegrity},
		{"an event rewritten", w.trust(), func(_, _, p map[string]any) {
			p["entry"] = strings.Replace(p["entry"].(string), "review.approve", "review.approvf", 1)
		}, vault.ErrIntegrity},
		{"a checkpoint cut", w.trust(), set("proof", "checkpoint", "clinivault/main\n1\n"), vault.ErrIntegrity},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := vault.VerifyCertificate(alter(t, signed, c.change), c.trust)
			wants(t, c.name, err, c.want)
		})
	}
	for _, bad := range []string{"", "{}", "[]", "null", string(signed) + "x", strings.Repeat(" ", 2<<20), strings.Repeat("[", 1<<16)} {
		_, err := vault.VerifyCertificate([]byte(bad), vault.Trust{})
		wants(t, "not a certificate", err, vault.ErrInvalid)
	}
}

// TestCertificateUnderAnothersRelease: whoever signs a certificate of their own cannot pass it off as what the log holds.
func TestCertificateUnderAnothersRelease(t *testing.T) {
	w := newWorld(t)
	signed := must(w.V.Certificate(t.Context(), w.privacy, w.approved()))(t)
	public, key, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	resigned := func(change func(certificate map[string]any)) []byte {
		return alter(t, signed, func(all, certificate, _ map[string]any) {
			change(certificate)
			var body bytes.Buffer
			enc := json.NewEncoder(&body)
			enc.SetEscapeHTML(false)
			ok(t, enc.Encode(certificate))
			text := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
			all["key"], all["key_id"] = []byte(public), seal.KeyID(public)
			all["signature"] = ed25519.Sign(key, append([]byte("clinivault/certificate/v1\x00"), text...))
		})
	}
	trust := vault.Trust{Key: public, LogVerifier: w.trust().LogVerifier}
	must(vault.VerifyCertificate(resigned(func(map[string]any) {}), trust))(t) // the same words are the same release
	for name, change := range map[string]func(map[string]any){
		"other masks":    func(c map[string]any) { c["masked"] = []any{} },
		"other reviewer": func(c map[string]any) { c["reviewer"] = "somebody" },
		"other photo":    func(c map[string]any) { c["photo"] = "another" },
		"other log":      func(c map[string]any) { c["log_origin"] = "elsewhere" },
		"no log":         func(c map[string]any) { c["log_origin"], c["log_position"] = "", 0 },
	} {
		_, err := vault.VerifyCertificate(resigned(change), trust)
		wants(t, name, err, vault.ErrIntegrity)
	}
}

// newWorldsKeys are the public keys of another vault.
func newWorldsKeys(t testing.TB) vault.PublicKeys {
	t.Helper()
	return must(vaulttest.New(t).V.PublicKeys(context.Background()))(t)
}

// TestCertificateSpacing: how a certificate is laid out does not matter, what it says does.
func TestCertificateSpacing(t *testing.T) {
	w := newWorld(t)
	signed := must(w.V.Certificate(t.Context(), w.privacy, w.approved()))(t)
	var laidOut bytes.Buffer
	ok(t, json.Indent(&laidOut, signed, " ", "\t"))
	want := must(vault.VerifyCertificate(signed, w.trust()))(t)
	if got := must(vault.VerifyCertificate(laidOut.Bytes(), w.trust()))(t); !reflect.DeepEqual(got, want) {
		t.Errorf("laid out it reads %+v, want %+v", got, want)
	}
	for i := 0; i < len(signed); i += 7 {
		bad := slices.Clone(signed)
		bad[i] ^= 4
		if _, err := vault.VerifyCertificate(bad, w.trust()); !errors.Is(err, vault.ErrIntegrity) && !errors.Is(err, vault.ErrInvalid) {
			t.Fatalf("byte %d altered: got %v, want a refusal", i, err)
		}
	}
}

// TestCertificateWithoutVault signs as the redact command does.
func TestCertificateWithoutVault(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	pool := must(imaging.NewPool(imaging.PoolConfig{InProcess: true}))(t)
	read := must(pool.Read(t.Context(), vaulttest.Picture(t, 160, 120, 7)))(t)
	regions := []imaging.Region{{Kind: imaging.KindDrawn, Box: drawnBox, Score: 1, Source: imaging.SourcePerson}}
	result := must(pool.Redact(t.Context(), read.Still.Bytes(), regions))(t)
	text, salt, err := vault.CertifyRedaction(key, read.Still.Bytes(), result, []vault.Region{{Kind: "drawn", Box: drawnBox, Score: 1, Source: "person", Fate: "added"}}, vault.TimeOf(vaulttest.Start))
	ok(t, err)
	got := must(vault.VerifyCertificate(text, vault.Trust{Key: key.Public().(ed25519.PublicKey)}))(t)
	if got.InLog || got.Photo != "" || !got.Fits(result.Still.Bytes()) || !got.Original.Opens(salt, read.Still.Bytes()) || len(got.Regions) != 1 {
		t.Errorf("certificate %+v", got)
	}
	w := newWorld(t)
	inLog := must(w.V.Certificate(t.Context(), w.privacy, w.approved()))(t)
	grafted := alter(t, text, func(all, _, _ map[string]any) {
		alter(t, inLog, func(_, _, proof map[string]any) { all["proof"] = proof })
	})
	_, err = vault.VerifyCertificate(grafted, vault.Trust{})
	wants(t, "with another's proof", err, vault.ErrIntegrity)
}

// liar is a store that gives back other bytes than were put, once it is told to.
type liar struct {
	vaulttest.Memory
	lie func(put []byte) []byte
}

func (l *liar) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := l.Memory.Get(ctx, name)
	if err != nil || l.lie == nil {
		return r, err
	}
	b, err := io.ReadAll(r)
	return io.NopCloser(bytes.NewReader(l.lie(b))), errors.Join(err, r.Close())
}

// TestApproveReadsBack: a photo is released only after its redacted picture came back from the store as it was put.
func TestApproveReadsBack(t *testing.T) {
	store := &liar{}
	w := worldOn(t, vaulttest.NewOn(t, "sqlite", vaulttest.SQLite(t), store))
	id := w.inReview()
	p := w.claim(w.reviewer, id)
	for name, lie := range map[string]func([]byte) []byte{
		"a bit turned": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut short":    func(b []byte) []byte { return b[:len(b)-1] },
		"nothing":      func([]byte) []byte { return nil },
		"longer":       func(b []byte) []byte { return append(b, 0) },
	} {
		gets := 0
		store.lie = func(b []byte) []byte {
			if gets++; gets < 2 { // the original
				return b
			}
			return lie(b)
		}
		_, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version))
		wants(t, name, err, vault.ErrIntegrity)
		if state, version := vaultState(w, id); gets < 2 || state != vault.StateInReview || version != p.Version {
			t.Errorf("%s: state %s version %d after %d readings, want still in review", name, state, version, gets)
		}
	}
	if n := w.count(`SELECT count(*) FROM reviews`) + w.count(`SELECT count(*) FROM renditions WHERE kind LIKE 'redacted%'`); n != 0 {
		t.Errorf("%d reviews and redacted renditions without a proof", n)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'integrity.refused' AND photo = $1`, string(id)); n != 4 {
		t.Errorf("%d refusals in the log, want 4", n)
	}
	store.lie = nil
	must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
	w.verified()
}

// TestProofIsOfTheStoredPicture stores an authentic picture that is not the one covered: nothing is proved by its seal.
func TestProofIsOfTheStoredPicture(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.claim(w.reviewer, id)
	original := must(w.V.ReadRendition(t.Context(), w.reviewer, id, vault.KindOriginal))(t)
	pool := must(imaging.NewPool(imaging.PoolConfig{InProcess: true}))(t)
	redact := func(picture []byte, boxes ...imaging.Box) *imaging.Redacted {
		var regions []imaging.Region
		for _, b := range boxes {
			regions = append(regions, imaging.Region{Kind: imaging.KindDrawn, Box: b, Source: imaging.SourcePerson})
		}
		return must(pool.Redact(t.Context(), picture, regions))(t)
	}
	covered := redact(original.Bytes, drawnBox)
	another := must(pool.Read(t.Context(), vaulttest.Picture(t, 160, 120, 8)))(t)
	for _, c := range []struct {
		name   string
		stored *imaging.Redacted
		want   error
	}{
		{"the covered picture", covered, nil},
		{"nothing covered", redact(original.Bytes), vault.ErrIntegrity},
		{"covered elsewhere", redact(original.Bytes, imaging.Box{X0: 0, Y0: 0, X1: 16, Y1: 16}), vault.ErrIntegrity},
		{"covered there and elsewhere", redact(original.Bytes, drawnBox, imaging.Box{X0: 0, Y0: 0, X1: 16, Y1: 16}), vault.ErrIntegrity},
		{"another picture, covered there", redact(another.Still.Bytes(), drawnBox), vault.ErrIntegrity},
	} {
		before, after, err := vault.ProveAnother(t.Context(), w.V, w.reviewer, id, c.stored, covered)
		wants(t, c.name, err, c.want)
		if c.want == nil && (!after.Opens(after.Salt, covered.Still.Bytes()) || before.SHA256 == "" || before.Salt != "") {
			t.Errorf("%s: commitments %v and %v", c.name, before, after)
		}
		if c.want != nil && (before.SHA256 != "" || after.SHA256 != "") {
			t.Errorf("%s: committed to what was not proved", c.name)
		}
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'review.approve' AND outcome = 'failed' AND photo = $1`, string(id)); n != 4 {
		t.Errorf("%d failed approvals in the log, want 4", n)
	}
}

// TestVisibleBesideAMask covers half of a face: nothing is released or stored without the reviewer's word, and with it
// the certificate tells what was still seen.
func TestVisibleBesideAMask(t *testing.T) {
	w := newWorld(t)
	id := w.send(vaulttest.Face(t))
	w.Work(t)
	p := w.claim(w.reviewer, id)
	strip := p.Regions[0].Box // margins included; a strip at its upper edge covers hair at most
	strip.Y1 = strip.Y0 + 8
	before := w.Blobs.Names()
	decision := vault.Approval{Version: p.Version,
		Regions: []vault.ApprovedRegion{{Kind: imaging.KindFace, Box: strip}, {Kind: imaging.KindFace, Box: besideOf(p.Regions[0].Box)}}}
	_, err := w.V.Approve(t.Context(), w.reviewer, id, decision)
	var seen *vault.Visible
	if !errors.As(err, &seen) || !errors.Is(err, vault.ErrConflict) || len(seen.Residual()) == 0 {
		t.Fatalf("got %v, want a refusal that says what is seen", err)
	}
	if state, _ := vaultState(w, id); state != vault.StateInReview || !slices.Equal(before, w.Blobs.Names()) {
		t.Errorf("state %s, or something was stored", state)
	}
	decision.Force = true
	if out, err := w.V.Approve(t.Context(), w.reviewer, id, decision); err != nil || out.State != vault.StateApproved {
		t.Errorf("confirmed by the reviewer: got state %s, %v, want approved", out.State, err)
	}
}

// TestProvedReachesTheChart: a chart is told that nothing recognizable is left only where that was proved.
func TestProvedReachesTheChart(t *testing.T) {
	w := newWorld(t)
	plain := w.approved()
	open := w.send(vaulttest.Face(t))
	w.Work(t)
	p := w.claim(w.reviewer, open)
	must(w.V.Approve(t.Context(), w.reviewer, open, vault.Approval{Version: p.Version, Force: true}))(t)
	for _, c := range []struct {
		name   string
		photo  vault.PhotoID
		proved bool
	}{{"nothing seen", plain, true}, {"a face let through", open, false}} {
		must(w.V.Attach(t.Context(), w.records, c.photo, []string{"dicom"}))(t)
		if d := w.deliver(); d.Photo != c.photo || d.Proved != c.proved {
			t.Errorf("%s: delivered %s as proved %v, want %v", c.name, d.Photo, d.Proved, c.proved)
		}
	}
	w.change(`UPDATE reviews SET certificate = '{}'`)
	w.change(`UPDATE attachments SET state = 'pending'`)
	w.change(`UPDATE jobs SET state = 'ready', run_at = 0 WHERE kind = 'deliver'`)
	_, err := w.V.Delivery(t.Context(), w.worker, w.job(vault.JobDeliver))
	wants(t, "delivering under a certificate that cannot be read", err, vault.ErrIntegrity)
}

// besideOf is a narrow strip down the middle of a proposal's left margin, which a face's own box ends before.
func besideOf(b imaging.Box) imaging.Box {
	w := b.X1 - b.X0
	return imaging.Box{X0: b.X0 + w/4 - 8, Y0: b.Y0, X1: b.X0 + w/4, Y1: b.Y1}
}

var update = flag.Bool("update", false, "write the vector of a certificate anew")

// vector is vault/testdata/certificate.json, as FORMAT.md describes it.
type vector struct {
	Key          []byte          `json:"key"`
	LogVerifier  string          `json:"log_verifier"`
	OriginalSalt string          `json:"original_salt"`
	Certificate  json.RawMessage `json:"certificate"`
}

// TestCertificateVector checks the published vector, which another program can check too.
func TestCertificateVector(t *testing.T) {
	dir := "testdata"
	if *update {
		writeVector(t, dir)
	}
	var v vector
	ok(t, json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "certificate.json")))(t), &v))
	redacted := must(os.ReadFile(filepath.Join(dir, "certificate-redacted.jpg")))(t)
	original := must(os.ReadFile(filepath.Join(dir, "certificate-original.jpg")))(t)
	got := must(vault.VerifyCertificate(v.Certificate, vault.Trust{Key: v.Key, LogVerifier: v.LogVerifier}))(t)
	if !got.InLog || !got.Fits(redacted) || !got.Original.Opens(v.OriginalSalt, original) || len(got.Masked) != 1 {
		t.Errorf("vector: %+v", got)
	}
	ok(t, imaging.ProveMasked(redacted, got.Masked))
	ok(t, imaging.ProveFiles(original, redacted, got.Masked))
}

func writeVector(t *testing.T, dir string) {
	w := newWorld(t)
	id := w.approved()
	v := vector{Key: w.trust().Key, LogVerifier: w.trust().LogVerifier,
		OriginalSalt: must(w.V.OriginalSalt(t.Context(), w.privacy, id))(t),
		Certificate:  must(w.V.Certificate(t.Context(), w.privacy, id))(t)}
	redacted := must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	w.claimAgain(id)
	original := must(w.V.ReadRendition(t.Context(), w.second, id, vault.KindOriginal))(t)
	ok(t, os.MkdirAll(dir, 0o755))
	ok(t, os.WriteFile(filepath.Join(dir, "certificate.json"), append(must(json.MarshalIndent(v, "", "  "))(t), '\n'), 0o644))
	ok(t, os.WriteFile(filepath.Join(dir, "certificate-redacted.jpg"), redacted.Bytes, 0o644))
	ok(t, os.WriteFile(filepath.Join(dir, "certificate-original.jpg"), original.Bytes, 0o644))
}

// FuzzVerifyCertificate: whatever is handed in, it is refused or says exactly what the vault signed.
func FuzzVerifyCertificate(f *testing.F) {
	w := newWorld(f)
	signed := must(w.V.Certificate(f.Context(), w.records, w.approved()))(f)
	trust := w.trust()
	want := must(vault.VerifyCertificate(signed, trust))(f)
	f.Add(signed)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"certificate":{},"key":"","key_id":"","signature":""}`))
	f.Add(append([]byte(" "), signed...))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := vault.VerifyCertificate(text, trust)
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%.40q verifies as %+v, want %+v", text, got, want)
		}
	})
}
