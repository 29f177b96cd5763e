package api

import (
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// ghostInfo is what a picture for comparison is sealed for.
const ghostInfo = "clinivault/ghost/v1"

type ghostRequest struct {
	PublicKey []byte `json:"public_key"`
	Approved  bool   `json:"approved"` // the photo is: its redacted picture, not the covered one
}

type ghostAnswer struct {
	Enc       []byte `json:"enc"`
	Sealed    []byte `json:"sealed"`
	MediaType string `json:"media_type"`
}

// ghost gives a picture of an earlier photo, to be laid over the next one's viewfinder, sealed to a key that lives only
// in the memory of the page that asks: what keeps or watches answers on the way holds nothing that can be looked at. The
// vault decides and writes it down as for every look.
func (c *call) ghost() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	var in ghostRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	kind := vault.KindCoveredDisplay
	if in.Approved {
		kind = vault.KindRedactedDisplay
	}
	pic, err := c.s.vault.ReadRendition(c.r.Context(), c.actor, id, kind)
	if err != nil {
		return err
	}
	enc, sealed, err := seal.ToSession(in.PublicKey, ghostInfo, pic.Bytes, []byte(id))
	if err != nil {
		return say(vault.ErrInvalid, "The key that the picture should be sealed to is not an X25519 public key.")
	}
	return c.ok(ghostAnswer{enc, sealed, pic.MediaType})
}
