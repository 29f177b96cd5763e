// Package chart delivers approved photos into the patient's chart: to a FHIR
// R4 server, to a DICOMweb archive, or to both.
//
// It guards the chart from three mistakes of ours and of the receiver: a photo
// in the wrong patient's chart, an entry that shows something other than what
// the reviewer released, and two entries, or half of one, for a single photo.
// A receiver's "200 OK" is not believed. One delivery goes in this order:
//
//  1. Find the patient at the receiver, exactly one, and compare birth dates.
//  2. Send the picture under an identifier that follows from the attachment's
//     ID, so that a second try writes the same thing again and never another.
//  3. Read the picture back and compare it byte for byte.
//  4. Only then write what makes it visible in the chart, and read that back.
//  5. Tell the vault, which compares digests once more and says "attached".
//
// When a step fails the receiver is asked what it holds: a Binary that no
// DocumentReference points to is removed, a photo that arrived although the
// answer got lost is accepted. Progress is kept in the vault between steps, and
// each step looks before it writes, so a crash anywhere is finished by the next
// try.
//
// What was delivered can be taken back: the entry is marked and emptied, the
// object deleted or rejected, and again only what the receiver gives afterwards
// counts. That needs no patient, who may be erased by then.
//
// Errors name the receiver, the step and the status, never what was in a
// request or an answer: those hold names and record numbers. CONFORMANCE.md
// says which elements are written and why.
package chart
