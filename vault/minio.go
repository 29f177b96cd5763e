package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	minioDeadline = 30 * time.Second // for one object
	minioRetries  = 3
	minioRegion   = "us-east-1" // what MinIO answers to; spares a request
	putMark       = "Put"       // user metadata: which Put wrote the object
)

// MinIOConfig says where a MinIO (or other S3) server is. Endpoint is
// "host:port". CAFile holds the certificates to trust, PEM; empty, the system's.
// Insecure speaks plain HTTP and is allowed to this machine only. CertFile and
// KeyFile are this node's certificate, PEM, where the guard before the store asks
// for one. LockDays is how long the store must keep a rendition whatever its own
// administrators do without the right to bypass; 0 is no lock. An erasure
// bypasses it, with credentials that may.
type MinIOConfig struct {
	Endpoint  string
	Bucket    string
	AccessKey string
	SecretKey string
	CAFile    string
	Insecure  bool
	CertFile  string
	KeyFile   string
	LockDays  int
}

const maxLockDays = 36500

// String keeps the secret key out of logs.
func (c MinIOConfig) String() string { return c.Endpoint + "/" + c.Bucket }

// GoString keeps the secret key out of logs.
func (c MinIOConfig) GoString() string { return c.String() }

// MinIO is Blobs in a bucket of a MinIO server. The bucket keeps versions where
// the server can, so that an overwrite by somebody else destroys nothing; our
// own Delete removes every version.
type MinIO struct {
	core      *minio.Core
	bucket    string
	versioned bool
	locks     bool // objects can be locked and held
	lockFor   time.Duration
}

// OpenMinIO connects, makes the bucket when absent, turns versions on and tries
// that the server keeps what it has.
func OpenMinIO(ctx context.Context, cfg MinIOConfig) (*MinIO, error) {
	transport, err := cfg.transport()
	if err != nil {
		return nil, err
	}
	core, err := minio.NewCore(cfg.Endpoint, &minio.Options{
		Creds:           credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure:          !cfg.Insecure,
		Transport:       transport,
		Region:          minioRegion,
		BucketLookup:    minio.BucketLookupPath,
		TrailingHeaders: true, // a checksum of what was really sent
		MaxRetries:      minioRetries,
	})
	if err != nil {
		return nil, errors.New("the store's address cannot be read: it should be host:port")
	}
	if cfg.LockDays < 0 || cfg.LockDays > maxLockDays {
		return nil, errors.New("the store's lock must be 0 to 36500 days")
	}
	m := &MinIO{core: core, bucket: cfg.Bucket, lockFor: time.Duration(cfg.LockDays) * 24 * time.Hour}
	ctx, cancel := context.WithTimeout(ctx, minioDeadline)
	defer cancel()
	if err := m.makeBucket(ctx); err != nil {
		return nil, err
	}
	if err := m.checkGuard(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// checkGuard refuses a server that does not heed If-None-Match: on it a second
// Put would replace an object.
func (m *MinIO) checkGuard(ctx context.Context) error {
	name := "probe/" + strings.ToLower(rand.Text())
	if err := m.Put(ctx, name, strings.NewReader("probe"), 5); err != nil {
		return fmt.Errorf("trying the store: %w", err)
	}
	again := m.Put(ctx, name, strings.NewReader("probe"), 5)
	if err := m.Delete(ctx, name); err != nil {
		return fmt.Errorf("trying the store: %w", err)
	}
	switch {
	case errors.Is(again, ErrExists):
		return nil
	case again == nil:
		return errors.New("the store overwrites objects it should keep (it ignores If-None-Match): use MinIO or another server")
	}
	return fmt.Errorf("trying the store: %w", again)
}

func (c MinIOConfig) transport() (*http.Transport, error) {
	host, _, err := net.SplitHostPort(c.Endpoint)
	if err != nil {
		return nil, errors.New("the store's address must be host:port")
	}
	if ip := net.ParseIP(host); c.Insecure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("plain HTTP to the store is allowed on this machine only: use TLS")
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.ResponseHeaderTimeout = minioDeadline
	t.MaxIdleConnsPerHost = 16
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CertFile != "" || c.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("loading this node's certificate for the store: %w", err)
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	if c.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the store's CA file: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("the store's CA file holds no certificate")
	}
	return t, nil
}

// makeBucket makes the bucket, with locks where the server has them: a bucket
// cannot get them later.
func (m *MinIO) makeBucket(ctx context.Context) error {
	there, err := m.core.BucketExists(ctx, m.bucket)
	if err != nil {
		return s3Error("asking for the bucket", err)
	}
	if !there {
		err = m.core.MakeBucket(ctx, m.bucket, minio.MakeBucketOptions{Region: minioRegion, ObjectLocking: true})
	}
	if code := minio.ToErrorResponse(err).Code; code == minio.NotImplemented || code == "InvalidRequest" {
		err = m.core.MakeBucket(ctx, m.bucket, minio.MakeBucketOptions{Region: minioRegion})
	}
	switch minio.ToErrorResponse(err).Code {
	case "", minio.BucketAlreadyOwnedByYou, minio.BucketAlreadyExists:
	default:
		return s3Error("making bucket", err)
	}
	if err != nil && minio.ToErrorResponse(err).Code == "" {
		return s3Error("making bucket", err)
	}
	if err := m.keepVersions(ctx); err != nil {
		return err
	}
	enabled, _, _, _, err := m.core.GetObjectLockConfig(ctx, m.bucket)
	m.locks = err == nil && enabled == "Enabled"
	if m.lockFor > 0 && !m.locks {
		return errors.New("the store cannot lock objects in this bucket: use a bucket that vaultd made on a server with object lock, or set lock_days to 0")
	}
	return nil
}

func (m *MinIO) keepVersions(ctx context.Context) error {
	v, err := m.core.GetBucketVersioning(ctx, m.bucket)
	if err == nil && v.Enabled() {
		m.versioned = true
		return nil
	}
	if err := m.core.EnableVersioning(ctx, m.bucket); err != nil {
		if code := minio.ToErrorResponse(err).StatusCode; code == 0 {
			return s3Error("turning versions on", err)
		}
		return nil // a server without versions; Versioned says so
	}
	v, err = m.core.GetBucketVersioning(ctx, m.bucket)
	m.versioned = err == nil && v.Enabled()
	return nil
}

// Versioned tells whether the server keeps older versions. Where it does not,
// whoever can write to the store can destroy objects; it cannot read or change
// them unnoticed either way.
func (m *MinIO) Versioned() bool { return m.versioned }

// Put is Blobs.Put.
func (m *MinIO) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if err := CheckBlobName(name); err != nil {
		return err
	}
	whole, err := exactly(body, size)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, minioDeadline)
	defer cancel()
	mark := rand.Text()
	opts := minio.PutObjectOptions{
		ContentType:      "application/octet-stream",
		UserMetadata:     map[string]string{putMark: mark},
		DisableMultipart: true,
	}
	m.lock(name, &opts)
	opts.SetMatchETagExcept("*") // If-None-Match: never overwrite
	_, err = m.core.Client.PutObject(ctx, m.bucket, name, whole, size, opts)
	switch code := minio.ToErrorResponse(err); {
	case err == nil:
		return nil
	case code.Code == minio.PreconditionFailed || code.StatusCode == http.StatusPreconditionFailed:
		return m.existing(ctx, name, mark)
	}
	return s3Error("storing object", err)
}

