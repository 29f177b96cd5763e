package vault_test

import (
	"regexp"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// verhoeff says whether the last digit of a number checks the others (SNOMED CT Technical Implementation Guide,
// "Check-digit computation": Verhoeff's dihedral check).
func verhoeff(number string) bool {
	multiply := func(a, b int) int { // in the dihedral group of order 10
		switch {
		case a < 5 && b < 5:
			return (a + b) % 5
		case a < 5:
			return 5 + (a+b-5)%5
		case b < 5:
			return 5 + (a-5-b+5)%5
		}
		return (a - b + 5) % 5
	}
	permuted := []int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	check := 0
	for i := range len(number) {
		digit := int(number[len(number)-1-i] - '0')
		for range i % 8 {
			digit = permuted[digit]
		}
		check = multiply(check, digit)
	}
	return check == 0
}

func TestBodySites(t *testing.T) {
	if !verhoeff("2363") || verhoeff("2364") || verhoeff("3263") {
		t.Fatal("the check itself is wrong")
	}
	code := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	concept := regexp.MustCompile(`^[1-9][0-9]{5,17}$`)
	seen := map[string]bool{}
	for _, s := range vault.BodySites {
		if !code.MatchString(s.Code) || s.Label == "" || seen[s.Code] || seen[s.SNOMED] {
			t.Errorf("site %+v is malformed or doubled", s)
		}
		if !concept.MatchString(s.SNOMED) || !verhoeff(s.SNOMED) {
			t.Errorf("site %s: %s is no SNOMED CT identifier", s.Code, s.SNOMED)
		}
		seen[s.Code], seen[s.SNOMED] = true, true
		if found, known := vault.FindBodySite(s.Code); !known || found != s {
			t.Errorf("site %s is not found", s.Code)
		}
	}
	if _, known := vault.FindBodySite("tail"); known || len(seen) < 60 {
		t.Errorf("%d codes, tail known %v", len(seen), known)
	}
}
