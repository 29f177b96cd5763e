package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes as they are over a connection of their own and reads all that comes back until the server closes it or
// falls silent.
func (b *bench) raw(t *testing.T, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, text) // the server may refuse before it has read all
	got, _ := io.ReadAll(conn)
	return string(got)
}

// statuses are the status codes of the answers in a stream.
func statuses(stream string) (out []int) {
	r := bufio.NewReader(strings.NewReader(stream))
	for {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return out
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		out = append(out, res.StatusCode)
	}
}

// TestSecurityHostHeader: another host's name is refused, wherever it is said, and never comes back in an answer.
func TestSecurityHostHeader(t *testing.T) {
	b := newBench(t)
	for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost@evil.example", "[::2]"} {
		got := b.send(t, request{method: "GET", path: "/sign-in", host: host, header: map[string]string{"Accept": "text/html"}})
		if got.StatusCode != http.StatusMisdirectedRequest || strings.Contains(string(got.body)+fmt.Sprint(got.Header), "evil") {
			t.Errorf("host %q: got %d %.80s, want 421 that does not repeat it", host, got.StatusCode, got.body)
		}
	}
	for _, name := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "Forwarded", "X-Forwarded-Server"} {
		got := b.send(t, request{method: "GET", path: "/patients", header: map[string]string{name: "evil.example", "Accept": "text/html"}})
		if strings.Contains(string(got.body)+fmt.Sprint(got.Header), "evil") {
			t.Errorf("%s: the answer repeats it", name)
		}
	}
	for _, text := range []string{
		"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
		"GET /sign-in HTTP/1.1\r\n\r\n",
		"GET http://evil.example/sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		if got := statuses(b.raw(t, text)); len(got) == 0 || got[0] < 400 {
			t.Errorf("%.60q: got %v, want a refusal", text, got)
		}
	}
}

// TestSecurityPathConfusion: however an address is written, it leads to no more than its plain form: nothing for a
// stranger, and for a clinician nothing of an administrator's.
func TestSecurityPathConfusion(t *testing.T) {
	b := newBench(t)
	token := b.as(t, clinician)
	for _, path := range []string{
		"/api/v1/../v1/people", "/api/v1/./people", "//api/v1/people", "/api//v1/people", "/api/v1//people", "/api/v1/people/", "/api/v1/people//",
		"/API/v1/people", "/api/V1/People", "/api/v1/%70eople", "/api/v1/people%2f", "/api%2fv1%2fpeople", "/api/v1%2fpeople", "/api/v1/people%00",
		"/api/v1/people%20", "/api/v1/people;x=1", "/api/v1/people%3b", "/api/v1/people%23", "/api/v1/people%252f", "/%61pi/v1/people",
		"/static/../api/v1/people", "/static/%2e%2e/api/v1/people", "/static/..%2fapi/v1/people", "/static/..%252fapi/v1/people",
		"/healthz/../api/v1/people", "/sign-in/../api/v1/people", "/sign-in/..;/api/v1/people", "/api/v1/keys/../people", `/api/v1\people`,
		"/api/v1/%c0%ae%c0%ae/people", "/api/v1/people.json", "/api/v1/people/.", "/api/v1/patients/%2e%2e%2fpeople", "/photos/..%2fpeople",
		"/people/", "/PEOPLE", "/%70eople", "/people%2f", "//people", "/./people", "/sign-in/../people", "*", "people", "/people#x",
	} {
		for who, auth := range map[string]string{"a stranger": "", "a clinician": "Authorization: Bearer " + token + "\r\n"} {
			text := "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nConnection: close\r\n" + auth + "\r\n"
			got := b.raw(t, text)
			codes := statuses(got)
			if len(codes) != 1 || codes[0] < 300 || codes[0] >= 500 || strings.Contains(got, "only-clinician") {
				t.Errorf("%s at %q: got %v, want one refusal", who, path, codes)
			}
		}
	}
}

// TestSecurityMethods: no method beyond those of the table, no header that stands for another method, no echo.
func TestSecurityMethods(t *testing.T) {
	b := newBench(t)
	token := b.as(t, clinician)
	for _, method := range []string{"TRACE", "TRACK", "CONNECT", "PROPFIND", "get", "FOO", "DELETEX"} {
		got := b.raw(t, method+" /api/v1/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+token+"\r\nX-Canary: canary-of-trace\r\nConnection: close\r\n\r\n")
		codes := statuses(got)
		if len(codes) != 1 || codes[0] < 400 || strings.Contains(got, "canary-of-trace") {
			t.Errorf("%s: got %v, want a refusal without an echo", method, codes)
		}
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "_method"} {
		for _, method := range []string{"GET", "POST"} {
			b.send(t, request{method: method, path: "/api/v1/session?_method=DELETE", token: token, header: map[string]string{header: "DELETE"}})
		}
	}
	b.get(t, token, "/api/v1/session").into(t, http.StatusOK, nil)
}

// TestSecuritySmuggling: a request whose length is not clear is refused, or ends the connection: what follows it is never
// answered as a second request.
func TestSecuritySmuggling(t *testing.T) {
	b := newBench(t)
	const hidden = "GET /api/v1/keys HTTP/1.1\r\nHost: localhost\r\n\r\n"
	head := "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	for name, text := range map[string]string{
		"two lengths":            head + "Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + hidden,
		"length in a list":       head + "Content-Length: 2, 60\r\n\r\n{}" + hidden,
		"length with a sign":     head + "Content-Length: +2\r\n\r\n{}" + hidden,
		"negative length":        head + "Content-Length: -2\r\n\r\n{}" + hidden,
		"hexadecimal length":     head + "Content-Length: 0x2\r\n\r\n{}" + hidden,
		"unknown coding":         head + "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden,
		"two codings":            head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden,
		"chunked, then identity": head + "Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden,
		"space before the colon": head + "Content-Length : 2\r\n\r\n{}" + hidden,
		"a folded header":        head + "Content-Length: 2\r\n folded: yes\r\n\r\n{}" + hidden,
		"a line feed in a name":  head + "X-A\nContent-Length: 2\r\n\r\n{}" + hidden,
		"NUL in a value":         head + "X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}" + hidden,
		"length and chunks":      head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"endless chunk size":     head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("f", 40) + "\r\n{}\r\n0\r\n\r\n" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			codes := statuses(b.raw(t, text))
			if len(codes) != 1 || codes[0] < 400 {
				t.Errorf("got %v, want one refusal and nothing after it", codes)
			}
		})
	}
	if codes := statuses(b.raw(t, head+"Content-Length: 2\r\n\r\n{}"+hidden)); len(codes) != 2 || codes[1] != http.StatusOK {
		t.Errorf("two whole requests: got %v, want two answers: the test would see a smuggled one", codes)
	}
}

// TestSecurityHeaderSize: headers are bounded, one and all.
func TestSecurityHeaderSize(t *testing.T) {
	b := newBench(t)
	for name, header := range map[string]string{
		"one":  "X-Long: " + strings.Repeat("a", 64<<10) + "\r\n",
		"many": strings.Repeat("X-A: b\r\n", 8<<10),
	} {
		got := statuses(b.raw(t, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"+header+"\r\n"))
		if len(got) != 1 || got[0] != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: got %v, want 431", name, got)
		}
	}
	if got := statuses(b.raw(t, "GET /"+strings.Repeat("a", 64<<10)+" HTTP/1.1\r\nHost: localhost\r\n\r\n")); len(got) != 1 || got[0] < 400 {
		t.Errorf("an endless address: got %v, want a refusal", got)
	}
}
