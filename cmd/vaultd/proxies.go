package main

import (
	"errors"
	"net/netip"
	"strings"
)

// errProxies is what is wrong with a list of proxies.
var errProxies = errors.New(`"trusted_proxies" lists addresses or networks of your own proxies, such as 10.0.0.5 or 10.0.0.0/28; not every address there is`)

// proxies reads TrustedProxies: addresses, or networks in CIDR notation. A network of every address is refused: whoever
// believes everybody's header lets each caller choose their address, and with it their share of the limits.
func (c *Config) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range c.TrustedProxies {
		if !strings.Contains(text, "/") {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				return nil, errProxies
			}
			addr = addr.Unmap()
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Bits() == 0 || p.Addr().Is4In6() {
			return nil, errProxies
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
