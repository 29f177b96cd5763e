package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoCommands: what the demo prints as its configuration is one that the other commands take, with the same data,
// wherever they are started.
func TestDemoCommands(t *testing.T) {
	c := &Config{Listen: "127.0.0.1:18999", Data: t.TempDir()}
	file, err := demoCommands(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := loadConfig(file)
	if err != nil {
		t.Fatalf("loadConfig of the demo's configuration: %v", err)
	}
	if filepath.Clean(got.Data) != c.Data || got.Listen != c.Listen {
		t.Errorf("it names %s on %s, want %s on %s", got.Data, got.Listen, c.Data, c.Listen)
	}
	if _, err := demoCommands(c); err != nil {
		t.Errorf("a second start: %v", err)
	}
	var out bytes.Buffer
	if err := welcome(&out, "http://127.0.0.1:18999", welcomeFiles{"accounts", "bands", file}, nil, true, false); err != nil || !strings.Contains(out.String(), "--config "+file) {
		t.Errorf("welcome: %v, printed %q without the configuration", err, out.String())
	}
}
