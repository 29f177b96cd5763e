package main

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// FuzzGuard reads requests as a server does. None may panic the guard, and what it lets through is signed, is of the
// one bucket, and makes or deletes only what the vault could have named.
func FuzzGuard(f *testing.F) {
	const signature = "Authorization: AWS4-HMAC-SHA256 Credential=access/20260302/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=" +
		"0000000000000000000000000000000000000000000000000000000000000000\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\nX-Amz-Date: 20260302T093000Z\r\n"
	for _, seed := range []string{
		"GET /bucket" + goodName + " HTTP/1.1\r\nHost: h\r\n" + signature + "\r\n",
		"PUT /bucket" + goodName + " HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\nContent-Length: 1\r\n" + signature + "\r\nx",
		"PUT /bucket?versioning= HTTP/1.1\r\nHost: h\r\nContent-Length: 24\r\n" + signature + "\r\n<Status>Enabled</Status>",
		"DELETE /bucket/a%20b?uploadId=x HTTP/1.1\r\nHost: h\r\n" + signature + "\r\n",
		"GET /bucket?list-type=2&prefix=object%2F HTTP/1.1\r\nHost: h\r\n" + signature + "\r\n",
		"GET /bucket/../minio/admin?X-Amz-Credential=a HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST /bucket/%2e%2e/x?select;y HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	p := policy{bucket: "bucket"}
	check := signatures{access: "access", secret: "secret", now: time.Now}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		call, err := p.admit(r)
		if err != nil {
			return
		}
		if check.check(r) == nil {
			t.Errorf("a signature was accepted that nobody made: %s %s", r.Method, r.URL.Path)
		}
		key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/bucket"), "/")
		switch {
		case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
			t.Errorf("let through unsigned: %s", call.name)
		case call.object && !call.anyKey && vault.CheckBlobName(key) != nil:
			t.Errorf("let through a name that the vault does not make: %q", key)
		case call.name == "object.make" && r.Header.Get("If-None-Match") != "*":
			t.Error("let through an overwrite")
		case slices.Contains(strings.Split(key, "/"), ".."):
			t.Errorf("let through a path that climbs: %q", key)
		}
	})
}
