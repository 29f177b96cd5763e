package vault_test

import (
	"os"
	"testing"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestMain(m *testing.M) { os.Exit(vaulttest.Main(m)) }
