package adt

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // as vaultd carries them
)

// TestText reads components with escapes, in each character set.
func TestText(t *testing.T) {
	head := "MSH|^~\\&|A|B|C|D|20261101||ADT^A01|1|P|2.5.1||||||"
	for name, test := range map[string]struct{ raw, want string }{
		"plain":            {head + "\rPID|||||Sample^X\r", "Sample"},
		"separators":       {head + "\rPID|||||S\\F\\a\\S\\m\\T\\p\\R\\l\\E\\e^X\r", `S|a^m&p~l\e`},
		"hexadecimal":      {head + "\rPID|||||S\\XC3A4\\mple\r", "Sämple"},
		"bad hexadecimal":  {head + "\rPID|||||S\\XFF\\ample\r", "Sample"},
		"formatting":       {head + "\rPID|||||S\\H\\am\\N\\ple\r", "Sample"},
		"unclosed":         {head + "\rPID|||||Sam\\ple\r", "Sample"},
		"subcomponents":    {head + "\rPID|||||Sample&van&Other^X\r", "Sample"},
		"null":             {head + "\rPID|||||\"\"^X\r", ""},
		"spaces":           {head + "\rPID|||||  Sample ^X\r", "Sample"},
		"UTF-8":            {head + "UNICODE UTF-8\rPID|||||Sämple\r", "Sämple"},
		"UTF-8 unsaid":     {head + "\rPID|||||Sämple\r", "Sämple"},
		"Latin 1":          {head + "8859/1\rPID|||||S\xe4mple\r", "Sämple"},
		"line feeds":       {head + "\r\nPID|||||Sample\r\n", "Sample"},
		"other separators": {"MSH#*+!@#A#B#C#D#20261101##ADT*A01#1#P#2.5.1\rPID#####Sa!T!mple*X\r", "Sa@mple"},
		"three marks":      {"MSH|^~\\|A\rPID|||||Sample\r", "Sample"},
	} {
		t.Run(name, func(t *testing.T) {
			m, f := parse([]byte(test.raw))
			if f != nil {
				t.Fatal(f)
			}
			pid, _ := m.find("PID")
			if got := m.first(pid, 5, 1); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestTimes reads time stamps of every length, with and without an offset.
func TestTimes(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	r := Rules{Zone: vienna}
	for in, want := range map[string]string{
		"20261101": "2026-10-31T23:00:00Z", "2026110112": "2026-11-01T11:00:00Z", "202611011230": "2026-11-01T11:30:00Z",
		"20261101123059": "2026-11-01T11:30:59Z", "20261101123059.1234": "2026-11-01T11:30:59Z",
		"20261101123059+0000": "2026-11-01T12:30:59Z", "20261101123059.5-0500": "2026-11-01T17:30:59Z",
		"20260701120000": "2026-07-01T10:00:00Z", // summer time
		"2026":           "", "20261301": "", "2026110125": "", "20261101+02": "", "now": "", "20261101123059+9999": "",
	} {
		at, f := r.time(in, "EVN-2")
		if got := at.UTC().Format(time.RFC3339); f == nil && got != want || f != nil && want != "" || f != nil && f.Place != "EVN-2" {
			t.Errorf("%s: got %s, %v, want %q", in, got, f, want)
		}
	}
}

// TestTeamsOfLocation: the longest key that fits counts, component by component.
func TestTeamsOfLocation(t *testing.T) {
	r := Rules{Teams: map[string]string{"3B": "Ward", "3B^12": "Room", "IC*": "Intensive", "service:DER": "Skin", "service:3B": "Ward"}}
	for in, want := range map[string]string{
		"3B": "Ward", "3B^11": "Ward", "3B^12": "Room", "3B^12^1": "Room", "3B^120": "Ward", "3BX": "", "ICU7^1": "Intensive", "": "",
		"3B|||||||DER": "Ward,Skin", "9|||||||DER": "Skin", "3B|||||||3B": "Ward",
	} {
		m, f := parse([]byte("MSH|^~\\&|A\rPV1|1|I|" + in + "\r"))
		if f != nil {
			t.Fatal(f)
		}
		pv1, _ := m.find("PV1")
		if got := strings.Join(r.teams(m, pv1), ","); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

// TestNumberOfAuthority: of several record numbers the one counts that the rules name.
func TestNumberOfAuthority(t *testing.T) {
	m, _ := parse([]byte("MSH|^~\\&|A\rPID|||1^^^LAB~2^^^HOSP^MR~3^^^CITY&1.2.3&ISO^PI\r"))
	pid, _ := m.find("PID")
	for authority, want := range map[string]string{"": "2", "LAB": "1", "HOSP": "2", "CITY": "3", "NONE": ""} {
		if got := (Rules{Authority: authority}).number(m, pid, 3); got != want {
			t.Errorf("authority %q: got %q, want %q", authority, got, want)
		}
	}
}

// TestFrames reads what is framed, and refuses what is not.
func TestFrames(t *testing.T) {
	long := strings.Repeat("x", MaxMessage)
	for name, test := range map[string]struct {
		in   string
		want []string
		end  error
	}{
		"two":            {"\x0bone\x1c\r\x0btwo\x1c\r", []string{"one", "two"}, io.EOF},
		"empty":          {"\x0b\x1c\r", []string{""}, io.EOF},
		"line ends":      {"\r\n\x0bone\x1c\r\n\x0btwo\x1c\r", []string{"one", "two"}, io.EOF},
		"longest":        {"\x0b" + long + "\x1c\r", []string{long}, io.EOF},
		"too long":       {"\x0b" + long + "x\x1c\r", nil, errLong},
		"endless":        {"\x0b" + long + long, nil, errLong},
		"no start":       {"MSH|^~\\&", nil, errFrame},
		"noise":          {strings.Repeat("\n", 100), nil, errFrame},
		"no return":      {"\x0bone\x1cX", nil, errFrame},
		"cut":            {"\x0bon", nil, io.ErrUnexpectedEOF},
		"cut at the end": {"\x0bone\x1c", nil, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(test.in))
			for i := 0; ; i++ {
				got, err := readFrame(r)
				if err != nil {
					if !errors.Is(err, test.end) || i != len(test.want) {
						t.Errorf("after %d frames: %v, want %d and %v", i, err, len(test.want), test.end)
					}
					return
				}
				if i >= len(test.want) || string(got) != test.want[i] {
					t.Fatalf("frame %d of %d bytes is not what was sent", i, len(got))
				}
			}
		})
	}
	if got := frame([]byte("x")); !bytes.Equal(got, []byte("\x0bx\x1c\r")) {
		t.Errorf("framed %q", got)
	}
}

// FuzzMessage: any bytes are read or refused, within bounds; nothing in an answer to them breaks its own frame, and what
// an answer says parses.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("MSH|^~\\&|ADM|HOSP|V|H|20261101||ADT^A01|1|P|2.5.1\rEVN|A01|20261101\rPID|||1^^^H^MR||S^T||19610203\rPV1||I|3B||||7|||||||||||V\r"))
	f.Add([]byte("MSH|^~\\&|ADM|HOSP|V|H|20261101||ADT^A40|1|P|2.3||||||8859/1\rPID|||1\rMRG|2~\\X41\\\r"))
	f.Add([]byte("MSH#*+!@#\xff\x00"))
	rules := Rules{Teams: map[string]string{"3B": "x", "4*": "y"}, Authority: ""}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, broken := parse(raw)
		if m == nil {
			if broken == nil {
				t.Fatal("neither a message nor a fault")
			}
			m = &message{}
		}
		h, wrong := rules.readHeader(m)
		if broken == nil && wrong == nil {
			if _, bad := rules.read(m, h); bad != nil {
				broken = bad
			}
		}
		for _, fault := range []*Fault{broken, wrong} {
			if fault != nil && (codeNames[fault.Code] == "" || len(fault.Place) > 7) {
				t.Errorf("fault %s at %q", fault.Code, fault.Place)
			}
		}
		if h.control == "" || h.app != plain(h.app) || len(h.sender) > 200 || len(h.event) > 16 {
			if h.control != "" {
				t.Errorf("header %+v", h)
			}
		}
		a := h.ack("AE", later().Problem, time.Unix(0, 0))
		if bytes.ContainsAny(a, "\x0b\x1c") {
			t.Error("the answer breaks its frame")
		}
		if back, bad := parse(a); bad != nil {
			t.Errorf("the answer does not parse: %v", bad)
		} else if _, ok := back.find("MSA"); !ok {
			t.Error("the answer has no MSA")
		}
	})
}

// FuzzMLLP: any stream ends, and gives no message that is longer than allowed or holds the end of a block.
func FuzzMLLP(f *testing.F) {
	f.Add([]byte("\x0bone\x1c\r\x0btwo\x1c\r"))
	f.Add([]byte("\r\n\x0b\x1c\r"))
	f.Add([]byte("\x0b\x0b\x1c\x1c\r"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(in), 16)
		for frames := 0; frames <= len(in); frames++ {
			got, err := readFrame(r)
			if err != nil {
				return
			}
			if len(got) > MaxMessage || bytes.IndexByte(got, endBlock) >= 0 {
				t.Fatalf("a message of %d bytes", len(got))
			}
		}
		t.Fatal("the stream does not end")
	})
}
