// Package imaging handles pixels and nothing else: Read is the one way in, Still is what comes out.
//
// It guards two people. The patient, from what a camera writes beside the picture (where, when, with which
// device, an uncropped thumbnail) and from a redaction that can be undone. The operator, from bytes made to
// exhaust or crash a decoder. Its adversaries are whoever shaped the incoming file and whoever later studies
// what leaves.
//
// In order: the gate names the format by its first bytes and refuses the rest by name; every size is bounded
// before anything is allocated; camera facts are read for the record by a bounded reader; the picture is then
// rebuilt from its coefficients (JPEG) or its pixels (PNG, HEIC), so that nothing foreign is carried over,
// rather than edited; it is turned upright where that is exact; and a checker that shares no code with the
// writer passes the result against an allow-list. Only then is there a Still.
//
// Detect proposes regions, a person decides, Redact replaces whole coded units by one colour, and Prove
// re-opens both files to show that the masks are solid and that nothing else changed. Pool does all of this
// in short-lived child processes with hard limits on memory and time, and checks their answers again.
//
// Before any of this, on the device, Look tells of faces, eyes, tattoos, print, bad light and bad focus in a frame of the camera,
// and FindScale reads a scale card. These alone are built for js/wasm too: what reads files, the whole detectors and the child
// processes are absent there, since a browser loads every byte. The package opens no file and no connection.
package imaging
