package chart

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// retracting is an archive with the object in it that is asked to delete in the
// given way; its own interface is behind a proxy as well.
func retracting(t *testing.T, way string) (a *archive, own *proxy) {
	t.Helper()
	a = newArchive(t)
	if err := a.try(); err != nil {
		t.Fatal(err)
	}
	a.requests = nil
	c := a.target.writer.cfg
	c.BaseURL, c.Delete = a.target.base.String(), way
	own, address := newProxy(t, a.root)
	if way == deleteOrthanc {
		c.OrthancURL = address
	}
	target, err := newDICOM(Config{Timeout: a.target.client.Timeout, DICOM: &c})
	if err != nil {
		t.Fatal(err)
	}
	a.target = target
	return a, own
}

func (a *archive) retract(cause string) (string, error) {
	a.t.Helper()
	had := a.kept.last()
	how, err := a.target.retract(a.t.Context(), &retraction{Attachment: a.entry.Attachment, Cause: cause, At: retractedAt, Wrote: &had})
	discreet(a.t, err)
	return how, err
}

func TestDICOMRetractionByDeletion(t *testing.T) {
	a, _ := retracting(t, deleteOrthanc)
	for range 2 {
		if how, err := a.retract(causeErased); err != nil || how != howDeleted {
			t.Fatalf("got %q, %v", how, err)
		}
	}
	if n := a.instances(); n != 0 {
		t.Errorf("Orthanc has %d objects of the study, want none", n)
	}
}

// Ping asks the interface that deletes as well.
func TestPingAsksWhoDeletes(t *testing.T) {
	a, own := retracting(t, deleteOrthanc)
	if err := a.target.ping(t.Context()); err != nil || own.count("GET", "/system") != 1 {
		t.Errorf("got %v after %d questions, want one answered", err, own.count("GET", "/system"))
	}
	own.faults = []*fault{{method: "GET", path: "/system", what: refuse, status: http.StatusUnauthorized, times: 1}}
	if err := a.target.ping(t.Context()); err == nil {
		t.Error("an interface that refuses us passed")
	}
}

func TestDICOMDeletionFaults(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		what         mischief
		done         bool
	}{
		"search refused":               {"POST", "/tools/lookup", refuse, false},
		"search breaks off":            {"POST", "/tools/lookup", cutReply, false},
		"deletion refused":             {"DELETE", "/instances/", refuse, false},
		"deletion answered, not done":  {"DELETE", "/instances/", lie, false},
		"deletion's reply lost":        {"DELETE", "/instances/", loseReply, true},
		"deletion's reply cut":         {"DELETE", "/instances/", cutReply, true},
		"search answered with nothing": {"POST", "/tools/lookup", lie, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, own := retracting(t, deleteOrthanc)
			own.faults = []*fault{{method: c.method, path: c.path, what: c.what, times: 1}}
			how, err := a.retract(causeErased)
			if c.done != (err == nil) || err != nil && isPermanent(err) {
				t.Fatalf("first try: %q, %v; want done %v", how, err, c.done)
			}
			if how, err = a.retract(causeErased); err != nil || how != howDeleted || own.unused() != 0 {
				t.Fatalf("second try: %q, %v, %d faults left", how, err, own.unused())
			}
			if n := a.instances(); n != 0 {
				t.Errorf("Orthanc has %d objects, want none", n)
			}
		})
	}
}

// An archive that has no deletion by DICOMweb, as Orthanc has none, gets a note.
func TestDICOMRetractionFallsBackToANote(t *testing.T) {
	a, _ := retracting(t, deleteDICOMweb)
	if how, err := a.retract(causeRecalled); err != nil || how != howNoted {
		t.Fatalf("got %q, %v", how, err)
	}
	if n := a.count("DELETE", "/instances/"); n != 1 {
		t.Errorf("asked to delete %d times, want once", n)
	}
	if n := a.instances(); n != 2 {
		t.Errorf("Orthanc has %d objects of the study, want the object and the note", n)
	}
}

