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

// BenchmarkChanges gives a client another address, and restarts the server, when a quarter of a photo has arrived.
func BenchmarkChanges(b *testing.B) {
	needRig(b)
	for b.Loop() {
		title(os.Stdout, fmt.Sprintf("4 MiB at 50 Mbit/s, 80 ms, 1 %% loss each way, median of %d", rounds(5)))
		still, moved, restarted := disturbed(b, rounds(5))
		row(os.Stdout, "", "seconds", "times undisturbed", "bar")
		row(os.Stdout, slices.Repeat([]string{"---"}, 4)...)
		for _, r := range []struct {
			name string
			d    time.Duration
			bar  string
		}{{"undisturbed", still, ""}, {"client's address changes", moved, "≤ 1.5"}, {"server restarts", restarted, "one photo"}} {
			row(os.Stdout, r.name, fmt.Sprintf("%.2f", r.d.Seconds()), fmt.Sprintf("%.2f", r.d.Seconds()/still.Seconds()), r.bar)
		}
		b.ReportMetric(moved.Seconds()/still.Seconds(), "times/move")
	}
}

// BenchmarkShare runs beside one CUBIC flow for 30 seconds.
func BenchmarkShare(b *testing.B) {
	needRig(b)
	for b.Loop() {
		title(os.Stdout, "Photos of 4 MiB beside one CUBIC flow, 50 Mbit/s, 30 s")
		row(os.Stdout, "round trip", "queue, products", "uplink", "CUBIC", "Mbit/s in all", "bar")
		row(os.Stdout, slices.Repeat([]string{"---"}, 6)...)
		for _, roundTrip := range []time.Duration{20 * time.Millisecond, 80 * time.Millisecond} {
			for _, queue := range []int{1, 2} {
				l := ward(roundTrip, 0)
				l.Queue *= queue
				const long = 30 * time.Second
				udp, tcp, _ := contend(b, l, "cubic", 4<<20, long)
				ours := 100 * float64(udp) / float64(udp+tcp)
				row(os.Stdout, roundTrip.String(), fmt.Sprint(queue), fmt.Sprintf("%.0f %%", ours), fmt.Sprintf("%.0f %%", 100-ours),
					fmt.Sprintf("%.1f", float64(udp+tcp)*8/1e6/long.Seconds()), "≤ 70 %")
				b.ReportMetric(ours, fmt.Sprintf("%%/%dms-%d", roundTrip.Milliseconds(), queue))
			}
		}
	}
}

// BenchmarkCrowd has 200 clients send 4 MiB each at once.
func BenchmarkCrowd(b *testing.B) {
	needRig(b)
	for b.Loop() {
		title(os.Stdout, "200 clients at once, 4 MiB each")
		row(os.Stdout, "over", "first receipt, s", "half", "last", "last by first", "Mbit/s", "bar")
		row(os.Stdout, slices.Repeat([]string{"---"}, 7)...)
		for _, near := range []bool{false, true} {
			times, through := gather(b, crowded(), near, 200, 4<<20)
			name, ratio := "150 Mbit/s, 20 ms", times[199].Seconds()/times[0].Seconds()
			if near {
				name = "loopback: the machine is the limit"
			}
			row(os.Stdout, name, fmt.Sprintf("%.2f", times[0].Seconds()), fmt.Sprintf("%.2f", times[100].Seconds()),
				fmt.Sprintf("%.2f", times[199].Seconds()), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.0f", through), "≤ 2")
			b.ReportMetric(ratio, "last/first-"+map[bool]string{false: "line", true: "loopback"}[near])
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
