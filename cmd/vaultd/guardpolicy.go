package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// refusal is why the guard lets a request not through: a fixed word for logs and metrics, and a sentence for the client.
type refusal struct{ word, sentence string }

func (r *refusal) Error() string { return "refused: " + r.word }

var (
	refusePath      = &refusal{"path", "The guard serves one bucket, and no other path."}
	refuseCall      = &refusal{"call", "The guard lets only those calls through that the vault makes."}
	refuseName      = &refusal{"name", "The object's name is not one that the vault makes."}
	refuseQuery     = &refusal{"query", "The guard takes no credentials in the address, and no parameters that the vault does not use."}
	refuseUnsigned  = &refusal{"unsigned", "The request carries no signature in its Authorization header."}
	refuseHeader    = &refusal{"header", "The request carries a header that the vault does not send."}
	refuseOverwrite = &refusal{"overwrite", "Objects are only ever made new: If-None-Match: * is missing."}
	refuseBypass    = &refusal{"bypass", "This guard lets nobody bypass a lock."}
	refuseSize      = &refusal{"size", "The body has no length, or too great a one."}
	refuseBody      = &refusal{"body", "Versions can be turned on, and not off."}
	refuseSignature = &refusal{"signature", "The signature is not that of the vault's key."}
	refuseClient    = &refusal{"client", "This address is not one of the vault's nodes."}
)

// storeCall is one S3 call that the vault makes. Every query parameter of a request must be in query, and those whose
// text ends with ! must be there; "name=value" is taken literally.
type storeCall struct {
	name   string
	method string
	object bool // of an object, not of the bucket
	anyKey bool // also of objects that the vault did not name
	query  []string
	check  func(*http.Request) error
}

// storeCalls are all calls that the vault makes; what is not here is refused.
var storeCalls = []storeCall{
	{name: "bucket.exists", method: http.MethodHead},
	{name: "bucket.make", method: http.MethodPut},
	{name: "bucket.location", method: http.MethodGet, query: []string{"location!"}},
	{name: "versioning.read", method: http.MethodGet, query: []string{"versioning!"}},
	{name: "versioning.on", method: http.MethodPut, query: []string{"versioning!"}, check: turnsOn},
	{name: "lock.read", method: http.MethodGet, query: []string{"object-lock!"}},
	{name: "object.list", method: http.MethodGet, query: []string{"list-type=2!", "prefix", "delimiter", "continuation-token",
		"start-after", "max-keys", "encoding-type", "fetch-owner"}},
	{name: "version.list", method: http.MethodGet, query: []string{"versions!", "prefix", "delimiter", "key-marker",
		"version-id-marker", "max-keys", "encoding-type"}},
	{name: "upload.list", method: http.MethodGet, query: []string{"uploads!", "prefix", "delimiter", "key-marker",
		"upload-id-marker", "max-uploads", "encoding-type"}},
	{name: "object.stat", method: http.MethodHead, object: true, query: []string{"versionId"}},
	{name: "object.read", method: http.MethodGet, object: true, query: []string{"versionId"}},
	{name: "object.make", method: http.MethodPut, object: true, check: makesNew},
	{name: "object.delete", method: http.MethodDelete, object: true, query: []string{"versionId"}},
	{name: "upload.abort", method: http.MethodDelete, object: true, anyKey: true, query: []string{"uploadId!"}},
	{name: "hold.read", method: http.MethodGet, object: true, query: []string{"legal-hold!", "versionId"}},
	{name: "hold.set", method: http.MethodPut, object: true, query: []string{"legal-hold!", "versionId"}},
	{name: "retention.read", method: http.MethodGet, object: true, query: []string{"retention!", "versionId"}},
}

// maxGuarded bounds a body: a sealed object and the framing of its chunks.
const maxGuarded = 260 << 20

// policy is what one guard lets through.
type policy struct {
	bucket       string
	forbidBypass bool
}

// admit names the call, or says why it is refused. It looks at everything but the signature's value.
func (p policy) admit(r *http.Request) (storeCall, error) {
	key, err := p.target(r.URL)
	if err != nil {
		return storeCall{}, err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || strings.Contains(r.URL.RawQuery, ";") {
		return storeCall{}, refuseQuery
	}
	if err := signedInHeader(r, query); err != nil {
		return storeCall{}, err
	}
	if err := p.headers(r.Header); err != nil {
		return storeCall{}, err
	}
	if r.ContentLength < 0 || r.ContentLength > maxGuarded {
		return storeCall{}, refuseSize
	}
	call, err := find(r.Method, key, query)
	if err == nil && call.check != nil {
		err = call.check(r)
	}
	return call, err
}

// target gives the object's name, empty for the bucket itself.
func (p policy) target(u *url.URL) (string, error) {
	rest, ok := strings.CutPrefix(u.Path, "/"+p.bucket)
	if !ok || rest != "" && rest[0] != '/' || u.Host != "" || strings.ContainsAny(u.Path, "\\\x00") {
		return "", refusePath
	}
	key := strings.TrimPrefix(rest, "/")
	if key == "" {
		return "", nil
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return "", refusePath
		}
	}
	return key, nil
}

