package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/vault"
)

const maxKeysFile = 1 << 20

// trustOf reads what a certificate is checked with: one key of certificates and
// one of the log, or a file with all that a vault publishes, which also leads
// from keys of today to those of earlier epochs.
func trustOf(key, logKey, file string) (vault.Trust, error) {
	if file != "" {
		if key != "" || logKey != "" {
			return vault.Trust{}, fmt.Errorf("give --keys, or --key and --log-key; %w", errUsage)
		}
		text, err := readBounded(file, maxKeysFile)
		if err != nil {
			return vault.Trust{}, fmt.Errorf("reading --keys: %w", err)
		}
		var published vault.PublicKeys
		if json.Unmarshal(text, &published) != nil || published.LogVerifier == "" || len(published.Certificates) == 0 {
			return vault.Trust{}, errors.New("--keys: this is not what a service gives at /api/v1/keys")
		}
		return vault.Trusting(published), nil
	}
	trust := vault.Trust{LogVerifier: logKey}
	if key != "" {
		own, err := publicKey(key)
		if err != nil {
			return vault.Trust{}, fmt.Errorf("--key: %w", err)
		}
		trust.Key = own
	}
	return trust, nil
}
