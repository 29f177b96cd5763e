package chart

import (
	"net/http"
	"strings"
	"testing"
)

// TestFHIRPatient: a photo goes into the chart of exactly the right patient or
// nowhere, and nothing is written before that is clear.
func TestFHIRPatient(t *testing.T) {
	no := false
	for _, c := range []struct {
		name  string
		admit func(*bench)
		want  string // empty: delivered
	}{
		{"known", func(b *bench) { b.admit("", nil) }, ""},
		{"known without birth date", func(b *bench) { b.admit("", func(p *fhirPatient) { p.BirthDate = "" }) }, ""},
		{"unknown", func(*bench) {}, "does not know"},
		{"two of them", func(b *bench) { b.admit("a", nil); b.admit("b", nil) }, "more than one"},
		{"another birth date", func(b *bench) { b.admit("", func(p *fhirPatient) { p.BirthDate = "1980-03-01" }) }, "birth date"},
		{"no longer in use", func(b *bench) { b.admit("", func(p *fhirPatient) { p.Active = &no }) }, "no longer in use"},
		{"the number in another system", func(b *bench) {
			b.admit("", func(p *fhirPatient) { p.Identifier[0].System = "https://other.example/mrn" })
		}, "does not know"},
		{"a number of the past", func(b *bench) { b.admit("", func(p *fhirPatient) { p.Identifier[0].Use = "old" }) }, "does not know"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.admit(b)
			err := b.try()
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !isPermanent(err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a permanent failure about %q", err, c.want)
			}
			if n := b.count("PUT", ""); n != 0 {
				t.Errorf("%d writes, want none", n)
			}
		})
	}
}

// A server that does not know the search parameter answers with everyone.
func TestFHIRPatientSearchIgnored(t *testing.T) {
	b := newBench(t)
	b.admit("", func(p *fhirPatient) { p.Identifier[0].Value = "SOMEBODY-ELSE" })
	b.edit = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_search") {
			r.Method, r.Body, r.ContentLength = http.MethodGet, nil, 0
			r.URL.Path = strings.TrimSuffix(r.URL.Path, "/_search")
			r.URL.RawQuery = "_count=10"
			r.Header.Del("Content-Type")
			r.Header.Del("Content-Length")
		}
	}
	if err := b.try(); err == nil || !strings.Contains(err.Error(), "does not know") {
		t.Errorf("got %v, want that nobody was found", err)
	}
	if n := b.count("PUT", ""); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

func TestFHIRCreatePatient(t *testing.T) {
	b := newBench(t)
	b.target.cfg.CreatePatient = true
	for range 2 {
		if err := b.try(); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.count("PUT", "/Patient/"); n != 1 {
		t.Errorf("the patient was written %d times, want once", n)
	}
	b.holds(true, true, true)
}

func TestEscapeToken(t *testing.T) {
	for in, want := range map[string]string{
		"MRN-1": "MRN-1", "a|b": `a\|b`, "a,b": `a\,b`, "a$b": `a\$b`, `a\b`: `a\\b`, "": "",
	} {
		if got := escapeToken(in); got != want {
			t.Errorf("escapeToken(%q) = %q, want %q", in, got, want)
		}
	}
}
