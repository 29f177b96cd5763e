package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// Refusals that HTTP itself has; everything else comes from vault.
var (
	errBody        = errors.New("malformed body")
	errMedia       = errors.New("media type not taken here")
	errLength      = errors.New("length missing")
	errNoRoute     = errors.New("no such address")
	errMethod      = errors.New("method not allowed here")
	errHost        = errors.New("host not served here")
	errCrossOrigin = errors.New("cross-origin request")
	errCredentials = errors.New("login or password is wrong")
	errTooMany     = errors.New("too many requests")
	errBusy        = errors.New("busy")
	errFactor      = errors.New("the factor does not fit")
	errLogout      = errors.New("logout token refused")
	errNoQR        = errors.New("the text does not fit into a QR code")
)

// retryAfter is what a 503 says when nothing better is known.
const retryAfter = 5 * time.Second

// refusal says how one error is told to the outside. An empty text means that there is nothing to add to the title.
type refusal struct {
	is     error
	status int
	slug   string
	title  string
	text   string
}

// refusals is the one table from errors to answers. The first row whose error is in the chain wins; what matches
// none is an internal error, of which the outside learns the request ID alone.
var refusals = []refusal{
	{errBody, 400, "malformed", "Malformed request", "The request body is not the JSON that this address takes."},
	{errLogout, 400, "logout-token", "Logout refused", "The logout token was not accepted."},
	{errCredentials, 401, "wrong-credentials", "Sign-in refused", "The login or the password is wrong."},
	{errFactor, 401, "wrong-factor", "Sign-in refused", "That was not right, or took too long. Begin again."},
	{vault.ErrDeviceProof, 401, "prove-device", "The device has to prove itself", "This device has to show that it is the one you signed in on. Load the page again."},
	{vault.ErrUnauthenticated, 401, "not-signed-in", "Not signed in", "Your session has ended or there was none. Please sign in."},
	{errCrossOrigin, 403, "cross-origin", "Cross-origin request refused", "This request came from another site and was refused."},
	{vault.ErrStepUp, 403, "step-up", "A fresh sign-in factor is needed", "Show again that it is you: with your passkey, or a code of your app."},
	{vault.ErrSecondFactor, 403, "second-factor", "A second factor is needed", "A password alone opens nothing here. Add a passkey or an authenticator app to your account."},
	{vault.ErrWrongFactor, 403, "wrong-factor", "Not accepted", "That was not right. Try again."},
	{errHospital, 403, "hospital-sign-in", "Hospital sign-in refused", "The answer of your hospital's sign-in was not accepted. Please begin again."},
	{vault.ErrDenied, 403, "not-allowed", "Not allowed", "Your role does not allow this."},
	{errNoRoute, 404, "no-such-address", "No such address", "There is nothing at this address."},
	{vault.ErrNotFound, 404, "not-found", "Not found", "There is no such thing, or it is not yours to see."},
	{errMethod, 405, "method-not-allowed", "Method not allowed", "This address does not take that method."},
	{vault.ErrConflict, 409, "conflict", "Conflict", "This no longer fits the present state. Load it again and look."},
	{errLength, 411, "length-required", "Length required", "The request must say its length in Content-Length."},
	{vault.ErrTooLarge, 413, "too-large", "Too large", "The request is larger than this address takes."},
	{errMedia, 415, "media-type", "Media type not taken", "This address does not take a body of that media type."},
	{errHost, 421, "wrong-host", "Host not served here", "This server does not answer for that host name."},
	{vault.ErrDigest, 422, "digest", "Digest does not match", "The bytes that arrived do not have the digest that was announced. Nothing was kept; send it again."},
	{vault.ErrInvalid, 422, "invalid", "Invalid request", "Something in the request is missing or has a value that is not taken."},
	{vault.ErrSessionLocked, 423, "app-locked", "The screen is locked", "The screen is locked. Open it to go on."},
	{vault.ErrLocked, 429, "too-many-tries", "Too many wrong tries", "Too many wrong tries. Wait a little and try again."},
	{errTooMany, 429, "too-many-requests", "Too many tries", "Too many tries in a short time. Please wait."},
	{vault.ErrIntegrity, 500, "integrity", "Stored object refused", "The stored picture failed its integrity check and is not shown. Please tell the operators."},
	{errProviderDown, 503, "hospital-down", "Hospital sign-in unavailable", "Your hospital's sign-in does not answer. Please try again in a moment. In an emergency, sign in with an emergency account."},
	{errBusy, 503, "busy", "Busy", "The server is busy. Keep what you have and try again in a moment."},
	{vault.ErrUnavailable, 503, "unavailable", "Unavailable", "The vault cannot be reached right now. Nothing was changed; keep what you have and try again."},
	{context.DeadlineExceeded, 503, "unavailable", "Unavailable", "That took too long. Nothing may have been changed; look, then try again."},
}

