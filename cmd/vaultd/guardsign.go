package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// signatures checks signatures of AWS Signature Version 4 in the Authorization header, as S3 does them, with the vault's
// own key, so that no fault in the store's own check lets anybody in. The zero signatures checks nothing.
type signatures struct {
	access, secret string
	now            func() time.Time
}

// String keeps the secret out of logs.
func (signatures) String() string { return "[redacted]" }

// GoString keeps the secret out of logs.
func (signatures) GoString() string { return "[redacted]" }

const (
	amzDate    = "20060102T150405Z"
	maxSkew    = 15 * time.Minute
	sigService = "s3"
)

// mustSign are the headers that no signature may leave out.
var mustSign = []string{"host", "x-amz-content-sha256", "x-amz-date"}

// check refuses a request that the vault's key did not sign just now. The header has the shape that the policy wants.
func (s signatures) check(r *http.Request) error {
	if s.secret == "" {
		return nil
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	access, scope, _ := strings.Cut(fields["Credential"], "/")
	signed := strings.Split(fields["SignedHeaders"], ";")
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(amzDate, stamp)
	if err != nil || access != s.access || !strings.HasPrefix(scope, stamp[:8]+"/") || s.now().Sub(at).Abs() > maxSkew {
		return refuseSignature
	}
	for _, name := range mustSign {
		if !slices.Contains(signed, name) {
			return refuseSignature
		}
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !slices.Contains(signed, lower) {
			return refuseSignature
		}
	}
	sum := sha256.Sum256([]byte(canonical(r, signed)))
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	want := hex.EncodeToString(mac(s.key(scope), text))
	if !hmac.Equal([]byte(want), []byte(fields["Signature"])) {
		return refuseSignature
	}
	return nil
}

// key derives the key of a scope "date/region/service/aws4_request".
func (s signatures) key(scope string) []byte {
	key := []byte("AWS4" + s.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonical is the request in the form that is signed.
func canonical(r *http.Request, signed []string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + escapeS3(r.URL.Path, true) + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		if name == "content-length" {
			value = r.Header.Get("Content-Length")
		}
		b.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + r.Header.Get("X-Amz-Content-Sha256"))
	return b.String()
}

func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, escapeS3(name, false)+"="+escapeS3(value, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escapeS3 escapes all but the unreserved characters of RFC 3986, and the slash where it parts a path.
func escapeS3(s string, path bool) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, c == '/' && path:
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}
