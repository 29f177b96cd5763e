package vault

import (
	"errors"
	"strings"
	"testing"
)

func TestPushServicesThatAreAllowed(t *testing.T) {
	c := NoticeConfig{PushHosts: []string{"push.example.org", "*.push.example.net", "127.0.0.1:9000"}}
	for endpoint, want := range map[string]bool{
		"https://push.example.org/a/b?c=d":                             true,
		"https://PUSH.example.org/a":                                   true,
		"https://web.push.example.net/a":                               true,
		"http://127.0.0.1:9000/a":                                      true,
		"http://push.example.org/a":                                    false, // no TLS
		"https://push.example.org:8443/a":                              false, // another port is another service
		"https://push.example.org.evil.example/a":                      false,
		"https://evil.example/push.example.org":                        false,
		"https://push.example.net/a":                                   false, // not below
		"https://evilpush.example.net/a":                               false,
		"https://user:secret@push.example.org/a":                       false,
		"https://push.example.org#.push.example.net":                   false,
		"https://push.example.org@evil.example/":                       false,
		"http://127.0.0.1:9001/a":                                      false,
		"http://localhost:9000/a":                                      false,
		"https://169.254.169.254/latest/meta-data":                     false,
		"https://[::1]:9000/a":                                         false,
		"file:///etc/passwd":                                           false,
		"gopher://push.example.org/":                                   false,
		"":                                                             false,
		"https:push.example.org/a":                                     false,
		"//push.example.org/a":                                         false,
		"https://push.example.org/\r\nHost: evil":                      false,
		"https://push.example.org/" + strings.Repeat("a", maxEndpoint): false,
	} {
		if got := c.allows(endpoint); got != want {
			t.Errorf("%.80q: got %v, want %v", endpoint, got, want)
		}
	}
	if (NoticeConfig{}).allows("https://push.example.org/a") {
		t.Error("without configured services one is allowed")
	}
}

func TestMailShape(t *testing.T) {
	for address, want := range map[string]bool{
		"a.reviewer@example.org":            true,
		"o'neil+ward@mail.example.org":      true,
		"no-at.example.org":                 false,
		"two@at@example.org":                false,
		"space in@example.org":              false,
		"a@example.org\r\nBcc: b@evil.test": false,
		"a@example.org\n":                   false,
		"a\x00@example.org":                 false,
		"<a@example.org>":                   false,
		"A Name <a@example.org>":            false,
		`"quoted"@example.org`:              false,
		"a@[127.0.0.1]":                     false,
		"a@-example.org":                    false,
		"@example.org":                      false,
		"a@":                                false,
		"a,b@example.org":                   false,
		"ä@example.org":                     false,
	} {
		if got := mailShape.MatchString(address); got != want {
			t.Errorf("%q: got %v, want %v", address, got, want)
		}
	}
}

func TestEveryKindOfNotice(t *testing.T) {
	seen := map[noticeKind]bool{}
	for _, s := range noticeSorts {
		if seen[s.kind] || s.text == "" || !strings.HasPrefix(s.page, "/") || s.again < 0 {
			t.Errorf("got %+v, want one line for each kind, with a text and a page", s)
		}
		seen[s.kind] = true
	}
	if err := (&tx{}).notify(t.Context(), "no such kind"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a kind that nobody knows: got %v, want %v", err, ErrInvalid)
	}
}
