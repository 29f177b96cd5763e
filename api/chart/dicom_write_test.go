package chart

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

func testWriter(t testing.TB, c DICOMConfig) *objectWriter {
	t.Helper()
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return &objectWriter{cfg: c, zone: zone}
}

var fullDICOM = DICOMConfig{InstitutionName: "Test Hospital", PatientIssuer: "TESTHOSP", Zone: "Europe/Zurich"}

// written gives the object of an entry.
func written(t testing.TB, e *entry, c DICOMConfig) []byte {
	t.Helper()
	e.Picture = baseline(t, e.Picture)
	object, err := testWriter(t, c).write(e)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestObjectGolden(t *testing.T) {
	object := written(t, sample(t, "GOLDEN"), fullDICOM)
	again := written(t, sample(t, "GOLDEN"), fullDICOM)
	if !bytes.Equal(object, again) {
		t.Error("the same entry gave two different objects")
	}
	ds, err := dicom.Parse(bytes.NewReader(object), int64(len(object)), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	list(&out, ds.Elements, "")
	golden(t, "object.txt", []byte(out.String()))
}

// list prints elements one to a line, sequences indented, pixels left out.
func list(out *strings.Builder, elements []*dicom.Element, indent string) {
	for _, e := range elements {
		info, _ := tag.Find(e.Tag)
		fmt.Fprintf(out, "%s%v %s %s", indent, e.Tag, e.RawValueRepresentation, info.Keyword)
		switch v := e.Value.GetValue().(type) {
		case []*dicom.SequenceItemValue:
			fmt.Fprintf(out, " %d items\n", len(v))
			for _, item := range v {
				list(out, item.GetValue().([]*dicom.Element), indent+"  > ")
			}
		case dicom.PixelDataInfo:
			fmt.Fprintf(out, " %d frame\n", len(v.Frames))
		default:
			fmt.Fprintf(out, " %v\n", v)
		}
	}
}

func TestElementsAreInOrder(t *testing.T) {
	object := written(t, sample(t, "ORDER"), fullDICOM)
	ds, err := dicom.Parse(bytes.NewReader(object), int64(len(object)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(ds.Elements, func(a, b *dicom.Element) int { return a.Tag.Compare(b.Tag) }) {
		t.Error("elements are not in ascending order of tags")
	}
}

// TestJudges asks dciodvfy and dcmtk, which share nothing with the writer.
func TestJudges(t *testing.T) {
	plainEntry := sample(t, "PLAIN")
	plainEntry.Site, plainEntry.Laterality, plainEntry.Patient.BirthDate, plainEntry.Encounter = site{}, "", "", ""
	odd := sample(t, "ODD")
	for seed := 2; len(odd.Picture)%2 == 0; seed++ {
		odd.Picture = clean(t, 40, 40, seed)
	}
	grey := sample(t, "GREY")
	grey.Picture = cleanGrey(t)
	proved := sample(t, "PROVED")
	proved.Proved = true
	midline := sample(t, "MIDLINE")
	midline.Site, midline.Laterality = site{Label: "Nose", SNOMED: "45206002"}, "midline"
	for name, c := range map[string]struct {
		e   *entry
		cfg DICOMConfig
	}{
		"everything set": {sample(t, "FULL"), fullDICOM}, "nothing optional": {plainEntry, DICOMConfig{}},
		"odd length": {odd, fullDICOM}, "grey": {grey, DICOMConfig{}}, "proved": {proved, fullDICOM}, "midline": {midline, DICOMConfig{Root: "1.2.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			object := written(t, c.e, c.cfg)
			file := filepath.Join(t.TempDir(), "object.dcm")
			if err := os.WriteFile(file, object, 0o600); err != nil {
				t.Fatal(err)
			}
			judgeIOD(t, file)
			judgeFrame(t, file, c.e.Picture)
		})
	}
}

// TestProvedOnly: that nothing recognizable is left is said only where the proof showed it.
func TestProvedOnly(t *testing.T) {
	for _, proved := range []bool{false, true} {
		e := sample(t, "PROVED")
		e.Proved = proved
		ds, err := dicom.Parse(bytes.NewReader(written(t, e, fullDICOM)), 1<<30, nil)
		if err != nil {
			t.Fatal(err)
		}
		features, errFeatures := ds.FindElementByTag(tag.RecognizableVisualFeatures)
		method, errMethod := ds.FindElementByTag(tag.DeidentificationMethodCodeSequence)
		if !proved {
			if errFeatures == nil || errMethod == nil {
				t.Errorf("not proved: got %v and %v, want neither", features, method)
			}
			continue
		}
		if errFeatures != nil || errMethod != nil || features.Value.String() != "[NO]" || !strings.Contains(method.Value.String(), "113102") {
			t.Errorf("proved: got %v and %v, want NO and 113102", features, method)
		}
	}
}

// judgeIOD: dciodvfy exits 0 on some errors, so its lines are read.
func judgeIOD(t *testing.T, file string) {
	out, _ := exec.Command(vaulttest.RequireTool(t, "dciodvfy"), file).CombinedOutput()
	if !bytes.Contains(out, []byte("VLPhotographicImage")) {
		t.Errorf("dciodvfy did not see a VL Photographic Image:\n%s", out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Error") || strings.Contains(line, "Error -") {
			t.Errorf("dciodvfy: %s", line)
		}
	}
}

// judgeFrame takes the frame out with dcmdump and compares it.
func judgeFrame(t *testing.T, file string, jpeg []byte) {
	dir := t.TempDir()
	out, err := exec.Command(vaulttest.RequireTool(t, "dcmdump"), "+W", dir, file).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("E: ")) || bytes.Contains(out, []byte("W: ")) {
		t.Errorf("dcmdump: %v\n%s", err, out)
	}
	parts, _ := filepath.Glob(filepath.Join(dir, "*.raw"))
	var frame []byte
	for _, part := range parts {
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		frame = append(frame, b...)
	}
	if !bytes.Equal(frame, padded(jpeg)) {
		t.Errorf("dcmdump found %d bytes of pixel data in %d files, want the %d of the JPEG", len(frame), len(parts), len(jpeg))
	}
}

func TestPersonNames(t *testing.T) {
	for in, want := range map[string]string{
		"Zzphi, Testpatient Ä":          "Zzphi^Testpatient Ä",
		"Testpatient Zzphi":             "Testpatient Zzphi",
		`Back\slash^and=equals`:         "Back slash and equals",
		"Line\nbreak, \x1b[31mRed":      "Line break^[31mRed",
		"":                              "",
		" , ":                           "",
		"Only,":                         "Only",
		strings.Repeat("ü", 70):         strings.Repeat("ü", 64),
		"A, " + strings.Repeat("b", 70): "A^" + strings.Repeat("b", 62),
	} {
		if got := personName(in); got != want {
			t.Errorf("personName(%q) = %q, want %q", in, got, want)
		}
	}
}

// A record number is never bent to fit: another number is another patient.
func TestRecordNumberThatDoesNotFit(t *testing.T) {
	for _, number := range []string{"", `A\B`, " A", "A\n", strings.Repeat("9", 65)} {
		e := sample(t, "NUMBER")
		e.Patient.RecordNumber = number
		e.Picture = baseline(t, e.Picture)
		if _, err := testWriter(t, DICOMConfig{}).write(e); err == nil || !isPermanent(err) {
			t.Errorf("record number %q gave %v, want a permanent refusal", number, err)
		}
	}
}
