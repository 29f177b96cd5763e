package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/vault"
)

const (
	maxJSON  = 1 << 20 // bytes of a JSON body
	maxID    = 64      // characters of an ID in an address
	maxLimit = 500     // rows of a listing
	uintLen  = 19      // digits of the largest int64

	answerFor = 2 * time.Minute // from the last byte of a long request to the last of its answer
)

// call is one request to a handler: what came, the way back, and on whose behalf. In a public route the actor is
// the zero Actor, which vault refuses everything.
type call struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	actor vault.Actor
}

// handler does one call; what it returns is told by problem, unless it is nil.
type handler func(c *call) error

// decode reads the body as exactly one JSON value of the shape of v, unknown fields refused.
func (c *call) decode(v any) error {
	if err := takes(c.r, "application/json"); err != nil {
		return err
	}
	dec := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxJSON))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return bodyError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return say(errBody, "The request body must be one JSON value with nothing after it.")
	}
	return nil
}

// bodyError keeps what the decoder says away from the answer, since it quotes the input; a field name in a type
// error is one of ours.
func bodyError(err error) error {
	var tooLong *http.MaxBytesError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &tooLong):
		return vault.ErrTooLarge
	case errors.As(err, &wrong) && wrong.Field != "":
		return say(errBody, "The field "+wrong.Field+" has a value of the wrong type.")
	}
	return say(errBody, "The request body is not the JSON that this address takes, or has a field that is not known here.")
}

// takes refuses a body of another media type; parameters such as charset are let through.
func takes(r *http.Request, want string) error {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != want {
		return say(errMedia, "The body must be sent as "+want+".")
	}
	return nil
}

// answer writes v as JSON. The whole answer is made before the first byte leaves.
func (c *call) answer(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	body = append(body, '\n')
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	c.write(body)
	return nil
}

func (c *call) ok(v any) error { return c.answer(http.StatusOK, v) }

func (c *call) done() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// write sends the last bytes of an answer. That the client has gone is no error of ours.
func (c *call) write(b []byte) {
	if _, err := c.w.Write(b); err != nil {
		c.s.log.Debug("answer not taken", "request", infoOf(c.r).id)
	}
}

// id is an ID from the address. What cannot be one is not found.
func (c *call) id(name string) (string, error) { return cleanID(chi.URLParam(c.r, name)) }

func cleanID(s string) (string, error) {
	if s == "" || len(s) > maxID {
		return "", vault.ErrNotFound
	}
	for _, b := range []byte(s) {
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_') {
			return "", vault.ErrNotFound
		}
	}
	return s, nil
}

// query takes the named parameters from the address, each at most once; any other is refused.
func (c *call) query(names ...string) (map[string]string, error) {
	out := map[string]string{}
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	for name, values := range c.r.URL.Query() {
		if !known[name] || len(values) != 1 {
			return nil, say(vault.ErrInvalid, "The address has a parameter that is not known here, or one twice.")
		}
		out[name] = values[0]
	}
	return out, nil
}

// whole reads a parameter as a whole number of 0 to most; missing is def.
func whole(q map[string]string, name string, def, most int64) (int64, error) {
	s, given := q[name]
	if !given {
		return def, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) > uintLen || n < 0 || n > most {
		return 0, say(vault.ErrInvalid, "The parameter "+name+" must be a whole number from 0 to "+strconv.FormatInt(most, 10)+".")
	}
	return n, nil
}

// patience lets this call read for another d, and write for as long and answerFor more; a server's own limits are
// for short calls.
func (c *call) patience(d time.Duration) {
	rc := http.NewResponseController(c.w)
	until := time.Now().Add(d)
	if err := errors.Join(rc.SetReadDeadline(until), rc.SetWriteDeadline(until.Add(answerFor))); err != nil {
		c.s.log.Debug("deadlines not set", "request", infoOf(c.r).id)
	}
}
