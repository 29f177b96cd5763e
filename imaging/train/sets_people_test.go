package train

import "testing"

func TestPeopled(t *testing.T) {
	for file, want := range map[string]bool{
		"negatives/clothes/00.jpg":                                              true,
		"negatives/people/1.jpg":                                                true,
		"negatives/general/n03868863_oxygen_mask.jpg":                           true,
		"negatives/general/n01440764_tench.jpg":                                 false,
		"wounds/fuseg/0011.jpg":                                                 false,
		"wounds/medetec/pressure-ulcer-images-a/pressure-ulcer-on-neck-003.jpg": true,
		"wounds/medetec/pressure-ulcer-images-a/sloughy-pressure-ulcer-1.jpg":   false,
	} {
		if got := Peopled(file); got != want {
			t.Errorf("Peopled(%s): got %v, want %v", file, got, want)
		}
	}
}

func TestPeopledAreThere(t *testing.T) {
	root := sharedData(t)
	files, err := pictures(root, "negatives/general", "")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if Peopled(f) {
			n++
		}
	}
	if n != len(peopled) {
		t.Errorf("pictures with people: got %d in the folder, want the %d that are listed", n, len(peopled))
	}
	for _, e := range realExamples(root, Report) {
		img, boxes, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		if b := boxes[0]; b.X1 > img.Rect.Dx() || b.Y1 > img.Rect.Dy() || area(b) == 0 {
			t.Errorf("%s: box %v is not inside %v", e.Name, b, img.Rect)
		}
	}
	if got := len(realExamples(root, Report)); got != len(clinicalFaces) {
		t.Errorf("clinical faces: got %d of the part reported, want %d", got, len(clinicalFaces))
	}
}
