package adt

import (
	"strings"
	"time"
)

// time reads a time stamp (HL7 v2.5.1 section 2.A.77, TS: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]), from the day
// on; empty gives the zero time.
func (r Rules) time(s, place string) (time.Time, *Fault) {
	if s == "" {
		return time.Time{}, nil
	}
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	digits, offset := s, ""
	if i := strings.IndexAny(s, "+-"); i >= 0 {
		digits, offset = s[:i], s[i:]
	}
	digits, _, _ = strings.Cut(digits, ".")
	shape, known := map[int]string{8: "20060102", 10: "2006010215", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	if !known || offset != "" && len(offset) != 5 {
		return time.Time{}, fault(codeType, place, "the time is not YYYYMMDD[HH[MM[SS]]][+ZZZZ]")
	}
	var at time.Time
	var err error
	if offset == "" {
		at, err = time.ParseInLocation(shape, digits, zone)
	} else {
		at, err = time.Parse(shape+"-0700", digits+offset)
	}
	if err != nil {
		return time.Time{}, fault(codeType, place, "the time is not YYYYMMDD[HH[MM[SS]]][+ZZZZ]")
	}
	return at, nil
}
