package vault_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const lockedName = "object/2026030209/locked"

// TestLegalHold: what is held stays, whoever asks, until the hold is lifted.
func TestLegalHold(t *testing.T) {
	m := openMinIO(t, vaulttest.MinIO(t))
	if !m.Locks() {
		t.Fatal("Locks: got false on MinIO, want a bucket with object lock")
	}
	ctx := t.Context()
	wants(t, "hold on what is not there", m.Hold(ctx, lockedName, true), vault.ErrAbsent)
	ok(t, m.Put(ctx, lockedName, strings.NewReader("sealed"), 6))
	for range 2 { // twice is no error
		ok(t, m.Hold(ctx, lockedName, true))
	}
	err := m.Delete(ctx, lockedName)
	var kept *vault.Kept
	if !errors.As(err, &kept) || !kept.Hold || !errors.Is(err, vault.ErrKept) {
		t.Errorf("Delete under a hold: got %v, want a *Kept with Hold", err)
	}
	r, err := m.Get(ctx, lockedName)
	ok(t, err)
	body, err := io.ReadAll(r)
	ok(t, errors.Join(err, r.Close()))
	if string(body) != "sealed" {
		t.Errorf("object under a hold: got %q, want %q", body, "sealed")
	}
	for range 2 {
		ok(t, m.Hold(ctx, lockedName, false))
	}
	ok(t, m.Delete(ctx, lockedName))
	wants(t, "hold after Delete", m.Hold(ctx, lockedName, true), vault.ErrAbsent)
	wants(t, "hold on no name", m.Hold(ctx, "../x", true), vault.ErrInvalid)
}

