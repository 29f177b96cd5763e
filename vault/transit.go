package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// Defaults of TransitConfig.
const (
	DefaultTransitMount   = "transit"
	DefaultTransitTimeout = 5 * time.Second
	DefaultTransitMemory  = 30 * time.Second
)

// maxWrappedText bounds what the service calls a ciphertext: of a 32-byte key it
// has about 90 bytes.
const maxWrappedText = 1 << 10

// TransitConfig says where an OpenBao or Vault server keeps the root key, in
// its Transit secrets engine. The key must be of type aes256-gcm96 or
// chacha20-poly1305 and not derived.
type TransitConfig struct {
	// Address is https://host:port; http is for loopback only. Required.
	Address string
	// Mount is the path of the engine; default "transit".
	Mount string
	// Key is the name of the root key. It must be there. Required.
	Key string
	// TokenFile holds the token and is read again when it changes or the token
	// is refused, so that another program may put a fresh one there. Required.
	TokenFile string
	// CAFile holds the PEM certificates to trust; default the system's.
	CAFile string
	// Namespace of the server, where it has them.
	Namespace string
	// Timeout bounds one try of one call; default 5 s.
	Timeout time.Duration
	// Memory is how long an unwrapped key of a patient is remembered, in this
	// process only; default 30 s, negative for not at all.
	Memory time.Duration
}

// Transit is KMS over the Transit engine of OpenBao or Vault: the root key never
// leaves that server. It uses encrypt, decrypt, the reading of the key,
// renew-self and the seal status; rotation and forgetting use rotate and config,
// and need a token that may.
//
// The engine's rewrap is not used: it drops the associated data in OpenBao 2.5,
// so a key is decrypted and encrypted anew.
//
// A patient's key that was unwrapped is remembered for a short while, under the
// hash of its wrapped form: who erases a patient destroys that form, and nothing
// can ask for the key any more. A server that is sealed is therefore felt by
// reads of the patients of the last half minute only when that is over.
//
// The token is renewed at half of its life by a goroutine that Close ends: a
// quiet night must not let it expire.
type Transit struct {
	cfg    TransitConfig
	client *http.Client
	memory keyMemory
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // guards what follows
	token token
}

// String keeps the token out of logs.
func (*Transit) String() string { return "[redacted]" }

// GoString keeps the token out of logs.
func (*Transit) GoString() string { return "[redacted]" }

// OpenTransit checks the configuration, and that the server has the key and
// lets the token use it. Errors: ErrUnavailable when the server does not answer
// or is sealed; anything else is the configuration's.
func OpenTransit(ctx context.Context, cfg TransitConfig) (*Transit, error) {
	if cfg.Mount == "" {
		cfg.Mount = DefaultTransitMount
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTransitTimeout
	}
	if cfg.Memory == 0 {
		cfg.Memory = DefaultTransitMemory
	}
	client, err := cfg.client()
	if err != nil {
		return nil, err
	}
	t := &Transit{cfg: cfg, client: client, done: make(chan struct{}), memory: keyMemory{life: cfg.Memory}}
	if t.token, err = readToken(cfg.TokenFile); err != nil {
		return nil, err
	}
	key, err := t.readKey(ctx)
	if err != nil {
		return nil, err
	}
	if key.Derived || (key.Type != "aes256-gcm96" && key.Type != "chacha20-poly1305") {
		return nil, errors.New("the key of the key service must be of type aes256-gcm96 and not derived")
	}
	var background context.Context
	background, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go t.keepToken(background)
	return t, nil
}

// Close stops the renewal of the token and forgets every key.
func (t *Transit) Close() error {
	t.cancel()
	<-t.done
	t.memory.clear()
	t.client.CloseIdleConnections()
	return nil
}

// transitKey is what the engine says of a key.
type transitKey struct {
	Type    string `json:"type"`
	Derived bool   `json:"derived"`
	Latest  uint32 `json:"latest_version"`
	Oldest  uint32 `json:"min_decryption_version"`
	Least   uint32 `json:"min_available_version"`
}

func (t *Transit) path(verb, rest string) string {
	return "/v1/" + t.cfg.Mount + "/" + verb + "/" + url.PathEscape(t.cfg.Key) + rest
}

func (t *Transit) readKey(ctx context.Context) (transitKey, error) {
	var out struct {
		Data transitKey `json:"data"`
	}
	err := t.call(ctx, http.MethodGet, t.path("keys", ""), nil, &out)
	if errors.Is(err, errNoPath) {
		return transitKey{}, fmt.Errorf("the key service has no key of that name at that mount: %w", ErrUnavailable)
	}
	if err == nil && out.Data.Latest == 0 {
		err = fmt.Errorf("the key service answers without a version: %w", ErrUnavailable)
	}
	return out.Data, err
}

