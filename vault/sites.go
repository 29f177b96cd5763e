package vault

import "slices"

// BodySite is a place on the body that a capture may name. SNOMED is its SNOMED CT concept (body structure); Sided
// sites need a laterality of left, right or bilateral, the others take midline or none.
type BodySite struct {
	Code   string `json:"code"`
	Label  string `json:"label"`
	SNOMED string `json:"snomed"`
	Sided  bool   `json:"sided"`
}

// BodySites are all that a capture may name, from head to foot. The list is only ever added to.
var BodySites = []BodySite{
	{"scalp", "Scalp", "41695006", false},
	{"forehead", "Forehead", "52795006", false},
	{"face", "Face", "89545001", false},
	{"eye", "Eye", "81745001", true},
	{"ear", "Ear", "117590005", true},
	{"nose", "Nose", "45206002", false},
	{"lip", "Lip", "48477009", false},
	{"mouth", "Mouth", "123851003", false},
	{"cheek", "Cheek", "60819002", true},
	{"chin", "Chin", "30291003", false},
	{"neck", "Neck", "45048000", false},
	{"shoulder", "Shoulder", "16982005", true},
	{"upper-arm", "Upper arm", "40983000", true},
	{"elbow", "Elbow", "127949000", true},
	{"forearm", "Forearm", "14975008", true},
	{"wrist", "Wrist", "8205005", true},
	{"hand", "Hand", "85562004", true},
	{"finger", "Finger", "7569003", true},
	{"chest", "Chest", "51185008", false},
	{"breast", "Breast", "76752008", true},
	{"axilla", "Axilla", "91470000", true},
	{"abdomen", "Abdomen", "818981001", false},
	{"back", "Back", "77568009", false},
	{"sacrum", "Sacral region", "54735007", false},
	{"buttock", "Buttock", "46862004", true},
	{"groin", "Groin", "26893007", true},
	{"genitalia", "Genitalia", "263767004", false},
	{"hip", "Hip", "29836001", true},
	{"thigh", "Thigh", "68367000", true},
	{"knee", "Knee", "72696002", true},
	{"lower-leg", "Lower leg", "30021000", true},
	{"ankle", "Ankle", "344001", true},
	{"heel", "Heel", "76853006", true},
	{"foot", "Foot", "56459004", true},
	{"toe", "Toe", "29707007", true},
}

// FindBodySite finds a site by its code.
func FindBodySite(code string) (BodySite, bool) {
	i := slices.IndexFunc(BodySites, func(s BodySite) bool { return s.Code == code })
	if i < 0 {
		return BodySite{}, false
	}
	return BodySites[i], true
}

// checkSite says whether site and side go together.
func checkSite(code, laterality string) error {
	site, ok := FindBodySite(code)
	if !ok {
		return say(ErrInvalid, "This body site is not known.")
	}
	sides := []string{"", "midline", "left", "right", "bilateral"}
	if site.Sided {
		sides = []string{"left", "right", "bilateral"}
	}
	if !slices.Contains(sides, laterality) {
		return say(ErrInvalid, "This body site needs a side: left, right or bilateral.")
	}
	return nil
}