// find looks the call up by method, target and parameters.
func find(method, key string, query url.Values) (storeCall, error) {
	for _, c := range storeCalls {
		if c.method != method || c.object != (key != "") || !fits(c.query, query) {
			continue
		}
		if key != "" && !c.anyKey && vault.CheckBlobName(key) != nil {
			return storeCall{}, refuseName
		}
		return c, nil
	}
	return storeCall{}, refuseCall
}

// fits tells whether query holds all that must be there, each once, and nothing else.
func fits(allowed []string, query url.Values) bool {
	seen := 0
	for _, one := range allowed {
		name, must := strings.CutSuffix(one, "!")
		name, value, literal := strings.Cut(name, "=")
		got, there := query[name]
		if !there && must {
			return false
		}
		if there && (len(got) != 1 || literal && got[0] != value) {
			return false
		}
		if there {
			seen++
		}
	}
	return seen == len(query)
}

var signatureShape = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/,\s]{3,128}/[0-9]{8}/[a-z0-9-]{1,40}/s3/aws4_request, ?SignedHeaders=[a-z0-9;-]{1,1000}, ?Signature=[0-9a-f]{64}$`)

// signedInHeader wants one Authorization header of Signature Version 4 and no credentials anywhere else: MinIO takes
// streaming bodies with credentials in the address, or without a signature, for signed (CVE-2026-41145).
func signedInHeader(r *http.Request, query url.Values) error {
	for name := range query {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") || slices.Contains([]string{"awsaccesskeyid", "signature", "expires", "action"}, lower) {
			return refuseQuery
		}
	}
	given := r.Header.Values("Authorization")
	if len(given) != 1 || !signatureShape.MatchString(given[0]) || len(r.Header.Values("X-Amz-Content-Sha256")) != 1 {
		return refuseUnsigned
	}
	return nil
}

// amzHeaders are those that the vault's client sends; any other x-amz- header asks for something else.
var amzHeaders = []string{"x-amz-content-sha256", "x-amz-date", "x-amz-decoded-content-length", "x-amz-trailer",
	"x-amz-sdk-checksum-algorithm", "x-amz-meta-put",
	"x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-bucket-object-lock-enabled", "x-amz-bypass-governance-retention"}

// headers refuses whatever copies, replicates, extracts or changes the protocol, and all that is MinIO's own.
func (p policy) headers(h http.Header) error {
	for name := range h {
		lower := strings.ToLower(name)
		switch {
		case strings.HasPrefix(lower, "x-minio-"), lower == "x-http-method-override", lower == "upgrade",
			strings.HasPrefix(lower, "x-amz-") && !strings.HasPrefix(lower, "x-amz-checksum-") && !slices.Contains(amzHeaders, lower):
			return refuseHeader
		case lower == "x-amz-bypass-governance-retention" && p.forbidBypass:
			return refuseBypass
		case lower == "connection" && !plainConnection(h.Values(name)),
			lower == "x-amz-object-lock-mode" && !slices.Equal(h.Values(name), []string{"GOVERNANCE"}):
			return refuseHeader
		}
	}
	return nil
}

// plainConnection tells whether a Connection header names no other header. What it names is dropped by a proxy (RFC 9110,
// 7.6.1): judged here, it would not reach the store, and If-None-Match would be asked for and not kept.
func plainConnection(values []string) bool {
	for one := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if word := strings.ToLower(strings.TrimSpace(one)); word != "" && word != "close" && word != "keep-alive" {
			return false
		}
	}
	return true
}

// makesNew wants that an object be made and none overwritten.
func makesNew(r *http.Request) error {
	if h := r.Header.Values("If-None-Match"); len(h) != 1 || h[0] != "*" {
		return refuseOverwrite
	}
	return nil
}

const maxVersioning = 4 << 10

// turnsOn looks into the small body of a versioning call.
func turnsOn(r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxVersioning+1))
	if err != nil {
		return errors.Join(refuseBody, err)
	}
	if len(body) > maxVersioning || !saysEnabled(body) {
		return refuseBody
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// saysEnabled tells whether a versioning call says Status Enabled and nothing else: no prefix without versions, and
// nothing that another reader of XML could take in another way, such as a comment.
func saysEnabled(body []byte) bool {
	dec, depth, statuses := xml.NewDecoder(bytes.NewReader(body)), 0, 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return statuses == 1
		}
		switch x := token.(type) {
		case xml.StartElement:
			if want := []string{"VersioningConfiguration", "Status"}; depth >= len(want) || x.Name.Local != want[depth] {
				return false
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			text := strings.TrimSpace(string(x))
			if text != "" && (depth != 2 || text != "Enabled") {
				return false
			}
			if depth == 2 {
				statuses++
			}
		default: // also nil: what is no XML
			return false
		}
	}
}
