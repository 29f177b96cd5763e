package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// SCIM 2.0 (RFC 7643, RFC 7644): how a hospital's directory says who works there. A directory has a token of its own,
// which opens these addresses and no others; people's sessions do not open them. Each request is one act of the vault, so
// nothing is ever half done.

const (
	maxScim     = 2 << 20 // bytes of a body: a group of all whom there may be in one
	scimPage    = 200     // resources of a list, if count does not say
	maxScimPage = 500
	scimBurst   = 200 // requests of a directory at once
	scimRefill  = 10 * time.Millisecond
)

var scimRoutes = []route{
	{method: "GET", path: "/scim/v2/ServiceProviderConfig", summary: "What this SCIM server can do", outType: scimType, scim: true, do: (*call).scimConfig},
	{method: "GET", path: "/scim/v2/ResourceTypes", summary: "Kinds of resources", outType: scimType, scim: true, do: (*call).scimTypes},
	{method: "GET", path: "/scim/v2/ResourceTypes/{id}", summary: "One kind of resource", outType: scimType, scim: true, do: (*call).scimTypes},
	{method: "GET", path: "/scim/v2/Schemas", summary: "Attributes of the kinds of resources", outType: scimType, scim: true, do: (*call).scimSchemas},
	{method: "GET", path: "/scim/v2/Schemas/{urn}", summary: "Attributes of one kind of resource", outType: scimType, scim: true, do: (*call).scimSchemas},
	{method: "GET", path: "/scim/v2/Me", summary: "Not implemented: a directory is nobody", outType: scimType, scim: true, do: (*call).scimNot},
	{method: "POST", path: "/scim/v2/Bulk", summary: "Not supported", inType: scimType, outType: scimType, scim: true, do: (*call).scimNot},
	{method: "GET", path: "/scim/v2/Users", summary: "People, with filter and pages", outType: scimType, scim: true, params: scimParams, do: (*call).scimUsers},
	{method: "POST", path: "/scim/v2/Users", summary: "Bring a person in", inType: scimType, outType: scimType, scim: true, status: 201, do: (*call).scimAddUser},
	{method: "GET", path: "/scim/v2/Users/{id}", summary: "One person", outType: scimType, scim: true, do: (*call).scimUser},
	{method: "PUT", path: "/scim/v2/Users/{id}", summary: "Replace what is said of a person", inType: scimType, outType: scimType, scim: true, do: (*call).scimPutUser},
	{method: "PATCH", path: "/scim/v2/Users/{id}", summary: "Change a person", inType: scimType, outType: scimType, scim: true, do: (*call).scimPatchUser},
	{method: "DELETE", path: "/scim/v2/Users/{id}", summary: "Take a person out for good", scim: true, status: 204, do: (*call).scimDropUser},
	{method: "GET", path: "/scim/v2/Groups", summary: "Groups, with filter and pages", outType: scimType, scim: true, params: scimParams, do: (*call).scimGroups},
	{method: "POST", path: "/scim/v2/Groups", summary: "Bring a group in", inType: scimType, outType: scimType, scim: true, status: 201, do: (*call).scimAddGroup},
	{method: "GET", path: "/scim/v2/Groups/{id}", summary: "One group", outType: scimType, scim: true, do: (*call).scimGroup},
	{method: "PUT", path: "/scim/v2/Groups/{id}", summary: "Replace a group", inType: scimType, outType: scimType, scim: true, do: (*call).scimPutGroup},
	{method: "PATCH", path: "/scim/v2/Groups/{id}", summary: "Change a group", inType: scimType, outType: scimType, scim: true, status: 204, do: (*call).scimPatchGroup},
	{method: "DELETE", path: "/scim/v2/Groups/{id}", summary: "Take a group away", scim: true, status: 204, do: (*call).scimDropGroup},
}

var scimParams = []param{
	{name: "filter", in: "query", about: "RFC 7644 section 3.4.2.2: eq, ne, co, sw, ew, pr, and, or, not"},
	{name: "startIndex", in: "query", about: "of the first resource; 1 if missing"},
	{name: "count", in: "query", about: "at most 500; 200 if missing"},
	{name: "sortBy", in: "query", about: "an attribute"},
	{name: "sortOrder", in: "query", about: "ascending or descending"},
	{name: "attributes", in: "query", about: "only these, with commas"},
	{name: "excludedAttributes", in: "query", about: "not these, with commas"},
}

