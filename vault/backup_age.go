package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

const maxIdentities = 64 << 10 // bytes of an identity or recipients file

// parseRecipients reads age recipients; see BackupOptions.To.
func parseRecipients(to []string) ([]age.Recipient, error) {
	if len(to) == 0 {
		return nil, say(ErrInvalid, "Name whom the backup is for: an age recipient (age1…), as age-keygen makes it.")
	}
	out, err := age.ParseRecipients(strings.NewReader(strings.Join(to, "\n")))
	if err != nil {
		return nil, say(ErrInvalid, "That is no age recipient: it should look like age1… or age1pq1…, as age-keygen makes it.")
	}
	return out, nil
}

// encryptTo encrypts what is written to it, in chunks, for each of the recipients. Close ends the file.
func encryptTo(w io.Writer, to []string) (io.WriteCloser, error) {
	recipients, err := parseRecipients(to)
	if err != nil {
		return nil, err
	}
	out, err := age.Encrypt(w, recipients...)
	if err != nil {
		return nil, fmt.Errorf("encrypting backup (post-quantum and other recipients cannot be mixed): %w", err)
	}
	return out, nil
}

// Identities open backups. They print as [redacted].
type Identities struct{ all []age.Identity }

// String keeps the keys out of logs.
func (Identities) String() string { return "[redacted]" }

// GoString keeps the keys out of logs.
func (Identities) GoString() string { return "[redacted]" }

// OpenIdentities reads an identity file as age-keygen writes it: lines AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1….
// A file that others can read is refused.
func OpenIdentities(path string) (Identities, error) {
	f, err := os.Open(path)
	if err != nil {
		return Identities{}, fmt.Errorf("opening the identity file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Identities{}, fmt.Errorf("opening the identity file: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return Identities{}, fmt.Errorf("the identity file can be read by others (mode %04o): run chmod 600 on it", info.Mode().Perm())
	}
	all, err := age.ParseIdentities(io.LimitReader(f, maxIdentities))
	if err != nil || len(all) == 0 {
		return Identities{}, errors.New("the identity file holds no age identity: it should be the file that age-keygen wrote")
	}
	return Identities{all}, nil
}

// decrypt opens the encryption of a backup.
func (i Identities) decrypt(r io.Reader) (io.Reader, error) {
	plain, err := age.Decrypt(r, i.all...)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return nil, errors.New("the backup is not for this identity: use the identity file of one of its recipients")
	}
	if err != nil {
		return nil, errors.New("this is not a backup, or its beginning is damaged: use another copy of it")
	}
	return plain, nil
}
