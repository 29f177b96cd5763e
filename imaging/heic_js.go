//go:build js

package imaging

// readHEIC: the browser does not decode HEIC; the camera page never makes one.
func readHEIC(data []byte, lim Limits) (*Still, error) {
	if _, err := surveyHEIC(data, lim, nil); err != nil {
		return nil, err
	}
	return nil, &refusal{"HEIC in the browser", retake}
}