// directory is the way of one SCIM route: which directory is it, does it ask too much, then the handler.
func (s *Server) directory(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{s: s, w: w, r: r}
		if err := c.directoryActs(); err != nil {
			s.scimProblem(w, r, err)
			return
		}
		if err := rt.do(c); err != nil {
			s.scimProblem(w, r, err)
		}
	})
}

// directoryActs finds out which directory asks. Who guesses tokens is slowed down by where they guess from.
func (c *call) directoryActs() error {
	in := infoOf(c.r)
	key := "scim " + remoteKey(in.remote)
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return vault.ErrUnauthenticated
	}
	if wait, ok := c.s.byToken.take(key); !ok {
		return &said{kind: errTooMany, text: "Too many wrong tokens.", after: wait}
	}
	actor, err := c.s.vault.AuthenticateProvisioner(c.r.Context(), token)
	if err != nil {
		return err
	}
	c.s.byToken.giveBack(key)
	if wait, ok := c.s.byDirectory.take(actor.Name()); !ok {
		return &said{kind: errTooMany, text: "More than a hundred requests a second.", after: max(wait, time.Second)}
	}
	c.actor = actor.From(in.remote, in.id)
	return nil
}

// scimFaulty is a refusal with a word of RFC 7644 table 9.
type scimFaulty struct {
	status   int
	scimType string
	text     string
}

func (e *scimFaulty) Error() string    { return "scim: " + e.scimType }
func (e *scimFaulty) Sentence() string { return e.text }

func scimFault(scimType, text string) error {
	return &scimFaulty{http.StatusBadRequest, scimType, text}
}

var (
	errPrecondition = &scimFaulty{http.StatusPreconditionFailed, "", "The resource was changed since. Read it again."}
	errNotDone      = &scimFaulty{http.StatusNotImplemented, "", "This is not supported here; /ServiceProviderConfig says what is."}
)

// scimProblem tells a refusal as RFC 7644 section 3.12 wants it.
func (s *Server) scimProblem(w http.ResponseWriter, r *http.Request, err error) {
	in := infoOf(r)
	var fault *scimFaulty
	p := problemOf(err, in.id)
	out := object{"schemas": []string{urnError}, "detail": p.Detail}
	switch {
	case errors.As(err, &fault):
		p.Status, out["detail"] = fault.status, fault.text
		putText(out, "scimType", fault.scimType)
	case errors.Is(err, vault.ErrInvalid):
		p.Status, out["scimType"] = http.StatusBadRequest, "invalidValue"
	case errors.Is(err, vault.ErrConflict):
		out["scimType"] = "uniqueness"
	case errors.Is(err, errBody):
		out["scimType"] = "invalidSyntax"
	case p.Status == http.StatusUnauthorized:
		out["detail"] = "The token is missing or not valid."
		w.Header().Set("WWW-Authenticate", `Bearer realm="clinivault-scim"`)
	}
	if p.Status >= 500 && p.Status != http.StatusServiceUnavailable && fault == nil && r.Context().Err() == nil {
		s.log.Error("request failed", "request", in.id, "err", err)
	}
	if began(w) {
		panic(http.ErrAbortHandler)
	}
	if p.After > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.After+time.Second-1)/time.Second)))
	}
	w.Header().Del("ETag")
	out["status"] = strconv.Itoa(p.Status)
	c := &call{s: s, w: w, r: r}
	if err := c.answerAs(scimType, p.Status, out); err != nil {
		s.log.Error("refusal not told", "request", in.id, "err", err)
	}
}

// answerAs writes v as JSON of a media type.
func (c *call) answerAs(mediaType string, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	c.write(body)
	return nil
}

// scimBody reads one JSON object; directories also call it application/json.
func (c *call) scimBody() (object, error) {
	got, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || got != scimType && got != "application/json" {
		return nil, say(errMedia, "The body must be sent as "+scimType+".")
	}
	dec := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxScim))
	dec.UseNumber()
	var body object
	if err := dec.Decode(&body); err != nil || body == nil {
		return nil, scimBodyError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, say(errBody, "The body must be one JSON object with nothing after it.")
	}
	return body, nil
}