// restricted are credentials of the same server that may do all but bypass a lock, for a quarter of an hour.
func restricted(t *testing.T, cfg vault.MinIOConfig) *minio.Client {
	t.Helper()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]},
		{"Effect":"Deny","Action":["s3:BypassGovernanceRetention"],"Resource":["arn:aws:s3:::*"]}]}`
	direct := s3Client(t, cfg)
	sts := &credentials.STSAssumeRole{Client: httpClient(t, cfg), STSEndpoint: direct.EndpointURL().String(), Options: credentials.STSAssumeRoleOptions{
		AccessKey: cfg.AccessKey, SecretKey: cfg.SecretKey, Policy: policy, DurationSeconds: 900, Location: "us-east-1"}}
	got, err := sts.RetrieveWithCredContext(nil)
	ok(t, err)
	c, err := minio.New(cfg.Endpoint, &minio.Options{Secure: true, Region: "us-east-1", Transport: httpClient(t, cfg).Transport,
		Creds: credentials.NewStaticV4(got.AccessKeyID, got.SecretAccessKey, got.SessionToken)})
	ok(t, err)
	return c
}

// TestLockOutlivesOtherCredentials: a locked rendition cannot be removed without the right to bypass, and an erasure
// with that right reaches it; sealed captures are not locked.
func TestLockOutlivesOtherCredentials(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	cfg.LockDays = 30
	m := openMinIO(t, cfg)
	ctx, intake := t.Context(), "intake/2026030209/capture"
	ok(t, m.Put(ctx, lockedName, strings.NewReader("sealed"), 6))
	ok(t, m.Put(ctx, intake, strings.NewReader("sealed"), 6))
	thief := restricted(t, cfg)
	for name, want := range map[string]bool{lockedName: false, intake: true} {
		ok(t, m.Versions(ctx, name, func(v vault.Version) error {
			err := thief.RemoveObject(ctx, cfg.Bucket, name, minio.RemoveObjectOptions{VersionID: v.ID, GovernanceBypass: true})
			if (err == nil) != want {
				t.Errorf("removing a version of %s without the right to bypass: got %v, want success %v", name, err, want)
			}
			return nil
		}))
	}
	// Hidden by a mark, it is still there.
	ok(t, thief.RemoveObject(ctx, cfg.Bucket, lockedName, minio.RemoveObjectOptions{}))
	var seen []vault.Version
	ok(t, m.Versions(ctx, lockedName, func(v vault.Version) error { seen = append(seen, v); return nil }))
	if len(seen) != 2 || !seen[0].Deleted || !seen[0].Newest || seen[1].Deleted || seen[1].Size != 6 {
		t.Fatalf("versions after a deletion by somebody else: got %+v, want a mark above the version", seen)
	}
	ok(t, m.DeleteVersion(ctx, lockedName, seen[0].ID))
	r, err := m.GetVersion(ctx, lockedName, seen[1].ID)
	ok(t, err)
	ok(t, r.Close())
	ok(t, m.Delete(ctx, lockedName))
	_, err = m.Get(ctx, lockedName)
	wants(t, "Get after an erasure past the lock", err, vault.ErrAbsent)
}

// TestKeptUntil: credentials that may not bypass a lock learn until when the object stays.
func TestKeptUntil(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	cfg.LockDays = 30
	ok(t, openMinIO(t, cfg).Put(t.Context(), lockedName, strings.NewReader("sealed"), 6))
	cfg.LockDays = 0 // a vault that does not ask for the bypass
	err := openMinIO(t, cfg).Delete(t.Context(), lockedName)
	var kept *vault.Kept
	if !errors.As(err, &kept) || kept.Hold {
		t.Fatalf("Delete of a locked object: got %v, want a *Kept", err)
	}
	if left := time.Until(kept.Until); left < 29*24*time.Hour || left > 31*24*time.Hour {
		t.Errorf("kept until %v, want about 30 days from now", kept.Until)
	}
}

// TestBucketsWithoutLocks: a bucket that cannot lock says so, and a configuration that asks for locks is refused.
func TestBucketsWithoutLocks(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	ok(t, s3Client(t, cfg).MakeBucket(t.Context(), cfg.Bucket, minio.MakeBucketOptions{}))
	m := openMinIO(t, cfg)
	if m.Locks() {
		t.Error("Locks of a bucket made without: got true")
	}
	ok(t, m.Put(t.Context(), lockedName, strings.NewReader("sealed"), 6))
	if err := m.Hold(t.Context(), lockedName, true); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Hold in a bucket without locks: got %v, want errors.ErrUnsupported", err)
	}
	cfg.LockDays = 1
	if _, err := vault.OpenMinIO(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "lock_days") {
		t.Errorf("OpenMinIO with lock_days on a bucket without locks: got %v, want it refused", err)
	}
	cfg.LockDays = -1
	if _, err := vault.OpenMinIO(t.Context(), cfg); err == nil {
		t.Error("OpenMinIO with a negative lock: got nil")
	}
}

// TestUploadsInParts: what somebody began to upload in parts is seen and can be removed.
func TestUploadsInParts(t *testing.T) {
	for name, open := range map[string]func(testing.TB) vault.MinIOConfig{"minio": vaulttest.MinIO, "versitygw": vaulttest.VersityGW} {
		t.Run(name, func(t *testing.T) {
			cfg := open(t)
			m := openMinIO(t, cfg)
			core := minio.Core{Client: s3Client(t, cfg)}
			for _, key := range []string{"object/2026030209/parts", "Not One of Ours"} {
				id, err := core.NewMultipartUpload(t.Context(), cfg.Bucket, key, minio.PutObjectOptions{})
				ok(t, err)
				_, err = core.PutObjectPart(t.Context(), cfg.Bucket, key, id, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{})
				ok(t, err)
			}
			uploads := func() (out []vault.Upload) {
				ok(t, m.Uploads(t.Context(), func(u vault.Upload) error { out = append(out, u); return nil }))
				return out
			}
			begun := uploads()
			if len(begun) != 2 {
				t.Fatalf("Uploads: got %+v, want 2", begun)
			}
			for _, u := range begun {
				if time.Since(u.Begun) > time.Hour {
					t.Errorf("upload begun at %v, want now", u.Begun)
				}
				ok(t, m.AbortUpload(context.WithoutCancel(t.Context()), u))
				ok(t, m.AbortUpload(t.Context(), u)) // gone already
			}
			if left := uploads(); len(left) != 0 {
				t.Errorf("Uploads after AbortUpload: got %+v, want none", left)
			}
		})
	}
}
