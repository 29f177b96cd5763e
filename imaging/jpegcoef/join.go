package jpegcoef

import "fmt"

// Join makes one YCbCr picture, no component subsampled, of three pictures of one component and one size: luma,
// then the two chromas. It shares their memory, so they must not be used afterwards. Pictures that do not fit are
// an ErrOptions.
func Join(y, cb, cr *Coefficients) (*Coefficients, error) {
	planes := [3]*Coefficients{y, cb, cr}
	out := &Coefficients{width: y.width, height: y.height, transform: YCbCr, comps: make([]component, 3)}
	for i, p := range planes {
		if p.transform != Gray || p.width != y.width || p.height != y.height {
			return nil, fmt.Errorf("%w: planes that do not fit each other", ErrOptions)
		}
		out.comps[i] = p.comps[0]
		out.comps[i].id = uint8(i + 1) // as JFIF numbers them, T.871 6.1
	}
	out.layOut()
	return out, nil
}
