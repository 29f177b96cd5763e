package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const (
	unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	emptySum        = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// s3Check is one request past the vault's own client.
type s3Check struct {
	name   string
	method string
	path   string // after the bucket; with its query
	header map[string]string
	body   string
	sign   func(r *http.Request, cfg vault.MinIOConfig) *http.Request // default: Signature Version 4 in the header
	want   *refusal                                                   // nil: it passes and MinIO answers want2xx
	status int                                                        // of MinIO's answer where it passes; default 200
}

func signedV4(r *http.Request, cfg vault.MinIOConfig) *http.Request {
	return signer.SignV4(*r, cfg.AccessKey, cfg.SecretKey, "", "us-east-1")
}
func signedV2(r *http.Request, cfg vault.MinIOConfig) *http.Request {
	return signer.SignV2(*r, cfg.AccessKey, cfg.SecretKey, false)
}
func presigned(r *http.Request, cfg vault.MinIOConfig) *http.Request {
	return signer.PreSignV4(*r, cfg.AccessKey, cfg.SecretKey, "", "us-east-1", 300)
}
func anonymous(r *http.Request, _ vault.MinIOConfig) *http.Request { return r }

func wrongKey(r *http.Request, cfg vault.MinIOConfig) *http.Request {
	return signer.SignV4(*r, cfg.AccessKey, "not the secret key", "", "us-east-1")
}
func otherUser(r *http.Request, cfg vault.MinIOConfig) *http.Request {
	return signer.SignV4(*r, "another-user", cfg.SecretKey, "", "us-east-1")
}

// afterSigning changes what was signed.
func afterSigning(change func(*http.Request)) func(*http.Request, vault.MinIOConfig) *http.Request {
	return func(r *http.Request, cfg vault.MinIOConfig) *http.Request {
		signed := signedV4(r, cfg)
		change(signed)
		return signed
	}
}

// accessKeyOnly is what CVE-2026-41145 needs: the access key's name in the address, and no signature anywhere.
func accessKeyOnly(r *http.Request, cfg vault.MinIOConfig) *http.Request {
	now := time.Now().UTC()
	q := r.URL.Query()
	q.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
	q.Set("X-Amz-Credential", cfg.AccessKey+"/"+now.Format("20060102")+"/us-east-1/s3/aws4_request")
	q.Set("X-Amz-Date", now.Format(amzDate))
	q.Set("X-Amz-Expires", "300")
	q.Set("X-Amz-SignedHeaders", "host")
	q.Set("X-Amz-Signature", strings.Repeat("0", 64))
	r.URL.RawQuery = q.Encode()
	return r
}

// forged is a streaming body with a trailer and no signature.
func forged(body string) (text string, header map[string]string) {
	return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n\r\n", len(body), body), map[string]string{
		"X-Amz-Content-Sha256": unsignedTrailer, "X-Amz-Decoded-Content-Length": fmt.Sprint(len(body)), "X-Amz-Date": time.Now().UTC().Format(amzDate)}
}

func (c s3Check) send(t *testing.T, cfg vault.MinIOConfig) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, "https://"+cfg.Endpoint+"/"+cfg.Bucket+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", emptySum)
	if c.body != "" {
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	sign := c.sign
	if sign == nil {
		sign = signedV4
	}
	return send(t, storeClient(t, cfg, nil), sign(r, cfg))
}

