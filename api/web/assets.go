package web

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed templates static packed
var tree embed.FS

// assets serves the static tree below /static/{hash}/. It is read-only after
// newAssets and may be used by any number of goroutines.
type assets struct {
	files  fs.FS // as written; read gives what is sent
	hash   string
	packed map[string][]byte                 // brotli, by name
	zipped map[string]func() ([]byte, error) // gzip, by name; made once, when it is first asked for
}

// mediaTypes is the whole list of what is served: a file with another ending
// is not found. The machine's own mime tables are not asked.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".png":  "image/png",
	".svg":  "image/svg+xml",
	".wasm": "application/wasm",
}

// newAssets hashes names and bytes of the whole tree; 80 bits of it go into
// every address. What is in packed was compressed ahead.
func newAssets(files, packed fs.FS) (*assets, error) {
	sum := sha256.New()
	a := &assets{files: files, zipped: map[string]func() ([]byte, error){}}
	digests := map[string]string{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := a.read(name)
		if err != nil {
			return err
		}
		digests[name] = digestOf(body)
		a.zipped[name] = sync.OnceValues(func() ([]byte, error) { return a.zip(name) })
		fmt.Fprintf(sum, "%d %s %s\n", len(name), name, digests[name])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hashing assets: %w", err)
	}
	a.hash = hex.EncodeToString(sum.Sum(nil)[:10])
	a.packed, err = readPacked(packed, digests)
	return a, err
}

// read gives an asset as it is sent.
func (a *assets) read(name string) ([]byte, error) {
	body, err := fs.ReadFile(a.files, name)
	return squeezed(name, body), err
}

func (a *assets) zip(name string) ([]byte, error) {
	body, err := a.read(name)
	if err != nil {
		return nil, err
	}
	level := gzip.BestCompression
	if path.Ext(name) == ".wasm" {
		level = gzip.DefaultCompression // large, and only where nothing was compressed ahead
	}
	return zip(body, level)
}

// encoded gives an asset as the client takes it best, and the name of that coding; "" is as it is.
func (a *assets) encoded(name string, r *http.Request) (body []byte, coding string, err error) {
	if body := a.packed[name]; body != nil && takes(r, "br") {
		return body, "br", nil
	}
	if squeezes(name) && takes(r, "gzip") {
		body, err := a.zipped[name]()
		return body, "gzip", err
	}
	body, err = a.read(name)
	return body, "", err
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
	body, coding, err := a.encoded(name, r)
	if err != nil {
		http.Error(rw, "asset cannot be read", http.StatusInternalServerError)
		return
	}
	head.Set("Content-Type", media)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	head.Add("Vary", "Accept-Encoding")
	if coding != "" {
		head.Set("Content-Encoding", coding)
	}
	send(rw, r, body)
}
