//go:build !js

package imaging

import (
	"bytes"
	"fmt"

	"github.com/gen2brain/heic"
)

// readHEIC decodes an HEIC picture, which the decoder turns upright by itself, and encodes its pixels. The
// decoder is C code run as WebAssembly; it is meant to run in a limited child, and only from the copy that
// the module carries, never from a library that happens to be installed.
func readHEIC(data []byte, lim Limits) (*Still, error) {
	src, err := surveyHEIC(data, lim, nil)
	if err != nil {
		return nil, err
	}
	if src.hollow != nil {
		return nil, src.hollow
	}
	if heic.Dynamic() == nil {
		return nil, &refusal{"HEIC", "this program was built without its own decoder; send a JPEG"}
	}
	img, err := heic.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: HEIC", ErrMalformed)
	}
	return src.fromPixels(img, 1, lim, "HEIC")
}
