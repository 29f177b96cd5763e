package api

import (
	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

type nextAnswer struct {
	Photo           *vault.Photo `json:"photo"`
	Waiting         int          `json:"waiting"`
	ClaimedByOthers int          `json:"claimed_by_others"`
}

// nextReview claims the photo that has waited longest, or gives the one already claimed again.
func (c *call) nextReview() error {
	photo, err := c.s.vault.ClaimNext(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	waiting, others, err := c.s.vault.ReviewQueue(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(nextAnswer{photo, waiting, others})
}

type claimAnswer struct {
	ClaimedUntil vault.Time `json:"claimed_until"`
}

func (c *call) renewClaim() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	until, err := c.s.vault.RenewClaim(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.ok(claimAnswer{until})
}

func (c *call) releaseClaim() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	if err := c.s.vault.ReleaseClaim(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.done()
}

type approveRequest struct {
	Version int64           `json:"version"`
	Regions []decidedRegion `json:"regions"`
	Force   bool            `json:"force,omitempty"`
}

// decidedRegion is a box in upright pixels of the original. ID names the proposed region it came from, if any.
type decidedRegion struct {
	ID   vault.RegionID `json:"id,omitempty"`
	Kind imaging.Kind   `json:"kind"`
	X0   int            `json:"x0"`
	Y0   int            `json:"y0"`
	X1   int            `json:"x1"`
	Y1   int            `json:"y1"`
}

func (c *call) approve() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	var in approveRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	decision := vault.Approval{Version: in.Version, Force: in.Force}
	for _, r := range in.Regions {
		decision.Regions = append(decision.Regions, vault.ApprovedRegion{
			ID: r.ID, Kind: r.Kind, Box: imaging.Box{X0: r.X0, Y0: r.Y0, X1: r.X1, Y1: r.Y1},
		})
	}
	photo, err := c.s.vault.Approve(c.r.Context(), c.actor, id, decision)
	if err != nil {
		return err
	}
	return c.ok(photo)
}

type decideRequest struct {
	Version int64  `json:"version"`
	Reason  string `json:"reason"`
}

func (c *call) reject() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	var in decideRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := checkReason(in.Reason); err != nil {
		return err
	}
	if err := c.s.vault.Reject(c.r.Context(), c.actor, id, in.Version, in.Reason); err != nil {
		return err
	}
	return c.done()
}

func (c *call) reopen() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	reason, err := c.reason()
	if err != nil {
		return err
	}
	if err := c.s.vault.Reopen(c.r.Context(), c.actor, id, reason); err != nil {
		return err
	}
	return c.done()
}

// certificate gives the signed certificate of the redaction with the proof that the log holds the release.
func (c *call) certificate() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	cert, err := c.s.vault.Certificate(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.write(cert)
	return nil
}

type saltAnswer struct {
	OriginalSalt string `json:"original_salt"` // 64 hexadecimal digits
}

// originalSalt gives the privacy officer what opens the certificate's commitment to the original.
func (c *call) originalSalt() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	salt, err := c.s.vault.OriginalSalt(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.ok(saltAnswer{salt})
}
