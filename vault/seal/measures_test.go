package seal

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const testMeasures = `{"pixels_per_mm":12.5,"colour":[1.1,0,0,0.01,0,0.98,0,0,0,0,1,-0.02],"sharpness":0.62,"overruled":["blur","face"]}`

func withMeasures(t *testing.T, measures string) string {
	t.Helper()
	b, err := testFacts().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "}") + `,"measures":` + measures + "}"
}

func TestMeasuresJSON(t *testing.T) {
	want := withMeasures(t, testMeasures)
	f, err := ParseFacts([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	sharp := 0.62
	m := &Measures{PixelsPerMM: 12.5, Colour: &[12]float64{1.1, 0, 0, 0.01, 0, 0.98, 0, 0, 0, 0, 1, -0.02}, Sharpness: &sharp,
		Overruled: []string{"blur", "face"}}
	if !reflect.DeepEqual(f.Measures, m) {
		t.Errorf("got %+v, want %+v", f.Measures, m)
	}
	if got, err := f.MarshalJSON(); err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if f, err = ParseFacts([]byte(withMeasures(t, `{"sharpness":0}`))); err != nil || f.Measures.Sharpness == nil || *f.Measures.Sharpness != 0 {
		t.Errorf("a sharpness of nothing: got %+v, %v, want 0", f.Measures, err)
	}
	if f, err = ParseFacts([]byte(withMeasures(t, `{}`))); err != nil || !reflect.DeepEqual(f.Measures, &Measures{}) {
		t.Errorf("no measure: got %+v, %v, want an empty object", f.Measures, err)
	}
}

func TestMeasuresAreStrict(t *testing.T) {
	tests := map[string]string{
		"null":                    `null`,
		"a list":                  `[]`,
		"unknown member":          `{"gps":1}`,
		"doubled member":          `{"sharpness":0.1,"sharpness":0.2}`,
		"null member":             `{"colour":null}`,
		"name in other case":      `{"Sharpness":0.1}`,
		"text for a number":       `{"sharpness":"0.1"}`,
		"too blurred":             `{"sharpness":-0.1}`,
		"too sharp":               `{"sharpness":1.1}`,
		"no pixels":               `{"pixels_per_mm":0}`,
		"few pixels":              `{"pixels_per_mm":0.05}`,
		"many pixels":             `{"pixels_per_mm":1001}`,
		"eleven numbers":          `{"colour":[1,0,0,0,0,1,0,0,0,0,1]}`,
		"thirteen numbers":        `{"colour":[1,0,0,0,0,1,0,0,0,0,1,0,0]}`,
		"no number":               `{"colour":[]}`,
		"a strong colour":         `{"colour":[17,0,0,0,0,1,0,0,0,0,1,0]}`,
		"a number out of range":   `{"colour":[1e999,0,0,0,0,1,0,0,0,0,1,0]}`,
		"unknown warning":         `{"overruled":["smell"]}`,
		"warnings not in order":   `{"overruled":["face","blur"]}`,
		"a warning twice":         `{"overruled":["face","face"]}`,
		"warning of another type": `{"overruled":[1]}`,
	}
	for name, measures := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseFacts([]byte(withMeasures(t, measures))); !errors.Is(err, ErrFormat) {
				t.Errorf("%s: got %v, want ErrFormat", measures, err)
			}
		})
	}
}
