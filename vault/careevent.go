package vault

import (
	"errors"
	"time"
)

// CareEvent is one thing that a hospital's patient administration tells of a patient. What it says replaces what is known,
// unless something newer is: At is when it happened there, and orders the events of a patient and of each visit.
type CareEvent struct {
	Kind      CareKind
	At        time.Time
	Number    string // the record number, 1 to 32 characters
	Name      string // may be empty where the patient is known
	BirthDate string // YYYY-MM-DD; may be empty where the patient is known
	Prior     string // CareMerge: the record number that ends
	Visit     *CareVisit
	Numbers   []BandNumber // that wristbands may carry; those that are not named stay
	// TiesUntil is until when the teams and doctors of a visit treat the patient; zero: while it lasts. Of one that is over
	// (CareOut) zero is at once.
	TiesUntil time.Time
}

// String keeps patients out of logs.
func (CareEvent) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (CareEvent) GoString() string { return "[redacted]" }

// CareVisit is a stay or a visit. The patient is tied to its teams and doctors.
type CareVisit struct {
	Number  string    // the hospital's, 1 to 64 characters
	Label   string    // what people read, 1 to 120 characters
	Teams   []string  // names of teams; those that are not known are made
	Doctors []string  // by external ID or login; those who are not known are passed over
	Start   time.Time // zero: At
	End     time.Time // CareOut; zero: At
}

// CareKind is what happened.
type CareKind string

// The kinds of care event.
const (
	CareIn     CareKind = "in"     // the patient is there: admitted, registered, transferred, or discharged by mistake
	CareOut    CareKind = "out"    // discharged
	CareNever  CareKind = "never"  // the visit was entered by mistake
	CareUpdate CareKind = "update" // facts of the patient, and of a visit while it lasts
	CareMerge  CareKind = "merge"  // Prior turned out to be Number
)

// What became of a care event, as CareResult has it.
const (
	CareApplied = "applied"
	CareOlder   = "older"   // something newer is known
	CareNothing = "nothing" // it says nothing of a patient the vault knows
)

// CareProblem says why an event cannot be applied, in terms of HL7: Code is of table 0357, Place names segment and field,
// and Text never holds a value. It is ErrInvalid.
type CareProblem struct {
	Code  string
	Place string
	Text  string
}

// Error is the text with its place.
func (p *CareProblem) Error() string { return p.Place + ": " + p.Text }

// Unwrap makes it ErrInvalid.
func (p *CareProblem) Unwrap() error { return ErrInvalid }

// The codes of HL7 table 0357 (message error condition codes) that the vault itself answers with.
const (
	careRequired  = "101" // required field missing
	careDataType  = "102" // data type error
	careDuplicate = "205" // duplicate key identifier
	careInternal  = "207" // application internal error
)

const (
	maxRecordNumber = 32
	maxVisitNumber  = 64
	maxCareTies     = 16        // teams, and doctors, of one visit
	feedAhead       = time.Hour // how far a feed's clock may be ahead
)

// check says what can be said without the database.
func (e CareEvent) check(now int64) error {
	switch {
	case e.Number == "":
		return &CareProblem{careRequired, "PID-3", "there is no record number"}
	case !isLine(e.Number, maxRecordNumber):
		return &CareProblem{careDataType, "PID-3", "a record number has 1 to 32 printable characters"}
	case e.Name != "" && !isLine(e.Name, 120):
		return &CareProblem{careDataType, "PID-5", "a name has 1 to 120 printable characters"}
	case e.At.IsZero():
		return &CareProblem{careRequired, "EVN-2", "the time of the event is missing"}
	case e.At.UnixMilli() > now+feedAhead.Milliseconds():
		return &CareProblem{careDataType, "EVN-2", "the time of the event lies ahead: check the clocks and the time zone"}
	}
	if e.BirthDate != "" {
		if _, err := time.Parse(birthShape, e.BirthDate); err != nil {
			return &CareProblem{careDataType, "PID-7", "the birth date is not a date"}
		}
	}
	if err := checkNumbers(e.Numbers); err != nil {
		return err
	}
	if e.Kind == CareMerge {
		return e.checkMerge()
	}
	if e.Visit == nil {
		if e.Kind == CareUpdate {
			return nil
		}
		return &CareProblem{careRequired, "PV1-19", "there is no visit number"}
	}
	return e.Visit.check()
}

func (e CareEvent) checkMerge() error {
	switch {
	case e.Prior == "":
		return &CareProblem{careRequired, "MRG-1", "there is no record number that ends"}
	case !isLine(e.Prior, maxRecordNumber):
		return &CareProblem{careDataType, "MRG-1", "a record number has 1 to 32 printable characters"}
	case e.Prior == e.Number:
		return &CareProblem{careDuplicate, "MRG-1", "it is the number that stays"}
	}
	return nil
}

func (c CareVisit) check() error {
	switch {
	case c.Number == "":
		return &CareProblem{careRequired, "PV1-19", "there is no visit number"}
	case !isLine(c.Number, maxVisitNumber):
		return &CareProblem{careDataType, "PV1-19", "a visit number has 1 to 64 printable characters"}
	case !isLine(c.Label, 120):
		return &CareProblem{careDataType, "PV1-3", "the location holds what cannot be printed, or is too long"}
	case len(c.Teams) > maxCareTies || len(c.Doctors) > maxCareTies:
		return &CareProblem{careDataType, "PV1-7", "too many people or teams for one visit"}
	case !c.Start.IsZero() && c.Start.Year() < 1900:
		return &CareProblem{careDataType, "PV1-44", "the time of the admission lies before 1900"}
	}
	return nil
}

// problemOf finds the problem in an error.
func problemOf(err error) *CareProblem {
	var p *CareProblem
	if errors.As(err, &p) {
		return p
	}
	return nil
}
