package chart

import "time"

// How an entry was taken back, in the vault's words.
const (
	howMarked  = "entered-in-error" // the entry stands, marked and empty; the picture is gone
	howDeleted = "deleted"          // the receiver holds nothing of it
	howNoted   = "rejection-note"   // the archive holds a note that rejects the object
	howNever   = "never-sent"       // the receiver holds nothing, and nothing was ever complete there
)

// Why an entry is taken back, in the vault's words.
const (
	causeWithdrawn = "withdrawn"
	causeErased    = "erased"
	causeRecalled  = "recalled"
)

// retraction is one entry to be taken back. It names nobody: the patient may be
// erased here, and what has to be said of them comes from the receiver.
type retraction struct {
	Attachment string
	Cause      string
	At         time.Time // when it was asked for: the same at every try
	Wrote      *progress // what the delivery said that it wrote
}

// reasons are the causes as a chart shows them.
var reasons = map[string]string{
	causeWithdrawn: "Consent was withdrawn",
	causeErased:    "The photograph was erased at its source",
	causeRecalled:  "The photograph was filed under the wrong patient",
}

// gone says how an entry went of which the receiver holds nothing: it was
// complete there once, and somebody deleted it, or it never was.
func (r *retraction) gone() string {
	if r.Wrote != nil && r.Wrote.Link != "" {
		return howDeleted
	}
	return howNever
}

func (r *retraction) reason() string {
	if text, ok := reasons[r.Cause]; ok {
		return text
	}
	return "The photograph was taken back by its source"
}
