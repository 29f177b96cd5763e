package vault

import (
	"slices"
	"strings"
)

// BandKind says which number a wristband carries.
type BandKind string

// The numbers that lead to a patient.
const (
	BandGSRN   BandKind = "gsrn"          // global service relation number of the patient: GS1 General Specifications 3.9, AI 8018
	BandNHS    BandKind = "nhs"           // NHS number of England, Wales and the Isle of Man
	BandRecord BandKind = "record_number" // the hospital's own
)

// Band is what a wristband says. SRIN is the service relation instance number (AI 8019), 1 to 10 digits, where there is one.
type Band struct {
	Kind  BandKind
	Value string
	SRIN  string
}

// String keeps patients out of logs.
func (Band) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (Band) GoString() string { return "[redacted]" }

// PlainBands says what a code without GS1's mark holds in this hospital: BandRecord, BandNHS, or nothing, which takes it as
// a record number unless it might as well be something else.
type PlainBands string

// Valid tells whether p is one of the three.
func (p PlainBands) Valid() bool {
	return p == "" || p == PlainBands(BandRecord) || p == PlainBands(BandNHS)
}

// maxBand bounds the text of a code; the longest wristband with every AI that GS1 lists for patients is shorter.
const maxBand = 512

// ParseBand reads the text of a scanned code. The symbology decides, by its identifier (ISO/IEC 15424): "]d2" (GS1
// DataMatrix), "]C1" (GS1-128) and "]Q3" (GS1 QR code) hold elements with application identifiers, and the GSRN counts;
// "]C0", "]d1" and "]Q1" hold the hospital's number. An empty one is a scanner that types: the identifier may stand before
// the text, or a group separator in it. Errors: ErrInvalid with a sentence that says what the code is instead.
func ParseBand(symbology, text string, plain PlainBands) (Band, error) {
	b, refused := parseBand(symbology, text, plain)
	if refused != "" {
		return Band{}, say(ErrInvalid, bandWords[refused])
	}
	return b, nil
}

// bandWords says why a code is no wristband. The reader in the browser has the same, by the same names.
var bandWords = map[string]string{
	"empty":     "The code is empty. Scan the wristband again.",
	"symbology": "This kind of code does not stand on wristbands. Scan the wristband.",
	"product":   "This is the code of a medicine or a product, not a wristband.",
	"provider":  "This is the code of a member of staff (8017), not of a patient.",
	"other":     "This GS1 code is not a patient’s wristband.",
	"address":   "This is a web address, not a wristband.",
	"boarding":  "This is a boarding pass, not a wristband.",
	"check":     "The number on the band does not add up: it was misread, or printed wrong. Scan again, or pick the patient from the list.",
	"damaged":   "The band’s code is not built as GS1 asks. Have a new band printed, and pick the patient from the list.",
	"unmarked":  "The code holds a GS1 number without the mark of GS1, so it may be anything. Have a new band printed, and pick the patient from the list.",
	"ambiguous": "The number may be a record number or an NHS number. Pick the patient from the list; your IT team can say which of both your bands carry.",
	"unknown":   "This is no number that wristbands here carry. Scan the wristband.",
}

func parseBand(symbology, text string, plain PlainBands) (Band, string) {
	if symbology == "" {
		symbology, text = typedBand(text)
	}
	switch {
	case text == "":
		return Band{}, "empty"
	case len(text) > maxBand:
		return Band{}, "unknown"
	}
	switch symbology {
	case "]d2", "]d5", "]C1", "]Q3", "]Q4":
		return gs1Band(text)
	case "]C0", "]d1", "]d4", "]Q1", "]Q2":
		return plainBand(text, plain)
	}
	return Band{}, "symbology"
}

// typedBand tells what a scanner typed that works as a keyboard.
func typedBand(text string) (symbology, rest string) {
	text = strings.TrimRight(text, "\r\n")
	switch {
	case len(text) >= 3 && text[0] == ']':
		return text[:3], text[3:]
	case strings.Contains(text, gs):
		return "]d2", text
	}
	return "]C0", text
}

// gs stands for FNC1 after an element (GS1 General Specifications 7.8.3).
const gs = "\x1d"

