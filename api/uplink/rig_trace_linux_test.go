package uplink_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
)

// tracer writes what the sender believed after each acknowledgement into
// CLINIVAULT_TRACE/name.csv; without that directory it is nil.
func tracer(t testing.TB, name string) func(uplink.Trace) {
	t.Helper()
	directory := os.Getenv("CLINIVAULT_TRACE")
	if directory == "" {
		return nil
	}
	file, err := os.Create(filepath.Join(directory, name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(file)
	_, _ = fmt.Fprintln(out, "ms,phase,rate_mbit,pacing_mbit,window,inflight,rtt_ms,least_rtt_ms,sent,lost")
	var mu sync.Mutex
	ended := false
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		_ = out.Flush()
		_ = file.Close()
	})
	var start time.Time
	return func(p uplink.Trace) {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		if start.IsZero() {
			start = p.At
		}
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		_, _ = fmt.Fprintf(out, "%.2f,%s,%.2f,%.2f,%d,%d,%.2f,%.2f,%d,%d\n", ms(p.At.Sub(start)), p.Phase, p.Rate*8/1e6, p.Pacing*8/1e6,
			p.Window, p.Inflight, ms(p.RTT), ms(p.MinRTT), p.Sent, p.Lost)
	}
}
