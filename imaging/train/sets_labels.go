package train

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// point is a place in a picture, in pixels.
type point struct{ x, y float64 }

// labelled is a face as a person marked it. Landmarks are absent where marked is false.
type labelled struct {
	file           string // below the folder of the data, slashes
	x0, y0, x1, y1 float64
	class          string
	marked         bool
	leftEye        point // the eye at the left of the picture
	rightEye       point
	nose           point
	leftMouth      point
	rightMouth     point
}

// readTable reads a CSV file with a header line into one map a line.
func readTable(file string) (rows []map[string]string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening labels: %w", err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil, fmt.Errorf("reading labels %s: %w", filepath.Base(file), err)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// readFaces reads the labels of one face set: "dev", "train", "masked" or "groups".
func readFaces(root, set string) ([]labelled, error) {
	rows, err := readTable(filepath.Join(root, "faces", set+"-boxes.csv"))
	if err != nil {
		return nil, err
	}
	var faces []labelled
	for i, row := range rows {
		var bad error
		num := func(name string) float64 {
			v, err := strconv.ParseFloat(row[name], 64)
			if err != nil {
				bad = fmt.Errorf("labels of %s, line %d: %s is not a number", set, i+2, name)
			}
			return v
		}
		f := labelled{file: "faces/" + row["file"], class: row["class"],
			x0: num("x1"), y0: num("y1"), x1: num("x2"), y1: num("y2")}
		if _, f.marked = row["nose_x"]; f.marked {
			at := func(name string) point { return point{num(name + "_x"), num(name + "_y")} }
			f.leftEye, f.rightEye, f.nose = at("leye"), at("reye"), at("nose")
			f.leftMouth, f.rightMouth = at("lmouth"), at("rmouth")
		}
		if bad != nil {
			return nil, bad
		}
		faces = append(faces, f)
	}
	return faces, nil
}

// yaw tells how far a marked face is turned aside: how far its nose lies from the middle of the eyes, along the
// line of the eyes, as a share of their distance. 0 is frontal.
func (f labelled) yaw() float64 {
	ex, ey := f.rightEye.x-f.leftEye.x, f.rightEye.y-f.leftEye.y
	length := math.Hypot(ex, ey)
	if length == 0 {
		return math.Inf(1) // one eye behind the other
	}
	mx, my := (f.leftEye.x+f.rightEye.x)/2, (f.leftEye.y+f.rightEye.y)/2
	return math.Abs((f.nose.x-mx)*ex+(f.nose.y-my)*ey) / (length * length)
}

// eyes gives the middle of the eyes and their distance.
func (f labelled) eyes() (middle point, distance float64) {
	return point{(f.leftEye.x + f.rightEye.x) / 2, (f.leftEye.y + f.rightEye.y) / 2},
		math.Hypot(f.rightEye.x-f.leftEye.x, f.rightEye.y-f.leftEye.y)
}

// toned is a line of tones.csv: an aligned face with what is known of its person.
type toned struct {
	file  string
	age   int
	group string
}

// ages names the span of years that an age is in.
func (f toned) ages() string {
	switch {
	case f.age <= 2:
		return "0 to 2"
	case f.age <= 12:
		return "3 to 12"
	case f.age < 60:
		return "13 to 59"
	}
	return "60 and more"
}

// toneGroups are the group codes of the set.
var toneGroups = []string{"white", "black", "asian", "indian", "other"}

func readTones(root string) ([]toned, error) {
	rows, err := readTable(filepath.Join(root, "faces", "tones.csv"))
	if err != nil {
		return nil, err
	}
	var faces []toned
	for i, row := range rows {
		code := ""
		for name, cell := range row {
			if strings.HasPrefix(name, "group_code") {
				code = cell
			}
		}
		group, err := strconv.Atoi(code)
		age, err2 := strconv.Atoi(row["age"])
		if err != nil || err2 != nil || group < 0 || group >= len(toneGroups) {
			return nil, fmt.Errorf("tones, line %d: no age or group", i+2)
		}
		faces = append(faces, toned{"faces/" + row["file"], age, toneGroups[group]})
	}
	return faces, nil
}

// pictures lists the pictures of one set that are of a part, in the order of their names. An empty part is all.
func pictures(root, set string, part Part) ([]string, error) {
	var files []string
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(set)), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch strings.ToLower(path.Ext(name)) {
		case ".jpg", ".jpeg", ".png":
		default:
			return nil
		}
		rel, err := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		if err == nil && (part == "" || PartOf(set, rel) == part) {
			files = append(files, rel)
		}
		return err
	})
	slices.Sort(files)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", set, err)
	}
	return files, nil
}
