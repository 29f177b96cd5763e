package uplink_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"
	"fmt"
)

func TestTmpReading(t *testing.T) {
	if os.Getenv("RIGTMP") == "" { t.Skip() }
	body := make([]byte, 4<<20)
	rand.Read(body)
	for _, c := range []struct{ d time.Duration; loss float64; up bool }{
		{10*time.Millisecond, 0.05, false}, {20*time.Millisecond, 0.05, false}, {10*time.Millisecond, 0.05, true},{20*time.Millisecond, 0.05, true},
		{40*time.Millisecond, 0.05, false}, {80*time.Millisecond, 0.05, false},{20*time.Millisecond, 0, false},{80*time.Millisecond, 0, false},
	} {
		s := fmt.Sprintf("oneway %v loss %v uponly %v:", c.d, c.loss, c.up)
		for _, cc := range []string{"cubic", "bbr"} {
			for r := range 3 {
				l := line{Delay: c.d, Rate: 50e6, Loss: c.loss}
				l.Queue = l.bandwidthDelay()
				w := newWire(t, l, uint64(r))
				if c.up { w.down.Loss = 0 }
				cert, roots := rigCertificate(t, w.server.addr)
				serveHTTPS(t, w, 8443, cert)
				ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
				var err error
				d := took(func() { err = postHTTPS(ctx, w, 8443, roots, cc, body) })
				cancel()
				if err != nil { s += fmt.Sprint(" ", cc, " >60 ", err) } else { s += fmt.Sprintf(" %s %.2f", cc, d.Seconds()) }
				w.end()
			}
		}
		t.Log(s)
	}
}
