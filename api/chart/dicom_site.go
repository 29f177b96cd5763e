package chart

import "github.com/suyashkumar/dicom/pkg/tag"

// maxSH is how many characters a short string may have (PS3.5 6.2).
const maxSH = 16

// sides are the words of a capture as SNOMED CT modifiers (PS3.16 CID 244) and
// as Image Laterality (0020,0062).
var sides = map[string]struct{ code, meaning, short string }{
	"left":      {"7771000", "Left", "L"},
	"right":     {"24028007", "Right", "R"},
	"bilateral": {"51440002", "Right and left", "B"},
	"midline":   {"260528009", "Median", "U"},
}

// addSite adds the anatomic region (PS3.3 10.5) with its side. A code that is
// too long for Code Value is left out rather than cut.
func addSite(s *elements, e *entry) {
	side, sided := sides[e.Laterality]
	if sided {
		s.text(tag.ImageLaterality, side.short)
	} else {
		s.text(tag.Laterality, "") // unknown, or not a paired organ (PS3.3 C.7.3.1)
	}
	if e.Site.SNOMED == "" || len(e.Site.SNOMED) > maxSH {
		return
	}
	region := codeItem(e.Site.SNOMED, "SCT", e.Site.Label)
	if sided {
		region.sequence(tag.AnatomicRegionModifierSequence, codeItem(side.code, "SCT", side.meaning))
	}
	s.sequence(tag.AnatomicRegionSequence, region)
}

// codeItem is one item of a code sequence (PS3.3 8.8).
func codeItem(code, scheme, meaning string) *elements {
	s := &elements{}
	s.text(tag.CodeValue, code)
	s.text(tag.CodingSchemeDesignator, scheme)
	s.text(tag.CodeMeaning, longString(meaning))
	return s
}
