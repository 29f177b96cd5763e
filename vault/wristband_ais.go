package vault

import "strings"

// gs1Element is one application identifier: how long what follows is, in characters, and whether it is digits alone.
type gs1Element struct {
	name        string
	least, most int
	digits      bool
	predefined  bool // ends by its length, not by FNC1
}

// fits tells whether a value has the length and characters of the element (GS1 General Specifications 3 and 7.11, set 82).
func (e gs1Element) fits(value string) bool {
	if len(value) < e.least || len(value) > e.most {
		return false
	}
	if e.digits {
		return isDigits(value)
	}
	return !strings.ContainsFunc(value, func(r rune) bool {
		return r <= ' ' || r > 'z' || strings.ContainsRune("#$@[\\]^`", r)
	})
}

// gs1AIs are the application identifiers that may stand beside a GSRN, or tell what a code is instead: GS1 General
// Specifications, figure 3.2-1. Each has the digits of its name (n is any digit), and how long its value is.
var gs1AIs = []struct {
	name        string
	least, most int
	digits      bool
}{
	{"00", 18, 18, true}, {"01", 14, 14, true}, {"02", 14, 14, true}, {"03", 14, 14, true},
	{"10", 1, 20, false}, {"11", 6, 6, true}, {"12", 6, 6, true}, {"13", 6, 6, true}, {"15", 6, 6, true}, {"16", 6, 6, true},
	{"17", 6, 6, true}, {"20", 2, 2, true}, {"21", 1, 20, false}, {"22", 1, 20, false},
	{"235", 1, 28, false}, {"240", 1, 30, false}, {"241", 1, 30, false}, {"242", 1, 6, true}, {"243", 1, 20, false},
	{"250", 1, 30, false}, {"251", 1, 30, false}, {"253", 13, 30, false}, {"254", 1, 20, false}, {"255", 13, 25, true},
	{"30", 1, 8, true}, {"31nn", 6, 6, true}, {"32nn", 6, 6, true}, {"33nn", 6, 6, true}, {"34nn", 6, 6, true},
	{"35nn", 6, 6, true}, {"36nn", 6, 6, true}, {"37", 1, 8, true},
	{"390n", 1, 15, true}, {"391n", 4, 18, true}, {"392n", 1, 15, true}, {"393n", 4, 18, true},
	{"400", 1, 30, false}, {"401", 1, 30, false}, {"402", 17, 17, true}, {"403", 1, 30, false}, {"41n", 13, 13, true},
	{"420", 1, 20, false}, {"421", 4, 12, false}, {"422", 3, 3, true}, {"426", 3, 3, true},
	{"7001", 13, 13, true}, {"7003", 10, 10, true}, {"7006", 6, 6, true},
	{"71n", 1, 20, false}, {"7240", 1, 20, false}, {"7241", 2, 2, true}, {"7242", 1, 25, false},
	{"7250", 8, 8, true}, {"7251", 12, 12, true}, {"7252", 1, 1, true}, {"7253", 1, 40, false}, {"7254", 1, 40, false},
	{"7255", 1, 10, false}, {"7256", 1, 90, false}, {"7257", 1, 70, false}, {"7258", 3, 3, false}, {"7259", 1, 40, false},
	{"8003", 14, 30, false}, {"8004", 1, 30, false}, {"8006", 18, 18, true}, {"8010", 1, 30, false}, {"8011", 1, 12, true},
	{"8012", 1, 20, false}, {"8013", 1, 25, false}, {"8017", 18, 18, true}, {"8018", 18, 18, true}, {"8019", 1, 10, true},
	{"8020", 1, 25, false}, {"8200", 1, 70, false},
	{"90", 1, 30, false}, {"91", 1, 90, false}, {"92", 1, 90, false}, {"93", 1, 90, false}, {"94", 1, 90, false},
	{"95", 1, 90, false}, {"96", 1, 90, false}, {"97", 1, 90, false}, {"98", 1, 90, false}, {"99", 1, 90, false},
}

// gs1Predefined are the first two digits of AIs whose values end by their length (figure 7.8.5-2).
const gs1Predefined = "00 01 02 03 04 11 12 13 14 15 16 17 18 19 20 31 32 33 34 35 36 41"

// gs1AI finds the application identifier at the beginning of a text.
func gs1AI(text string) (gs1Element, bool) {
	for _, ai := range gs1AIs {
		if len(text) < len(ai.name) || !aiMatches(text[:len(ai.name)], ai.name) {
			continue
		}
		name := text[:len(ai.name)]
		return gs1Element{name, ai.least, ai.most, ai.digits, strings.Contains(gs1Predefined, name[:2])}, true
	}
	return gs1Element{}, false
}

func aiMatches(text, name string) bool {
	for i := range len(name) {
		if name[i] == 'n' && text[i] >= '0' && text[i] <= '9' {
			continue
		}
		if name[i] != text[i] {
			return false
		}
	}
	return true
}