// sent reads the body as a resource of that kind.
func (c *call) sent(r *resource) (object, error) {
	body, err := c.scimBody()
	if err != nil {
		return nil, err
	}
	return r.read(body)
}

// patch reads the body as changes, and gives what they make of a resource of that kind (RFC 7644 section 3.5.2).
func (c *call) patch(r *resource) (change func(now object) (object, error), err error) {
	body, err := c.scimBody()
	if err != nil {
		return nil, err
	}
	operations, err := readPatch(body)
	if err != nil {
		return nil, err
	}
	return func(now object) (object, error) {
		if err := r.patch(now, operations); err != nil {
			return nil, err
		}
		return r.read(now)
	}, nil
}

func scimBodyError(err error) error {
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return vault.ErrTooLarge
	}
	return say(errBody, "The body must be one JSON object.")
}

func (c *call) scimNot() error { return errNotDone }

// listing is what a directory wants of a list.
type listing struct {
	keep        test
	sought      sought
	start       int
	count       int
	by          *attribute
	sub         *attribute
	descending  bool
	show        func(object) object
	withMembers bool
}

func (c *call) listing(r *resource) (l listing, err error) {
	q := c.r.URL.Query()
	l = listing{keep: func(object) bool { return true }, withMembers: true}
	if f := q.Get("filter"); f != "" {
		if l.keep, l.sought, err = parseFilter(r, f); err != nil {
			return l, err
		}
	}
	if l.show, err = c.shown(r); err != nil {
		return l, err
	}
	out := q.Get("excludedAttributes")
	l.withMembers = l.sought.members || !slices.ContainsFunc(strings.Split(out, ","), func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), "members") })
	if l.start, err = number(q.Get("startIndex"), 1, 1, 1<<30); err != nil {
		return l, err
	}
	if l.count, err = number(q.Get("count"), scimPage, 0, maxScimPage); err != nil {
		return l, err
	}
	if by := q.Get("sortBy"); by != "" {
		t, err := parsePath(r, by)
		if err != nil || t.attr == nil || t.meant != nil {
			return l, scimFault("invalidValue", "sortBy names no attribute.")
		}
		l.by, l.sub = t.attr, t.sub
	}
	l.descending = strings.EqualFold(q.Get("sortOrder"), "descending")
	return l, nil
}

// number reads a number of RFC 7644 section 3.4.2.4: what is too small counts as least, what is too large as most.
func number(text string, def, least, most int) (int, error) {
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, scimFault("invalidValue", "startIndex and count are whole numbers.")
	}
	return int(min(max(n, int64(least)), int64(most))), nil
}

// tellList answers with the page of all that are meant.
func (c *call) tellList(l listing, all []object) error {
	all = slices.DeleteFunc(all, func(o object) bool { return !l.keep(o) })
	if l.by != nil {
		slices.SortStableFunc(all, func(a, b object) int {
			order := cmp.Compare(l.key(a), l.key(b))
			if l.descending {
				return -order
			}
			return order
		})
	}
	from := min(l.start-1, len(all))
	page := all[from:min(from+l.count, len(all))]
	shown := make([]object, len(page))
	for i, o := range page {
		shown[i] = l.show(o)
	}
	return c.answerAs(scimType, http.StatusOK, object{"schemas": []string{urnList}, "totalResults": len(all),
		"startIndex": l.start, "itemsPerPage": len(page), "Resources": shown})
}

// key is what a resource is sorted by: the primary or first value (RFC 7644 section 3.4.2.3).
func (l listing) key(o object) string {
	sub := l.sub
	if sub == nil {
		sub = attrOf(l.by.subs, "value")
	}
	values := valuesAt(o, l.by, sub)
	for i, one := range each(o, l.by.name) {
		if one["primary"] == true && i < len(values) {
			values = values[i:]
			break
		}
	}
	if len(values) == 0 {
		return "\U0010FFFF" // without a value: last
	}
	s, ok := values[0].(string)
	if !ok {
		s = strconv.FormatBool(values[0] == true)
	}
	if l.by.exact || sub != nil && sub.exact {
		return s
	}
	return strings.ToLower(s)
}
