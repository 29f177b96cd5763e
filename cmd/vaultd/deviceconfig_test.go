package main

import (
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestRequireDeviceConfig: the configuration decides whether photos are taken in from approved devices alone.
func TestRequireDeviceConfig(t *testing.T) {
	for text, want := range map[string]bool{
		`{"data": "d"}`:                                      false,
		`{"data": "d", "sign_in": {}}`:                       false,
		`{"data": "d", "sign_in": {"require_device": true}}`: true,
	} {
		c, err := parseConfig([]byte(text), t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := c.signIn(vault.Config{}).RequireDevice; got != want {
			t.Errorf("%s: approved devices asked for %v, want %v", text, got, want)
		}
	}
}
