package api

import (
	"net/http"
	"strconv"

	"github.com/clinivault/clinivault/vault"
)

// oneOf reads the ID in the address and asks the vault for an act on it that answers nothing.
func oneOf[ID ~string](c *call, do func(id ID) error) error {
	id, err := c.id("id")
	if err == nil {
		err = do(ID(id))
	}
	if err != nil {
		return err
	}
	return c.done()
}

func (c *call) rights() error {
	rights, err := c.s.vault.Rights(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(rightsAnswer{inWords(rights)})
}

func (c *call) explain() error {
	var in explainRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Photo != "" {
		if _, err := cleanID(string(in.Photo)); err != nil {
			return err
		}
	}
	out, err := c.s.vault.Explain(c.r.Context(), c.actor, vault.Question{Login: in.Login, Patient: in.Patient, Photo: in.Photo, Act: in.Act})
	if err != nil {
		return err
	}
	return c.ok(out)
}

func (c *call) report() (vault.AccessReport, error) {
	quarter, err := c.id("quarter")
	if err != nil {
		return vault.AccessReport{}, err
	}
	return c.s.vault.AccessReport(c.r.Context(), c.actor, quarter)
}

func (c *call) accessReport() error {
	out, err := c.report()
	if err != nil {
		return err
	}
	return c.ok(reportAnswer{out, out.Digest()})
}

func (c *call) accessReportCSV() error {
	out, err := c.report()
	if err != nil {
		return err
	}
	text := out.CSV()
	h := c.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="access-`+out.Quarter+`.csv"`)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(http.StatusOK)
	c.write(text)
	return nil
}

func (c *call) signAccessReview() error {
	var in reviewRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	quarter, err := c.id("quarter")
	if err != nil {
		return err
	}
	if err := c.s.vault.SignAccessReview(c.r.Context(), c.actor, quarter, in.Digest, in.Remark); err != nil {
		return err
	}
	return c.done()
}

func (c *call) breakGlass() error {
	var in glassRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	out, err := c.s.vault.BreakGlass(c.r.Context(), c.actor, vault.Emergency{RecordNumber: in.RecordNumber, BirthDate: in.BirthDate, Reason: in.Reason})
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, out)
}

func (c *call) openGlasses() error {
	out, err := c.s.vault.OpenBreakGlass(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(glassesAnswer{some(out)})
}

func (c *call) glassReviews() error {
	out, err := c.s.vault.BreakGlassReviews(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(glassesAnswer{some(out)})
}

func (c *call) endGlass() error {
	return oneOf(c, func(id vault.GlassID) error { return c.s.vault.EndBreakGlass(c.r.Context(), c.actor, id) })
}

func (c *call) closeGlass() error {
	var in closeGlassRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	return oneOf(c, func(id vault.GlassID) error {
		return c.s.vault.CloseBreakGlass(c.r.Context(), c.actor, id, in.Finding, in.Remark)
	})
}

func (c *call) delegate() error {
	var in delegationRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.s.vault.Delegate(c.r.Context(), c.actor, in.To, in.From.Std(), in.Until.Std())
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, delegationAnswer{id})
}

func (c *call) delegations() error {
	out, err := c.s.vault.Delegations(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(delegationsAnswer{some(out)})
}

func (c *call) endDelegation() error {
	return oneOf(c, func(id vault.DelegationID) error { return c.s.vault.EndDelegation(c.r.Context(), c.actor, id) })
}

func (c *call) sensitivity() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	out, err := c.s.vault.SensitivityOf(c.r.Context(), c.actor, vault.PhotoID(id))
	if err != nil {
		return err
	}
	out.Changes, out.Uses = some(out.Changes), some(out.Uses)
	return c.ok(out)
}

func (c *call) setSensitivity() error {
	var in sensitivityRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	return oneOf(c, func(id vault.PhotoID) error {
		return c.s.vault.SetSensitivity(c.r.Context(), c.actor, id, in.Class, in.Reason)
	})
}

func (c *call) giveReason() error {
	var in reasonRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.id("id")
	if err != nil {
		return err
	}
	until, err := c.s.vault.GiveReason(c.r.Context(), c.actor, vault.PhotoID(id), in.Reason)
	if err != nil {
		return err
	}
	return c.ok(lookAnswer{until})
}

func (c *call) allowUse() error {
	var in useRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	return oneOf(c, func(id vault.PhotoID) error {
		return c.s.vault.AllowUse(c.r.Context(), c.actor, id, in.Purpose, in.Reason)
	})
}

func (c *call) endUse() error {
	purpose, err := c.id("purpose")
	if err != nil {
		return err
	}
	return oneOf(c, func(id vault.PhotoID) error { return c.s.vault.EndUse(c.r.Context(), c.actor, id, purpose) })
}
