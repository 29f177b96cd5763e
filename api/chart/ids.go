package chart

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
)

// What an identifier is for. The text is hashed: changing one would make a
// retry write a second entry.
const (
	idBinary     = "binary"
	idDocument   = "document-reference"
	idProvenance = "provenance"
	idPatient    = "patient"
	idStudy      = "study"
	idSeries     = "series"
	idInstance   = "instance"
	idRetraction = "retraction"
	idNoteSeries = "rejection-note-series"
	idNote       = "rejection-note"
)

// implementationUID names this writer in DICOM files (PS3.7 D.3.3.2). It is the
// UUID of the text "implementation" under the same rule as all others here.
var implementationUID = dicomUID("", "implementation", "clinivault")

// derivedUUID makes a UUID of version 8 (RFC 9562 section 5.8) from an ID of
// the vault: the same input gives the same UUID at every try and on every node.
func derivedUUID(purpose, id string) [16]byte {
	sum := sha256.Sum256([]byte("clinivault/chart/v1\x00" + purpose + "\x00" + id))
	var u [16]byte
	copy(u[:], sum[:])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// fhirID is a UUID in its text form, which is a valid id of FHIR R4 (section
// 2.24.0.1) and is accepted by servers that insist on UUIDs.
func fhirID(purpose, id string) string {
	u := derivedUUID(purpose, id)
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// dicomUID is the UUID as a number below root; the empty root stands for 2.25,
// the arc for UUIDs (PS3.5 B.2). At most 64 characters when root has at most 24.
func dicomUID(root, purpose, id string) string {
	if root == "" {
		root = "2.25"
	}
	u := derivedUUID(purpose, id)
	return root + "." + new(big.Int).SetBytes(u[:]).String()
}
