package vault

import (
	"context"
	"fmt"
	"regexp"
)

// mailShape is a plain address (RFC 5321 section 4.1.2, no quoted local part, no address literal): nothing in it can end a
// line or begin another field.
var mailShape = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// setMail keeps where mail to a person goes; empty: nowhere. Errors: ErrInvalid for what is no plain address.
func (t *tx) setMail(ctx context.Context, person PersonID, address string) error {
	if address != "" && (len(address) > 254 || !mailShape.MatchString(address)) {
		return say(ErrInvalid, "This is not a plain mail address.")
	}
	return exactlyOne(ctx, t, "keeping mail address", `UPDATE people SET mail = $1 WHERE id = $2`, address, person)
}

// SetMail says where mail to the person with a login goes; empty: nowhere. It is an admin's to say, since whoever chooses
// the address chooses who learns when something waits. Errors: ErrInvalid, ErrNotFound, ErrDenied.
func (v *Vault) SetMail(ctx context.Context, a Actor, login, address string) error {
	err := v.onLogin(ctx, a, actSetMail, login, func(t *tx, id PersonID) error { return t.setMail(ctx, id, address) })
	if err != nil {
		return fmt.Errorf("mail address: %w", err)
	}
	return nil
}
