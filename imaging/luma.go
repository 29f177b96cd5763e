package imaging

import "image"

// lumaOf gives the luma (ITU-R BT.601) of a picture at the origin.
func lumaOf(rgba *image.RGBA) *image.Gray {
	w, h := rgba.Rect.Dx(), rgba.Rect.Dy()
	gray := image.NewGray(rgba.Rect)
	for y := range h {
		row, dst := rgba.Pix[y*rgba.Stride:][:4*w], gray.Pix[y*gray.Stride:][:w]
		for x := range dst {
			p := row[4*x : 4*x+4 : 4*x+4]
			dst[x] = uint8((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
		}
	}
	return gray
}
