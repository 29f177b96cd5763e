package api

import (
	"fmt"
	"math"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// labelMonths is how far back the page on detection looks.
const labelMonths = 12

var kindWords = map[imaging.Kind]string{imaging.KindFace: "Faces", imaging.KindTattoo: "Tattoos", imaging.KindText: "Text",
	imaging.KindDrawn: "Other"}

// labelView is one row of counts in words for a page.
type labelView struct{ vault.LabelCount }

// What is the kind, and for a detector's own row its name.
func (l labelView) What() string {
	if l.Detector == "" {
		return kindWords[l.Kind]
	}
	return l.Detector
}

// Whole says that the row is of a kind, and so knows what was missed.
func (l labelView) Whole() bool { return l.Detector == "" }

// Sought says that detectors look for the kind, so that something can be missed.
func (l labelView) Sought() bool { return l.Kind != imaging.KindDrawn }

// percent is a share as a person reads it; of too few to tell, only the counts stand beside it.
func percent(s vault.Share) string {
	if s.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*s.Rate, math.Floor(100*s.Low), math.Ceil(100*s.High))
}

// Miss is the miss rate with its interval.
func (l labelView) Miss() string { return percent(l.MissRate) }

// Mistaken is the share of firm proposals that reviewers removed.
func (l labelView) Mistaken() string { return percent(l.Wrong) }

// monthName is a month in words.
func monthName(month string) string {
	at, err := time.Parse("2006-01", month)
	if err != nil {
		return month
	}
	return at.Format("January 2006")
}

// monthOfLabels are the rows of one month.
type monthOfLabels struct {
	Name string
	Rows []labelView
}

// detectionPage shows what detection found and missed here, as reviewers saw it.
func (s *Server) detectionPage(v visit) (sheet, error) {
	labels, err := s.vault.Labels(v.ctx, v.actor, labelMonths)
	if err != nil {
		return sheet{}, err
	}
	body := struct {
		Since  string
		Photos int
		Whole  []labelView
		Months []monthOfLabels
	}{Since: labels.Since.Std().Format("January 2006"), Photos: labels.Photos}
	for _, r := range labels.Rows {
		view := labelView{r}
		switch last := len(body.Months) - 1; {
		case r.Month == "":
			body.Whole = append(body.Whole, view)
		case last >= 0 && body.Months[last].Name == monthName(r.Month):
			body.Months[last].Rows = append(body.Months[last].Rows, view)
		default:
			body.Months = append(body.Months, monthOfLabels{monthName(r.Month), []labelView{view}})
		}
	}
	return sheet{name: "detection", title: "Detection", here: "/detection", body: body}, nil
}
