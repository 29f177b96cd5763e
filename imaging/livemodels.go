package imaging

import (
	_ "embed"
	"sync"
)

var (
	//go:embed cascade/live-facefinder
	liveFaceFile []byte
	//go:embed cascade/live-eye
	liveEyeFile []byte
	//go:embed cascade/live-tattoo
	liveTattooFile []byte
)

// The forests of the live checks: facefinder, eye and tattoo of the cascades, packed (cascade/README.md).
var (
	liveFace   = liveModel("live/facefinder", liveFaceFile)
	liveEye    = liveModel("live/eye", liveEyeFile)
	liveTattoo = liveModel("live/tattoo", liveTattooFile)
)

func liveModel(name string, data []byte) *model {
	return &model{name: name, unpack: sync.OnceValues(func() (cascade, error) { return readForest(data) })}
}
