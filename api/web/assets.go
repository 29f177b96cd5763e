package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed templates static
var tree embed.FS

// assets serves the static tree below /static/{hash}/. It is read-only after
// newAssets and may be used by any number of goroutines.
type assets struct {
	files fs.FS
	hash  string
}

// mediaTypes is the whole list of what is served: a file with another ending
// is not found. The machine's own mime tables are not asked.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".wasm": "application/wasm",
}

// newAssets hashes names and bytes of the whole tree; 80 bits of it go into
// every address.
func newAssets(files fs.FS) (*assets, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%d %s %d\n", len(name), name, len(body))
		_, err = sum.Write(body)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("hashing assets: %w", err)
	}
	return &assets{files: files, hash: hex.EncodeToString(sum.Sum(nil)[:10])}, nil
}

// has reports whether an asset is part of this build.
func (a *assets) has(name string) bool {
	info, err := fs.Stat(a.files, name)
	return err == nil && !info.IsDir()
}

func (a *assets) address(name string) string {
	return "/static/" + a.hash + "/" + name
}

// ServeHTTP answers GET and HEAD below /static/{hash}/. Any other hash is not
// found: the page that carried it belongs to another build and must be loaded
// again.
func (a *assets) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	head := rw.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(rw, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/static/"+a.hash+"/")
	media := mediaTypes[path.Ext(name)]
	if !ok || media == "" || !fs.ValidPath(name) || !a.has(name) {
		head.Set("Cache-Control", "no-store")
		http.Error(rw, "no such asset in this build", http.StatusNotFound)
		return
	}
	body, err := fs.ReadFile(a.files, name)
	if err != nil {
		http.Error(rw, "asset cannot be read", http.StatusInternalServerError)
		return
	}
	head.Set("Content-Type", media)
	head.Set("Content-Length", fmt.Sprint(len(body)))
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method == http.MethodHead {
		return
	}
	// The client may have gone away; there is nobody left to tell.
	_, _ = io.Copy(rw, strings.NewReader(string(body)))
}
