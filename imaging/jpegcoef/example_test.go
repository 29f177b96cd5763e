package jpegcoef_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// Cover a face and prove that nothing else changed.
func Example() {
	var camera bytes.Buffer
	if err := jpeg.Encode(&camera, image.NewYCbCr(image.Rect(0, 0, 640, 480), image.YCbCrSubsampleRatio420), nil); err != nil {
		fmt.Println(err)
		return
	}
	original, err := jpegcoef.Read(camera.Bytes(), jpegcoef.DefaultLimits())
	if err != nil {
		fmt.Println(err)
		return
	}
	redacted := original.Clone()
	covered := redacted.Mask(image.Rect(100, 100, 150, 170), [3]uint8{90, 90, 90})

	var file bytes.Buffer
	if err := redacted.Write(&file, jpegcoef.WriteOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	again, err := jpegcoef.Read(file.Bytes(), jpegcoef.DefaultLimits())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(covered, again.MaskedSolid(covered), again.EqualOutside(original, []image.Rectangle{covered}))
	// Output: (96,96)-(160,176) true true
}
