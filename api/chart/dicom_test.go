package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// archive is a real Orthanc behind a proxy.
type archive struct {
	*proxy
	t      *testing.T
	target *dicomTarget
	entry  *entry
	kept   *journal
	root   string // Orthanc itself
}

func newArchive(t *testing.T, faults ...*fault) *archive {
	t.Helper()
	root := vaulttest.Orthanc(t)
	serial++
	a := &archive{t: t, root: root, entry: sample(t, fmt.Sprintf("DICOM%d", serial)), kept: &journal{}}
	a.entry.Picture = baseline(t, a.entry.Picture)
	var address string
	a.proxy, address = newProxy(t, root+"/dicom-web", faults...)
	c := fullDICOM
	c.BaseURL = address
	target, err := newDICOM(Config{Timeout: 20 * time.Second, DICOM: &c})
	if err != nil {
		t.Fatal(err)
	}
	a.target = target
	return a
}

func (a *archive) try() error {
	a.t.Helper()
	got, err := a.target.deliver(a.t.Context(), a.entry, a.kept.progress())
	discreet(a.t, err)
	if err == nil && got != sha(a.entry.Picture) {
		a.t.Errorf("delivered with the digest of something else")
	}
	if (a.kept.last().Link != "") != (err == nil) {
		a.t.Errorf("link %q after error %v", a.kept.last().Link, err)
	}
	return err
}

// instances counts the objects that Orthanc itself has under the study.
func (a *archive) instances() int {
	a.t.Helper()
	query, _ := json.Marshal(map[string]any{"Level": "Instance", "Query": map[string]string{"StudyInstanceUID": a.target.writer.uids(a.entry).study}})
	resp, err := http.Post(a.root+"/tools/find", "application/json", bytes.NewReader(query))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var found []string
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil {
		a.t.Fatalf("asking Orthanc: status %d, %v", resp.StatusCode, err)
	}
	return len(found)
}

// put stores an object in Orthanc behind the delivery's back.
func (a *archive) put(object []byte) {
	a.t.Helper()
	resp, err := http.Post(a.root+"/instances", dicomType, bytes.NewReader(object))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		a.t.Fatalf("Orthanc answered %d: %s", resp.StatusCode, b)
	}
}

func TestDICOMDelivery(t *testing.T) {
	a := newArchive(t)
	for range 2 {
		if err := a.try(); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.count("POST", "/studies"); n != 1 {
		t.Errorf("stored %d times in two deliveries, want once", n)
	}
	if n := a.instances(); n != 1 {
		t.Errorf("Orthanc has %d objects, want 1", n)
	}
	id := a.target.writer.uids(a.entry)
	if p := a.kept.last(); p.Study != id.study || !strings.HasSuffix(p.Link, "/instances/"+id.instance) {
		t.Errorf("progress %+v", p)
	}
}

func TestDICOMOddLength(t *testing.T) {
	a := newArchive(t)
	for seed := 2; len(a.entry.Picture)%2 == 0; seed++ {
		a.entry.Picture = baseline(t, clean(t, 40, 40, seed))
	}
	if err := a.try(); err != nil {
		t.Fatal(err)
	}
}

func TestDICOMFaults(t *testing.T) {
	for name, c := range map[string]struct {
		what   mischief
		method string
		path   string
		done   bool // stored and provable at the first try
	}{
		"store refused":               {refuse, "POST", "/studies", false},
		"store answered, not done":    {lie, "POST", "/studies", false},
		"store's reply lost":          {loseReply, "POST", "/studies", true},
		"store's reply cut":           {cutReply, "POST", "/studies", true},
		"look before refused":         {refuse, "GET", "/instances/", false},
		"look before breaks off":      {cutReply, "GET", "/instances/", false},
		"answer before is a bare 200": {lie, "GET", "/instances/", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t, &fault{method: c.method, path: c.path, what: c.what, times: 1})
			err := a.try()
			if c.done != (err == nil) {
				t.Fatalf("first try gave %v, want delivered: %v", err, c.done)
			}
			if err != nil && isPermanent(err) {
				t.Errorf("%v is permanent, want a retry", err)
			}
			if err := a.try(); err != nil {
				t.Fatalf("second try: %v", err)
			}
			if n := a.instances(); n != 1 || a.unused() != 0 {
				t.Errorf("Orthanc has %d objects, %d faults left; want 1, 0", n, a.unused())
			}
		})
	}
}

