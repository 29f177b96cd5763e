package train

import (
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"os"

	"golang.org/x/image/draw"
)

// readGray reads the luma of a picture file, at the origin. Orientation tags are not looked at: the data sets have none.
func readGray(name string) (*image.Gray, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", err)
	}
	if m, ok := img.(*image.YCbCr); ok && m.Rect.Min == (image.Point{}) {
		return &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}, nil
	}
	gray := image.NewGray(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(gray, gray.Rect, img, img.Bounds().Min, draw.Src)
	return gray, nil
}

// shrink gives a picture whose longest side is at most longest, the mean of the pixels that fall together.
func shrink(m *image.Gray, longest int) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if max(w, h) <= longest {
		return m
	}
	k := float64(longest) / float64(max(w, h))
	out := image.NewGray(image.Rect(0, 0, max(1, int(math.Round(float64(w)*k))), max(1, int(math.Round(float64(h)*k)))))
	draw.ApproxBiLinear.Scale(out, out.Rect, halved(m, k), halved(m, k).Rect, draw.Src, nil)
	return out
}

// halved halves a picture until a further scale by k, from its first size, would halve it no more.
func halved(m *image.Gray, k float64) *image.Gray {
	for ; k <= 0.5; k *= 2 {
		w, h := m.Rect.Dx()/2, m.Rect.Dy()/2
		if w < 1 || h < 1 {
			return m
		}
		out := image.NewGray(image.Rect(0, 0, w, h))
		for y := range h {
			up, down := m.Pix[2*y*m.Stride:], m.Pix[(2*y+1)*m.Stride:]
			row := out.Pix[y*out.Stride:][:w]
			for x := range row {
				row[x] = uint8((int(up[2*x]) + int(up[2*x+1]) + int(down[2*x]) + int(down[2*x+1]) + 2) / 4)
			}
		}
		m = out
	}
	return m
}

// at gives the luma at a point by bilinear interpolation, the edge repeated outside.
func at(m *image.Gray, x, y float64) float64 {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	x, y = min(max(x-0.5, 0), float64(w-1)), min(max(y-0.5, 0), float64(h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, w-1), min(y0+1, h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	up, down := m.Pix[y0*m.Stride:], m.Pix[y1*m.Stride:]
	top := float64(up[x0])*(1-fx) + float64(up[x1])*fx
	low := float64(down[x0])*(1-fx) + float64(down[x1])*fx
	return top*(1-fy) + low*fy
}

// quarterTurned gives a picture turned by quarter turns and mirrored, as searches see it.
func quarterTurned(m *image.Gray, quarters int, mirror bool) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	ow, oh := w, h
	if quarters%2 == 1 {
		ow, oh = h, w
	}
	out := image.NewGray(image.Rect(0, 0, ow, oh))
	for y := range oh {
		for x := range ow {
			sx, sy := x, y
			switch quarters % 4 {
			case 1:
				sx, sy = y, h-1-x
			case 2:
				sx, sy = w-1-x, h-1-y
			case 3:
				sx, sy = w-1-y, x
			}
			if mirror {
				sx = w - 1 - sx
			}
			out.Pix[y*out.Stride+x] = m.Pix[sy*m.Stride+sx]
		}
	}
	return out
}
