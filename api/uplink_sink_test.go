package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/api/uplink"
	"github.com/clinivault/clinivault/vault"
)

// sentinelCodes is what each sentinel of the vault is told as over the uplink.
var sentinelCodes = map[string]struct {
	err  error
	code uplink.Code
}{
	"ErrNotFound":        {vault.ErrNotFound, uplink.CodeDenied},
	"ErrDenied":          {vault.ErrDenied, uplink.CodeDenied},
	"ErrConflict":        {vault.ErrConflict, uplink.CodeConflict},
	"ErrInvalid":         {vault.ErrInvalid, uplink.CodeInvalid},
	"ErrDigest":          {vault.ErrDigest, uplink.CodeDigest},
	"ErrTooLarge":        {vault.ErrTooLarge, uplink.CodeTooLarge},
	"ErrUnauthenticated": {vault.ErrUnauthenticated, uplink.CodeUnauthenticated},
	"ErrLocked":          {vault.ErrLocked, uplink.CodeBusy},
	"ErrStepUp":          {vault.ErrStepUp, uplink.CodeUnauthenticated},
	"ErrSecondFactor":    {vault.ErrSecondFactor, uplink.CodeUnauthenticated},
	"ErrWrongFactor":     {vault.ErrWrongFactor, uplink.CodeUnauthenticated},
	"ErrSessionLocked":   {vault.ErrSessionLocked, uplink.CodeUnauthenticated},
	"ErrDeviceProof":     {vault.ErrDeviceProof, uplink.CodeUnauthenticated},
	"ErrUnavailable":     {vault.ErrUnavailable, uplink.CodeInternal},
	"ErrIntegrity":       {vault.ErrIntegrity, uplink.CodeInternal},
	"ErrAbsent":          {vault.ErrAbsent, uplink.CodeInternal},
	"ErrKept":            {vault.ErrKept, uplink.CodeInternal},
	"ErrExists":          {vault.ErrExists, uplink.CodeInternal},
}

// TestUplinkCodes: every sentinel that the vault has is told with a code and a sentence, and none tells more than that.
func TestUplinkCodes(t *testing.T) {
	for name, want := range sentinelCodes {
		t.Run(name, func(t *testing.T) {
			got := uplinkError(fmt.Errorf("reading row of Sample Alder: %w", want.err))
			if got.Code != want.code {
				t.Errorf("code: got %v, want %v", got.Code, want.code)
			}
			if strings.Contains(got.Sentence, "Alder") || len(got.Sentence) > 256 {
				t.Errorf("sentence: got %q", got.Sentence)
			}
			if retry := want.code == uplink.CodeInternal || want.code == uplink.CodeBusy && name != "ErrLocked"; retry && got.RetryAfter == 0 {
				t.Errorf("retry after: got none")
			}
		})
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "vault", "errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].IsExported() {
			if _, known := sentinelCodes[spec.Names[0].Name]; !known {
				t.Errorf("%s of the vault has no code in this table", spec.Names[0].Name)
			}
		}
		return true
	})
	if got := uplinkError(errors.New("disk on fire")); got.Code != uplink.CodeInternal || got.Sentence != "" {
		t.Errorf("an error of no kind: got %+v", got)
	}
	said := uplinkError(fmt.Errorf("accepting: %w", say(vault.ErrInvalid, "Set the clock right.")))
	if said.Sentence != "Set the clock right." {
		t.Errorf("a sentence of the vault's: got %q", said.Sentence)
	}
}

// TestUplinkSinkRefusesStrangers: without a certificate of the vault's nothing begins, and what began ends with the right.
func TestUplinkSinkRefusesStrangers(t *testing.T) {
	b := newBench(t)
	sink := b.s.UplinkSink()
	_, err := sink.Begin(t.Context(), uplink.Peer{Addr: netip.MustParseAddrPort("127.0.0.1:1")}, uplink.Offer{Size: 1, Token: "none"})
	var told *uplink.Error
	if !errors.As(err, &told) || told.Code != uplink.CodeUnauthenticated {
		t.Errorf("beginning: got %v, want %v", err, uplink.CodeUnauthenticated)
	}
	u := &uplinkUpload{s: b.s, peer: uplink.Peer{Addr: netip.MustParseAddrPort("127.0.0.1:1")}, offer: uplink.Offer{Size: 1}, id: "x"}
	for name, do := range map[string]func() error{
		"keeping":   func() error { return u.Keep(t.Context(), 0, []byte("x")) },
		"reading":   func() error { _, err := u.Block(t.Context(), 0); return err },
		"finishing": func() error { _, err := u.Finish(t.Context(), strings.NewReader("x")); return err },
	} {
		if err := do(); !errors.As(err, &told) || told.Code != uplink.CodeUnauthenticated {
			t.Errorf("%s: got %v, want %v", name, err, uplink.CodeUnauthenticated)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := u.refused(ctx.Err()); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that has gone: got %v", err)
	}
}

// TestUplinkHeld: what is held is told in whole blocks.
func TestUplinkHeld(t *testing.T) {
	const block, unit = uplink.BlockSize, vault.PartUnit
	tests := []struct {
		name string
		size int64
		held []vault.CapturePart
		want string
	}{
		{"nothing", 3 * block, nil, "[]"},
		{"one block", 3 * block, []vault.CapturePart{{Offset: 0, Size: block}}, "[0]"},
		{"nearly one block", 3 * block, []vault.CapturePart{{Offset: 0, Size: block - unit}}, "[]"},
		{"not from its beginning", 3 * block, []vault.CapturePart{{Offset: unit, Size: block}}, "[]"},
		{"the one in the middle", 3 * block, []vault.CapturePart{{Offset: unit, Size: 2 * block}}, "[1]"},
		{"two runs", 4 * block, []vault.CapturePart{{Offset: 0, Size: block}, {Offset: 2 * block, Size: 2 * block}}, "[0 2 3]"},
		{"a short last one", 2*block + 5, []vault.CapturePart{{Offset: 2 * block, Size: 5}}, "[2]"},
		{"all", block + 5, []vault.CapturePart{{Offset: 0, Size: block + 5}}, "[0 1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := &uplinkUpload{offer: uplink.Offer{Size: tt.size}, held: vault.CaptureUpload{Held: tt.held}}
			if _, got := u.Held(); fmt.Sprint(got) != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

// TestUplinkRoute: a client learns the port, and a server without an uplink says so.
func TestUplinkRoute(t *testing.T) {
	b := newBench(t)
	b.send(t, request{method: "GET", path: "/api/v1/uplink", token: b.as(t, vault.RoleClinician)}).refused(t, http.StatusNotFound, "not-found")
	b.s.uplink = &Uplink{Port: 8441, State: func() string { return "UDP port 8441" }}
	got := b.send(t, request{method: "GET", path: "/api/v1/uplink", token: b.as(t, vault.RoleClinician)})
	if got.StatusCode != http.StatusOK || !strings.Contains(string(got.body), `"port":8441`) {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	b.s.certificate = func() vault.Part {
		return vault.Part{Name: "certificate", OK: true, Warn: true, Detail: "3 days left"}
	}
	got = b.send(t, request{method: "GET", path: "/api/v1/health", token: b.as(t, vault.RoleAdmin)})
	if !strings.Contains(string(got.body), `"name":"certificate","ok":true,"warn":true,"detail":"3 days left"`) {
		t.Errorf("health: got %s", got.body)
	}
	if !strings.Contains(string(got.body), `"name":"uplink","ok":true,"warn":false,"detail":"UDP port 8441"`) {
		t.Errorf("health: got %s", got.body)
	}
}
