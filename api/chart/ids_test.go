package chart

import (
	"regexp"
	"strings"
	"testing"
)

func TestIdentifiersFollowFromTheAttachment(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]string{}
	for _, id := range []string{"A", "B", "AB"} {
		for _, purpose := range []string{idBinary, idDocument, idProvenance, idPatient, idStudy, idSeries, idInstance} {
			got := fhirID(purpose, id)
			if got != fhirID(purpose, id) {
				t.Errorf("fhirID(%s, %s) changes", purpose, id)
			}
			if !uuid.MatchString(got) {
				t.Errorf("fhirID(%s, %s) = %s, want a UUID of version 8", purpose, id, got)
			}
			if before, ok := seen[got]; ok {
				t.Errorf("fhirID(%s, %s) is also that of %s", purpose, id, before)
			}
			seen[got] = purpose + " " + id
		}
	}
	// Changing this value would make retries write second entries.
	if got, want := fhirID(idBinary, "A"), "13c8f11d-f455-8339-b76d-ae65835b8b64"; got != want {
		t.Errorf("fhirID(binary, A) = %s, want %s", got, want)
	}
}

func TestUIDsAreValid(t *testing.T) {
	const longest = "1.2.826.0.1.3680043.9.74"
	for _, root := range []string{"", longest} {
		for _, id := range []string{"A", "B", "C", "D"} {
			got := dicomUID(root, idInstance, id)
			prefix := root
			if prefix == "" {
				prefix = "2.25"
			}
			if len(got) > 64 || !uidRoot.MatchString(got) || !strings.HasPrefix(got, prefix+".") {
				t.Errorf("dicomUID(%q, %s) = %s (%d characters)", root, id, got, len(got))
			}
		}
	}
}