// TestDICOMReadBackDiffers: nothing counts as attached that comes back changed.
func TestDICOMReadBackDiffers(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"one bit of the frame": func(b []byte) []byte {
			b[len(b)-200] ^= 1
			return b
		},
		"another patient": func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(testNumber), []byte("MRN-0043-PHI")) },
		"cut short":       func(b []byte) []byte { return append(b[:len(b)/2], b[len(b)-80:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			a.put(written(t, a.entry, a.target.writer.cfg))
			a.faults = []*fault{{method: "GET", path: "/instances/", what: tamper, times: 99, change: change}}
			if err := a.try(); err == nil || !strings.Contains(err.Error(), "something else") {
				t.Fatalf("got %v, want that something else came back", err)
			}
		})
	}
}

// Orthanc answers 200 to other content under a UID it has, and keeps the old.
func TestDICOMOtherContentUnderOurUID(t *testing.T) {
	a := newArchive(t)
	other := *a.entry
	other.Picture = clean(t, 96, 64, 9)
	a.put(written(t, &other, a.target.writer.cfg))
	for range 2 {
		err := a.try()
		if err == nil || !isPermanent(err) || !strings.Contains(err.Error(), "something else") {
			t.Fatalf("got %v, want a permanent failure", err)
		}
	}
	if n := a.count("POST", "/studies"); n != 0 {
		t.Errorf("stored %d times over other content, want never", n)
	}
	// The race: it gets there between our look and our store.
	b := newArchive(t, &fault{method: "GET", path: "/instances/", what: tamper, times: 1, change: func(b []byte) []byte { return b }})
	race := *b.entry
	race.Picture = clean(t, 96, 64, 9)
	object := written(t, &race, b.target.writer.cfg)
	b.edit = func(r *http.Request) {
		if r.Method == http.MethodPost {
			b.put(object)
		}
	}
	if err := b.try(); err == nil || !isPermanent(err) {
		t.Fatalf("got %v although Orthanc kept the other content", err)
	}
}

// Without transfer-syntax=* an archive sends another encoding of the picture;
// that is not a proof.
func TestDICOMTranscodedReadBack(t *testing.T) {
	a := newArchive(t)
	a.edit = func(r *http.Request) {
		if r.Method == http.MethodGet {
			r.Header.Set("Accept", `multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1`)
		}
	}
	if err := a.try(); err == nil {
		t.Fatal("delivered on a transcoded read-back")
	}
	a.edit = nil
	if err := a.try(); err != nil {
		t.Fatalf("the same object read back as stored: %v", err)
	}
}

func TestStoreRefused(t *testing.T) {
	target := &dicomTarget{receiver: &receiver{name: "the test archive"}}
	failed := func(reason int) []byte {
		return fmt.Appendf(nil, `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[%d]}}]}}`, reason)
	}
	for _, c := range []struct {
		name      string
		in        answer
		fails     bool
		permanent bool
	}{
		{"stored", answer{status: 200, body: []byte(`{"00081199":{"vr":"SQ","Value":[{}]}}`)}, false, false},
		{"stored, no JSON", answer{status: 200, body: []byte("<xml/>")}, false, false},
		{"200 with a failure in it", answer{status: 200, body: failed(0xA700)}, true, false},
		{"class not supported", answer{status: 409, body: failed(0x0122)}, true, true},
		{"does not match its class", answer{status: 409, body: failed(0xA900)}, true, true},
		{"cannot understand", answer{status: 409, body: failed(0xC000)}, true, true},
		{"failure without a reason", answer{status: 409, body: []byte(`{"00081198":{"vr":"SQ","Value":[{}]}}`)}, true, false},
		{"unsupported media type", answer{status: 415}, true, true},
		{"out of space", answer{status: 503}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := target.storeRefused(c.in)
			if (err != nil) != c.fails || err != nil && isPermanent(err) != c.permanent {
				t.Errorf("got %v, permanent %v; want failure %v, permanent %v", err, isPermanent(err), c.fails, c.permanent)
			}
		})
	}
}

func TestPing(t *testing.T) {
	secretless := func(status int) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	for status, want := range map[int]bool{200: true, 204: true, 404: true, 401: false, 403: false, 500: false} {
		d, err := New(Config{FHIR: &FHIRConfig{BaseURL: secretless(status), PatientSystem: "s"},
			DICOM: &DICOMConfig{BaseURL: secretless(status)}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range d.Targets() {
			if err := d.Ping(t.Context(), name); (err == nil) != want {
				t.Errorf("%s answering %d: Ping gave %v", name, status, err)
			}
		}
	}
	d, err := New(Config{FHIR: &FHIRConfig{BaseURL: vaulttest.FHIR(t), PatientSystem: "s"},
		DICOM: &DICOMConfig{BaseURL: vaulttest.Orthanc(t) + "/dicom-web"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(d.Targets(), "fax") {
		if err := d.Ping(t.Context(), name); (err == nil) != (name != "fax") {
			t.Errorf("Ping(%s) gave %v", name, err)
		}
	}
}
