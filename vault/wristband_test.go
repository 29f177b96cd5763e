package vault

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

type bandCase struct {
	Name      string     `json:"name"`
	Symbology string     `json:"symbology"`
	Text      string     `json:"text"`
	Plain     PlainBands `json:"plain"`
	Kind      BandKind   `json:"kind"`
	Value     string     `json:"value"`
	SRIN      string     `json:"srin"`
	Refused   string     `json:"refused"`
}

func bandCases(t testing.TB) []bandCase {
	t.Helper()
	text, err := os.ReadFile("testdata/wristbands.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []bandCase }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// TestParseBand: the vectors that every reader of wristbands passes.
func TestParseBand(t *testing.T) {
	cases := bandCases(t)
	if len(cases) < 60 {
		t.Fatalf("%d vectors", len(cases))
	}
	seen := map[string]bool{}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got, refused := parseBand(c.Symbology, c.Text, c.Plain)
			if want := (Band{c.Kind, c.Value, c.SRIN}); got != want || refused != c.Refused {
				t.Errorf("%q %q: got %s %s %s refused %q, want %s %s %s refused %q", c.Symbology, c.Text,
					got.Kind, got.Value, got.SRIN, refused, c.Kind, c.Value, c.SRIN, c.Refused)
			}
			_, err := ParseBand(c.Symbology, c.Text, c.Plain)
			if c.Refused == "" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			var told interface{ Sentence() string }
			if !errors.Is(err, ErrInvalid) || !errors.As(err, &told) || told.Sentence() == "" {
				t.Errorf("error %v, want ErrInvalid with a sentence", err)
			}
			if c.Text != "" && strings.Contains(err.Error(), c.Text) {
				t.Error("the error holds the code")
			}
		})
		seen[c.Refused] = true
	}
	for why := range bandWords {
		if !seen[why] {
			t.Errorf("no vector is refused as %q", why)
		}
	}
}

// TestCheckDigitsAreDigits: a sign whose value is that of a digit modulo 10 is none; the sums alone would take it.
func TestCheckDigitsAreDigits(t *testing.T) {
	for text, fits := range map[string]func(string) bool{"95:110123456700172": gs1Check, "999012345:": nhsCheck, "": gs1Check} {
		if fits(text) {
			t.Errorf("%q: taken for a number with its check digit", text)
		}
	}
	if !gs1Check("950110123456700172") {
		t.Error("with the digit instead of the sign: refused")
	}
}

// TestCheckDigits: one wrong digit is always found, and so are two neighbours that change places, but where modulus 10
// cannot tell.
func TestCheckDigits(t *testing.T) {
	for _, good := range []string{"950110123456700171", "950110153000040128"} {
		digits := []byte(good[:17] + "0")
		for d := byte('0'); !gs1Check(string(digits)); d++ {
			digits[17] = d
		}
		for i := range digits {
			for d := byte('0'); d <= '9'; d++ {
				other := []byte(string(digits))
				other[i] = d
				if got := gs1Check(string(other)); got != (d == digits[i]) {
					t.Errorf("%s: digit %d as %c: fits %v", digits, i, d, got)
				}
			}
		}
	}
	const nhs = "9990123456"
	good := []byte(nhs)
	for d := byte('0'); d <= '9' && !nhsCheck(string(good)); d++ {
		good[9] = d
	}
	for i := range good {
		for d := byte('0'); d <= '9'; d++ {
			other := []byte(string(good))
			other[i] = d
			if got := nhsCheck(string(other)); got != (d == good[i]) {
				t.Errorf("%s: digit %d as %c: fits %v", good, i, d, got)
			}
		}
	}
}

func FuzzParseBand(f *testing.F) {
	for _, c := range bandCases(f) {
		f.Add(c.Symbology, c.Text, string(c.Plain))
	}
	f.Fuzz(func(t *testing.T, symbology, text, plain string) {
		if !PlainBands(plain).Valid() {
			return
		}
		b, refused := parseBand(symbology, text, PlainBands(plain))
		if (refused == "") != (b.Value != "") {
			t.Fatalf("got kind %s refused %q", b.Kind, refused)
		}
		if refused != "" && bandWords[refused] == "" {
			t.Fatalf("no sentence for %q", refused)
		}
		if b.Kind == BandGSRN && (len(b.Value) != 18 || !gs1Check(b.Value)) || b.Kind == BandNHS && !nhsCheck(b.Value) {
			t.Fatalf("a number that does not add up was taken as %s", b.Kind)
		}
	})
}
