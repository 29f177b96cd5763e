package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
)

// TestMissing: exactly what is not held is sent, in parts that the vault's grid takes.
func TestMissing(t *testing.T) {
	const part, unit = partSize, 64 << 10
	type held = struct {
		Offset int64 `json:"offset"`
		Size   int64 `json:"size"`
	}
	tests := []struct {
		name string
		size int64
		held []held
		want string
	}{
		{"nothing held", 2*part + 5, nil, "0+524288 524288+524288 1048576+5"},
		{"the first", 2*part + 5, []held{{0, part}}, "524288+524288 1048576+5"},
		{"the last", 2*part + 5, []held{{2 * part, 5}}, "0+524288 524288+524288"},
		{"within a part", 2 * part, []held{{unit, unit}}, "0+65536 131072+393216 524288+524288"},
		{"over an edge", 2 * part, []held{{part - unit, 2 * unit}}, "0+458752 589824+458752"},
		{"two runs", 3 * part, []held{{0, unit}, {2 * part, part}}, "65536+458752 524288+524288"},
		{"all", part + 5, []held{{0, part + 5}}, ""},
		{"a small one", 5, nil, "0+5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range (uploadState{Held: tt.held}).missing(tt.size) {
				got = append(got, fmt.Sprintf("%d+%d", p.offset, p.size))
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("%d bytes, held %v: got %q, want %q", tt.size, tt.held, got, tt.want)
			}
		})
	}
}

// TestUplinkErrors: a refusal over the uplink has the fate that it would have over HTTPS.
func TestUplinkErrors(t *testing.T) {
	want := map[uplink.Code]fate{
		uplink.CodeUnauthenticated: fateSignIn, uplink.CodeDenied: fateRefused, uplink.CodeInvalid: fateRefused, uplink.CodeTooLarge: fateRefused,
		uplink.CodeConflict: fateRefused, uplink.CodeDigest: fateRetry, uplink.CodeBusy: fateRetry, uplink.CodeInternal: fateRetry,
		uplink.CodeShutdown: fateRetry, uplink.CodeIdle: fateRetry, uplink.CodeSuperseded: fateRetry, uplink.CodeProtocol: fateRetry, uplink.CodeVersion: fateRetry,
	}
	for code, fate := range want {
		err := uplinkError(fmt.Errorf("sending: %w", &uplink.Error{Code: code, Sentence: "a\x1b[2Jb", RetryAfter: time.Second}))
		var told *refusal
		if got := fateOf(err); got != fate || !errors.As(err, &told) || told.detail != "a [2Jb" || told.after != time.Second {
			t.Errorf("%v: got fate %d of %+v, want %d", code, got, told, fate)
		}
		if err := uplinkError(&uplink.Error{Code: code}); err.Error() == "" {
			t.Errorf("%v without a sentence says nothing", code)
		}
	}
	for _, err := range []error{uplink.ErrBlocked, uplink.ErrClosed, context.Canceled} {
		if got := fateOf(uplinkError(err)); got != fateRetry {
			t.Errorf("%v: got fate %d, want another try", err, got)
		}
	}
}

// TestWithoutUplink: what is blocked or not understood goes over HTTPS, for a while, what finds it busy this once, and
// what was refused stays refused.
func TestWithoutUplink(t *testing.T) {
	busyUplink := error(&uplink.Error{Code: uplink.CodeBusy}) // which the next run asks again
	tests := []struct {
		name, transport string
		err             error
		falls           bool
		says            string
	}{
		{"blocked", transportAuto, uplink.ErrBlocked, true, "UDP is blocked here; sending over HTTPS instead"},
		{"another version", transportAuto, &uplink.Error{Code: uplink.CodeVersion}, true, "the uplink does not work"},
		{"a certificate that is not believed", transportAuto, errors.New("bad\ncertificate"), true, "(bad certificate); sending over HTTPS instead"},
		{"refused", transportAuto, &uplink.Error{Code: uplink.CodeDenied}, false, ""},
		{"busy", transportAuto, busyUplink, true, "sending over HTTPS instead"},
		{"busy, and nothing else allowed", transportUplink, busyUplink, false, ""},
		{"blocked, and nothing else allowed", transportUplink, uplink.ErrBlocked, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out told
			now := time.Now()
			r := &session{surroundings: surroundings{stderr: &out, now: func() time.Time { return now }}, transport: tt.transport,
				account: account{Server: "https://vault.example"}, queue: &queue{dir: filepath.Join(t.TempDir(), "queue")}}
			err := r.withoutUplink(t.Context(), tt.err)
			why := avoids(r.dir(), "https://vault.example", now.Add(9*time.Minute))
			if (err == nil) != tt.falls || r.direct != tt.falls || (why != "") != (tt.falls && !errors.Is(tt.err, busyUplink)) || !strings.Contains(out.String(), tt.says) {
				t.Errorf("got %v, direct %v, remembered %q, said %q; want falling back %v and %q", err, r.direct, why, out.String(), tt.falls, tt.says)
			}
			if got := avoids(r.dir(), "https://vault.example", now.Add(11*time.Minute)) + avoids(r.dir(), "https://other.example", now); got != "" {
				t.Errorf("remembered too long, or of another server: %q", got)
			}
			if got := avoids(r.dir(), "https://vault.example", now.Add(-time.Hour)); got != "" {
				t.Errorf("remembered for an hour by a clock that was set back: %q", got)
			}
		})
	}
}

// TestUplinkNeedsADevice: without an enrolled device there is no uplink, and who wants nothing else is told what to do.
func TestUplinkNeedsADevice(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, _ := b.photo(1000)
	b.must(exitWaiting, []string{"the uplink needs an enrolled device"}, sendArgs("--transport", "uplink", path)...)
	b.must(exitDone, []string{"received as photo"}, "flush")
	b.must(exitDone, []string{"photos go over HTTPS"}, "status")
	b.must(exitUsage, []string{"--transport takes"}, "flush", "--transport", "x")
}

// TestClock: a clock that is wrong by a day is told, and the photo gets the server's time; a little is nothing.
func TestClock(t *testing.T) {
	day := 24 * time.Hour
	for _, off := range []time.Duration{0, time.Minute, day, -day} {
		b := newBench(t)
		b.server.Config.Handler = withDate(b.server.Config.Handler, off)
		b.signIn()
		path, _ := b.photo(1000)
		_, stdout, stderr := b.run("", sendArgs(path)...)
		says := map[time.Duration]string{day: "this machine's clock is 24h0m0s behind the server's", -day: "this machine's clock is 24h0m0s ahead of the server's"}[off]
		if !strings.Contains(stdout, "received as photo") || !strings.Contains(stderr, says) || says == "" && strings.Contains(stderr, "clock") {
			t.Errorf("off by %v: it said\n%s%swant %q", off, stdout, stderr, says)
		}
		want := time.Now()
		if off.Abs() == day {
			want = want.Add(off)
		}
		for _, got := range b.server.got {
			if d := got.facts.TakenAt.Sub(want); d.Abs() > 5*time.Second {
				t.Errorf("off by %v: the photo's time is %v, want %v", off, got.facts.TakenAt, want)
			}
		}
	}
}

// withDate has a server's clock off by a time.
func withDate(h http.Handler, off time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		h.ServeHTTP(w, r)
	})
}

// TestFolderOfQueueIsMade: also those above it, for this user alone.
func TestFolderOfQueueIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	if err := makeFolder(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 || makeFolder(dir) != nil {
		t.Errorf("got %v %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeFolder(filepath.Join(dir, "file", "x")); err == nil {
		t.Error("a folder in a file was made")
	}
}
