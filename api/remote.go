package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how many proxies one request is followed back through.
const maxHops = 16

// peerOf is the address of the peer without its port, whatever the headers say; invalid when there is none.
func peerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// remote is where a request comes from. X-Forwarded-For is believed as far as the proxies that the operator listed
// wrote it: from the right, each proxy vouches for the address before it, and the first address that is no listed proxy
// is the remote one. What stands further left was written by that remote itself and is not read, and a header that
// comes from anybody else is not read at all. An entry that is no address ends the walk at the proxy that passed it on.
func (s *Server) remote(r *http.Request) string {
	at := peerOf(r)
	if !at.IsValid() {
		return ""
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for n, i := 0, len(hops)-1; i >= 0 && n < maxHops && s.isProxy(at); n, i = n+1, i-1 {
		before, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = before.Unmap().WithZone("")
	}
	return at.String()
}

// isProxy reports whether the operator listed the address as one of theirs.
func (s *Server) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
