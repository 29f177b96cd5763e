package vaulttest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// maxMessage bounds one message of PostgreSQL's protocol, either way.
const maxMessage = 64 << 20

// Postgres returns a DSN like dsn whose connections go through a proxy that
// tells s of each unit of the protocol (PostgreSQL documentation, "Message
// Flow") that commits something: before the server gets it, and again when the
// server has answered and the client does not know yet.
func (s *Steps) Postgres(t testing.TB, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	serveConns(t, l, func(client net.Conn) {
		up, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer up.Close()
		newPgConn(s, client, up).run()
	})
	q := u.Query()
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	return u.String()
}

// serveConns gives each connection to serve, and closes all when the test ends.
func serveConns(t testing.TB, l net.Listener, serve func(net.Conn)) {
	var mu sync.Mutex // guards open
	open := map[net.Conn]bool{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				serve(c)
				c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}

// pgConn passes the messages of one connection on.
type pgConn struct {
	s          *Steps
	client, up net.Conn

	mu      sync.Mutex // guards all below
	wrote   bool       // the open transaction changed rows
	holding string     // the step whose answer is held back; empty: none
}

func newPgConn(s *Steps, client, up net.Conn) *pgConn { return &pgConn{s: s, client: client, up: up} }

func (c *pgConn) run() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.answers() // an end of either side ends both
		c.client.Close()
	}()
	_ = c.requests()
	c.up.Close()
	<-done
}

var errKilled = errors.New("the client was ended")

// requests passes what the client says on, whole units at a time.
func (c *pgConn) requests() error {
	in := bufio.NewReader(c.client)
	first, err := readMessage(in, false)
	if err != nil {
		return err
	}
	if _, err := c.up.Write(first); err != nil {
		return err
	}
	var unit []byte
	for {
		m, err := readMessage(in, true)
		if err != nil {
			return err
		}
		unit = append(unit, m...)
		kind := m[0]
		if strings.IndexByte("PBDECH", kind) >= 0 {
			continue // more of the unit follows
		}
		if name, last := c.unit(kind, unit); last && name != "" && c.s.step(name) {
			return errKilled
		}
		if _, err := c.up.Write(unit); err != nil {
			return err
		}
		unit = unit[:0]
	}
}

// unit names the step that a unit is: Q is a simple query, S ends an extended one.
func (c *pgConn) unit(kind byte, unit []byte) (name string, last bool) {
	if kind != 'Q' && kind != 'S' {
		return "", false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	commit := kind == 'Q' && strings.EqualFold(strings.TrimRight(string(unit[5:]), "\x00; "), "commit")
	switch {
	case commit && c.wrote:
		name = "commit"
	case c.s.every():
		name = "query"
	}
	c.holding = name
	return name, true
}

// answers passes what the server says on. The answer to a step is held back
// until it is whole.
func (c *pgConn) answers() error {
	in, out := bufio.NewReader(c.up), bufio.NewWriter(c.client)
	for {
		m, err := readMessage(in, true)
		if err != nil {
			return err
		}
		if _, err := out.Write(m); err != nil {
			return err
		}
		held := c.answered(m)
		if m[0] == 'Z' && held != "" && c.s.step(held+", done") {
			return errKilled
		}
		if held != "" && m[0] != 'Z' || in.Buffered() > 0 {
			continue
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// answered notes what a message of the server tells, and the step that is held.
func (c *pgConn) answered(m []byte) (held string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held = c.holding
	switch m[0] {
	case 'C': // CommandComplete: "INSERT 0 3", "UPDATE 1", "SELECT 5"
		tag := strings.Fields(strings.TrimRight(string(m[5:]), "\x00"))
		if len(tag) > 1 && tag[0] != "SELECT" && tag[len(tag)-1] != "0" {
			c.wrote = true
		}
	case 'Z': // ReadyForQuery: idle, or in a transaction
		if m[5] == 'I' {
			c.wrote = false
		}
		c.holding = ""
	}
	return held
}

// readMessage reads one message: kind (but for the first of a client), length, rest.
func readMessage(r *bufio.Reader, kind bool) ([]byte, error) {
	head := make([]byte, 4, 512)
	if kind {
		head = head[:5]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
	if n < 0 || n > maxMessage {
		return nil, errors.New("not a message of PostgreSQL")
	}
	m := append(head, make([]byte, n)...)
	_, err := io.ReadFull(r, m[len(head):])
	return m, err
}
