package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// lock has the store keep a rendition for the configured time. Sealed captures
// are not locked: they must go as soon as their photos are processed.
func (m *MinIO) lock(name string, opts *minio.PutObjectOptions) {
	if m.lockFor > 0 && strings.HasPrefix(name, blobObject+"/") {
		opts.Mode, opts.RetainUntilDate = minio.Governance, time.Now().Add(m.lockFor).UTC()
	}
}

// Locks tells whether the bucket can lock and hold objects.
func (m *MinIO) Locks() bool { return m.locks }

// Hold is Holder.Hold, by a legal hold on every version of the object.
func (m *MinIO) Hold(ctx context.Context, name string, on bool) error {
	if err := CheckBlobName(name); err != nil {
		return err
	}
	if !m.locks {
		return fmt.Errorf("legal hold in the store: %w", errors.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, minioDeadline)
	defer cancel()
	status := minio.LegalHoldDisabled
	if on {
		status = minio.LegalHoldEnabled
	}
	held := 0
	err := m.Versions(ctx, name, func(v Version) error {
		if v.Name != name || v.Deleted {
			return nil
		}
		held++
		err := m.core.PutObjectLegalHold(ctx, m.bucket, name, minio.PutObjectLegalHoldOptions{VersionID: v.ID, Status: &status})
		return s3Error("setting a legal hold", err)
	})
	if err == nil && held == 0 {
		return ErrAbsent
	}
	return err
}

// remove deletes one version, past a lock where the credentials may.
func (m *MinIO) remove(ctx context.Context, name, version string) error {
	err := m.core.RemoveObject(ctx, m.bucket, name, minio.RemoveObjectOptions{VersionID: version})
	// A store refuses in different words what it has to keep, so it is asked what it keeps.
	if answer := minio.ToErrorResponse(err); err != nil && m.locks && answer.StatusCode >= 400 && answer.StatusCode < 500 {
		if kept := m.kept(ctx, name, version); kept != nil && (kept.Hold || m.lockFor == 0) {
			return kept
		} else if kept != nil {
			err = m.core.RemoveObject(ctx, m.bucket, name, minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: true})
			if code := minio.ToErrorResponse(err).StatusCode; code >= 400 && code < 500 {
				return kept
			}
		}
	}
	if err = s3Error("deleting object", err); errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}

// kept says why the store keeps a version; nil when it does not.
func (m *MinIO) kept(ctx context.Context, name, version string) *Kept {
	hold, err := m.core.GetObjectLegalHold(ctx, m.bucket, name, minio.GetObjectLegalHoldOptions{VersionID: version})
	if err == nil && hold != nil && *hold == minio.LegalHoldEnabled {
		return &Kept{Hold: true}
	}
	mode, until, err := m.core.GetObjectRetention(ctx, m.bucket, name, version)
	if err == nil && mode != nil && until != nil && until.After(time.Now()) {
		return &Kept{Until: *until}
	}
	return nil
}

// Versions is Historian.Versions.
func (m *MinIO) Versions(ctx context.Context, prefix string, fn func(Version) error) error {
	if err := CheckBlobPrefix(prefix); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: m.versioned}
	for o := range m.core.Client.ListObjectsIter(ctx, m.bucket, opts) {
		if o.Err != nil {
			return s3Error("listing versions", o.Err)
		}
		v := Version{Name: o.Key, ID: o.VersionID, Size: o.Size, At: o.LastModified, Newest: o.IsLatest || !m.versioned, Deleted: o.IsDeleteMarker}
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}

// GetVersion is Historian.GetVersion.
func (m *MinIO) GetVersion(ctx context.Context, name, version string) (io.ReadCloser, error) {
	if err := CheckBlobName(name); err != nil {
		return nil, err
	}
	return m.get(ctx, name, minio.GetObjectOptions{VersionID: version})
}

// DeleteVersion is Historian.DeleteVersion.
func (m *MinIO) DeleteVersion(ctx context.Context, name, version string) error {
	if err := CheckBlobName(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, minioDeadline)
	defer cancel()
	return m.remove(ctx, name, version)
}

// Uploads is Historian.Uploads.
func (m *MinIO) Uploads(ctx context.Context, fn func(Upload) error) error {
	key, id := "", ""
	for {
		page, err := m.core.ListMultipartUploads(ctx, m.bucket, "", key, id, "", 1000)
		if minio.ToErrorResponse(err).Code == minio.NotImplemented {
			return nil
		}
		if err != nil {
			return s3Error("listing uploads", err)
		}
		for _, u := range page.Uploads {
			if err := fn(Upload{Name: u.Key, ID: u.UploadID, Begun: u.Initiated}); err != nil {
				return err
			}
		}
		if !page.IsTruncated || page.NextKeyMarker == key && page.NextUploadIDMarker == id {
			return nil
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// AbortUpload is Historian.AbortUpload.
func (m *MinIO) AbortUpload(ctx context.Context, u Upload) error {
	err := s3Error("removing an upload", m.core.AbortMultipartUpload(ctx, m.bucket, u.Name, u.ID))
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}
