package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// vandal is whoever owns a store: changes are made behind the vault's back, with means of the store's own.
type vandal struct {
	blobs vault.Blobs
	write func(t testing.TB, name string, body []byte) // over what is there
	erase func(t testing.TB, name string)
}

// read is what stands under a name.
func (x vandal) read(t testing.TB, name string) []byte {
	t.Helper()
	r, err := x.blobs.Get(t.Context(), name)
	ok(t, err)
	body, err := io.ReadAll(r)
	ok(t, errors.Join(err, r.Close()))
	return body
}

func memoryVandal(testing.TB) vandal {
	m := &vaulttest.Memory{}
	return vandal{m,
		func(_ testing.TB, name string, body []byte) { m.Tamper(name, append([]byte{}, body...)) },
		func(_ testing.TB, name string) { m.Tamper(name, nil) }}
}

func dirVandal(t testing.TB) vandal {
	root := t.TempDir()
	d, err := vault.OpenDir(root)
	ok(t, err)
	path := func(name string) string { return filepath.Join(root, "objects", filepath.FromSlash(name)) }
	return vandal{d,
		func(t testing.TB, name string, body []byte) {
			ok(t, os.MkdirAll(filepath.Dir(path(name)), 0o700))
			ok(t, os.WriteFile(path(name), body, 0o600))
		},
		func(t testing.TB, name string) { ok(t, os.Remove(path(name))) }}
}

func minioVandal(t testing.TB) vandal { return s3Vandal(t, vaulttest.MinIO(t)) }

