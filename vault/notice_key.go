package vault

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// keyPush signs the tokens by which push services know this vault (VAPID, RFC 8292): ECDSA on P-256. It is made when the
// first browser asks for it. When it is replaced, browsers must be switched on again, since each is tied to the key that
// it was given.
const keyPush = "push"

const pushTokenFor = 12 * time.Hour // RFC 8292 section 2 allows 24

// PushKey is what a browser needs to be told on: the public half, an uncompressed point of 65 bytes (RFC 8292 section 3.2).
type PushKey struct {
	Epoch uint32 `json:"epoch"`
	Key   []byte `json:"key"`
}

// PushKey gives the vault's push key to a signed-in person's browser, and makes it the first time. Errors: ErrInvalid where
// this vault sends no push messages.
func (v *Vault) PushKey(ctx context.Context, a Actor) (PushKey, error) {
	var out PushKey
	read := func(t *tx) error {
		if len(v.cfg.Notices.PushHosts) == 0 {
			return say(ErrInvalid, "Clinivault sends no push messages here.")
		}
		key, epoch, err := v.pushKey(ctx, t)
		if err != nil {
			return err
		}
		out.Epoch = epoch
		out.Key, err = key.PublicKey.Bytes()
		return err
	}
	err := v.quietly(ctx, a, actPushKey, object{Kind: "key", ID: keyPush}, func(t *tx) error {
		if err := read(t); !errors.Is(err, ErrNotFound) {
			return err
		}
		out.Epoch = 0
		return nil
	})
	if err != nil || out.Epoch != 0 {
		return out, err
	}
	fresh, err := v.makePushKey(ctx, 1)
	if err != nil {
		return PushKey{}, err
	}
	defer clear(fresh.private)
	err = v.do(ctx, a, actPushKey, object{Kind: "key", ID: fresh.id.String()}, func(t *tx) error {
		if _, err := t.insertEpoch(ctx, fresh); err != nil { // another node may be faster: then that one's is read
			return err
		}
		return read(t)
	})
	if err != nil {
		return PushKey{}, err
	}
	return out, nil
}

// pushKey opens the newest push key; ErrNotFound when none was made yet.
func (v *Vault) pushKey(ctx context.Context, q querier) (*ecdsa.PrivateKey, uint32, error) {
	epoch, err := newestEpoch(ctx, q, keyPush)
	if err != nil {
		return nil, 0, err
	}
	private, destroyed, err := v.readEpochKey(ctx, q, epochID{keyPush, epoch})
	if err != nil {
		return nil, 0, err
	}
	defer clear(private)
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	key, is := parsed.(*ecdsa.PrivateKey)
	if err != nil || destroyed || !is || key.Curve != elliptic.P256() {
		return nil, 0, fmt.Errorf("push key: %w", ErrIntegrity)
	}
	return key, epoch, nil
}

func (v *Vault) makePushKey(ctx context.Context, epoch uint32) (freshEpoch, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return freshEpoch{}, fmt.Errorf("making push key: %w", err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return freshEpoch{}, fmt.Errorf("making push key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return freshEpoch{}, fmt.Errorf("making push key: %w", err)
	}
	sealed, err := v.sealEpoch(ctx, epochID{keyPush, epoch}, private, false)
	if err != nil {
		clear(private)
		return freshEpoch{}, err
	}
	return freshEpoch{sealed, public, private}, nil
}

// rotatePush puts a new push key in the place of the old. Every browser must be switched on again after it.
func (v *Vault) rotatePush(ctx context.Context, a Actor) (RotationProgress, error) {
	var public []byte
	var now uint32
	err := v.quietly(ctx, a, actRotateKey, object{Kind: "key", ID: keyPush}, func(t *tx) error {
		key, epoch, err := v.pushKey(ctx, t)
		if errors.Is(err, ErrNotFound) {
			return say(ErrNotFound, "There is no push key yet: it is made when the first browser asks for it.")
		}
		if err != nil {
			return err
		}
		now = epoch
		public, err = key.PublicKey.Bytes()
		return err
	})
	if err != nil {
		return RotationProgress{}, err
	}
	old, err := v.sealEpoch(ctx, epochID{keyPush, now}, public, true)
	if err != nil {
		return RotationProgress{}, err
	}
	fresh, err := v.makePushKey(ctx, now+1)
	if err != nil {
		return RotationProgress{}, err
	}
	defer clear(fresh.private)
	err = v.do(ctx, a, actRotateKey, object{Kind: "key", ID: fresh.id.String()}, func(t *tx) error {
		return v.succeed(ctx, t, old, fresh)
	})
	if err != nil {
		return RotationProgress{}, err
	}
	return RotationProgress{Kind: keyPush, Done: 1, Total: 1}, nil
}

// vapid is what tells a push service who sends (RFC 8292 sections 2 and 3): a token for that service alone, signed by the
// push key, and the key itself.
func (v *Vault) vapid(key *ecdsa.PrivateKey, endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("push service: %w", ErrInvalid)
	}
	claims := jwt.MapClaims{"aud": u.Scheme + "://" + u.Host, "exp": v.cfg.Now().Add(pushTokenFor).Unix()}
	if v.cfg.Notices.Contact != "" {
		claims["sub"] = v.cfg.Notices.Contact
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("signing for the push service: %w", err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return "", fmt.Errorf("signing for the push service: %w", err)
	}
	return "vapid t=" + token + ", k=" + base64.RawURLEncoding.EncodeToString(public), nil
}
