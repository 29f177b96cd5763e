package vaulttest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// transitEngine is the part of the Transit engine that the vault uses, as its
// documentation describes it: encrypt and decrypt with associated data, reading
// and rotating a key, min_decryption_version, renew-self, seal-status. What it
// answers when something is wrong is worded as OpenBao 2 words it. State is kept
// in a file, so that a restart loses nothing; a restarted server is sealed.
type transitEngine struct {
	path string

	mu     sync.Mutex // guards what follows
	sealed bool
	calls  int
	fail   int // calls to fail, with
	status int
	wait   time.Duration
	state  engineState
}

type engineState struct {
	Keys   [][]byte              `json:"keys"` // version 1 first
	Least  int                   `json:"least"`
	Tokens map[string]*tokenLife `json:"tokens"`
}

type tokenLife struct {
	Life  time.Duration `json:"life"` // 0: for ever
	Until time.Time     `json:"until"`
}

func loadEngine(path string) (*transitEngine, error) {
	e := &transitEngine{path: path, sealed: true, state: engineState{Least: 1, Tokens: map[string]*tokenLife{}}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		e.sealed = false
		e.state.Keys = [][]byte{seal.NewKey().Bytes()}
		return e, e.save()
	}
	if err != nil {
		return nil, err
	}
	return e, json.Unmarshal(text, &e.state)
}

func (e *transitEngine) save() error {
	text, err := json.Marshal(e.state)
	if err != nil {
		return err
	}
	return os.WriteFile(e.path, text, 0o600)
}

func (e *transitEngine) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /operate/{act}", e.operate)
	mux.HandleFunc("GET /v1/sys/seal-status", e.sealStatus)
	mux.HandleFunc("POST /v1/auth/token/renew-self", e.guarded(e.renew))
	mux.HandleFunc("GET /v1/transit/keys/clinivault", e.guarded(e.readKey))
	mux.HandleFunc("POST /v1/transit/keys/clinivault/rotate", e.guarded(e.rotate))
	mux.HandleFunc("POST /v1/transit/keys/clinivault/config", e.guarded(e.configure))
	mux.HandleFunc("POST /v1/transit/encrypt/clinivault", e.guarded(e.encrypt))
	mux.HandleFunc("POST /v1/transit/decrypt/clinivault", e.guarded(e.decrypt))
	mux.HandleFunc("/", e.guarded(func(request) (any, error) { return nil, refuse(404, "no handler for route") }))
	return mux
}

// request is a call that came past the token check; the engine is locked.
type request struct {
	token string
	body  map[string]any
}

func (r request) text(name string) string { s, _ := r.body[name].(string); return s }

func (r request) bytes(name string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(r.text(name))
	if err != nil {
		return nil, refuse(400, "failed to base64-decode "+name)
	}
	return b, nil
}

type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

func refuse(status int, text string) error { return refusal{status, text} }

// guarded is the door: faults, seal, token, body; then the call, alone. Faults and the count are of the calls for keys: the
// token is renewed beside them, whenever its time has come.
func (e *transitEngine) guarded(call func(request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		forKeys := strings.HasPrefix(r.URL.Path, "/v1/transit/")
		e.mu.Lock()
		wait := e.wait
		if forKeys {
			e.calls++
		}
		e.mu.Unlock()
		time.Sleep(wait)
		e.mu.Lock()
		defer e.mu.Unlock()
		if forKeys && e.fail > 0 {
			e.fail--
			if e.status == 0 {
				panic(http.ErrAbortHandler)
			}
			reply(w, nil, refuse(e.status, "made to fail"))
			return
		}
		if e.sealed {
			reply(w, nil, refuse(503, "Vault is sealed"))
			return
		}
		req := request{token: r.Header.Get("X-Vault-Token")}
		life, known := e.state.Tokens[req.token]
		if !known || life.Life > 0 && time.Now().After(life.Until) {
			reply(w, nil, refuse(403, "permission denied"))
			return
		}
		text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || len(text) > 0 && json.Unmarshal(text, &req.body) != nil {
			reply(w, nil, refuse(400, "error parsing JSON"))
			return
		}
		out, err := call(req)
		reply(w, out, err)
	}
}