var internal = refusal{nil, 500, "internal", "Internal error", "Something went wrong on the server. Please tell the operators the request ID."}

// Problem is a refusal as programs read it (RFC 9457) and as error pages show it. Type is a stable name, Detail a
// plain sentence for a person; neither ever carries a name, a number or anything that was sent.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	// Residual is what can still be seen on a picture that was not released for it, in upright pixels; the reviewer
	// may confirm that it stays.
	Residual []imaging.Region `json:"residual,omitempty"`
	After    time.Duration    `json:"-"` // when to try again; zero: nothing to say
}

// said is an error with a sentence for the person, and perhaps with the time to wait.
type said struct {
	kind  error
	text  string
	after time.Duration
}

func (e *said) Error() string    { return e.kind.Error() + ": " + e.text }
func (e *said) Unwrap() error    { return e.kind }
func (e *said) Sentence() string { return e.text }

func say(kind error, text string) error { return &said{kind: kind, text: text} }

// problemOf looks err up in the table. A sentence in the chain replaces the default one.
func problemOf(err error, requestID string) Problem {
	row := internal
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		err = vault.ErrTooLarge
	}
	for _, r := range refusals {
		if errors.Is(err, r.is) {
			row = r
			break
		}
	}
	p := Problem{
		Type: "urn:problem-type:clinivault:" + row.slug, Title: row.title, Status: row.status,
		Detail: row.text, RequestID: requestID,
	}
	var sentence interface{ Sentence() string }
	if row.is != nil && errors.As(err, &sentence) && sentence.Sentence() != "" {
		p.Detail = sentence.Sentence()
	}
	var visible *vault.Visible
	if errors.As(err, &visible) {
		p.Residual = visible.Residual()
	}
	if p.Status == http.StatusServiceUnavailable {
		p.After = retryAfter
	}
	var own *said
	if errors.As(err, &own) && own.after > 0 {
		p.After = own.after
	}
	var tries *vault.TooManyTries
	if errors.As(err, &tries) {
		p.After = tries.After
	}
	return p
}

// statusGone is for log and metrics alone: the client left before its answer, which is no fault of ours. The number
// is the one that proxies use (nginx's 499); RFC 9110 has none.
const statusGone = 499

// problem answers err: as a page where a page was asked for, as problem JSON everywhere else. What is our own
// fault is logged here, once. When the answer has already begun, the connection is cut, so that the client
// cannot take a torn answer for a whole one.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	if strings.HasPrefix(r.URL.Path, "/scim/") {
		s.scimProblem(w, r, err)
		return
	}
	in := infoOf(r)
	p := problemOf(err, in.id)
	gone := errors.Is(err, context.Canceled) && r.Context().Err() != nil
	if p.Status >= 500 && p.Status != http.StatusServiceUnavailable && !gone {
		s.log.Error("request failed", "request", in.id, "err", err)
	} else if errors.Is(err, vault.ErrUnavailable) {
		s.log.Warn("request refused: unavailable", "request", in.id, "err", err)
	}
	if began(w) {
		panic(http.ErrAbortHandler)
	}
	if gone {
		w.WriteHeader(statusGone)
		return
	}
	h := w.Header()
	for _, stale := range []string{"Content-Length", "Content-Disposition", "Content-Type", "ETag"} {
		h.Del(stale)
	}
	h.Set("Cache-Control", "no-store")
	if p.After > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.After+time.Second-1)/time.Second)))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="clinivault"`)
	}
	if wantsPage(r) {
		s.pageProblem(w, r, p)
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	body, _ := json.Marshal(p) // strings and finite numbers: cannot fail
	if _, err := w.Write(append(body, '\n')); err != nil {
		s.log.Debug("answer not taken", "request", in.id)
	}
}

// wantsPage reports whether a person in a browser waits for the answer.
func wantsPage(r *http.Request) bool {
	path := r.URL.Path
	if strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/static/") {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
