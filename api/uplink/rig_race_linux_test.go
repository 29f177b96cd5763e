package uplink_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limit is how long a transfer may take; slower ones count as this.
const limit = 60 * time.Second

// A contest is the transports side by side on wires of their own that are
// alike to the packet: same line, same seed.
type contest struct {
	program     string // of QUIC; empty leaves it out
	certificate tls.Certificate
	roots       *x509.CertPool
	body        []byte
}

// transports are in the order of the table.
var transports = []string{"uplink", "https cubic", "https bbr", "quic-go"}

func newContest(t testing.TB, size int) *contest {
	c := &contest{body: photo(size)}
	c.certificate, c.roots = rigCertificate(t, "10.77.0.2")
	return c
}

// once times one transfer of a transport over a new wire, the handshake included.
func (c *contest) once(t testing.TB, transport string, l line, seed uint64) (d time.Duration, err error) {
	w := newWire(t, l, seed)
	defer w.end()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	switch transport {
	case "uplink":
		s := newStation(t, w)
		defer s.stop()
		s.trace = tracer(t, fmt.Sprintf("%v-%v-%d", 2*l.Delay, l.Loss, seed))
		d = took(func() { err = s.send(ctx, c.body, nil) })
	case "quic-go":
		d, err = sendQUIC(ctx, w, c.program, serveQUIC(t, w, c.program, rigPort), rigPort, len(c.body))
	default:
		serveHTTPS(t, w, rigPort, c.certificate)
		d = took(func() { err = postHTTPS(ctx, w, rigPort, c.roots, strings.TrimPrefix(transport, "https "), c.body) })
	}
	if err != nil && ctx.Err() != nil {
		return limit, nil
	}
	return d, err
}

// TestTransports sends one photo by each transport but QUIC, which BenchmarkWard builds: what arrives is what was sent.
func TestTransports(t *testing.T) {
	needRig(t)
	names := transports[:3]
	for name, cell := range newContest(t, 256<<10).run(t, names, ward(20*time.Millisecond, 0.01), 1) {
		t.Logf("%s: 256 KiB at 50 Mbit/s, 20 ms, 1 %%: %v s", name, cell)
	}
}

// A cell is what one transport took on one line, sorted.
type cell []time.Duration

func (c cell) median() time.Duration { return c[len(c)/2] }

func (c cell) String() string {
	show := func(d time.Duration) string {
		if d >= limit {
			return fmt.Sprintf("> %.0f", limit.Seconds())
		}
		return fmt.Sprintf("%.2f", d.Seconds())
	}
	if len(c) == 1 {
		return show(c[0])
	}
	return fmt.Sprintf("**%s** (%s–%s)", show(c.median()), show(c[0]), show(c[len(c)-1]))
}

// run takes the transports in turn, rounds times, so that whatever else the
// machine does falls on all of them.
func (c *contest) run(t testing.TB, names []string, l line, rounds int) map[string]cell {
	cells := map[string]cell{}
	for round := range rounds {
		for _, name := range names {
			d, err := c.once(t, name, l, uint64(round+1))
			if err != nil {
				t.Fatalf("%s at %v, %.0f %%: %v", name, 2*l.Delay, 100*l.Loss, err)
			}
			cells[name] = append(cells[name], d)
		}
	}
	for _, times := range cells {
		slices.SortFunc(times, cmp.Compare[time.Duration])
	}
	return cells
}

// ward is a line of 50 Mbit/s with a queue of one product of bandwidth and
// delay. A round trip of 20 ms and a loss of 5 % in each direction are what
// "20 ms / 5 %" means wherever figures of the uplink are given.
func ward(roundTrip time.Duration, loss float64) line {
	l := line{Delay: roundTrip / 2, Rate: 50e6, Loss: loss}
	l.Queue = l.bandwidthDelay()
	return l
}

// rounds is how often a drill does what it does: CLINIVAULT_DRILL, or usual.
func rounds(usual int) int {
	if n, err := strconv.Atoi(os.Getenv("CLINIVAULT_DRILL")); err == nil && n > 0 {
		return n
	}
	return usual
}

// load is how busy the machine is, for the reader of a table.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:2], ", ")
}
