package uplink

import "encoding/binary"

// Offsets in a handshake record of DTLS 1.2 (RFC 6347, sections 4.1 and 4.2.2).
const (
	recordVersion   = 1  // 0xFEFD, or 0xFEFF before a version is agreed on
	recordEpoch     = 3  // 0 in plaintext
	recordLength    = 11 // bytes after the head of the record
	messageLength   = recordHeader + 1
	messageNumber   = recordHeader + 4
	fragmentOffset  = recordHeader + 6
	fragmentLength  = recordHeader + 9
	handshakeHeader = 12 // bytes before the body of a message
)

// lastHello is the message number of the ClientHello that echoes the cookie; the one without a cookie has 0 (RFC 6347,
// section 4.2.2).
const lastHello = 1

// wholeHello says whether a datagram is one record with one ClientHello in one piece, and which message of its handshake
// that is. Nothing else reaches DTLS before the cookie came back: DTLS keeps fragments until their message is whole, and
// messages ahead of their turn, up to megabytes for each address that asks.
func wholeHello(b []byte) (number int, ok bool) {
	rest := len(b) - recordHeader
	body := rest - handshakeHeader
	if body <= 0 || b[0] != recordHandshake || !plaintext(b) || int(binary.BigEndian.Uint16(b[recordLength:])) != rest ||
		b[recordHeader] != clientHello || uint24(b[messageLength:]) != body ||
		uint24(b[fragmentOffset:]) != 0 || uint24(b[fragmentLength:]) != body {
		return 0, false
	}
	number = int(binary.BigEndian.Uint16(b[messageNumber:]))
	return number, number <= lastHello
}

// plaintext says whether a record says of itself that it is of DTLS and not sealed.
func plaintext(b []byte) bool {
	version := binary.BigEndian.Uint16(b[recordVersion:])
	return (version == 0xFEFD || version == 0xFEFF) && binary.BigEndian.Uint16(b[recordEpoch:]) == 0
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