func reply(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	var r refusal
	switch {
	case errors.As(err, &r):
		status, out = r.status, map[string]any{"errors": []string{r.text}}
	case err != nil:
		status, out = 500, map[string]any{"errors": []string{"internal error"}}
	case out == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

func (e *transitEngine) sealStatus(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	reply(w, map[string]any{"initialized": true, "sealed": e.sealed, "type": "shamir"}, nil)
}

func (e *transitEngine) renew(r request) (any, error) {
	life := e.state.Tokens[r.token]
	life.Until = time.Now().Add(life.Life)
	return map[string]any{"auth": map[string]any{"lease_duration": int64(life.Life / time.Second), "renewable": life.Life > 0}}, e.save()
}

func (e *transitEngine) readKey(request) (any, error) {
	return map[string]any{"data": map[string]any{"type": "aes256-gcm96", "derived": false, "latest_version": len(e.state.Keys),
		"min_decryption_version": e.state.Least, "min_available_version": 0}}, nil
}

func (e *transitEngine) rotate(request) (any, error) {
	e.state.Keys = append(e.state.Keys, seal.NewKey().Bytes())
	return nil, e.save()
}

func (e *transitEngine) configure(r request) (any, error) {
	least, ok := r.body["min_decryption_version"].(float64)
	if !ok || int(least) > len(e.state.Keys) || least < 1 {
		return nil, refuse(400, "cannot set min decryption version")
	}
	e.state.Least = int(least)
	return nil, e.save()
}

func (e *transitEngine) encrypt(r request) (any, error) {
	plain, err := r.bytes("plaintext")
	if err != nil {
		return nil, err
	}
	aad, err := r.bytes("associated_data")
	if err != nil {
		return nil, err
	}
	version := len(e.state.Keys)
	key, err := seal.KeyFromBytes(e.state.Keys[version-1])
	if err != nil {
		return nil, err
	}
	sealed := base64.StdEncoding.EncodeToString(seal.SealSmall(key, plain, aad))
	return map[string]any{"data": map[string]any{"ciphertext": fmt.Sprintf("vault:v%d:%s", version, sealed), "key_version": version}}, nil
}

func (e *transitEngine) decrypt(r request) (any, error) {
	aad, err := r.bytes("associated_data")
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(r.text("ciphertext"), ":", 3)
	if len(parts) != 3 || parts[0] != "vault" || !strings.HasPrefix(parts[1], "v") {
		return nil, refuse(400, "invalid ciphertext: no prefix")
	}
	version, err := strconv.Atoi(parts[1][1:])
	sealed, err64 := base64.StdEncoding.DecodeString(parts[2])
	switch {
	case err != nil || err64 != nil || version < 1 || version > len(e.state.Keys):
		return nil, refuse(400, "invalid ciphertext: could not decode base64")
	case version < e.state.Least:
		return nil, refuse(400, "ciphertext or signature version is disallowed by policy (too old)")
	}
	key, err := seal.KeyFromBytes(e.state.Keys[version-1])
	if err != nil {
		return nil, err
	}
	plain, err := seal.OpenSmall(key, sealed, aad)
	if err != nil {
		return nil, refuse(400, "invalid ciphertext: unable to decrypt")
	}
	return map[string]any{"data": map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}}, nil
}

// operate is what the people who run the server do.
func (e *transitEngine) operate(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var in struct {
		Life   int64 `json:"life_ms"`
		Wait   int64 `json:"wait_ms"`
		Count  int   `json:"count"`
		Status int   `json:"status"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	out := ""
	switch r.PathValue("act") {
	case "seal":
		e.sealed = true
	case "unseal":
		e.sealed = false
	case "token":
		out = "s." + rand.Text()
		life := time.Duration(in.Life) * time.Millisecond
		e.state.Tokens[out] = &tokenLife{Life: life, Until: time.Now().Add(life)}
		if err := e.save(); err != nil {
			http.Error(w, "saving", http.StatusInternalServerError)
			return
		}
	case "revoke":
		clear(e.state.Tokens)
	case "fail":
		e.fail, e.status = in.Count, in.Status
	case "slow":
		e.wait = time.Duration(in.Wait) * time.Millisecond
	case "calls":
		out = strconv.Itoa(e.calls)
	default:
		http.NotFound(w, r)
		return
	}
	fmt.Fprintln(w, out)
}
