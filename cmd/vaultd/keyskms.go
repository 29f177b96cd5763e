package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// KMSConfig says where the root key is when it is not in a file.
type KMSConfig struct {
	Transit *TransitConfig `json:"transit"`
}

// TransitConfig is a key of the Transit engine of OpenBao or Vault, of type
// aes256-gcm96 and not derived. The token needs update on encrypt/KEY,
// decrypt/KEY and auth/token/renew-self, and read on keys/KEY; for `vaultd keys
// rotate root` also update on keys/KEY/rotate and keys/KEY/config.
type TransitConfig struct {
	Address   string `json:"address"`    // https://host:port; http for loopback only
	Mount     string `json:"mount"`      // of the engine; default "transit"
	Key       string `json:"key"`        // its name
	TokenFile string `json:"token_file"` // read again when it changes; mode 0600
	CAFile    string `json:"ca_file"`    // PEM; default the system's
	Namespace string `json:"namespace"`  // where the server has them
}

func (k *KMSConfig) paths() []*string {
	if k == nil || k.Transit == nil {
		return nil
	}
	return []*string{&k.Transit.TokenFile, &k.Transit.CAFile}
}

func (k *KMSConfig) check() error {
	if k == nil {
		return nil
	}
	if t := k.Transit; t == nil || t.Address == "" || t.Key == "" || t.TokenFile == "" {
		return errors.New(`"kms" needs "transit" with "address", "key" and "token_file"; leave "kms" out for a root key in a file`)
	}
	return nil
}

// openKMS opens what holds the root key. A root key file is made only for a
// vault that is new.
func (c *Config) openKMS(ctx context.Context, fresh bool) (vault.KMS, error) {
	if c.KMS == nil {
		return vault.OpenKeyFile(c.RootKeyFile, fresh)
	}
	t := c.KMS.Transit
	kms, err := vault.OpenTransit(ctx, vault.TransitConfig{Address: t.Address, Mount: t.Mount, Key: t.Key, TokenFile: t.TokenFile,
		CAFile: t.CAFile, Namespace: t.Namespace})
	if err != nil {
		return nil, fmt.Errorf("opening the key service: %w", err)
	}
	return kms, nil
}

// closeKMS ends what a KMS does in the background.
func closeKMS(kms vault.KMS) error {
	if c, ok := kms.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (c *Config) intakeGrace() time.Duration {
	return time.Duration(c.IntakeGraceDays) * 24 * time.Hour
}

// checkKMS is the doctor's question for the root key.
func (c *Config) checkKMS(ctx context.Context) (string, error) {
	kms, err := c.openKMS(ctx, false)
	if err != nil {
		return "", err
	}
	answer := "present, mode 0600"
	if c.KMS != nil {
		answer = "the key service answers, has the key and takes the token"
	}
	return answer, errors.Join(kms.Ping(ctx), closeKMS(kms))
}
