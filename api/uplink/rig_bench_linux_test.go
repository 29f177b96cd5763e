package uplink_test

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// A bar is what the uplink must reach on a line, by the median.
type bar struct {
	roundTrip time.Duration
	loss      float64
	most      time.Duration // zero: 1.2 times HTTPS on CUBIC
}

var bars = []bar{
	{20 * time.Millisecond, 0, 0},
	{20 * time.Millisecond, 0.01, 0},
	{20 * time.Millisecond, 0.05, 1300 * time.Millisecond},
	{80 * time.Millisecond, 0, 0},
	{80 * time.Millisecond, 0.01, 0},
	{80 * time.Millisecond, 0.05, 2200 * time.Millisecond},
}

// BenchmarkWard sends 4 MiB at 50 Mbit/s by each transport on each line and
// writes the table of PROTOCOL.md to standard output. It takes minutes.
func BenchmarkWard(b *testing.B) {
	needRig(b)
	c := newContest(b, 4<<20)
	c.program = buildQUIC(b)
	n := rounds(5)
	for b.Loop() {
		title(os.Stdout, "4 MiB at 50 Mbit/s, handshake included, seconds: **median** (fastest–slowest) of "+fmt.Sprint(n))
		row(os.Stdout, append([]string{"round trip / loss each way"}, append(slices.Clone(transports), "bar", "")...)...)
		row(os.Stdout, slices.Repeat([]string{"---"}, len(transports)+3)...)
		for _, bar := range bars {
			cells := c.run(b, transports, ward(bar.roundTrip, bar.loss), n)
			most := bar.most
			if most == 0 {
				most = cells["https cubic"].median() * 12 / 10
			}
			verdict := "holds"
			if cells["uplink"].median() > most {
				verdict = "does not hold"
			}
			fields := []string{fmt.Sprintf("%d ms / %.0f %%", bar.roundTrip.Milliseconds(), 100*bar.loss)}
			for _, name := range transports {
				fields = append(fields, cells[name].String())
			}
			row(os.Stdout, append(fields, fmt.Sprintf("≤ %.2f", most.Seconds()), verdict)...)
			b.ReportMetric(cells["uplink"].median().Seconds(), fmt.Sprintf("s/%dms-%.0f%%", bar.roundTrip.Milliseconds(), 100*bar.loss))
		}
	}
}

// title writes a table's heading and how busy the machine is.
func title(w io.Writer, text string) {
	_, _ = fmt.Fprintf(w, "\n%s. Load of the machine (1 and 5 minutes) before: %s.\n\n", text, load())
}

func row(w io.Writer, fields ...string) {
	_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(fields, " | "))
}