func s3Vandal(t testing.TB, cfg vault.MinIOConfig) vandal {
	m, err := vault.OpenMinIO(t.Context(), cfg)
	ok(t, err)
	direct := s3Client(t, cfg)
	return vandal{m,
		func(t testing.TB, name string, body []byte) {
			t.Helper()
			_, err := direct.PutObject(context.Background(), cfg.Bucket, name, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
			ok(t, err)
		},
		func(t testing.TB, name string) {
			ok(t, direct.RemoveObject(context.Background(), cfg.Bucket, name, minio.RemoveObjectOptions{}))
		}}
}

// eachVandal runs a test on every store.
func eachVandal(t *testing.T, test func(t *testing.T, w *world, x vandal)) {
	for _, store := range []struct {
		name string
		open func(testing.TB) vandal
	}{{"memory", memoryVandal}, {"directory", dirVandal}, {"minio", minioVandal}} {
		t.Run(store.name, func(t *testing.T) {
			x := store.open(t)
			test(t, newWorldOver(t, x.blobs), x)
		})
	}
}

// newWorldOver is newWorld on a store of the test's own.
func newWorldOver(t testing.TB, blobs vault.Blobs) *world {
	t.Helper()
	newWorld(t) // makes the first world
	path := filepath.Join(t.TempDir(), "vault.db")
	ok(t, os.WriteFile(path, first.file, 0o600))
	w := first.world
	w.Bench, w.t = vaulttest.OpenOn(t, "sqlite", path, blobs, first.world.KMS), t
	return &w
}

// target is one stored object and how it is read.
type target struct {
	photo vault.PhotoID
	kind  string
	read  func() (vault.Picture, error)
}

func (w *world) name(photo vault.PhotoID, kind string) (name string) {
	w.t.Helper()
	ok(w.t, w.db().QueryRowContext(context.Background(), `SELECT blob FROM renditions WHERE photo = $1 AND kind = $2
		ORDER BY version DESC LIMIT 1`, string(photo), kind).Scan(&name))
	return name
}

// targets are all kinds of rendition: one photo under review, one released.
func (w *world) targets(review, released vault.PhotoID) (out []target) {
	for _, k := range []struct {
		kind  string
		photo vault.PhotoID
		by    vault.Actor
	}{
		{vault.KindOriginal, review, w.reviewer}, {vault.KindDisplay, review, w.reviewer}, {vault.KindThumb, review, w.reviewer},
		{vault.KindCoveredThumb, review, w.colleague}, {vault.KindCoveredDisplay, review, w.colleague},
		{vault.KindRedacted, released, w.records}, {vault.KindRedactedThumb, released, w.records}, {vault.KindRedactedDisplay, released, w.records},
	} {
		out = append(out, target{k.photo, k.kind, func() (vault.Picture, error) {
			return w.V.ReadRendition(w.t.Context(), k.by, k.photo, k.kind)
		}})
	}
	return out
}

// spoil is one thing a vandal can do to an object; nil is its removal.
type spoil struct {
	name string
	body []byte
	want []vault.Found
}

const sealedChunk = 64<<10 + 28 // FORMAT.md: nonce, chunk, tag

// spoils are what can be done to good. Of the others, each is a whole sealed object that belongs elsewhere.
func spoils(good []byte, plain []byte, others map[string][]byte) []spoil {
	altered := []vault.Found{vault.FoundAltered}
	cut, foreign := []vault.Found{vault.FoundCut}, []vault.Found{vault.FoundForeign}
	flip := func(i int) []byte {
		bad := slices.Clone(good)
		bad[i] ^= 1 << (i % 8)
		return bad
	}
	n := len(good)
	border := 24
	if n > 24+sealedChunk {
		border = 24 + sealedChunk
	}
	out := []spoil{
		{"magic flipped", flip(3), foreign}, {"salt flipped", flip(10), altered}, {"nonce flipped", flip(26), altered},
		{"ciphertext flipped", flip(24 + 12 + (n-24)/2), altered}, {"last chunk flipped", flip(n - 20), altered},
		{"tag flipped", flip(n - 1), altered}, {"cut at a chunk's border", good[:border], cut},
		{"last byte cut", good[:n-1], cut}, {"cut inside the header", good[:12], cut}, {"empty", []byte{}, cut},
		{"gone", nil, []vault.Found{vault.FoundAbsent}},
		{"longer by a byte", append(slices.Clone(good), 0), altered},
		{"doubled", append(slices.Clone(good), good...), altered},
		{"the plain picture", plain, []vault.Found{vault.FoundForeign, vault.FoundAltered}},
	}
	for range 3 {
		out = append(out, spoil{"a random bit flipped", flip(8 + mathrand.IntN(n-8)), altered})
	}
	junk := make([]byte, n)
	rand.Read(junk) // never fails (crypto/rand)
	out = append(out, spoil{"junk of the same length", junk, foreign})
	for name, body := range others {
		want := []vault.Found{vault.FoundSwapped, vault.FoundAltered} // longer ones are not read to their end
		if strings.HasPrefix(name, "another") {
			want = []vault.Found{vault.FoundAltered, vault.FoundCut, vault.FoundForeign}
		}
		out = append(out, spoil{name, body, want})
	}
	return out
}

// stranger is an object that another vault of another tenant sealed.
func stranger(t testing.TB, plain []byte) []byte {
	t.Helper()
	return must(seal.SealBytes(plain, seal.NewKey(), seal.Binding{Tenant: "other", Patient: "p", Photo: "f", Rendition: "original/r", Version: 2}))(t)
}

// TestUntrustedStore: whatever whoever owns the store does to a rendition of any kind, it is not served; it is refused
// with a typed error, an event, an incident, a number, and the health page says so.
func TestUntrustedStore(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, x vandal) {
		w.picture = vaulttest.Picture(t, 640, 480, 3)
		released := w.approved()
		other := w.inReview()
		w.claim(w.reviewer, other)
		review := other
		foreign := w.inReview()
		for _, at := range w.targets(review, released) {
			name, by := w.name(at.photo, at.kind), at.photo
			good := x.read(t, name)
			want := must(at.read())(t)
			others := map[string][]byte{
				"another vault's object":                  stranger(t, want.Bytes),
				"swapped with the other photo's original": x.read(t, w.name(foreign, vault.KindOriginal)),
				"swapped with the photo's covered thumb":  x.read(t, w.name(foreign, vault.KindCoveredThumb)),
			}
			for _, c := range spoils(good, want.Bytes, others) {
				t.Run(at.kind+"/"+c.name, func(t *testing.T) {
					w.t = t
					w.spoil(x, name, c.body)
					w.refuses(at, by, name, c)
					x.write(t, name, good)
					if got, err := at.read(); err != nil || !bytes.Equal(got.Bytes, want.Bytes) {
						t.Errorf("with the object put back: got %d bytes and %v, want the picture", len(got.Bytes), err)
					}
				})
			}
			w.t = t
		}
		w.verified()
	})
}

