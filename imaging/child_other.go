//go:build !linux && !js

package imaging

import (
	"errors"
	"os"
	"os/exec"
)

// Elsewhere there are no limits to set, so no child reads anything.
const childrenSupported = false

func limitSelf(uint64, uint64) error { return errors.New("imaging: no process limits on this system") }

func confine(*exec.Cmd, bool) {}

func killed(*os.ProcessState) bool { return false }

func refusesNamespaces(error) bool { return false }
