package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// ward is a service over TLS and a native client that is enrolled at it. Between the two, datagrams pass a path that the
// test can interrupt.
type ward struct {
	*service
	t     *testing.T
	state string
	run   func(args ...string) *exec.Cmd
	photo string
	path  *path
}

// newWard starts both. The service can be started again on its ports; nothing is processed, only received.
func newWard(t *testing.T, size int) *ward {
	t.Helper()
	http, uplink := freePort(t, "tcp"), freePort(t, "udp")
	w := &ward{t: t, photo: filepath.Join(t.TempDir(), "photo.jpg"), path: newPath(t, uplink)}
	w.service = overTLS(t, map[string]any{"listen": http, "worker": false,
		"uplink": map[string]any{"listen": uplink, "advertise_port": w.path.port()}})
	w.state, w.run = captureProgram(t)
	enrolled(t, w.service, w.run)
	if err := os.WriteFile(w.photo, vaulttest.Picture(t, size, size, 7), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// freePort is an address on loopback that is free now.
func freePort(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// path carries datagrams to the server and back. Held, it swallows them.
type path struct {
	t      *testing.T
	server *net.UDPAddr
	front  *net.UDPConn
	held   atomic.Bool
	stopAt atomic.Int64 // bytes to the server after which it holds itself; 0: never
	sent   atomic.Int64 // bytes to the server

	mu   sync.Mutex
	back map[string]*net.UDPConn // by client; guarded by mu
}

func newPath(t *testing.T, server string) *path {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	p := &path{t: t, server: to, back: map[string]*net.UDPConn{}}
	if p.front, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	go p.carry()
	t.Cleanup(func() {
		p.front.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.back {
			c.Close()
		}
	})
	return p
}

func (p *path) port() int { return p.front.LocalAddr().(*net.UDPAddr).Port }

func (p *path) carry() {
	b := make([]byte, 64<<10)
	for {
		n, from, err := p.front.ReadFromUDP(b)
		if err != nil {
			return
		}
		if p.held.Load() {
			continue
		}
		if sent, stop := p.sent.Add(int64(n)), p.stopAt.Load(); stop > 0 && sent > stop {
			p.held.Store(true)
			continue
		}
		if c := p.to(from); c != nil {
			_, _ = c.Write(b[:n]) // a server that is down refuses
		}
	}
}

// to is the socket that stands for a client before the server.
func (p *path) to(client *net.UDPAddr) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.back[client.String()]; c != nil {
		return c
	}
	c, err := net.DialUDP("udp", nil, p.server)
	if err != nil {
		return nil
	}
	p.back[client.String()] = c
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := c.Read(b)
			if err != nil && strings.Contains(err.Error(), "closed") {
				return
			}
			if err == nil && !p.held.Load() {
				_, _ = p.front.WriteToUDP(b[:n], client)
			}
		}
	}()
	return c
}

// sending is a run of capture send.
func (w *ward) sending(flags ...string) *exec.Cmd {
	args := append([]string{"send", "--patient", "DEMO-0001", "--site", "abdomen"}, flags...)
	return w.run(append(args, w.photo)...)
}

// sends runs it to its end, which must come with an exit code, and gives what it said.
func (w *ward) sends(code int, flags ...string) string {
	w.t.Helper()
	cmd := w.sending(flags...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		w.t.Fatalf("sending: exit code %d, want %d; it said\n%s", got, code, out)
	}
	return string(out)
}

// begins starts one whose datagrams the path swallows after stopAt bytes, and waits until it does.
func (w *ward) begins(stopAt int64) (cmd *exec.Cmd, out *bytes.Buffer) {
	w.t.Helper()
	w.path.stopAt.Store(w.path.sent.Load() + stopAt)
	cmd, out = w.sending("--transport", "uplink"), &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "the upload to be on its way", 20*time.Second, w.path.held.Load)
	return cmd, out
}

// goesOn lets the path carry again.
func (p *path) goesOn() {
	p.stopAt.Store(0)
	p.held.Store(false)
}

// photos counts what the clinician has sent.
func (w *ward) photos() int {
	w.t.Helper()
	n := 0
	for _, photos := range w.signIn("clinician").captures() {
		n += len(photos)
	}
	return n
}

// TestUplink: an enrolled client sends over the uplink by itself, and says where it is; the photo is there once, and an
// operator sees the traffic.
func TestUplink(t *testing.T) {
	w := newWard(t, 512)
	if got := w.sends(0); !strings.Contains(got, "received as photo") || strings.Contains(got, "HTTPS") {
		t.Errorf("sending said %s", got)
	}
	if log := w.log.String(); !strings.Contains(log, "capture taken in over the uplink") || strings.Contains(log, "captures status=201") {
		t.Error("the photo did not come over the uplink")
	}
	if got := says(t, w.run("status")); !strings.Contains(got, "photos go over the uplink (UDP port ") {
		t.Errorf("status said %s", got)
	}
	if got := w.photos(); got != 1 {
		t.Errorf("%d photos, want 1", got)
	}
	w.watches(t)
	if got := w.photos(); got != 2 {
		t.Errorf("%d photos, want 2", got)
	}
	admin := w.signIn("admin")
	_, metrics, err := admin.request(t.Context(), "GET", "/metrics", nil, nil)
	if err != nil || !bytes.Contains(metrics, []byte(`clinivault_uplink_uploads_total{outcome="received"} 2`)) {
		t.Errorf("metrics: %v; no upload in\n%s", err, metrics)
	}
	var health struct {
		Parts []struct{ Name, Detail string }
	}
	admin.must("GET", "/api/v1/health", nil, &health)
	told := ""
	for _, part := range health.Parts {
		if part.Name == "uplink" {
			told = part.Detail
		}
	}
	if !strings.Contains(told, "2 photos received") {
		t.Errorf("health says of the uplink %q", told)
	}
	w.stop()
	if log := w.log.String(); strings.Contains(log, "the uplink has ended") || strings.Contains(log, "DEMO-0001") {
		t.Errorf("the log says\n%s", log)
	}
}

