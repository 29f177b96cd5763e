package main

import (
	"bytes"
	"fmt"
	"html/template"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"

	"github.com/clinivault/clinivault/vault"
)

// bandPage is a page to print. It stands in a file of the demo's folder and is served by nobody.
var bandPage = template.Must(template.New("bands").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Demo wristbands</title>
<style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem; color: #111; background: #fff; }
.band { border: 1px solid #999; border-radius: .5rem; padding: 1rem; margin: 1rem 0; break-inside: avoid; }
.band strong { font-size: 1.2rem; } svg { display: block; width: 100%; height: 6rem; margin-top: .75rem; }
</style></head><body>
<h1>Demo wristbands</h1>
<p>Invented patients. Hold one before the camera of the page “Take a photo”, printed or on another screen.</p>
{{range .}}<section class="band"><strong>{{.Title}}</strong><br>{{.Text}}
<svg viewBox="-10 0 {{.Width}} 40" preserveAspectRatio="none" shape-rendering="crispEdges" role="img" aria-label="Code of {{.Title}}">{{range .Bars}}<rect x="{{.At}}" width="{{.Width}}" height="40"></rect>{{end}}</svg></section>
{{end}}</body></html>
`))

// bandBar is a dark bar, in modules.
type bandBar struct{ At, Width int }

// printedBand is one code of the page: Width with the quiet zone of 10 modules on both sides (ISO/IEC 15417).
type printedBand struct {
	Title, Text string
	Width       int
	Bars        []bandBar
}

// writeBands draws the demo's wristbands as GS1-128 (FNC1 first, AI 8018), and two codes that the scanner refuses.
func writeBands(file string) error {
	var all []printedBand
	for _, b := range vault.DemoBands() {
		text := fmt.Sprintf("born %s, number %s", b.BirthDate, b.RecordNumber)
		if !b.Treated {
			text += " (not a patient of the demo clinician: refused)"
		}
		p, err := printBand(b.Name, text, string(code128.FNC1)+"8018"+b.GSRN)
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	for _, wrong := range [][3]string{
		{"A medicine", "refused by name", string(code128.FNC1) + "0109506000134352"},
		{"A damaged wristband", "the check digit does not fit: refused", string(code128.FNC1) + "8018950110123456000019"},
	} {
		p, err := printBand(wrong[0], wrong[1], wrong[2])
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	var page bytes.Buffer
	if err := bandPage.Execute(&page, all); err != nil {
		return err
	}
	return publish(file, page.Bytes(), true, nil)
}

func printBand(title, text, content string) (printedBand, error) {
	code, err := code128.Encode(content)
	if err != nil {
		return printedBand{}, fmt.Errorf("drawing a code: %w", err)
	}
	return printedBand{title, text, code.Bounds().Dx() + 20, barsOf(code)}, nil
}

// barsOf are the dark runs of a linear code.
func barsOf(code barcode.Barcode) (bars []bandBar) {
	for x := range code.Bounds().Dx() {
		if r, _, _, _ := code.At(x, 0).RGBA(); r > 0x7fff {
			continue
		}
		if n := len(bars); n > 0 && bars[n-1].At+bars[n-1].Width == x {
			bars[n-1].Width++
		} else {
			bars = append(bars, bandBar{x, 1})
		}
	}
	return bars
}
