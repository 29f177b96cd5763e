// Package uplink carries sealed captures from a device to the vault over networks that lose packets.
package uplink

import _ "github.com/pion/dtls/v3"