// existing tells an object that was there before from one that this very Put
// wrote, when its first answer was lost and the request was sent again.
func (m *MinIO) existing(ctx context.Context, name, mark string) error {
	info, err := m.core.StatObject(ctx, m.bucket, name, minio.StatObjectOptions{})
	if err != nil {
		return s3Error("storing object", err)
	}
	for k, v := range info.UserMetadata {
		if strings.EqualFold(k, putMark) && v == mark {
			return nil
		}
	}
	return ErrExists
}

// exactly returns body as something that can be sent again, if it has exactly
// size bytes.
func exactly(body io.Reader, size int64) (*bytes.Reader, error) {
	if size < 0 || size > maxObject {
		return nil, fmt.Errorf("object: %w", ErrTooLarge)
	}
	if r, ok := body.(*bytes.Reader); ok && int64(r.Len()) == size {
		return r, nil
	}
	b, err := io.ReadAll(io.LimitReader(body, size+1))
	if err != nil {
		return nil, fmt.Errorf("reading what to store: %w", err)
	}
	if int64(len(b)) < size {
		return nil, io.ErrUnexpectedEOF
	}
	if int64(len(b)) > size {
		return nil, fmt.Errorf("object is longer than announced: %w", ErrInvalid)
	}
	return bytes.NewReader(b), nil
}

// Get is Blobs.Get.
func (m *MinIO) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := CheckBlobName(name); err != nil {
		return nil, err
	}
	return m.get(ctx, name, minio.GetObjectOptions{})
}

func (m *MinIO) get(ctx context.Context, name string, opts minio.GetObjectOptions) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, minioDeadline)
	body, _, _, err := m.core.GetObject(ctx, m.bucket, name, opts)
	if err != nil {
		cancel()
		return nil, s3Error("reading object", err)
	}
	return &objectBody{body, cancel}, nil
}

// objectBody ends its request when it is closed.
type objectBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *objectBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = s3Error("reading object", err)
	}
	return n, err
}

func (b *objectBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// Delete is Blobs.Delete.
func (m *MinIO) Delete(ctx context.Context, name string) error {
	if err := CheckBlobName(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, minioDeadline)
	defer cancel()
	if !m.versioned {
		return m.remove(ctx, name, "")
	}
	var versions []string
	err := m.Versions(ctx, name, func(v Version) error {
		if v.Name == name {
			versions = append(versions, v.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, version := range versions {
		if err := m.remove(ctx, name, version); err != nil {
			return err
		}
	}
	return nil
}

// List is Blobs.List.
func (m *MinIO) List(ctx context.Context, prefix string, fn func(name string, size int64) error) error {
	if err := CheckBlobPrefix(prefix); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range m.core.Client.ListObjectsIter(ctx, m.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return s3Error("listing objects", o.Err)
		}
		if err := fn(o.Key, o.Size); err != nil {
			return err
		}
	}
	return nil
}

// Ping is Blobs.Ping.
func (m *MinIO) Ping(ctx context.Context) error {
	ok, err := m.core.BucketExists(ctx, m.bucket)
	if err != nil {
		return s3Error("asking the store", err)
	}
	if !ok {
		return fmt.Errorf("%w: the store has lost the bucket", ErrUnavailable)
	}
	return nil
}

// s3Error gives the sentinel of an answer of the store. Whatever it is, the
// caller can only keep what it has and try again.
func s3Error(doing string, err error) error {
	if err == nil {
		return nil
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	case answer.Code == minio.NoSuchKey || answer.Code == minio.NoSuchVersion || answer.Code == minio.NoSuchUpload:
		return ErrAbsent
	case answer.Code != "":
		return fmt.Errorf("%w: %s: the store says %s", ErrUnavailable, doing, shape(answer.Code))
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