// gs1Band reads elements one after the other (GS1 General Specifications 7.8).
func gs1Band(text string) (Band, string) {
	elements, ok := gs1Elements(text)
	if !ok {
		return Band{}, "damaged"
	}
	has := func(ais ...string) bool {
		return slices.ContainsFunc(ais, func(ai string) bool { _, there := elements[ai]; return there })
	}
	gsrn, patient := elements["8018"]
	switch {
	case has("01", "02", "03", "710", "711", "712", "713", "714", "715", "716", "8006", "8010"):
		return Band{}, "product"
	case has("8017"):
		return Band{}, "provider"
	case !patient:
		return Band{}, "other"
	case !gs1Check(gsrn):
		return Band{}, "check"
	}
	return Band{BandGSRN, gsrn, elements["8019"]}, ""
}

// gs1Elements splits a text into elements; one AI twice, an unknown one and a wrong length are refused.
func gs1Elements(text string) (map[string]string, bool) {
	out := map[string]string{}
	rest := strings.TrimPrefix(text, gs)
	for rest != "" {
		ai, ok := gs1AI(rest)
		if !ok {
			return nil, false
		}
		rest = rest[len(ai.name):]
		value := rest
		if ai.predefined {
			value = rest[:min(len(rest), ai.most)]
		} else if i := strings.Index(rest, gs); i >= 0 {
			value = rest[:i]
		}
		rest = rest[len(value):]
		if _, twice := out[ai.name]; twice || !ai.fits(value) {
			return nil, false
		}
		out[ai.name] = value
		if strings.HasPrefix(rest, gs) {
			if rest = rest[1:]; strings.HasPrefix(rest, gs) {
				return nil, false // an empty element
			}
		}
	}
	return out, len(out) > 0
}

// gs1Check tells whether the last digit is the check digit of those before (GS1 General Specifications 7.9.1).
func gs1Check(digits string) bool {
	if !isDigits(digits) {
		return false
	}
	sum := 0
	for i, weight := len(digits)-2, 3; i >= 0; i, weight = i-1, 4-weight {
		sum += int(digits[i]-'0') * weight
	}
	return (10-sum%10)%10 == int(digits[len(digits)-1]-'0')
}

// nhsCheck tells whether ten digits are an NHS number (NHS Data Dictionary: modulus 11).
func nhsCheck(digits string) bool {
	if len(digits) != 10 || !isDigits(digits) {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += int(digits[i]-'0') * (10 - i)
	}
	check := 11 - sum%11
	return check != 10 && check%11 == int(digits[9]-'0')
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// plainBand reads a code that is not GS1's. What it is known to be instead is refused by name.
func plainBand(text string, plain PlainBands) (Band, string) {
	if what := foreignCode(text); what != "" {
		return Band{}, what
	}
	compact := strings.ReplaceAll(text, " ", "")
	switch {
	case plain == PlainBands(BandNHS) && len(compact) == 10 && isDigits(compact):
		if !nhsCheck(compact) {
			return Band{}, "check"
		}
		return Band{Kind: BandNHS, Value: compact}, ""
	case plain == PlainBands(BandNHS):
		return Band{}, "unknown"
	case !isLine(text, maxRecordNumber) || strings.TrimSpace(text) != text:
		return Band{}, "unknown"
	case plain == PlainBands(BandRecord):
	case nhsCheck(compact):
		return Band{}, "ambiguous"
	case isDigits(text) && (len(text) == 13 || len(text) == 14) && gs1Check(text):
		return Band{}, "product"
	}
	return Band{Kind: BandRecord, Value: text}, ""
}

// foreignCode names what people scan by mistake; empty: nothing that is known.
func foreignCode(text string) string {
	lower := strings.ToLower(text)
	scheme, _, found := strings.Cut(lower, ":")
	switch {
	case strings.HasPrefix(text, "[)>"), strings.HasPrefix(text, "+") && len(text) > 5: // ISO/IEC 15434 (IFA's PPN); HIBC
		return "product"
	case len(text) >= 58 && (text[0] == 'M' || text[0] == 'S') && text[1] >= '1' && text[1] <= '4': // IATA resolution 792
		return "boarding"
	case found && slices.Contains([]string{"http", "https", "mailto", "tel", "sms", "geo", "wifi", "begin", "otpauth", "mecard"}, scheme),
		strings.HasPrefix(lower, "www."):
		return "address"
	case strings.HasPrefix(text, "(8018)"), strings.HasPrefix(text, "8018") && len(text) >= 22 && isDigits(text[4:22]) && gs1Check(text[4:22]):
		return "unmarked"
	case strings.HasPrefix(text, "01") && len(text) >= 16 && isDigits(text[:16]) && gs1Check(text[2:16]):
		return "product"
	}
	return ""
}
