package main

// The ways to the server.
const (
	transportAuto   = "auto"   // the uplink where it works, else HTTPS
	transportUplink = "uplink" // DTLS over UDP alone
	transportHTTPS  = "https"
)

func checkTransport(t string) error {
	switch t {
	case transportAuto, transportUplink, transportHTTPS:
		return nil
	}
	return usageError{"--transport takes auto, uplink or https"}
}