// watches has the client watch the folder of a tethered camera, with a wristband scanner that types.
func (w *ward) watches(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	cmd := w.run("watch", "--folder", folder, "--site", "abdomen", "--settle", "200ms")
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	scanner, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	says := func(text string) {
		t.Helper()
		eventually(t, "watch to say "+text, 20*time.Second, func() bool { return strings.Contains(out.String(), text) })
	}
	says("Scan the wristband")
	fmt.Fprintln(scanner, "]C0DEMO-0001")
	says("record number DEMO-0001")
	fmt.Fprintln(scanner, "y")
	says("photos that come from now on")
	if err := os.WriteFile(filepath.Join(folder, "IMG_0001.jpg"), readFile(t, w.photo), 0o600); err != nil {
		t.Fatal(err)
	}
	says("received as photo")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("watching ended with %v; it said\n%s", err, out)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("the folder holds %v, %v; want nothing", left, err)
	}
}

// TestUplinkBlocked: where nothing comes back over UDP the client sends over HTTPS by itself, says so once, and remembers.
func TestUplinkBlocked(t *testing.T) {
	w := newWard(t, 1600)
	w.path.held.Store(true)
	const said = "UDP is blocked here; sending over HTTPS instead"
	begun := time.Now()
	if got := w.sends(0); !strings.Contains(got, said) || !strings.Contains(got, "received as photo") {
		t.Errorf("sending said %s", got)
	}
	t.Logf("fell back in %v", time.Since(begun).Round(time.Millisecond))
	if !strings.Contains(w.log.String(), "route=/api/v1/device/uploads/{id}/finish status=201") {
		t.Error("the photo did not come in parts over HTTPS")
	}
	if got := w.sends(0); strings.Contains(got, said) || !strings.Contains(got, "received as photo") {
		t.Errorf("sending again said %s", got)
	}
	if got := w.sends(3, "--transport", "uplink"); !strings.Contains(got, "stays sealed") {
		t.Errorf("over the uplink alone: %s", got)
	}
	if got := says(t, w.run("status")); !strings.Contains(got, "photos go over HTTPS: UDP is blocked here") {
		t.Errorf("status said %s", got)
	}
	if got := says(t, w.run("flush", "--transport", "https")); !strings.Contains(got, "received as photo") {
		t.Errorf("flushing said %s", got)
	}
	if got := w.photos(); got != 3 {
		t.Errorf("%d photos, want 3", got)
	}
}

// TestUplinkInterrupted: an upload over the uplink is cut in the middle.
func TestUplinkInterrupted(t *testing.T) {
	w := newWard(t, 3600)
	t.Run("server killed", w.serverKilled)
	t.Run("client killed", w.clientKilled)
	t.Run("device revoked", w.revokedMeanwhile)
}

// serverKilled: a server that is killed and started again gets the rest alone, and has one photo.
func (w *ward) serverKilled(t *testing.T) {
	info, err := os.Stat(w.photo)
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := w.begins(info.Size() * 2 / 3)
	w.kill()
	w.start()
	before := w.path.sent.Load()
	w.path.goesOn()
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "received as photo") {
		t.Fatalf("sending: %v; it said\n%s", err, out)
	}
	again := w.path.sent.Load() - before
	t.Logf("%d bytes of %d after the restart", again, info.Size())
	if again > info.Size()*9/10 {
		t.Errorf("%d bytes of %d were sent after the restart: nothing had been kept", again, info.Size())
	}
	if got := w.photos(); got != 1 {
		t.Errorf("%d photos, want 1", got)
	}
}

// clientKilled: what a client had not sent, the next flush sends.
func (w *ward) clientKilled(t *testing.T) {
	cmd, _ := w.begins(1_500_000)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	w.path.goesOn()
	if got := says(t, w.run("flush", "--transport", "uplink")); !strings.Contains(got, "received as photo") {
		t.Errorf("flushing said %s", got)
	}
	if got := w.photos(); got != 2 {
		t.Errorf("%d photos, want 2", got)
	}
}

// revokedMeanwhile: a device that is taken out of use is out at the next block; nothing of the photo is received, and the
// sealed copy stays.
func (w *ward) revokedMeanwhile(t *testing.T) {
	admin := w.signIn("admin")
	cmd, out := w.begins(1_500_000)
	for _, d := range admin.devices() {
		if d.CertificateUntil != 0 {
			admin.must("POST", "/api/v1/devices/"+string(d.ID)+"/revoke", nil, nil)
		}
	}
	w.path.goesOn()
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 3 || !strings.Contains(out.String(), "run capture sign-in, then capture flush") {
		t.Errorf("exit code %d; it said\n%s", got, out)
	}
	if got := w.photos(); got != 2 {
		t.Errorf("%d photos, want the 2 from before", got)
	}
	if got := says(t, w.run("queue")); !strings.Contains(got, "1 tries") {
		t.Errorf("the queue: %s", got)
	}
}