// Wrap is KMS.Wrap.
func (t *Transit) Wrap(ctx context.Context, plain seal.Key, aad []byte) ([]byte, uint32, error) {
	raw := plain.Bytes()
	defer clear(raw)
	var out struct {
		Data struct {
			Ciphertext string `json:"ciphertext"`
		} `json:"data"`
	}
	err := t.call(ctx, http.MethodPost, t.path("encrypt", ""), map[string]string{
		"plaintext": base64.StdEncoding.EncodeToString(raw), "associated_data": base64.StdEncoding.EncodeToString(aad),
	}, &out)
	if err != nil {
		return nil, 0, unavailableUnlessKnown(err)
	}
	version, ok := transitVersion(out.Data.Ciphertext)
	if !ok {
		return nil, 0, fmt.Errorf("the key service answers what is no ciphertext: %w", ErrUnavailable)
	}
	return []byte(out.Data.Ciphertext), version, nil
}

// Unwrap is KMS.Unwrap.
func (t *Transit) Unwrap(ctx context.Context, wrapped []byte, version uint32, aad []byte) (seal.Key, error) {
	if key, ok := t.remembered(wrapped, version, aad); ok {
		return key, nil
	}
	if v, ok := transitVersion(string(wrapped)); !ok || v != version {
		return seal.Key{}, fmt.Errorf("wrapped key: %w", ErrIntegrity)
	}
	var out struct {
		Data struct {
			Plaintext string `json:"plaintext"`
		} `json:"data"`
	}
	err := t.call(ctx, http.MethodPost, t.path("decrypt", ""), map[string]string{
		"ciphertext": string(wrapped), "associated_data": base64.StdEncoding.EncodeToString(aad),
	}, &out)
	var refused *transitRefusal
	switch {
	case errors.As(err, &refused) && refused.tooOld():
		return seal.Key{}, fmt.Errorf("version %d of the key service's key is given up: %w", version, ErrNotFound)
	case errors.As(err, &refused):
		return seal.Key{}, fmt.Errorf("wrapped key: %w", ErrIntegrity)
	case err != nil:
		return seal.Key{}, unavailableUnlessKnown(err)
	}
	raw, err := base64.StdEncoding.DecodeString(out.Data.Plaintext)
	defer clear(raw)
	if err != nil {
		return seal.Key{}, fmt.Errorf("wrapped key: %w", ErrIntegrity)
	}
	key, err := seal.KeyFromBytes(raw)
	if err != nil {
		return seal.Key{}, fmt.Errorf("wrapped key: %w", ErrIntegrity)
	}
	t.memory.keep(wrapped, version, aad, key)
	return key, nil
}

// remembered is part of remembering.
func (t *Transit) remembered(wrapped []byte, version uint32, aad []byte) (seal.Key, bool) {
	return t.memory.find(wrapped, version, aad)
}

func (t *Transit) remembers() bool { return t.memory.life > 0 }

// Versions is KMS.Versions.
func (t *Transit) Versions(ctx context.Context) (oldest, newest uint32, err error) {
	key, err := t.readKey(ctx)
	return max(key.Oldest, key.Least, 1), key.Latest, err
}

// Rotate is KMS.Rotate. The token needs the right to update keys/…/rotate.
func (t *Transit) Rotate(ctx context.Context) (newest uint32, err error) {
	before, err := t.readKey(ctx)
	if err != nil {
		return 0, err
	}
	if err := t.once(ctx, http.MethodPost, t.path("keys", "/rotate"), nil, nil); err != nil { // a second one would make a second version
		if after, again := t.readKey(ctx); again == nil && after.Latest > before.Latest {
			return after.Latest, nil
		}
		return 0, unavailableUnlessKnown(err)
	}
	after, err := t.readKey(ctx)
	if err == nil && after.Latest <= before.Latest {
		err = fmt.Errorf("the key service has made no new version: %w", ErrUnavailable)
	}
	return after.Latest, err
}

// Forget is KMS.Forget: older versions no longer decrypt. The token needs the
// right to update keys/…/config; to trim the versions for good is the server's
// operator's.
func (t *Transit) Forget(ctx context.Context, oldest uint32) error {
	key, err := t.readKey(ctx)
	if err != nil {
		return err
	}
	err = t.call(ctx, http.MethodPost, t.path("keys", "/config"), map[string]any{"min_decryption_version": min(oldest, key.Latest)}, nil)
	if err == nil {
		t.memory.clear()
	}
	return unavailableUnlessKnown(err)
}

// Ping is KMS.Ping: whether the server is there and unsealed, and takes the token.
func (t *Transit) Ping(ctx context.Context) error {
	var status struct {
		Initialized bool `json:"initialized"`
		Sealed      bool `json:"sealed"`
	}
	if err := t.once(ctx, http.MethodGet, "/v1/sys/seal-status", nil, &status); err != nil {
		return err
	}
	switch {
	case !status.Initialized:
		return fmt.Errorf("the key service is not initialised: %w", ErrUnavailable)
	case status.Sealed:
		return errSealed
	}
	_, err := t.readKey(ctx)
	return err
}

// transitVersion reads the version out of "vault:v7:…".
func transitVersion(text string) (uint32, bool) {
	if len(text) > maxWrappedText {
		return 0, false
	}
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 || parts[0] != "vault" || !strings.HasPrefix(parts[1], "v") || parts[2] == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(parts[1][1:], 10, 32)
	return uint32(n), err == nil && n > 0
}