func TestDICOMRetractionByNote(t *testing.T) {
	a, _ := retracting(t, "")
	for range 2 {
		if how, err := a.retract(causeErased); err != nil || how != howNoted {
			t.Fatalf("got %q, %v", how, err)
		}
	}
	if n := a.count("POST", "/studies"); n != 1 {
		t.Errorf("stored %d notes, want 1", n)
	}
	id := a.target.writer.uids(a.entry)
	about, err := a.target.metadata(t.Context(), uids{study: id.study,
		series: dicomUID("", idNoteSeries, a.entry.Attachment), instance: dicomUID("", idNote, a.entry.Attachment)})
	if err != nil || about == nil {
		t.Fatalf("reading the note: %v, %v", about, err)
	}
	if about.text("00100020") != a.entry.Patient.RecordNumber || about.text("00100010") != personName(a.entry.Patient.Name) {
		t.Errorf("the note is of %q, %q", about.text("00100020"), about.text("00100010"))
	}
	if title := about.items("0040A043"); len(title) != 1 || title[0].text("00080100") != "113039" {
		t.Errorf("the note's title is %v, want 113039", title)
	}
	// An archive that obeys the note shows the object no more.
	a.faults = []*fault{{method: "GET", path: id.instance + "/metadata", what: refuse, status: http.StatusNotFound, times: 1}}
	if how, err := a.retract(causeErased); err != nil || how != howNoted {
		t.Errorf("with the object hidden: %q, %v", how, err)
	}
}

func TestDICOMNoteFaults(t *testing.T) {
	for name, c := range map[string]struct {
		what   mischief
		method string
		path   string
		done   bool
	}{
		"store refused":            {refuse, "POST", "/studies", false},
		"store answered, not done": {lie, "POST", "/studies", false},
		"store's reply lost":       {loseReply, "POST", "/studies", true},
		"store's reply cut":        {cutReply, "POST", "/studies", true},
		"look refused":             {refuse, "GET", "/metadata", false},
		"look is a bare 200":       {lie, "GET", "/metadata", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := retracting(t, "")
			a.faults = []*fault{{method: c.method, path: c.path, what: c.what, times: 1}}
			how, err := a.retract(causeWithdrawn)
			if c.done != (err == nil) || err != nil && isPermanent(err) {
				t.Fatalf("first try: %q, %v; want done %v", how, err, c.done)
			}
			if how, err := a.retract(causeWithdrawn); err != nil || how != howNoted {
				t.Fatalf("second try: %q, %v", how, err)
			}
			if n := a.instances(); n != 2 || a.unused() != 0 {
				t.Errorf("Orthanc has %d objects, %d faults left; want 2, 0", n, a.unused())
			}
		})
	}
}

// A photo that never arrived needs nothing.
func TestDICOMRetractionOfNothing(t *testing.T) {
	for _, way := range []string{"", deleteOrthanc} {
		a := newArchive(t)
		a.target.writer.cfg.Delete = way
		if how, err := a.retract(causeErased); err != nil || how != howNever {
			t.Fatalf("%q: got %q, %v", way, how, err)
		}
		if n := a.count("POST", ""); n != 0 {
			t.Errorf("%q: %d writes, want none", way, n)
		}
	}
}

// The root for UIDs was configured anew: what was written under the old one is found.
func TestDICOMRetractionUnderTheOldRoot(t *testing.T) {
	a, _ := retracting(t, deleteOrthanc)
	study := a.target.writer.uids(a.entry).study
	a.target.writer.cfg.Root = "1.2.3"
	if how, err := a.retract(causeErased); err != nil || how != howDeleted {
		t.Fatalf("got %q, %v", how, err)
	}
	a.target.writer.cfg.Root = ""
	if a.target.writer.uids(a.entry).study != study || a.instances() != 0 {
		t.Error("the object under the old root is still there")
	}
}

// TestNoteJudges asks dciodvfy and dcmtk about the note.
func TestNoteJudges(t *testing.T) {
	a, _ := retracting(t, "")
	id := a.target.writer.uids(a.entry)
	about, err := a.target.metadata(t.Context(), id)
	if err != nil || about == nil {
		t.Fatal(err)
	}
	for cause := range reasons {
		note := uids{study: id.study, series: dicomUID("", idNoteSeries, cause), instance: dicomUID("", idNote, cause)}
		object, err := a.target.writer.writeNote(&retraction{Cause: cause, At: retractedAt}, id, note, about)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "note.dcm")
		if err := os.WriteFile(file, object, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(vaulttest.RequireTool(t, "dciodvfy"), file).CombinedOutput()
		if !bytes.Contains(out, []byte("KeyObjectSelectionDocument")) || bytes.Contains(out, []byte("Error")) {
			t.Errorf("%s: dciodvfy says\n%s", cause, out)
		}
		out, err = exec.Command(vaulttest.RequireTool(t, "dcmdump"), file).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("E: ")) || bytes.Contains(out, []byte("W: ")) || !strings.Contains(string(out), id.instance) {
			t.Errorf("%s: dcmdump: %v\n%s", cause, err, out)
		}
	}
}
