package chart

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNewRefuses(t *testing.T) {
	const system = "https://hospital.example/mrn"
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fhir := func(c FHIRConfig) Config { return Config{FHIR: &c} }
	dicom := func(c DICOMConfig) Config { return Config{DICOM: &c} }
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"plain HTTP to another machine", fhir(FHIRConfig{BaseURL: "http://ehr.example/fhir", PatientSystem: system}), "https"},
		{"a name that starts like loopback", fhir(FHIRConfig{BaseURL: "http://localhost.example/fhir", PatientSystem: system}), "https"},
		{"a password in the address", fhir(FHIRConfig{BaseURL: "https://a:b@ehr.example/fhir", PatientSystem: system}), "without user"},
		{"a relative address", fhir(FHIRConfig{BaseURL: "/fhir", PatientSystem: system}), "absolute"},
		{"no patient system", fhir(FHIRConfig{BaseURL: "https://ehr.example/fhir"}), "patient_system"},
		{"a patient system that is two", fhir(FHIRConfig{BaseURL: "https://ehr.example", PatientSystem: "a|b"}), "patient_system"},
		{"unknown confidentiality", fhir(FHIRConfig{BaseURL: "https://ehr.example", PatientSystem: system, Confidentiality: "X"}), "confidentiality"},
		{"half a code", fhir(FHIRConfig{BaseURL: "https://ehr.example", PatientSystem: system, ExtraType: &Code{Code: "1"}}), "extra_type"},
		{"no token file", fhir(FHIRConfig{BaseURL: "https://ehr.example", PatientSystem: system, TokenFile: "/nonexistent"}), "secret"},
		{"empty token file", fhir(FHIRConfig{BaseURL: "https://ehr.example", PatientSystem: system, TokenFile: empty}), "one line"},
		{"CA file without certificate", fhir(FHIRConfig{BaseURL: "https://ehr.example", PatientSystem: system, CAFile: empty}), "no certificate"},
		{"UID root too long", dicom(DICOMConfig{BaseURL: "https://pacs.example", Root: "1.2.826.0.1.3680043.9.7433"}), "uid_root"},
		{"UID root with a leading zero", dicom(DICOMConfig{BaseURL: "https://pacs.example", Root: "1.02"}), "uid_root"},
		{"user without password", dicom(DICOMConfig{BaseURL: "https://pacs.example", Username: "u"}), "go together"},
		{"unknown way to delete", dicom(DICOMConfig{BaseURL: "https://pacs.example", Delete: "shred"}), "delete"},
		{"Orthanc without its address", dicom(DICOMConfig{BaseURL: "https://pacs.example", Delete: "orthanc"}), "orthanc_url"},
		{"an address that nothing uses", dicom(DICOMConfig{BaseURL: "https://pacs.example", OrthancURL: "https://pacs.example"}), "orthanc_url"},
		{"Orthanc in plain HTTP elsewhere", dicom(DICOMConfig{BaseURL: "https://pacs.example", Delete: "orthanc", OrthancURL: "http://pacs.example"}), "https"},
		{"unknown zone", dicom(DICOMConfig{BaseURL: "https://pacs.example", Zone: "Mars/Olympus"}), "zone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New gave %v, want an error about %q", err, c.want)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	d, err := New(Config{
		FHIR:  &FHIRConfig{BaseURL: "https://ehr.example/fhir/", PatientSystem: "urn:oid:1.2"},
		DICOM: &DICOMConfig{BaseURL: "http://127.0.0.1:8042/dicom-web", Zone: "Europe/Zurich"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Targets()); got != "[dicom fhir]" {
		t.Errorf("Targets() = %s, want [dicom fhir]", got)
	}
	none, err := New(Config{})
	if err != nil || len(none.Targets()) != 0 {
		t.Errorf("New without receivers: targets %v, error %v; want none, nil", none.Targets(), err)
	}
}

func TestSecretsPrintNothing(t *testing.T) {
	s := secret("hunter2")
	for _, got := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), s.LogValue().String()} {
		if strings.Contains(got, "hunter2") {
			t.Errorf("a secret printed as %s", got)
		}
	}
}

func TestTokenIsReadAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	f, err := newFHIR(Config{Timeout: time.Second, FHIR: &FHIRConfig{
		BaseURL: "https://ehr.example", PatientSystem: "s", TokenFile: file}})
	if err != nil {
		t.Fatal(err)
	}
	write("second\n")
	req, _ := http.NewRequest("GET", "https://ehr.example", nil)
	if err := f.authorize(req); err != nil || req.Header.Get("Authorization") != "Bearer second" {
		t.Errorf("authorize set %q, %v; want the rotated token", req.Header.Get("Authorization"), err)
	}
}

// TestTLS: the configured CA is trusted, and only that; credentials travel.
func TestTLS(t *testing.T) {
	var seen []string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNotFound)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	d, err := New(Config{
		FHIR:  &FHIRConfig{BaseURL: s.URL, PatientSystem: "s", CAFile: ca, TokenFile: file("token", []byte("test-token\n"))},
		DICOM: &DICOMConfig{BaseURL: s.URL, CAFile: ca, Username: "u", PasswordFile: file("password", []byte("test-password"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range d.Targets() {
		if err := d.Ping(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, want := fmt.Sprint(seen), "[Basic dTp0ZXN0LXBhc3N3b3Jk Bearer test-token]"; got != want {
		t.Errorf("credentials seen: %s, want %s", got, want)
	}
	stranger, err := New(Config{FHIR: &FHIRConfig{BaseURL: s.URL, PatientSystem: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Ping(t.Context(), TargetFHIR); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate gave %v", err)
	}
}

func TestConfigIsReadFromJSON(t *testing.T) {
	var c FHIRConfig
	err := json.Unmarshal([]byte(`{"base_url":"https://x","token_file":"t","ca_file":"c","patient_system":"p","create_patient":true}`), &c)
	if err != nil || c.BaseURL != "https://x" || c.TokenFile != "t" || c.PatientSystem != "p" || !c.CreatePatient {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestReceiverFollowsNoRedirect(t *testing.T) {
	elsewhere := 0
	target := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere++ })
	moved := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	})
	r, err := newReceiver("the test server", moved, "", time.Second*10, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.call(t.Context(), http.MethodPut, "/x", http.Header{}, []byte("body"), 100)
	if err != nil || got.status != http.StatusTemporaryRedirect || elsewhere != 0 {
		t.Errorf("got %d, %v, %d requests elsewhere; want 307 and none", got.status, err, elsewhere)
	}
	if !isPermanent(r.refused("x", got)) {
		t.Error("a redirect is tried again, want permanent: the configured address is wrong")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 101)) })
	r, err := newReceiver("the test server", address, "", 10*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.call(t.Context(), "GET", "/", http.Header{}, nil, 100); err == nil || !strings.Contains(err.Error(), "more than 100") {
		t.Errorf("an answer over the limit gave %v", err)
	}
	if got, err := r.call(t.Context(), "GET", "/", http.Header{}, nil, 101); err != nil || len(got.body) != 101 {
		t.Errorf("an answer at the limit gave %d bytes, %v", len(got.body), err)
	}
}

func TestWhichStatusIsPermanent(t *testing.T) {
	r := &receiver{name: "the test server"}
	for status, want := range map[int]bool{
		301: true, 400: true, 404: true, 405: true, 413: true, 415: true, 422: true,
		401: false, 403: false, 408: false, 409: false, 423: false, 425: false, 429: false, 500: false, 502: false, 503: false, 507: false,
	} {
		if got := isPermanent(r.refused("step", answer{status: status})); got != want {
			t.Errorf("status %d: permanent %v, want %v", status, got, want)
		}
	}
}
