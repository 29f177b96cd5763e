package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// packedIndex lists the files that were compressed ahead: name of an asset to SHA-256 of its bytes, in hex. The
// compressed file is called by the digest. It is made by scripts/pack.mjs; without it assets are compressed at their
// first request, by gzip alone.
const packedIndex = "index.json"

// readPacked gives the brotli file of each asset that was compressed from exactly the bytes of this build.
func readPacked(packed fs.FS, digests map[string]string) (map[string][]byte, error) {
	text, err := fs.ReadFile(packed, packedIndex)
	if err != nil {
		return nil, nil // not made: nothing is compressed ahead
	}
	var index map[string]string
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("reading what was compressed: %w", err)
	}
	out := map[string][]byte{}
	for name, digest := range index {
		if digests[name] != digest {
			continue // the asset has changed since
		}
		if body, err := fs.ReadFile(packed, digest+".br"); err == nil {
			out[name] = body
		}
	}
	return out, nil
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func zip(body []byte, level int) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	if _, err := z.Write(body); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return out.Bytes(), nil
}

// takes reports whether a client takes an encoding (RFC 9110 section 12.5.3): it names it, or everything, without
// giving it the weight 0.
func takes(r *http.Request, coding string) bool {
	found := false
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, weighted := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != coding && name != "*" {
			continue
		}
		yes := true
		if weighted {
			_, value, _ := strings.Cut(strings.ReplaceAll(weight, " ", ""), "=")
			q, err := strconv.ParseFloat(value, 64)
			yes = err == nil && q > 0
		}
		if name == coding {
			return yes
		}
		found = yes
	}
	return found
}

// squeezes says which assets are worth compressing; pictures are compressed already.
func squeezes(name string) bool { return path.Ext(name) != ".png" }
