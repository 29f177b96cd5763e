package uplink

import (
	"errors"
	"net"
	"syscall"
)

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// temporary says whether reading a socket may go on after err: one peer's "port unreachable", or a datagram cut off,
// must not end the service for all.
func temporary(err error) bool {
	var errno syscall.Errno
	var op *net.OpError
	return errors.As(err, &errno) && errno != syscall.EBADF || errors.As(err, &op) && op.Timeout()
}
