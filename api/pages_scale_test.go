package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestScaleSheetPage wants the sheet for everybody who is signed in, and the sheet itself to be served.
func TestScaleSheetPage(t *testing.T) {
	b := newBench(t)
	for _, role := range []vault.Role{vault.RoleClinician, vault.RoleAdmin} {
		b.says(t, b.as(t, role), "/scale-sheet", []string{"Scale cards", "must be 50 mm", "scale-sheet.svg", "css/scale.css"}, nil)
	}
	text := b.page(t, b.as(t, vault.RoleClinician), "/scale-sheet").sound(t, http.StatusOK)
	_, rest, _ := strings.Cut(text, `<img class="scale-sheet" src="`)
	address, _, _ := strings.Cut(rest, `"`)
	if got := b.get(t, "", address); got.StatusCode != http.StatusOK || !strings.Contains(string(got.body), `width="190mm"`) {
		t.Errorf("%q: got %d, want the sheet", address, got.StatusCode)
	}
	if got := b.page(t, "", "/scale-sheet"); got.StatusCode != http.StatusSeeOther && got.StatusCode != http.StatusFound {
		t.Errorf("a stranger: got %d, want the way to sign in", got.StatusCode)
	}
}