func (w *world) spoil(x vandal, name string, body []byte) {
	w.t.Helper()
	if body == nil {
		x.erase(w.t, name)
		return
	}
	x.write(w.t, name, body)
}

// refuses reads a spoilt object and looks for every trace that must be left, then settles the incident.
func (w *world) refuses(at target, photo vault.PhotoID, name string, c spoil) {
	w.t.Helper()
	refusals, events := w.V.IntegrityRefusals(), w.count(`SELECT count(*) FROM audit_events WHERE act = 'integrity.refused' AND photo = $1`, string(photo))
	got, err := at.read()
	var refused *vault.Refused
	if !errors.As(err, &refused) || !errors.Is(err, vault.ErrIntegrity) || len(got.Bytes) != 0 {
		w.t.Fatalf("got %d bytes and %v, want none and a *Refused", len(got.Bytes), err)
	}
	if refused.Photo != photo || refused.Rendition != at.kind || !slices.Contains(c.want, refused.Found) {
		w.t.Errorf("refused as %+v, want photo %s, %s, one of %v", *refused, photo, at.kind, c.want)
	}
	if n := w.V.IntegrityRefusals(); n != refusals+1 {
		w.t.Errorf("refusals counted: got %d, want %d", n, refusals+1)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'integrity.refused' AND photo = $1 AND patient <> ''`, string(photo)); n != events+1 {
		w.t.Errorf("events: got %d, want %d", n, events+1)
	}
	w.alerted(name, photo, refused.Found)
}

// alerted wants exactly one open incident, of that object, on the health page; it settles it.
func (w *world) alerted(name string, photo vault.PhotoID, found vault.Found) {
	w.t.Helper()
	ctx := w.t.Context()
	all := must(w.V.Incidents(ctx, w.admin))(w.t)
	open := slices.DeleteFunc(slices.Clone(all), func(i vault.Incident) bool { return i.SettledAt != 0 })
	if len(open) != 1 || open[0].Object != name || open[0].Photo != photo || open[0].Found != found || !open[0].Grave {
		w.t.Fatalf("open incidents: got %+v, want one, %s of photo %s", open, found, photo)
	}
	if n := must(w.V.IncidentCounts(ctx))(w.t)[found]; n != 1 {
		w.t.Errorf("incidents counted as %s: got %d, want 1", found, n)
	}
	if p := w.integrity(); p.OK || !strings.Contains(p.Detail, string(found)) {
		w.t.Errorf("health: got %+v, want integrity not well, with %q", p, found)
	}
	ok(w.t, w.V.SettleIncident(ctx, w.admin, open[0].ID, "put back by the test"))
	if p := w.integrity(); !p.OK {
		w.t.Errorf("health after settling: got %+v, want integrity well", p)
	}
}

func (w *world) integrity() vault.Part {
	w.t.Helper()
	for _, p := range must(w.V.Health(w.t.Context(), w.admin))(w.t) {
		if p.Name == "integrity" {
			return p
		}
	}
	w.t.Fatal("the health page says nothing of integrity")
	return vault.Part{}
}

// TestUntrustedStoreEnvelopes: a sealed capture that was touched before it was processed is set aside, and nothing is
// made of it.
func TestUntrustedStoreEnvelopes(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, x vandal) {
		second := w.waiting()
		w.change(`UPDATE jobs SET run_at = run_at + 86400000 WHERE subject = $1`, string(second))
		other := x.read(t, w.envelope(second))
		sample := x.read(t, w.envelope(second))
		for _, c := range spoils(sample, w.picture, map[string][]byte{
			"swapped with another capture": other, "another vault's object": stranger(t, w.picture)}) {
			t.Run(c.name, func(t *testing.T) {
				w.t = t
				id := w.waiting()
				name := w.envelope(id)
				body := c.body
				switch good := x.read(t, name); {
				case strings.Contains(c.name, "flipped"):
					body = reflip(good, sample, c.body)
				case strings.Contains(c.name, "cut"):
					body = good[:min(len(c.body), len(good)-1)]
				}
				w.spoil(x, name, body)
				w.processSpoilt(id)
				if n := w.count(`SELECT count(*) FROM renditions WHERE photo = $1`, string(id)); n != 0 {
					t.Errorf("renditions made of a spoilt capture: got %d, want none", n)
				}
				if state, _ := w.state(id); state != vault.StateQuarantined {
					t.Errorf("state: got %s, want quarantined", state)
				}
				open := slices.DeleteFunc(must(w.V.Incidents(t.Context(), w.admin))(t), func(i vault.Incident) bool { return i.SettledAt != 0 })
				if len(open) != 1 || open[0].Rendition != "envelope" {
					t.Fatalf("open incidents: got %+v, want one of an envelope", open)
				}
				w.alerted(name, id, open[0].Found)
			})
		}
	})
}

// reflip does to good what was done to sample to make bad.
func reflip(good, sample, bad []byte) []byte {
	out := slices.Clone(good)
	for i := range bad {
		if bad[i] != sample[i] {
			out[min(i, len(out)-1)] ^= bad[i] ^ sample[i]
		}
	}
	return out
}

// processSpoilt works on the photo's job until the vault has made up its mind.
func (w *world) processSpoilt(id vault.PhotoID) {
	w.t.Helper()
	for range 4 {
		w.change(`UPDATE jobs SET run_at = 0 WHERE subject = $1 AND state = 'ready'`, string(id))
		job := must(w.V.ClaimJob(w.t.Context(), w.worker, time.Minute))(w.t)
		if job == nil {
			return
		}
		if err := w.V.ProcessCapture(w.t.Context(), w.worker, job); err != nil {
			ok(w.t, w.V.FailJob(w.t.Context(), w.worker, job, err, false))
		}
	}
}

func (w *world) envelope(id vault.PhotoID) (name string) {
	w.t.Helper()
	ok(w.t, w.db().QueryRowContext(context.Background(), `SELECT envelope_blob FROM photos WHERE id = $1`, string(id)).Scan(&name))
	return name
}

// TestReplayedRelease: the picture of an earlier release, put back under the name of the present one, is not served,
// although the vault sealed it for the same photo.
func TestReplayedRelease(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, x vandal) {
		id := w.approved()
		old := x.read(t, w.name(id, vault.KindRedacted))
		ok(t, w.V.Reopen(t.Context(), w.second, id, "look again"))
		p := w.claim(w.reviewer, id)
		must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
		name := w.name(id, vault.KindRedacted)
		if bytes.Equal(old, x.read(t, name)) {
			t.Fatal("both releases have the same sealed bytes")
		}
		x.write(t, name, old)
		at := target{id, vault.KindRedacted, func() (vault.Picture, error) {
			return w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted)
		}}
		w.refuses(at, id, name, spoil{want: []vault.Found{vault.FoundSwapped, vault.FoundAltered}})
	})
}

// TestForgedDigestInTheRow: whoever owns store and database still cannot pass other bytes off: they do not open.
func TestForgedDigestInTheRow(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, x vandal) {
		id, other := w.inReview(), w.inReview()
		name, body := w.name(id, vault.KindCoveredThumb), x.read(t, w.name(other, vault.KindCoveredThumb))
		sum := sha256.Sum256(body)
		x.write(t, name, body)
		w.change(`UPDATE renditions SET size = $1, sealed_hash = $2 WHERE blob = $3`, len(body), hex.EncodeToString(sum[:]), name)
		at := target{id, vault.KindCoveredThumb, func() (vault.Picture, error) {
			return w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb)
		}}
		w.refuses(at, id, name, spoil{want: []vault.Found{vault.FoundSeal}})
	})
}
