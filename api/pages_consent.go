package api

import "github.com/clinivault/clinivault/vault"

// purposeText says what each purpose means, for the person who asks the patient.
var purposeText = map[string]string{
	"record":      "Kept in the record and shown to those who treat the patient.",
	"teaching":    "A copy without identifying marks may be used for teaching in this hospital.",
	"publication": "A copy without identifying marks may be published.",
}

// withdrawn says what follows from a withdrawal, before it is confirmed.
var withdrawn = map[string]string{
	"record": "From now on nobody sees the photo. Copies in charts are taken back, and what was made under this consent is destroyed for good. " +
		"If the patient allows it again, the photo has to be reviewed anew.",
	"teaching":    "The copy that was released for teaching is destroyed for good. Copies that left the vault have to be called back by people.",
	"publication": "The copy that was released for publication is destroyed for good. Copies that left the vault have to be called back by people.",
}

// purposeView is what a patient allows for one purpose now.
type purposeView struct {
	Name    string
	Allowed bool
}

// Text says what the purpose means.
func (p purposeView) Text() string { return purposeText[p.Name] }

// Change says what follows from the opposite word.
func (p purposeView) Change() string {
	if p.Allowed {
		return withdrawn[p.Name]
	}
	return "Write down how the patient said so, and when. It acts at once."
}

func purposeViews(c vault.Consent) []purposeView {
	return []purposeView{{"record", c.Record}, {"teaching", c.Teaching}, {"publication", c.Publication}}
}

var wayWords = map[string]string{
	"capture": "With the capture", "verbal": "By word of mouth", "written": "On a signed form", "letter": "In a letter",
	"representative": "Through a representative", "presumed": "Presumed, as the law allows",
}

func ways() []choice {
	var out []choice
	for _, way := range vault.ConsentWays() {
		out = append(out, choice{way, wayWords[way]})
	}
	return out
}

// wordView is one word of the patient in the history.
type wordView struct{ vault.ConsentVersion }

// HowText says how the patient said it.
func (w wordView) HowText() string { return wayWords[w.How] }

// consentPage is every word of the patient on one photo, for the care team and for the privacy officer, who sees no
// more of the photo than its number.
func (s *Server) consentPage(v visit) (sheet, error) {
	id, err := v.param("id")
	if err != nil {
		return sheet{}, err
	}
	history, err := s.vault.ConsentHistory(v.ctx, v.actor, vault.PhotoID(id))
	if err != nil {
		return sheet{}, err
	}
	var now vault.Consent
	latest := map[string]int64{}
	words := make([]wordView, len(history))
	for i, c := range history {
		words[i] = wordView{c}
		if c.Version <= latest[c.Purpose] {
			continue
		}
		latest[c.Purpose] = c.Version
		switch c.Purpose {
		case "record":
			now.Record = c.Allowed
		case "teaching":
			now.Teaching = c.Allowed
		case "publication":
			now.Publication = c.Allowed
		}
	}
	glass, err := v.glassForPhoto(vault.PhotoID(id))
	return sheet{name: "consent", title: "Consent", body: consentBody{ID: id, Purposes: purposeViews(now), Ways: ways(), Words: words, Glass: glass}}, err
}

// consentBody is the card that shows and changes what a patient allows for a photo.
type consentBody struct {
	ID       string
	Purposes []purposeView
	Ways     []choice
	Words    []wordView
	Glass    *vault.Glass // the one by which the reader is here; nil: none
}
