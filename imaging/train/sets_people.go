package train

import (
	"image"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clinivault/clinivault/imaging"
)

// peopled are the pictures of negatives/general in which a person, or a picture of one, was seen by eye, however
// small: 62 of 332. Each name is what stands before its first underscore.
var peopled = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(`
	n02088466 n02097298 n02102040 n02105641 n02398521 n02514041 n02641379 n02777292 n02790996 n02835271 n02860847
	n02879718 n02892767 n02906734 n02966687 n02992211 n03045698 n03125729 n03134739 n03218198 n03255030 n03325584
	n03372029 n03384352 n03444034 n03447447 n03461385 n03476991 n03495258 n03538406 n03599486 n03623198 n03692522
	n03710721 n03721384 n03733131 n03761084 n03868863 n03877472 n03887697 n03929855 n03982430 n03992509 n04004767
	n04041544 n04065272 n04141076 n04204347 n04235860 n04296562 n04350905 n04367480 n04482393 n04486054 n04493381
	n04517823 n04542943 n04584207 n04591157 n07248320 n07714571 n09835506`) {
		names[name] = true
	}
	return names
}()

// clinicalFaces are the only faces seen by eye in wounds/medetec: one child, in profile, the eyes blanked by the
// publisher. What is left from ear to nose and from brow to chin, in pixels.
var clinicalFaces = map[string]imaging.Box{
	"pressure-ulcer-on-neck-001.jpg": {X0: 230, Y0: 20, X1: 440, Y1: 290},
	"pressure-ulcer-on-neck-003.jpg": {X0: 230, Y0: 20, X1: 490, Y1: 400},
	"pressure-ulcer-on-neck-004.jpg": {X0: 230, Y0: 20, X1: 490, Y1: 400},
}

// realExamples are the clinicalFaces.
func realExamples(root string, part Part) []Example {
	var all []Example
	for _, name := range slices.Sorted(maps.Keys(clinicalFaces)) {
		file := "wounds/medetec/pressure-ulcer-images-a/" + name
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil || PartOf("wounds/medetec", file) != part {
			continue
		}
		all = append(all, Example{Name: file, Sets: []string{"real clinical"},
			make: func() (*image.RGBA, []imaging.Box, error) {
				img, err := load(root, file)
				return img, []imaging.Box{clinicalFaces[name]}, err
			}})
	}
	return all
}

// Peopled tells whether a picture of the negative sets or of the wounds shows, or may show, a person: those of
// negatives/clothes and negatives/people nearly all do, face included.
func Peopled(file string) bool {
	if _, known := clinicalFaces[path.Base(file)]; known {
		return true
	}
	if folder := path.Base(path.Dir(file)); folder == "clothes" || folder == "people" {
		return true
	}
	name, _, _ := strings.Cut(path.Base(file), "_")
	return peopled[name]
}
