//go:build !js

package imaging

import (
	"bytes"
	"fmt"
)

// The sheet fits A4 and Letter: what both printers reach, in millimetres.
const (
	sheetWidth, sheetHeight = 190.0, 250.0
	sheetRuler              = 50.0
)

// ScaleSheet gives the sheet that is printed, as SVG of true size: six scale cards, and a line of 50 mm across and down, to be
// measured before a card is used.
func ScaleSheet() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%gmm" height="%gmm" viewBox="0 0 %g %g" font-family="sans-serif" font-size="3.5">`+"\n",
		sheetWidth, sheetHeight, sheetWidth, sheetHeight)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#fff"/>`+"\n", sheetWidth, sheetHeight)
	const wide, high, gap = cardWidth + 2*cardEdge, cardHeight + 2*cardEdge, 6.0
	left := (sheetWidth - 3*wide - 2*gap) / 2
	for i := range 6 {
		fmt.Fprintf(&b, `<g transform="translate(%g %g)">`+"\n", left+float64(i%3)*(wide+gap), 4+float64(i/3)*(high+gap))
		for n, s := range cardShapes() {
			edge := ""
			if n == 0 {
				edge = ` stroke="#999" stroke-width="0.15"` // where to cut
			}
			fmt.Fprintf(&b, `<rect x="%.4g" y="%.4g" width="%.4g" height="%.4g" fill="#%02x%02x%02x"%s/>`+"\n", s.x, s.y, s.w, s.h, s.r, s.g, s.b, edge)
		}
		b.WriteString("</g>\n")
	}
	y := 4 + 2*(high+gap) + 10.0
	fmt.Fprintf(&b, `<path d="M%g %gh%gM%g %gv4M%g %gv4" stroke="#000" stroke-width="0.3" fill="none"/>`+"\n", left, y, sheetRuler, left, y-2, left+sheetRuler, y-2)
	fmt.Fprintf(&b, `<text x="%g" y="%g">This line must be 50 mm long. Print at 100 %%, not fitted to the page.</text>`+"\n", left, y+7)
	x := sheetWidth - left - 8
	fmt.Fprintf(&b, `<path d="M%g %gv%gM%g %gh4M%g %gh4" stroke="#000" stroke-width="0.3" fill="none"/>`+"\n", x, y-8, sheetRuler, x-2, y-8, x-2, y-8+sheetRuler)
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">and so must this.</text>`+"\n</svg>\n", x-4, y+20)
	return b.Bytes()
}
