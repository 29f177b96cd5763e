package main

import (
	"errors"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// WristbandConfig is what is on the wristbands of the hospital.
type WristbandConfig struct {
	// Plain is what codes without GS1's mark hold: "record_number" or "nhs". Without it a record number, and what may be
	// an NHS number as well is refused.
	Plain string `json:"plain"`
	// ListHours is for how long a device knows its person's patients without a network, 1 to 24; default 8.
	ListHours int `json:"list_hours"`
}

func (w *WristbandConfig) check() error {
	if w == nil {
		return nil
	}
	if !vault.PlainBands(w.Plain).Valid() {
		return errors.New(`"wristband": "plain" must be "record_number" or "nhs"`)
	}
	if w.ListHours < 0 || w.ListHours > 24 {
		return errors.New(`"wristband": "list_hours" must be 1 to 24`)
	}
	return nil
}

func (w *WristbandConfig) plain() vault.PlainBands {
	if w == nil {
		return ""
	}
	return vault.PlainBands(w.Plain)
}

func (w *WristbandConfig) listFor() time.Duration {
	if w == nil {
		return 0
	}
	return time.Duration(w.ListHours) * time.Hour
}

// bandNumbers are the cells of an import that hold what wristbands carry; several GSRNs stand apart by "|".
func bandNumbers(gsrn, nhs string) (out []vault.BandNumber) {
	for _, value := range splitWords(gsrn) {
		out = append(out, vault.BandNumber{Kind: vault.BandGSRN, Value: value})
	}
	if nhs = strings.ReplaceAll(nhs, " ", ""); nhs != "" {
		out = append(out, vault.BandNumber{Kind: vault.BandNHS, Value: nhs})
	}
	return out
}
