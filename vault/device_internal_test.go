package vault

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
)

// SignByAuthority has the authority for devices sign any certificate: tests need some that it never signs.
func SignByAuthority(ctx context.Context, v *Vault, template *x509.Certificate, key *ecdsa.PublicKey) ([]byte, error) {
	ca, err := v.signingDeviceCA(ctx, v.db)
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificate(rand.Reader, template, ca.cert, key, ca.key)
}
