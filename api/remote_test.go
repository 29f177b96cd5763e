package api

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestRemoteBehindProxies(t *testing.T) {
	s := &Server{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28"), netip.MustParsePrefix("2001:db8:ffff::/64")}}
	long := strings.Repeat("10.0.0.2, ", maxHops+40) + "10.0.0.3"
	tests := []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no header", "10.0.0.2:9", nil, "10.0.0.2"},
		{"one proxy", "10.0.0.2:9", []string{"192.0.2.7"}, "192.0.2.7"},
		{"two proxies", "10.0.0.2:9", []string{"192.0.2.7, 10.0.0.3"}, "192.0.2.7"},
		{"two lines", "10.0.0.2:9", []string{"192.0.2.7", "10.0.0.3"}, "192.0.2.7"},
		{"what the client wrote", "10.0.0.2:9", []string{"203.0.113.1, 192.0.2.7"}, "192.0.2.7"},
		{"what the client wrote, naming a proxy", "10.0.0.2:9", []string{"203.0.113.1, 10.0.0.4, 192.0.2.7"}, "192.0.2.7"},
		{"a peer that is no proxy", "192.0.2.9:9", []string{"203.0.113.1"}, "192.0.2.9"},
		{"a neighbour of the proxies", "10.0.0.16:9", []string{"203.0.113.1"}, "10.0.0.16"},
		{"rubbish", "10.0.0.2:9", []string{"somewhere"}, "10.0.0.2"},
		{"rubbish before a proxy", "10.0.0.2:9", []string{"somewhere, 10.0.0.3"}, "10.0.0.3"},
		{"with a port", "10.0.0.2:9", []string{"192.0.2.7:4711"}, "10.0.0.2"},
		{"empty entries", "10.0.0.2:9", []string{"192.0.2.7,,"}, "10.0.0.2"},
		{"mapped", "[::ffff:10.0.0.2]:9", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		{"IPv6", "[2001:db8:ffff::1]:9", []string{"2001:db8::7"}, "2001:db8::7"},
		{"no end of proxies", "10.0.0.2:9", []string{"192.0.2.7, " + long}, "10.0.0.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.header}}
			if got := s.remote(r); got != tt.want {
				t.Errorf("peer %s, header %.60q: got %s, want %s", tt.peer, tt.header, got, tt.want)
			}
		})
	}
}

// Numbers stay on this machine, also where the proxies of the list run on it.
func TestWhatAProxyPassesOnIsNotLocal(t *testing.T) {
	for name, header := range map[string]http.Header{
		"forwarded for": {"X-Forwarded-For": {"127.0.0.1"}}, "forwarded": {"Forwarded": {"for=127.0.0.1"}}, "via": {"Via": {"1.1 x"}},
	} {
		if local(&http.Request{RemoteAddr: "127.0.0.1:9", Header: header}) {
			t.Errorf("%s: got local, want it refused", name)
		}
	}
	if !local(&http.Request{RemoteAddr: "127.0.0.1:9", Header: http.Header{}}) {
		t.Error("a request of this machine itself: got not local")
	}
}
