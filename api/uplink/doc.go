// Package uplink carries sealed captures from a device to the vault over networks that lose packets: a ward's radio loses
// one in twenty, and a sender that takes each loss for a full queue, as TCP does, needs a minute for a photo. PROTOCOL.md
// specifies the bytes.
//
// What it guards. The body is sealed to the vault before it comes here, so the worst that a broken uplink could show is
// which device sends how much and when; the transport is the second lock. It keeps strangers out (both ends show
// certificates), keeps the session token secret, and keeps whoever is on the path from ending, diverting or multiplying
// traffic. It trusts its peer's packets no further than their bounds: a device that was stolen may send anything.
//
// In which order. A stranger's first datagram costs the server one of a bounded number of places and gets back less than
// it sent; no key is made before the cookie returned, and DTLS sees whole ClientHellos alone until then (door.go, hello.go,
// wire.go). After it no one address keeps the others out (places.go). DTLS 1.2 follows, with certificates and connection
// IDs (dtls.go). Inside, packets are numbered, answered, found lost, said again and paced by a link, which knows neither
// clock nor network and is tested in simulated time (link.go, flight.go, pace.go). A session gives it both (session.go). A
// party says what the frames mean: the server's asks a Sink before it takes more than the first block of a body, keeps
// each whole block where it outlives the connection, and says the receipt that the sink gave, nothing less
// (server_party.go, incoming.go), and takes memory back from who stalls while others lack it (memory.go); the client's sends what the server does not hold, and shakes hands anew when the
// connection breaks or the server restarts (client.go, client_party.go).
//
// A device that changes its address goes on by its connection ID; the server sends little to the new address until it
// echoed a challenge (RFC 9853). Where UDP is blocked, Dial says ErrBlocked, and the caller uses HTTPS.
package uplink
