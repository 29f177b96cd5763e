//go:build !unix && !js

package imaging

import "time"

var started = time.Now()

// processorTime is the time since the start: this system does not say how much of it was ours.
func processorTime() time.Duration { return time.Since(started) }