const (
	goodName = "/object/2026030209/aaaaaaaaaaaaaaaaaaaaaaaaaa"
	enabled  = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`
)

func put(more map[string]string) map[string]string {
	h := map[string]string{"If-None-Match": "*"}
	for k, v := range more {
		h[k] = v
	}
	return h
}

// s3Checks are what the vault needs, which passes, and what it does not, which is refused.
func s3Checks() []s3Check {
	streaming, streamingHeader := forged("streamed")
	return []s3Check{
		{name: "put an object", method: "PUT", path: goodName, header: put(nil), body: "sealed"},
		{name: "put it again", method: "PUT", path: goodName, header: put(nil), body: "sealed", status: 412},
		{name: "stat", method: "HEAD", path: goodName},
		{name: "get", method: "GET", path: goodName},
		{name: "get a range", method: "GET", path: goodName, header: map[string]string{"Range": "bytes=0-1"}, status: 206},
		{name: "get what is not there", method: "GET", path: goodName + "x", status: 404},
		{name: "list", method: "GET", path: "?list-type=2&prefix=object%2F&delimiter=&fetch-owner=true&encoding-type=url&max-keys=10"},
		{name: "list versions", method: "GET", path: "?versions=&prefix=object%2F&encoding-type=url"},
		{name: "list uploads", method: "GET", path: "?uploads=&prefix=&max-uploads=10"},
		{name: "read versioning", method: "GET", path: "?versioning="},
		{name: "turn versions on", method: "PUT", path: "?versioning=", body: enabled},
		{name: "read the lock", method: "GET", path: "?object-lock="},
		{name: "bucket exists", method: "HEAD", path: "/"},
		{name: "bucket exists, no slash", method: "HEAD", path: ""},
		{name: "bucket's place", method: "GET", path: "?location="},
		{name: "make the bucket again", method: "PUT", path: "/", status: 409},
		{name: "read a hold", method: "GET", path: goodName + "?legal-hold=", status: 400},
		{name: "delete", method: "DELETE", path: goodName, status: 204},
		{name: "streamed and signed", method: "PUT", path: goodName + "s", body: streaming, header: put(streamingHeader)},

		{name: "streamed, access key alone", method: "PUT", path: goodName, body: streaming, header: put(streamingHeader), sign: accessKeyOnly, want: refuseQuery},
		{name: "streamed, no credentials", method: "PUT", path: goodName, body: streaming, header: put(streamingHeader), sign: anonymous, want: refuseUnsigned},
		{name: "streamed, presigned", method: "PUT", path: goodName, body: streaming, header: put(streamingHeader), sign: presigned, want: refuseQuery},
		{name: "presigned get", method: "GET", path: goodName, sign: presigned, want: refuseQuery},
		{name: "anonymous get", method: "GET", path: goodName, sign: anonymous, want: refuseUnsigned},
		{name: "anonymous list", method: "GET", path: "?list-type=2", sign: anonymous, want: refuseUnsigned},
		{name: "signature version 2", method: "GET", path: goodName, sign: signedV2, want: refuseUnsigned},
		{name: "signed with another key", method: "GET", path: goodName, sign: wrongKey, want: refuseSignature},
		{name: "signed by another user", method: "GET", path: goodName, sign: otherUser, want: refuseSignature},
		{name: "signed for another object", method: "GET", path: goodName, want: refuseSignature, sign: afterSigning(func(r *http.Request) { r.URL.Path += "b" })},
		{name: "signed for another method", method: "GET", path: goodName, want: refuseSignature, sign: afterSigning(func(r *http.Request) { r.Method = "DELETE" })},
		{name: "signed without a query", method: "GET", path: goodName, want: refuseSignature, sign: afterSigning(func(r *http.Request) { r.URL.RawQuery = "versionId=null" })},
		{name: "header added after signing", method: "DELETE", path: goodName, want: refuseSignature,
			sign: afterSigning(func(r *http.Request) { r.Header.Set("X-Amz-Bypass-Governance-Retention", "true") })},
		{name: "signed an hour ago", method: "GET", path: goodName, want: refuseSignature,
			sign: afterSigning(func(r *http.Request) { r.Header.Set("X-Amz-Date", time.Now().UTC().Add(-time.Hour).Format(amzDate)) })},
		{name: "two Authorization headers", method: "GET", path: goodName, want: refuseUnsigned,
			sign: afterSigning(func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) })},
		{name: "bearer token", method: "GET", path: goodName, want: refuseUnsigned,
			sign: afterSigning(func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") })},
		{name: "overwrite", method: "PUT", path: goodName, body: "other", want: refuseOverwrite},
		{name: "overwrite that version", method: "PUT", path: goodName, body: "other", header: map[string]string{"If-None-Match": `"etag"`}, want: refuseOverwrite},
		{name: "archive to extract", method: "PUT", path: goodName, body: "tar", header: put(map[string]string{"X-Amz-Meta-Snowball-Auto-Extract": "true"}), want: refuseHeader},
		{name: "archive, MinIO's header", method: "PUT", path: goodName, body: "tar", header: put(map[string]string{"X-Minio-Extract": "true"}), want: refuseHeader},
		{name: "replication", method: "PUT", path: goodName, body: "x", header: put(map[string]string{"X-Minio-Source-Mtime": "2026-03-02T09:30:00Z"}), want: refuseHeader},
		{name: "replica status", method: "PUT", path: goodName, body: "x", header: put(map[string]string{"X-Amz-Bucket-Replication-Status": "REPLICA"}), want: refuseHeader},
		{name: "replication encryption", method: "PUT", path: goodName, body: "x", header: put(map[string]string{"X-Minio-Replication-Server-Side-Encryption-Sealed-Key": "x"}), want: refuseHeader},
		{name: "copy", method: "PUT", path: goodName, header: put(map[string]string{"X-Amz-Copy-Source": "/other/object"}), want: refuseHeader},
		{name: "tags and class", method: "PUT", path: goodName, body: "x", header: put(map[string]string{"X-Amz-Tagging": "a=b"}), want: refuseHeader},
		{name: "forced delete", method: "DELETE", path: goodName, header: map[string]string{"X-Minio-Force-Delete": "true"}, want: refuseHeader},
		{name: "another protocol", method: "GET", path: goodName, header: map[string]string{"Upgrade": "websocket"}, want: refuseHeader},
		{name: "delete the bucket", method: "DELETE", path: "/", want: refuseCall},
		{name: "delete many", method: "POST", path: "?delete=", body: "<Delete/>", want: refuseCall},
		{name: "select", method: "POST", path: goodName + "?select=&select-type=2", body: "<x/>", want: refuseCall},
		{name: "begin an upload in parts", method: "POST", path: goodName + "?uploads=", want: refuseCall},
		{name: "put a part", method: "PUT", path: goodName + "?partNumber=1&uploadId=x", header: put(nil), body: "x", want: refuseCall},
		{name: "post by form", method: "POST", path: "/", body: "x", want: refuseCall},
		{name: "bucket policy", method: "PUT", path: "?policy=", body: "{}", want: refuseCall},
		{name: "lifecycle", method: "PUT", path: "?lifecycle=", body: "<x/>", want: refuseCall},
		{name: "notification", method: "GET", path: "?notification=", want: refuseCall},
		{name: "listen for events", method: "GET", path: "?events=s3:ObjectCreated:*", want: refuseCall},
		{name: "old list", method: "GET", path: "?prefix=", want: refuseCall},
		{name: "retention off", method: "PUT", path: goodName + "?retention=", body: "<Retention/>", want: refuseCall},
		{name: "versions off", method: "PUT", path: "?versioning=", body: strings.Replace(enabled, "Enabled", "Suspended", 1), want: refuseBody},
		{name: "the same parameter twice", method: "GET", path: goodName + "?versionId=a&versionId=b", want: refuseCall},
		{name: "semicolon", method: "GET", path: goodName, want: refuseQuery, sign: afterSigning(func(r *http.Request) { r.URL.RawQuery = "versionId=a;x=b" })},
		{name: "action", method: "POST", path: "/?Action=AssumeRole&Version=2011-06-15", want: refuseQuery},
		{name: "a name not of the vault's making", method: "PUT", path: "/Name.txt", header: put(nil), body: "x", want: refuseName},
		{name: "dots", method: "GET", path: "/object/%2e%2e/other", want: refusePath},
		{name: "another bucket", method: "GET", path: "-other/object", want: refusePath},
		{name: "internal path", method: "GET", path: "/../minio/admin/v3/info", want: refusePath},
	}
}

// craftyChecks are refused although the vault's key signed them: each says one thing to the guard and another to the store.
func craftyChecks() []s3Check {
	return []s3Check{
		{name: "versions off, said twice", method: "PUT", path: "?versioning=", want: refuseBody,
			body: strings.Replace(enabled, "<Status>", "<Status>Suspend&#101;d</Status><Status>", 1)},
		{name: "versions off beside a comment", method: "PUT", path: "?versioning=", want: refuseBody,
			body: "<VersioningConfiguration><!--<Status>Enabled</Status>--><Status>Suspend&#101;d</Status></VersioningConfiguration>"},
		{name: "versions off for some", method: "PUT", path: "?versioning=", want: refuseBody,
			body: strings.Replace(enabled, "</Status>", "</Status><ExcludedPrefixes><Prefix>object/*</Prefix></ExcludedPrefixes>", 1)},
		{name: "no status", method: "PUT", path: "?versioning=", body: "<VersioningConfiguration></VersioningConfiguration>", want: refuseBody},
		{name: "overwrite, the condition left behind", method: "PUT", path: goodName + "s", body: "other", want: refuseHeader,
			sign: afterSigning(func(r *http.Request) {
				r.Header.Set("If-None-Match", "*")
				r.Header.Set("Connection", "keep-alive, If-None-Match")
			})},
		{name: "a lock that nobody can lift", method: "PUT", path: goodName + "l", body: "x", want: refuseHeader,
			header: put(map[string]string{"X-Amz-Object-Lock-Mode": "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date": "2090-01-01T00:00:00Z"})},
	}
}

// TestGuardChecks runs every check against a real MinIO through the guard. What is refused has the guard's own words
// and leaves nothing behind.
func TestGuardChecks(t *testing.T) {
	direct, guarded := guardedStore(t, nil)
	openStore(t, guarded)
	if n := len(s3Checks()); n < 45 {
		t.Fatalf("only %d checks", n)
	}
	for _, c := range append(s3Checks(), craftyChecks()...) {
		t.Run(c.name, func(t *testing.T) {
			before := names(t, direct)
			status, body := c.send(t, guarded)
			if c.want == nil {
				if want := max(c.status, 200); status != want {
					t.Errorf("got %d %s, want MinIO's %d", status, body, want)
				}
				return
			}
			if status != http.StatusForbidden || !strings.Contains(html.UnescapeString(body), "<Code>AccessDenied</Code><Message>"+c.want.sentence) {
				t.Errorf("got %d %s, want 403 with %q", status, body, c.want.sentence)
			}
			if after := names(t, direct); after != before {
				t.Errorf("a refused request changed the store: from %s to %s", before, after)
			}
		})
	}
	for _, path := range []string{"/", "/minio/admin/v3/info", "/minio/v2/metrics/cluster", "/minio/health/ready?x=y", "/other", "/minio/kms/v1/status"} {
		if status, _ := ask(t, guarded, nil, "GET", path); status != http.StatusForbidden {
			t.Errorf("GET %s: got %d, want 403", path, status)
		}
	}
	if status, _ := ask(t, guarded, nil, "GET", "/minio/health/ready"); status != http.StatusOK {
		t.Errorf("the store's health through the guard: got %d, want 200", status)
	}
}

// names lists what the bucket holds, past the guard, with versions.
func names(t testing.TB, cfg vault.MinIOConfig) string {
	t.Helper()
	client, err := minio.New(cfg.Endpoint, &minio.Options{Secure: true, Region: "us-east-1", Transport: storeClient(t, cfg, nil).Transport,
		Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for o := range client.ListObjectsIter(context.Background(), cfg.Bucket, minio.ListObjectsOptions{WithVersions: true, Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		fmt.Fprintln(&b, o.Key, o.VersionID, o.Size, o.IsDeleteMarker)
	}
	return b.String()
}

// TestUnsignedTrailerWrite is CVE-2026-41145: whoever knows the name of an access key, and no secret, writes to MinIO.
// Through the guard they cannot. Made behind it, the write is found by a check of the store and never served.
func TestUnsignedTrailerWrite(t *testing.T) {
	direct, guarded := guardedStore(t, nil)
	b := vaulttest.NewOn(t, "sqlite", vaulttest.SQLite(t), openStore(t, guarded))
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	photo := vault.PhotoID(b.Send(t, doctor, b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 96, 64, 1))).PhotoID)
	b.Work(t)
	want, err := b.V.ReadRendition(t.Context(), doctor, photo, vault.KindCoveredThumb)
	if err != nil {
		t.Fatal(err)
	}
	var victim string
	err = b.SQL(t).QueryRowContext(t.Context(), `SELECT blob FROM renditions WHERE photo = $1 AND kind = 'covered_thumb'`, string(photo)).Scan(&victim)
	if err != nil {
		t.Fatal(err)
	}
	body, header := forged("forged by a stranger")
	thief := direct
	thief.SecretKey = "unknown to the thief"
	attempts := []s3Check{
		{name: "a new object", method: "PUT", path: "/object/9999010100/" + strings.Repeat("f", 26), body: body, header: header, sign: accessKeyOnly},
		{name: "over a rendition", method: "PUT", path: "/" + victim, body: body, header: header, sign: accessKeyOnly},
	}
	before := names(t, direct)
	for _, c := range attempts {
		through := guarded
		through.SecretKey = thief.SecretKey
		if status, answer := c.send(t, through); status != http.StatusForbidden || !strings.Contains(answer, refuseQuery.sentence) {
			t.Errorf("%s through the guard: got %d %s, want 403", c.name, status, answer)
		}
	}
	if after := names(t, direct); after != before {
		t.Fatalf("the guard let something through: %s", after)
	}
	for _, c := range attempts {
		if status, answer := c.send(t, thief); status != http.StatusOK {
			t.Fatalf("%s directly at MinIO: got %d %s, want 200: this MinIO has closed the hole, so this test proves nothing any more", c.name, status, answer)
		}
	}
	if after := names(t, direct); strings.Count(after, "\n") != strings.Count(before, "\n")+2 {
		t.Fatalf("MinIO said 200 and wrote nothing: %s", after)
	}
	got, err := b.V.ReadRendition(t.Context(), doctor, photo, vault.KindCoveredThumb)
	var refused *vault.Refused
	if !errors.As(err, &refused) || len(got.Bytes) != 0 {
		t.Errorf("the forged object: got %d bytes and %v, want it refused", len(got.Bytes), err)
	}
	report, err := b.V.CheckStore(t.Context(), vault.Operator(), vault.CheckOptions{Repair: true})
	if err != nil {
		t.Fatal(err)
	}
	if report.Findings != 2 || report.Repaired != 1 {
		t.Errorf("check of the store: got %+v, want the unknown object, and the rendition brought back", report.List)
	}
	if got, err := b.V.ReadRendition(t.Context(), doctor, photo, vault.KindCoveredThumb); err != nil || !bytes.Equal(got.Bytes, want.Bytes) {
		t.Errorf("after the repair: got %d bytes and %v, want the picture", len(got.Bytes), err)
	}
}
