package main

import (
	"net/netip"
	"testing"
)

func TestTrustedProxies(t *testing.T) {
	tests := []struct {
		name, text string
		in, out    string // an address that is of the list, and one that is not; "" where the list is refused
	}{
		{"an address", "10.0.0.5", "10.0.0.5", "10.0.0.6"},
		{"a network", "10.0.0.7/28", "10.0.0.15", "10.0.0.16"},
		{"a mapped address", "::ffff:10.0.0.5", "10.0.0.5", "10.0.0.6"},
		{"an IPv6 network", "2001:db8:1::/64", "2001:db8:1::9", "2001:db8:2::9"},
		{"every IPv4 address", "0.0.0.0/0", "", ""},
		{"every IPv6 address", "::/0", "", ""},
		{"a name", "proxy.example.org", "", ""},
		{"a zone", "fe80::1%eth0", "", ""},
		{"nothing", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseConfig([]byte(`{"data": "d", "trusted_proxies": ["`+tt.text+`"]}`), "/base")
			if tt.in == "" {
				if err == nil {
					t.Fatalf("%q: got no error, want it refused", tt.text)
				}
				return
			}
			if err != nil {
				t.Fatalf("%q: %v", tt.text, err)
			}
			list, err := c.proxies()
			if err != nil || len(list) != 1 {
				t.Fatalf("%q: got %v, %v, want one network", tt.text, list, err)
			}
			if !list[0].Contains(netip.MustParseAddr(tt.in)) || list[0].Contains(netip.MustParseAddr(tt.out)) {
				t.Errorf("%q: got %v, want it with %s and without %s", tt.text, list[0], tt.in, tt.out)
			}
		})
	}
}
