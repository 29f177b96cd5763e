package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// resetUser takes a person's password and factors away, ends their sessions, and prints the code with which the person,
// and nobody else, sets new ones. It is for the first sign-in of new people, for whoever lost everything, and for
// administrators who cannot ask another one.
func resetUser(ctx context.Context, config, login string, out io.Writer) error {
	return operate(ctx, config, out, func(v *vault.Vault) error {
		code, err := v.ResetFactors(ctx, vault.Operator(), login)
		if err == nil {
			fmt.Fprintf(out, "%s is signed out everywhere; password, passkeys and codes are gone\n", login)
			printCode(out, code)
		}
		return err
	})
}

func printCode(out io.Writer, code vault.EnrolmentCode) {
	fmt.Fprintf(out, "enrolment code: %s\ngood once, until %s: hand it to nobody else, to be given on the page /sign-in/enrol\n",
		code.Code, code.ExpiresAt.Std().Format(time.RFC3339))
}
