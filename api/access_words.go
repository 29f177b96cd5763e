package api

import (
	"fmt"
	"io"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// rightWords is one row of the table of rights, with the act in the log's words.
type rightWords struct {
	vault.Right
	Deed string `json:"deed"`
}

func inWords(rights []vault.Right) []rightWords {
	out := make([]rightWords, len(rights))
	for i, r := range rights {
		out[i] = rightWords{r, deeds[r.Act]}
	}
	return out
}

// Who lists who may do it, in a sentence.
func (r rightWords) Who() string {
	parts := make([]string, len(r.Grants))
	for i, g := range r.Grants {
		parts[i] = g.Who
		if g.Within != "" {
			parts[i] += ": " + g.Within
		}
	}
	return strings.Join(parts, "; ")
}

// WriteRights writes the table of rights as Markdown: each act as the log's readers see it, and who may do it.
func WriteRights(w io.Writer) error {
	const head = `# Who may do what

This is the table that decides, written out; a test holds the two together. What is not in it is refused to everybody.
“Treat” means a tie to the patient that lasts now: named for the patient, by a team, or by a delegation. An act marked
with ↑ wants a factor (passkey, code) that was shown a short while before. Each act, and each refusal, is in the log.

Photos differ in how narrowly they are shown. *Normal*: as the table says. *Child*: no copy for teaching or publication
without the word of a representative or the privacy officer's signature. *Intimate*: the picture opens to who took it and
to those who are named for the patient; others who treat the patient, or broke the glass, give a reason first. *Forensic*:
nobody but who took it and those named for the patient knows of it; it is in no list as a picture, and in the records only
by the privacy officer's signature.

| act | in the log: somebody … | who may, and how far |
|---|---|---|
`
	var out strings.Builder
	out.WriteString(head)
	for _, r := range inWords(vault.RightsTable()) {
		up := ""
		if r.StepUp {
			up = " ↑"
		}
		fmt.Fprintf(&out, "| `%s`%s | %s | %s |\n", r.Act, up, r.Deed, r.Who())
	}
	_, err := io.WriteString(w, out.String())
	return err
}
